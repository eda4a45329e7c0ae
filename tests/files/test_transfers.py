"""Many transfers of one client: which run, which wait, and what their user may do about them."""

from __future__ import annotations

from random import Random

import pytest

from tests.files.shop import act, connection, finish, get, listing, open_shop, put, upload
from tests.world import End, World, client
from udpchat.config import KIB, MILLISECOND, PARALLEL_TRANSFERS, SECOND, Config
from udpchat.errors import ErrorCode, RefusedError
from udpchat.files.events import (
    Downloaded,
    Phase,
    Progress,
    TransferFailed,
    TransferResting,
    TransfersAdopted,
    Uploaded,
)
from udpchat.files.local_ports import Direction, Wish
from udpchat.sim.link import LinkSpec
from udpchat.wire.numbers import Priority

SLOW = LinkSpec(rate=250_000, delay=5 * MILLISECOND)
SIZE = 200 * KIB


def begin(world: World, end: End, count: int, size: int = SIZE) -> list[int]:
    """So many uploads; their request ids."""
    random = Random("content")
    sizes = [size // 2, *[size] * (count - 1)]  # the first is done before the others
    return [upload(world, end, random.randbytes(each), f"{number}.bin") for number, each in enumerate(sizes)]


def settle(world: World, milliseconds: int = 100) -> None:
    world.network.run_for(milliseconds * MILLISECOND)


def progress(end: End, request_id: int) -> Progress:
    found = client(end).files.progress_of(request_id)
    assert found is not None
    return found


def phases(end: End) -> list[Phase]:
    return [each.phase for each in client(end).files.progress()]


def all_done(end: End, *request_ids: int) -> bool:
    return {event.request_id for event in (*end.told(Uploaded), *end.told(Downloaded))} >= set(request_ids)


# -- the queue ---------------------------------------------------------------------------------------------------------


def test_so_many_transfers_run_at_once_and_the_others_follow_in_order() -> None:
    world, (anna,) = open_shop("anna", link=SLOW)
    asked = begin(world, anna, PARALLEL_TRANSFERS + 3)
    settle(world)
    assert phases(anna) == [Phase.RUNNING] * PARALLEL_TRANSFERS + [Phase.QUEUED] * 3
    assert [each.request_id for each in client(anna).files.progress()] == asked
    world.run_until(lambda: all_done(anna, *asked), 60)
    assert client(anna).files.progress() == []
    ends = [event.request_id for event in anna.told(Uploaded)]
    assert ends[0] == asked[0]


def test_downloads_wait_for_downloads_only() -> None:
    world, (anna, ben) = open_shop("anna", "ben", link=SLOW)
    put(world, ben, bytes(SIZE), "other.bin")
    begin(world, anna, PARALLEL_TRANSFERS + 1)
    wanted = act(world, lambda: client(anna).files.get("other.bin"))
    settle(world)
    assert progress(anna, wanted).phase is Phase.RUNNING
    assert isinstance(finish(world, anna, wanted), Downloaded)


def test_a_higher_priority_goes_before_what_was_asked_for_earlier() -> None:
    world, (anna,) = open_shop("anna", link=SLOW)
    asked = begin(world, anna, PARALLEL_TRANSFERS + 2)
    anna.store.local["urgent.bin"] = bytes(SIZE)
    urgent = act(world, lambda: client(anna).files.put("urgent.bin", priority=Priority.HIGH))
    world.run_until(lambda: bool(anna.told(Uploaded)), 60)
    settle(world, 50)
    assert progress(anna, urgent).phase is Phase.RUNNING
    assert progress(anna, asked[-1]).phase is Phase.QUEUED


def test_what_is_moved_first_is_the_next_to_run() -> None:
    world, (anna,) = open_shop("anna", link=SLOW)
    asked = begin(world, anna, PARALLEL_TRANSFERS + 2)
    settle(world)
    last = progress(anna, asked[-1]).transfer.number
    world.do(lambda: client(anna).files.wishes.move_first(last))
    world.run_until(lambda: bool(anna.told(Uploaded)), 60)
    settle(world, 50)
    assert progress(anna, asked[-1]).phase is Phase.RUNNING
    assert progress(anna, asked[-2]).phase is Phase.QUEUED


def test_those_that_wait_keep_no_file_open() -> None:
    world, (anna,) = open_shop("anna", link=SLOW)
    asked = begin(world, anna, PARALLEL_TRANSFERS + 1)
    settle(world)
    anna.store.local[f"{PARALLEL_TRANSFERS}.bin"] = b"another content"  # noticed when its turn comes, and it is opened
    event = finish(world, anna, asked[-1])
    assert isinstance(event, TransferFailed)
    assert event.code == ErrorCode.SOURCE_CHANGED


def test_the_same_file_is_not_sent_twice_at_once() -> None:
    world, (anna,) = open_shop("anna", link=SLOW)
    first, second = upload(world, anna, bytes(SIZE)), upload(world, anna, bytes(SIZE))
    event = finish(world, anna, second)
    assert isinstance(event, TransferFailed)
    assert event.code == ErrorCode.TOO_MANY_TRANSFERS
    assert "transfer 1" in event.text
    assert isinstance(finish(world, anna, first), Uploaded)
    assert len(listing(world, anna)) == 1


def test_a_transfer_that_is_done_leaves_its_number_to_others() -> None:
    world, (anna,) = open_shop("anna")
    put(world, anna, b"one", "one")
    again = upload(world, anna, b"two", "two")
    settle(world, 5)
    assert progress(anna, again).transfer.number == 1


# -- pause, resume, cancel ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", list(Direction))
def test_a_transfer_that_is_paused_rests_until_it_is_resumed_and_loses_nothing(direction: Direction) -> None:
    world, (anna, ben) = open_shop("anna", "ben", link=SLOW)
    data = Random(1).randbytes(SIZE)
    if direction is Direction.DOWNLOAD:
        put(world, ben, data)
        request_id = act(world, lambda: client(anna).files.get("a.bin"))
    else:
        request_id = upload(world, anna, data)
    settle(world, 400)
    number = progress(anna, request_id).transfer.number
    world.do(lambda: client(anna).files.wishes.pause(number))
    settle(world, 200)
    rested = progress(anna, request_id)
    assert rested.phase is Phase.PAUSED
    assert SIZE / 4 < rested.done < SIZE
    assert [event.request_id for event in anna.told(TransferResting)] == [request_id]
    settle(world, 5_000)
    assert progress(anna, request_id) == rested
    world.do(lambda: client(anna).files.wishes.resume(number))
    done = finish(world, anna, request_id)
    assert isinstance(done, Uploaded | Downloaded)
    assert done.resumed >= rested.done - 64 * KIB


def test_a_pause_makes_room_for_who_waits() -> None:
    world, (anna,) = open_shop("anna", link=SLOW)
    asked = begin(world, anna, PARALLEL_TRANSFERS + 1)
    settle(world)
    world.do(lambda: client(anna).files.wishes.pause(progress(anna, asked[0]).transfer.number))
    settle(world)
    assert progress(anna, asked[-1]).phase is Phase.RUNNING


@pytest.mark.parametrize("milliseconds", [0, 3, 12, 30, 60, 200, 500])
@pytest.mark.parametrize("direction", list(Direction))
def test_a_cancelled_transfer_leaves_nothing_at_either_end(direction: Direction, milliseconds: int) -> None:
    world, (anna, ben) = open_shop("anna", "ben", link=SLOW)
    if direction is Direction.DOWNLOAD:
        put(world, ben, bytes(SIZE))
        request_id = act(world, lambda: client(anna).files.get("a.bin"))
    else:
        request_id = upload(world, anna, bytes(SIZE))
    world.run_until(lambda: client(anna).files.progress_of(request_id) is not None)
    settle(world, milliseconds)
    number = progress(anna, request_id).transfer.number
    world.do(lambda: client(anna).files.wishes.cancel(number))
    event = finish(world, anna, request_id)
    assert isinstance(event, TransferFailed)
    assert event.code == ErrorCode.CANCELLED
    settle(world, 2_000)
    assert len(listing(world, anna)) == (1 if direction is Direction.DOWNLOAD else 0)
    assert client(anna).files.progress() == []
    assert adopt(world, anna).transfers == ()


def test_a_cancelled_upload_is_removed_from_the_server_when_the_connection_is_back() -> None:
    world, (ben,) = open_shop("ben", link=SLOW)
    anna = world.add_client("anna", patience=None)
    world.join(anna)
    request_id = upload(world, anna, bytes(SIZE))
    settle(world, 400)
    store = world.crash_server()
    world.server = world.start_server(store)
    world.run_until(lambda: phases(anna) == [Phase.WAITING], 60)
    number = progress(anna, request_id).transfer.number
    world.do(lambda: client(anna).files.wishes.cancel(number))
    assert isinstance(finish(world, anna, request_id), TransferFailed)
    world.run_until(lambda: client(anna).chat.me.is_in, 60)
    settle(world, 1_000)
    back = world.add_client("carl")
    world.join(back)
    assert listing(world, back) == ()
    assert ben.told(TransferFailed) == []


@pytest.mark.parametrize("verb", ["pause", "resume", "cancel", "move_first"])
def test_a_number_that_is_none_is_refused(verb: str) -> None:
    _, (anna,) = open_shop("anna")
    for number in (0, 1, -1):
        with pytest.raises(RefusedError, match="no transfer") as refused:
            getattr(client(anna).files.wishes, verb)(number)
        assert refused.value.code == ErrorCode.UNKNOWN_TRANSFER


# -- rates -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", list(Direction))
def test_a_transfer_keeps_to_its_rate(direction: Direction) -> None:
    world, (anna,) = open_shop("anna")
    rate, size = 100_000, 500_000
    if direction is Direction.DOWNLOAD:
        put(world, anna, bytes(size))
        request_id = act(world, lambda: client(anna).files.get("a.bin", rate=rate))
    else:
        anna.store.local["a.bin"] = bytes(size)
        request_id = act(world, lambda: client(anna).files.put("a.bin", rate=rate))
    done = finish(world, anna, request_id)
    assert isinstance(done, Uploaded | Downloaded)
    assert 0.85 * size <= rate * (done.finished - done.started) / SECOND <= 1.1 * size


def test_a_rate_that_is_changed_holds_at_once() -> None:
    world, (anna,) = open_shop("anna")
    anna.store.local["a.bin"] = bytes(2_000_000)
    request_id = act(world, lambda: client(anna).files.put("a.bin", rate=50_000))
    settle(world, 1_000)
    world.do(lambda: client(anna).files.wishes.set_rate(progress(anna, request_id).transfer.number, 0))
    done = finish(world, anna, request_id)
    assert isinstance(done, Uploaded)
    assert done.finished - done.started < 2 * SECOND


# -- other programs of the same user -----------------------------------------------------------------------------------


def adopt(world: World, end: End) -> TransfersAdopted:
    request_id = act(world, client(end).files.wishes.adopt)
    world.run_until(lambda: any(event.request_id == request_id for event in end.told(TransfersAdopted)))
    (event,) = (event for event in end.told(TransfersAdopted) if event.request_id == request_id)
    assert isinstance(event, TransfersAdopted)
    return event


@pytest.mark.parametrize("wish", [Wish.PAUSE, Wish.CANCEL])
def test_what_another_program_wishes_is_done_within_a_second(wish: Wish) -> None:
    world, (anna,) = open_shop("anna", link=SLOW)
    request_id = upload(world, anna, bytes(4 * SIZE))
    settle(world, 500)
    number = progress(anna, request_id).transfer.number
    anna.store.transfers.steer(number, wish=wish)
    settle(world, 1_100)
    if wish is Wish.CANCEL:
        assert isinstance(finish(world, anna, request_id, 0.1), TransferFailed)
        return
    assert progress(anna, request_id).phase is Phase.PAUSED
    anna.store.transfers.steer(number, wish=Wish.RUN)
    assert isinstance(finish(world, anna, request_id), Uploaded)


def test_a_rate_that_another_program_sets_holds() -> None:
    world, (anna,) = open_shop("anna", link=SLOW)
    request_id = upload(world, anna, bytes(4 * SIZE))
    settle(world, 500)
    anna.store.transfers.steer(progress(anna, request_id).transfer.number, rate=20_000)
    settle(world, 1_500)
    before = progress(anna, request_id).done
    settle(world, 5_000)
    assert 80_000 < progress(anna, request_id).done - before < 130_000


def test_transfers_of_an_earlier_run_go_on_by_themselves_and_say_how_they_ended() -> None:
    world, (ben,) = open_shop("ben", link=SLOW, config=Config(transfer_credit=32 * KIB, sync_interval=8 * KIB))
    key = world.random.randbytes(32)
    anna = world.add_client("anna", identity=key)
    world.join(anna)
    put(world, ben, Random(2).randbytes(SIZE), "theirs.bin")
    upload(world, anna, Random(1).randbytes(SIZE), "ours.bin")
    act(world, lambda: client(anna).files.get("theirs.bin"))
    settle(world, 600)
    world.network.remove(anna.address)
    anna.disk.crash()
    anna.store.crash()
    again = world.add_client("anna", identity=key, store=anna.store)
    world.join(again)
    adopted = adopt(world, again).transfers
    assert {each.file_name for each in adopted} == {"ours.bin", "theirs.bin"}
    world.run_until(lambda: bool(again.told(Uploaded) and again.told(Downloaded)), 60)
    for done in (*again.told(Uploaded), *again.told(Downloaded)):
        assert done.request_id == 0
        assert done.resumed > 0
    assert adopt(world, again).transfers == ()


def test_an_adopted_transfer_can_be_waited_for() -> None:
    world, (anna,) = open_shop("anna", link=SLOW)
    upload(world, anna, bytes(SIZE))
    settle(world, 300)
    connection(anna).abandon(ErrorCode.IDLE_TIMEOUT, "gone", remote=False)
    world.network.remove(anna.address)
    anna.disk.crash()
    key = world.random.randbytes(32)
    again = world.add_client("anna2", identity=key, store=anna.store)
    world.join(again)
    (adopted,) = adopt(world, again).transfers
    request_id = act(world, lambda: client(again).files.put("a.bin"))
    settle(world, 5)
    assert progress(again, request_id).transfer.number == adopted.number


def test_a_paused_transfer_is_adopted_and_goes_on_only_when_asked() -> None:
    world, (anna,) = open_shop("anna", link=SLOW)
    key = world.random.randbytes(32)
    end = world.add_client("ben", identity=key)
    world.join(end)
    request_id = upload(world, end, bytes(SIZE))
    settle(world, 300)
    world.do(lambda: client(end).files.wishes.pause(progress(end, request_id).transfer.number))
    settle(world)
    world.network.remove(end.address)
    end.disk.crash()
    again = world.add_client("ben", identity=key, store=end.store)
    world.join(again)
    (adopted,) = adopt(world, again).transfers
    assert adopted.wish is Wish.PAUSE
    settle(world, 3_000)
    assert phases(again) == [Phase.PAUSED]
    world.do(lambda: client(again).files.wishes.resume(adopted.number))
    world.run_until(lambda: bool(again.told(Uploaded)), 60)
    assert get(world, anna).md5_stored == again.told(Uploaded)[0].md5_stored


def test_without_encryption_a_server_is_known_by_its_address() -> None:
    world, _ = open_shop(
        "ben", link=SLOW, config=Config(plaintext=True, transfer_credit=32 * KIB, sync_interval=8 * KIB)
    )
    anna = world.add_client("anna", patience=None)
    world.join(anna)
    request_id = upload(world, anna, bytes(SIZE))
    settle(world, 500)
    store = world.crash_server()
    world.server = world.start_server(store)
    done = finish(world, anna, request_id)
    assert isinstance(done, Uploaded)
    assert done.resumed > 0


def test_what_was_meant_for_one_server_does_not_go_to_another() -> None:
    world, (anna,) = open_shop("anna", link=SLOW)
    upload(world, anna, bytes(SIZE), "secret.bin")
    settle(world, 300)
    elsewhere, _ = open_shop("ben", seed=2)
    again = elsewhere.add_client("anna", store=anna.store)
    elsewhere.join(again)
    assert adopt(elsewhere, again).transfers == ()
    assert not listing(elsewhere, again)

"""A server that has no room, or does not answer: a client tries again by itself, and holds nothing else up."""

from __future__ import annotations

import pytest

from tests.files.shop import act, finish, is_done, put, upload
from tests.files.test_strange_servers import SLOW, StrangeWorld, strange_shop
from tests.world import End, client
from udpchat.config import PARALLEL_TRANSFERS, SECOND
from udpchat.errors import ErrorCode, RefusedError
from udpchat.files.events import Downloaded, Phase, TransferFailed, TransferResting, Uploaded
from udpchat.wire.records import DeleteFile, Fetch, Open, Refused

FULL = Refused(ErrorCode.TOO_MANY_TRANSFERS, "too many files arrive at once")


def full_shop(kind: type) -> tuple[StrangeWorld, End]:
    """A server that has no room for what is asked of it with these records."""
    world, anna = strange_shop()
    put(world, anna, b"there before", "old.bin")
    world.strange.answer(kind, (FULL,))
    return world, anna


def number_of(end: End, request_id: int) -> int:
    found = client(end).files.progress_of(request_id)
    assert found is not None
    return found.transfer.number


@pytest.mark.parametrize("kind", [Open, Fetch])
def test_a_transfer_that_there_is_no_room_for_waits_and_is_tried_again_until_there_is(kind: type) -> None:
    world, anna = full_shop(kind)
    if kind is Open:
        request_id = upload(world, anna, bytes(1_000))
    else:
        request_id = act(world, lambda: client(anna).files.get("old.bin"))
    world.network.run_for(20 * SECOND)
    assert not is_done(anna, request_id)
    assert [each.phase for each in client(anna).files.progress()] == [Phase.WAITING]
    assert not client(anna).files.is_busy
    assert world.strange.heard == 3, "after three seconds, and after six more"
    (resting,) = anna.told(TransferResting)
    assert (resting.request_id, resting.text, resting.is_tried_again) == (request_id, FULL.text, True)
    world.strange.answer(type(None))
    assert isinstance(finish(world, anna, request_id, 13), Uploaded if kind is Open else Downloaded)
    assert anna.told(TransferFailed) == []


def test_many_that_wait_are_tried_a_few_at_a_time_and_others_go_on() -> None:
    world, anna = full_shop(Open)
    asked = [upload(world, anna, bytes(100 + number), f"{number}.bin") for number in range(5 * PARALLEL_TRANSFERS)]
    world.network.run_for(SECOND)
    heard = world.strange.heard
    assert heard == len(asked), "each once"
    assert isinstance(finish(world, anna, act(world, lambda: client(anna).files.get("old.bin"))), Downloaded)
    world.network.run_for(6 * SECOND)
    assert world.strange.heard <= heard + 3 * PARALLEL_TRANSFERS
    world.strange.answer(type(None))
    for request_id in asked:
        assert isinstance(finish(world, anna, request_id), Uploaded)


def test_one_that_waits_for_room_can_be_given_up_paused_and_tried_at_once() -> None:
    world, anna = full_shop(Open)
    first, second, third = (upload(world, anna, bytes(100 + number), f"{number}.bin") for number in range(3))
    world.network.run_for(200_000)
    numbers = [number_of(anna, request_id) for request_id in (first, second, third)]
    wishes = client(anna).files.wishes
    world.do(lambda: wishes.cancel(numbers[0]))
    world.do(lambda: wishes.pause(numbers[1]))
    event = finish(world, anna, first)
    assert isinstance(event, TransferFailed)
    assert event.code == ErrorCode.CANCELLED
    world.strange.answer(type(None))
    start = world.network.now
    world.do(lambda: wishes.resume(numbers[2]))
    assert isinstance(finish(world, anna, third), Uploaded)
    assert world.network.now - start < SECOND
    world.network.run_for(10 * SECOND)
    assert not is_done(anna, second)
    with pytest.raises(RefusedError):
        wishes.resume(numbers[0])


def test_what_is_left_of_some_transfers_and_never_answered_for_holds_nothing_back_of_others() -> None:
    world, anna = strange_shop(SLOW)
    world.strange.answer(DeleteFile, ())
    for count in range(6):
        request_id = upload(world, anna, bytes(200_000 + count), f"{count}.bin")
        world.network.run_for(100_000)
        number = number_of(anna, request_id)
        world.do(lambda number=number: client(anna).files.wishes.cancel(number))  # type: ignore[misc]
        finish(world, anna, request_id)
    world.network.run_for(10 * SECOND)
    assert world.strange.heard == 4
    world.network.run_for(60 * SECOND)
    assert world.strange.heard == 6
    world.network.run_for(300 * SECOND)
    assert world.strange.heard == 6, "each once on this connection"

"""Transfers that are paused or given up at awkward times: before they are answered, many at once, over and over."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.files.shop import act, finish, is_done, listing, open_shop, put, upload
from tests.world import SERVER, End, World, client
from udpchat.config import KIB, MILLISECOND, Config
from udpchat.errors import ErrorCode
from udpchat.files.events import Downloaded, Phase, TransferFailed, TransfersAdopted, Uploaded
from udpchat.protocol.datagrams import Address
from udpchat.sim.disk import DiskSpec
from udpchat.sim.link import LinkSpec
from udpchat.sim.trace import Happening

SLOW = LinkSpec(rate=250_000, delay=5 * MILLISECOND)
SLOW_DISK = DiskSpec(delay=40 * MILLISECOND)
SIZE = 200 * KIB
PLACES = Config().max_transfers  # that a server has for the uploads of a connection, and for its downloads


def settle(world: World, milliseconds: int = 100) -> None:
    world.network.run_for(milliseconds * MILLISECOND)


def number_of(world: World, end: End, request_id: int) -> int:
    """Its number, as soon as it is written down."""
    world.run_until(lambda: client(end).files.progress_of(request_id) is not None)
    found = client(end).files.progress_of(request_id)
    assert found is not None
    return found.transfer.number


def wish(world: World, end: End, verb: str, number: int) -> None:
    """Pause, resume or cancel it now."""
    world.do(lambda: getattr(client(end).files.wishes, verb)(number))


def begin_get(world: World, end: End, folder: str) -> int:
    return act(world, lambda: client(end).files.get("a.bin", folder))


def adopt(world: World, end: End) -> TransfersAdopted:
    request_id = act(world, client(end).files.wishes.adopt)
    world.run_until(lambda: any(event.request_id == request_id for event in end.told(TransfersAdopted)))
    event: TransfersAdopted = end.told(TransfersAdopted)[-1]
    return event


@pytest.mark.parametrize("is_paused_first", [False, True])
@pytest.mark.parametrize("milliseconds", [0, 2, 20, 40, 60, 100])
def test_an_upload_that_is_cancelled_before_it_is_opened_leaves_nothing_at_the_server(
    milliseconds: int, is_paused_first: bool
) -> None:
    world, (anna, ben) = open_shop("anna", "ben", link=SLOW)
    world.server.disk.spec = SLOW_DISK
    upload(world, ben, bytes(SIZE), "ben.bin")  # whose bytes keep the disk busy
    request_id = upload(world, anna, bytes(SIZE), "anna.bin")
    number = number_of(world, anna, request_id)
    settle(world, milliseconds)
    if is_paused_first:
        wish(world, anna, "pause", number)
    wish(world, anna, "cancel", number)
    event = finish(world, anna, request_id)
    assert isinstance(event, TransferFailed)
    assert event.code == ErrorCode.CANCELLED
    settle(world, 5_000)
    assert [file.file_name for file in listing(world, anna)] == ["ben.bin"]
    assert not client(anna).files.is_settling
    assert adopt(world, anna).transfers == ()


@pytest.mark.parametrize("verb", ["pause", "cancel"])
def test_downloads_that_end_before_they_are_offered_leave_their_places_to_others(verb: str) -> None:
    world, (anna, ben) = open_shop("anna", "ben", link=SLOW)
    put(world, ben, bytes(1_000))
    for each in range(PLACES + 1):
        number = number_of(world, anna, begin_get(world, anna, f"{each}"))
        wish(world, anna, verb, number)
        settle(world, 300)
    assert isinstance(finish(world, anna, begin_get(world, anna, "last")), Downloaded)


@pytest.mark.parametrize("milliseconds", [0, 300])
def test_uploads_that_rest_take_no_place_at_the_server(milliseconds: int) -> None:
    world, (anna,) = open_shop("anna", link=SLOW)
    numbers = []
    for each in range(PLACES + 1):
        numbers.append(number_of(world, anna, upload(world, anna, bytes(SIZE), f"{each}.bin")))
        settle(world, milliseconds)
        wish(world, anna, "pause", numbers[-1])
        settle(world, 200)
    assert {each.phase for each in client(anna).files.progress()} == {Phase.PAUSED}
    assert anna.told(TransferFailed) == []
    for number in numbers:
        wish(world, anna, "resume", number)
    world.run_until(lambda: len(anna.told(Uploaded)) == len(numbers), 120)


def test_an_upload_that_rests_before_it_is_opened_loses_nothing_of_what_was_there() -> None:
    world, (anna,) = open_shop("anna", link=SLOW)
    request_id = upload(world, anna, bytes(SIZE))
    number = number_of(world, anna, request_id)
    settle(world, 500)
    world.server.disk.spec = SLOW_DISK
    before = client(anna).files.progress()[0].done
    for verb in ("pause", "resume", "pause", "resume", "pause"):
        wish(world, anna, verb, number)
        settle(world, 15)
    settle(world, 1_000)
    wish(world, anna, "resume", number)
    done = finish(world, anna, request_id)
    assert isinstance(done, Uploaded)
    assert done.resumed >= before - 64 * KIB > 0


def test_many_uploads_that_are_given_up_at_once_are_removed_on_the_connection_that_stands() -> None:
    world, (anna,) = open_shop("anna", link=SLOW)
    numbers = []
    for each in range(3 * PLACES):
        numbers.append(number_of(world, anna, upload(world, anna, bytes(SIZE), f"{each}.bin")))
        settle(world, 100)
        wish(world, anna, "pause", numbers[-1])
    settle(world, 500)
    assert len(listing(world, anna)) == len(numbers)
    world.server.disk.spec = SLOW_DISK

    def cancel_all() -> None:
        for number in numbers:
            client(anna).files.wishes.cancel(number)

    world.do(cancel_all)
    world.run_until(lambda: not client(anna).files.progress() and not client(anna).files.is_settling, 30)
    assert listing(world, anna) == ()


@pytest.mark.parametrize("verb", ["pause", "cancel"])
def test_a_folder_that_ends_sends_no_more_of_its_index(verb: str) -> None:
    world, (anna,) = open_shop("anna", link=SLOW)
    index = {f"{number:05} {'x' * 200}": b"" for number in range(5_000)}
    anna.store.local["d"] = index | {"z": bytes(10 * SIZE)}
    request_id = act(world, lambda: client(anna).files.put("d"))
    number = number_of(world, anna, request_id)
    settle(world, 200)
    wish(world, anna, verb, number)
    settle(world, 1_000)  # what had been made by then leaves
    sent = count_bytes(world)
    settle(world, 10_000)
    assert sent() < 50 * KIB
    assert verb == "pause" or is_done(anna, request_id)


def count_bytes(world: World) -> Callable[[], int]:
    """How many go to the server from now on."""
    sizes: list[int] = []

    def on_datagram(happening: Happening, _now: int, _from: Address, destination: Address, data: bytes) -> None:
        if happening is Happening.SENT and destination == SERVER:
            sizes.append(len(data))

    world.network.tap(on_datagram)
    return lambda: sum(sizes)

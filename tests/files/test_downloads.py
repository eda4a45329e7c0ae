"""Downloads and the list: what is there arrives whole, what is not is refused."""

from __future__ import annotations

import hashlib

import pytest

from tests.chat.speaker import wait
from tests.files.shop import act, finish, listing, open_shop, put
from tests.files.trader import ID, NO_ID, fetch_record, market, md5_of, member_record
from tests.world import SERVER, client
from udpchat.chat.events import LineSaid
from udpchat.config import KIB, MAX_REPAIRS, MIB, MILLISECOND, SECOND
from udpchat.errors import ErrorCode
from udpchat.files.blocks import block_root
from udpchat.files.events import Downloaded, FileDelivered, FileList, TransferFailed
from udpchat.files.members import MemberInfo
from udpchat.files.ports import FileEntry
from udpchat.files.stored_ports import ListFiles
from udpchat.sim.disk import DiskSpec
from udpchat.sim.link import LinkSpec
from udpchat.wire.numbers import Priority
from udpchat.wire.records import Blocks, Cancel, Credit, Missing, Pace, Received, WantBlocks


@pytest.mark.parametrize("size", [0, 1, 1_148, 1_419, 1_420, 1_421, 200_000])
def test_files_of_any_size_come_back_as_they_went(size: int) -> None:
    world, (anna, ben) = open_shop("anna", "ben")
    data = world.random.randbytes(size)
    put(world, anna, data)
    event = finish(world, ben, act(world, lambda: client(ben).files.get("a.bin")))
    assert isinstance(event, Downloaded)
    assert event.md5_offered == event.md5_stored == md5_of(data)
    world.network.run_for(SECOND)
    assert [delivered.nick for delivered in world.server.told(FileDelivered)] == ["ben"]


# -- FETCH -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["nothing.bin", "", "../a.bin", "a.bin/", "x" * 10_000])
def test_an_unknown_file_is_refused(name: str) -> None:
    _, (anna,) = market("anna")
    anna.upload(b"x")
    assert anna.codes(fetch_record(name)) == [ErrorCode.UNKNOWN_FILE]


def test_an_unknown_file_id_is_refused() -> None:
    _, (anna,) = market("anna")
    assert anna.codes(fetch_record("", b"\xff" * 16)) == [ErrorCode.UNKNOWN_FILE]


def test_what_is_still_being_received_cannot_be_fetched() -> None:
    _, (anna, ben) = market("anna", "ben")
    anna.open(10_000, "late.bin")
    assert ben.codes(fetch_record("late.bin"), fetch_record("", ID)) == [ErrorCode.INCOMPLETE] * 2


def test_the_newest_of_a_name_is_fetched_and_any_by_its_id() -> None:
    _, (anna, ben) = market("anna", "ben")
    first, second = anna.upload(b"first"), anna.upload(b"second")
    assert ben.download("a.bin") == b"first"
    assert ben.download(second.file_name) == b"second"
    assert ben.download("", first.file_id) == b"first"


def test_what_is_present_is_not_sent_again() -> None:
    world, (anna, ben) = market("anna", "ben")
    data = world.random.randbytes(100_000)
    anna.upload(data)
    present = ((10_000, 40_000), (50_000, 90_000))
    offer = ben.fetch("a.bin", present=present)
    came = ben.take(offer, present=present)
    assert came == data[:10_000] + bytes(30_000) + data[40_000:50_000] + bytes(40_000) + data[90_000:]


@pytest.mark.parametrize("downloads", [15, 16, 17])
def test_downloads_at_once_are_capped(downloads: int) -> None:
    _, (anna,) = market("anna")
    anna.upload(b"x")
    codes = anna.codes(*[fetch_record("a.bin")] * downloads)
    assert codes == [0] * min(downloads, 16) + [ErrorCode.TOO_MANY_TRANSFERS] * (downloads - 16)


def test_a_flood_of_requests_while_the_disk_is_slow_is_capped() -> None:
    world, (anna,) = market("anna", disk=DiskSpec(delay=200 * MILLISECOND))
    requests = [anna.send(fetch_record("a.bin")) for _ in range(100)]
    wait(world, 0.09)
    codes = [answer.code for request in requests for answer in anna.answers(request)]
    assert codes == [ErrorCode.TOO_MANY_TRANSFERS] * 84


# -- what comes after it -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transfer_id", [0, 1, 2**31, 2**31 + 1, 2**32 - 1])
def test_records_about_transfers_that_are_not_there_are_ignored(transfer_id: int) -> None:
    _, (anna,) = market("anna")
    records = (
        Credit(transfer_id, 2**53 - 1),
        Cancel(transfer_id, 71, ""),
        Missing(transfer_id, ((0, 2**53 - 1),)),
        WantBlocks(transfer_id),
        Blocks(transfer_id, 0, bytes(32)),
        Pace(transfer_id, 1, Priority.HIGH),
        member_record(transfer_id, 0, MemberInfo("x", 1)),
    )
    for record in records:
        assert anna.ask(record) == []
    assert anna.upload(b"afterwards all is well").file_name == "a.bin"
    # Who has stored a file wants to know that it is written down.
    assert anna.codes(Received(transfer_id, NO_ID)) == [ErrorCode.UNKNOWN_TRANSFER]


def test_bytes_that_are_missing_after_all_are_sent_again() -> None:
    world, (anna, ben) = market("anna", "ben")
    data = world.random.randbytes(200_000)
    anna.upload(data)
    offer = ben.fetch("a.bin")
    assert ben.take(offer) == data
    damaged = ((1_000, 2_000), (150_000, 200_000))
    for start, stop in damaged:
        ben.received[offer.transfer_id][start:stop] = bytes(stop - start)
    transfer = ben.link.receiver.find(offer.transfer_id)
    assert transfer is not None
    transfer.reopen(damaged)
    ben.ask(Missing(offer.transfer_id, damaged))
    wait(world, 1)
    assert ben.received[offer.transfer_id] == data


@pytest.mark.parametrize("ranges", [((0, 2**53 - 1),), ((5_000, 5_001),), ((4_999, 9_000),), ()])
def test_missing_bytes_that_were_never_sent_do_no_harm(ranges: tuple[tuple[int, int], ...]) -> None:
    world, (anna, ben) = market("anna", "ben")
    anna.upload(b"x" * 5_000)
    offer = ben.fetch("a.bin")
    assert ben.ask(Missing(offer.transfer_id, ranges)) == []  # before a byte was sent
    assert ben.take(offer) == b"x" * 5_000
    ben.ask(Missing(offer.transfer_id, ranges))
    wait(world, 1)
    assert ben.closed is None
    assert ben.download("a.bin") == b"x" * 5_000


def test_the_hashes_of_all_blocks_come_when_they_are_asked_for() -> None:
    world, (anna, ben) = market("anna", "ben")
    data = world.random.randbytes(2 * MIB + 100)
    anna.upload(data)
    offer = ben.fetch("a.bin")
    ben.send(WantBlocks(offer.transfer_id))
    wait(world, 1)
    hashes = b"".join(record.hashes for record in ben.told(Blocks))
    blocks = data[:MIB], data[MIB : 2 * MIB], data[2 * MIB :]
    assert hashes == b"".join(hashlib.sha256(block).digest() for block in blocks)
    assert offer.root == block_root(len(data), hashes)


def test_a_stored_file_is_read_again_for_as_many_repairs_as_there_may_be_however_often_it_is_fetched() -> None:
    world, (anna, ben) = market("anna", "ben")
    for name in ("a.bin", "b.bin"):
        anna.upload(bytes(100), name)
    for _ in range(MAX_REPAIRS):
        offer = ben.fetch("a.bin")
        for _ in range(20):
            ben.send(WantBlocks(offer.transfer_id))  # one answer at a time
        wait(world, 0.5)
        ben.ask(Cancel(offer.transfer_id, ErrorCode.CANCELLED, ""))
    assert len(ben.told(Blocks)) == MAX_REPAIRS
    offer = ben.fetch("a.bin")
    ben.ask(WantBlocks(offer.transfer_id))
    assert ben.cancelled(offer.transfer_id) == [ErrorCode.DIGEST_MISMATCH]
    assert len(ben.told(Blocks)) == MAX_REPAIRS
    ben.ask(WantBlocks(ben.fetch("b.bin").transfer_id))
    assert len(ben.told(Blocks)) == MAX_REPAIRS + 1


def test_a_cancelled_download_ends_at_both_ends() -> None:
    world, (anna, ben) = market("anna", "ben")
    anna.upload(bytes(MIB))
    offer = ben.fetch("a.bin")
    ben.expect(offer)
    ben.send(Credit(offer.transfer_id, MIB))
    ben.send(Cancel(offer.transfer_id, ErrorCode.CANCELLED, "enough"))
    wait(world, 1)
    assert [event.code for event in world.server.told(TransferFailed)] == [ErrorCode.CANCELLED]
    quiet = world.network.link(SERVER, ben.address).counters.received_bytes
    wait(world, 5)
    assert world.network.link(SERVER, ben.address).counters.received_bytes < quiet + 2_000  # the chat goes on


def test_a_download_with_another_md5_is_no_delivery() -> None:
    world, (anna, ben) = market("anna", "ben")
    anna.upload(b"x" * 100)
    offer = ben.fetch("a.bin")
    ben.take(offer)
    ben.ask(Received(offer.transfer_id, bytes(16)))
    assert not world.server.told(FileDelivered)
    assert [event.code for event in world.server.told(TransferFailed)] == [ErrorCode.DIGEST_MISMATCH]
    assert anna.files()[0].verified == 0


@pytest.mark.parametrize("error", [0.1, 0.5, 1.0])
def test_a_failing_disk_of_the_client_never_gives_a_false_success(error: float) -> None:
    for seed in range(6):
        world, (anna, ben) = open_shop("anna", "ben", seed=seed)
        data = world.random.randbytes(100 * KIB)
        put(world, anna, data)
        ben.disk.spec = DiskSpec(delay=1_000, error=error)
        event = finish(world, ben, act(world, lambda: client(ben).files.get("a.bin")))  # noqa: B023
        if isinstance(event, Downloaded):
            assert event.md5_stored == md5_of(data)
        else:
            assert isinstance(event, TransferFailed)
            assert event.code == ErrorCode.STORAGE_FAILED


@pytest.mark.parametrize("error", [0.1, 0.5, 1.0])
def test_a_failing_disk_of_the_server_is_told(error: float) -> None:
    for seed in range(6):
        world, (anna, ben) = open_shop("anna", "ben", seed=seed)
        put(world, anna, world.random.randbytes(100 * KIB))
        world.server.disk.spec = DiskSpec(delay=1_000, error=error)
        event = finish(world, ben, act(world, lambda: client(ben).files.get("a.bin")))  # noqa: B023
        assert isinstance(event, Downloaded) or event.code == ErrorCode.STORAGE_FAILED  # type: ignore[union-attr]


# -- the list ----------------------------------------------------------------------------------------------------------


def test_a_list_larger_than_the_queue_arrives_whole_and_does_not_delay_chat() -> None:
    world, (anna, ben) = open_shop("anna", "ben", link=LinkSpec(rate=1_250_000, delay=5 * MILLISECOND))
    entries = tuple(
        FileEntry(
            number.to_bytes(16, "big"), f"file {number} " + "x" * 150, 1, NO_ID, 1, NO_ID * 2, "anna", room="lobby"
        )
        for number in range(25_000)
    )
    submit = world.server.store.submit
    world.server.disk = type(world.server.disk)(_Listing(submit, entries), world.network, DiskSpec(delay=0), "list")  # type: ignore[arg-type]
    request_id = act(world, client(anna).files.list_files)
    said: list[int] = []
    for _ in range(20):
        start = world.network.now
        world.do(lambda: client(ben).chat.say("quick"))
        count = len(anna.told(LineSaid))
        world.run_until(lambda count=count: len(anna.told(LineSaid)) > count, 5)  # type: ignore[misc]
        said.append(world.network.now - start)
        world.network.run_for(50 * MILLISECOND)
    world.run_until(lambda: bool(anna.told(FileList)), 60)
    (found,) = anna.told(FileList)
    assert (found.request_id, len(found.files)) == (request_id, 25_000)
    assert max(said) < 150 * MILLISECOND


class _Listing:
    """A store whose list is long."""

    def __init__(self, submit: object, entries: tuple[FileEntry, ...]) -> None:
        self._submit = submit
        self._entries = entries

    def submit(self, request: object) -> object:
        return self._entries if isinstance(request, ListFiles) else self._submit(request)  # type: ignore[operator]


def test_the_list_is_empty_when_nothing_is_there() -> None:
    world, (anna,) = open_shop("anna")
    assert listing(world, anna) == ()

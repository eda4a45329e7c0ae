"""Downloads and the list: what is there arrives whole, what is not is refused."""

from __future__ import annotations

import hashlib

import pytest

from tests.files.shop import Asker, act, connection, finish, listing, open_shop, put
from tests.world import SERVER, client
from udpchat.chat.events import LineSaid
from udpchat.config import KIB, MIB, MILLISECOND, SECOND
from udpchat.errors import ErrorCode
from udpchat.files.events import Downloaded, FileDelivered, FileList, TransferFailed
from udpchat.files.ports import FileEntry, ListFiles
from udpchat.sim.disk import DiskSpec
from udpchat.sim.link import LinkSpec
from udpchat.wire.records import Cancel, Credit, Fetch, Received

NOBODY = bytes(16)
SLOW = LinkSpec(rate=1_000_000, delay=5 * MILLISECOND)


@pytest.mark.parametrize("size", [0, 1, 1_148, 1_419, 1_420, 1_421, 200_000])
def test_files_of_any_size_come_back_as_they_went(size: int) -> None:
    world, (anna, ben) = open_shop("anna", "ben")
    data = world.random.randbytes(size)
    put(world, anna, data)
    event = finish(world, ben, act(world, lambda: client(ben).files.get("a.bin")))
    assert isinstance(event, Downloaded)
    assert event.md5_offered == event.md5_stored == hashlib.md5(data, usedforsecurity=False).digest()
    world.network.run_for(SECOND)
    assert [delivered.nick for delivered in world.server.told(FileDelivered)] == ["ben"]


@pytest.mark.parametrize("name", ["nothing.bin", "", "../a.bin", "a.bin/", "x" * 10_000])
def test_an_unknown_file_is_refused(name: str) -> None:
    world, (anna,) = open_shop("anna")
    put(world, anna, b"x")
    event = finish(world, anna, act(world, lambda: client(anna).files.get(name)))
    assert isinstance(event, TransferFailed)
    assert event.code == ErrorCode.UNKNOWN_FILE


def test_an_unknown_file_id_is_refused() -> None:
    world, (anna,) = open_shop("anna")
    assert Asker(world, anna).send(Fetch(b"\xff" * 16, "", ())) == [ErrorCode.UNKNOWN_FILE]


@pytest.mark.parametrize("downloads", [15, 16, 17])
def test_downloads_at_once_are_capped(downloads: int) -> None:
    world, (anna,) = open_shop("anna")
    put(world, anna, b"x")
    asker = Asker(world, anna)
    refused = [asker.send(Fetch(NOBODY, "a.bin", ())) for _ in range(downloads)]
    assert refused == [[]] * min(downloads, 16) + [[ErrorCode.TOO_MANY_TRANSFERS]] * (downloads - 16)


def test_a_flood_of_requests_while_the_disk_is_slow_is_capped() -> None:
    world, (anna,) = open_shop("anna", disk=DiskSpec(delay=200 * MILLISECOND))
    codes: list[int] = []
    requests = client(anna).chat.requests
    for _ in range(100):
        number = requests.start(lambda _id, code, _text: codes.append(code))
        world.do(lambda number=number: connection(anna).send_record(Fetch(NOBODY, "a.bin", ()), number))  # type: ignore[misc]
    world.network.run_for(100 * MILLISECOND)
    assert codes == [ErrorCode.TOO_MANY_TRANSFERS] * 84


def test_records_about_transfers_that_are_not_there_are_ignored() -> None:
    world, (anna,) = open_shop("anna")
    asker = Asker(world, anna)
    for transfer_id in (0, 1, 2**31, 2**31 + 1, 2**32 - 1):
        for record in (Credit(transfer_id, 2**53 - 1), Received(transfer_id, NOBODY), Cancel(transfer_id, 71, "")):
            assert asker.send(record) == []
    assert put(world, anna, b"afterwards all is well").size == 22


@pytest.mark.parametrize("by_server", [False, True])
def test_a_cancelled_download_ends_at_both_ends(by_server: bool) -> None:
    world, (anna,) = open_shop("anna", link=SLOW)
    put(world, anna, bytes(1 * MIB))
    request_id = act(world, lambda: client(anna).files.get("a.bin"))
    world.network.run_for(300 * MILLISECOND)
    if by_server:
        session = next(iter(world.server.core.desk.members))  # type: ignore[union-attr]
        transfer = 2**31 + 1
        world.do(lambda: world.server.core.desk.send(session.connection_id, Cancel(transfer, 70, "no")))  # type: ignore[union-attr]
    else:
        world.do(lambda: client(anna).files.cancel(request_id))
    event = finish(world, anna, request_id)
    assert isinstance(event, TransferFailed)
    assert event.code == (70 if by_server else ErrorCode.CANCELLED)
    if not by_server:
        world.network.run_for(3 * SECOND)  # what the chat has to say about the file is over, too
        quiet = world.network.link(SERVER, anna.address).counters.received_bytes
        world.network.run_for(5 * SECOND)
        assert world.network.link(SERVER, anna.address).counters.received_bytes == quiet
        event = finish(world, anna, act(world, lambda: client(anna).files.get("a.bin")))
        assert isinstance(event, Downloaded)


def test_a_download_ends_with_words_when_the_connection_is_lost() -> None:
    world, (anna,) = open_shop("anna", link=SLOW)
    put(world, anna, bytes(1 * MIB))
    request_id = act(world, lambda: client(anna).files.get("a.bin"))
    world.network.run_for(300 * MILLISECOND)
    world.network.connect(anna.address, SERVER, LinkSpec(delay=1, loss=1.0))
    event = finish(world, anna, request_id, 70)
    assert isinstance(event, TransferFailed)
    assert event.text


@pytest.mark.parametrize("error", [0.1, 0.5, 1.0])
def test_a_failing_disk_of_the_client_never_gives_a_false_success(error: float) -> None:
    for seed in range(6):
        world, (anna, ben) = open_shop("anna", "ben", seed=seed)
        data = world.random.randbytes(100 * KIB)
        put(world, anna, data)
        ben.disk.spec = DiskSpec(delay=1_000, error=error)
        event = finish(world, ben, act(world, lambda: client(ben).files.get("a.bin")))  # noqa: B023
        if isinstance(event, Downloaded):
            assert event.md5_stored == hashlib.md5(data, usedforsecurity=False).digest()
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


def test_a_list_larger_than_the_queue_arrives_whole_and_does_not_delay_chat() -> None:
    world, (anna, ben) = open_shop("anna", "ben", link=LinkSpec(rate=1_250_000, delay=5 * MILLISECOND))
    entries = tuple(
        FileEntry(number.to_bytes(16, "big"), f"file {number} " + "x" * 150, 1, NOBODY, 1, NOBODY * 2, "anna")
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

"""Files and folders between real sockets and disks: what a program does with transfers, and what it sees of them."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from tests.net.goods import fingerprint, make_tree
from tests.net.party import Party, content, until
from udpchat.chat.events import Reconnecting
from udpchat.config import MIB, Config
from udpchat.errors import ConnectionLostError, ErrorCode, RefusedError, StorageError
from udpchat.files.events import Downloaded, FileMarked, Phase, Progress, TransferResting, Uploaded
from udpchat.files.local_ports import Wish
from udpchat.net.client import Client
from udpchat.net.server import Server
from udpchat.store.transfers import TransferBook
from udpchat.wire.numbers import FileFlag, FileState

CONFIG = Config(transfer_credit=MIB, sync_interval=MIB // 4)
SIZE = 3 * MIB
RATE = 4 * MIB  # so that there is time to interrupt


async def running(client: Client, done: int = SIZE // 3) -> Progress:
    """The only transfer, once so much of it has arrived."""
    while True:
        found = client.transfers()
        if found and found[0].done >= done:
            return found[0]
        await asyncio.sleep(0.005)


async def eventually(is_true: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something that nobody tells."""
    while not await is_true():  # noqa: ASYNC110
        await asyncio.sleep(0.005)


async def has_files(client: Client, count: int) -> bool:
    return len(await client.files()) == count


async def is_empty(book: TransferBook) -> bool:
    return book.list() == ()


def changed_at(path: Path | str) -> int:
    """Time of the last change [ns since 1970]."""
    return os.stat(path).st_mtime_ns


async def restart(party: Party, server: Server) -> Server:
    port = server.address[1]
    await party.end(server)
    return await party.serve(CONFIG, port=port)


@pytest.mark.parametrize("verb", ["put", "get"])
async def test_a_transfer_waits_for_a_server_that_is_restarted_and_goes_on(party: Party, verb: str) -> None:
    server = await party.serve(CONFIG)
    anna = await party.join(server, "anna", CONFIG, reconnect=None)
    path = party.file("a.bin", Random(1).randbytes(SIZE))
    if verb == "get":
        await anna.put(path)
    work: asyncio.Task[Uploaded | Downloaded] = asyncio.create_task(
        anna.put(path, rate=RATE) if verb == "put" else anna.get("a.bin", rate=RATE)
    )
    await running(anna)
    await restart(party, server)
    done = await work
    assert SIZE // 4 < done.resumed < SIZE
    if isinstance(done, Uploaded):
        done = await anna.get("a.bin")
    assert content(done.path) == path.read_bytes()
    assert anna.transfers() == []


async def test_what_is_asked_for_while_the_server_is_away_begins_when_it_is_back(party: Party) -> None:
    server = await party.serve(CONFIG)
    anna = await party.join(server, "anna", CONFIG, reconnect=None)
    path, port = party.file("a.bin", b"content"), server.address[1]
    await party.end(server)
    told = anna.events()
    await until(told, Reconnecting)
    work = asyncio.create_task(anna.put(path))
    await running(anna, 0)
    assert anna.transfers()[0].phase in (Phase.CHECKING, Phase.WAITING)
    await party.serve(CONFIG, port=port)
    assert (await work).size == 7


@pytest.mark.parametrize("verb", ["put", "get"])
async def test_a_client_that_is_closed_on_the_way_goes_on_in_its_next_run(party: Party, verb: str) -> None:
    server = await party.serve(CONFIG)
    anna = await party.join(server, "anna", CONFIG)
    path = party.file("a.bin", Random(1).randbytes(SIZE))
    if verb == "get":
        await anna.put(path)
    work: asyncio.Task[Uploaded | Downloaded] = asyncio.create_task(
        anna.put(path, rate=RATE) if verb == "put" else anna.get("a.bin", rate=RATE)
    )
    await running(anna)
    await party.end(anna)
    with pytest.raises(ConnectionLostError):
        await work
    again = await party.join(server, "anna", CONFIG)
    (adopted,) = await again.adopt_transfers()
    assert (adopted.file_name, adopted.size, adopted.rate) == ("a.bin", SIZE, RATE)
    again.set_rate(adopted.number, 0)
    told = again.events()
    done = await until(told, Uploaded) if verb == "put" else await until(told, Downloaded)
    assert done.request_id == 0
    assert SIZE // 4 < done.resumed < SIZE
    assert await again.adopt_transfers() == ()


async def test_the_same_command_once_more_goes_on_where_the_last_one_ended(party: Party) -> None:
    server = await party.serve(CONFIG)
    path = party.file("a.bin", Random(1).randbytes(SIZE))
    anna = await party.join(server, "anna", CONFIG)
    work = asyncio.create_task(anna.put(path, rate=RATE))
    await running(anna)
    await party.end(anna)
    with pytest.raises(ConnectionLostError):
        await work
    again = await party.join(server, "anna", CONFIG)
    assert (await again.put(path)).resumed > SIZE // 4


async def test_a_source_that_changed_between_two_runs_is_sent_anew_and_its_old_part_is_removed(
    party: Party,
) -> None:
    server = await party.serve(CONFIG)
    path = party.file("a.bin", Random(1).randbytes(SIZE))
    anna = await party.join(server, "anna", CONFIG)
    work = asyncio.create_task(anna.put(path, rate=RATE))
    await running(anna)
    await party.end(anna)
    with pytest.raises(ConnectionLostError):
        await work
    path.write_bytes(b"something else")
    again = await party.join(server, "anna", CONFIG)
    uploaded = await again.put(path)
    assert (uploaded.size, uploaded.resumed) == (14, 0)
    await eventually(lambda: has_files(again, 1))
    with closing(TransferBook(party.folder / "anna")) as book:
        await eventually(lambda: is_empty(book))
    assert [entry.state for entry in await again.files()] == [FileState.STORED]


async def test_a_source_that_was_changed_is_not_gone_on_with_by_itself(party: Party) -> None:
    server = await party.serve(CONFIG)
    path = party.file("a.bin", Random(1).randbytes(SIZE))
    anna = await party.join(server, "anna", CONFIG, reconnect=None)
    work = asyncio.create_task(anna.put(path, rate=RATE))
    await running(anna)
    path.write_bytes(b"something else")
    server = await restart(party, server)
    with pytest.raises(StorageError, match="send it again") as changed:
        await work
    assert changed.value.code == ErrorCode.SOURCE_CHANGED
    await eventually(lambda: has_files(anna, 0))
    assert anna.transfers() == []


async def test_two_programs_of_one_user_are_not_at_the_same_transfer(party: Party) -> None:
    server = await party.serve(CONFIG)
    path = party.file("a.bin", Random(1).randbytes(SIZE))
    anna = await party.join(server, "anna", CONFIG)
    other = await party.join(server, "anna", CONFIG, home="anna", visitor=True)
    work = asyncio.create_task(anna.put(path, rate=RATE))
    await running(anna)
    with pytest.raises(RefusedError, match="another program") as refused:
        await other.put(path)
    assert refused.value.code == ErrorCode.TOO_MANY_TRANSFERS
    assert await other.adopt_transfers() == ()
    number = anna.transfers()[0].transfer.number
    anna.pause(number)
    with pytest.raises(RefusedError, match=f"it is paused: udpchat transfers resume {number}"):
        await other.put(path)
    anna.resume(number)
    assert (await work).size == SIZE


async def test_a_pause_from_outside_is_followed_within_moments(party: Party) -> None:
    server = await party.serve(CONFIG)
    path = party.file("a.bin", Random(1).randbytes(SIZE))
    anna = await party.join(server, "anna", CONFIG)
    told = anna.events()
    work = asyncio.create_task(anna.put(path, rate=RATE // 4))
    number = (await running(anna, 1)).transfer.number
    with closing(TransferBook(party.folder / "anna")) as book:
        book.set_wish(number, Wish.PAUSE)
        resting = await until(told, TransferResting)
        assert resting.transfer.number == number
        assert not work.done()
        book.set_rate(number, 0)
        book.set_wish(number, Wish.RUN)
    assert (await work).size == SIZE


async def test_a_transfer_is_paused_resumed_and_cancelled_by_its_number(party: Party) -> None:
    server = await party.serve(CONFIG)
    path = party.file("a.bin", Random(1).randbytes(SIZE))
    anna = await party.join(server, "anna", CONFIG)
    work = asyncio.create_task(anna.put(path, rate=RATE))
    number = (await running(anna)).transfer.number
    anna.pause(number)
    assert anna.transfers()[0].phase is Phase.PAUSED
    anna.resume(number)
    await running(anna, SIZE // 2)
    anna.cancel(number)
    with pytest.raises(RefusedError) as refused:
        await work
    assert refused.value.code == ErrorCode.CANCELLED
    await eventually(lambda: has_files(anna, 0))
    with pytest.raises(RefusedError):
        anna.pause(number)


# -- folders -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("members", [0, 1, 300])
async def test_a_folder_arrives_as_the_same_tree(party: Party, members: int) -> None:
    server = await party.serve(CONFIG)
    anna = await party.join(server, "anna", CONFIG)
    path = party.folder / "tree 你好"
    make_tree(path, Random(members), members=members)
    (path / "empty folder").mkdir()
    os.utime(path, ns=(5_000, 1_600_000_000_123_456_000))
    seen: list[Progress] = []
    uploaded = await anna.put(path, seen.append)
    downloaded = await anna.get(path.name, None, seen.append)
    assert fingerprint(Path(downloaded.path)) == fingerprint(path)
    assert changed_at(downloaded.path) == changed_at(path)
    assert uploaded.members == downloaded.members == len(list(path.rglob("*")))
    (entry,) = await anna.files()
    assert entry.is_folder
    assert entry.flags & FileFlag.FOLDER
    assert {member.path for member in await anna.members(entry.file_id)} == {
        each.relative_to(path).as_posix() for each in path.rglob("*")
    }


@pytest.mark.skipif(sys.platform == "win32", reason="names of as many bytes as POSIX has")
@pytest.mark.parametrize("name", ["x" * 251 + ".txt", "好" * 85], ids=["latin", "chinese"])
async def test_a_name_may_be_as_long_as_disks_take_it(party: Party, name: str) -> None:
    server = await party.serve(CONFIG)
    anna = await party.join(server, "anna", CONFIG)
    await anna.put(party.file(name, b"content"))
    first, second = await anna.get(name), await anna.get(name)
    assert (Path(first.path).name, content(first.path)) == (name, b"content")
    assert len(Path(second.path).name.encode()) <= 255
    assert " (2)" in second.path
    outer, deep = party.folder / "outer", party.folder / "outer" / name
    outer.mkdir()
    make_tree(deep, Random(1), members=2)
    await anna.put(outer)
    whole = await anna.get("outer")
    assert fingerprint(Path(whole.path)) == fingerprint(outer)


async def test_one_file_of_a_folder_is_fetched_alone(party: Party) -> None:
    server = await party.serve(CONFIG)
    anna = await party.join(server, "anna", CONFIG)
    path = party.folder / "tree"
    make_tree(path, Random(5), members=20)
    uploaded = await anna.put(path)
    members = await anna.members(uploaded.file_id)
    number, largest = max(enumerate(members), key=lambda pair: pair[1].size)
    downloaded = await anna.get("tree", file_id=uploaded.file_id, member=number)
    assert content(downloaded.path) == (path / largest.path).read_bytes()
    assert downloaded.md5_stored == largest.md5


@pytest.mark.parametrize("verb", ["put", "get"])
async def test_a_folder_goes_on_after_a_restart(party: Party, verb: str) -> None:
    server = await party.serve(CONFIG)
    anna = await party.join(server, "anna", CONFIG, reconnect=None)
    path = party.folder / "tree"
    path.mkdir()
    random = Random(7)
    for number in range(300):
        (path / f"{number}.txt").write_bytes(random.randbytes(10_000))
    if verb == "get":
        await anna.put(path)
    work: asyncio.Task[Uploaded | Downloaded] = asyncio.create_task(
        anna.put(path, rate=RATE) if verb == "put" else anna.get("tree", rate=RATE)
    )
    await running(anna, 1_000_000)
    await restart(party, server)
    done = await work
    assert 500_000 < done.resumed < 3_000_000
    if isinstance(done, Uploaded):
        done = await anna.get("tree")
    assert fingerprint(Path(done.path)) == fingerprint(path)


# -- what is known of files --------------------------------------------------------------------------------------------


async def test_the_owner_hears_how_far_a_file_is_with_others(party: Party) -> None:
    server = await party.serve(CONFIG)
    anna, ben = await party.join(server, "anna"), await party.join(server, "ben")
    told = anna.events()
    uploaded = await anna.put(party.file("a.bin", b"content"), to="ben")
    await ben.get("a.bin")
    await ben.mark(uploaded.file_id, FileState.OPENED)
    states = []
    while FileState.OPENED not in states:
        marked = await until(told, FileMarked)
        assert (marked.nick, marked.file_name, marked.file_id) == ("ben", "a.bin", uploaded.file_id)
        states.append(marked.state)
    assert states == sorted(set(states))
    (mark,) = await anna.marks(uploaded.file_id)
    assert (mark.nick, mark.state) == ("ben", FileState.OPENED)
    (entry,) = await anna.files()
    assert (entry.state, entry.recipient, entry.opened) == (FileState.OPENED, "ben", 1)


async def test_a_file_is_listed_in_its_room_and_removed_by_its_owner(party: Party) -> None:
    server = await party.serve(CONFIG)
    anna, ben = await party.join(server, "anna"), await party.join(server, "ben")
    await anna.create_room("garden")
    uploaded = await anna.put(party.file("a.bin", b"content"), room="garden")
    assert [entry.file_name for entry in await anna.files("garden")] == ["a.bin"]
    assert await anna.files("lobby") == ()
    assert await ben.files() == ()
    with pytest.raises(RefusedError):
        await ben.delete_file(uploaded.file_id)
    await anna.delete_file(uploaded.file_id)
    assert await anna.files() == ()


# -- names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["~root", "~", "~nobody-of-this-name"])
async def test_a_tilde_is_a_letter_of_a_name(party: Party, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    server = await party.serve(CONFIG)
    anna = await party.join(server, "anna", CONFIG)
    monkeypatch.chdir(party.folder)
    party.file(name, b"this one")
    assert (await anna.put(name)).size == 8
    (party.folder / "into" / name).mkdir(parents=True)
    monkeypatch.chdir(party.folder / "into")
    downloaded = await anna.get((await anna.files())[0].file_name, Path(name))
    assert Path(downloaded.path).parent == party.folder / "into" / name
    assert content(downloaded.path) == b"this one"


async def test_a_download_into_a_folder_that_is_not_there_fails_and_is_not_written_down(party: Party) -> None:
    server = await party.serve(CONFIG)
    anna = await party.join(server, "anna", CONFIG)
    await anna.put(party.file("a.bin", b"content"))
    with pytest.raises(StorageError, match="is not a folder"):
        await anna.get("a.bin", party.folder / "missing")
    assert anna.transfers() == []
    with closing(TransferBook(party.folder / "anna")) as book:
        await eventually(lambda: is_empty(book))

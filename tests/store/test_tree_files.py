"""Files of a folder that is received are made by a worker, so many at once, and no byte is lost on the way."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from tests.store.actions import PART, refusal, sync
from tests.store.grove import (
    NAME,
    Tree,
    add_members,
    begin_folder,
    check_all,
    commit_folder,
    found_in,
    in_downloads,
    local_store,
    md5_of,
    members_of,
    random_tree,
    receive_folder,
    staging,
    whole,
    write_folder,
)
from udpchat.config import BLOCK_SIZE
from udpchat.errors import ErrorCode
from udpchat.files.blocks import HASH_SIZE
from udpchat.files.members import NO_MD5, Index, MemberInfo
from udpchat.files.ports import ClosePart, CommitPart, CompareBlocks, PartSynced, SyncPart
from udpchat.protocol.ports import Job, perform
from udpchat.store.local import LocalStore
from udpchat.store.part_journal import PartJournal
from udpchat.store.transfer_schema import TransferDatabase
from udpchat.store.tree_files import LARGE, MADE_AHEAD
from udpchat.store.tree_part import TreeBody

AT_ONCE = 20  # files that a sync makes here
TINY: Tree = {"d": None, **{f"d/{number:04}": b"%05d" % number for number in range(2 * AT_ONCE + 10)}}
EACH = 5  # bytes of each file of it


@pytest.fixture(autouse=True)
def few_files_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("udpchat.store.tree_part.FILES_AT_ONCE", AT_ONCE)


@pytest.fixture(params=[False, True], ids=["posix", "portable"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalStore]:
    store = local_store(tmp_path, portable=request.param)
    yield store
    store.close()


def start(store: LocalStore, tree: Tree) -> bytes:
    """A folder whose members are known; its bytes."""
    begin_folder(store, tree)
    assert add_members(store, members_of(tree)) is None
    return whole(tree)


def test_a_write_makes_no_file_and_a_sync_makes_those_whose_bytes_have_come(store: LocalStore, tmp_path: Path) -> None:
    tree: Tree = {"a": None, "a/one": b"1" * 3_000, "a/two": b"2" * 3_000, "three": b"3"}
    data = start(store, tree)
    write_folder(store, data, 0, 4_000)
    assert found_in(staging(tmp_path)) == {}
    assert sync(store).durable_bytes == 4_000
    assert found_in(staging(tmp_path)) == {"a": None, "a/one": b"1" * 3_000, "a/two": b"2" * 1_000}
    write_folder(store, data, 4_000, len(data))
    assert found_in(staging(tmp_path))["a/two"] == b"2" * 3_000  # its file is there: no need to wait
    assert found_in(Path(receive_folder(store, tree).path)) == dict(sorted(tree.items()))


def test_large_files_are_made_before_their_bytes_but_not_far_ahead(store: LocalStore, tmp_path: Path) -> None:
    large = Random(7).randbytes(LARGE)
    last = MADE_AHEAD // LARGE + 20
    tree: Tree = {"small": b"1", **{f"{number:03}": large for number in range(last + 1)}}
    data = start(store, tree)
    made = sorted(found_in(staging(tmp_path)))
    assert made == [f"{number:03}" for number in range(MADE_AHEAD // LARGE)]
    write_folder(store, data, 0, 10_000)
    assert (staging(tmp_path) / "000").stat().st_size == 9_999
    for number in range(5):
        write_folder(store, data, 1 + number * LARGE, 10_000 + number * LARGE)
    sync(store)
    assert len(made) < len(found_in(staging(tmp_path))) <= last
    assert found_in(Path(receive_folder(store, tree).path)) == dict(sorted(tree.items()))


def test_a_sync_makes_a_bounded_number_of_files_and_says_what_is_durable(store: LocalStore, tmp_path: Path) -> None:
    data = start(store, TINY)
    write_folder(store, data, 0, len(data))
    for count in (1, 2):
        assert sync(store) == PartSynced(PART, count * AT_ONCE * EACH, count * AT_ONCE * EACH)
        assert len(found_in(staging(tmp_path))) == count * AT_ONCE + 1
    assert sync(store).durable_bytes == sync(store).durable_bytes == len(data)
    entry = commit_folder(store, TINY)
    assert found_in(Path(entry.path)) == TINY


def test_bytes_of_files_that_are_not_whole_wait_as_well(store: LocalStore) -> None:
    data = start(store, TINY)
    for offset in range(0, len(data), EACH):
        write_folder(store, data, offset, offset + 2)
    durable = [sync(store).durable_bytes for _ in range(3)]
    assert durable == [2 * AT_ONCE, 4 * AT_ONCE, 2 * len(data) // EACH]
    for offset in range(0, len(data), EACH):
        write_folder(store, data, offset + 2, offset + EACH)
    entry = commit_folder(store, TINY)
    assert found_in(Path(entry.path)) == TINY


def journalled(folder: Path) -> tuple[int, int]:
    """Bytes and MD5s of members that the journal of a client knows."""
    database = TransferDatabase(folder / "home")
    with database.reading() as connection:
        row = PartJournal(connection).part(PART)
        md5s = PartJournal(connection).md5s(PART)
    database.close()
    assert row is not None
    return row.present, sum(md5s[at : at + len(NO_MD5)] != NO_MD5 for at in range(0, len(md5s), len(NO_MD5)))


def test_the_journal_knows_nothing_of_what_waits(tmp_path: Path) -> None:
    store = local_store(tmp_path)
    data = start(store, TINY)
    write_folder(store, data, 0, len(data))
    known = []
    for _ in range(3):
        sync(store)
        known.append(journalled(tmp_path))
    store.close()
    assert known == [
        (AT_ONCE * EACH, AT_ONCE + 1),  # and that of the directory, which is none
        (2 * AT_ONCE * EACH, 2 * AT_ONCE + 1),
        (len(data), len(TINY)),
    ]


def test_a_comparison_that_finds_damage_writes_nothing_down_of_what_waits(tmp_path: Path) -> None:
    store = local_store(tmp_path)
    data = start(store, {"large": bytes(BLOCK_SIZE), **TINY})
    write_folder(store, data, 0, len(data))
    assert perform(store, CompareBlocks(2, PART, 0, bytes(HASH_SIZE))) == ((0, BLOCK_SIZE),)
    store.close()
    present, _ = journalled(tmp_path)
    assert present == AT_ONCE * EACH


def test_bytes_that_are_corrected_while_older_ones_wait_stay_corrected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = TreeBody(tmp_path, "tree", portable=True)
    body.begin()
    body.lay_out(Index((MemberInfo("file", 10),)))
    body.write_at(0, memoryview(b"12345"))
    honest = os.write

    def meanwhile(fd: int, view: memoryview) -> int:
        monkeypatch.setattr(os, "write", honest)
        body.write_at(5, memoryview(b"wrong"))  # the file is just being made: these have to wait
        return honest(fd, view)

    monkeypatch.setattr(os, "write", meanwhile)
    body.sync_data()
    body.write_at(5, memoryview(b"right"))
    seen = bytearray(10)
    assert (body.read_at(0, memoryview(seen)), bytes(seen)) == (10, b"12345right")
    assert body.sync_data() == ()
    body.close()
    assert (tmp_path / "tree" / "file").read_bytes() == b"12345right"


def test_what_waited_when_a_client_ended_is_asked_for_again_and_nothing_else(tmp_path: Path) -> None:
    store = local_store(tmp_path)
    data = start(store, TINY)
    write_folder(store, data, 0, len(data))
    sync(store)
    store.close()
    store = local_store(tmp_path)
    assert begin_folder(store, TINY).present == ((0, AT_ONCE * EACH),)
    assert check_all(store) == ()
    write_folder(store, data, AT_ONCE * EACH, len(data))
    entry = commit_folder(store, TINY)
    store.close()
    assert found_in(Path(entry.path)) == TINY
    assert in_downloads(tmp_path) == [NAME]


def test_a_folder_that_is_closed_makes_all_files(store: LocalStore) -> None:
    data = start(store, TINY)
    write_folder(store, data, 0, len(data) - 7)
    assert perform(store, ClosePart(PART)) is None
    assert begin_folder(store, TINY).present == ((0, len(data) - 7),)
    assert found_in(Path(receive_folder(store, TINY).path)) == TINY


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("stage", ["sync", "commit"])
def test_disk_that_fills_up_while_files_are_made_stops_the_folder_which_goes_on_later(
    error: int, stage: str, store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = random_tree(3, 30, 500)
    data = start(store, tree)
    write_folder(store, data, 0, 2_000)
    sync(store)
    write_folder(store, data, 2_000, len(data) if stage == "commit" else 6_000)
    left = [5]
    honest = os.open

    def full(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        left[0] -= bool(flags & os.O_CREAT)
        if left[0] <= 0 and flags & os.O_CREAT:
            raise OSError(error, os.strerror(error))
        return honest(path, flags, mode, dir_fd=dir_fd)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", full)
        asked = SyncPart(1, PART) if stage == "sync" else CommitPart(3, PART, md5_of(tree))
        assert refusal(store, asked).code == ErrorCode.NO_SPACE
    assert all(name.startswith(".") for name in in_downloads(tmp_path))
    assert begin_folder(store, tree).present == ((0, 2_000),)
    assert found_in(Path(receive_folder(store, tree).path)) == dict(sorted(tree.items()))


def test_writes_beside_syncs_lose_nothing(store: LocalStore) -> None:
    tree: Tree = {**random_tree(8, 300, 9_000), "large": Random(4).randbytes(2 * LARGE)}
    data = start(store, tree)
    pieces = [(at, min(at + 7_000, len(data))) for at in range(0, len(data), 7_000)]
    for group in range(0, len(pieces), 20):  # out of order, as after losses
        Random(group).shuffle(shuffled := pieces[group : group + 20])
        pieces[group : group + 20] = shuffled
    running: list[tuple[Job, Future[object]]] = []
    with ThreadPoolExecutor(1) as worker:
        for begin, stop in pieces:
            write_folder(store, data, begin, stop)
            if not running:
                job = store.submit(SyncPart(1, PART))
                assert isinstance(job, Job)
                running.append((job, worker.submit(job.run)))
            elif running[0][1].done() or stop == len(data):
                job, future = running.pop()
                assert isinstance(job.finish(future.result()), PartSynced)
    entry = commit_folder(store, tree)
    assert found_in(Path(entry.path)) == dict(sorted(tree.items()))

"""A server that ends at any named point: nothing told is lost, nothing half is shown, and the transfer goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.store.actions import PART, commit, content, create, md5, server_store, sync, upload, write
from tests.store.mending import (
    add_members,
    block,
    block_hashes,
    check_all,
    compare,
    create_folder,
    stored_files,
    tree_of,
)
from tests.store.shelf import members_of, opened, read_all, tree_md5
from udpchat.config import BLOCK_SIZE
from udpchat.files.ports import CheckPart, ClosePart, CommitPart, CompareBlocks, FileEntry
from udpchat.protocol.ports import Store, perform
from udpchat.store import failpoints

SIZE = 50_000
DATA = content(SIZE)
POINTS = [point for point in failpoints.POINTS if point != "replied"]
FOLDER_DATA = content(20_000, seed=3)
TREE = tree_of(FOLDER_DATA, (0, 9_000, 1, 0, 10_999, 0))
MENDED = content(3 * BLOCK_SIZE, seed=4)


class CrashError(Exception):
    pass


@pytest.fixture
def crash_at() -> Iterator[Callable[[str], None]]:
    def arm(point: str) -> None:
        def hook(name: str) -> None:
            if name == point:
                failpoints.set_hook(None)
                raise CrashError(name)

        failpoints.set_hook(hook)

    yield arm
    failpoints.set_hook(None)


def send(store: Store) -> None:
    create(store, SIZE)
    write(store, DATA, 0, SIZE // 2)
    sync(store)
    write(store, DATA, SIZE // 2, SIZE)
    commit(store, DATA)


def send_folder(store: Store) -> FileEntry:
    """A whole folder, going on where the last one stopped."""
    created = create_folder(store, TREE)
    if created.committed is None:
        if not created.is_indexed:
            add_members(store, members_of(TREE))
        write(store, FOLDER_DATA, 0, 9_500)
        sync(store)
        write(store, FOLDER_DATA, 9_500, len(FOLDER_DATA))
        check_all(store)
    entry = perform(store, CommitPart(3, PART, tree_md5(TREE)))
    assert isinstance(entry, FileEntry), entry
    return entry


@pytest.mark.parametrize("portable", [False, True], ids=["posix", "portable"])
@pytest.mark.parametrize("point", POINTS)
def test_server_goes_on_after_a_crash(
    point: str, portable: bool, tmp_path: Path, crash_at: Callable[[str], None]
) -> None:
    store = server_store(tmp_path, portable=portable)
    crash_at(point)
    with pytest.raises(CrashError):
        send(store)
    store.close()
    check_server(tmp_path, point, portable=portable)


def check_server(folder: Path, point: str, *, portable: bool) -> None:
    store = server_store(folder, portable=portable)
    listed = stored_files(store)
    assert [entry.md5 for entry in listed] == ([md5(DATA)] if point in {"linked", "committed"} else [])
    created = create(store, SIZE)
    assert (created.committed is not None) == bool(listed)
    if point in {"journalled", "verified"}:
        assert created.present[0][1] >= SIZE // 2
    entry = upload(store, DATA)
    assert stored_files(store) == (entry,)
    assert read_all(opened(store, entry.file_id).source) == DATA
    store.close()
    check_folders(folder, entry, DATA)


def check_folders(folder: Path, entry: FileEntry, data: bytes) -> None:
    assert [path.name for path in (folder / "files").iterdir()] == [entry.file_id.hex()]
    assert (folder / "files" / entry.file_id.hex()).read_bytes() == data
    assert list((folder / "incoming").iterdir()) == []
    assert list((folder / "quarantine").iterdir()) == []


@pytest.mark.parametrize("portable", [False, True], ids=["posix", "portable"])
@pytest.mark.parametrize("point", [*POINTS, "members-written"])
def test_folder_goes_on_after_a_crash_of_the_server(
    point: str, portable: bool, tmp_path: Path, crash_at: Callable[[str], None]
) -> None:
    store = server_store(tmp_path, portable=portable)
    crash_at(point)
    with pytest.raises(CrashError):
        send_folder(store)
    store.close()
    store = server_store(tmp_path, portable=portable)
    listed = stored_files(store)
    assert [entry.md5 for entry in listed] == ([tree_md5(TREE)] if point in {"linked", "committed"} else [])
    created = create_folder(store, TREE)
    assert created.is_indexed == (point not in {"part-created", "members-written"})
    entry = send_folder(store)
    assert stored_files(store) == (entry,)
    store.close()
    check_folders(tmp_path, entry, FOLDER_DATA)


def test_name_that_a_server_only_reserved_is_no_file(tmp_path: Path, crash_at: Callable[[str], None]) -> None:
    store = server_store(tmp_path, portable=True)
    crash_at("linked")
    with pytest.raises(CrashError):
        send(store)
    store.close()
    (stored,) = (tmp_path / "files").iterdir()
    stored.rename(tmp_path / "incoming" / PART.hex())  # as if the move had never come
    stored.touch()
    check_server(tmp_path, "verified", portable=True)


PROGRAM = """
import sys
from pathlib import Path
from tests.store.test_crash import send
from tests.store.actions import server_store
send(server_store(Path(sys.argv[1])))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("point", ["journalled", "linked", "committed"])
def test_killed_server_goes_on(point: str, tmp_path: Path) -> None:
    environment = {**os.environ, failpoints.VARIABLE: point}
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path)], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    check_server(tmp_path, point, portable=False)


def test_part_of_an_unfinished_upload_keeps_its_durable_bytes(tmp_path: Path) -> None:
    store = server_store(tmp_path)
    create(store, SIZE)
    write(store, DATA, 1_000, 2_000)
    sync(store)
    write(store, DATA, 2_000, 9_000)
    store.close()
    store = server_store(tmp_path)
    assert create(store, SIZE).present == ((1_000, 2_000),)
    assert upload(store, DATA).md5 == md5(DATA)
    assert create(store, SIZE, part_id=PART).committed is not None
    store.close()


def damaged_part(folder: Path, number: int) -> Path:
    """A part that is whole and durable, one block of it damaged on the disk since; its path."""
    store = server_store(folder)
    create(store, len(MENDED))
    write(store, MENDED, 0, len(MENDED))
    assert perform(store, ClosePart(PART)) is None
    store.close()
    path = folder / "incoming" / PART.hex()
    with path.open("r+b") as file:
        file.seek(number * BLOCK_SIZE + 5)
        file.write(b"?????")
    return path


@pytest.mark.parametrize("number", range(3))
def test_damage_that_a_check_found_is_found_again_after_a_crash(
    number: int, tmp_path: Path, crash_at: Callable[[str], None]
) -> None:
    damaged_part(tmp_path, number)
    store = server_store(tmp_path)
    assert create(store, len(MENDED)).present == ((0, len(MENDED)),)
    crash_at("checked")
    with pytest.raises(CrashError):
        perform(store, CheckPart(1, PART))
    store.close()
    store = server_store(tmp_path)
    create(store, len(MENDED))
    assert check_all(store) == (block(number, len(MENDED)),)
    write(store, MENDED, *block(number, len(MENDED)))
    assert commit(store, MENDED).md5 == md5(MENDED)
    store.close()


def test_damage_that_was_found_is_gone_from_the_journal_with_the_next_sync(tmp_path: Path) -> None:
    damaged_part(tmp_path, 1)
    store = server_store(tmp_path)
    create(store, len(MENDED))
    assert check_all(store) == (block(1, len(MENDED)),)
    sync(store)
    store.close()
    store = server_store(tmp_path)
    assert create(store, len(MENDED)).present == ((0, BLOCK_SIZE), (2 * BLOCK_SIZE, 3 * BLOCK_SIZE))
    assert check_all(store) == ()
    store.close()


def test_repair_is_durable_before_it_is_told(tmp_path: Path, crash_at: Callable[[str], None]) -> None:
    store = server_store(tmp_path)
    create(store, len(MENDED))
    write(store, MENDED[:BLOCK_SIZE] + bytes(BLOCK_SIZE) + MENDED[2 * BLOCK_SIZE :], 0, len(MENDED))
    sync(store)
    crash_at("repaired")
    with pytest.raises(CrashError):
        perform(store, CompareBlocks(1, PART, 0, block_hashes(MENDED)))
    store.close()
    store = server_store(tmp_path)
    assert create(store, len(MENDED)).present == ((0, BLOCK_SIZE), (2 * BLOCK_SIZE, 3 * BLOCK_SIZE))
    write(store, MENDED, *block(1, len(MENDED)))
    assert check_all(store) == ()
    assert compare(store, MENDED) == ()
    assert commit(store, MENDED).md5 == md5(MENDED)
    store.close()


# -- the points themselves ---------------------------------------------------------------------------------------------


def test_killer_counts() -> None:
    hook = failpoints.parse("linked:3")
    assert hook is not None
    for _ in range(2):
        hook("linked")
        hook("synced")
    assert failpoints.parse("") is None


@pytest.mark.parametrize("setting", ["nowhere", "linked:x", "linked:0", "linked:-1"])
def test_unknown_failpoint_is_refused(setting: str) -> None:
    with pytest.raises(ValueError, match=setting):
        failpoints.parse(setting)

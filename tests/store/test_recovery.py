from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.store.actions import (
    BOB,
    PART,
    commit,
    content,
    create,
    create_request,
    files,
    md5,
    refusal,
    server_store,
    sync,
    upload,
    write,
)
from tests.store.mending import compare, stored_files
from tests.store.shelf import delete
from udpchat.config import PART_LIFETIME
from udpchat.errors import ErrorCode, StorageError
from udpchat.files.ports import AbortPart, CommitPart
from udpchat.files.stored_ports import OpenStored
from udpchat.protocol.ports import perform
from udpchat.store import failpoints
from udpchat.store.quotas import Limits
from udpchat.store.server import ServerStore

DATA = content(40_000)
NAME = PART.hex()


def interrupted(folder: Path) -> Path:
    """Half an upload, durable; the path of its part."""
    store = server_store(folder)
    create(store, len(DATA))
    write(store, DATA, 0, 20_000)
    write(store, DATA, 30_000, 40_000)
    sync(store)
    store.close()
    return folder / "incoming" / NAME


def test_missing_part_begins_anew(tmp_path: Path) -> None:
    interrupted(tmp_path).unlink()
    store = server_store(tmp_path)
    assert store.recovered.cut == (PART,)
    assert create(store, len(DATA)).present == ()
    upload(store, DATA)
    store.close()


def test_shortened_part_is_cut_back(tmp_path: Path) -> None:
    os.truncate(interrupted(tmp_path), 15_000)
    store = server_store(tmp_path)
    assert store.recovered.cut == (PART,)
    assert create(store, len(DATA)).present == ((0, 15_000),)
    upload(store, DATA)
    store.close()


def test_lengthened_part_becomes_a_file_of_the_right_size(tmp_path: Path) -> None:
    with interrupted(tmp_path).open("ab") as part:
        part.write(b"more")
    store = server_store(tmp_path)
    entry = upload(store, DATA)
    assert (tmp_path / "files" / entry.file_id.hex()).read_bytes() == DATA
    store.close()


def test_changed_part_is_not_believed(tmp_path: Path) -> None:
    path = interrupted(tmp_path)
    with path.open("r+b") as part:
        part.write(b"????")
    store = server_store(tmp_path)
    created = create(store, len(DATA))
    assert created.present == ((0, 20_000), (30_000, 40_000))
    write(store, DATA, 20_000, 30_000)
    assert "damaged" in refusal(store, CommitPart(1, PART, md5(DATA))).text
    assert stored_files(store) == ()
    assert compare(store, DATA) == ((0, len(DATA)),)
    assert upload(store, DATA).size == len(DATA)
    store.close()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs POSIX")
@pytest.mark.parametrize("kind", ["symlink", "fifo", "directory"])
def test_part_that_is_no_file_is_refused(kind: str, tmp_path: Path) -> None:
    path = interrupted(tmp_path)
    victim = tmp_path / "victim"
    victim.write_bytes(b"keep me" * 10_000)
    path.unlink()
    if kind == "symlink":
        path.symlink_to(victim)
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.mkdir()
    store = server_store(tmp_path)
    refusal(store, create_request(len(DATA)))
    store.close()
    assert victim.read_bytes() == b"keep me" * 10_000


def test_part_without_a_journal_is_removed(tmp_path: Path) -> None:
    server_store(tmp_path).close()
    (tmp_path / "incoming" / ("ab" * 16)).write_bytes(b"x")
    store = server_store(tmp_path)
    assert store.recovered.leftovers == ("ab" * 16,)
    store.close()
    assert list((tmp_path / "incoming").iterdir()) == []


def test_stored_file_that_nobody_knows_goes_to_quarantine(tmp_path: Path) -> None:
    for _ in range(2):
        server_store(tmp_path).close()
        (tmp_path / "files" / ("cd" * 16)).write_bytes(b"who am I?")
        store = server_store(tmp_path)
        assert store.recovered.quarantined == ("cd" * 16,)
        store.close()
    assert sorted(path.name for path in (tmp_path / "quarantine").iterdir()) == ["cd" * 16, "cd" * 16 + ".2"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs POSIX")
def test_what_is_not_ours_is_left_alone_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    interrupted(tmp_path)
    victim = tmp_path / "victim"
    victim.write_bytes(b"keep me")
    incoming, stored = tmp_path / "incoming", tmp_path / "files"
    for folder in (incoming, stored):
        (folder / "lost+found").mkdir()
        (folder / "\x1b[2Jlink").symlink_to(victim)
        os.mkfifo(folder / ("ab" * 16))
    (incoming / "notes.txt").write_bytes(b"mine")
    before = sorted((*incoming.iterdir(), *stored.iterdir()))
    store = server_store(tmp_path)
    assert create(store, len(DATA)).present == ((0, 20_000), (30_000, 40_000))
    assert sorted((*incoming.iterdir(), *stored.iterdir())) == before
    assert victim.read_bytes() == b"keep me"
    assert set(store.recovered.strange) == {str(path.relative_to(tmp_path)) for path in before} - {f"incoming/{NAME}"}
    assert (store.recovered.leftovers, store.recovered.quarantined) == ((), ())
    (told,) = [record.getMessage() for record in caplog.records]
    assert "incoming/notes.txt" in told
    assert "and 2 more" in told
    assert told.isprintable()
    assert upload(store, DATA).size == len(DATA)
    store.close()


def test_directory_in_place_of_a_part_does_not_keep_a_server_from_its_start(tmp_path: Path) -> None:
    path = interrupted(tmp_path)
    path.unlink()
    (path / "deep").mkdir(parents=True)
    store = server_store(tmp_path)
    assert (store.recovered.cut, store.recovered.strange) == ((PART,), (f"incoming/{NAME}",))
    assert "move that away" in refusal(store, create_request(len(DATA))).text
    assert perform(store, AbortPart(1, PART)) is None
    assert "move that away" in refusal(store, create_request(len(DATA))).text
    store.close()
    assert (path / "deep").is_dir()
    interrupted(tmp_path / "other")
    path = tmp_path / "other" / "incoming" / NAME
    path.unlink()
    path.mkdir()
    late = 1_700_000_000_000_000 + 2 * PART_LIFETIME
    store = ServerStore(tmp_path / "other", clock=lambda: late, random_bytes=bytes, limits=Limits())
    assert store.recovered.expired == (PART,)
    store.close()


def test_files_that_are_gone_or_nobody_knows_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = server_store(tmp_path)
    gone = [upload(store, DATA, part_id=bytes([number]) * 16) for number in range(7)]
    store.close()
    assert not caplog.records
    for entry in gone:
        (tmp_path / "files" / entry.file_id.hex()).unlink()
    (tmp_path / "files" / ("cd" * 16)).write_bytes(b"who am I?")
    server_store(tmp_path).close()
    missing, unknown = (record.getMessage() for record in caplog.records)
    assert gone[0].file_id.hex()[:8] in missing
    assert "and 2 more" in missing
    assert "report.pdf" not in missing
    assert "cd" * 16 in unknown


class CrashError(Exception):
    pass


def linked(folder: Path) -> Path:
    """An upload that has its name and is not in the list; its path."""

    def hook(name: str) -> None:
        if name == "linked":
            raise CrashError

    store = server_store(folder)
    failpoints.set_hook(hook)
    try:
        with pytest.raises(CrashError):
            upload(store, DATA)
    finally:
        failpoints.set_hook(None)
    store.close()
    (path,) = (folder / "files").iterdir()
    return path


def test_linked_file_with_wrong_bytes_goes_to_quarantine_and_the_part_goes_on(tmp_path: Path) -> None:
    path = linked(tmp_path)
    path.unlink()
    path.write_bytes(DATA[:-1] + b"?")
    store = server_store(tmp_path)
    assert stored_files(store) == ()
    assert create(store, len(DATA)).present == ((0, len(DATA)),)
    commit(store, DATA)
    store.close()
    assert [kept.name for kept in (tmp_path / "quarantine").iterdir()] == [path.name]


def test_name_that_a_move_only_reserved_is_removed_and_the_part_goes_on(tmp_path: Path) -> None:
    path = linked(tmp_path)
    path.unlink()
    path.touch()  # what a portable move leaves when it is interrupted
    store = server_store(tmp_path)
    assert stored_files(store) == ()
    assert perform(store, AbortPart(1, PART)) is None
    assert create(store, len(DATA)).present == ()
    upload(store, DATA)
    store.close()
    assert list((tmp_path / "quarantine").iterdir()) == []


def test_directory_under_the_name_that_a_part_should_have_harms_nothing(tmp_path: Path) -> None:
    path = linked(tmp_path)
    path.unlink()
    path.mkdir()
    store = server_store(tmp_path)
    assert store.recovered.strange == (f"files/{path.name}",)
    assert create(store, len(DATA)).present == ((0, len(DATA)),)
    commit(store, DATA)
    store.close()
    assert path.is_dir()


def test_new_name_is_durable_before_the_old_one_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = server_store(tmp_path, portable=False)
    create(store, len(DATA))
    write(store, DATA, 0, len(DATA))
    folder, steps = (tmp_path / "files").stat().st_ino, []
    fsync, unlink = os.fsync, os.unlink

    def syncing(fd: int) -> None:
        if os.fstat(fd).st_ino == folder:
            steps.append("the new name is durable")
        fsync(fd)

    def unlinking(name: str, *, dir_fd: int | None = None) -> None:
        if name == NAME:
            steps.append("the old name goes")
        unlink(name, dir_fd=dir_fd)

    monkeypatch.setattr(os, "fsync", syncing)
    monkeypatch.setattr(os, "unlink", unlinking)
    commit(store, DATA)
    assert steps == ["the new name is durable", "the old name goes"]
    store.close()


def test_file_that_was_deleted_just_before_a_stop_is_no_stranger(tmp_path: Path) -> None:
    store = server_store(tmp_path)
    entry = upload(store, DATA)
    delete(store, entry.file_id)
    store.close()
    assert list((tmp_path / "files").iterdir()) == []
    store = server_store(tmp_path)
    assert (store.recovered.quarantined, store.recovered.missing) == ((), ())
    store.close()


def test_listed_file_that_is_gone_is_reported_and_refused(tmp_path: Path) -> None:
    store = server_store(tmp_path)
    entry = upload(store, DATA)
    store.close()
    path = tmp_path / "files" / entry.file_id.hex()
    path.unlink()
    store = server_store(tmp_path)
    assert store.recovered.missing == (entry,)
    assert files(store) == (entry,)
    assert "gone from the server's disk" in refusal(store, OpenStored(1, entry.file_id)).text
    path.write_bytes(b"other")
    assert "damaged" in refusal(store, OpenStored(1, entry.file_id)).text
    store.close()


def test_part_that_nobody_continues_expires_at_start(tmp_path: Path) -> None:
    interrupted(tmp_path)
    late = 1_700_000_000_000_000 + 2 * PART_LIFETIME
    store = ServerStore(tmp_path, clock=lambda: late, random_bytes=bytes, limits=Limits())
    assert store.recovered.expired == (PART,)
    assert create(store, len(DATA)).present == ()
    store.close()


def test_second_server_of_a_folder_is_refused_and_harmless(tmp_path: Path) -> None:
    store = server_store(tmp_path)
    create(store, len(DATA))
    with pytest.raises(StorageError, match="in use by another udpchat server"):
        server_store(tmp_path)
    upload(store, DATA)
    store.close()
    store = server_store(tmp_path)
    assert len(files(store)) == 1
    store.close()


def test_data_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(StorageError, match="data folder"):
        server_store(tmp_path / "data")


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX permissions")
def test_stored_things_are_private(tmp_path: Path) -> None:
    store = server_store(tmp_path / "data")
    upload(store, DATA)
    store.close()
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0
    for path in (tmp_path / "data" / "files").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600


def test_unfinished_uploads_of_one_owner_are_capped(tmp_path: Path) -> None:
    store = server_store(tmp_path, limits=Limits(parts_per_owner=2))
    for number in range(2):
        create(store, 10, part_id=bytes([number]) * 16)
    assert refusal(store, create_request(10)).code == ErrorCode.QUOTA_EXCEEDED
    create(store, 10, owner=BOB, part_id=b"b" * 16)
    upload(store, content(10), part_id=bytes(16))
    create(store, 10)
    store.close()


def test_list_of_files_is_capped(tmp_path: Path) -> None:
    store = server_store(tmp_path, limits=Limits(files=1))
    upload(store, DATA)
    assert refusal(store, create_request(10, part_id=b"2" * 16)).code == ErrorCode.NO_SPACE
    store.close()

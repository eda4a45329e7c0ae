"""Downloads of single files: where they end, under which name, and what goes on after a restart."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.store.actions import (
    ANYBODY,
    PART,
    commit,
    content,
    create,
    create_request,
    md5,
    refusal,
    sync,
    ticking,
    upload,
    write,
)
from tests.store.grove import check_all, local_store, umask
from tests.store.test_names import EXAMPLES, check_safe
from tests.store.test_transfers import DOWNLOAD, claim
from udpchat.config import BLOCK_SIZE, MAX_FILE_NAME, PART_LIFETIME
from udpchat.errors import ErrorCode, UsageError
from udpchat.files.local_ports import EndTransfer
from udpchat.files.ports import AbortPart, CommitPart, FileEntry
from udpchat.files.stored_ports import ListFiles
from udpchat.protocol.ports import Store, perform
from udpchat.store.local import LocalStore
from udpchat.store.transfer_schema import TRANSFER_DATABASE
from udpchat.wire.numbers import FileFlag

DATA = content(300_000)


@pytest.fixture(params=[False, True], ids=["posix", "portable"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalStore]:
    store = local_store(tmp_path, portable=request.param)
    yield store
    store.close()


def in_downloads(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "downloads").iterdir())


def part_id(number: int) -> bytes:
    return number.to_bytes(16, "big")


# -- where and under which name ----------------------------------------------------------------------------------------


def test_client_has_no_list_of_files(store: LocalStore) -> None:
    with pytest.raises(UsageError):
        store.submit(ListFiles(1, ANYBODY))


def test_download_appears_when_it_is_whole(store: LocalStore, tmp_path: Path) -> None:
    create(store, len(DATA))
    write(store, DATA, 0, len(DATA))
    sync(store)
    assert all(name.startswith(".") for name in in_downloads(tmp_path))
    entry = commit(store, DATA)
    assert entry.path == str(tmp_path / "downloads" / "report.pdf")
    assert in_downloads(tmp_path) == ["report.pdf"]
    assert Path(entry.path).read_bytes() == DATA


def test_download_never_overwrites(store: LocalStore, tmp_path: Path) -> None:
    folder = tmp_path / "downloads"
    folder.mkdir()
    (folder / "report.pdf").write_bytes(b"mine")
    (folder / "report (2).pdf").mkdir()
    (folder / "report (3).pdf").symlink_to("nowhere")
    entries = [upload(store, DATA, part_id=part_id(number)) for number in range(2)]
    assert [Path(entry.path).name for entry in entries] == ["report (4).pdf", "report (5).pdf"]
    assert (folder / "report.pdf").read_bytes() == b"mine"
    assert os.readlink(folder / "report (3).pdf") == "nowhere"


def test_thousand_downloads_of_one_name_at_once_are_a_thousand_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)  # three thousand of them take their time
    count = 1_000
    stores = [LocalStore(tmp_path / "downloads", clock=ticking()) for _ in range(4)]  # parts of each are limited
    for number in range(count):
        create(stores[number % 4], 4, part_id=part_id(number), name="same.txt")
    for number in range(count):
        data = number.to_bytes(4, "big")
        write(stores[number % 4], data, 0, 4, part_id=part_id(number))
        commit(stores[number % 4], data, part_id(number))
    for store in stores:
        store.close()
    found = list((tmp_path / "downloads").iterdir())
    assert {path.name for path in found} == {"same.txt"} | {f"same ({number}).txt" for number in range(2, count + 1)}
    assert {path.read_bytes() for path in found} == {number.to_bytes(4, "big") for number in range(count)}


def test_file_that_is_open_is_not_touched(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "downloads").mkdir()
    with (tmp_path / "downloads" / "report.pdf").open("w+b") as file:
        file.write(b"mine")
        entry = upload(store, DATA)
        file.seek(0)
        assert file.read() == b"mine"
    assert Path(entry.path).name == "report (2).pdf"


NAMES = [name for name in EXAMPLES if name and "\ud800" not in name and len(name.encode()) <= MAX_FILE_NAME]


def test_download_stays_in_its_folder_whatever_its_name(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "existing").mkdir()
    for number, name in enumerate(NAMES):
        for folder in ("", str(tmp_path / "existing")):
            entry = upload(store, DATA[:100], name=name, folder=folder, part_id=part_id(2 * number + bool(folder)))
            place = Path(entry.path)
            assert entry.file_name == name
            assert place.parent == (Path(folder) if folder else tmp_path / "downloads")
            assert place.read_bytes() == DATA[:100]
            check_safe(place.name)
    for folder in ("downloads", "existing"):
        assert len(list((tmp_path / folder).iterdir())) == len(NAMES)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["downloads", "existing", "home"]


def test_download_ends_in_the_folder_that_was_asked_for(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "elsewhere").symlink_to("real")
    entry = upload(store, DATA, folder=str(tmp_path / "elsewhere"))
    assert Path(entry.path) == tmp_path / "elsewhere" / "report.pdf"
    assert "not a folder" in refusal(store, create_request(10, part_id=bytes(16), folder=str(tmp_path / "no"))).text


def test_folder_whose_name_is_no_text_is_refused(store: LocalStore, tmp_path: Path) -> None:
    refused = refusal(store, create_request(10, folder=str(tmp_path / "caf\udce9")))
    assert (refused.code, "caf<U+DCE9>" in refused.text) == (ErrorCode.NAME_NOT_ALLOWED, True)


def test_download_has_the_time_and_the_permissions_of_a_file_of_the_user(store: LocalStore, tmp_path: Path) -> None:
    for number, flags, mode in ((1, FileFlag.EXECUTABLE, 0o777), (2, FileFlag(0), 0o666)):
        request = create_request(4, part_id=part_id(number), modified=1_600_000_000_123_456, flags=flags)
        perform(store, request)
        write(store, b"data", 0, 4, part_id=part_id(number))
        status = Path(commit(store, b"data", part_id(number)).path).stat()
        assert status.st_mtime_ns == 1_600_000_000_123_456_000
        assert os.name != "posix" or status.st_mode & 0o7777 == mode & ~umask()


# -- after a restart ---------------------------------------------------------------------------------------------------


def begun(tmp_path: Path, data: bytes = DATA, stop: int = 100_000) -> None:
    """A program that has made the first bytes durable, and is gone."""
    store = local_store(tmp_path)
    create(store, len(data))
    write(store, data, 0, stop)
    sync(store)
    write(store, data, stop, len(data) - 1)
    store.close()


def test_download_goes_on_after_a_restart(tmp_path: Path) -> None:
    begun(tmp_path)
    store = local_store(tmp_path)
    assert create(store, len(DATA)).present == ((0, 100_000),)
    assert upload(store, DATA).md5 == md5(DATA)
    assert in_downloads(tmp_path) == ["report.pdf"]
    store.close()


def test_download_goes_on_in_its_folder_whatever_the_folder_is_now_called(tmp_path: Path) -> None:
    begun(tmp_path)
    store = LocalStore(tmp_path / "elsewhere", clock=ticking(), home=tmp_path / "home")
    assert Path(upload(store, DATA).path) == tmp_path / "downloads" / "report.pdf"
    store.close()


def test_byte_that_was_damaged_meanwhile_is_found_and_only_its_block_goes(tmp_path: Path) -> None:
    data = content(3 * BLOCK_SIZE)
    begun(tmp_path, data, 2 * BLOCK_SIZE + 5)
    (part,) = (tmp_path / "downloads").iterdir()
    with part.open("r+b") as file:
        file.seek(BLOCK_SIZE + 7)
        file.write(bytes([data[BLOCK_SIZE + 7] ^ 1]))
    store = local_store(tmp_path)
    created = create(store, len(data))
    assert (created.present, created.is_checked) == (((0, 2 * BLOCK_SIZE + 5),), False)
    assert check_all(store) == ((BLOCK_SIZE, 2 * BLOCK_SIZE),)
    write(store, data, BLOCK_SIZE, 2 * BLOCK_SIZE)
    write(store, data, 2 * BLOCK_SIZE + 5, len(data))
    assert Path(commit(store, data).path).read_bytes() == data
    store.close()


def test_part_without_a_journal_is_begun_anew(tmp_path: Path) -> None:
    begun(tmp_path)
    for path in (tmp_path / "home").glob(f"{TRANSFER_DATABASE}*"):
        path.unlink()
    store = local_store(tmp_path)
    assert create(store, len(DATA)).present == ()
    assert upload(store, DATA).md5 == md5(DATA)
    assert in_downloads(tmp_path) == ["report.pdf"]
    store.close()


@pytest.mark.parametrize("loss", ["removed", "cut", "folder removed"])
def test_journal_without_its_bytes_counts_what_is_there(loss: str, tmp_path: Path) -> None:
    begun(tmp_path)
    (part,) = (tmp_path / "downloads").iterdir()
    if loss == "cut":
        os.truncate(part, 60_000)
    else:
        part.unlink()
    if loss == "folder removed":
        (tmp_path / "downloads").rmdir()
    store = local_store(tmp_path)
    assert create(store, len(DATA)).present == (((0, 60_000),) if loss == "cut" else ())
    assert Path(upload(store, DATA).path).read_bytes() == DATA
    store.close()


def test_aborted_download_leaves_nothing(store: LocalStore, tmp_path: Path) -> None:
    create(store, len(DATA))
    write(store, DATA, 0, 100_000)
    sync(store)
    perform(store, AbortPart(1, PART))
    assert in_downloads(tmp_path) == []
    assert create(store, len(DATA)).present == ()


def test_download_of_an_earlier_run_can_be_aborted(tmp_path: Path) -> None:
    begun(tmp_path)
    store = local_store(tmp_path)
    assert perform(store, AbortPart(1, PART)) is None
    assert in_downloads(tmp_path) == []
    store.close()


def test_download_whose_folder_is_gone_can_be_aborted(tmp_path: Path) -> None:
    begun(tmp_path)
    (tmp_path / "downloads").rename(tmp_path / "moved")
    store = local_store(tmp_path)
    assert perform(store, AbortPart(1, PART)) is None
    store.close()


def test_removed_download_can_be_fetched_again(store: LocalStore) -> None:
    Path(upload(store, DATA).path).unlink()
    assert create(store, len(DATA)).committed is None
    assert Path(upload(store, DATA).path).read_bytes() == DATA


def test_commit_may_be_repeated_after_a_restart_until_the_transfer_is_ended(tmp_path: Path) -> None:
    store = local_store(tmp_path)
    claim(store, DOWNLOAD, part_id=PART)
    entry = upload(store, DATA)
    store.close()
    store = local_store(tmp_path)
    assert create(store, len(DATA)).committed == entry
    assert commit(store, DATA) == entry
    perform(store, EndTransfer(PART))
    assert create(store, len(DATA)).committed is None
    store.close()


def test_parts_that_belong_to_no_transfer_are_removed_after_a_while(tmp_path: Path) -> None:
    def at(now: int) -> LocalStore:
        return LocalStore(tmp_path / "downloads", clock=lambda: now, home=tmp_path / "home")

    store = at(0)
    claim(store, DOWNLOAD, part_id=part_id(1))
    for number in (1, 2):
        create(store, 1_000, part_id=part_id(number), name=f"{number}.bin")
    store.close()
    store = at(PART_LIFETIME + 1)
    create(store, 1_000, part_id=part_id(3), name="3.bin")
    assert [name[1] for name in in_downloads(tmp_path)] == ["1", "3"]
    store.close()


def test_old_part_that_cannot_be_removed_holds_no_new_download_up(tmp_path: Path) -> None:
    def at(now: int) -> LocalStore:
        return LocalStore(tmp_path / "downloads", clock=lambda: now, home=tmp_path / "home")

    store = at(0)
    create(store, 1_000, part_id=part_id(1), name="1.bin")
    store.close()
    with closing(sqlite3.connect(tmp_path / "home" / TRANSFER_DATABASE)) as database:
        database.execute("CREATE TRIGGER keep BEFORE DELETE ON parts BEGIN SELECT RAISE(ABORT, 'kept'); END")
    store = at(PART_LIFETIME + 1)
    create(store, 1_000, part_id=part_id(2), name="2.bin")
    assert [name[1] for name in in_downloads(tmp_path)] == ["2"]
    store.close()


def test_wrong_md5_gives_no_file_and_keeps_the_part_for_repair(store: LocalStore, tmp_path: Path) -> None:
    create(store, len(DATA))
    write(store, DATA, 0, len(DATA))
    refused = refusal(store, CommitPart(3, PART, md5(b"else")))
    assert md5(DATA).hex() in refused.text
    assert all(name.startswith(".") for name in in_downloads(tmp_path))
    assert commit(store, DATA).md5 == md5(DATA)


# -- what others put in the way ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("trap", ["link", "pipe", "folder"])
def test_part_that_was_replaced_between_two_runs_is_not_written_to(trap: str, tmp_path: Path) -> None:
    begun(tmp_path)
    (part,) = (tmp_path / "downloads").iterdir()
    part.unlink()
    (tmp_path / "victim").write_bytes(b"keep me")
    if trap == "link":
        part.symlink_to(tmp_path / "victim")
    elif trap == "pipe":
        os.mkfifo(part)
    else:
        part.mkdir()
    store = local_store(tmp_path)
    assert refusal(store, create_request(len(DATA))).text
    store.close()
    assert (tmp_path / "victim").read_bytes() == b"keep me"


def test_link_in_the_place_of_a_new_part_is_removed_and_not_followed(store: Store, tmp_path: Path) -> None:
    (tmp_path / "downloads").mkdir()
    (tmp_path / "victim").write_bytes(b"keep me")
    (tmp_path / "downloads" / f".report.pdf.{PART.hex()}.udpchat-part").symlink_to(tmp_path / "victim")
    entry = upload(store, DATA)
    assert Path(entry.path).read_bytes() == DATA
    assert (tmp_path / "victim").read_bytes() == b"keep me"


def test_folder_that_is_replaced_meanwhile_gets_nothing(store: Store, tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "trap").mkdir()
    perform(store, replace(create_request(len(DATA)), folder=str(tmp_path / "target")))
    write(store, DATA, 0, len(DATA))
    (tmp_path / "target").rename(tmp_path / "moved")
    (tmp_path / "target").symlink_to("trap")
    assert not isinstance(perform(store, CommitPart(3, PART, md5(DATA))), FileEntry)
    assert list((tmp_path / "trap").iterdir()) == []

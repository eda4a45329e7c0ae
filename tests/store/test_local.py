from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.actions import (
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
from udpchat.errors import ErrorCode, UsageError
from udpchat.files.ports import AbortPart, CloseSource, DigestSource, ListFiles, LocalFile, OpenLocal
from udpchat.protocol.ports import perform
from udpchat.store.local import LocalStore

DATA = content(300_000)


@pytest.fixture(params=[False, True], ids=["posix", "portable"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalStore]:
    store = LocalStore(tmp_path / "downloads", clock=ticking(), portable=request.param)
    yield store
    store.close()


def open_local(store: LocalStore, path: Path) -> LocalFile:
    opened = perform(store, OpenLocal(1, str(path)))
    assert isinstance(opened, LocalFile), opened
    return opened


# -- files of the user -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["forward", "backward", "twice", "none", "overlapping"])
def test_digest_of_a_source_is_that_of_the_file_however_it_was_read(
    order: str, store: LocalStore, tmp_path: Path
) -> None:
    (tmp_path / "a.bin").write_bytes(DATA)
    opened = open_local(store, tmp_path / "a.bin")
    assert (opened.file_name, opened.size, opened.source.size) == ("a.bin", len(DATA), len(DATA))
    offsets = list(range(0, len(DATA), 60_000))
    steps = {
        "forward": offsets,
        "backward": offsets[::-1],
        "twice": offsets + offsets,
        "none": [],
        "overlapping": list(range(0, len(DATA), 45_000)),
    }
    for offset in steps[order]:
        buffer = bytearray(60_000)
        count = opened.source.read_into(offset, memoryview(buffer))
        assert bytes(buffer[:count]) == DATA[offset : offset + 60_000]
    assert perform(store, DigestSource(2, opened.source)) == md5(DATA)
    assert perform(store, CloseSource(opened.source)) is None
    assert perform(store, CloseSource(opened.source)) is None
    refusal(store, DigestSource(3, opened.source))


def test_source_that_changed_is_refused(store: LocalStore, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(DATA)
    opened = open_local(store, path)
    with path.open("ab") as file:
        file.write(b"more")
    assert opened.source.read_into(len(DATA), memoryview(bytearray(10))) == 0
    assert refusal(store, DigestSource(2, opened.source)).code == ErrorCode.SOURCE_CHANGED
    opened.source.close()


def test_source_that_shrank_gives_fewer_bytes(store: LocalStore, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(DATA)
    opened = open_local(store, path)
    os.truncate(path, 100)
    assert opened.source.read_into(0, memoryview(bytearray(1_000))) == 100
    assert opened.source.read_into(500, memoryview(bytearray(1_000))) == 0
    assert refusal(store, DigestSource(2, opened.source)).code == ErrorCode.SOURCE_CHANGED
    opened.source.close()


def test_digest_goes_on_while_the_source_is_closed(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(DATA)
    opened = open_local(store, tmp_path / "a.bin")
    job = store.submit(DigestSource(2, opened.source))
    opened.source.close()
    assert job.finish(job.run()) == md5(DATA)


def test_symbolic_link_of_the_user_is_followed(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(DATA)
    (tmp_path / "link.bin").symlink_to(tmp_path / "a.bin")
    opened = open_local(store, tmp_path / "link.bin")
    assert (opened.file_name, opened.size) == ("link.bin", len(DATA))
    opened.source.close()


def test_what_is_no_file_is_refused_with_a_reason(store: LocalStore, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "folder" in refusal(store, OpenLocal(1, str(tmp_path))).text
    assert "pipe" in refusal(store, OpenLocal(1, str(tmp_path / "pipe"))).text
    assert "device" in refusal(store, OpenLocal(1, "/dev/null")).text
    missing = refusal(store, OpenLocal(1, str(tmp_path / "missing")))
    assert (missing.code, "no such file" in missing.text) == (ErrorCode.UNKNOWN_FILE, True)
    refusal(store, OpenLocal(1, "a\0b"))
    refusal(store, OpenLocal(1, "x" * 5_000))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file_is_refused(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "secret").touch(mode=0o000)
    assert "permissions" in refusal(store, OpenLocal(1, str(tmp_path / "secret"))).text


def test_client_has_no_list_of_files(store: LocalStore) -> None:
    with pytest.raises(UsageError):
        store.submit(ListFiles(1))


# -- downloads ---------------------------------------------------------------------------------------------------------


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_download_appears_when_it_is_whole(store: LocalStore, tmp_path: Path) -> None:
    create(store, len(DATA))
    write(store, DATA, 0, len(DATA))
    sync(store)
    assert visible(tmp_path / "downloads") == []
    entry = commit(store, DATA)
    assert entry.path == str(tmp_path / "downloads" / "report.pdf")
    assert [path.name for path in (tmp_path / "downloads").iterdir()] == ["report.pdf"]
    assert Path(entry.path).read_bytes() == DATA


def test_download_never_overwrites(store: LocalStore, tmp_path: Path) -> None:
    folder = tmp_path / "downloads"
    folder.mkdir()
    (folder / "report.pdf").write_bytes(b"mine")
    (folder / "report (2).pdf").mkdir()
    (folder / "report (3).pdf").symlink_to("nowhere")
    entries = [upload(store, DATA, part_id=bytes([number]) * 16) for number in range(2)]
    assert [Path(entry.path).name for entry in entries] == ["report (4).pdf", "report (5).pdf"]
    assert (folder / "report.pdf").read_bytes() == b"mine"
    assert os.readlink(folder / "report (3).pdf") == "nowhere"


@pytest.mark.parametrize("name", ["../../evil", "/etc/passwd", "..", ".bashrc", "a\nb", "x" * 200, "é" * 100])
def test_download_stays_in_its_folder_whatever_its_name(name: str, store: LocalStore, tmp_path: Path) -> None:
    entry = upload(store, DATA, name=name)
    assert entry.file_name == name
    assert Path(entry.path).parent == tmp_path / "downloads"
    assert Path(entry.path).read_bytes() == DATA
    assert [path.name for path in tmp_path.iterdir()] == ["downloads"]


def test_download_ends_in_the_folder_that_was_asked_for(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "elsewhere").symlink_to("real")
    entry = upload(store, DATA, folder=str(tmp_path / "elsewhere"))
    assert Path(entry.path) == tmp_path / "elsewhere" / "report.pdf"
    assert "not a folder" in refusal(store, create_request(10, part_id=bytes(16), folder=str(tmp_path / "no"))).text


def test_download_goes_on_after_a_restart(tmp_path: Path) -> None:
    store = LocalStore(tmp_path, clock=ticking())
    create(store, len(DATA))
    write(store, DATA, 0, 100_000)
    sync(store)
    write(store, DATA, 100_000, 200_000)
    store.close()
    store = LocalStore(tmp_path, clock=ticking())
    assert create(store, len(DATA)).present == ((0, 100_000),)
    assert upload(store, DATA).md5 == md5(DATA)
    store.close()


@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff", b'{"owner": 1}', b"[1]", b'{"ranges": [[5, 1]]}'])
def test_damaged_journal_means_to_begin_anew(damage: bytes, tmp_path: Path) -> None:
    store = LocalStore(tmp_path, clock=ticking())
    create(store, len(DATA))
    write(store, DATA, 0, 100_000)
    sync(store)
    store.close()
    (journal,) = tmp_path.glob(".*-log")
    journal.write_bytes(damage)
    store = LocalStore(tmp_path, clock=ticking())
    assert create(store, len(DATA)).present == ()
    upload(store, DATA)
    store.close()


def test_aborted_download_leaves_nothing(store: LocalStore, tmp_path: Path) -> None:
    create(store, len(DATA))
    write(store, DATA, 0, 100_000)
    sync(store)
    perform(store, AbortPart(1, PART))
    assert list((tmp_path / "downloads").iterdir()) == []


def test_removed_download_can_be_fetched_again(store: LocalStore) -> None:
    Path(upload(store, DATA).path).unlink()
    assert create(store, len(DATA)).committed is None
    assert Path(upload(store, DATA).path).read_bytes() == DATA


def test_part_that_is_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "downloads", clock=ticking())
    create(store, len(DATA))
    store.close()
    (part,) = (tmp_path / "downloads").glob(".*-part")
    part.unlink()
    (tmp_path / "victim").write_bytes(b"keep me")
    part.symlink_to(tmp_path / "victim")
    store = LocalStore(tmp_path / "downloads", clock=ticking())
    refusal(store, create_request(len(DATA)))
    store.close()
    assert (tmp_path / "victim").read_bytes() == b"keep me"

"""Files and folders that are being sent: bytes, MD5, blocks, and what is noticed when they change meanwhile."""

from __future__ import annotations

import hashlib
import os
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.store.actions import content, md5, refusal
from tests.store.grove import SMALL, Tree, local_store, md5_of, open_local, plant, random_tree, read_all, whole
from udpchat.config import BLOCK_SIZE, CHECK_SLICE, MIB
from udpchat.errors import ErrorCode, StorageError, UsageError
from udpchat.files.local_ports import OpenLocal, ReadAhead
from udpchat.files.ports import CloseSource, DigestSource, HashBlocks
from udpchat.protocol.ports import Job, Lane, Result, Source, perform
from udpchat.store.fileio import PortableIO, PosixIO
from udpchat.store.local import LocalStore
from udpchat.store.memory_sources import MemorySource

DATA = content(300_000)
MIXED: Tree = {
    "0 empty": b"",
    "1": content(1_000),
    "2": content(BLOCK_SIZE + 1, 2),
    "3 folder": None,
    "3 folder/empty": b"",
    "3 folder/file": content(5, 3),
    "4": content(2 * BLOCK_SIZE - 1_006, 4),
    "5 last, empty": b"",
}


@pytest.fixture(params=[False, True], ids=["posix", "portable"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalStore]:
    store = local_store(tmp_path / "client", portable=request.param)
    yield store
    store.close()


def blocks_of(data: bytes) -> bytes:
    return b"".join(hashlib.sha256(data[at : at + BLOCK_SIZE]).digest() for at in range(0, len(data), BLOCK_SIZE))


def answer(job: Result | Job) -> Result:
    assert isinstance(job, Job), job
    return job.finish(job.run())


# -- bytes and MD5 -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["forward", "backward", "twice", "none", "overlapping"])
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_digest_of_a_source_is_right_however_it_was_read(
    order: str, kind: str, store: LocalStore, tmp_path: Path
) -> None:
    tree = random_tree(1, 30, 20_000)
    data, expected = (DATA, md5(DATA)) if kind == "file" else (whole(tree), md5_of(tree))
    if kind == "file":
        (tmp_path / "a").write_bytes(DATA)
    else:
        plant(tmp_path / "a", tree)
    opened = open_local(store, tmp_path / "a")
    assert (opened.file_name, opened.size, opened.source.size) == ("a", len(data), len(data))
    offsets = list(range(0, len(data), 60_000))
    steps = {
        "forward": offsets,
        "backward": offsets[::-1],
        "twice": offsets + offsets,
        "none": [],
        "overlapping": list(range(0, len(data), 45_000)),
    }
    for offset in steps[order]:
        buffer = bytearray(60_000)
        count = opened.source.read_into(offset, memoryview(buffer))
        assert bytes(buffer[:count]) == data[offset : offset + 60_000]
    assert perform(store, DigestSource(2, opened.source)) == expected
    assert perform(store, CloseSource(opened.source)) is None
    assert perform(store, CloseSource(opened.source)) is None
    refusal(store, DigestSource(3, opened.source))


@pytest.mark.parametrize("step", [1_000, 65_536, 10 * MIB])
def test_folder_of_odd_sizes_reads_as_one_run_of_bytes(step: int, store: LocalStore, tmp_path: Path) -> None:
    opened = open_local(store, plant(tmp_path / "things", MIXED))
    assert read_all(opened.source, step) == whole(MIXED)
    assert opened.source.read_into(opened.size, memoryview(bytearray(10))) == 0
    assert opened.source.read_into(opened.size + 5, memoryview(bytearray(10))) == 0
    assert perform(store, DigestSource(2, opened.source)) == md5_of(MIXED)
    opened.source.close()


def test_folder_without_bytes_has_an_md5(store: LocalStore, tmp_path: Path) -> None:
    tree: Tree = {"a": None, "b": b""}
    opened = open_local(store, plant(tmp_path / "things", tree))
    assert perform(store, DigestSource(2, opened.source)) == md5_of(tree)
    assert perform(store, HashBlocks(3, opened.source, 0, 16)) == b""
    opened.source.close()


def test_source_that_is_closed_before_its_turn_comes_is_not_read(store: LocalStore, tmp_path: Path) -> None:
    for path in (plant(tmp_path / "things", SMALL), tmp_path / "things" / "big.bin"):
        opened = open_local(store, path)
        requests = (DigestSource(2, opened.source), ReadAhead(3, opened.source, 5), HashBlocks(4, opened.source, 0, 1))
        jobs = [store.submit(request) for request in requests]
        opened.source.close()
        for job in jobs:
            refused = answer(job)
            assert isinstance(refused, StorageError)
            assert refused.code == ErrorCode.CANCELLED


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_questions_that_wait_hold_nothing_open(store: LocalStore, tmp_path: Path) -> None:
    opened = open_local(store, plant(tmp_path / "things", SMALL) / "big.bin")
    before = len(os.listdir("/proc/self/fd"))
    jobs = [store.submit(HashBlocks(2, opened.source, 0, 1)) for _ in range(50)]
    assert len(os.listdir("/proc/self/fd")) == before
    assert {answer(job) for job in jobs} == {blocks_of(SMALL["big.bin"] or b"")}
    opened.source.close()


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_digest_goes_on_while_the_source_is_closed(
    kind: str, store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = plant(tmp_path / "things", SMALL)
    source = open_local(store, path if kind == "folder" else path / "big.bin").source
    read_at = PosixIO.read_at, PortableIO.read_at

    def closing(io: Any, fd: int, offset: int, view: memoryview) -> int:
        source.close()
        return read_at[isinstance(io, PortableIO)](io, fd, offset, view)

    job = store.submit(DigestSource(2, source))
    monkeypatch.setattr(PosixIO, "read_at", closing)
    monkeypatch.setattr(PortableIO, "read_at", closing)
    assert answer(job) == (md5_of(SMALL) if kind == "folder" else md5(SMALL["big.bin"] or b""))


# -- beside sending ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_blocks_have_their_hashes(kind: str, store: LocalStore, tmp_path: Path) -> None:
    root = plant(tmp_path / "things", MIXED)
    data = whole(MIXED) if kind == "folder" else MIXED["2"] or b""
    opened = open_local(store, root if kind == "folder" else root / "2")
    assert perform(store, HashBlocks(3, opened.source, 0, 16)) == blocks_of(data)
    assert perform(store, HashBlocks(3, opened.source, 1, 1)) == blocks_of(data)[32:64]
    assert perform(store, HashBlocks(3, opened.source, 99, 16)) == b""
    opened.source.close()


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_md5_runs_over_what_is_not_sent_and_then_along_with_what_is(
    kind: str, store: LocalStore, tmp_path: Path
) -> None:
    data = content(CHECK_SLICE + 3 * MIB)
    tree: Tree = {"a": data[: 5 * MIB], "b": data[5 * MIB :]}
    root = plant(tmp_path / "things", tree)
    (tmp_path / "one").write_bytes(data)
    source = open_local(store, root if kind == "folder" else tmp_path / "one").source
    stop = CHECK_SLICE + MIB  # the server has so much; sending begins there
    buffer = memoryview(bytearray(MIB))
    first = store.submit(ReadAhead(2, source, stop))
    assert source.read_into(stop, buffer) == MIB
    assert answer(first) is False
    assert source.read_into(stop + MIB, buffer) == MIB
    assert perform(store, ReadAhead(2, source, stop)) is True
    assert perform(store, DigestSource(3, source)) == (md5_of(tree) if kind == "folder" else md5(data))
    source.close()


def test_what_was_hashed_as_it_passed_is_not_read_again(store: LocalStore, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(DATA)
    source = open_local(store, path).source
    assert read_all(source) == DATA
    status = path.stat()
    path.write_bytes(content(len(DATA), 2))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert perform(store, DigestSource(2, source)) == md5(DATA)
    source.close()


def test_reading_back_has_a_lane_of_its_own(store: LocalStore, tmp_path: Path) -> None:
    source = open_local(store, plant(tmp_path / "things", SMALL)).source
    for request in (DigestSource(1, source), ReadAhead(2, source, 5), HashBlocks(3, source, 0, 1)):
        job = store.submit(request)
        assert isinstance(job, Job)
        assert job.lane is Lane.CHECKING
        answer(job)
    source.close()


def test_source_of_another_store_is_our_own_mistake(store: LocalStore) -> None:
    foreign: Source = MemorySource("a", b"a")
    with pytest.raises(UsageError):
        store.submit(DigestSource(1, foreign))


# -- changes -----------------------------------------------------------------------------------------------------------


def test_source_that_changed_is_refused(store: LocalStore, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(DATA)
    opened = open_local(store, path)
    with path.open("ab") as file:
        file.write(b"more")
    assert opened.source.read_into(len(DATA), memoryview(bytearray(10))) == 0
    assert refusal(store, DigestSource(2, opened.source)).code == ErrorCode.SOURCE_CHANGED
    assert refusal(store, HashBlocks(2, opened.source, 0, 1)).code == ErrorCode.SOURCE_CHANGED
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


@pytest.mark.parametrize("change", ["grown", "shrunk", "touched", "removed", "link", "folder"])
def test_member_that_changed_before_it_was_read_is_named(change: str, store: LocalStore, tmp_path: Path) -> None:
    root = plant(tmp_path / "things", MIXED)
    opened = open_local(store, root)
    path = root / "3 folder" / "file"
    if change == "grown":
        path.write_bytes(b"longer than before")
    elif change == "shrunk":
        os.truncate(path, 2)
    elif change == "touched":
        os.utime(path, ns=(5, 5))
    else:
        path.unlink()
        if change == "link":
            path.symlink_to("/etc/passwd")
        elif change == "folder":
            path.mkdir()
    before = 1_000 + BLOCK_SIZE + 1
    assert opened.source.read_into(0, memoryview(bytearray(before))) == before
    assert opened.source.read_into(before - 10, memoryview(bytearray(100))) == 0
    refused = refusal(store, DigestSource(2, opened.source))
    assert "3 folder/file" in refused.text
    assert refused.code == (ErrorCode.STORAGE_FAILED if change == "link" else ErrorCode.SOURCE_CHANGED)
    opened.source.close()


@pytest.mark.parametrize("size", [0, 2_000])
def test_member_that_changed_after_it_was_read_is_noticed(size: int, store: LocalStore, tmp_path: Path) -> None:
    root = plant(tmp_path / "things", {"a": b"x" * size, "b": b"b"})
    opened = open_local(store, root)
    read_all(opened.source)
    (root / "a").write_bytes(b"changed")
    refused = refusal(store, DigestSource(2, opened.source))
    assert (refused.code, "'a'" in refused.text) == (ErrorCode.SOURCE_CHANGED, True)
    opened.source.close()


def test_member_that_changes_while_it_is_read_is_noticed_at_its_end(store: LocalStore, tmp_path: Path) -> None:
    root = plant(tmp_path / "things", {"a": bytes(2_000), "b": b"b"})
    source = open_local(store, root).source
    assert source.read_into(0, memoryview(bytearray(1_000))) == 1_000
    with (root / "a").open("r+b") as file:
        file.write(b"new")
    os.utime(root / "a", ns=(5, 5))
    assert source.read_into(1_000, memoryview(bytearray(1_000))) == 0
    assert refusal(store, DigestSource(2, source)).code == ErrorCode.SOURCE_CHANGED
    source.close()


def test_directory_that_was_replaced_by_a_link_gives_nothing_from_there(store: LocalStore, tmp_path: Path) -> None:
    plant(tmp_path / "secret", {"file": b"54321"})
    root = plant(tmp_path / "things", {"d": None, "d/file": b"12345"})
    opened = open_local(store, root)
    (root / "d").rename(root / "old")
    (root / "d").symlink_to(tmp_path / "secret")
    os.utime(tmp_path / "secret" / "file", ns=(5, (root / "old" / "file").stat().st_mtime_ns))
    buffer = bytearray(5)
    count = opened.source.read_into(0, memoryview(buffer))
    assert bytes(buffer[:count]) in {b"", b"12345"}
    assert refusal(store, DigestSource(2, opened.source)).text
    assert refusal(store, HashBlocks(3, opened.source, 0, 1)).text
    opened.source.close()


# -- what is no file ---------------------------------------------------------------------------------------------------


def test_symbolic_link_of_the_user_is_followed(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(DATA)
    (tmp_path / "link.bin").symlink_to(tmp_path / "a.bin")
    opened = open_local(store, tmp_path / "link.bin")
    assert (opened.file_name, opened.size) == ("link.bin", len(DATA))
    opened.source.close()


def test_what_is_no_file_is_refused_with_a_reason(store: LocalStore, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
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


# -- large and many ----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="needs sparse files")
def test_file_of_5_gib_is_read_anywhere_without_memory(store: LocalStore, tmp_path: Path) -> None:
    path, size = tmp_path / "huge", 5 * 1_024 * MIB
    with path.open("wb") as file:
        file.truncate(size)
        file.seek(size - 4)
        file.write(b"last")
    tracemalloc.start()
    opened = open_local(store, path)
    buffer = bytearray(100_000)
    for offset in (0, 2**31 - 5, 2**32 - 5, size // 2):
        assert opened.source.read_into(offset, memoryview(buffer)) == 100_000
    assert opened.source.read_into(size - 4, memoryview(buffer)) == 4
    assert buffer[:4] == b"last"
    assert perform(store, HashBlocks(1, opened.source, 4_000, 2)) == blocks_of(bytes(2 * BLOCK_SIZE))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    opened.source.close()
    assert peak < 8 * MIB


def test_ten_thousand_files_are_sent_with_bounded_memory_and_few_open_files(tmp_path: Path) -> None:
    tree = {f"{number // 100:02}": None for number in range(10_000)}
    tree |= {f"{number // 100:02}/{number % 100:02}": b"%d" % number for number in range(10_000)}  # type: ignore[misc]
    root = plant(tmp_path / "things", tree)
    store = local_store(tmp_path / "client")
    tracemalloc.start()
    opened = open_local(store, root)
    assert opened.index is not None
    assert len(opened.index) == 10_100
    buffer, offset = memoryview(bytearray(60_000)), 0
    while offset < opened.size:
        offset += opened.source.read_into(offset, buffer)
    if sys.platform == "linux":
        assert len(os.listdir("/proc/self/fd")) < 200
    assert len(perform(store, DigestSource(1, opened.source))) == 16
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    opened.source.close()
    store.close()
    assert peak < 10 * MIB


@pytest.mark.parametrize("name", ["~root", "~", "~nobody-of-this-name"])
def test_a_tilde_is_a_letter_of_a_name(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(b"this one")
    opened = open_local(store, Path(name))
    assert read_all(opened.source) == b"this one"
    opened.source.close()

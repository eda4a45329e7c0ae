import errno
import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.capture.making import ANNA, BOB
from udpchat.capture.pcapng import read_capture
from udpchat.capture.rotation import CaptureLog, CaptureTarget
from udpchat.errors import StorageError

resource = pytest.importorskip("resource")  # the file size limit of the process plays the full disk
HALF = 10_000
RECORD = 1_000  # bytes of a datagram; a little more in the file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trace.pcapng"


def record(log: CaptureLog, numbers: range) -> None:
    for number in numbers:
        log.write(number, ANNA, BOB, number.to_bytes(2, "big") * (RECORD // 2), comment=f"number={number}")


def numbers(path: Path) -> list[int]:
    found = read_capture(path)
    told = [each.us for each in found]
    assert not found.truncated
    assert [interface.name for interface in found.interfaces] == ["here"]
    return told


def test_the_newest_half_is_always_kept(path: Path) -> None:
    log = CaptureLog(CaptureTarget(path, 2 * HALF), ["here"])
    for last in range(60):
        record(log, range(last, last + 1))
        log.flush()
        kept = (numbers(log.older_path) if log.older_path.exists() else []) + numbers(path)
        assert kept == list(range(kept[0] if kept else 0, last + 1))
        assert sum(each.stat().st_size for each in path.parent.iterdir()) <= 2 * HALF + 2 * RECORD
        if last * RECORD > HALF:
            assert len(kept) * RECORD >= HALF - 2 * RECORD
    log.close()
    assert {each.name for each in path.parent.iterdir()} == {"trace.pcapng", "trace.1.pcapng"}


def test_every_half_is_a_capture_of_its_own_for_its_owner_alone(path: Path) -> None:
    path.write_bytes(b"there before" * 1_000)
    path.chmod(0o644)
    log = CaptureLog(CaptureTarget(path, 2 * HALF), ["here"])
    record(log, range(15))
    log.close()
    assert numbers(log.older_path) + numbers(path) == list(range(15))
    for each in path.parent.iterdir():
        assert stat.S_IMODE(each.stat().st_mode) == 0o600


def test_what_was_flushed_can_be_read_while_the_recording_goes_on(path: Path) -> None:
    log = CaptureLog(CaptureTarget(path), ["here"])
    assert numbers(path) == []
    record(log, range(3))
    assert numbers(path) == []
    log.flush()
    assert numbers(path) == [0, 1, 2]
    log.close()
    log.close()
    record(log, range(9))
    assert numbers(path) == [0, 1, 2]


def test_a_lot_is_written_without_being_asked(path: Path) -> None:
    log = CaptureLog(CaptureTarget(path), ["here"])
    record(log, range(400))
    assert 200 < len(numbers(path)) < 400
    log.close()
    assert len(numbers(path)) == 400


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("missing/trace.pcapng", os.strerror(errno.ENOENT)),
        (".", os.strerror(errno.EISDIR)),
        ("/dev/null", "not a file"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused_at_once(tmp_path: Path, place: str, reason: str) -> None:
    with pytest.raises(StorageError, match=rf"cannot write the capture .*: .*{reason}; name a file in a folder"):
        CaptureLog(CaptureTarget(tmp_path / place), ["here"])


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file may become larger than 9,000 bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (9_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("small_disk")
def test_a_full_disk_ends_the_recording_with_one_warning(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = CaptureLog(CaptureTarget(path), ["here"])
    record(log, range(5))
    log.flush()
    record(log, range(5, 12))
    with caplog.at_level(logging.WARNING):
        log.flush()
        record(log, range(400))
        log.flush()
        log.close()
    assert [entry.getMessage() for entry in caplog.records] == [
        f"the capture {path} ends here: {os.strerror(errno.EFBIG)}"
    ]
    assert numbers(path) == list(range(5))  # what did not fit left nothing behind


def test_a_folder_that_went_away_ends_the_recording_with_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "there"
    folder.mkdir()
    path = folder / "trace.pcapng"
    log = CaptureLog(CaptureTarget(path, 2 * HALF), ["here"])
    path.unlink()
    folder.rmdir()
    record(log, range(30))
    log.close()
    assert len(caplog.records) == 1

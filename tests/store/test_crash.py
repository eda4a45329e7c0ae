"""A crash at every named point: nothing acknowledged is lost, nothing half is shown, and the transfer goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.store.actions import PART, commit, content, create, files, md5, server_store, sync, ticking, upload, write
from udpchat.files.ports import OpenStored
from udpchat.protocol.ports import Store, perform
from udpchat.store import failpoints
from udpchat.store.local import LocalStore

SIZE = 50_000
DATA = content(SIZE)
POINTS = [point for point in failpoints.POINTS if point != "replied"]


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
    listed = files(store)
    assert [entry.md5 for entry in listed] == ([md5(DATA)] if point in {"linked", "committed"} else [])
    created = create(store, SIZE)
    assert (created.committed is not None) == bool(listed)
    if point in {"journalled", "verified"}:
        assert created.present[0][1] >= SIZE // 2
    entry = upload(store, DATA)
    assert files(store) == (entry,)
    source = perform(store, OpenStored(1, entry.file_id))
    assert getattr(source, "size", None) == SIZE
    store.close()
    assert (folder / "files" / entry.file_id.hex()).read_bytes() == DATA
    assert list((folder / "incoming").iterdir()) == []
    assert list((folder / "quarantine").iterdir()) == []


@pytest.mark.parametrize("portable", [False, True], ids=["posix", "portable"])
@pytest.mark.parametrize("point", POINTS)
def test_client_goes_on_after_a_crash(
    point: str, portable: bool, tmp_path: Path, crash_at: Callable[[str], None]
) -> None:
    store = LocalStore(tmp_path, clock=ticking(), portable=portable)
    crash_at(point)
    with pytest.raises(CrashError):
        send(store)
    store.close()
    visible = [path for path in tmp_path.iterdir() if not path.name.startswith(".")]
    assert all(path.read_bytes() == DATA for path in visible)
    store = LocalStore(tmp_path, clock=ticking(), portable=portable)
    entry = upload(store, DATA)
    store.close()
    if point != "committed":  # a finished download that is asked for again is a new one
        assert [path.name for path in tmp_path.iterdir()] == ["report.pdf"]
    assert Path(entry.path).read_bytes() == DATA
    assert not any(path.name.startswith(".") for path in tmp_path.iterdir())


def test_name_that_was_only_reserved_is_no_file(tmp_path: Path, crash_at: Callable[[str], None]) -> None:
    store = LocalStore(tmp_path, clock=ticking(), portable=True)
    crash_at("verified")
    with pytest.raises(CrashError):
        send(store)
    store.close()
    (tmp_path / "report.pdf").touch()
    store = LocalStore(tmp_path, clock=ticking(), portable=True)
    upload(store, DATA)
    store.close()
    assert [(path.name, path.read_bytes() == DATA) for path in tmp_path.iterdir()] == [("report.pdf", True)]


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

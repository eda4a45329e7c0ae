"""A client that ends at any call of the system, or at any named point: nothing half is shown, and it goes on."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.store.actions import (
    PART,
    commit,
    content,
    create,
    create_request,
    md5,
    refusal,
    server_store,
    sync,
    upload,
    write,
)
from tests.store.grove import (
    NAME,
    add_members,
    begin_folder,
    check_all,
    found_in,
    local_store,
    md5_of,
    members_of,
    receive_folder,
    whole,
    write_folder,
)
from udpchat.errors import ErrorCode
from udpchat.files.ports import CommitPart, FileEntry
from udpchat.protocol.ports import perform
from udpchat.store import failpoints
from udpchat.store.local import LocalStore

SIZE = 50_000
DATA = content(SIZE)
POINTS = [point for point in failpoints.POINTS if point != "replied"]
CALLS = ("link", "unlink", "rename", "replace", "mkdir", "rmdir", "fsync", "fdatasync", "utime", "pwrite", "write")
MORE_CALLS = ("open", "posix_fallocate", "ftruncate")
TREE = {"d": None, "d/empty": b"", "d/one": b"1" * 3_000, "two": b"2" * 2_000, "large": b"3" * 6_000}


needs_fork = pytest.mark.skipif(not hasattr(os, "fork") or sys.platform == "darwin", reason="needs fork")


class CrashError(Exception):
    pass


def receive_file(store: LocalStore) -> None:
    create(store, SIZE)
    write(store, DATA, 0, SIZE // 2)
    sync(store)
    write(store, DATA, SIZE // 2, SIZE)
    commit(store, DATA)


def receive_tree(store: LocalStore) -> None:
    """In all ways that there are: one file is made ahead, one by the first sync, one by the commit."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("udpchat.store.tree_files.LARGE", 5_000)
        patch.setattr("udpchat.store.tree_part.FILES_AT_ONCE", 1)
        begin_folder(store, TREE)
        assert add_members(store, members_of(TREE)) is None
        write_folder(store, whole(TREE), 0, 7_000)
        assert sync(store).durable_bytes == 5_000
        write_folder(store, whole(TREE), 7_000, len(whole(TREE)))
        assert isinstance(perform(store, CommitPart(3, PART, md5_of(TREE))), FileEntry)


def check_file(folder: Path, *, portable: bool) -> None:
    """What a crash left is nothing half, and the next run brings it to its end."""
    for path in visible(folder):
        assert path.name == "report.pdf"
        assert path.read_bytes() == DATA or (portable and path.stat().st_size == 0)  # which only keeps the name
    store = local_store(folder, portable=portable)
    if create(store, SIZE).committed is None:
        assert check_all(store) == ()
    entry = upload(store, DATA)
    store.close()
    assert (entry.path, entry.md5) == (str(folder / "downloads" / "report.pdf"), md5(DATA))
    assert [path.name for path in (folder / "downloads").iterdir()] == ["report.pdf"]
    assert Path(entry.path).read_bytes() == DATA


def check_tree(folder: Path, *, portable: bool) -> None:
    for path in visible(folder):
        assert path.name == NAME
        assert found_in(path) == dict(sorted(TREE.items())) or (portable and not list(path.iterdir()))
    store = local_store(folder, portable=portable)
    entry = receive_folder(store, TREE)
    store.close()
    assert (entry.path, entry.md5) == (str(folder / "downloads" / NAME), md5_of(TREE))
    assert [path.name for path in (folder / "downloads").iterdir()] == [NAME]
    assert found_in(Path(entry.path)) == dict(sorted(TREE.items()))


def visible(folder: Path) -> list[Path]:
    place = folder / "downloads"
    return [path for path in place.iterdir() if not path.name.startswith(".")] if place.exists() else []


KINDS = {"file": (receive_file, check_file), "folder": (receive_tree, check_tree)}


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


@pytest.mark.parametrize("portable", [False, True], ids=["posix", "portable"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("point", [*POINTS, "members-written"])
def test_client_goes_on_after_it_ended_at_a_named_point(
    point: str, kind: str, portable: bool, tmp_path: Path, crash_at: Callable[[str], None]
) -> None:
    receive, check = KINDS[kind]
    store = local_store(tmp_path, portable=portable)
    crash_at(point)
    if point == "members-written" and kind == "file":
        receive(store)
    else:
        with pytest.raises(CrashError):
            receive(store)
    store.close()
    check(tmp_path, portable=portable)


def run_until(call: int, receive: Callable[[LocalStore], None], folder: Path, *, portable: bool) -> bool:
    """Receive in a process that ends just before the call-th call of the system; whether it came to its end."""
    child = os.fork()
    if child:
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert code in {0, 9}
        return code == 0
    status = 1
    try:
        left = [call]

        def counted(name: str) -> Callable[..., Any]:
            honest = getattr(os, name)

            def wrapper(*arguments: Any, **options: Any) -> Any:
                left[0] -= name != "open" or bool(arguments[1] & os.O_CREAT)  # what changes nothing does not count
                if left[0] == 0:
                    os._exit(9)
                return honest(*arguments, **options)

            return wrapper

        for name in (*CALLS, *MORE_CALLS):
            if hasattr(os, name):
                wrapper = counted(name)
                for known in (os.supports_dir_fd, os.supports_follow_symlinks):
                    if getattr(os, name) in known:
                        known.add(wrapper)
                setattr(os, name, wrapper)
        store = local_store(folder, portable=portable)
        receive(store)
        store.close()
        status = 0
    finally:
        os._exit(status)


@needs_fork
@pytest.mark.parametrize("portable", [False, True], ids=["posix", "portable"])
@pytest.mark.parametrize("kind", KINDS)
def test_client_goes_on_after_it_ended_before_any_call_of_the_system(kind: str, portable: bool, tmp_path: Path) -> None:
    receive, check = KINDS[kind]
    call = 1
    while not run_until(call, receive, tmp_path / str(call), portable=portable):
        (tmp_path / str(call)).mkdir(exist_ok=True)
        check(tmp_path / str(call), portable=portable)
        call += 1
    assert call > 10
    check(tmp_path / str(call), portable=portable)


def end_while_a_name_is_kept(receive: Callable[[LocalStore], None], folder: Path) -> None:
    """Receive in a process that ends when it is about to move what it has over what keeps the name free."""
    child = os.fork()
    if child:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
        return
    try:
        os.replace = os.rename = lambda *_arguments, **_options: os._exit(9)
        receive(local_store(folder, portable=True))
    finally:
        os._exit(1)


@pytest.mark.parametrize("kind", KINDS)
@needs_fork
def test_name_that_was_only_kept_free_is_no_file(kind: str, tmp_path: Path) -> None:
    receive, check = KINDS[kind]
    end_while_a_name_is_kept(receive, tmp_path)
    assert len(visible(tmp_path)) == 1
    check(tmp_path, portable=True)


def check_beside(folder: Path, kind: str, *, portable: bool) -> None:
    """What the user has under the future name stays, empty as it is."""
    (theirs,) = visible(folder)
    before = theirs.stat()
    store = local_store(folder, portable=portable)
    if kind == "file":
        create(store, SIZE)
        check_all(store)
        entry = upload(store, DATA)
        assert Path(entry.path).read_bytes() == DATA
    else:
        entry = receive_folder(store, TREE)
        assert found_in(Path(entry.path)) == dict(sorted(TREE.items()))
    store.close()
    assert "(2)" in Path(entry.path).name
    assert set(visible(folder)) == {theirs, Path(entry.path)}
    after = theirs.stat()
    assert (after.st_ino, after.st_ctime_ns) == (before.st_ino, before.st_ctime_ns)


@pytest.mark.parametrize("portable", [False, True], ids=["posix", "portable"])
@pytest.mark.parametrize("kind", KINDS)
def test_empty_thing_that_the_user_makes_under_the_future_name_stays(
    kind: str, portable: bool, tmp_path: Path, crash_at: Callable[[str], None]
) -> None:
    receive, _ = KINDS[kind]
    store = local_store(tmp_path, portable=portable)
    crash_at("verified")
    with pytest.raises(CrashError):
        receive(store)
    store.close()
    place = tmp_path / "downloads" / ("report.pdf" if kind == "file" else NAME)
    place.touch() if kind == "file" else place.mkdir()
    check_beside(tmp_path, kind, portable=portable)


@pytest.mark.parametrize("kind", KINDS)
@needs_fork
def test_empty_thing_in_place_of_what_kept_the_name_free_stays(kind: str, tmp_path: Path) -> None:
    receive, _ = KINDS[kind]
    end_while_a_name_is_kept(receive, tmp_path)
    (place,) = visible(tmp_path)
    if kind == "file":
        place.unlink()
        place.touch()
    else:
        place.rmdir()
        place.mkdir()
    check_beside(tmp_path, kind, portable=True)


@pytest.mark.parametrize("content", [b"", b"mine"])
def test_file_of_the_user_under_the_future_name_stays(
    content: bytes, tmp_path: Path, crash_at: Callable[[str], None]
) -> None:
    store = local_store(tmp_path)
    crash_at("verified")
    with pytest.raises(CrashError):
        receive_tree(store)
    store.close()
    (tmp_path / "downloads" / NAME).write_bytes(content)
    store = local_store(tmp_path)
    entry = receive_folder(store, TREE)
    store.close()
    assert Path(entry.path).name == f"{NAME} (2)"
    assert (tmp_path / "downloads" / NAME).read_bytes() == content


def test_part_that_was_committed_and_is_asked_for_with_another_size_is_refused(tmp_path: Path) -> None:
    store = local_store(tmp_path)
    receive_file(store)
    assert getattr(perform(store, create_request(SIZE + 1)), "text", "")
    store.close()


# -- what is missing of a part that goes on ----------------------------------------------------------------------------


@pytest.mark.parametrize("portable", [False, True], ids=["posix", "portable"])
def test_client_that_ends_while_it_makes_room_for_what_was_lost_does_not_take_zeros_for_it(
    portable: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = local_store(tmp_path, portable=portable)
    create(store, SIZE)
    write(store, DATA, 0, SIZE // 2)
    sync(store)
    store.close()
    (part,) = (tmp_path / "downloads").iterdir()
    os.truncate(part, 100)
    store, honest = local_store(tmp_path, portable=portable), os.ftruncate

    def ending(fd: int, size: int) -> None:
        """The process is not there any more once there is room."""
        if size == SIZE:
            honest(fd, size)
        raise CrashError

    with monkeypatch.context() as patch:
        patch.setattr(os, "ftruncate", ending)
        with pytest.raises(CrashError):
            perform(store, create_request(SIZE))
    assert part.stat().st_size == SIZE
    store.close()
    store = local_store(tmp_path, portable=portable)
    assert create(store, SIZE).present == ((0, 100),)
    store.close()
    check_file(tmp_path, portable=portable)


@pytest.mark.parametrize("portable", [False, True], ids=["posix", "portable"])
def test_client_that_ends_after_a_member_was_lost_does_not_take_zeros_for_it(portable: bool, tmp_path: Path) -> None:
    tree = {"one": b"1" * 3_000, "two": b"2" * 6_000}
    store = local_store(tmp_path, portable=portable)
    begin_folder(store, tree)
    add_members(store, members_of(tree))
    write_folder(store, whole(tree), 0, 5_000)
    assert sync(store).durable_bytes == 5_000
    store.close()
    (place,) = (path for path in (tmp_path / "downloads").iterdir())
    os.truncate(place / "two", 100)
    store = local_store(tmp_path, portable=portable)
    assert begin_folder(store, tree).present == ((0, 3_100),)
    write_folder(store, whole(tree), 8_000, 9_000)
    store.close()
    assert (place / "two").stat().st_size == 6_000
    store = local_store(tmp_path, portable=portable)
    assert begin_folder(store, tree).present == ((0, 3_100),)
    entry = receive_folder(store, tree)
    store.close()
    assert found_in(Path(entry.path)) == tree


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="needs posix_fallocate")
def test_room_that_was_found_until_the_disk_was_full_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def filling(fd: int, offset: int, size: int) -> None:
        os.ftruncate(fd, offset + size - 1)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    server, client = server_store(tmp_path / "server"), local_store(tmp_path / "client")
    for store in (server, client):
        create(store, SIZE)
        write(store, DATA, 0, SIZE // 2)
        sync(store)
        store.close()
    parts = [*(tmp_path / "server" / "incoming").iterdir(), *(tmp_path / "client" / "downloads").iterdir()]
    for part in parts:
        os.truncate(part, SIZE // 2)
    server, client = server_store(tmp_path / "server"), local_store(tmp_path / "client")
    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", filling)
        for store in (server, client):
            assert refusal(store, create_request(SIZE)).code == ErrorCode.NO_SPACE
    assert [part.stat().st_size for part in parts] == [SIZE // 2] * 2
    for store in (server, client):
        assert create(store, SIZE).present == ((0, SIZE // 2),)
        assert upload(store, DATA).md5 == md5(DATA)
        store.close()

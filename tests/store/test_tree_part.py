"""Downloads of folders: the same tree under a free name, whatever comes in between."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.actions import PART, refusal, sync
from tests.store.grove import (
    MIXED,
    NAME,
    SMALL,
    Tree,
    add_members,
    begin_folder,
    begun,
    check_all,
    found_in,
    in_downloads,
    local_store,
    md5_of,
    members_of,
    open_local,
    plant,
    random_tree,
    receive_folder,
    staging,
    umask,
    whole,
    write_folder,
)
from tests.store.test_names import EXAMPLES, check_safe
from udpchat.config import MAX_MEMBER_PATH
from udpchat.errors import ErrorCode, UsageError
from udpchat.files.members import MemberInfo
from udpchat.files.ports import (
    AbortPart,
    AddMembers,
    ClosePart,
    CommitPart,
    FileEntry,
    WritePart,
)
from udpchat.protocol.ports import perform
from udpchat.store.local import LocalStore
from udpchat.wire.numbers import FileFlag, MemberFlag


@pytest.fixture(params=[False, True], ids=["posix", "portable"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalStore]:
    store = local_store(tmp_path, portable=request.param)
    yield store
    store.close()


# -- the same tree -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tree", [SMALL, MIXED, {}, {"empty": None}, {"file": b""}], ids=len)
def test_folder_arrives_as_the_same_tree(tree: Tree, store: LocalStore, tmp_path: Path) -> None:
    entry = receive_folder(store, tree)
    assert (entry.path, entry.file_name, entry.md5) == (str(tmp_path / "downloads" / NAME), NAME, md5_of(tree))
    assert (entry.size, entry.members, entry.flags) == (len(whole(tree)), len(tree), FileFlag.FOLDER)
    assert found_in(Path(entry.path)) == dict(sorted(tree.items()))
    assert in_downloads(tmp_path) == [NAME]


def test_what_was_sent_arrives_and_can_be_sent_on(store: LocalStore, tmp_path: Path) -> None:
    opened = open_local(store, plant(tmp_path / "sent", SMALL))
    opened.source.close()
    received = open_local(store, Path(receive_folder(store, SMALL).path))
    received.source.close()
    assert opened.index is not None
    assert received.index is not None
    assert [(member.path, member.size) for member in received.index] == [
        (member.path, member.size) for member in opened.index
    ]


def test_times_and_permissions_are_those_of_the_sender_within_the_umask(store: LocalStore) -> None:
    root = Path(receive_folder(store, SMALL, executable=["a/one", "a/empty"]).path)
    for member in members_of(SMALL, ["a/one", "a/empty"]):
        status = (root / member.path).stat()
        assert status.st_mtime_ns == member.modified * 1_000, member.path
        is_executable = member.is_directory or bool(member.flags & MemberFlag.EXECUTABLE)
        assert os.name != "posix" or status.st_mode & 0o7777 == (0o777 if is_executable else 0o666) & ~umask()


def test_pieces_may_come_in_any_order_and_twice(store: LocalStore) -> None:
    data = whole(MIXED)
    begin_folder(store, MIXED)
    assert add_members(store, members_of(MIXED)) is None
    for start in (*range(0, len(data), 12_000), *range(6_000, len(data), 9_000), 0):
        write_folder(store, data, start, min(start + 9_000, len(data)))
        if start % 50 == 0:
            sync(store)
    entry = perform(store, CommitPart(3, PART, md5_of(MIXED)))
    assert isinstance(entry, FileEntry)
    assert found_in(Path(entry.path)) == dict(sorted(MIXED.items()))


def test_folder_never_lands_on_anything(store: LocalStore, tmp_path: Path) -> None:
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    (downloads / NAME).mkdir()
    (downloads / f"{NAME} (2)").write_bytes(b"mine")
    (downloads / f"{NAME} (3)").symlink_to("nowhere")
    plant(downloads / f"{NAME} (4)", {"mine": b"mine"})
    entry = receive_folder(store, SMALL)
    assert Path(entry.path).name == f"{NAME} (5)"
    assert list((downloads / NAME).iterdir()) == []
    assert (downloads / f"{NAME} (2)").read_bytes() == b"mine"
    assert os.readlink(downloads / f"{NAME} (3)") == "nowhere"
    assert found_in(downloads / f"{NAME} (4)") == {"mine": b"mine"}


def test_two_folders_of_one_name_are_two(store: LocalStore, tmp_path: Path) -> None:
    receive_folder(store, SMALL)
    receive_folder(store, {"other": b"1"}, part_id=b"2" * 16)
    assert in_downloads(tmp_path) == [NAME, f"{NAME} (2)"]


def test_commit_may_be_repeated(store: LocalStore, tmp_path: Path) -> None:
    entry = receive_folder(store, SMALL)
    assert perform(store, CommitPart(3, PART, md5_of(SMALL))) == entry
    store.close()
    again = local_store(tmp_path)
    created = begin_folder(again, SMALL)
    assert (created.committed, created.is_indexed) == (entry, True)
    again.close()


# -- names -------------------------------------------------------------------------------------------------------------

ODD = [name for name in EXAMPLES if not set(name) & set("/\0\ud800") and name not in {"", ".", ".."}]


def test_no_name_of_a_member_leads_out(store: LocalStore, tmp_path: Path) -> None:
    tree: dict[str, bytes | None] = {}
    for number, name in enumerate(ODD):
        tree[f"{number}"] = None
        tree[f"{number}/{name}"] = None
        tree[f"{number}/{name}/{name}"] = b"%d" % number
    root = Path(receive_folder(store, tree, name="../things").path)
    assert root.parent == tmp_path / "downloads"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["downloads", "home"]
    assert in_downloads(tmp_path) == [root.name]
    below = [path.relative_to(root).parts for path in root.rglob("*")]
    assert len(below) == len(tree)
    for parts in (*below, (root.name,)):
        for part in parts:
            check_safe(part)
    assert {
        (int(path.relative_to(root).parts[0]), path.read_bytes()) for path in root.rglob("*") if path.is_file()
    } == {(number, b"%d" % number) for number in range(len(ODD))}


@pytest.mark.parametrize("raw", ["../evil", "/etc", "CON", "..", "a\nb"])
def test_folder_itself_gets_a_safe_name(raw: str, store: LocalStore, tmp_path: Path) -> None:
    root = Path(receive_folder(store, SMALL, name=raw).path)
    assert root.parent == tmp_path / "downloads"
    check_safe(root.name)


LEADS_OUT = ["..", ".", "", "/", "a/..", "../a", "a/../b", "/etc/passwd", "a//b", "a/", "./a", "a/./b", "x\0y"]
BAD = [*LEADS_OUT, "x" * (MAX_MEMBER_PATH + 1), "\ud800"]


def test_one_bad_path_refuses_the_folder(store: LocalStore, tmp_path: Path) -> None:
    begin_folder(store, {"good": b"", "bad": b""})
    for path in BAD:
        for flags in (MemberFlag(0), MemberFlag.DIRECTORY):
            members = (MemberInfo("good", 0), MemberInfo(path, 0, flags=flags))
            assert refusal(store, AddMembers(2, PART, 0, members)).code == ErrorCode.NAME_NOT_ALLOWED, path
    assert [path.name for path in staging(tmp_path).iterdir()] == []


def test_index_that_cannot_be_is_refused(store: LocalStore) -> None:
    begin_folder(store, {"a": b"12345", "b": b""})
    for members, code in (
        ((MemberInfo("a", 5), MemberInfo("b", 1)), ErrorCode.TOO_LARGE),
        ((MemberInfo("a", 5), MemberInfo("b", 0), MemberInfo("c", 0)), ErrorCode.TOO_LARGE),
        ((MemberInfo("a", 4), MemberInfo("b", 0)), ErrorCode.INCOMPLETE),
        ((MemberInfo("a", 5), MemberInfo("a", 0)), ErrorCode.NAME_NOT_ALLOWED),
        ((MemberInfo("a", 5), MemberInfo("a/b", 0)), ErrorCode.NAME_NOT_ALLOWED),
    ):
        assert refusal(store, AddMembers(2, PART, 0, members)).code == code
    assert refusal(store, CommitPart(3, PART, bytes(16))).code == ErrorCode.INCOMPLETE


def test_names_that_this_disk_takes_for_the_same_are_kept_apart(store: LocalStore) -> None:
    tree: Tree = {
        "A.txt": b"1",
        "a.txt": b"2",
        "e\u0301": b"3",
        "\u00e9": b"4",
        "x:": b"5",
        "x?": b"6",
        "D": None,
        "d": None,
    }
    root = Path(receive_folder(store, tree).path)
    assert {path.name for path in root.iterdir()} == {
        "A.txt",
        "a (2).txt",
        "\u00e9",
        "\u00e9 (2)",
        "x_",
        "x_ (2)",
        "D",
        "d (2)",
    }


def test_bytes_before_the_index_are_our_own_mistake_and_harm_nothing(store: LocalStore) -> None:
    begin_folder(store, SMALL)
    with pytest.raises(UsageError, match="members"):
        perform(store, WritePart(PART, 0, memoryview(b"early")))
    assert add_members(store, members_of(SMALL)) is None
    assert isinstance(receive_folder(store, SMALL), FileEntry)


# -- after a restart ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0, 1, 50, 99, 100])
def test_folder_goes_on_after_a_restart(share: int, tmp_path: Path) -> None:
    data = whole(MIXED)
    durable = len(data) * share // 100
    begun(tmp_path, MIXED, durable, (durable + len(data)) // 2)
    store = local_store(tmp_path)
    created = begin_folder(store, MIXED)
    assert (created.present, created.is_indexed) == (((0, durable),) if durable else (), True)
    assert check_all(store) == ()
    entry = receive_folder(store, MIXED)
    assert found_in(Path(entry.path)) == dict(sorted(MIXED.items()))
    assert in_downloads(tmp_path) == [NAME]
    store.close()


def test_index_goes_on_after_a_restart(tmp_path: Path) -> None:
    tree = random_tree(4, 400, 50)
    members = members_of(tree)
    store = local_store(tmp_path)
    begin_folder(store, tree)
    assert perform(store, AddMembers(2, PART, 0, members[:300])) is None
    store.close()
    store = local_store(tmp_path)
    assert begin_folder(store, tree).is_indexed is False
    assert perform(store, AddMembers(2, PART, 200, members[200:])) is None
    entry = receive_folder(store, tree)
    assert found_in(Path(entry.path)) == dict(sorted(tree.items()))
    store.close()


@pytest.mark.parametrize("loss", ["removed", "cut", "directory", "everything"])
def test_members_that_are_gone_are_fetched_again_and_no_others(loss: str, tmp_path: Path) -> None:
    tree: Tree = {"d": None, "d/one": b"1" * 2_000, "d/two": b"2" * 2_000, "three": b"3" * 2_000}
    begun(tmp_path, tree, 6_000, 6_000)
    root = staging(tmp_path)
    expected: tuple[tuple[int, int], ...] = ((0, 2_000), (4_000, 6_000))
    if loss == "removed":
        (root / "d" / "two").unlink()
    elif loss == "cut":
        os.truncate(root / "d" / "two", 500)
        expected = ((0, 2_500), (4_000, 6_000))
    else:
        for path in (root / "d" / "one", root / "d" / "two"):
            path.unlink()
        (root / "d").rmdir()
        expected = ((4_000, 6_000),)
    if loss == "everything":
        (root / "three").unlink()
        root.rmdir()
        expected = ()
    store = local_store(tmp_path)
    assert begin_folder(store, tree).present == expected
    entry = receive_folder(store, tree)
    assert found_in(Path(entry.path)) == dict(sorted(tree.items()))
    store.close()


def test_closed_folder_keeps_what_was_written(store: LocalStore) -> None:
    begin_folder(store, SMALL)
    assert add_members(store, members_of(SMALL)) is None
    write_folder(store, whole(SMALL), 0, 5_000)
    assert perform(store, ClosePart(PART)) is None
    assert begin_folder(store, SMALL).present == ((0, 5_000),)
    assert found_in(Path(receive_folder(store, SMALL).path)) == dict(sorted(SMALL.items()))


def test_aborted_folder_leaves_nothing(store: LocalStore, tmp_path: Path) -> None:
    begin_folder(store, SMALL)
    assert add_members(store, members_of(SMALL)) is None
    write_folder(store, whole(SMALL), 0, 9_000)
    sync(store)
    (staging(tmp_path) / "a" / "from outside").symlink_to("/etc")
    assert perform(store, AbortPart(1, PART)) is None
    assert in_downloads(tmp_path) == []
    assert Path("/etc").is_dir()
    created = begin_folder(store, SMALL)
    assert (created.present, created.is_indexed) == ((), False)

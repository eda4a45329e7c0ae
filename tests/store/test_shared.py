"""The folder that a node shares: what is in the list, what is served, and what is read how often."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.store import shelf
from tests.store.actions import content, create_request, files, md5, refusal, upload
from tests.store.grove import MIXED, SMALL, Tree, local_store, open_local, whole
from tests.store.sharing import ANYBODY, OWNER, Node
from udpchat.config import BLOCK_SIZE, LOBBY, MIB
from udpchat.errors import ErrorCode, StorageError
from udpchat.files.blocks import NO_ROOT, block_root
from udpchat.files.members import EMPTY_MD5
from udpchat.files.ports import DigestSource, HashBlocks
from udpchat.files.stored_ports import DeleteFile, FindFile, FindUnannounced, ListMembers, OpenStored, SetAside, Stored
from udpchat.peers.content import folder_root
from udpchat.peers.ports import ScanShare, ShareScanned
from udpchat.protocol.ports import Job, Lane, perform
from udpchat.store.file_schema import DATABASE
from udpchat.store.memory_sources import hashes_of
from udpchat.store.quotas import Limits
from udpchat.store.server import ServerStore
from udpchat.wire.numbers import FileFlag, FileState, MemberFlag, QueryKind

# Where a dash sorts before the separator: the order of an index is that of names, not of paths.
TWISTED: Tree = {"a": None, "a/b": None, "a/b/c.txt": b"c", "a/b-d.txt": b"d", "a/b.txt": b"e", "a/ü": None}
FOLDERS = [path for path, data in SMALL.items() if data is None and path != "leer"]


@pytest.fixture(params=[False, True], ids=["posix", "portable"])
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path, portable=request.param)
    yield node
    node.store.close()


@pytest.fixture
def small(node: Node) -> Node:
    """One that shares SMALL."""
    node.plant(SMALL)
    node.scan()
    return node


# -- the list ----------------------------------------------------------------------------------------------------------


def test_every_file_is_in_the_list_as_if_it_had_been_uploaded(small: Node) -> None:
    listed = small.listed()
    assert {path for path, entry in listed.items() if not entry.is_folder} == {
        p for p, data in SMALL.items() if data is not None
    }
    for path, data in SMALL.items():
        if data is not None:
            entry = listed[path]
            assert (entry.file_name, entry.size, entry.md5) == (path.rpartition("/")[2], len(data), md5(data))
            assert entry.root == block_root(len(data), hashes_of(data, 0, len(data)))
            assert (entry.owner_nick, entry.room, entry.state) == (OWNER, LOBBY, FileState.STORED)
            assert entry.modified == (small.root / path).stat().st_mtime_ns // 1_000
            assert perform(small.store, FindFile(1, ANYBODY, entry.file_id)) == entry
            assert perform(small.store, FindFile(1, ANYBODY, bytes(16), entry.file_name)) == entry
    assert listed["日本語 grüße.txt"].media.name == "text/plain"
    assert perform(small.store, FindUnannounced(1)) == ()


def test_every_directory_with_files_in_it_is_a_folder(small: Node) -> None:
    listed = small.listed()
    assert sorted(path for path, entry in listed.items() if entry.is_folder) == FOLDERS
    entry = listed["a"]
    inside = {path.removeprefix("a/"): data for path, data in SMALL.items() if path.startswith("a/")}
    assert (entry.flags, entry.members, entry.size) == (FileFlag.FOLDER, len(inside), len(whole(inside)))
    members = perform(small.store, ListMembers(1, entry.file_id))
    assert [(member.path, member.size, member.is_directory) for member in members] == [
        (path, len(data or b""), data is None) for path, data in inside.items()
    ]
    assert [member.md5 for member in members] == [EMPTY_MD5 if data is None else md5(data) for data in inside.values()]
    assert perform(small.store, ListMembers(1, entry.file_id, 2, 2)) == members[2:4]


@pytest.mark.parametrize("tree", [SMALL, TWISTED], ids=["small", "twisted"])
def test_a_folder_is_the_one_that_an_upload_of_it_would_be(node: Node, tree: Tree, tmp_path: Path) -> None:
    node.plant({"top": None, **{f"top/{path}": data for path, data in tree.items()}})
    node.scan()
    entry = node.listed()["top"]
    client = local_store(tmp_path / "client")
    opened = open_local(client, node.root / "top")
    assert opened.index is not None
    members = perform(node.store, ListMembers(1, entry.file_id))
    assert [(each.path, each.size, each.modified) for each in members] == [
        (each.path, each.size, each.modified) for each in opened.index
    ]
    assert entry.md5 == perform(client, DigestSource(1, opened.source))
    opened.source.close()
    client.close()


def test_what_makes_folders_the_same_are_paths_sizes_and_block_roots_of_their_members(node: Node) -> None:
    node.plant(
        {"x": None, "x/in": None, "x/in/f": b"f", "y": None, "y/in": None, "y/in/f": b"f", "z": None, "z/f": b"f"}
    )
    node.scan()
    roots = {name: node.found(QueryKind.EXACT, name)[0].root for name in "xyz"}
    one = block_root(1, hashes_of(b"f", 0, 1))
    assert roots["x"] == roots["y"] == folder_root([("in", 0, NO_ROOT), ("in/f", 1, one)])
    assert roots["z"] == folder_root([("f", 1, one)])
    assert node.search(QueryKind.ROOT, roots["x"].hex()) == ["x", "y"]


def test_executable_files_are_told_apart(node: Node) -> None:
    node.plant({"d": None, "d/run": b"#!", "d/text": b"t"})
    (node.root / "d" / "run").chmod(0o755)
    node.scan()
    listed = node.listed()
    assert (listed["d/run"].flags, listed["d/text"].flags) == (FileFlag.EXECUTABLE, FileFlag(0))
    flags = [member.flags for member in perform(node.store, ListMembers(1, listed["d"].file_id))]
    assert flags == [MemberFlag.EXECUTABLE, MemberFlag(0)]
    (node.root / "d" / "text").chmod(0o755)
    assert node.scan().read == 0
    assert node.listed()["d/text"].flags == FileFlag.EXECUTABLE


def test_what_is_shared_stands_beside_what_was_uploaded_under_the_same_name(node: Node) -> None:
    node.plant({"report.pdf": b"ours", "old": None, "old/report.pdf": b"older"})
    uploaded = upload(node.store, content(100))
    node.scan()
    names = [entry.file_name for entry in files(node.store)]
    assert sorted(names) == ["old", "report.pdf", "report.pdf", "report.pdf"]
    assert perform(node.store, FindFile(1, ANYBODY, uploaded.file_id)) == uploaded


# -- serving -----------------------------------------------------------------------------------------------------------


def test_files_folders_and_members_are_sent_from_where_they_lie(node: Node) -> None:
    node.plant({"top": None, **{f"top/{path}": data for path, data in MIXED.items()}})
    node.scan()
    assert node.content("top") == whole(MIXED)
    large = MIXED["large"]
    assert large is not None
    assert node.content("top/large") == large
    assert node.content("top", list(MIXED).index("large")) == large
    assert not list((node.folder / "data" / "files").iterdir())


def test_a_directory_or_a_member_that_is_not_there_cannot_be_had_alone(small: Node) -> None:
    for number in (0, 99):
        refused = small.opened("a", number)
        assert isinstance(refused, StorageError)
        assert refused.code == ErrorCode.UNKNOWN_FILE
    refused = small.opened("big.bin", 0)
    assert isinstance(refused, StorageError)
    assert refused.code == ErrorCode.UNKNOWN_FILE


def test_blocks_of_a_shared_file_are_hashed_as_of_any_other(node: Node) -> None:
    data = content(2 * BLOCK_SIZE + 5)
    node.plant({"a.bin": data})
    node.scan()
    stored = node.opened("a.bin")
    assert isinstance(stored, Stored)
    assert perform(node.store, HashBlocks(1, stored.source, 1, 9)) == hashes_of(data, 1, 2)
    assert perform(node.store, DigestSource(1, stored.source)) == md5(data)
    stored.source.close()


def test_nobody_who_reads_chat_waits_for_a_folder_to_be_opened(small: Node) -> None:
    request = OpenStored(1, bytes(16))
    job = small.store.submit(request)
    assert isinstance(job, Job)
    assert job.lane is Lane.LISTING


def test_nothing_of_it_can_be_deleted_and_nothing_expires(tmp_path: Path) -> None:
    node = Node(tmp_path, limits=Limits(file_lifetime=1))
    node.plant({"a.txt": b"a"})
    node.scan()
    file_id = node.listed()["a.txt"].file_id
    assert refusal(node.store, DeleteFile(1, file_id)).code == ErrorCode.NOT_ALLOWED
    connection = sqlite3.connect(tmp_path / "data" / DATABASE)
    assert connection.execute("SELECT hash FROM blocks").fetchall() == [(hashes_of(b"a", 0, 1),)]
    connection.close()
    assert shelf.expire(node.store, 2**60) == ()
    node.reopen()
    assert node.content("a.txt") == b"a"
    assert node.store.recovered.missing == ()
    node.store.close()


def test_it_counts_for_no_quota_and_takes_no_place_in_the_list(tmp_path: Path) -> None:
    node = Node(tmp_path, limits=Limits(files=1, total_quota=1_000))
    node.plant({"a.bin": bytes(5_000), "b.bin": b"b"})
    node.scan()
    upload(node.store, content(900))
    node.store.close()


def test_how_far_it_is_with_people_is_written_down_as_of_any_file(small: Node) -> None:
    file_id = small.listed()["big.bin"].file_id
    marked = shelf.mark(small.store, file_id, 8, FileState.VERIFIED)
    assert marked is not None
    assert (marked.verified, marked.path) == (1, "big.bin")
    assert [mark.person_id for mark in shelf.marks(small.store, file_id)] == [8]


# -- looking again -----------------------------------------------------------------------------------------------------


def test_a_restart_reads_nothing_again(small: Node) -> None:
    before = small.listed()
    for _ in range(2):
        small.reopen()
        assert small.listed() == before
        scanned = small.scan()
        assert (scanned.read, scanned.gone) == (0, 0)
        assert (scanned.files, scanned.folders) == (5, 3)
        assert small.listed() == before


def test_what_was_read_before_a_restart_is_not_read_again(node: Node) -> None:
    node.plant({f"{number}.bin": bytes(15 * MIB) for number in range(3)})
    scanned = node.scan(until=lambda so_far: so_far.read > 0)
    assert (scanned.is_done, scanned.read, scanned.files, scanned.left) == (False, 1, 1, 2)
    node.reopen()
    assert node.scan().read == 2


def test_a_look_is_made_in_slices_and_says_how_far_it_is(node: Node) -> None:
    node.plant({"a.bin": bytes(40 * MIB), "b.bin": bytes(3)})
    for _ in range(2):  # a slice is 16 MiB at most
        scanned = node.scan(until=lambda so_far: so_far.left == 2)
        assert (scanned.is_done, scanned.left_bytes) == (False, 40 * MIB + 3)
    scanned = node.scan()
    assert (scanned.is_done, scanned.read, scanned.left, scanned.left_bytes) == (True, 2, 0, 0)
    job = node.store.submit(ScanShare(1))
    assert isinstance(job, Job)
    assert job.lane is Lane.HASHING


def test_a_file_that_has_changed_is_refused_until_it_was_read_again(small: Node) -> None:
    before = small.listed()["a/one"]
    small.write("a/one", b"other")
    for path in ("a/one", "a"):
        refused = small.opened(path)
        assert isinstance(refused, StorageError)
        assert (refused.code, "read again" in refused.text) == (ErrorCode.SOURCE_CHANGED, True)
    assert small.scan().read == 1
    assert small.content("a/one") == b"other"
    assert small.content("a") == b"deepother"
    assert small.listed()["a/one"].file_id != before.file_id
    assert refusal(small.store, OpenStored(1, before.file_id)).code == ErrorCode.UNKNOWN_FILE


def test_a_file_that_was_written_anew_with_the_same_bytes_is_the_same_file(small: Node) -> None:
    before = small.listed()
    small.write("a/one", b"1")
    assert small.scan().read == 1
    after = small.listed()
    assert {path: entry.file_id for path, entry in after.items()} == {p: entry.file_id for p, entry in before.items()}
    assert small.content("a") == b"deep1"


def test_another_file_of_the_same_size_and_time_is_noticed(small: Node) -> None:
    place = small.root / "a" / "one"
    status = place.stat()
    other = small.root / "a" / ".other"
    other.write_bytes(b"2")
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(place)
    assert isinstance(small.opened("a/one"), StorageError)
    assert isinstance(small.opened("a"), StorageError)
    assert small.scan().read == 1
    assert small.content("a/one") == b"2"


def test_what_is_gone_leaves_the_list_and_the_folders_it_was_in(small: Node) -> None:
    before = small.listed()
    (small.root / "a" / "one").unlink()
    assert isinstance(small.opened("a/one"), StorageError)
    scanned = small.scan()
    assert (scanned.gone, scanned.read) == (1, 0)
    after = small.listed()
    assert set(before) - set(after) == {"a/one"}
    assert small.content("a") == b"deep"
    assert after["a"].file_id != before["a"].file_id
    assert after["a/b"] == before["a/b"]
    shutil.rmtree(small.root / "a")
    assert small.scan().gone == 5
    assert set(small.listed()) == {"big.bin", "日本語 grüße.txt"}


def test_what_is_new_comes_into_the_list_and_into_its_folder(small: Node) -> None:
    small.write("a/new/deep.txt", b"new")
    assert small.scan().read == 1
    assert small.content("a") == b"deepnew1"
    assert small.content("a/new") == b"new"


def test_a_file_may_become_a_directory_and_a_directory_a_file(small: Node) -> None:
    (small.root / "big.bin").unlink()
    small.write("big.bin/inside", b"i")
    shutil.rmtree(small.root / "a")
    small.write("a", b"a file now")
    assert isinstance(small.opened("big.bin"), StorageError)
    assert isinstance(small.opened("a/b"), StorageError)
    small.scan()
    listed = small.listed()
    assert set(listed) == {"a", "big.bin", "big.bin/inside", "日本語 grüße.txt"}
    assert (listed["a"].is_folder, listed["big.bin"].is_folder) == (False, True)
    assert (small.content("a"), small.content("big.bin")) == (b"a file now", b"i")
    assert small.scan().gone == 0


def test_a_name_of_the_node_that_changes_changes_in_the_list(small: Node) -> None:
    small.reopen("borneo")
    assert {entry.owner_nick for entry in small.listed().values()} == {"borneo"}
    assert small.scan().read == 0


def test_another_shared_folder_has_nothing_of_the_one_before(small: Node) -> None:
    other = small.folder / "other"
    other.mkdir()
    (other / "o.txt").write_bytes(b"o")
    uploaded = upload(small.store, content(100))
    small.reopen(root=other)
    assert set(small.listed()) == {""}
    small.scan()
    assert set(small.listed()) == {"", "o.txt"}
    small.store.close()
    store = ServerStore(small.folder / "data", clock=lambda: 0, random_bytes=os.urandom)
    assert files(store) == (uploaded,)
    assert perform(store, ScanShare(1)) == ShareScanned(is_done=True)
    store.close()


def test_a_folder_that_is_away_for_a_while_is_told_and_known_again_when_it_is_back(small: Node) -> None:
    away = small.folder / "away"
    small.root.rename(away)
    failed = perform(small.store, ScanShare(1))
    assert isinstance(failed, StorageError)
    assert str(small.root) in failed.text
    refused = small.opened("a")
    assert isinstance(refused, StorageError)
    assert str(small.root) in refused.text
    away.rename(small.root)
    scanned = small.scan()
    assert (scanned.read, scanned.gone) == (0, 0)
    assert small.content("a") == b"deep1"


def test_two_threads_may_go_on_with_one_look(node: Node) -> None:
    node.plant({f"{number}.bin": bytes(MIB) for number in range(40)})
    with ThreadPoolExecutor(2) as threads:
        jobs = [node.store.submit(ScanShare(1)) for _ in range(12)]
        answers = [
            job.finish(outcome) for job, outcome in zip(jobs, threads.map(lambda job: job.run(), jobs), strict=True)
        ]
    assert all(isinstance(answer, ShareScanned) for answer in answers)
    assert {answer.files for answer in answers if answer.is_done} == {40}


def test_nobody_can_say_that_a_shared_file_was_an_upload_of_his(small: Node) -> None:
    entry = small.listed()["big.bin"]
    refused = refusal(small.store, create_request(entry.size, part_id=entry.file_id, name="big.bin"))
    assert "belongs to" in refused.text
    assert small.content("big.bin") == SMALL["big.bin"]


# -- what changes meanwhile --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["top", "top/a.bin"])
@pytest.mark.parametrize("how", ["rewritten", "shorter"])
def test_a_file_that_changes_while_it_is_sent_is_not_sent_to_its_end(node: Node, path: str, how: str) -> None:
    data = content(200_000)
    node.plant({"top": None, "top/a.bin": data})
    node.scan()
    stored = node.opened(path)
    assert isinstance(stored, Stored)
    view = memoryview(bytearray(150_000))
    assert stored.source.read_into(0, view[:100_000]) == 100_000
    with open(node.root / "top" / "a.bin", "r+b") as file:
        if how == "rewritten":
            file.write(bytes(10))
        else:
            file.truncate(120_000)
    os.utime(node.root / "top" / "a.bin", ns=(1, 1))
    assert stored.source.read_into(100_000, view) < 100_000
    why = perform(node.store, HashBlocks(1, stored.source, 0, 1))
    assert isinstance(why, StorageError)
    assert (why.code, "'a.bin' has changed" in why.text) == (ErrorCode.SOURCE_CHANGED, True)
    stored.source.close()


def test_a_file_that_changes_while_it_is_read_is_read_at_the_next_look(node: Node) -> None:
    node.plant({"a.bin": bytes(20 * MIB), "b.bin": bytes(3)})
    assert not node.scan(until=lambda so_far: so_far.left == 2).is_done
    node.write("a.bin", b"short now")
    scanned = node.scan()
    assert scanned.left_out == (("still changing", 1),)
    assert set(node.listed()) == {"b.bin"}
    assert node.scan().left_out == ()
    assert node.content("a.bin") == b"short now"


def test_what_is_not_what_was_read_though_nothing_shows_it_is_read_again(small: Node) -> None:
    place = small.root / "a" / "one"
    status = place.stat()
    with open(place, "r+b") as file:
        file.write(b"2")
    os.utime(place, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert small.scan().read == 0
    entry = small.listed()["a/one"]
    assert perform(small.store, SetAside(1, entry.file_id)) == entry
    assert "a/one" not in small.listed()
    assert place.read_bytes() == b"2"
    assert small.scan().read == 1
    assert small.listed()["a/one"].md5 == md5(b"2")


def test_of_a_folder_that_is_not_what_was_read_everything_is_read_again(small: Node) -> None:
    perform(small.store, SetAside(1, small.listed()["a"].file_id))
    assert set(small.listed()) == {"big.bin", "日本語 grüße.txt"}
    assert small.scan().read == 3
    assert small.content("a") == b"deep1"


def test_nobody_who_comes_is_the_owner(small: Node) -> None:
    entry = small.listed()["big.bin"]
    assert (entry.owner_id, entry.owner) == (0, b"")

"""What every store does with folders that arrive, with parts that go on and with damaged ones."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from tests.store.actions import PART, commit, content, create, create_request, md5, refusal, sync, write
from tests.store.mending import (
    SIZES,
    add_members,
    begin_folder,
    block,
    block_hashes,
    check_all,
    compare,
    create_folder,
    folder_request,
    tree_of,
)
from tests.store.shelf import members_of, tree_md5
from udpchat.config import BLOCK_SIZE, MAX_FOLDER_MEMBERS, MAX_MEMBER_PATH
from udpchat.errors import ErrorCode, UsageError
from udpchat.files.members import MemberInfo
from udpchat.files.ports import (
    AddMembers,
    CheckPart,
    ClosePart,
    CommitPart,
    CompareBlocks,
    FileEntry,
    PartCreated,
    SyncPart,
)
from udpchat.protocol.ports import Job, Store, perform
from udpchat.wire.numbers import FileFlag, MemberFlag

DATA = content(3 * BLOCK_SIZE + 50_000)
FOLDER_DATA = content(sum(SIZES), seed=2)
TREE = tree_of(FOLDER_DATA)


class RepairContract:
    """Going on, checking, comparing; servers and clients."""

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError

    def test_new_part_has_nothing_to_be_checked(self, store: Store) -> None:
        created = create(store, len(DATA))
        assert (created.present, created.is_checked, created.is_indexed) == ((), True, False)
        assert check_all(store) == ()

    def test_part_that_goes_on_takes_bytes_while_it_is_checked(self, store: Store) -> None:
        create(store, len(DATA))
        write(store, DATA, 0, 2 * BLOCK_SIZE)
        assert perform(store, ClosePart(PART)) is None
        created = create(store, len(DATA))
        assert (created.present, created.is_checked) == (((0, 2 * BLOCK_SIZE),), False)
        job = store.submit(CheckPart(2, PART))
        assert isinstance(job, Job)
        write(store, DATA, 2 * BLOCK_SIZE, len(DATA))
        assert not job.finish(job.run()).damaged
        assert check_all(store) == ()
        assert commit(store, DATA).md5 == md5(DATA)

    def test_part_that_goes_on_may_be_committed_unchecked(self, store: Store) -> None:
        create(store, len(DATA))
        write(store, DATA, 0, 2 * BLOCK_SIZE)
        write(store, DATA, 2 * BLOCK_SIZE + 5, len(DATA))
        assert perform(store, ClosePart(PART)) is None
        create(store, len(DATA))
        write(store, DATA, 0, len(DATA))
        assert commit(store, DATA).md5 == md5(DATA)

    @pytest.mark.parametrize("number", [0, 1, 3])
    def test_block_that_is_not_the_senders_is_taken_out_and_sent_again(self, store: Store, number: int) -> None:
        wrong = bytearray(DATA)
        wrong[number * BLOCK_SIZE + 7] ^= 0x10
        create(store, len(DATA))
        write(store, bytes(wrong), 0, len(DATA))
        assert refusal(store, CommitPart(3, PART, md5(DATA))).code == ErrorCode.DIGEST_MISMATCH
        start, stop = block(number, len(DATA))
        assert compare(store, DATA) == ((start, stop),)
        assert refusal(store, CommitPart(3, PART, md5(DATA))).code == ErrorCode.INCOMPLETE
        write(store, DATA, start, stop)
        assert compare(store, DATA) == ()
        assert commit(store, DATA).md5 == md5(DATA)

    def test_neighbours_that_are_wrong_are_one_range(self, store: Store) -> None:
        create(store, len(DATA))
        write(store, bytes(2 * BLOCK_SIZE) + DATA[2 * BLOCK_SIZE :], 0, len(DATA))
        assert compare(store, DATA) == ((0, 2 * BLOCK_SIZE),)
        assert create(store, len(DATA)).present == ((2 * BLOCK_SIZE, len(DATA)),)

    def test_hashes_may_come_a_few_at_a_time(self, store: Store) -> None:
        create(store, len(DATA))
        write(store, DATA[: 2 * BLOCK_SIZE] + bytes(len(DATA) - 2 * BLOCK_SIZE), 0, len(DATA))
        hashes = block_hashes(DATA)
        assert perform(store, CompareBlocks(1, PART, 0, hashes[:64])) == ()
        assert perform(store, CompareBlocks(2, PART, 2, hashes[64:])) == ((2 * BLOCK_SIZE, len(DATA)),)

    def test_comparing_says_nothing_of_what_is_not_there(self, store: Store) -> None:
        create(store, len(DATA))
        write(store, bytes(len(DATA)), BLOCK_SIZE, 3 * BLOCK_SIZE - 1)
        assert compare(store, DATA) == ((BLOCK_SIZE, 2 * BLOCK_SIZE),)
        assert compare(store, DATA) == ()

    def test_hashes_of_more_blocks_than_there_are_mean_nothing(self, store: Store) -> None:
        create(store, 10)
        write(store, DATA, 0, 10)
        assert perform(store, CompareBlocks(1, PART, 0, block_hashes(DATA[:10]) + bytes(320))) == ()
        assert perform(store, CompareBlocks(2, PART, 2**40, bytes(32))) == ()

    def test_hashes_that_are_no_hashes_are_our_own_mistake(self, store: Store) -> None:
        create(store, 10)
        for request in (CompareBlocks(1, PART, 0, bytes(31)), CompareBlocks(1, PART, -1, bytes(32))):
            with pytest.raises(UsageError):
                perform(store, request)

    def test_what_was_found_wrong_does_not_come_back(self, store: Store) -> None:
        create(store, len(DATA))
        write(store, bytes(BLOCK_SIZE) + DATA[BLOCK_SIZE:], 0, len(DATA))
        sync(store)
        compared = store.submit(CompareBlocks(1, PART, 0, block_hashes(DATA)))
        synced = store.submit(SyncPart(2, PART))  # asked before it was known
        assert isinstance(compared, Job)
        outcome = compared.run()
        if isinstance(synced, Job):
            synced.finish(synced.run())
        assert compared.finish(outcome) == ((0, BLOCK_SIZE),)
        assert perform(store, ClosePart(PART)) is None
        assert create(store, len(DATA)).present == ((BLOCK_SIZE, len(DATA)),)

    def test_unknown_part_can_be_neither_checked_nor_compared(self, store: Store) -> None:
        requests = (CheckPart(1, PART), CompareBlocks(2, PART, 0, bytes(32)), AddMembers(3, PART, 0, ()))
        assert {refusal(store, request).code for request in requests} == {ErrorCode.UNKNOWN_TRANSFER}


class FolderPartContract:
    """Folders that arrive; servers and clients."""

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError

    @pytest.mark.parametrize("seed", range(3))
    def test_folder_is_committed_with_the_md5_of_its_members(self, store: Store, seed: int) -> None:
        created = begin_folder(store, TREE)
        assert (created.present, created.is_indexed) == ((), False)
        pieces = [(start, min(start + 70_000, len(FOLDER_DATA))) for start in range(0, len(FOLDER_DATA), 65_000)]
        Random(seed).shuffle(pieces)
        for start, stop in pieces:
            write(store, FOLDER_DATA, start, stop)
        entry = perform(store, CommitPart(3, PART, tree_md5(TREE)))
        assert isinstance(entry, FileEntry), entry
        assert (entry.is_folder, entry.size, entry.members) == (True, len(FOLDER_DATA), len(TREE))
        assert entry.md5 == tree_md5(TREE)

    def test_folder_of_nothing_is_a_folder(self, store: Store) -> None:
        assert create_folder(store, {}).is_indexed
        entry = perform(store, CommitPart(3, PART, tree_md5({})))
        assert isinstance(entry, FileEntry), entry
        assert (entry.size, entry.members, entry.md5) == (0, 0, md5(b""))

    def test_folder_of_empty_things_is_a_folder(self, store: Store) -> None:
        tree = tree_of(b"", (0, 0))
        begin_folder(store, tree)
        entry = perform(store, CommitPart(3, PART, tree_md5(tree)))
        assert isinstance(entry, FileEntry), entry
        assert entry.members == 4

    def test_members_are_added_once_however_often_they_come(self, store: Store) -> None:
        members = members_of(TREE)
        create_folder(store, TREE)
        add_members(store, members[:5])
        add_members(store, members[3:9], first=3)
        add_members(store, members, group=len(members))
        add_members(store, members)
        assert create_folder(store, TREE).is_indexed
        write(store, FOLDER_DATA, 0, len(FOLDER_DATA))
        assert isinstance(perform(store, CommitPart(3, PART, tree_md5(TREE))), FileEntry)

    def test_index_outlives_the_session(self, store: Store) -> None:
        begin_folder(store, TREE)
        write(store, FOLDER_DATA, 0, 1_000)
        assert perform(store, ClosePart(PART)) is None
        created = create_folder(store, TREE)
        assert (created.is_indexed, created.present) == (True, ((0, 1_000),))
        write(store, FOLDER_DATA, 0, len(FOLDER_DATA))
        assert check_all(store) == ()
        entry = perform(store, CommitPart(3, PART, tree_md5(TREE)))
        assert isinstance(entry, FileEntry), entry
        assert perform(store, folder_request(TREE)) == PartCreated(PART, ((0, entry.size),), entry, is_indexed=True)

    def test_half_an_index_outlives_the_session(self, store: Store) -> None:
        create_folder(store, TREE)
        add_members(store, members_of(TREE)[:7])
        assert perform(store, ClosePart(PART)) is None
        assert not create_folder(store, TREE).is_indexed
        add_members(store, members_of(TREE)[7:], first=7)
        assert create_folder(store, TREE).is_indexed

    def test_folder_without_its_index_is_not_complete(self, store: Store) -> None:
        tree = tree_of(b"", (0, 0))
        create_folder(store, tree)
        assert refusal(store, CommitPart(3, PART, tree_md5(tree))).code == ErrorCode.INCOMPLETE
        add_members(store, members_of(tree))
        assert isinstance(perform(store, CommitPart(3, PART, tree_md5(tree))), FileEntry)

    def test_damaged_member_is_repaired_by_block(self, store: Store) -> None:
        wrong = bytearray(FOLDER_DATA)
        wrong[BLOCK_SIZE + 7] ^= 1
        begin_folder(store, TREE)
        write(store, bytes(wrong), 0, len(wrong))
        assert refusal(store, CommitPart(3, PART, tree_md5(TREE))).code == ErrorCode.DIGEST_MISMATCH
        assert compare(store, FOLDER_DATA) == ((BLOCK_SIZE, 2 * BLOCK_SIZE),)
        write(store, FOLDER_DATA, BLOCK_SIZE, 2 * BLOCK_SIZE)
        assert isinstance(perform(store, CommitPart(3, PART, tree_md5(TREE))), FileEntry)

    @pytest.mark.parametrize(
        "path",
        [
            "",
            "/etc/passwd",
            "a//b",
            "a/",
            ".",
            "..",
            "a/../../b",
            "./a",
            "a/.",
            "a\0b",
            "\ud800",
            "x" * (MAX_MEMBER_PATH + 1),
            "é" * (MAX_MEMBER_PATH // 2 + 1),
        ],
    )
    def test_path_that_leads_elsewhere_is_refused(self, store: Store, path: str) -> None:
        create_folder(store, {"a": b"", "b": b""})
        refused = refusal(store, AddMembers(1, PART, 0, (MemberInfo("ok", 0), MemberInfo(path, 0))))
        assert refused.code == ErrorCode.NAME_NOT_ALLOWED
        add_members(store, (MemberInfo("ok", 0), MemberInfo("x" * MAX_MEMBER_PATH, 0)))

    @pytest.mark.parametrize(
        ("paths", "code"),
        [
            (("a", "b", "a"), ErrorCode.NAME_NOT_ALLOWED),
            (("a", "b/c", "b"), ErrorCode.NAME_NOT_ALLOWED),
            (("a", "b", "b/c/d"), ErrorCode.NAME_NOT_ALLOWED),
        ],
    )
    def test_index_that_is_no_tree_is_refused_and_forgotten(
        self, store: Store, paths: tuple[str, ...], code: ErrorCode
    ) -> None:
        tree: dict[str, bytes | None] = {"a": b"", "b": b"", "c": b""}
        create_folder(store, tree)
        assert refusal(store, AddMembers(1, PART, 0, tuple(MemberInfo(path, 0) for path in paths))).code == code
        add_members(store, members_of(tree))

    @pytest.mark.parametrize(
        ("sizes", "code"),
        [((3, 4), ErrorCode.INCOMPLETE), ((9, 4), ErrorCode.TOO_LARGE), ((2**62, 2**62), ErrorCode.TOO_LARGE)],
    )
    def test_index_that_does_not_add_up_is_refused_and_forgotten(
        self, store: Store, sizes: tuple[int, int], code: ErrorCode
    ) -> None:
        tree: dict[str, bytes | None] = {"a": b"12345", "b": b"12345"}
        create_folder(store, tree)
        members = tuple(MemberInfo(path, size) for path, size in zip("ab", sizes, strict=True))
        assert refusal(store, AddMembers(1, PART, 0, members)).code == code
        add_members(store, members_of(tree))
        write(store, b"12345" * 2, 0, 10)
        assert isinstance(perform(store, CommitPart(3, PART, tree_md5(tree))), FileEntry)

    def test_member_that_cannot_be_is_refused(self, store: Store) -> None:
        create_folder(store, {"a": b"12345", "b": b""})
        directory = MemberInfo("a", 5, flags=MemberFlag.DIRECTORY)
        cases = {
            AddMembers(1, PART, 0, (directory,)): ErrorCode.NAME_NOT_ALLOWED,
            AddMembers(2, PART, 0, (MemberInfo("a", -1),)): ErrorCode.NAME_NOT_ALLOWED,
            AddMembers(3, PART, 1, (MemberInfo("b", 0),)): ErrorCode.INCOMPLETE,
            AddMembers(4, PART, 0, (MemberInfo("a", 5), MemberInfo("b", 0), MemberInfo("c", 0))): ErrorCode.TOO_LARGE,
        }
        assert {request: refusal(store, request).code for request in cases} == cases

    def test_members_that_change_are_another_folder(self, store: Store) -> None:
        members = members_of(TREE)
        create_folder(store, TREE)
        other = (replace(members[0], path="other"), *members[1:])
        add_members(store, members[:6])
        assert refusal(store, AddMembers(1, PART, 0, other)).code == ErrorCode.SOURCE_CHANGED
        add_members(store, members)
        assert refusal(store, AddMembers(1, PART, 0, other)).code == ErrorCode.SOURCE_CHANGED
        assert refusal(store, replace(folder_request(TREE), members=3)).code == ErrorCode.SOURCE_CHANGED

    def test_file_has_no_members(self, store: Store) -> None:
        create(store, 5)
        assert refusal(store, AddMembers(1, PART, 0, (MemberInfo("a", 5),))).code == ErrorCode.NAME_NOT_ALLOWED

    def test_folder_that_cannot_be_is_refused_at_once(self, store: Store) -> None:
        large = create_request(10, flags=FileFlag.FOLDER, members=MAX_FOLDER_MEMBERS + 1)
        assert refusal(store, large).code == ErrorCode.TOO_LARGE
        assert refusal(store, create_request(10, flags=FileFlag.FOLDER)).code == ErrorCode.INCOMPLETE
        assert refusal(store, create_request(10, members=1)).code == ErrorCode.INCOMPLETE


class LateIndexContract:
    """Members that come beside the bytes, or after them; servers."""

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError

    def test_members_may_come_after_the_bytes(self, store: Store) -> None:
        create_folder(store, TREE)
        write(store, FOLDER_DATA, 0, 2 * BLOCK_SIZE)
        sync(store)
        add_members(store, members_of(TREE)[:4])
        write(store, FOLDER_DATA, 2 * BLOCK_SIZE, len(FOLDER_DATA))
        sync(store)
        assert refusal(store, CommitPart(3, PART, tree_md5(TREE))).code == ErrorCode.INCOMPLETE
        add_members(store, members_of(TREE)[4:], first=4)
        assert check_all(store) == ()
        assert isinstance(perform(store, CommitPart(3, PART, tree_md5(TREE))), FileEntry)

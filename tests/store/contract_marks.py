"""What every store of a server does about who has come how far with a file, and when files go."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.store.actions import commit, content, create_request, files, md5, refusal, sync, upload, write
from tests.store.shelf import (
    ANN,
    BEN,
    CLEO,
    begin,
    delete,
    expire,
    find,
    mark,
    marks,
    members,
    opened,
    put,
    put_folder,
    read_all,
    sees,
)
from udpchat.config import PART_LIFETIME, SECOND
from udpchat.errors import ErrorCode, StorageError
from udpchat.files.ports import ClosePart, CommitPart, PartCreated, SyncPart
from udpchat.files.stored_ports import DeleteFile, FileMark, ListMembers, MarkFile, OpenStored
from udpchat.protocol.ports import Job, Store, perform
from udpchat.store.quotas import MEMBER_COST, Limits
from udpchat.wire.numbers import FileFlag, FileState

DELIVERED, VERIFIED, OPENED, DECLINED = FileState.DELIVERED, FileState.VERIFIED, FileState.OPENED, FileState.DECLINED
MakeStore = Callable[[Limits], Store]


class MarkContract:
    """How far files are with people."""

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError

    def test_file_comes_further_step_by_step(self, store: Store) -> None:
        entry = put(store)
        for at, state in enumerate((DELIVERED, VERIFIED, OPENED)):
            marked = mark(store, entry.file_id, BEN, state, at)
            assert marked is not None
            assert marks(store, entry.file_id) == (FileMark(BEN, "person 2", state, at),)
            assert files(store) == (marked,)
            assert (marked.delivered, marked.verified, marked.opened) == (1, state >= VERIFIED, state >= OPENED)

    @pytest.mark.parametrize(
        ("before", "state"),
        [
            (DELIVERED, DELIVERED),
            (VERIFIED, DELIVERED),
            (OPENED, VERIFIED),
            (VERIFIED, DECLINED),
            (OPENED, DECLINED),
            (DECLINED, DELIVERED),
            (DECLINED, DECLINED),
            (DELIVERED, FileState.STORED),
            (DELIVERED, FileState.RECEIVING),
        ],
    )
    def test_state_never_goes_back(self, store: Store, before: FileState, state: FileState) -> None:
        entry = put(store, to=BEN)
        assert mark(store, entry.file_id, BEN, before, 1) is not None
        assert mark(store, entry.file_id, BEN, state, 2) is None
        assert marks(store, entry.file_id) == (FileMark(BEN, "person 2", before, 1),)

    @pytest.mark.parametrize(("before", "state"), [(DECLINED, VERIFIED), (DECLINED, OPENED), (DELIVERED, DECLINED)])
    def test_who_declines_may_fetch_it_all_the_same(self, store: Store, before: FileState, state: FileState) -> None:
        entry = put(store)
        mark(store, entry.file_id, BEN, before, 1)
        assert mark(store, entry.file_id, BEN, state, 2) is not None
        assert marks(store, entry.file_id) == (FileMark(BEN, "person 2", state, 2),)

    @pytest.mark.parametrize("state", [FileState.RECEIVING, FileState.STORED])
    def test_states_of_the_server_are_nobodys(self, store: Store, state: FileState) -> None:
        entry = put(store)
        assert mark(store, entry.file_id, BEN, state) is None
        assert marks(store, entry.file_id) == ()

    def test_who_came_further_counts_among_those_before(self, store: Store) -> None:
        entry = put(store)
        mark(store, entry.file_id, 4, DECLINED, 1)
        mark(store, entry.file_id, 5, OPENED, 4)
        mark(store, entry.file_id, CLEO, VERIFIED, 2)
        marked = mark(store, entry.file_id, BEN, DELIVERED, 3)
        assert marked is not None
        assert (marked.delivered, marked.verified, marked.opened, marked.state) == (3, 2, 1, FileState.STORED)
        assert [each.person_id for each in marks(store, entry.file_id)] == [4, CLEO, BEN, 5]

    def test_private_file_is_in_the_state_of_its_recipient(self, store: Store) -> None:
        entry = put(store, to=BEN)
        for state in (DELIVERED, DECLINED, VERIFIED):
            marked = mark(store, entry.file_id, BEN, state)
            assert marked is not None
            assert marked.state is state
            assert find(store, sees(ANN), entry.file_id) == marked

    def test_owner_marks_nothing(self, store: Store) -> None:
        entry = put(store)
        assert mark(store, entry.file_id, ANN, VERIFIED) is None
        assert marks(store, entry.file_id) == ()

    def test_what_is_not_stored_is_not_marked(self, store: Store) -> None:
        part_id = begin(store, 10)
        for file_id in (part_id, b"x" * 16):
            assert refusal(store, MarkFile(1, file_id, BEN, "ben", VERIFIED, 5)).code == ErrorCode.UNKNOWN_FILE
            assert marks(store, file_id) == ()


class RemovalContract:
    """Files that are deleted."""

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError

    def test_deleted_file_is_gone_from_everywhere(self, store: Store) -> None:
        entry, other = put_folder(store), put(store)
        mark(store, entry.file_id, BEN, VERIFIED)
        gone = delete(store, entry.file_id)
        assert (gone.file_id, gone.file_name, gone.verified) == (entry.file_id, entry.file_name, 1)
        assert files(store) == (other,)
        assert find(store, sees(ANN), entry.file_id) is None
        assert marks(store, entry.file_id) == ()
        for request in (
            OpenStored(1, entry.file_id),
            ListMembers(2, entry.file_id),
            DeleteFile(3, entry.file_id),
            MarkFile(4, entry.file_id, BEN, "ben", OPENED, 6),
        ):
            assert refusal(store, request).code == ErrorCode.UNKNOWN_FILE

    def test_who_reads_a_deleted_file_reads_on(self, store: Store) -> None:
        data = content(5_000)
        entry = put(store, data)
        source = opened(store, entry.file_id).source
        delete(store, entry.file_id)
        assert read_all(source) == data
        source.close()

    def test_name_and_upload_of_a_deleted_file_can_be_used_again(self, store: Store) -> None:
        first = upload(store, content(10))
        delete(store, first.file_id)
        again = upload(store, content(10))
        assert (again.file_name, again.file_id == first.file_id) == (first.file_name, False)

    def test_upload_that_is_not_complete_is_deleted(self, store: Store) -> None:
        data = content(3_000)
        part_id = begin(store, len(data))
        write(store, data, 0, 1_000, part_id=part_id)
        sync(store, part_id)
        gone = delete(store, part_id)
        assert (gone.file_id, gone.state, gone.present) == (part_id, FileState.RECEIVING, 1_000)
        assert files(store) == ()
        assert refusal(store, SyncPart(1, part_id)).code == ErrorCode.UNKNOWN_TRANSFER
        assert refusal(store, CommitPart(1, part_id, md5(data))).code == ErrorCode.UNKNOWN_TRANSFER
        assert perform(store, ClosePart(part_id)) is None
        assert begin(store, len(data)) == part_id
        write(store, data, 0, 3_000, part_id=part_id)
        assert commit(store, data, part_id).size == 3_000

    def test_upload_that_is_complete_by_then_is_deleted_all_the_same(self, store: Store) -> None:
        data = content(3_000)
        part_id = begin(store, len(data))
        write(store, data, 0, 3_000, part_id=part_id)
        storing = store.submit(CommitPart(1, part_id, md5(data)))
        deleting = store.submit(DeleteFile(2, part_id))
        assert isinstance(storing, Job)
        assert isinstance(deleting, Job)
        stored = storing.finish(storing.run())
        gone = deleting.finish(deleting.run())
        assert (gone.file_id, gone.file_name) == (stored.file_id, stored.file_name)
        assert files(store) == ()

    def test_members_of_a_deleted_folder_are_forgotten(self, store: Store) -> None:
        tree = {"a": b"1", "b": b"2"}
        entry = put_folder(store, tree)
        delete(store, entry.file_id)
        again = put_folder(store, {"c": b"3", "d": b"4"})  # the same upload id
        assert [member.path for member in members(store, again.file_id)] == ["c", "d"]


class LimitContract:
    """What is too much, and what is too old."""

    @pytest.fixture
    def make_store(self) -> MakeStore:
        raise NotImplementedError

    def test_quota_of_a_user_is_reached_and_not_passed(self, make_store: MakeStore) -> None:
        store = make_store(Limits(user_quota=100))
        put(store, content(60), name="a")
        begin(store, 40, name="b", room="books")
        refused = refusal(store, create_request(1, owner=bytes([ANN]) * 32, owner_id=ANN))
        assert refused.code == ErrorCode.QUOTA_EXCEEDED
        assert "100 bytes of your 100 bytes" in refused.text
        assert "/delete" in refused.text
        put(store, b"", name="c")  # what takes no space may come
        put(store, content(100), by=BEN)

    def test_two_uploads_at_once_do_not_pass_the_quota_together(self, make_store: MakeStore) -> None:
        store = make_store(Limits(user_quota=100))
        requests = [create_request(60, part_id=bytes((number,)) * 16, owner_id=ANN) for number in (1, 2)]
        jobs = [job for job in map(store.submit, requests) if isinstance(job, Job)]
        outcomes = [job.run() for job in jobs]
        answers = [job.finish(outcome) for job, outcome in zip(jobs, outcomes, strict=True)]
        assert isinstance(answers[0], PartCreated)
        assert isinstance(answers[1], StorageError)
        assert answers[1].code == ErrorCode.QUOTA_EXCEEDED

    def test_unfinished_upload_counts_whole_and_goes_on(self, make_store: MakeStore) -> None:
        store = make_store(Limits(user_quota=100))
        part_id = begin(store, 100)
        refusal(store, create_request(1, owner_id=ANN))
        assert begin(store, 100) == part_id
        data = content(100)
        write(store, data, 0, 100, part_id=part_id)
        assert commit(store, data, part_id).size == 100

    def test_deleting_makes_room(self, make_store: MakeStore) -> None:
        store = make_store(Limits(user_quota=100))
        entry, part_id = put(store, content(60)), begin(store, 40, number=1)
        delete(store, entry.file_id)
        put(store, content(60), name="a")
        delete(store, part_id)
        put(store, content(40), name="b")

    def test_quota_goes_with_the_person_whatever_key_they_have(self, make_store: MakeStore) -> None:
        store = make_store(Limits(user_quota=100))
        put(store, content(60))
        refused = refusal(store, create_request(60, owner=b"other key" * 3, owner_id=ANN))
        assert refused.code == ErrorCode.QUOTA_EXCEEDED
        put(store, content(60), by=0)  # nobody known: by key
        put(store, content(41), by=BEN)
        refused = refusal(store, create_request(60, owner=bytes(32), owner_id=0))
        assert refused.code == ErrorCode.QUOTA_EXCEEDED

    def test_quota_of_all_together_is_reached_and_not_passed(self, make_store: MakeStore) -> None:
        store = make_store(Limits(total_quota=100))
        put(store, content(60), by=ANN)
        begin(store, 40, by=BEN)
        refused = refusal(store, create_request(1, owner_id=CLEO))
        assert refused.code == ErrorCode.QUOTA_EXCEEDED
        assert "100 bytes" in refused.text

    def test_members_of_a_folder_count_as_well(self, make_store: MakeStore) -> None:
        store = make_store(Limits(user_quota=10 * MEMBER_COST))
        put_folder(store, {str(number): b"" for number in range(6)})
        request = create_request(0, owner_id=ANN, flags=FileFlag.FOLDER, members=5)
        assert refusal(store, request).code == ErrorCode.QUOTA_EXCEEDED
        begin(store, 0, flags=FileFlag.FOLDER, members=4)

    def test_quota_comes_before_the_disk(self, make_store: MakeStore) -> None:
        store = make_store(Limits(user_quota=100))
        assert refusal(store, create_request(2**52)).code == ErrorCode.QUOTA_EXCEEDED

    def test_list_has_a_last_place(self, make_store: MakeStore) -> None:
        store = make_store(Limits(files=2))
        put(store, name="a")
        entry = put(store, name="b")
        assert refusal(store, create_request(1)).code == ErrorCode.NO_SPACE
        delete(store, entry.file_id)
        put(store, name="c")

    def test_unfinished_uploads_of_one_owner_have_a_limit(self, make_store: MakeStore) -> None:
        store = make_store(Limits(parts_per_owner=2))
        for number in range(2):
            begin(store, 1, number=number)
        refused = refusal(store, create_request(1, owner=bytes([ANN]) * 32, owner_id=ANN))
        assert refused.code == ErrorCode.QUOTA_EXCEEDED, "it lasts, so nobody is to try again and again"
        begin(store, 1, by=BEN)

    def test_files_expire_by_their_age(self, make_store: MakeStore) -> None:
        store = make_store(Limits(file_lifetime=100 * SECOND))
        old, new = put(store, name="old"), put(store, name="new")
        assert old.expires_at == old.stored_at + 100 * SECOND
        assert files(store) == (old, new)
        assert expire(store, old.expires_at - 1) == ()
        assert expire(store, old.expires_at) == (old,)
        assert files(store) == (new,)
        assert refusal(store, OpenStored(1, old.file_id)).code == ErrorCode.UNKNOWN_FILE
        assert expire(store, old.expires_at) == ()

    def test_without_a_lifetime_nothing_stored_expires(self, make_store: MakeStore) -> None:
        store = make_store(Limits())
        entry = put(store)
        assert entry.expires_at == 0
        assert expire(store, 2**62) == ()
        assert files(store) == (entry,)

    def test_upload_that_nobody_goes_on_with_expires(self, make_store: MakeStore) -> None:
        store = make_store(Limits())
        kept, left = begin(store, 10, name="kept"), begin(store, 10, name="left")
        latest = put(store).stored_at
        assert perform(store, ClosePart(left)) is None
        assert expire(store, latest) == ()
        (gone,) = expire(store, latest + PART_LIFETIME + 1_000 * SECOND)
        assert (gone.file_id, gone.state) == (left, FileState.RECEIVING)
        assert [entry.file_id for entry in files(store) if entry.state is FileState.RECEIVING] == [kept]

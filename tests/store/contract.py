"""What every store must do; each implementation runs all of it."""

from __future__ import annotations

from random import Random

import pytest

from tests.store.actions import (
    ALICE,
    BOB,
    PART,
    commit,
    content,
    create,
    create_request,
    md5,
    refusal,
    sync,
    upload,
    write,
)
from udpchat.errors import ErrorCode, UsageError
from udpchat.files.ports import (
    AbortPart,
    ClosePart,
    CommitPart,
    FileEntry,
    PartFailed,
    SyncPart,
    WritePart,
)
from udpchat.protocol.ports import Job, Store, perform


class PartContract:
    """Parts; servers and clients."""

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError

    def test_upload_in_order_is_committed_with_its_md5(self, store: Store) -> None:
        data = content(100_000)
        assert create(store, len(data)).present == ()
        for start in range(0, len(data), 10_000):
            write(store, data, start, start + 10_000)
        entry = commit(store, data)
        assert (entry.file_name, entry.size, entry.md5) == ("report.pdf", len(data), md5(data))
        assert (entry.owner, entry.owner_nick) == (ALICE, "alice")

    def test_pieces_may_come_in_any_order_and_twice(self, store: Store) -> None:
        data = content(300_000)
        pieces = [(start, min(start + 7_000, len(data))) for start in range(0, len(data), 6_500)] * 2
        Random(7).shuffle(pieces)
        create(store, len(data))
        for start, stop in pieces:
            write(store, data, start, stop)
        assert commit(store, data).md5 == md5(data)

    def test_bytes_that_are_there_are_not_written_again(self, store: Store) -> None:
        data = content(3_000)
        create(store, len(data))
        write(store, data, 0, 2_000)
        write(store, bytes(3_000), 1_000, 3_000)
        assert refusal(store, CommitPart(3, PART, md5(data))).code == ErrorCode.DIGEST_MISMATCH
        assert commit(store, data[:2_000] + bytes(1_000)).size == 3_000

    def test_empty_file_is_a_file(self, store: Store) -> None:
        assert upload(store, b"").size == 0

    def test_sync_tells_bytes_and_prefix(self, store: Store) -> None:
        data = content(10_000)
        create(store, len(data))
        assert (sync(store).durable_bytes, sync(store).durable_prefix) == (0, 0)
        write(store, data, 0, 2_000)
        write(store, data, 5_000, 6_000)
        synced = sync(store)
        assert (synced.part_id, synced.durable_bytes, synced.durable_prefix) == (PART, 3_000, 2_000)
        assert sync(store) == synced

    def test_sync_speaks_of_what_was_written_before_it_was_asked(self, store: Store) -> None:
        data = content(4_000)
        create(store, len(data))
        write(store, data, 0, 1_000)
        job = store.submit(SyncPart(2, PART))
        assert isinstance(job, Job)
        write(store, data, 1_000, 4_000)
        synced = job.finish(job.run())
        assert getattr(synced, "durable_bytes", None) == 1_000
        assert sync(store).durable_bytes == 4_000

    def test_create_again_says_what_is_present(self, store: Store) -> None:
        data = content(10_000)
        create(store, len(data))
        write(store, data, 2_000, 3_000)
        assert create(store, len(data)).present == ((2_000, 3_000),)

    def test_two_creates_on_their_way_are_one_part(self, store: Store) -> None:
        data = content(1_000)
        first = store.submit(create_request(1_000))
        second = store.submit(create_request(1_000))
        assert isinstance(first, Job)
        assert isinstance(second, Job)
        outcomes = first.run(), second.run()
        first.finish(outcomes[0])
        write(store, data, 0, 500)
        assert getattr(second.finish(outcomes[1]), "present", None) == ((0, 500),)
        write(store, data, 500, 1_000)
        assert commit(store, data).size == 1_000

    def test_commit_and_create_are_repeatable(self, store: Store) -> None:
        data = content(5_000)
        entry = upload(store, data)
        assert commit(store, data) == entry
        again = create(store, len(data))
        assert (again.committed, again.present) == (entry, ((0, 5_000),))

    def test_commit_that_is_sent_twice_at_once_is_one_file(self, store: Store) -> None:
        data = content(5_000)
        create(store, len(data))
        write(store, data, 0, 5_000)
        jobs = [store.submit(CommitPart(number, PART, md5(data))) for number in (3, 4)]
        entries = [job.finish(job.run()) for job in jobs if isinstance(job, Job)]
        assert len(entries) == 2
        assert entries[0] == entries[1]
        assert isinstance(entries[0], FileEntry)

    def test_repeated_commit_with_another_md5_is_refused(self, store: Store) -> None:
        upload(store, content(5_000))
        assert refusal(store, CommitPart(3, PART, md5(b"else"))).code == ErrorCode.DIGEST_MISMATCH

    def test_commit_before_the_last_byte_is_incomplete_and_harmless(self, store: Store) -> None:
        data = content(5_000)
        create(store, len(data))
        write(store, data, 1, 5_000)
        assert refusal(store, CommitPart(3, PART, md5(data))).code == ErrorCode.INCOMPLETE
        write(store, data, 0, 1)
        assert commit(store, data).size == 5_000

    def test_wrong_md5_is_refused_and_the_part_stays(self, store: Store) -> None:
        data = content(5_000)
        create(store, len(data))
        write(store, data, 0, 5_000)
        for _ in range(2):
            refused = refusal(store, CommitPart(3, PART, md5(b"else")))
            assert refused.code == ErrorCode.DIGEST_MISMATCH
            assert md5(data).hex() in refused.text
        assert create(store, len(data)).present == ((0, 5_000),)
        assert commit(store, data).size == 5_000

    def test_part_id_of_somebody_else_is_refused(self, store: Store) -> None:
        create(store, 1_000)
        refusal(store, create_request(1_000, owner=BOB))
        data = content(1_000)
        write(store, data, 0, 1_000)
        commit(store, data)
        refusal(store, create_request(1_000, owner=BOB))

    def test_part_of_another_size_is_refused(self, store: Store) -> None:
        create(store, 1_000)
        assert refusal(store, create_request(1_001)).code == ErrorCode.SOURCE_CHANGED

    @pytest.mark.parametrize("name", ["", "x" * 256, "é" * 128, "\ud800"])
    def test_name_that_is_no_text_of_1_to_255_bytes_is_refused(self, store: Store, name: str) -> None:
        assert refusal(store, create_request(10, name=name)).code == ErrorCode.NAME_NOT_ALLOWED

    def test_file_that_is_too_large_is_refused(self, store: Store) -> None:
        assert refusal(store, create_request(2**53)).code == ErrorCode.TOO_LARGE

    def test_file_that_has_no_room_is_refused_at_once(self, store: Store) -> None:
        assert refusal(store, create_request(2**52)).code == ErrorCode.NO_SPACE
        assert upload(store, content(100)).size == 100

    def test_unknown_part_is_refused(self, store: Store) -> None:
        failed = perform(store, WritePart(PART, 0, memoryview(b"x")))
        assert isinstance(failed, PartFailed)
        assert (failed.part_id, failed.error.code) == (PART, ErrorCode.UNKNOWN_TRANSFER)
        assert refusal(store, SyncPart(2, PART)).code == ErrorCode.UNKNOWN_TRANSFER
        assert refusal(store, CommitPart(3, PART, md5(b""))).code == ErrorCode.UNKNOWN_TRANSFER
        assert perform(store, AbortPart(4, PART)) is None
        assert perform(store, ClosePart(PART)) is None

    def test_write_outside_the_file_is_our_own_mistake(self, store: Store) -> None:
        create(store, 10)
        with pytest.raises(UsageError):
            store.submit(WritePart(PART, 8, memoryview(b"123")))

    def test_aborted_part_is_forgotten(self, store: Store) -> None:
        data = content(2_000)
        create(store, len(data))
        write(store, data, 0, 1_000)
        sync(store)
        assert perform(store, AbortPart(4, PART)) is None
        assert create(store, len(data)).present == ()

    def test_abort_leaves_a_committed_file_alone(self, store: Store) -> None:
        data = content(2_000)
        entry = upload(store, data)
        assert perform(store, AbortPart(4, PART)) is None
        assert create(store, len(data)).committed == entry

    def test_closed_part_keeps_what_was_written(self, store: Store) -> None:
        data = content(2_000)
        create(store, len(data))
        write(store, data, 0, 1_500)
        assert perform(store, ClosePart(PART)) is None
        assert create(store, len(data)).present == ((0, 1_500),)
        write(store, data, 1_500, 2_000)
        assert commit(store, data).size == 2_000

    def test_part_stays_open_while_another_transfer_writes_to_it(self, store: Store) -> None:
        data = content(2_000)
        create(store, len(data))
        create(store, len(data))
        assert perform(store, ClosePart(PART)) is None
        write(store, data, 0, 2_000)
        assert commit(store, data).size == 2_000

from __future__ import annotations

import hashlib
from dataclasses import replace
from random import Random

import pytest

from tests.store.actions import (
    PART,
    commit,
    content,
    create,
    create_request,
    files,
    md5,
    refusal,
    sync,
    ticking,
    upload,
    write,
)
from tests.store.shelf import BEN, begin, expire, mark, opened, put, put_folder, read_all, tree_md5
from udpchat.config import BLOCK_SIZE, CHECK_SLICE, ROOM_LIFETIME
from udpchat.errors import ErrorCode
from udpchat.files.local_ports import (
    ClaimTransfer,
    Direction,
    EndTransfer,
    ListTransfers,
    LocalFile,
    OpenLocal,
    ReadAhead,
    SaveTransfer,
    Transfer,
    Wish,
)
from udpchat.files.ports import (
    AbortPart,
    CheckPart,
    ClosePart,
    CommitPart,
    CompareBlocks,
    DigestSource,
    HashBlocks,
    PartChecked,
    PartCreated,
)
from udpchat.protocol.ports import perform
from udpchat.store.memory import MemoryStore
from udpchat.store.memory_files import CAPACITY
from udpchat.store.memory_local import LocalContent
from udpchat.wire.numbers import FileFlag, FileState, Priority

DATA = content(10_000)
LARGE = content(3 * BLOCK_SIZE + 100)
SERVER = b"s" * 32


def make(local: dict[str, LocalContent] | None = None, *, capacity: int = CAPACITY) -> MemoryStore:
    return MemoryStore(clock=ticking(), random_bytes=Random(1).randbytes, local=local, capacity=capacity)


def hashes(data: bytes) -> bytes:
    blocks = (data[start : start + BLOCK_SIZE] for start in range(0, len(data), BLOCK_SIZE))
    return b"".join(hashlib.sha256(block).digest() for block in blocks)


# -- crashes -----------------------------------------------------------------------------------------------------------


def test_crash_loses_what_was_not_synced_and_nothing_else() -> None:
    store = make()
    create(store, len(DATA))
    write(store, DATA, 0, 4_000)
    sync(store)
    write(store, DATA, 4_000, 9_000)
    store.crash()
    assert create(store, len(DATA)).present == ((0, 4_000),)
    write(store, DATA, 4_000, 10_000)
    entry = commit(store, DATA)
    mark(store, entry.file_id, BEN, FileState.VERIFIED)
    store.crash()
    (after,) = files(store)
    assert (after.file_id, after.verified) == (entry.file_id, 1)
    assert store.content(entry.file_id) == DATA


def test_part_that_was_open_before_a_crash_is_to_be_created_again() -> None:
    store = make()
    create(store, len(DATA))
    store.crash()
    assert refusal(store, CheckPart(1, PART)).code == ErrorCode.UNKNOWN_TRANSFER
    created = create(store, len(DATA))
    assert (created.present, created.is_checked) == ((), True)


def check_all(store: MemoryStore) -> list[tuple[int, int]]:
    """What turns out to be wrong with what was there."""
    found: list[tuple[int, int]] = []
    for _ in range(100):
        checked = perform(store, CheckPart(1, PART))
        assert isinstance(checked, PartChecked), checked
        found.extend(checked.damaged)
        if checked.is_done:
            return found
    raise AssertionError("it goes on for ever")


def test_damaged_block_of_a_part_is_found_after_a_restart_and_only_that_goes() -> None:
    store = make()
    create(store, len(LARGE))
    write(store, LARGE, 0, 3 * BLOCK_SIZE)
    sync(store)
    store.crash()
    store.damage(PART, BLOCK_SIZE + 5)
    created = create(store, len(LARGE))
    assert (created.present, created.is_checked) == (((0, 3 * BLOCK_SIZE),), False)
    assert check_all(store) == [(BLOCK_SIZE, 2 * BLOCK_SIZE)]
    store.crash()
    assert create(store, len(LARGE)).present == ((0, BLOCK_SIZE), (2 * BLOCK_SIZE, 3 * BLOCK_SIZE))
    assert check_all(store) == []
    write(store, LARGE, 0, len(LARGE))
    assert commit(store, LARGE).size == len(LARGE)


def test_part_is_checked_in_slices() -> None:
    store = make()
    large = bytes(CHECK_SLICE + BLOCK_SIZE)
    create(store, len(large))
    write(store, large, 0, len(large))
    sync(store)
    store.crash()
    create(store, len(large))
    assert perform(store, CheckPart(1, PART)) == PartChecked(PART, (), is_done=False)
    assert perform(store, CheckPart(1, PART)) == PartChecked(PART, (), is_done=True)


def test_damage_that_nobody_noticed_is_found_by_the_hashes_of_the_sender() -> None:
    store = make()
    create(store, len(LARGE))
    write(store, LARGE, 0, len(LARGE))
    store.damage(PART, 3 * BLOCK_SIZE)
    assert refusal(store, CommitPart(1, PART, md5(LARGE))).code == ErrorCode.DIGEST_MISMATCH
    assert perform(store, CompareBlocks(2, PART, 2, hashes(LARGE)[64:])) == ((3 * BLOCK_SIZE, len(LARGE)),)
    assert perform(store, CompareBlocks(2, PART, 0, hashes(LARGE))) == ()
    write(store, LARGE, 3 * BLOCK_SIZE, len(LARGE))
    entry = commit(store, LARGE)
    assert store.content(entry.file_id) == LARGE


def test_damaged_stored_file_reads_back_damaged() -> None:
    store = make()
    entry = put(store, DATA)
    store.damage(entry.file_id, 0)
    assert read_all(opened(store, entry.file_id).source) == bytes((DATA[0] ^ 1,)) + DATA[1:]


def test_capacity_is_a_full_disk() -> None:
    store = make(capacity=len(DATA))
    create(store, len(DATA))
    assert refusal(store, create_request(1, part_id=bytes(16))).code == ErrorCode.NO_SPACE


def test_room_of_an_upload_that_nobody_goes_on_with_is_given_back() -> None:
    store = make(capacity=len(DATA) + 100)
    create(store, len(DATA))
    write(store, DATA, 0, 1_000)
    assert perform(store, ClosePart(PART)) is None
    other = create_request(len(DATA) - 1_000, part_id=bytes(16))
    assert refusal(store, other).code == ErrorCode.NO_SPACE
    assert expire(store, 1_700_000_000_000_000 + 2 * ROOM_LIFETIME) == ()
    assert isinstance(perform(store, other), PartCreated)
    assert refusal(store, create_request(len(DATA))).code == ErrorCode.NO_SPACE
    assert perform(store, AbortPart(1, bytes(16))) is None
    assert create(store, len(DATA)).present == ((0, 1_000),)
    assert upload(store, DATA).size == len(DATA)


def test_download_lies_in_the_folder_it_was_asked_into() -> None:
    store = make()
    assert upload(store, DATA, folder="/home/downloads").path == "/home/downloads/report.pdf"
    assert upload(store, DATA, part_id=bytes(16)).path == ""


# -- files of the user -------------------------------------------------------------------------------------------------


def open_local(store: MemoryStore, path: str) -> LocalFile:
    local = perform(store, OpenLocal(1, path))
    assert isinstance(local, LocalFile), local
    return local


def test_files_of_the_user_are_those_it_was_given() -> None:
    store = make({"/home/a.bin": DATA})
    local = open_local(store, "/home/a.bin")
    assert (local.file_name, local.size, local.index, local.flags) == ("a.bin", len(DATA), None, FileFlag(0))
    assert perform(store, DigestSource(2, local.source)) == md5(DATA)
    assert perform(store, HashBlocks(2, local.source, 0, 16)) == hashes(DATA)
    assert refusal(store, OpenLocal(3, "/home/b.bin")).code == ErrorCode.UNKNOWN_FILE


def test_folder_of_the_user_is_its_files_one_behind_the_other() -> None:
    store = make({"/home/things": {"b.txt": b"22", "a/c/one": b"1", "a.txt": b"", "empty/": b""}})
    local = open_local(store, "/home/things")
    assert local.index is not None
    assert [member.path for member in local.index] == ["a", "a/c", "a/c/one", "a.txt", "b.txt", "empty"]
    assert [member.path for member in local.index if member.is_directory] == ["a", "a/c", "empty"]
    assert (local.flags, local.size, read_all(local.source)) == (FileFlag.FOLDER, 3, b"122")
    tree = {"a": None, "a/c": None, "a/c/one": b"1", "a.txt": b"", "b.txt": b"22", "empty": None}
    assert perform(store, DigestSource(2, local.source)) == tree_md5(tree)


@pytest.mark.parametrize("after", [b"other", {"x": b""}, None])
def test_file_that_changes_is_noticed(after: LocalContent | None) -> None:
    store = make({"a": DATA, "b": DATA})
    local = open_local(store, "a")
    assert local.mark == open_local(store, "b").mark
    if after is None:
        del store.local["a"]
    else:
        store.local["a"] = after
        assert open_local(store, "a").mark != local.mark
    assert refusal(store, DigestSource(2, local.source)).code == ErrorCode.SOURCE_CHANGED


def test_md5_runs_ahead_in_slices() -> None:
    store = make({"a": bytes(CHECK_SLICE + 10)})
    source = open_local(store, "a").source
    assert perform(store, ReadAhead(1, source, CHECK_SLICE + 1)) is False
    assert perform(store, ReadAhead(1, source, CHECK_SLICE + 1)) is True


# -- transfers ---------------------------------------------------------------------------------------------------------


def transfer(number: int = 1, **more: object) -> Transfer:
    made = Transfer(bytes((number,)) * 16, Direction.UPLOAD, SERVER, f"/home/{number}", f"{number}", mark=b"mark")
    return replace(made, **more)  # type: ignore[arg-type]


def claim(store: MemoryStore, wanted: Transfer) -> Transfer:
    claimed = perform(store, ClaimTransfer(1, wanted))
    assert isinstance(claimed, Transfer), claimed
    return claimed


def listed(store: MemoryStore, server: bytes = b"") -> list[int]:
    return [each.number for each in perform(store, ListTransfers(1, server))]


def test_transfer_that_is_the_same_is_gone_on_with_after_a_crash() -> None:
    store = make()
    first = claim(store, transfer(1))
    perform(store, SaveTransfer(replace(first, done=500, size=1_000)))
    store.crash()
    again = claim(store, replace(transfer(1), part_id=bytes(16)))
    assert (again.part_id, again.number, again.done) == (first.part_id, 1, 500)


@pytest.mark.parametrize(
    "other",
    [{"path": "/x"}, {"room": "books"}, {"to": "ben"}, {"server": b"t" * 32}, {"mark": b"new"}, {"member": 3}],
)
def test_transfer_that_differs_is_another(other: dict[str, object]) -> None:
    store = make()
    claim(store, transfer(1))
    assert claim(store, transfer(1, part_id=bytes(16), **other)).number == 2


def test_numbers_are_small_and_places_in_order() -> None:
    store = make()
    assert [claim(store, transfer(number)).number for number in (1, 2, 3)] == [1, 2, 3]
    perform(store, EndTransfer(bytes((2,)) * 16))
    last = claim(store, transfer(4, server=b"t" * 32))
    assert last.number == 2
    assert listed(store) == [1, 3, 2]
    assert listed(store, SERVER) == [1, 3]
    perform(store, SaveTransfer(replace(last, place=-1)))
    assert listed(store) == [2, 1, 3]
    perform(store, SaveTransfer(transfer(9)))
    assert listed(store) == [2, 1, 3]


def test_what_another_program_wishes_stays_when_progress_is_saved() -> None:
    store = make()
    ours = claim(store, transfer(1))
    store.transfers.steer(1, wish=Wish.PAUSE, rate=1_000)
    perform(store, SaveTransfer(replace(ours, done=10, priority=Priority.HIGH)))
    (found,) = perform(store, ListTransfers(1))
    assert (found.wish, found.rate, found.done, found.priority) == (Wish.PAUSE, 1_000, 10, Priority.HIGH)
    perform(store, SaveTransfer(replace(found, wish=Wish.RUN)))
    (found,) = perform(store, ListTransfers(1))
    assert found.wish is Wish.RUN


# -- folders -----------------------------------------------------------------------------------------------------------


def test_stored_folder_survives_a_crash_with_its_members() -> None:
    store = make()
    entry = put_folder(store)
    begin(store, 5, name="slow")
    store.crash()
    assert [each.file_name for each in files(store)] == [entry.file_name, "slow"]


def test_download_that_is_a_file_already_is_no_answer_to_who_wants_a_file_of_that_name() -> None:
    store = make()
    wanted = Transfer(PART, Direction.DOWNLOAD, b"S" * 32, "/home/ann", "report.pdf")
    assert perform(store, ClaimTransfer(1, wanted)).number == 1
    assert perform(store, ClaimTransfer(2, replace(wanted, part_id=b"x" * 16))).number == 1  # it goes on
    upload(store, b"old")
    assert perform(store, ClaimTransfer(3, replace(wanted, part_id=b"x" * 16))).number == 2
    assert perform(store, ClaimTransfer(4, wanted)).number == 1

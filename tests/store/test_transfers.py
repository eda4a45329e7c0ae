"""Unfinished transfers, as they are written down for all programs of one user."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.store.actions import PART, create, refusal, upload
from tests.store.grove import local_store
from udpchat.errors import ErrorCode, StorageError
from udpchat.files.local_ports import ClaimTransfer, Direction, EndTransfer, ListTransfers, SaveTransfer, Transfer, Wish
from udpchat.protocol.ports import Job, Lane, Store, perform
from udpchat.store.local import LocalStore
from udpchat.store.transfer_schema import TRANSFER_DATABASE, TransferDatabase
from udpchat.store.transfers import TransferBook
from udpchat.wire.numbers import Priority

SERVER = b"S" * 32
UPLOAD = Transfer(b"u" * 16, Direction.UPLOAD, SERVER, "/home/ann/a.bin", "a.bin", mark=b"first")
DOWNLOAD = Transfer(b"d" * 16, Direction.DOWNLOAD, SERVER, "/home/ann", "b.bin", file_id=b"f" * 16)


def claim(store: Store, transfer: Transfer = UPLOAD, **changes: Any) -> Transfer:
    claimed = perform(store, ClaimTransfer(1, replace(transfer, **changes)))
    assert isinstance(claimed, Transfer), claimed
    return claimed


def save(store: Store, transfer: Transfer, **changes: Any) -> Transfer:
    changed = replace(transfer, **changes)
    assert perform(store, SaveTransfer(changed)) is None
    return changed


def listed(store: Store, server: bytes = b"") -> tuple[Transfer, ...]:
    found = perform(store, ListTransfers(1, server))
    assert isinstance(found, tuple), found
    return found


@pytest.fixture
def make(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[], LocalStore]:
    """Programs of one user."""

    def program() -> LocalStore:
        store = local_store(tmp_path)
        request.addfinalizer(store.close)
        return store

    return program


# -- one program -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_written", [True, False], ids=["in a file", "in memory"])
def test_transfer_is_there_until_it_is_ended(is_written: bool, tmp_path: Path) -> None:
    store = LocalStore(tmp_path, clock=lambda: 7, home=tmp_path / "home" if is_written else None)
    assert listed(store) == ()
    claimed = claim(store)
    assert claimed == replace(UPLOAD, number=1, place=1, added_at=7)
    other = claim(
        store, DOWNLOAD, rate=5, priority=Priority.HIGH, wish=Wish.PAUSE, room="r", to="ben", member=3, text="t"
    )
    assert listed(store) == (claimed, other)
    assert (other.rate, other.priority, other.wish, other.to, other.member) == (5, Priority.HIGH, Wish.PAUSE, "ben", 3)
    perform(store, EndTransfer(UPLOAD.part_id))
    perform(store, EndTransfer(UPLOAD.part_id))
    assert listed(store) == (other,)
    store.close()


def test_download_that_is_a_file_already_is_no_answer_to_who_wants_a_file_of_that_name(
    make: Callable[[], LocalStore],
) -> None:
    store = make()
    first = claim(store, DOWNLOAD, part_id=PART, file_name="report.pdf", file_id=bytes(16))
    upload(store, b"old")
    save(store, first, file_id=b"f" * 16)
    store.close()  # nobody ended the transfer
    store = make()
    second = claim(store, DOWNLOAD, part_id=b"x" * 16, file_name="report.pdf", file_id=bytes(16))
    assert (second.part_id, second.number) == (b"x" * 16, 2)
    assert claim(store, DOWNLOAD, part_id=PART, file_name="report.pdf").number == 1  # who goes on with it ends it
    assert claim(store, DOWNLOAD, part_id=b"y" * 16, file_name="report.pdf", file_id=b"f" * 16).number == 1


@pytest.mark.parametrize("change", ["size", "content", "gone", "folder", "none"])
def test_finished_download_is_an_answer_as_long_as_its_file_is_what_came(change: str, tmp_path: Path) -> None:
    store = local_store(tmp_path)
    place = Path(upload(store, b"what came").path)
    store.close()
    if change == "size":
        place.write_bytes(b"what came, and more")
    elif change == "content":
        place.write_bytes(b"WHAT CAME")
        os.utime(place, ns=(1, place.stat().st_mtime_ns + 1_000_000))
    elif change != "none":
        place.unlink()
        if change == "folder":
            place.mkdir()
    store = local_store(tmp_path)
    created = create(store, len(b"what came"))
    assert (created.committed is not None) == (change == "none")
    again = Path(upload(store, b"what came").path)
    assert again.read_bytes() == b"what came"
    assert (again == place) == (change in {"none", "gone"})
    store.close()


def test_transfer_outlives_its_program(make: Callable[[], LocalStore]) -> None:
    store = make()
    claimed = save(store, claim(store), done=1_000, size=5_000, text="the server is away")
    store.close()
    assert listed(make()) == (claimed,)


def test_transfers_of_one_server_can_be_told_apart(make: Callable[[], LocalStore]) -> None:
    store = make()
    claim(store)
    other = claim(store, DOWNLOAD, server=b"T" * 32)
    assert listed(store, b"T" * 32) == (other,)
    assert len(listed(store)) == 2


def test_the_same_transfer_is_gone_on_with(make: Callable[[], LocalStore]) -> None:
    store = make()
    claimed = save(store, claim(store), wish=Wish.PAUSE, rate=9)
    assert claim(store, part_id=b"x" * 16) == claimed
    by_name = claim(store, DOWNLOAD, file_id=bytes(16))
    assert claim(store, DOWNLOAD, file_id=bytes(16), part_id=b"x" * 16) == by_name
    known = save(store, by_name, file_id=b"f" * 16)
    assert claim(store, DOWNLOAD, part_id=b"x" * 16) == known
    assert claim(store, DOWNLOAD, part_id=b"y" * 16, file_id=bytes(16)) == known
    assert len(listed(store)) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"server": b"T" * 32},
        {"path": "/home/ann/other"},
        {"room": "other"},
        {"to": "ben"},
        {"mark": b"second"},
        {"member": 1},
        {"direction": Direction.DOWNLOAD},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_transfer_is_not_the_same(change: dict[str, Any], make: Callable[[], LocalStore]) -> None:
    store = make()
    claim(store)
    assert claim(store, part_id=b"x" * 16, **change).part_id == b"x" * 16


def test_downloads_of_two_files_are_two(make: Callable[[], LocalStore]) -> None:
    store = make()
    claim(store, DOWNLOAD)
    assert claim(store, DOWNLOAD, part_id=b"x" * 16, file_id=b"g" * 16).part_id == b"x" * 16
    assert claim(store, DOWNLOAD, part_id=b"y" * 16, file_id=bytes(16), file_name="c.bin").part_id == b"y" * 16


def test_what_was_cancelled_is_not_gone_on_with_but_can_be_fetched_to_be_removed(
    make: Callable[[], LocalStore],
) -> None:
    store = make()
    cancelled = save(store, claim(store), wish=Wish.CANCEL)
    assert claim(store, part_id=b"x" * 16).part_id == b"x" * 16
    assert claim(store, cancelled) == cancelled


def test_numbers_are_small_and_given_again_only_when_free(make: Callable[[], LocalStore]) -> None:
    store = make()
    parts = [bytes([number]) * 16 for number in range(5)]
    numbers = [claim(store, part_id=part, path=str(part)).number for part in parts[:4]]
    perform(store, EndTransfer(parts[1]))
    assert numbers == [1, 2, 3, 4]
    assert claim(store, part_id=parts[4], path="else").number == 2
    assert [transfer.number for transfer in listed(store)] == [1, 3, 4, 2]


def test_unknown_transfers_are_not_written_down_by_saving(make: Callable[[], LocalStore]) -> None:
    store = make()
    save(store, UPLOAD, number=1)
    assert listed(store) == ()


def test_path_need_not_be_text_and_numbers_may_be_anything(make: Callable[[], LocalStore]) -> None:
    store = make()
    given: dict[str, Any] = {"path": "/home/ann/caf\udce9", "file_name": "caf\udce9", "text": "caf\udce9 is away"}
    claim(store, **given)
    odd = claim(store, part_id=b"x" * 16, **given)
    assert (odd.part_id, odd.file_name, odd.text) == (UPLOAD.part_id, "caf%E9", "caf%E9 is away")
    save(store, odd, size=2**64 - 1, done=2**64 - 1, rate=2**64)
    ((path, size),) = [(transfer.path, transfer.size) for transfer in listed(store)]
    assert (path, size) == ("/home/ann/caf\udce9", 2**63 - 1)


def test_there_are_not_too_many(make: Callable[[], LocalStore], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("udpchat.store.transfers.MAX_TRANSFERS", 2)
    store = make()
    claim(store)
    claim(store, DOWNLOAD)
    refused = refusal(store, ClaimTransfer(1, replace(UPLOAD, part_id=b"x" * 16, path="third")))
    assert refused.code == ErrorCode.TOO_MANY_TRANSFERS
    assert claim(store).part_id == UPLOAD.part_id


def test_the_list_does_not_wait_for_the_disk_of_files(make: Callable[[], LocalStore]) -> None:
    store = make()
    for request in (ClaimTransfer(1, UPLOAD), ListTransfers(2), SaveTransfer(UPLOAD), EndTransfer(UPLOAD.part_id)):
        job = store.submit(request)
        assert isinstance(job, Job)
        assert job.lane is Lane.MESSAGES
        job.finish(job.run())


# -- several programs --------------------------------------------------------------------------------------------------


def test_only_one_living_program_is_at_a_transfer(make: Callable[[], LocalStore]) -> None:
    first, second = make(), make()
    claimed = claim(first)
    theirs = claim(second, part_id=b"x" * 16)
    assert theirs == replace(claimed, is_elsewhere=True)
    assert listed(second) == (theirs,)
    assert listed(first) == (claimed,)
    first.close()
    assert listed(second) == (claimed,)
    assert claim(second, part_id=b"x" * 16) == claimed


def test_of_programs_that_claim_at_once_one_gets_it(make: Callable[[], LocalStore]) -> None:
    stores = [make() for _ in range(8)]
    start = threading.Barrier(len(stores))
    results: list[Transfer] = []

    def run(store: LocalStore) -> None:
        start.wait()
        results.append(claim(store))

    threads = [threading.Thread(target=run, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(transfer.is_elsewhere for transfer in results) == [False] + [True] * 7


HOLDER = """
import sys, time
from pathlib import Path
from tests.store.grove import local_store
from tests.store.test_transfers import claim
store = local_store(Path(sys.argv[1]))
claim(store)
print("mine", flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_transfer_of_a_killed_program_can_be_claimed(tmp_path: Path, make: Callable[[], LocalStore]) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "mine\n"
        store = make()
        assert claim(store).is_elsewhere
        program.kill()
    assert not claim(store).is_elsewhere
    assert len(list((tmp_path / "home" / "programs").iterdir())) == 1


def test_signs_of_the_dead_are_removed(tmp_path: Path, make: Callable[[], LocalStore]) -> None:
    (tmp_path / "home" / "programs").mkdir(parents=True)
    (tmp_path / "home" / "programs" / "old").touch()
    store = make()
    claim(store)
    assert not (tmp_path / "home" / "programs" / "old").exists()
    store.close()
    assert list((tmp_path / "home" / "programs").iterdir()) == []


def test_book_shows_and_steers_what_programs_do(tmp_path: Path, make: Callable[[], LocalStore]) -> None:
    book = TransferBook(tmp_path / "home")
    assert book.list() == ()
    assert not (tmp_path / "home").exists()
    store = make()
    first, second = claim(store), claim(store, DOWNLOAD)
    assert book.list() == (replace(first, is_elsewhere=True), replace(second, is_elsewhere=True))
    book.set_wish(first.number, Wish.PAUSE)
    book.set_rate(first.number, 1_000)
    book.set_priority(second.number, Priority.LOW)
    book.move_first(second.number)
    seen = listed(store)
    assert [transfer.number for transfer in seen] == [second.number, first.number]
    assert (seen[1].wish, seen[1].rate, seen[0].priority) == (Wish.PAUSE, 1_000, Priority.LOW)
    store.close()
    assert [transfer.is_elsewhere for transfer in book.list()] == [False, False]
    book.close()


def test_cancelled_download_that_nobody_is_at_is_removed_at_once(
    tmp_path: Path, make: Callable[[], LocalStore]
) -> None:
    book, store = TransferBook(tmp_path / "home"), make()
    download, upload = claim(store, DOWNLOAD), claim(store)
    create(store, 1_000, part_id=DOWNLOAD.part_id)
    book.set_wish(download.number, Wish.CANCEL)
    assert [transfer.wish for transfer in book.list()] == [Wish.CANCEL, Wish.RUN]
    store.close()
    for transfer in (download, upload):
        book.set_wish(transfer.number, Wish.CANCEL)
    assert book.list() == (replace(upload, wish=Wish.CANCEL),)
    assert list((tmp_path / "downloads").iterdir()) == []
    assert list((tmp_path / "home" / "programs").iterdir()) == []
    book.close()


def test_cancelled_download_that_cannot_be_removed_now_is_left_for_any_program(
    tmp_path: Path, make: Callable[[], LocalStore]
) -> None:
    book, store = TransferBook(tmp_path / "home"), make()
    download = claim(store, DOWNLOAD)
    create(store, 1_000, part_id=DOWNLOAD.part_id)
    store.close()
    (part,) = (tmp_path / "downloads").iterdir()
    part.unlink()
    part.mkdir()
    with pytest.raises(StorageError, match="remove what had arrived"):
        book.set_wish(download.number, Wish.CANCEL)
    assert list((tmp_path / "home" / "programs").iterdir()) == []
    assert listed(make()) == (replace(download, wish=Wish.CANCEL),)
    part.rmdir()
    book.set_wish(download.number, Wish.CANCEL)
    assert book.list() == ()
    book.close()


@pytest.mark.parametrize("is_there", [False, True])
def test_book_says_when_there_is_no_such_transfer(
    is_there: bool, tmp_path: Path, make: Callable[[], LocalStore]
) -> None:
    if is_there:
        claim(make())
    book = TransferBook(tmp_path / "home")
    changes: list[Callable[[], None]] = [
        lambda: book.set_wish(5, Wish.RUN),
        lambda: book.set_rate(5, 1),
        lambda: book.set_priority(5, Priority.LOW),
        lambda: book.move_first(5),
    ]
    for change in changes:
        with pytest.raises(StorageError, match="no transfer 5") as refused:
            change()
        assert refused.value.code == ErrorCode.UNKNOWN_TRANSFER
    book.close()


def test_progress_does_not_undo_what_was_wished_elsewhere(tmp_path: Path, make: Callable[[], LocalStore]) -> None:
    store, book = make(), TransferBook(tmp_path / "home")
    claimed = claim(store)
    book.set_wish(1, Wish.PAUSE)
    book.set_rate(1, 500)
    save(store, claimed, done=100)
    (seen,) = listed(store)
    assert (seen.wish, seen.rate, seen.done) == (Wish.PAUSE, 500, 100)
    save(store, seen, wish=Wish.RUN, done=200)
    assert [(transfer.wish, transfer.rate, transfer.done) for transfer in book.list()] == [(Wish.RUN, 500, 200)]
    book.close()


# -- trouble -----------------------------------------------------------------------------------------------------------


def test_database_of_another_program_is_refused(tmp_path: Path, make: Callable[[], LocalStore]) -> None:
    (tmp_path / "home").mkdir()
    other = sqlite3.connect(tmp_path / "home" / TRANSFER_DATABASE)
    other.execute("CREATE TABLE theirs (a)")
    other.close()
    store = make()
    assert "another program" in refusal(store, ClaimTransfer(1, UPLOAD)).text


def test_damaged_database_is_told_with_what_to_do(tmp_path: Path, make: Callable[[], LocalStore]) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / TRANSFER_DATABASE).write_bytes(b"no database" * 1_000)
    store = make()
    assert "moved away" in refusal(store, ListTransfers(1)).text
    (tmp_path / "home" / TRANSFER_DATABASE).unlink()
    assert claim(store).number == 1


def test_database_is_for_its_user_only(tmp_path: Path, make: Callable[[], LocalStore]) -> None:
    claim(make())
    modes = {path.name: path.stat().st_mode & 0o077 for path in [tmp_path / "home", *(tmp_path / "home").iterdir()]}
    assert os.name != "posix" or not any(modes.values()), modes


def test_who_waits_too_long_for_another_program_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("udpchat.store.transfer_schema.BUSY_TIMEOUT", 20)
    first, second = TransferDatabase(tmp_path), TransferDatabase(tmp_path)
    with first.writing(), pytest.raises(StorageError, match="another udpchat program"), second.writing():
        raise AssertionError
    with second.writing() as connection:
        assert connection.execute("SELECT count(*) FROM transfers").fetchone() == (0,)
    first.close()
    second.close()


def test_a_download_goes_on_at_another_server_that_has_the_same(make: Callable[[], LocalStore], tmp_path: Path) -> None:
    store, other, book = make(), b"T" * 32, TransferBook(tmp_path / "home")
    claimed = save(store, claim(store, DOWNLOAD), wish=Wish.PAUSE, text="gone", done=5)
    sent = claim(store, UPLOAD)
    assert not book.move(claimed.number, other, b"g" * 16)  # a program is at it
    store.close()
    assert not book.move(sent.number, other, b"g" * 16)
    assert not book.move(99, other, b"g" * 16)
    assert book.move(claimed.number, other, b"g" * 16)
    found = claim(make(), DOWNLOAD, part_id=b"n" * 16, server=other, file_id=b"g" * 16)
    assert (found.part_id, found.done, found.wish, found.text) == (DOWNLOAD.part_id, 5, Wish.RUN, "")
    book.close()

from __future__ import annotations

from random import Random

from tests.store.actions import commit, content, create, create_request, files, md5, refusal, sync, ticking, write
from udpchat.errors import ErrorCode
from udpchat.files.ports import DigestSource, LocalFile, OpenLocal
from udpchat.protocol.ports import perform
from udpchat.store.memory import MemoryStore

DATA = content(10_000)


def test_crash_loses_what_was_not_synced_and_nothing_else() -> None:
    store = MemoryStore(clock=ticking(), random_bytes=Random(1).randbytes)
    create(store, len(DATA))
    write(store, DATA, 0, 4_000)
    sync(store)
    write(store, DATA, 4_000, 9_000)
    store.crash()
    assert create(store, len(DATA)).present == ((0, 4_000),)
    write(store, DATA, 4_000, 10_000)
    entry = commit(store, DATA)
    store.crash()
    assert files(store) == (entry,)


def test_files_of_the_user_are_those_it_was_given() -> None:
    store = MemoryStore(clock=ticking(), random_bytes=Random(1).randbytes, local={"/home/a.bin": DATA})
    opened = perform(store, OpenLocal(1, "/home/a.bin"))
    assert isinstance(opened, LocalFile)
    assert (opened.file_name, opened.size) == ("a.bin", len(DATA))
    assert perform(store, DigestSource(2, opened.source)) == md5(DATA)
    assert refusal(store, OpenLocal(3, "/home/b.bin")).code == ErrorCode.UNKNOWN_FILE


def test_capacity_is_a_full_disk() -> None:
    store = MemoryStore(clock=ticking(), random_bytes=Random(1).randbytes, capacity=len(DATA))
    create(store, len(DATA))
    assert refusal(store, create_request(1, part_id=bytes(16))).code == ErrorCode.NO_SPACE

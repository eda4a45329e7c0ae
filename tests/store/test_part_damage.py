"""Parts that a disk damages while nobody looks, and what their journal says of them afterwards."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from tests.store.actions import PART, content, create, md5, refusal, server_store, sync, upload, write
from tests.store.mending import begin_folder, block, check_all, compare, create_folder, flip, part_path, tree_of
from tests.store.shelf import tree_md5
from udpchat.config import BLOCK_SIZE, MIB
from udpchat.errors import ErrorCode
from udpchat.files.ports import ClosePart, CommitPart, FileEntry, PartChecked
from udpchat.protocol.ports import perform
from udpchat.store.file_schema import DATABASE
from udpchat.store.server import ServerStore

FOLDER_SIZES = (3 * MIB + 5, 0, 2 * MIB, 1_000, 2 * MIB)
FOLDER_DATA = content(sum(FOLDER_SIZES))
FOLDER = tree_of(FOLDER_DATA, FOLDER_SIZES)
FOLDER_STOP = sum(FOLDER_SIZES[:4]) + 300_000  # in the middle of the last; of block 5 not all is there


def interrupted_folder(folder: Path, flipped: int) -> ServerStore:
    """A store that knows four members with their MD5s, and has begun with the last; one bit is wrong since."""
    store = server_store(folder)
    begin_folder(store, FOLDER)
    write(store, FOLDER_DATA, 0, FOLDER_STOP)
    sync(store)
    store.close()
    flip(part_path(folder), flipped)
    store = server_store(folder)
    assert create_folder(store, FOLDER).present == ((0, FOLDER_STOP),)
    return store


@pytest.mark.parametrize("number", range(5))
def test_damage_in_members_that_were_complete_is_found_beside_the_transfer(number: int, tmp_path: Path) -> None:
    store = interrupted_folder(tmp_path, number * BLOCK_SIZE + 77)
    write(store, FOLDER_DATA, FOLDER_STOP, len(FOLDER_DATA))
    request = CommitPart(1, PART, tree_md5(FOLDER))
    assert perform(store, request) == PartChecked(PART, (), is_done=False)
    assert check_all(store) == (block(number, len(FOLDER_DATA)),)
    write(store, FOLDER_DATA, *block(number, len(FOLDER_DATA)))
    assert isinstance(perform(store, request), FileEntry)
    store.close()


def test_damage_in_a_complete_member_of_an_incomplete_block_is_found_by_its_md5(tmp_path: Path) -> None:
    store = interrupted_folder(tmp_path, sum(FOLDER_SIZES[:3]) + 500)
    assert check_all(store) == ()
    write(store, FOLDER_DATA, FOLDER_STOP, len(FOLDER_DATA))
    assert refusal(store, CommitPart(1, PART, tree_md5(FOLDER))).code == ErrorCode.DIGEST_MISMATCH
    assert compare(store, FOLDER_DATA) == (block(5, len(FOLDER_DATA)),)
    write(store, FOLDER_DATA, *block(5, len(FOLDER_DATA)))
    assert isinstance(perform(store, CommitPart(1, PART, tree_md5(FOLDER))), FileEntry)
    store.close()


def test_damage_in_a_folder_is_found_by_a_commit_that_finds_it_closed(tmp_path: Path) -> None:
    store = server_store(tmp_path)
    begin_folder(store, FOLDER)
    write(store, FOLDER_DATA, 0, len(FOLDER_DATA))
    assert perform(store, ClosePart(PART)) is None
    flip(part_path(tmp_path), 5)
    assert refusal(store, CommitPart(1, PART, tree_md5(FOLDER))).code == ErrorCode.INCOMPLETE
    flip(part_path(tmp_path), 5)
    assert isinstance(perform(store, CommitPart(1, PART, tree_md5(FOLDER))), FileEntry)
    store.close()


def test_journal_forgets_the_hashes_of_what_a_check_found_wrong(tmp_path: Path) -> None:
    store = interrupted_folder(tmp_path, 2 * BLOCK_SIZE + 77)
    reader = sqlite3.connect(tmp_path / DATABASE)
    hashed = "SELECT number FROM blocks ORDER BY number"
    known = "SELECT number FROM members WHERE md5 != zeroblob(16) AND size > 0 ORDER BY number"
    assert reader.execute(hashed).fetchall() == [(number,) for number in range(5)]
    assert reader.execute(known).fetchall() == [(1,), (5,), (7,)]
    assert check_all(store) == (block(2, len(FOLDER_DATA)),)
    sync(store)
    assert (2,) not in reader.execute(hashed).fetchall()
    assert reader.execute(known).fetchall() == [(5,), (7,)]
    reader.close()
    store.close()


def test_journal_knows_what_a_part_has_lost_before_room_is_made_for_it(tmp_path: Path) -> None:
    data = content(40_000)
    store = server_store(tmp_path)
    create(store, len(data))
    write(store, data, 0, 30_000)
    assert perform(store, ClosePart(PART)) is None
    os.truncate(part_path(tmp_path), 10_000)
    assert create(store, len(data)).present == ((0, 10_000),)
    store.close()  # as a crash
    store = server_store(tmp_path)
    assert create(store, len(data)).present == ((0, 10_000),)
    assert upload(store, data).md5 == md5(data)
    store.close()

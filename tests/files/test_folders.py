"""Folders at the server: an index that makes sense, members one by one, and nothing of one that does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.chat.speaker import wait
from tests.files.trader import ID, OTHER_ID, Trader, come, fetch_record, market, md5_of, member_record
from udpchat.config import MAX_INDEX_PATHS, MAX_MEMBER_PATH, MILLISECOND
from udpchat.errors import ErrorCode
from udpchat.files.indexing import IndexRules
from udpchat.files.members import EMPTY_MD5, WHOLE, MemberInfo, folder_md5
from udpchat.sim.disk import DiskSpec
from udpchat.wire.numbers import FileFlag, FileState, MemberFlag
from udpchat.wire.records import Commit, Committed, Finished, ListMembers, Member, Offer, Opened, Refused

DIRECTORY = MemberFlag.DIRECTORY
TREE = (
    MemberInfo("empty", 0),
    MemberInfo("sub", 0, flags=DIRECTORY),
    MemberInfo("sub/run.sh", 5, modified=1_000, flags=MemberFlag.EXECUTABLE),
    MemberInfo("sub/名前", 70_000),
    MemberInfo("z", 1),
)
SIZE = sum(member.size for member in TREE)


def open_folder(who: Trader, members: int = len(TREE), size: int = SIZE, **more: object) -> Opened:
    opened = who.open(size, "folder", flags=FileFlag.FOLDER, members=members, **more)  # type: ignore[arg-type]
    assert isinstance(opened, Opened), opened
    return opened


def md5_of_tree(data: bytes) -> bytes:
    md5s, start = [], 0
    for member in TREE:
        md5s.append(md5_of(data[start : start + member.size]))
        start += member.size
    return folder_md5(md5s)


@pytest.mark.parametrize("members_first", [True, False])
def test_a_folder_comes_back_as_it_went_whole_and_member_by_member(members_first: bool) -> None:
    world, (anna, ben) = market("anna", "ben")
    data = world.random.randbytes(SIZE)
    opened = open_folder(anna)
    if members_first:
        anna.send_members(opened.transfer_id, TREE)
        anna.send_bytes(opened, data)
    else:
        anna.send_bytes(opened, data)
        anna.send_members(opened.transfer_id, TREE)
    committed = anna.commit(md5_of_tree(data))
    assert isinstance(committed, Committed)

    *members, finished = ben.ask(ListMembers(committed.file_id))
    assert finished == Finished(len(TREE))
    assert [(each.number, each.path, each.size, each.modified, each.flags) for each in members] == [
        (number, each.path, each.size, each.modified, each.flags) for number, each in enumerate(TREE)
    ]
    assert members[0].md5 == EMPTY_MD5
    assert ben.download("folder") == data
    assert ben.download("folder", number=3) == data[5:70_005]


def test_the_offer_of_a_folder_is_followed_by_its_index_unless_it_is_known() -> None:
    _, (anna, ben) = market("anna", "ben")
    anna.upload_folder({"a": b"one", "b": b"three"})
    offer, *members = ben.ask(fetch_record("folder"))
    assert (offer.members, offer.flags & FileFlag.FOLDER, offer.size) == (2, FileFlag.FOLDER, 8)
    assert [(each.transfer_id, each.number, each.path, each.md5) for each in members] == [
        (offer.transfer_id, 0, "a", md5_of(b"one")),
        (offer.transfer_id, 1, "b", md5_of(b"three")),
    ]
    assert len(ben.ask(fetch_record("folder", flags=FileFlag.INDEXED))) == 1


def test_a_member_alone_is_offered_like_a_file() -> None:
    _, (anna, ben) = market("anna", "ben")
    anna.upload_folder({"a": b"one", "b": b"three"})
    offer = ben.fetch("folder", number=1)
    assert isinstance(offer, Offer)
    assert (offer.size, offer.md5, offer.file_name, offer.members) == (5, md5_of(b"three"), "b", 0)
    assert not offer.flags & FileFlag.FOLDER
    assert not any(offer.root)


@pytest.mark.parametrize("number", [2, 1_000_000, WHOLE - 1])
def test_a_member_that_is_not_there_is_refused(number: int) -> None:
    _, (anna,) = market("anna")
    anna.upload_folder({"a": b"one", "b": b"three"})
    anna.upload(b"a file", "file")
    codes = anna.codes(fetch_record("folder", number=number), fetch_record("file", number=0))
    assert codes == [ErrorCode.UNKNOWN_FILE] * 2


def test_an_empty_folder_is_stored() -> None:
    _, (anna, ben) = market("anna", "ben")
    open_folder(anna, 0, 0)
    committed = anna.commit(folder_md5([]))
    assert isinstance(committed, Committed)
    assert ben.ask(ListMembers(committed.file_id)) == [Finished(0)]
    assert ben.download("folder") == b""


def test_a_commit_waits_for_the_index() -> None:
    world, (anna,) = market("anna")
    data = world.random.randbytes(SIZE)
    opened = open_folder(anna)
    anna.send_bytes(opened, data)
    request = anna.send(Commit(ID, md5_of_tree(data)))
    wait(world, 1)
    assert anna.answers(request) == []
    anna.send_members(opened.transfer_id, TREE)
    assert isinstance(anna.answers(request)[0], Committed)


def test_an_index_that_is_known_need_not_be_sent_again() -> None:
    world, (anna,) = market("anna")
    data = world.random.randbytes(SIZE)
    opened = open_folder(anna)
    anna.send_members(opened.transfer_id, TREE)
    anna.leave()
    again = come(world, "anna", key=anna.key)
    opened = open_folder(again)
    assert opened.flags & FileFlag.INDEXED
    again.send_bytes(opened, data)
    assert isinstance(again.commit(md5_of_tree(data)), Committed)


@pytest.mark.parametrize("known", [0, 1, 3])
def test_an_index_that_came_in_part_is_sent_again_from_its_beginning(known: int) -> None:
    world, (anna,) = market("anna", disk=DiskSpec(delay=MILLISECOND))
    data = world.random.randbytes(SIZE)
    opened = open_folder(anna)
    anna.send_members(opened.transfer_id, TREE[:known])
    assert not open_folder(anna).flags & FileFlag.INDEXED
    anna.send_members(opened.transfer_id, TREE)
    anna.send_bytes(opened, data)
    assert isinstance(anna.commit(md5_of_tree(data)), Committed)


# -- indexes that cannot be --------------------------------------------------------------------------------------------

BAD_PATHS = ["", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a\0b", "x" * (MAX_MEMBER_PATH + 1), "no/b"]


@pytest.mark.parametrize("path", BAD_PATHS)
def test_a_path_that_leads_elsewhere_ends_the_upload(path: str) -> None:
    _, (anna,) = market("anna")
    opened = open_folder(anna, 2, 10)
    anna.send_members(opened.transfer_id, [MemberInfo("a", 5), MemberInfo(path, 5)])
    assert anna.cancelled(opened.transfer_id) == [ErrorCode.NAME_NOT_ALLOWED]
    assert anna.codes(Commit(ID, bytes(16))) == [ErrorCode.UNKNOWN_TRANSFER]
    assert anna.files() == []
    assert anna.closed is None


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ([MemberInfo("a", 5), MemberInfo("a", 5)], ErrorCode.NAME_NOT_ALLOWED),
        ([MemberInfo("a", 5), MemberInfo("a/b", 5)], ErrorCode.NAME_NOT_ALLOWED),
        ([MemberInfo("a", 5, flags=DIRECTORY)], ErrorCode.NAME_NOT_ALLOWED),
        ([MemberInfo("a", 5), MemberInfo("b", 6)], ErrorCode.TOO_LARGE),
        ([MemberInfo("a", 5), MemberInfo("b", 4)], ErrorCode.INCOMPLETE),
    ],
    ids=["twice", "a file as a folder", "a folder with bytes", "too much", "too little"],
)
def test_an_index_that_does_not_fit_ends_the_upload(members: list[MemberInfo], code: ErrorCode) -> None:
    _, (anna,) = market("anna")
    opened = open_folder(anna, 2, 10)
    anna.send_members(opened.transfer_id, members)
    assert anna.cancelled(opened.transfer_id) == [code]
    assert anna.files() == []


def test_a_member_that_is_left_out_ends_the_upload() -> None:
    _, (anna,) = market("anna")
    opened = open_folder(anna)
    anna.send_members(opened.transfer_id, TREE[1:], first=1)
    assert anna.cancelled(opened.transfer_id) == [ErrorCode.INCOMPLETE]


def test_members_that_come_twice_or_late_or_for_a_file_are_ignored() -> None:
    world, (anna, ben) = market("anna", "ben")
    data = world.random.randbytes(SIZE)
    opened = open_folder(anna)
    anna.send_members(opened.transfer_id, TREE[:2])
    anna.send_members(opened.transfer_id, TREE)
    anna.send_members(opened.transfer_id, [replace(member, path=f"{member.path} again") for member in TREE])
    anna.send_members(opened.transfer_id, [MemberInfo("more", 5)], first=len(TREE))
    file = anna.open(10, "file", OTHER_ID)
    anna.send_members(file.transfer_id, TREE)
    anna.send_bytes(opened, data)
    committed = anna.commit(md5_of_tree(data))
    members = [record for record in ben.ask(ListMembers(committed.file_id)) if isinstance(record, Member)]
    assert [member.path for member in members] == [member.path for member in TREE]


def test_members_of_what_is_no_folder_or_not_stored_cannot_be_listed() -> None:
    _, (anna,) = market("anna")
    file = anna.upload(b"x")
    open_folder(anna)
    codes = anna.codes(ListMembers(file.file_id), ListMembers(ID), ListMembers(bytes(16)))
    assert codes == [ErrorCode.UNKNOWN_FILE, ErrorCode.INCOMPLETE, ErrorCode.UNKNOWN_FILE]


def test_an_index_whose_paths_are_too_long_together_is_refused() -> None:
    rules, size = IndexRules(100_000, 0), 1_000
    faults = (rules.fault(MemberInfo(f"{number:0{size}}", 0)) for number in range(100_000))
    number, fault = next((number, fault) for number, fault in enumerate(faults) if fault is not None)
    assert number == MAX_INDEX_PATHS // size
    assert fault.code == ErrorCode.TOO_LARGE


def test_a_folder_that_is_being_received_is_listed_as_such() -> None:
    _, (anna, ben) = market("anna", "ben")
    open_folder(anna)
    (file,) = ben.files()
    assert (file.state, file.members, file.present, file.flags) == (FileState.RECEIVING, 5, 0, FileFlag.FOLDER)
    assert isinstance(ben.fetch("folder"), Refused)


def test_what_is_written_in_an_index_stays_whole_when_members_are_many() -> None:
    world, (anna, ben) = market("anna", "ben")
    members = [MemberInfo(f"file {number}", 3) for number in range(1_000)]
    opened = open_folder(anna, len(members), 3_000)
    for number, member in enumerate(members):
        anna.send(member_record(opened.transfer_id, number, member))
    wait(world, 1)
    data = world.random.randbytes(3_000)
    anna.send_bytes(opened, data)
    md5s = [md5_of(data[start : start + 3]) for start in range(0, 3_000, 3)]
    committed = anna.commit(folder_md5(md5s))
    listed = [record for record in ben.ask(ListMembers(committed.file_id)) if isinstance(record, Member)]
    assert [(record.path, record.md5) for record in listed] == [
        (member.path, md5) for member, md5 in zip(members, md5s, strict=True)
    ]

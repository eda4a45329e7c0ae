"""A file for one person: to anybody else it is not there, in the same words as one that never was."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chat.people import PASSWORD, make_account
from tests.chat.speaker import wait
from tests.files.trader import Trader, come, fetch_record, market, md5_of, open_record
from tests.world import World
from udpchat.chat.events import FileSaid
from udpchat.config import SECOND
from udpchat.errors import ErrorCode
from udpchat.files.events import FileDelivered, FileMarked, FileRemoved, FileShared, TransferFailed, UploadBegan
from udpchat.wire.numbers import FileFlag, FileState
from udpchat.wire.records import (
    Administer,
    Cancel,
    Commit,
    Committed,
    DeleteFile,
    Finished,
    History,
    ListFiles,
    ListMembers,
    ListStates,
    Login,
    Mark,
    Opened,
    Record,
    Refused,
    Shared,
)

SECRET = b"for your eyes only" * 100
NEVER = b"never was there."

# What anybody may ask about a file by its id, and the room's ones by its name.
BY_ID: dict[str, Any] = {
    "fetch": lambda file_id: fetch_record("", file_id),
    "fetch a member": lambda file_id: fetch_record("", file_id, 0),
    "members": ListMembers,
    "states": ListStates,
    "opened": lambda file_id: Mark(file_id, FileState.OPENED),
    "declined": lambda file_id: Mark(file_id, FileState.DECLINED),
    "delete": DeleteFile,
}


def with_a_secret() -> tuple[World, Trader, Trader, Trader, bytes]:
    """Anna has sent a file and a folder to Ben; Eve and an administrator are there; the file's id."""
    world, (anna, ben, eve) = market("anna", "ben", "eve")
    committed = anna.upload(SECRET, "secret.txt", to="ben")
    anna.upload_folder({"inside.txt": b"x"}, "secret folder", to="BEN")
    return world, anna, ben, eve, committed.file_id


def without_ids(answers: list[Any], file_id: bytes) -> list[Any]:
    """Answers, in which the id that was asked for does not count."""
    return [
        Refused(answer.code, answer.text.replace(file_id.hex(), "ID")) if isinstance(answer, Refused) else answer
        for answer in answers
    ]


@pytest.mark.parametrize("what", BY_ID)
def test_to_others_a_private_file_is_as_one_that_never_was(what: str) -> None:
    _, _, _, eve, file_id = with_a_secret()
    asked, never = (eve.ask(BY_ID[what](each)) for each in (file_id, NEVER))
    assert asked[0].code == ErrorCode.UNKNOWN_FILE
    assert without_ids(asked, file_id) == without_ids(never, NEVER)


@pytest.mark.parametrize("what", BY_ID)
def test_an_administrator_sees_no_more_than_others(what: str) -> None:
    world, _, _, _, file_id = with_a_secret()
    make_account(world, "walter", is_admin=True)
    admin = come(world, "walter2")
    assert not [answer for answer in admin.ask(Login("walter", PASSWORD), SECOND) if isinstance(answer, Refused)]
    assert admin.ask(BY_ID[what](file_id))[0].code == ErrorCode.UNKNOWN_FILE
    assert admin.names() == []
    assert isinstance(admin.ask(Administer(4, "", ""))[-1], Finished)  # it is one


def test_no_list_name_history_or_news_tells_others_of_it() -> None:
    world, _, _, eve, _ = with_a_secret()
    wait(world, 1)
    assert eve.names() == eve.names("lobby") == []
    by_name, never = eve.ask(fetch_record("secret.txt")), eve.ask(fetch_record("nothing.txt"))
    assert by_name[0].code == never[0].code == ErrorCode.UNKNOWN_FILE
    assert by_name[0].text.replace("secret", "nothing") == never[0].text
    for query in (history(), history(words="secret"), history(nick="anna"), history(nick="ben"), history(room="lobby")):
        assert eve.ask(query) == [Finished(0)]
    assert not eve.told(Shared)


def history(room: str = "", nick: str = "", words: str = "") -> History:
    return History(0, 0, 0, 0, 50, room, nick, "", "", words)


def test_its_name_gives_no_number_to_files_of_others() -> None:
    _, _, _, eve, _ = with_a_secret()
    assert eve.upload(b"mine", "secret.txt").file_name == "secret.txt"
    assert eve.upload(b"mine", "secret.txt", to="anna").file_name == "secret.txt"


def test_both_of_them_see_it_and_only_the_recipient_hears_it_as_news() -> None:
    world, anna, ben, _, file_id = with_a_secret()
    wait(world, 0.2)
    assert anna.names() == ben.names() == ["secret.txt", "secret folder"]
    assert ben.names("lobby") == []
    (file, _) = ben.files()
    assert (file.owner, file.to, file.room, file.flags & FileFlag.PRIVATE) == ("anna", "ben", "", FileFlag.PRIVATE)
    shared, _ = ben.told(Shared)
    assert (shared.file_id, shared.room, shared.owner, shared.to) == (file_id, "", "anna", "ben")
    assert shared.flags & FileFlag.PRIVATE
    for who, other in ((anna, "ben"), (ben, "anna")):
        found = [record.file_name for record in who.ask(history(nick=other)) if isinstance(record, Shared)]
        assert found == ["secret.txt", "secret folder"]
        assert who.ask(history(words="secret.txt"))[-1] == Finished(1)
        assert who.download("", file_id) == SECRET


def test_the_server_is_not_told_its_name() -> None:
    world, anna, ben, _, file_id = with_a_secret()
    ben.download("", file_id)
    ben.codes(Mark(file_id, FileState.OPENED))
    assert anna.delete(file_id) == 0
    wait(world, 0.5)
    kinds = UploadBegan, FileShared, FileSaid, FileMarked, FileDelivered, FileRemoved
    told = {kind: world.server.told(kind) for kind in (*kinds, TransferFailed)}
    assert all(told[kind] for kind in kinds)
    assert "secret" not in repr(told)


def test_one_who_is_absent_finds_it_at_the_next_login() -> None:
    world, (anna,) = market("anna")
    make_account(world, "walter")
    committed = anna.upload(SECRET, to="walter")
    walter = come(world, "guest")
    walter.log_in("walter", PASSWORD)
    wait(world, 1)
    assert [shared.file_id for shared in walter.told(Shared)] == [committed.file_id]
    assert walter.download("", committed.file_id) == SECRET


def test_an_upload_for_somebody_goes_on_when_they_have_left() -> None:
    world, (anna, ben) = market("anna", "ben")
    opened = anna.open(len(SECRET), to="ben")
    ben.leave()
    anna.leave()
    anna = come(world, "anna", key=anna.key)
    opened = anna.open(len(SECRET), to="ben")
    assert isinstance(opened, Opened)
    anna.send_bytes(opened, SECRET)
    committed = anna.commit(md5_of(SECRET))
    assert isinstance(committed, Committed)
    assert anna.open(len(SECRET), to="ben") == committed
    ben = come(world, "ben", key=ben.key)
    wait(world, 1)
    assert [shared.file_id for shared in ben.told(Shared)] == [committed.file_id]


def test_it_is_for_who_was_meant_when_it_began_whoever_has_the_nickname_now() -> None:
    world, (anna, ben) = market("anna", "ben")
    opened = anna.open(len(SECRET), to="ben")
    ben.leave()
    other = come(world, "ben")
    anna.send_bytes(opened, SECRET)
    committed = anna.commit(md5_of(SECRET))
    assert isinstance(committed, Committed)
    assert other.codes(fetch_record("", committed.file_id)) == [ErrorCode.UNKNOWN_FILE]
    assert not other.told(Shared)


@pytest.mark.parametrize(
    "record",
    [open_record(5, to="eve"), open_record(5, room="lobby"), open_record(5)],
    ids=["another person", "a room", "the lobby"],
)
def test_an_upload_cannot_change_whom_it_is_for(record: Record) -> None:
    _, (anna, _, _) = market("anna", "ben", "eve")
    anna.open(5, to="ben")
    assert anna.codes(record) == [ErrorCode.SOURCE_CHANGED]


def test_a_private_file_that_is_being_received_is_hidden_too() -> None:
    _, (anna, ben, eve) = market("anna", "ben", "eve")
    upload_id = b"0123456789abcdef"
    anna.open(10_000, "secret.bin", upload_id, to="ben")
    assert (anna.names(), ben.names(), eve.names()) == (["secret.bin"], ["secret.bin"], [])
    assert eve.codes(*(make(upload_id) for make in BY_ID.values())) == [ErrorCode.UNKNOWN_FILE] * len(BY_ID)
    assert anna.cancelled(1) == []


def test_a_room_that_is_left_takes_its_files_along() -> None:
    _, (anna, ben) = market("anna", "ben")
    anna.enter("cellar")
    file_id = anna.upload(b"x", room="cellar").file_id
    assert ben.codes(*(make(file_id) for make in BY_ID.values())) == [ErrorCode.UNKNOWN_FILE] * len(BY_ID)
    assert ben.names() == []
    ben.enter("Cellar")
    assert ben.names() == ben.names("CELLAR") == ["a.bin"]
    assert ben.download("a.bin") == b"x"


def test_the_files_of_a_room_that_is_not_ours_are_not_listed_whether_it_is_there_or_not() -> None:
    _, (anna, ben) = market("anna", "ben")
    anna.enter("cellar")
    anna.upload(b"x", room="cellar")
    (there,), (not_there,) = ben.ask(ListFiles("cellar")), ben.ask(ListFiles("nowhere"))
    assert there.code == not_there.code == ErrorCode.NOT_IN_ROOM
    assert there.text.replace("cellar", "nowhere") == not_there.text


def test_a_commit_of_another_persons_upload_finds_nothing() -> None:
    _, (anna, eve) = market("anna", "eve")
    opened = anna.open(5)
    anna.send_bytes(opened, b"12345")
    assert eve.codes(Commit(b"upload id of 16b", md5_of(b"12345"))) == [ErrorCode.UNKNOWN_TRANSFER]


def test_the_server_is_not_told_the_name_of_one_that_did_not_arrive_either() -> None:
    world, (anna, ben) = market("anna", "ben")
    file_id = b"0123456789abcdef"
    anna.open(400_000, "secret.bin", file_id, to="ben")
    assert ben.codes(Mark(file_id, FileState.DECLINED)) == [0]
    opened = anna.open(400_000, "secret.bin", file_id, to="ben")
    anna.send(Cancel(opened.transfer_id, ErrorCode.CANCELLED, "no secret.bin after all"))
    anna.upload(SECRET, "secret.txt", to="ben")
    offer = ben.fetch("secret.txt")
    ben.send(Cancel(offer.transfer_id, 12_345, "keep your secret.txt"))
    wait(world, 0.5)
    failed = world.server.told(TransferFailed)
    assert [(event.file_name, event.code) for event in failed] == [
        ("(private)", ErrorCode.DECLINED),
        ("(private)", ErrorCode.CANCELLED),
        ("(private)", 12_345),
    ]
    assert all(event.text for event in failed)
    assert "secret" not in repr(failed)

import json

import pytest

from tests.ui.test_render import HOSTILE
from tests.ui.test_sentences import events, user
from udpchat.chat.events import AccountChanged, Disconnected, LineSaid, UserChanged
from udpchat.chat.ports import Person
from udpchat.errors import ErrorCode
from udpchat.files.events import FileMarked, FileShared
from udpchat.files.ports import FileEntry, Media
from udpchat.ui.cli.objects import NAMES, as_line, event_line, event_object
from udpchat.wire.numbers import Change, FileFlag, FileState, UserFlag


@pytest.mark.parametrize("event", events(HOSTILE), ids=lambda event: type(event).__name__)
def test_every_event_is_one_line_of_ascii_that_json_reads_back(event: object) -> None:
    line = event_line(event)
    assert line.isascii()
    assert line.isprintable()
    read = json.loads(line)
    assert read["event"] == NAMES[type(event)]
    assert HOSTILE in read.values()
    assert json.loads(as_line("history", messages=[event_object(event)]))["messages"] == [read]


def test_fields_keep_their_names() -> None:
    assert json.loads(event_line(LineSaid(7, 8, "lobby", "anna", "hi"))) == {
        "event": "line",
        "sequence": 7,
        "sent_at": 8,
        "room": "lobby",
        "sender": "anna",
        "text": "hi",
    }
    assert json.loads(event_line(UserChanged("anna", Change.KICKED, 3)))["change"] == "kicked"


def test_a_file_inside_an_event_lends_it_its_fields() -> None:
    entry = FileEntry(bytes(16), "f", 5, b"\xab" * 16, 9, b"", "anna")
    read = json.loads(event_line(FileShared("anna", entry, b"\xcd" * 16)))
    assert (read["file_name"], read["size"], read["md5"], read["md5_sent"]) == ("f", 5, "ab" * 16, "cd" * 16)
    assert json.loads(as_line("files", files=(entry,)))["files"][0]["owner_nick"] == "anna"


def test_what_a_file_is_stands_beside_its_name() -> None:
    picture = FileEntry(
        *(bytes(16), "f", 5, b"\xab" * 16, 9, b"", "anna"),
        flags=FileFlag.PRIVATE | FileFlag.FOLDER,
        state=FileState.VERIFIED,
        media=Media("image/png", 640, 480),
    )
    read = json.loads(event_line(picture))
    assert (read["media"], read["width"], read["height"]) == ("image/png", 640, 480)
    assert (sorted(read["flags"]), read["state"]) == (["folder", "private"], "verified")
    marked = json.loads(event_line(FileMarked(bytes(16), "f", "ben", FileState.DECLINED, 7)))
    assert (marked["event"], marked["state"], marked["nick"]) == ("file_marked", "declined", "ben")


@pytest.mark.parametrize("code", [ErrorCode.KICKED, int(ErrorCode.KICKED)])
def test_codes_of_the_protocol_are_numbers(code: int) -> None:
    assert json.loads(event_line(Disconnected(code, "kicked", remote=True)))["code"] == 7


def test_flags_are_lists_of_names() -> None:
    read = json.loads(
        as_line("users", users=(user("anna", UserFlag.PRESENT | UserFlag.ADMIN), user("ben", UserFlag(0))))
    )
    assert [each["flags"] for each in read["users"]] == [["present", "admin"], []]


def test_no_object_of_an_account_has_a_secret() -> None:
    assert (
        not {"password", "password_hash", "ticket"} & json.loads(event_line(Person(1, "anna", is_account=True))).keys()
    )
    assert AccountChanged not in NAMES


def test_event_names_are_unique() -> None:
    assert len(set(NAMES.values())) == len(NAMES)

"""What was said, as far as the asker may see it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chat.people import PASSWORD, make_account
from tests.chat.speaker import Speaker, come, only, refused, said, wait, world_of
from tests.world import SERVER, World
from udpchat.chat.ports import AddMessage, Attachment, Stored
from udpchat.chat.server import ChatServer
from udpchat.config import MAX_HISTORY, MAX_TEXT, MILLISECOND, SECOND, Config
from udpchat.errors import ErrorCode
from udpchat.protocol.ports import perform
from udpchat.sim.disk import DiskSpec
from udpchat.sim.link import LinkSpec
from udpchat.wire.numbers import AdminAction, JoinFlag, Scope
from udpchat.wire.records import (
    Administer,
    Away,
    CreateRoom,
    EnterRoom,
    Finished,
    History,
    Join,
    LeaveRoom,
    Line,
    ListRooms,
    Login,
    Password,
    Private,
    Read,
    Record,
    Refused,
    Register,
    Say,
    Seen,
    SetTopic,
    Shared,
    Tell,
    Users,
)

KEY = bytes(31) + b"k"


def history(**more: Any) -> History:
    empty: dict[str, Any] = {
        **dict.fromkeys(("sent_from", "sent_until", "before", "after", "limit"), 0),
        **dict.fromkeys(("room", "nick", "sender", "recipient", "words"), ""),
    }
    return History(**{**empty, **more})


def found(who: Speaker, **more: Any) -> list[str]:
    """Texts, oldest first; checks the end of the list."""
    *records, end = who.ask(history(**more))
    assert end == Finished(len(records))
    assert [record.sequence for record in records] == sorted(record.sequence for record in records)
    return [record.text if isinstance(record, Line | Private) else record.file_name for record in records]


def conversation() -> tuple[World, list[Speaker]]:
    world, people = world_of("anna", "ben", "carl")
    anna, ben, carl = people
    said(anna.say("good morning"))
    anna.ask(CreateRoom("cellar", ""))
    ben.ask(EnterRoom("cellar"))
    said(ben.say("down here", room="cellar"))
    said(anna.tell("ben", "a secret"))
    said(ben.tell("anna", "another secret"))
    said(carl.tell("anna", "from carl"))
    said(carl.say("我们去吃饭吧"))
    return world, people


ALL_OF_ANNA = ["good morning", "down here", "a secret", "another secret", "from carl", "我们去吃饭吧"]


@pytest.mark.parametrize(
    ("query", "texts"),
    [
        ({}, ALL_OF_ANNA),
        ({"room": "lobby"}, ["good morning", "我们去吃饭吧"]),
        ({"room": "CELLAR"}, ["down here"]),
        ({"nick": "ben"}, ["a secret", "another secret"]),
        ({"nick": "BEN", "sender": "ben"}, ["another secret"]),
        ({"recipient": "anna"}, ["another secret", "from carl"]),
        ({"sender": "carl"}, ["from carl", "我们去吃饭吧"]),
        ({"words": "secret"}, ["a secret", "another secret"]),
        ({"words": "吃饭"}, ["我们去吃饭吧"]),
        ({"words": "饭吃"}, []),
        ({"words": "AND OR NEAR("}, []),
        ({"nick": "nobody"}, []),
        ({"limit": 2}, ["from carl", "我们去吃饭吧"]),
        ({"limit": 1, "room": "lobby"}, ["我们去吃饭吧"]),
        ({"sent_until": 1}, []),
        ({"sent_from": 2**53 - 1}, []),
        ({"before": 4}, ["good morning", "down here"]),
        ({"after": 4, "limit": 2}, ["another secret", "from carl"]),
        ({"after": 2**53 - 1}, []),
    ],
)
def test_all_conditions_of_a_question_hold(query: dict[str, Any], texts: list[str]) -> None:
    _, (anna, _, _) = conversation()
    assert found(anna, **query) == texts


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"nick": "anna"},
        {"nick": "ben"},
        {"sender": "anna"},
        {"sender": "ben"},
        {"recipient": "anna"},
        {"recipient": "ben"},
        {"words": "secret"},
        {"room": "lobby", "words": "secret"},
        {"nick": "ben", "words": "secret"},
        {"after": 1, "limit": 500},
        {"before": 1_000, "limit": 500},
    ],
)
def test_nobody_but_the_two_finds_a_private_message_whatever_they_ask(query: dict[str, Any]) -> None:
    world, (_, _, carl) = conversation()
    asked = carl.ask(history(**query))
    visitor = come(world, "guest", flags=JoinFlag.VISITOR).ask(history(**query))
    assert "secret" not in str(asked + visitor)


REQUESTS: dict[type, list[Record]] = {
    Say: [Say(bytes(16), "cellar", "x"), Say(bytes(16), "lobby", "x")],
    Tell: [Tell(bytes(16), "anna", "x"), Tell(bytes(16), "ben", "x")],
    Seen: [Seen(2**53 - 1)],
    Read: [Read(100, "anna"), Read(100, "ben")],
    Users: [Users(Scope.PRESENT, ""), Users(Scope.PRESENT, "cellar"), Users(Scope.ACCOUNTS, "")],
    Away: [Away("x")],
    History: [
        history(),
        *(history(**{name: nick}) for name in ("nick", "sender", "recipient") for nick in ("anna", "ben", "carl")),
        history(words="secret"),
        history(room="cellar"),
        history(room="lobby", words="secret"),
        history(after=1, limit=500),
        history(before=1_000, limit=500),
    ],
    Administer: [Administer(action, "anna", "x") for action in AdminAction],
    ListRooms: [ListRooms()],
    CreateRoom: [CreateRoom("attic", ""), CreateRoom("cellar", "")],
    EnterRoom: [EnterRoom("cellar"), EnterRoom("lobby")],
    LeaveRoom: [LeaveRoom("cellar")],
    SetTopic: [SetTopic("cellar", "x"), SetTopic("lobby", "x")],
    Register: [Register("stranger", "password")],
    Login: [Login("ben", "password"), Login("stranger", "wrong password")],
    Password: [Password("password", "password2")],
}


def test_no_request_of_a_stranger_brings_a_private_message_to_light_not_even_under_a_nickname_of_the_two() -> None:
    assert set(REQUESTS) | {Join} == ChatServer.handles, "a request that is new belongs into this table"
    world, (anna, ben) = world_of("anna", "ben", config=Config(message_rate=0))
    said(anna.tell("ben", "a secret"))
    said(ben.tell("anna", "another secret"))
    anna.ask(CreateRoom("cellar", ""))
    ben.leave()
    impostor = come(world, "ben")
    visitor = come(world, "visitor", flags=JoinFlag.VISITOR)
    catching_up = come(world, "carl", seen=1)
    for each in (impostor, visitor, catching_up):
        for records in REQUESTS.values():
            for record in records:
                each.ask(record, SECOND)
        assert each.closed is None
        assert "secret" not in str(each.records)
    assert sum(1 for record in anna.messages if "secret" in str(record)) == 2


def test_the_history_of_a_room_is_for_those_who_are_in_it() -> None:
    _, (_, _, carl) = conversation()
    assert refused(only(carl.ask(history(room="cellar")))).code == ErrorCode.NOT_IN_ROOM
    assert refused(only(carl.ask(history(room="celar")))).code == ErrorCode.UNKNOWN_ROOM
    assert "down here" not in found(carl)
    carl.ask(EnterRoom("cellar"))
    assert found(carl, room="cellar") == ["down here"], "all of it, also what was said before"


def test_messages_come_whole() -> None:
    _, (anna, ben, _) = conversation()
    private = [record for record in anna.ask(history(nick="ben")) if isinstance(record, Private)]
    assert private == ben.told(Private)
    line = [record for record in anna.ask(history(room="cellar")) if isinstance(record, Line)]
    assert line == ben.told(Line)[-2:-1]


def test_files_are_found_by_their_names_and_come_as_links() -> None:
    world, (anna, _, _) = conversation()
    session = world.server.core.desk.members.find_nick("ben")  # type: ignore[union-attr]
    assert session is not None
    file = Attachment(bytes(range(16)), "holiday plan.pdf", 9, bytes(16))
    request = AddMessage(0, file.file_id, session.person_id, "ben", "lobby", 0, "", "", world.setting.wall, file)
    assert isinstance(perform(world.server.store, request), Stored)
    shared = only([record for record in anna.ask(history(words="holiday")) if isinstance(record, Shared)])
    assert (shared.file_id, shared.file_name, shared.size, shared.owner) == (file.file_id, file.file_name, 9, "ben")


def test_a_visitor_sees_what_its_person_may_see() -> None:
    world, (anna,) = world_of("anna")
    ben = come(world, "ben", key=KEY)
    said(anna.tell("ben", "a secret"))
    ben.leave()
    visitor = come(world, "ben", key=KEY, flags=JoinFlag.VISITOR)
    assert found(visitor, nick="anna") == ["a secret"]


@pytest.mark.parametrize(
    ("limit", "count"),
    [(0, 50), (1, 1), (MAX_HISTORY - 1, MAX_HISTORY - 1), (MAX_HISTORY, MAX_HISTORY), (MAX_HISTORY + 1, MAX_HISTORY)],
)
def test_an_answer_has_as_many_messages_as_are_asked_for_and_no_more_than_the_limit(limit: int, count: int) -> None:
    world, (anna,) = world_of("anna")
    fill(world, anna, MAX_HISTORY + 20)
    assert len(found(anna, limit=limit)) == count


def fill(world: World, who: Speaker, count: int, text: str = "") -> None:
    """So many lines, straight into the store."""
    session = world.server.core.desk.members.find_nick(who.nick)  # type: ignore[union-attr]
    assert session is not None
    for number in range(count):
        request = AddMessage(
            0, number.to_bytes(16), session.person_id, who.nick, "lobby", 0, "", text or f"{number}", world.setting.wall
        )
        assert isinstance(perform(world.server.store, request), Stored)


def test_paging_back_and_forth_meets_every_message_once() -> None:
    world, (anna,) = world_of("anna")
    fill(world, anna, 25)
    back: list[str] = []
    forth: list[str] = []
    before, after = 0, 1
    while page := [record for record in anna.ask(history(before=before, limit=10)) if isinstance(record, Line)]:
        back, before = [record.text for record in page] + back, page[0].sequence
    while page := [record for record in anna.ask(history(after=after, limit=10)) if isinstance(record, Line)]:
        forth, after = forth + [record.text for record in page], page[-1].sequence
    assert back == forth == [f"{number}" for number in range(25)]


def test_a_long_answer_does_not_hold_up_what_is_said() -> None:
    world, (anna, ben) = world_of("anna", "ben")
    fill(world, anna, MAX_HISTORY, "x" * MAX_TEXT)
    world.network.connect(anna.address, SERVER, LinkSpec(rate=200_000, delay=5 * MILLISECOND))
    request = anna.send(history(limit=MAX_HISTORY))
    wait(world, 1)
    said(ben.say("hello"))
    wait(world, 0.5)
    assert anna.texts == ["hello"]
    assert not isinstance(anna.answers(request)[-1], Finished)
    world.run_until(lambda: isinstance(anna.answers(request)[-1], Finished), 60)
    assert len(anna.answers(request)) == MAX_HISTORY + 1


@pytest.mark.parametrize(("size", "is_fine"), [(MAX_TEXT, True), (MAX_TEXT + 1, False)])
def test_words_that_are_looked_for_are_no_longer_than_a_line(size: int, is_fine: bool) -> None:
    _, (anna,) = world_of("anna")
    answer = anna.ask(history(words="x" * size))[-1]
    if is_fine:
        assert answer == Finished(0)
    else:
        assert refused(answer).code == ErrorCode.TEXT_NOT_ALLOWED


@pytest.mark.parametrize(("questions", "refusals"), [(2, 0), (3, 0), (4, 1)])
def test_questions_of_one_connection_that_wait_are_limited(questions: int, refusals: int) -> None:
    world, (anna, ben) = world_of("anna", "ben", config=Config(max_lists=3), disk=DiskSpec(delay=SECOND))
    requests = [anna.send(history()) for _ in range(questions)]
    wait(world, 0.1)
    answers = [answer for request in requests for answer in anna.answers(request)]
    assert [refused(answer).code for answer in answers] == [ErrorCode.TOO_MANY_REQUESTS] * refusals
    other = ben.send(history())
    wait(world, 6)
    assert ben.answers(other) == [Finished(0)]
    assert anna.ask(history(), 2 * SECOND) == [Finished(0)]


def test_who_logs_in_before_the_answer_is_told_to_ask_again() -> None:
    world, _ = world_of("anna", disk=DiskSpec(delay=50 * MILLISECOND))
    make_account(world, "walter")
    guest = come(world, "guest")
    login = guest.send(Login("walter", PASSWORD))
    requests = []
    while not guest.answers(login):
        requests.append(guest.send(history()))
        wait(world, 0.02)
    wait(world, 1)
    answers = [only(guest.answers(request)) for request in requests]
    assert {answer.code for answer in answers if isinstance(answer, Refused)} == {ErrorCode.TRY_LATER}
    assert any(isinstance(answer, Finished) for answer in answers)


def test_a_disk_that_cannot_be_read_is_told_to_the_asker() -> None:
    world, (anna,) = world_of("anna")
    world.server.disk.spec = DiskSpec(delay=0, error=1.0)
    assert refused(only(anna.ask(history()))).code == ErrorCode.STORAGE_FAILED

"""Old messages are forgotten, and nobody who is here."""

from __future__ import annotations

from tests.chat.people import core
from tests.chat.speaker import CLEAN, come, said, wait
from tests.world import FAST_DISK, World
from udpchat.chat.ports import AddMessage, FindMessages, Query, Stored
from udpchat.chat.retention import GUESTS_AGE, GUESTS_START, Retention
from udpchat.config import SECOND, Config
from udpchat.protocol.ports import Store, perform

OLD = 5_000  # messages: more than storage forgets at a time


def fill(store: Store, count: int) -> None:
    for number in range(count):
        message_id = number.to_bytes(16, "big")
        stored = perform(store, AddMessage(1, message_id, 99, "old", "lobby", 0, "", f"line {number}", number))
        assert isinstance(stored, Stored)


def lines(store: Store) -> list[str]:
    found = perform(store, FindMessages(1, 99, Query(limit=2 * OLD)))
    return [message.text for message in found]


def test_messages_are_forgotten_when_they_are_too_old_however_many_there_are() -> None:
    world = World(1, CLEAN, Config(keep_history=3_600 * SECOND), FAST_DISK)
    fill(world.server.store, OLD)
    anna = come(world, "anna")
    said(anna.say("still new"))
    wait(world, 30)
    assert lines(world.server.store) == ["still new"]
    wait(world, 2 * 3_600)
    assert lines(world.server.store) == []


def test_messages_are_kept_for_ever_unless_the_administrator_says_so() -> None:
    world = World(1, CLEAN, None, FAST_DISK)
    fill(world.server.store, 10)
    wait(world, 2 * 3_600)
    assert len(lines(world.server.store)) == 10


def test_guests_are_looked_at_a_while_after_the_start_however_long_the_machine_has_been_up() -> None:
    world, hour = World(1, CLEAN, None, FAST_DISK), 3_600 * SECOND
    retention = Retention(core(world).chat.hall)
    retention.handle_timeout(hour)
    assert retention.next_timeout() == hour + GUESTS_START


def test_who_is_here_and_silent_is_not_forgotten() -> None:
    world = World(1, CLEAN, Config(keep_history=600 * SECOND), FAST_DISK)
    come(world, "anna")
    ben = come(world, "ben", key=b"b" * 32)
    wait(world, 3 * 3_600 + 1_800)
    said(ben.say("awake"))
    ben.leave()
    (message,) = perform(world.server.store, FindMessages(1, 99, Query()))
    again = come(world, "ben", key=b"b" * 32)
    said(again.say("again"))
    assert {each.sender_id for each in perform(world.server.store, FindMessages(1, 99, Query()))} == {message.sender_id}


def test_guests_of_long_ago_who_said_nothing_are_forgotten_also_where_messages_are_kept() -> None:
    world = World(1, CLEAN, None, FAST_DISK)
    ids = {}
    for nick in ("silent", "author"):
        who = come(world, nick, key=nick.encode().ljust(32))
        if nick == "author":
            said(who.say("hello"))
        ids[nick] = person_id(world, nick)
        who.leave()
    wait(world, GUESTS_AGE // SECOND + 2 * 24 * 3_600)
    for nick in ids:
        come(world, nick, key=nick.encode().ljust(32))
    assert person_id(world, "author") == ids["author"]
    assert person_id(world, "silent") != ids["silent"]


def person_id(world: World, nick: str) -> int:
    """Under which storage knows somebody who is here."""
    session = core(world).desk.members.find_nick(nick)
    assert session is not None
    return session.person_id

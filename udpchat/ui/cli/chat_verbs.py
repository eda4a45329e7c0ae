"""The commands about people and rooms."""

from __future__ import annotations

import difflib

from udpchat.chat.events import RoomInfo, UserInfo
from udpchat.config import LOBBY, MAX_AWAY
from udpchat.errors import ErrorCode, RefusedError
from udpchat.protocol.members import fold
from udpchat.ui.cli.line_session import LineSession
from udpchat.ui.cli.own_lines import status_table
from udpchat.ui.cli.render import user_count_text, visible
from udpchat.ui.cli.tables import account_table, ban_table, room_table, seen_line, user_table
from udpchat.wire.numbers import RoomFlag, Scope, UserFlag

DEFAULT_AWAY = "away"


async def users(session: LineSession, room: str = "") -> None:
    """Who is here, or in a room."""
    found = await session.client.users(room=_bare(room))
    session.terminal.narrator.learn(found, session.client.nick)
    session.answer(user_table(found), "users", users=found)


async def accounts(session: LineSession) -> None:
    """All accounts."""
    found = await session.client.users(Scope.ACCOUNTS)  # guests who are here as well
    listed = [user for user in found if user.flags & UserFlag.ACCOUNT]
    session.answer(account_table(listed), "accounts", users=listed)


async def seen(session: LineSession, nick: str) -> None:
    """When somebody was here last."""
    known = await session.client.users(Scope.ACCOUNTS)
    found = next((user for user in known if fold(user.nick) == fold(nick)), None)
    if found is None:
        raise RefusedError(ErrorCode.UNKNOWN_USER, _unknown_user(nick, known))
    session.answer([seen_line(found)], "seen", user=found)


async def count(session: LineSession) -> None:
    """How many are here."""
    session.answer([user_count_text(session.client.user_count)], "count", user_count=session.client.user_count)


async def status(session: LineSession) -> None:
    """How far the last lines have come."""
    lines = session.own.status()
    session.answer(status_table(lines), "status", own=lines)


async def say(session: LineSession, text: str) -> None:
    """A line as it is."""
    await session.say(text)


async def msg(session: LineSession, nick: str, text: str) -> None:
    """A private line."""
    await session.tell(nick, text)


async def reply(session: LineSession, text: str) -> None:
    """A private line to whom there was one last."""
    if not session.partner:
        session.fail("reply", text, "nobody has told you anything yet; write /msg NICK TEXT")
        return
    await session.tell(session.partner, text)


async def read(session: LineSession, nick: str) -> None:
    """Private lines were read."""
    if not session.client.is_connected:
        session.fail("read", nick, "the connection is lost, so nobody can be told; try it again when it is back")
    elif session.read(nick):
        session.done(f"{visible(nick)} is told that you have read it", "read", nick)
    else:
        session.done(f"{visible(nick)} has told you nothing that you have not read", "read", nick)


async def rooms(session: LineSession) -> None:
    """All rooms."""
    found = await session.client.rooms()
    session.answer(room_table(found), "rooms", rooms=found)


async def create(session: LineSession, room: str, topic: str = "") -> None:
    """Make a room and go there."""
    _entered(session, await session.client.create_room(_bare(room), topic))


async def join(session: LineSession, room: str) -> None:
    """Enter a room and go there."""
    _entered(session, await session.client.enter_room(_bare(room)))


async def leave(session: LineSession, room: str = "") -> None:
    """Leave a room."""
    chosen = _bare(room) or session.room
    if fold(chosen) == LOBBY:
        session.fail("leave", chosen, "everybody is in the lobby; /leave ROOM leaves another room, /quit the server")
        return
    await session.client.leave_room(chosen)
    if fold(chosen) == fold(session.room):
        session.room = LOBBY
    session.done(f"you have left #{visible(chosen)}; plain lines go to #{visible(session.room)}", "leave", chosen)


async def room(session: LineSession, name: str = "") -> None:
    """Where plain lines go."""
    if name:
        found = await session.client.rooms()
        chosen = find_room(_bare(name), found)
        if not chosen.flags & RoomFlag.MEMBER and fold(chosen.room) != LOBBY:
            text = f"you are not in #{chosen.room}; write /join {chosen.room}"
            raise RefusedError(ErrorCode.NOT_IN_ROOM, text)
        session.room = chosen.room
    session.done(f"plain lines go to #{visible(session.room)}", "room", session.room)


async def topic(session: LineSession, arguments: str) -> None:
    """What a room is about: shown, or said."""
    found = await session.client.rooms()
    first, _, rest = arguments.partition(" ")
    names = {fold(each.room) for each in found}
    is_named = first.startswith("#") or fold(first) in names
    chosen, text = (_bare(first), rest.strip()) if is_named else (session.room, arguments)
    if text:
        await session.client.set_topic(chosen, text)
        session.answer([], "done", command="topic", argument=chosen)  # the room is told, and we are in it
        return
    room = find_room(chosen, found)
    session.answer(room_table([room]), "rooms", rooms=[room])


async def away(session: LineSession, text: str = "") -> None:
    """Not at the keyboard."""
    if len(text) > MAX_AWAY:
        session.fail("away", text, f"an away message has at most {MAX_AWAY} characters")
        return
    await session.client.set_away(text or DEFAULT_AWAY)
    session.done("the others see that you are away; /back ends that", "away", text)


async def back(session: LineSession) -> None:
    """At the keyboard again."""
    await session.client.set_away("")
    session.done("the others see that you are back", "back")


# -- for administrators ------------------------------------------------------------------------------------------------


async def kick(session: LineSession, nick: str, reason: str = "") -> None:
    """End a session."""
    await session.client.kick(nick, reason)
    session.done(f"kicked {visible(nick)}", "kick", nick)


async def ban(session: LineSession, target: str, reason: str = "") -> None:
    """Let somebody in no more."""
    await session.client.ban(target, reason)
    session.done(f"banned {visible(target)}; /unban {visible(target)} lifts it", "ban", target)


async def unban(session: LineSession, target: str) -> None:
    """Let somebody in again."""
    await session.client.unban(target)
    session.done(f"{visible(target)} may come in again", "unban", target)


async def bans(session: LineSession) -> None:
    """Who is not let in."""
    found = await session.client.bans()
    session.answer(ban_table(found), "bans", bans=found)


async def announce(session: LineSession, text: str) -> None:
    """Tell everybody something as the administrator."""
    await session.client.announce(text)


def find_room(name: str, found: tuple[RoomInfo, ...]) -> RoomInfo:
    """The room of that name. RefusedError."""
    for each in found:
        if fold(each.room) == fold(name):
            return each
    near = difflib.get_close_matches(name, [each.room for each in found], n=1)
    hint = f"did you mean {near[0]}?" if near else f"/rooms lists them, /create {name} makes it"
    raise RefusedError(ErrorCode.UNKNOWN_ROOM, f"there is no room called {name}; {hint}")


def _entered(session: LineSession, entered: RoomInfo) -> None:
    session.room = entered.room
    text = f"you are in #{visible(entered.room)}, plain lines go there; {user_count_text(entered.user_count)}"
    topic_text = f"; topic: {visible(entered.topic)}" if entered.topic else ""
    session.answer([text + topic_text], "room", room=entered)


def _unknown_user(nick: str, known: tuple[UserInfo, ...]) -> str:
    near = difflib.get_close_matches(nick, [user.nick for user in known], n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"nobody here is called {nick}, nor is there such an account{hint}"


def _bare(name: str) -> str:
    return name.removeprefix("#")

"""A server in virtual time and the people on it: what the tests of joining, accounts and administration share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.chat.speaker import Speaker
from tests.world import End, World, client
from udpchat.chat.events import JoinRefused, UserChanged
from udpchat.chat.ports import AddAccount, HashPassword, Person
from udpchat.config import MILLISECOND, SECOND, Config
from udpchat.net.hosts import ServerCore
from udpchat.protocol.events import ConnectionEvent, ConnectionOpened
from udpchat.protocol.ports import perform
from udpchat.sim.link import LinkSpec
from udpchat.wire.numbers import Change, JoinFlag

CLEAN = LinkSpec(delay=5 * MILLISECOND)
LOSSY = LinkSpec(delay=5 * MILLISECOND, jitter=2 * MILLISECOND, loss=0.1)
PASSWORD = "correct horse"
OTHER = "another password"
KEY = bytes(31) + b"\1"
NO_FLAGS = JoinFlag(0)


def key_of(number: int) -> bytes:
    """A person's private key."""
    return bytes(31) + bytes([number])


def add(
    world: World,
    nick: str,
    key: bytes | None = None,
    *,
    ticket: bytes = b"",
    flags: JoinFlag = NO_FLAGS,
    seen: int = 0,
    address: tuple[str, int] | None = None,
) -> End:
    """Somebody who is about to join."""
    end = world.add_client(nick, identity=key, address=address)
    me = client(end).chat.me
    me.ticket, me.flags, me.seen = ticket, flags, seen
    return end


def enter(world: World, nick: str, key: bytes | None = None, **how: Any) -> End:
    """Somebody who has joined, or was refused."""
    end = add(world, nick, key, **how)
    world.join(end)
    return end


def gather(*nicks: str, config: Config | None = None, seed: int = 1, link: LinkSpec = CLEAN) -> tuple[World, list[End]]:
    """A server, and people who have joined one after another, or were refused."""
    world = World(seed, link, config)
    return world, [enter(world, nick) for nick in nicks]


def ask(world: World, end: End, verb: Callable[[], int], seconds: float = 30.0) -> Any:
    """What a request is answered with."""
    begun, request_ids = len(end.events), list[int]()
    world.do(lambda: request_ids.append(verb()))

    def answers() -> list[Any]:
        return [event for event in end.events[begun:] if getattr(event, "request_id", None) in request_ids]

    world.run_until(lambda: bool(answers()), seconds)
    return answers()[0]


class Stranger(Speaker):
    """A connection that does not join; it says what it is told to say."""

    def on_event(self, event: ConnectionEvent, now: int) -> None:
        if isinstance(event, ConnectionOpened):
            self.connection_id = event.connection_id
        else:
            super().on_event(event, now)


def stand_at_the_door(world: World) -> Stranger:
    """A stranger whose connection stands."""
    stranger = Stranger(world, "")
    world.run_until(lambda: bool(stranger.connection_id))
    return stranger


def rest(world: World, seconds: float = 1.0) -> None:
    """Let everything arrive."""
    world.network.run_for(int(seconds * SECOND))


def changes(end: End) -> list[tuple[str, Change, int]]:
    """What somebody was told of others: who, what, how many are here."""
    return [(event.nick, event.change, event.user_count) for event in end.told(UserChanged)]


def core(world: World) -> ServerCore:
    """The server's core."""
    assert isinstance(world.server.core, ServerCore)
    return world.server.core


def here(world: World) -> list[str]:
    """Who is here, as the server has it."""
    return [session.nick for session in core(world).desk.members]


def make_account(world: World, nick: str, *, is_admin: bool = False, password: str = PASSWORD) -> Person:
    """An account that was made with the administrator's tools."""
    store = world.server.store
    password_hash = perform(store, HashPassword(0, password))
    person = perform(store, AddAccount(0, b"", nick, password_hash, b"", world.setting.wall, is_admin))
    assert isinstance(person, Person)
    return person


def log_in(world: World, nick: str, key: bytes, password: str = PASSWORD) -> End:
    """Somebody who has been asked for the password of an account, knew it, and joined."""
    end = enter(world, nick, key)
    ask(world, end, lambda: client(end).chat.asking.login(nick, password))
    world.do(lambda: client(end).chat.join(nick))
    rest(world, 0.5)
    return end


def register(world: World, end: End, nick: str, password: str = PASSWORD) -> Any:
    return ask(world, end, lambda: client(end).chat.asking.register(nick, password))


def login(world: World, end: End, nick: str, password: str = PASSWORD) -> Any:
    return ask(world, end, lambda: client(end).chat.asking.login(nick, password))


def change(world: World, end: End, old: str, new: str) -> Any:
    return ask(world, end, lambda: client(end).chat.asking.change_password(old, new))


def join_again(world: World, end: End, nick: str) -> None:
    world.do(lambda: client(end).chat.join(nick))
    rest(world, 0.5)


def leave(world: World, end: End) -> None:
    world.do(client(end).chat.leave)
    rest(world)


def codes(end: End) -> list[int]:
    """Why somebody was not let in."""
    return [event.code for event in end.told(JoinRefused)]


def with_bertha(key: bytes = KEY) -> tuple[World, End, bytes]:
    """A server on which a guest has just become the account bertha; with her ticket."""
    world = World(1, CLEAN)
    bertha = enter(world, "bertha", key)
    return world, bertha, register(world, bertha, "bertha").ticket

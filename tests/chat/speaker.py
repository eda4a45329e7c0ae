"""A client that says and hears records as they are: it confirms nothing by itself and hides nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from tests.world import FAST_DISK, SERVER, World
from udpchat.config import LOBBY, MILLISECOND, SECOND, Config
from udpchat.crypto.identity import Identity
from udpchat.protocol.connection import Connection
from udpchat.protocol.datagrams import Address
from udpchat.protocol.endpoint import ClientEndpoint
from udpchat.protocol.events import ConnectionClosed, ConnectionEvent, ConnectionOpened, RecordReceived
from udpchat.protocol.handshake import FEATURES
from udpchat.protocol.service import Desk, Host
from udpchat.sim.disk import DiskSpec
from udpchat.sim.link import LinkSpec
from udpchat.wire.record_types import RECORD_CLASSES
from udpchat.wire.records import Join, Line, Login, Private, Record, Refused, Said, Say, Seen, Shared, Tell, Welcome

CLEAN: Final = LinkSpec(delay=5 * MILLISECOND)
ANSWER_TIME: Final = 100 * MILLISECOND  # more than a round trip and the disk
FIRST_PORT: Final = 30_000
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Heard:
    """A record, and when it came."""

    request_id: int
    record: Any
    at: int


class Speaker:
    """One client. records: all that it heard, in order. closed: how its connection ended, as (code, reason)."""

    handles = frozenset(RECORD_CLASSES.values())

    def __init__(
        self,
        world: World,
        nick: str,
        *,
        key: bytes = b"",
        seen: int = 0,
        flags: int = 0,
        ticket: bytes = b"",
        address: Address | None = None,
        link: LinkSpec | None = None,
    ) -> None:
        self.world = world
        self.nick = nick
        self.key = key or world.random.randbytes(32)
        self.records: list[Heard] = []
        self.closed: tuple[int, str] | None = None
        self.connection_id = b""
        self._join = (flags, seen, ticket)
        self._request = 0
        random = world.stream()
        config = replace(world.config, max_send_queue=Config().max_send_queue)  # what is small is the server's
        endpoint = ClientEndpoint(SERVER, config, random.randbytes, world.network.now)
        self.desk = Desk(endpoint)
        self.address = address or ("10.0.2.1", FIRST_PORT + len(world.nicks))
        world.nicks[self.address] = nick
        world.network.add(Host(endpoint, self.desk, (self,), lambda _result, _now: None), self.address)
        if link is not None:
            world.network.connect(self.address, SERVER, link)

    # -- the service ---------------------------------------------------------------------------------------------------

    def on_event(self, event: ConnectionEvent, now: int) -> None:
        match event:
            case ConnectionOpened(connection_id, _, _, handshake_hash):
                self.connection_id = connection_id
                identity, client_id = Identity(self.key), self.key[:16]
                signature = identity.sign(handshake_hash, client_id)
                flags, seen, ticket = self._join
                join = Join(identity.public, signature, client_id, FEATURES, flags, seen, ticket, self.nick, "test")
                self.desk.send(connection_id, join, self._next())
            case ConnectionClosed(_, code, reason, _):
                self.closed = code, reason

    def on_record(self, received: RecordReceived, now: int) -> None:
        self.records.append(Heard(received.request_id, received.record, now))

    # -- verbs ---------------------------------------------------------------------------------------------------------

    def _next(self) -> int:
        self._request += 1
        return self._request

    def send(self, record: Record) -> int:
        """Send a record now, without waiting; its request id."""
        request_id = self._next()
        self.world.do(lambda: self.desk.send(self.connection_id, record, request_id))
        return request_id

    def ask(self, record: Record, wait: int = ANSWER_TIME) -> list[Any]:
        """Send a record; what answers it within the time."""
        request_id = self.send(record)
        self.world.network.run_for(wait)
        return self.answers(request_id)

    def log_in(self, nick: str, password: str = "password") -> list[Any]:
        """Be an account from now on, as a client does it: what is confirmed from here on is meant as that account."""
        answers = self.ask(Login(nick, password), SECOND)
        self.send(Seen(0))
        self.world.network.run_for(ANSWER_TIME)
        return answers

    def say(self, text: str, room: str = LOBBY, message_id: bytes = b"") -> Any:
        """Say a line; Said or Refused."""
        return only(self.ask(Say(message_id or self.world.random.randbytes(16), room, text)))

    def tell(self, nick: str, text: str, message_id: bytes = b"") -> Any:
        """Say a private line; Said or Refused."""
        return only(self.ask(Tell(message_id or self.world.random.randbytes(16), nick, text)))

    # -- what it heard -------------------------------------------------------------------------------------------------

    def answers(self, request_id: int) -> list[Any]:
        return [heard.record for heard in self.records if heard.request_id == request_id]

    def told(self, kind: type[R]) -> list[R]:
        """What it heard without asking."""
        return [heard.record for heard in self.records if heard.request_id == 0 and isinstance(heard.record, kind)]

    @property
    def messages(self) -> list[Line | Private | Shared]:
        return [
            heard.record
            for heard in self.records
            if heard.request_id == 0 and isinstance(heard.record, Line | Private | Shared)
        ]

    @property
    def texts(self) -> list[str]:
        return [record.text for record in self.messages if isinstance(record, Line | Private)]

    @property
    def is_in(self) -> bool:
        return any(isinstance(heard.record, Welcome) for heard in self.records)

    # -- ends ----------------------------------------------------------------------------------------------------------

    def vanish(self) -> None:
        """Be gone without a word."""
        self.world.network.remove(self.address)

    def leave(self) -> None:
        """Say goodbye."""
        connection = self.desk.endpoint.find(self.connection_id)
        assert connection is not None
        self.world.do(lambda: connection.close(0, "goodbye"))  # type: ignore[arg-type]
        self.world.network.run_for(ANSWER_TIME)


def only(answers: list[R]) -> R:
    (answer,) = answers
    return answer


def world_of(*nicks: str, config: Config | None = None, disk: DiskSpec = FAST_DISK) -> tuple[World, list[Speaker]]:
    """A server, and speakers who have joined one after another."""
    world = World(1, CLEAN, config, disk)
    return world, [come(world, nick) for nick in nicks]


def come(world: World, nick: str, **more: Any) -> Speaker:
    """A speaker who has joined, or was refused."""
    speaker = Speaker(world, nick, **more)
    world.run_until(lambda: speaker.is_in or any(isinstance(h.record, Refused) for h in speaker.records), 20)
    return speaker


def said(answer: Any) -> Said:
    assert isinstance(answer, Said), answer
    return answer


def refused(answer: Any) -> Refused:
    assert isinstance(answer, Refused), answer
    return answer


def wait(world: World, seconds: float) -> None:
    world.network.run_for(int(seconds * SECOND))


def burst(who: Speaker, count: int) -> list[int]:
    """So many lines at once, with ids of their own; the requests."""
    return [who.send(Say(bytes(15) + bytes([number]), LOBBY, f"{who.nick} {number}")) for number in range(count)]


def lines(who: Speaker, count: int, *, first: int = 0, size: int = 0) -> list[str]:
    """So many lines, all stored; their texts."""
    texts = [f"{number:05d}".ljust(size, ".") for number in range(first, first + count)]
    for number, text in enumerate(texts[:-1], 1):
        who.send(line(who, text))
        if number % 500 == 0:
            wait(who.world, 0.1)
    said(who.say(texts[-1]))
    return texts


def line(who: Speaker, text: str) -> Say:
    return Say(who.world.random.randbytes(16), LOBBY, text)


def confirm(*people: Speaker) -> None:
    """All of them have handed all that they have to their applications."""
    for each in people:
        each.send(Seen(each.messages[-1].sequence))
    people[0].world.network.run_for(20 * MILLISECOND)


def connection_of(world: World, who: Speaker) -> Connection:
    """At the server."""
    connection = world.server.core.endpoint.find(who.connection_id)
    assert connection is not None
    return connection

"""A visit to a server by a doctor: a real handshake, then PINGs on the open connection. Nobody joins for that."""

from __future__ import annotations

import asyncio
import errno
import os
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from udpchat.config import HANDSHAKE_TIMEOUT, MAX_DATAGRAM_IPV6, SECOND, Config
from udpchat.crypto.identity import CLIENT_ID_SIZE, Identity
from udpchat.errors import ErrorCode, UsageError
from udpchat.net.doctor.reporting import Report, ReportingSocket, open_reporting
from udpchat.net.doctor.tally import Measured, TalliedCore, Tally
from udpchat.net.driver import Driver
from udpchat.net.hosts import AGENT
from udpchat.net.interfaces import Interface
from udpchat.protocol.datagrams import Address
from udpchat.protocol.endpoint import ClientEndpoint
from udpchat.protocol.events import ConnectionClosed, ConnectionEvent, ConnectionOpened, RecordReceived
from udpchat.protocol.handshake import FEATURES
from udpchat.protocol.ports import StoreRequest
from udpchat.protocol.service import Desk, Host
from udpchat.wire.numbers import JoinFlag
from udpchat.wire.records import Join, Record, Refused, UnknownRecord, Welcome

PING_INTERVAL: Final = 0.01  # seconds
MAX_PINGS: Final = 200
SILENCE: Final = 0.12  # seconds without a PING, after which the server reports all that it has once more
SIGNS: Final = 2  # of ICMP that decide: the first may tell of a server that restarts
GOODBYE: Final = 0.3  # seconds at most for the server to confirm that we leave
JOIN_REQUEST: Final = 1


class Reach(Enum):
    """What came of knocking at one address."""

    OPEN = "open"  # a handshake
    REFUSED = "refused"  # it answers, but speaks another version or mode
    HALF_OPEN = "half-open"  # it answers strangers, but makes no connection
    CLOSED = "closed"  # that machine says that nobody listens there
    REJECTED = "rejected"  # somebody on the way says that it may not pass
    NO_HOST = "no-host"  # nobody has that address
    NO_ROUTE = "no-route"  # no way leads there
    BLOCKED_HERE = "blocked-here"  # this machine does not let it out
    TOO_NARROW = "too-narrow"  # only datagrams below 1,200 bytes pass
    SILENT = "silent"


ANSWERS: Final = {Reach.OPEN, Reach.REFUSED, Reach.HALF_OPEN}  # somebody is there
DECISIVE: Final = {
    errno.ECONNREFUSED: Reach.CLOSED,
    errno.ECONNRESET: Reach.CLOSED,  # the same on Windows
    errno.EHOSTUNREACH: Reach.NO_HOST,
    errno.ENETUNREACH: Reach.NO_ROUTE,
    errno.EACCES: Reach.BLOCKED_HERE,
    errno.EPERM: Reach.BLOCKED_HERE,
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of it. text: words for people, when there are some. by: who said so, when the network did.

    mtu: largest IP packet that passes [bytes], when the network said that; else 0. local: our address on that way.
    seconds: until an answer came, or how long none came.
    """

    address: Address
    reach: Reach
    seconds: float
    local: str = ""
    by: str = ""
    text: str = ""
    mtu: int = 0


class Visit:
    """One client that does not join. Everything it opens is given back by `close`."""

    def __init__(self, source: ReportingSocket, address: Address, config: Config) -> None:
        self.address = address
        self.server_key = b""
        self.loss: str | None = None  # why the connection is over
        self._source = source
        self._answer: Welcome | Refused | None = None
        self._handshake_hash = b""
        self._begun = Driver.now()
        self._endpoint = ClientEndpoint(address, config, os.urandom, self._begun)
        self._tally = Tally(min(config.max_datagram, MAX_DATAGRAM_IPV6) if source.is_ipv6 else config.max_datagram)
        desk = Desk(self._endpoint)
        host = Host(self._endpoint, desk, (_Listener(desk),), _no_storage)
        core = TalliedCore(host, self._endpoint, self._tally)
        self._driver = Driver(core, [source], _NoStore(), self._on_event, self._on_failure)
        self._driver.act()

    @property
    def is_open(self) -> bool:
        """The handshake is done and the connection stands."""
        return self._endpoint.connection is not None and self.loss is None

    async def knock(self, seconds: float, most: float = 0.0) -> Attempt:
        """Wait until a server answers, or until it is plain that none will.

        most: seconds for a handshake whose first half was answered in time.
        """
        await self._driver.wait_until(lambda: self.is_open or self.loss is not None or self._is_decided, seconds)
        if self._tally.has_cookie and most > seconds:
            await self._driver.wait_until(lambda: self.is_open or self.loss is not None, most - seconds)
        reach, told = self._reach()
        at = self._tally.first_answer
        return Attempt(
            address=self.address,
            reach=reach,
            seconds=((at if at is not None else Driver.now()) - self._begun) / SECOND,
            local=self._source.local,
            by=told.by if told is not None else "",
            text=self.loss or "",
            mtu=told.mtu if told is not None else 0,
        )

    async def answers(self, seconds: float) -> bool:
        """Whether anything comes back in so many seconds."""
        await self._driver.wait_until(lambda: self._tally.first_answer is not None, seconds)
        return self._tally.first_answer is not None

    async def measure(self, seconds: float) -> Measured:
        """Send PINGs for so long, or as many as are enough; what they, and the probes beside them, have told."""
        end = asyncio.get_running_loop().time() + max(seconds - SILENCE - 0.1, PING_INTERVAL)
        for _ in range(MAX_PINGS):
            self._ping()
            await asyncio.sleep(PING_INTERVAL)
            if not self.is_open or asyncio.get_running_loop().time() >= end:
                break
        while self._is_searching and self.is_open and asyncio.get_running_loop().time() < end:
            self._ping()
            await asyncio.sleep(2 * PING_INTERVAL)
        await asyncio.sleep(SILENCE)
        self._ping()
        await self._driver.wait_until(lambda: not self.is_open or not self._in_flight, 0.1)
        assert self._endpoint.connection is not None
        return self._tally.measured(self._endpoint.connection)

    async def ask_to_join(
        self, identity: Identity, nick: str, ticket: bytes, seconds: float
    ) -> Welcome | Refused | None:
        """Ask to be let in for one command, unseen by the others; what the server says."""
        assert self._endpoint.connection is not None
        client_id = os.urandom(CLIENT_ID_SIZE)
        signature = identity.sign(self._handshake_hash, client_id)
        join = Join(identity.public, signature, client_id, FEATURES, JoinFlag.VISITOR, 0, ticket, nick, AGENT)
        self._send(join)
        await self._driver.wait_until(lambda: self._answer is not None or not self.is_open, seconds)
        return self._answer

    async def close(self) -> None:
        """Say goodbye, when there is somebody, and stop."""
        try:
            if self._endpoint.connection is not None and self.loss is None:
                self._endpoint.connection.close(ErrorCode.NO_ERROR, "")
                self._touch()
                await self._driver.wait_until(lambda: self._endpoint.is_over, GOODBYE)
        finally:
            await self._driver.close()

    # -- inside --------------------------------------------------------------------------------------------------------

    def _reach(self) -> tuple[Reach, Report | None]:
        if self.is_open:
            return Reach.OPEN, None
        if self.loss is not None and self._tally.first_answer is not None:
            return Reach.REFUSED, None
        if self._tally.has_cookie:
            return Reach.HALF_OPEN, None
        for report in reversed(self._source.reports):
            if (reach := self._meaning(report)) is not None:
                return reach, report
        narrow = next((report for report in self._source.reports if report.mtu), None)
        return (Reach.SILENT if narrow is None else Reach.TOO_NARROW), narrow

    def _meaning(self, report: Report) -> Reach | None:
        is_theirs = report.by in ("", *(host.partition("%")[0] for host in (self._source.local, self.address[0])))
        if report.is_prohibited or (report.number == errno.ECONNREFUSED and not is_theirs):
            return Reach.REJECTED
        return DECISIVE.get(report.number)

    @property
    def _is_decided(self) -> bool:
        """The network has said often enough that nothing will come."""
        if self._tally.first_answer is not None:
            return False
        return sum(self._meaning(report) is not None for report in self._source.reports) >= SIGNS

    @property
    def _is_searching(self) -> bool:
        connection = self._endpoint.connection
        return connection is not None and connection.transmitter.mtu.is_searching

    @property
    def _in_flight(self) -> bool:
        connection = self._endpoint.connection
        return connection is not None and bool(connection.transmitter.recovery.in_flight)

    def _ping(self) -> None:
        if self._endpoint.connection is not None and self.is_open:
            self._endpoint.connection.transmitter.ping_due = True
            self._touch()

    def _send(self, record: Record) -> None:
        if self._endpoint.connection is not None:
            self._endpoint.connection.send_record(record, JOIN_REQUEST)
            self._touch()

    def _touch(self) -> None:
        """The connection may have something to send."""
        if self._endpoint.connection is not None:
            self._endpoint.find(self._endpoint.connection.connection_id)
        self._driver.act()

    def _on_event(self, event: Any) -> None:
        match event:
            case ConnectionOpened(peer_key=key, handshake_hash=handshake_hash):
                self.server_key, self._handshake_hash = key, handshake_hash
            case ConnectionClosed(reason=text):
                self.loss = self.loss or text or "the server ended the connection"
            case Welcome() | Refused():
                self._answer = event

    def _on_failure(self, error: Exception) -> None:
        self.loss = self.loss or f"internal error: {type(error).__name__}: {error}"


def visit(
    address: Address, config: Config, through: Interface | None = None, *, may_fragment: bool = False
) -> Visit | Attempt:
    """A visit that has begun, or why it could not begin. through, may_fragment: as of `open_reporting`."""
    try:
        source = open_reporting(address, through, may_fragment=may_fragment)
    except OSError as error:
        reach = DECISIVE.get(error.errno or 0, Reach.NO_ROUTE)
        return Attempt(address, reach, 0.0, text=error.strerror or str(error))
    return Visit(source, address, config)


def patient(config: Config) -> Config:
    """The same, for visits that decide for themselves how long they wait."""
    return Config(max_datagram=config.max_datagram, plaintext=config.plaintext, handshake_timeout=4 * HANDSHAKE_TIMEOUT)


class _Listener:
    """The service of a visit: all that it is told goes to the visit."""

    handles: frozenset[type] = frozenset({Welcome, Refused})

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def on_record(self, received: RecordReceived, now: int) -> None:  # noqa: ARG002 - the host passes it
        """See `Service`."""
        record = received.record
        if not isinstance(record, UnknownRecord):
            self._desk.tell(record)

    def on_event(self, event: ConnectionEvent, now: int) -> None:  # noqa: ARG002 - the host passes it
        """See `Service`."""
        self._desk.tell(event)


class _NoStore:
    """A visit keeps nothing."""

    def submit(self, request: StoreRequest) -> object:
        """See `Store`."""
        raise UsageError(f"a visit asks no storage: {request!r}")

    def close(self) -> None:
        """See `Store`."""


def _no_storage(result: object, now: int) -> None:  # noqa: ARG001 - the host passes it
    raise UsageError(f"a visit asks no storage: {result!r}")

"""One socket: datagrams find their connection by its id, never by address. A server's and a client's."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from hmac import compare_digest

from udpchat.arq.flow import WindowBudget
from udpchat.config import Config
from udpchat.crypto.keys import ServerKeys
from udpchat.errors import ErrorCode, UsageError
from udpchat.protocol.acceptor import Acceptor, is_loopback
from udpchat.protocol.alarms import MIN_STALE, Alarms
from udpchat.protocol.assembly import Workshop, make_connection
from udpchat.protocol.connection import Connection, State
from udpchat.protocol.datagrams import Address, Burst
from udpchat.protocol.events import ConnectionClosed, ConnectionEvent, ConnectionOpened
from udpchat.protocol.handshake import ClientHandshake, Finished
from udpchat.protocol.invariants import check_connection
from udpchat.protocol.watch import Watch
from udpchat.wire.codec import LoneAck, decode_lone_ack
from udpchat.wire.numbers import PacketType
from udpchat.wire.packets import MAGIC, TRAILER_SIZE

HEADER_SIZE = 24
MAGIC_BYTES = MAGIC.to_bytes(2, "big")
TYPE_AT = 3  # byte of the packet type in the header
MAX_REPLIES = 256  # stateless answers that wait; when there are more the oldest is forgotten
AT_ONCE = 0  # a deadline that has passed


class ServerEndpoint:
    """All connections of a server. The five methods, and `find` for the services.

    wall_offset: wall clock minus `now` [us]. keylog: takes a line for each key. watch: see watch.py.
    """

    def __init__(
        self,
        config: Config,
        keys: ServerKeys,
        random_bytes: Callable[[int], bytes],
        *,
        wall_offset: int = 0,
        keylog: Callable[[str], None] | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.acceptor = Acceptor(config, keys, random_bytes, wall_offset)
        self.connections: dict[bytes, Connection] = {}
        self._shop = Workshop(config, random_bytes, WindowBudget(config.server_window), keylog, watch)
        self._pending: dict[bytes, tuple[tuple[bytes, Address], Finished]] = {}  # by connection id, until it is open
        # Those that may have something to send, whose turn it is first. A plain dict is slow at giving up its first.
        self._ready: OrderedDict[bytes, Connection] = OrderedDict()
        self._alarms = Alarms()
        self._replies: deque[tuple[Address, bytes]] = deque(maxlen=MAX_REPLIES)
        self._host_of: dict[bytes, str] = {}  # where a connection began
        self._per_host: Counter[str] = Counter()  # connections that began there

    @property
    def drops(self) -> Counter[str]:
        """Datagrams that belonged to no connection, by reason."""
        return self.acceptor.drops

    @property
    def config(self) -> Config:
        """What an administrator or a test may change."""
        return self._shop.config

    def find(self, connection_id: bytes) -> Connection | None:
        """A connection that is to be told something; it is asked for datagrams at the next drain."""
        if (connection := self.connections.get(connection_id)) is not None:
            self._ready[connection_id] = connection
        return connection

    # -- the contract --------------------------------------------------------------------------------------------------

    def receive_burst(self, burst: Burst, now: int) -> None:
        """Datagrams from one address."""
        address, data, size = burst
        if not 0 < size < len(data):
            self._receive(data, address, now, 0)
            return
        connection = self.connections.get(bytes(data[8:16]))
        if connection is not None and connection.receive_run(burst, now):
            self._ready[connection.connection_id] = connection
            return
        for at in range(0, len(data), size):
            self._receive(data[at : at + size], address, now, at)

    def _receive(self, data: memoryview, address: Address, now: int, at: int) -> None:
        """A single datagram, at this place of its burst."""
        if (ack := decode_lone_ack(data)) is not None and self._receive_lone_ack(ack, data, address, now):
            return
        if len(data) < HEADER_SIZE + TRAILER_SIZE or data[:2] != MAGIC_BYTES:
            self.drops["not-ours"] += 1
        elif (connection := self.connections.get(bytes(data[8:16]))) is not None:
            self._ready[connection.connection_id] = connection
            connection.receive_datagram(data, address, now, at)
            if self._pending and connection.connection_id in self._pending:
                self._settle(connection)
        elif data[TYPE_AT] == PacketType.HELLO:
            self._hello(data, address, now)
        elif (reset := self.acceptor.reset(data, address, now)) is not None:
            self._replies.append((address, reset))

    def _receive_lone_ack(self, ack: LoneAck, data: memoryview, address: Address, now: int) -> bool:
        """Nearly all that a room answers; False when it must go the long way. A connection at rest is left at rest."""
        connection = self.connections.get(ack.connection_id)
        if connection is None or not connection.receive_lone_ack(ack, data, address, now):
            return False
        if connection.connection_id not in self._ready:
            if connection.has_work:
                self._ready[connection.connection_id] = connection
            else:
                self._alarms.near(connection.connection_id, connection.next_near_timeout())
        return True

    def handle_timeout(self, now: int) -> None:
        """Act on every deadline that has passed."""
        while (connection_id := self._alarms.next_due(now)) is not None:
            connection = self.connections[connection_id]
            if _is_due(connection, now):
                self._ready[connection_id] = connection
                connection.handle_timeout(now)
            else:
                self._set_alarms(connection)  # the deadline has moved since

    def next_event(self) -> ConnectionEvent | None:
        """What the services are to be told next."""
        return self._shop.events.popleft() if self._shop.events else None

    def datagrams_to_send(self, now: int) -> Iterator[Burst]:
        """Stateless answers first, then a burst of each connection in turn.

        Whoever abandons this and asks again finds the next connection at the head: a datagram costs the same however
        few are taken at a time. Built anew each time for all that are ready, a line to 500 took 15,000 generators.
        """
        while self._replies:
            address, reply = self._replies.popleft()
            yield Burst(address, memoryview(reply), len(reply))
        ready, under_way = self._ready, dict[bytes, Iterator[Burst]]()
        while ready:
            connection_id, connection = next(iter(ready.items()))
            bursts = under_way.get(connection_id)
            if bursts is None:
                if (burst := connection.lone_message(now)) is not None:
                    del ready[connection_id]
                    self._alarms.near(connection_id, connection.transmitter.next_timeout_of_message())
                    if not self._alarms.has_far(connection_id):
                        self._set_alarms(connection)
                    yield burst
                    continue
                bursts = under_way[connection_id] = connection.datagrams_to_send(now)
            if (burst := next(bursts, None)) is not None:
                ready.move_to_end(connection_id)
                yield burst
            else:
                del ready[connection_id], under_way[connection_id]
                self._reschedule(connection)

    def next_timeout(self) -> int | None:
        """When `handle_timeout` has something to do; in the past when a drain has."""
        if self._ready or self._replies:
            return AT_ONCE
        return self._alarms.next_timeout()

    # -- connections ---------------------------------------------------------------------------------------------------

    def _has_room(self, host: str) -> bool:
        config = self._shop.config
        return len(self.connections) < config.max_connections and (
            self._per_host[host] < config.max_per_address or is_loopback(host)
        )

    def _hello(self, datagram: memoryview, address: Address, now: int) -> None:
        answer = self.acceptor.hello(datagram, address, now, self.connections.__contains__, self._has_room)
        if answer is None:
            return
        if isinstance(answer, tuple):
            reply, finished = answer
            connection = make_connection(self._shop, finished.agreement, now, is_client=False)
            connection_id = connection.connection_id
            self.connections[connection_id] = self._ready[connection_id] = connection
            self._shop.crowd.count = len(self.connections)
            self._pending[connection_id] = ((bytes(datagram[8:16]), address), finished)
            self._host_of[connection_id] = address[0]
            self._per_host[address[0]] += 1
            answer = reply
        self._replies.append((address, answer))

    def _settle(self, connection: Connection) -> None:
        """The client has spoken under the new keys: tell the services, before what it said."""
        if connection.state is State.HALF_OPEN:
            return
        attempt, finished = self._pending.pop(connection.connection_id)
        self.acceptor.half_open.pop(attempt, None)
        opened = ConnectionOpened(connection.connection_id, connection.address, b"", finished.handshake_hash)
        self._shop.events.appendleft(opened)

    def _reschedule(self, connection: Connection) -> None:
        if connection.state is State.CLOSED:
            self._forget(connection)
        else:
            self._set_alarms(connection)

    def _set_alarms(self, connection: Connection) -> None:
        connection_id = connection.connection_id
        self._alarms.near(connection_id, connection.next_near_timeout())
        self._alarms.far(connection_id, connection.next_far_timeout())

    def _forget(self, connection: Connection) -> None:
        connection_id = connection.connection_id
        connection.release()
        del self.connections[connection_id]
        self._shop.crowd.count = len(self.connections)
        self._alarms.forget(connection_id)
        if (pending := self._pending.pop(connection_id, None)) is not None:
            self.acceptor.half_open.pop(pending[0], None)
        host = self._host_of.pop(connection_id)
        self._per_host[host] -= 1
        if not self._per_host[host]:
            del self._per_host[host]

    def check_invariants(self) -> None:
        """AssertionError when a rule is broken that must hold after every step: for simulations and tests."""
        config = self._shop.config
        for connection in self.connections.values():
            check_connection(connection, config)
        rules = {
            "connections": len(self.connections) <= config.max_connections,
            "half-open connections": len(self._pending) <= config.max_half_open,
            "half-open connections that the acceptor knows": len(self.acceptor.half_open) <= len(self._pending),
            "deadlines": len(self._alarms) <= MIN_STALE + 4 * len(self.connections),
            "hosts": sum(self._per_host.values()) == len(self._host_of) == len(self.connections),
        }
        for what, holds in rules.items():
            if not holds:
                raise AssertionError(f"too many {what}")


def _is_due(connection: Connection, now: int) -> bool:
    """A deadline has passed, or the connection is over and waits to be forgotten."""
    if not connection.is_alive:
        return True
    near = connection.next_near_timeout()
    if near is not None and near <= now:
        return True
    far = connection.next_far_timeout()
    return far is not None and far <= now


class ClientEndpoint:
    """The connection of a client, from the first HELLO to the last packet; `reconnect` makes another.

    server: may be set while there is no connection. token: address token of an earlier session, or empty.
    """

    def __init__(
        self,
        server: Address,
        config: Config,
        random_bytes: Callable[[int], bytes],
        now: int,
        *,
        token: bytes = b"",
        keylog: Callable[[str], None] | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.connection: Connection | None = None
        self.drops: Counter[str] = Counter()
        self.server = server
        self._shop = Workshop(config, random_bytes, WindowBudget(config.receive_window), keylog, watch)
        self._random_bytes = random_bytes
        self._handshake = ClientHandshake(server, config, random_bytes, token, now)
        self._has_failed = False
        self._is_ready = False  # the connection was asked for, so it may have something to send

    @property
    def config(self) -> Config:
        """What an administrator or a test may change."""
        return self._shop.config

    def reconnect(self, now: int, token: bytes = b"") -> None:
        """Begin a new handshake; the former connection, which must be over, is forgotten."""
        if self.connection is not None:
            if self.connection.is_alive:
                raise UsageError("the connection is not over")
            self.connection.release()
        self.connection = None
        self._has_failed = self._is_ready = False
        self._handshake = ClientHandshake(self.server, self.config, self._random_bytes, token, now)

    def find(self, connection_id: bytes) -> Connection | None:
        """The connection, when that is its id."""
        connection = self.connection
        if connection is None or connection.connection_id != connection_id:
            return None
        self._is_ready = True
        return connection

    @property
    def is_over(self) -> bool:
        """Nothing is left to be sent or waited for."""
        return self._has_failed or (self.connection is not None and self.connection.state is State.CLOSED)

    def receive_burst(self, burst: Burst, now: int) -> None:
        """Datagrams from one address; others than the server's are dropped."""
        address, data, size = burst
        if not 0 < size < len(data):
            self._receive(data, address, now, 0)
        elif address != self.server or self.connection is None or not self.connection.receive_run(burst, now):
            for at in range(0, len(data), size):
                self._receive(data[at : at + size], address, now, at)

    def _receive(self, data: memoryview, address: Address, now: int, at: int) -> None:
        """A single datagram, at this place of its burst."""
        if address != self.server:
            self.drops["wrong-address"] += 1
        elif self.connection is None:
            self._receive_handshake(data, now)
        elif self._is_reset(data):
            self.connection.abandon(ErrorCode.INTERNAL, "the server has restarted", remote=True)
        else:
            self.connection.receive_datagram(data, address, now, at)

    def handle_timeout(self, now: int) -> None:
        """Act on every deadline that has passed."""
        if self.connection is not None:
            self.connection.handle_timeout(now)
            return
        self._handshake.handle_timeout(now)
        if self._handshake.failure is not None and not self._has_failed:
            self._has_failed = True
            closed = ConnectionClosed(b"", ErrorCode.IDLE_TIMEOUT, self._handshake.failure, remote=False)
            self._shop.events.append(closed)

    def next_event(self) -> ConnectionEvent | None:
        """What the services are to be told next."""
        return self._shop.events.popleft() if self._shop.events else None

    def datagrams_to_send(self, now: int) -> Iterator[Burst]:
        """All that may go out now."""
        if self.connection is not None:
            yield from self.connection.datagrams_to_send(now)
            self._is_ready = False
        elif (hello := self._handshake.datagram_to_send(now)) is not None:
            yield Burst(self.server, memoryview(hello), len(hello))

    def next_timeout(self) -> int | None:
        """When `handle_timeout` has something to do; in the past when a drain has."""
        if self.connection is None:
            return self._handshake.next_timeout()
        return AT_ONCE if self._is_ready else self.connection.next_timeout()

    def check_invariants(self) -> None:
        """AssertionError when a rule is broken that must hold after every step: for simulations and tests."""
        if self.connection is not None:
            check_connection(self.connection, self._shop.config)

    def _receive_handshake(self, datagram: memoryview, now: int) -> None:
        if (reason := self._handshake.receive_datagram(datagram, now)) is not None:
            self.drops[reason] += 1
        if (finished := self._handshake.finished) is None or self.connection is not None:
            return
        agreement = finished.agreement
        self.connection = make_connection(self._shop, agreement, now, is_client=True)
        self._shop.events.append(
            ConnectionOpened(agreement.connection_id, agreement.address, finished.server_key, finished.handshake_hash)
        )

    def _is_reset(self, data: memoryview) -> bool:
        finished = self._handshake.finished
        if finished is None or len(data) != HEADER_SIZE + TRAILER_SIZE or data[TYPE_AT] != PacketType.RESET:
            return False
        return compare_digest(data[HEADER_SIZE:], finished.agreement.reset_token)

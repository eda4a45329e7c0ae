"""One socket: datagrams find their connection by its id, never by address. A server's and a client's."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from heapq import heapify, heappop, heappush
from hmac import compare_digest

from udpchat.arq.flow import WindowBudget
from udpchat.config import Config
from udpchat.crypto.keys import ServerKeys
from udpchat.errors import ErrorCode
from udpchat.protocol.acceptor import Acceptor, is_loopback
from udpchat.protocol.assembly import Workshop, make_connection
from udpchat.protocol.connection import Connection, State
from udpchat.protocol.datagrams import Address, Burst
from udpchat.protocol.events import ConnectionClosed, ConnectionEvent, ConnectionOpened
from udpchat.protocol.handshake import ClientHandshake, Finished
from udpchat.protocol.invariants import check_connection
from udpchat.protocol.watch import Watch
from udpchat.wire.numbers import PacketType
from udpchat.wire.packets import MAGIC, TRAILER_SIZE

HEADER_SIZE = 24
MAGIC_BYTES = MAGIC.to_bytes(2, "big")
TYPE_AT = 3  # byte of the packet type in the header
MAX_REPLIES = 256  # stateless answers that wait; when there are more the oldest is forgotten
MIN_STALE = 64  # outdated deadlines that are not worth clearing away
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
        self._ready: dict[bytes, Connection] = {}  # those that may have something to send
        self._deadlines: dict[bytes, int] = {}
        self._heap: list[tuple[int, bytes]] = []
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

    def handle_timeout(self, now: int) -> None:
        """Act on every deadline that has passed."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            deadline, connection_id = heappop(heap)
            if self._deadlines.get(connection_id) == deadline:
                del self._deadlines[connection_id]
                connection = self.connections[connection_id]
                self._ready[connection_id] = connection
                connection.handle_timeout(now)

    def next_event(self) -> ConnectionEvent | None:
        """What the services are to be told next."""
        return self._shop.events.popleft() if self._shop.events else None

    def datagrams_to_send(self, now: int) -> Iterator[Burst]:
        """Stateless answers first, then a burst of each connection in turn."""
        while self._replies:
            address, reply = self._replies.popleft()
            yield Burst(address, memoryview(reply), len(reply))
        active = [(connection, connection.datagrams_to_send(now)) for connection in self._ready.values()]
        while active:
            still_active = []
            for connection, bursts in active:
                if (burst := next(bursts, None)) is not None:
                    self._ready[connection.connection_id] = self._ready.pop(connection.connection_id)
                    still_active.append((connection, bursts))
                    yield burst
                else:
                    del self._ready[connection.connection_id]
                    self._reschedule(connection)
            active = still_active

    def next_timeout(self) -> int | None:
        """When `handle_timeout` has something to do; in the past when a drain has."""
        if self._ready or self._replies:
            return AT_ONCE
        heap = self._heap
        while heap and self._deadlines.get(heap[0][1]) != heap[0][0]:
            heappop(heap)
        return heap[0][0] if heap else None

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
        connection_id = connection.connection_id
        if connection.state is State.CLOSED:
            self._forget(connection)
            return
        deadline, scheduled = connection.next_timeout(), self._deadlines.get(connection_id)
        # A later deadline is left to the wake-up that is scheduled already: most move on with every packet.
        if deadline is not None and (scheduled is None or deadline < scheduled):
            self._deadlines[connection_id] = deadline
            heappush(self._heap, (deadline, connection_id))
            if len(self._heap) > MIN_STALE + 2 * len(self._deadlines):
                self._heap = [(at, name) for name, at in self._deadlines.items()]
                heapify(self._heap)

    def _forget(self, connection: Connection) -> None:
        connection_id = connection.connection_id
        connection.release()
        del self.connections[connection_id]
        self._deadlines.pop(connection_id, None)
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
            "deadlines": len(self._heap) <= MIN_STALE + 2 * len(self.connections),
            "hosts": sum(self._per_host.values()) == len(self._host_of) == len(self.connections),
        }
        for what, holds in rules.items():
            if not holds:
                raise AssertionError(f"too many {what}")


class ClientEndpoint:
    """The one connection of a client, from the first HELLO to the last packet.

    token: address token of an earlier session, or empty.
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
        self._server = server
        self._shop = Workshop(config, random_bytes, WindowBudget(config.receive_window), keylog, watch)
        self._handshake = ClientHandshake(server, config, random_bytes, token, now)
        self._has_failed = False
        self._is_ready = False  # the connection was asked for, so it may have something to send

    @property
    def config(self) -> Config:
        """What an administrator or a test may change."""
        return self._shop.config

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
        elif address != self._server or self.connection is None or not self.connection.receive_run(burst, now):
            for at in range(0, len(data), size):
                self._receive(data[at : at + size], address, now, at)

    def _receive(self, data: memoryview, address: Address, now: int, at: int) -> None:
        """A single datagram, at this place of its burst."""
        if address != self._server:
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
            yield Burst(self._server, memoryview(hello), len(hello))

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

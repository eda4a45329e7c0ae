"""What services share: sending records, asking storage, telling the application. Each end runs several on one host."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, runtime_checkable

from udpchat.config import Config
from udpchat.errors import ErrorCode, StorageError, UsageError
from udpchat.protocol.connection import Connection
from udpchat.protocol.datagrams import Burst
from udpchat.protocol.events import ConnectionEvent, RecordReceived
from udpchat.protocol.members import Members
from udpchat.protocol.ports import NO_REQUEST, Result, StoreRequest, number_request
from udpchat.wire.records import Record, Refused, UnknownRecord, Unsupported, encode_record

AT_ONCE = 0  # a deadline that has passed
MAX_WORDS = 500  # characters of a refusal

Answer = Callable[[Any, int], None]  # what to do with the result of a store request, and when it came


def clip(text: str) -> str:
    """Words that fit a record, whatever they repeat."""
    return text if len(text) <= MAX_WORDS else text[:MAX_WORDS] + "…"


class Endpoint(Protocol):
    """The socket below the services; see endpoint.py."""

    # The five methods of the core contract, and `find`.
    @property
    def config(self) -> Config: ...  # noqa: D102
    def receive_burst(self, burst: Burst, now: int) -> None: ...  # noqa: D102
    def handle_timeout(self, now: int) -> None: ...  # noqa: D102
    def next_event(self) -> ConnectionEvent | None: ...  # noqa: D102
    def datagrams_to_send(self, now: int) -> Iterator[Burst]: ...  # noqa: D102
    def next_timeout(self) -> int | None: ...  # noqa: D102
    def check_invariants(self) -> None: ...  # noqa: D102
    def find(self, connection_id: bytes) -> Connection | None: ...  # noqa: D102


class Service(Protocol):
    """A part of the application above connections: chat, files. Pure: what it needs of the world it asks its desk."""

    handles: frozenset[type]  # classes of the records it takes

    def on_record(self, received: RecordReceived, now: int) -> None:
        """A record of one of the handled classes."""
        ...

    def on_event(self, event: ConnectionEvent, now: int) -> None:
        """Anything else that a connection tells."""
        ...


@runtime_checkable
class TimedService(Protocol):
    """A service that owns time: two of the five methods of the core contract."""

    def handle_timeout(self, now: int) -> None:
        """Act on every deadline that has passed."""
        ...

    def next_timeout(self) -> int | None:
        """When `handle_timeout` has something to do."""
        ...


class Desk:
    """What a service asks of the world: connections, storage, the ear of the application."""

    def __init__(self, endpoint: Endpoint, members: Members | None = None) -> None:
        self.endpoint = endpoint
        self.members = members if members is not None else Members()
        self.outbox: deque[Any] = deque()  # events for the application and store requests, in order
        self._answers: dict[int, Answer] = {}
        self._last_request = NO_REQUEST

    def send(self, connection_id: bytes, record: Record, request_id: int = 0, channel: int = 0) -> None:
        """Send a record; ignored when the connection is gone."""
        if (connection := self.endpoint.find(connection_id)) is not None:
            connection.send_record(record, request_id, channel)

    def refuse(self, received: RecordReceived, code: ErrorCode, text: str) -> None:
        """Answer a request with no, and why. The words are cut, for they may repeat what the peer sent."""
        self.send(received.connection_id, Refused(code, clip(text)), received.request_id)

    def send_list(self, received: RecordReceived, records: Iterable[Record]) -> None:
        """Answer a request with many records, which leave as the channel of long answers empties; or refuse it."""
        if (connection := self.endpoint.find(received.connection_id)) is not None:
            encoded = (encode_record(record, received.request_id) for record in records)
            if not connection.send_list(encoded):
                self.refuse(received, ErrorCode.TOO_MANY_REQUESTS, "too many lists are being sent; wait for them")

    def broadcast(self, record: Record) -> None:
        """Send a record to everybody who has joined."""
        encoded = encode_record(record)
        for session in self.members:
            if (connection := self.endpoint.find(session.connection_id)) is not None:
                connection.send_encoded(encoded)

    def tell(self, event: object) -> None:
        """Tell the application."""
        self.outbox.append(event)

    def ask(self, request: StoreRequest, answer: Answer | None = None) -> None:
        """Ask storage. The request id is filled in here; answer is called with a result or a StorageError."""
        if answer is not None:
            self._last_request += 1
            request = number_request(request, self._last_request)
            self._answers[self._last_request] = answer
        self.outbox.append(request)

    def complete(self, request_id: int, result: Result | StorageError, now: int) -> None:
        """Bring back what storage answered."""
        answer = self._answers.pop(request_id, None)
        if answer is None:
            raise UsageError(f"nobody asked store request {request_id}")
        answer(result, now)


class Host:
    """Services on one endpoint: the five methods for all of them together, and `complete` for storage.

    What `next_event` returns is either a StoreRequest, to be performed at once and in order, or an event.
    """

    def __init__(self, endpoint: Endpoint, desk: Desk, services: tuple[Service, ...], on_part_failed: Answer) -> None:
        self.endpoint = endpoint
        self.desk = desk
        self._on_part_failed = on_part_failed
        self._services = services
        self._timed = tuple(service for service in services if isinstance(service, TimedService))
        self._by_record = {record: service for service in services for record in service.handles}

    @property
    def record_types(self) -> frozenset[type]:
        """Classes of the records that are taken at this end."""
        return frozenset(self._by_record)

    def receive_burst(self, burst: Burst, now: int) -> None:
        """Datagrams from one address. Drain `next_event` before the next call: file bytes are lent."""
        self.endpoint.receive_burst(burst, now)
        self.dispatch(now)

    def handle_timeout(self, now: int) -> None:
        """Act on every deadline that has passed."""
        self.endpoint.handle_timeout(now)
        self.dispatch(now)
        for service in self._timed:
            deadline = service.next_timeout()
            if deadline is not None and deadline <= now:
                service.handle_timeout(now)
                self.dispatch(now)

    def next_event(self) -> Any:
        """A store request or an event for the application; None when there is none."""
        return self.desk.outbox.popleft() if self.desk.outbox else None

    def datagrams_to_send(self, now: int) -> Iterator[Burst]:
        """All that may go out now."""
        yield from self.endpoint.datagrams_to_send(now)
        self.dispatch(now)

    def next_timeout(self) -> int | None:
        """When `handle_timeout` has something to do; in the past when an event or a datagram is waiting."""
        if self.desk.outbox:
            return AT_ONCE
        deadlines = [service.next_timeout() for service in self._timed]
        return min((at for at in (self.endpoint.next_timeout(), *deadlines) if at is not None), default=None)

    def check_invariants(self) -> None:
        """AssertionError when a rule is broken that must hold after every step: for simulations and tests."""
        self.endpoint.check_invariants()

    def on_too_large(self, burst: Burst) -> None:
        """The system refused datagrams of this size (EMSGSIZE)."""
        if (connection := self.endpoint.find(bytes(burst.data[8:16]))) is not None:
            connection.transmitter.on_too_large(burst.segment_size)

    def complete(self, request_id: int, result: Any, now: int) -> None:
        """Bring back what storage answered; request id 0 is bad news that nobody asked for."""
        if request_id != NO_REQUEST:
            self.desk.complete(request_id, result, now)
        else:
            self._on_part_failed(result, now)
        self.dispatch(now)

    def dispatch(self, now: int) -> None:
        """Hand what the connections tell to the services."""
        while (event := self.endpoint.next_event()) is not None:
            if isinstance(event, RecordReceived):
                self._on_record(event, now)
            else:
                for service in self._services:
                    service.on_event(event, now)

    def _on_record(self, received: RecordReceived, now: int) -> None:
        record = received.record
        service = self._by_record.get(type(record))
        if service is not None:
            service.on_record(received, now)
        elif isinstance(record, UnknownRecord):
            self.desk.send(received.connection_id, Unsupported(record.record_type), received.request_id)
        elif (connection := self.endpoint.find(received.connection_id)) is not None:
            connection.receiver.drops["unexpected-record"] += 1  # it is for the other end

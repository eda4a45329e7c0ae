"""The tap: records what one end sends and receives, with comments, and changes nothing.

It is put round a core, in real programs and in simulations alike; without it nothing is spent. Bursts are recorded as
the datagrams they consist of, whether the system takes them at once or one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Protocol
from weakref import WeakValueDictionary

from udpchat.capture.watching import ConnectionWatcher
from udpchat.config import SECOND
from udpchat.protocol.connection import Connection
from udpchat.protocol.core import Core
from udpchat.protocol.datagrams import Address, Burst
from udpchat.wire.numbers import PacketType

FLUSH_INTERVAL: Final = 1 * SECOND  # between what is recorded and what others can read
CONNECTION_ID: Final = slice(8, 16)  # where it is in a datagram
NUMBER: Final = slice(16, 24)
TYPE_AT: Final = 3


class Recorder(Protocol):
    """What keeps the datagrams: PcapngWriter, CaptureLog."""

    def write(
        self,
        us: int,
        source: Address,
        destination: Address,
        data: memoryview,
        *,
        comment: str = "",
        interface: int = 0,
        outbound: bool | None = None,
    ) -> None:
        """Keep one datagram, whose bytes are valid until this returns."""
        ...


class Tap:
    """Give `watch` to make_server or make_client, then drive what `wrap` returns instead of the core's host.

    local: our own address towards a peer's. interface: of the recorder. offset: what makes `now` microseconds since
    1970. flush: called at most FLUSH_INTERVAL after something was recorded; None when nobody reads along.
    """

    def __init__(
        self,
        recorder: Recorder,
        local: Callable[[Address], Address],
        *,
        interface: int = 0,
        offset: int = 0,
        flush: Callable[[], None] | None = None,
    ) -> None:
        self.flush_deadline: int | None = None
        self._recorder = recorder
        self._local = local
        self._interface = interface
        self._offset = offset
        self._flush = flush
        self._watchers: WeakValueDictionary[bytes, ConnectionWatcher] = WeakValueDictionary()

    def watch(self, connection: Connection) -> ConnectionWatcher:
        """Look on at a new connection."""
        watcher = self._watchers[connection.connection_id] = ConnectionWatcher(connection.transmitter)
        return watcher

    def wrap(self, core: Core) -> TappedCore:
        """The core with this tap round it."""
        return TappedCore(core, self)

    def on_sent(self, burst: Burst, now: int) -> None:
        """Datagrams leave."""
        self._note(now)
        address, data, size = burst
        local, us = self._local(address), now + self._offset
        count = -(-len(data) // size) if size else 1
        watcher = self._watchers.get(bytes(data[CONNECTION_ID]))
        number = int.from_bytes(data[NUMBER], "big")
        comments = [""] * count if watcher is None else watcher.comments(number, count)
        write, interface = self._recorder.write, self._interface
        for datagram, comment in zip(burst.datagrams(), comments, strict=True):
            write(us, local, address, datagram, comment=comment, interface=interface, outbound=True)

    def on_received(self, burst: Burst, now: int) -> None:
        """Datagrams came, and the core has dealt with them."""
        self._note(now)
        address, us = burst.address, now + self._offset
        local, datagrams = self._local(address), list(burst.datagrams())
        comments = self._lost_words(datagrams)
        write, interface = self._recorder.write, self._interface
        for place, datagram in enumerate(datagrams):
            comment = comments.get(place, "")
            write(us, address, local, datagram, comment=comment, interface=interface, outbound=False)

    def on_refused(self, burst: Burst) -> None:
        """The system did not take datagrams that were recorded as sent."""
        watcher = self._watchers.get(bytes(burst.data[CONNECTION_ID]))
        if watcher is not None:
            count = len(list(burst.datagrams()))
            watcher.on_refused(int.from_bytes(burst.data[NUMBER], "big"), count)

    def flush(self, now: int) -> None:
        """Let others read what was recorded, when it is time."""
        if self._flush is not None and self.flush_deadline is not None and now >= self.flush_deadline:
            self.flush_deadline = None
            self._flush()

    def _note(self, now: int) -> None:
        if self._flush is not None and self.flush_deadline is None:
            self.flush_deadline = now + FLUSH_INTERVAL

    def _lost_words(self, datagrams: list[memoryview]) -> dict[int, str]:
        """What the ACKs among received datagrams showed to be lost, by the place of each connection's last one."""
        acks = {
            bytes(datagram[CONNECTION_ID]): place
            for place, datagram in enumerate(datagrams)
            if len(datagram) > TYPE_AT and datagram[TYPE_AT] == PacketType.ACK
        }
        told = {}
        for connection_id, place in acks.items():
            watcher = self._watchers.get(connection_id)
            if watcher is not None and (words := watcher.take_lost()):
                told[place] = words
        return told


class TappedCore:
    """A core that is recorded. The methods are those of the core; only the deadline of the recording joins in."""

    def __init__(self, core: Core, tap: Tap) -> None:
        self._core = core
        self._tap = tap
        self.next_event = core.next_event
        self.complete = core.complete
        self.check_invariants = core.check_invariants

    def receive_burst(self, burst: Burst, now: int) -> None:
        """Datagrams came. They are recorded after the core has seen them, when it is known what their ACKs told."""
        try:
            self._core.receive_burst(burst, now)
        finally:
            self._tap.on_received(burst, now)

    def handle_timeout(self, now: int) -> None:
        """Act on every deadline that has passed."""
        self._tap.flush(now)
        self._core.handle_timeout(now)

    def datagrams_to_send(self, now: int) -> Iterator[Burst]:
        """All that may go out now, recorded before it goes."""
        for burst in self._core.datagrams_to_send(now):
            self._tap.on_sent(burst, now)
            yield burst

    def next_timeout(self) -> int | None:
        """When `handle_timeout` has something to do."""
        deadlines = (self._core.next_timeout(), self._tap.flush_deadline)
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def on_too_large(self, burst: Burst) -> None:
        """The system refused datagrams of this size."""
        self._tap.on_refused(burst)
        self._core.on_too_large(burst)

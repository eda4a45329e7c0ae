"""The receiving half of a connection: packets into records and file bytes, and the ACKs for them."""

from __future__ import annotations

from collections import Counter, deque

from udpchat.arq.acks import AckTracker
from udpchat.arq.channels import ReceiveChannel
from udpchat.arq.flow import ReceiveWindow
from udpchat.arq.receiver import ReceiveTransfer
from udpchat.config import CHANNEL_COUNT, CHANNEL_WINDOW, MAX_ACK_DELAY, MILLISECOND
from udpchat.errors import ErrorCode, ProtocolViolationError, RefusedError, UsageError
from udpchat.protocol.events import ConnectionEvent, DataReceived, RecordReceived
from udpchat.wire.codec import Ack, Data, Message
from udpchat.wire.records import RecordReader

CLOCK_MODULUS = 2**32  # of the arrival time in ACK
ACKS_PER_RTT = 8
SHORT_PATH = 2 * MILLISECOND  # below this RTT every drain is answered
WINDOW_SHARE = 4  # an ACK at least every quarter of the window


class Receiver:
    """What came in, in order for messages, by place for files.

    Appends to events what the services are to be told. `drops` counts what was refused, by reason.
    """

    __slots__ = (
        "_channels",
        "_connection_id",
        "_events",
        "_max_transfers",
        "_readers",
        "_transfers",
        "acks",
        "drops",
        "window",
    )

    def __init__(
        self, connection_id: bytes, events: deque[ConnectionEvent], window: ReceiveWindow, max_transfers: int
    ) -> None:
        self.acks = AckTracker()
        self.window = window
        self.drops: Counter[str] = Counter()
        self._connection_id = connection_id
        self._events = events
        self._max_transfers = max_transfers
        self._channels = tuple(ReceiveChannel(CHANNEL_WINDOW) for _ in range(CHANNEL_COUNT))
        self._readers = tuple(RecordReader() for _ in range(CHANNEL_COUNT))
        self._transfers: dict[int, ReceiveTransfer] = {}

    # -- transfers -----------------------------------------------------------------------------------------------------

    def expect(self, transfer_id: int, size: int, limit: int, present: tuple[tuple[int, int], ...] = ()) -> None:
        """Take DATA of this transfer from now on, below limit."""
        if transfer_id in self._transfers:
            raise UsageError(f"transfer {transfer_id} is being received already")
        if len(self._transfers) >= self._max_transfers:
            raise RefusedError(ErrorCode.TOO_MANY_TRANSFERS, f"{self._max_transfers} transfers are running; try later")
        self._transfers[transfer_id] = ReceiveTransfer(transfer_id, size, limit, present)

    def forget(self, transfer_id: int) -> None:
        """Drop further DATA of this transfer; one that is unknown is ignored."""
        if self._transfers.pop(transfer_id, None) is not None and not self._transfers:
            self.window.shrink()  # nothing large is expected: others may grow

    def find(self, transfer_id: int) -> ReceiveTransfer | None:
        """The state of a transfer that is being received."""
        return self._transfers.get(transfer_id)

    # -- packets, opened and not seen before ---------------------------------------------------------------------------

    @property
    def transfer_count(self) -> int:
        """Transfers that are being received."""
        return len(self._transfers)

    @property
    def is_expecting(self) -> bool:
        """Bytes of some transfer are still to come."""
        return any(not transfer.is_complete for transfer in self._transfers.values())

    def may_take(self, transfer_id: int, stop: int) -> bool:
        """False when bytes of this transfer up to stop would break a rule."""
        transfer = self._transfers.get(transfer_id)
        return transfer is None or stop <= transfer.limit

    def on_data(self, data: Data, chunks: memoryview, now: int, count: int = 1) -> None:
        """A run of file bytes from count packets. ProtocolViolationError outside the file or the credit."""
        self.acks.on_file_data(now)
        self.window.on_received(len(chunks), now)
        transfer = self._transfers.get(data.transfer_id)
        if transfer is None:
            self.drops["unknown-transfer"] += count
            return
        offset = data.offset
        for start, stop in transfer.receive(offset, len(chunks)):
            part = chunks[start - offset : stop - offset]
            self._events.append(DataReceived(self._connection_id, data.transfer_id, start, part))

    def on_message(self, message: Message, fragment: memoryview) -> bool:
        """Bytes of a channel; False when there is no room for them and they must not be acknowledged."""
        if message.channel >= CHANNEL_COUNT:
            raise ProtocolViolationError(ErrorCode.PROTOCOL_VIOLATION, f"channel {message.channel} does not exist")
        ready = self._channels[message.channel].receive(message.offset, fragment)
        if ready is None:
            self.drops["channel-full"] += 1
            return False
        if ready:
            for request_id, record in self._readers[message.channel].feed(ready):
                self._events.append(RecordReceived(self._connection_id, message.channel, request_id, record))
        return True

    def on_rtt(self, smoothed_rtt: int, min_rtt: int) -> None:
        """A new measurement of the path: how long an ACK may be held back follows it."""
        self.acks.set_interval(0 if min_rtt < SHORT_PATH else min(MAX_ACK_DELAY, min_rtt // ACKS_PER_RTT))
        self.window.update_rtt(smoothed_rtt)

    def take_ack(self, now: int) -> Ack | None:
        """The ACK that is due now."""
        self.acks.set_byte_limit(self.window.window // WINDOW_SHARE)
        if not self.acks.ack_due(now) or (content := self.acks.take(now)) is None:
            return None
        return Ack(
            largest=content.largest,
            arrival=content.arrival % CLOCK_MODULUS,
            ack_delay=min(content.ack_delay, CLOCK_MODULUS - 1),
            received=content.received,
            window=self.window.window,
            ranges=content.ranges,
        )

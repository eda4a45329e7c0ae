"""What a connection has to say: records on their channels, and long answers, written as their channel empties."""

from __future__ import annotations

from collections.abc import Iterator

from udpchat.arq.channels import SendChannel
from udpchat.config import KIB
from udpchat.errors import ErrorCode, ProtocolViolationError

LONG_ANSWERS = 1  # message channel of lists
WRITTEN_AHEAD = 128 * KIB  # bytes of lists in the channel: what is on its way, and a little more


class OutgoingMessages:
    """The sending ends of all channels.

    max_queue: bytes of a channel that may wait for the peer. max_lists: long answers that may wait.
    """

    __slots__ = ("_lists", "_max_lists", "_max_queue", "channels")

    def __init__(self, max_queue: int, max_lists: int) -> None:
        self.channels = (SendChannel(), SendChannel())
        self._lists: list[Iterator[bytes]] = []
        self._max_queue = max_queue
        self._max_lists = max_lists

    def write(self, channel: int, encoded: bytes) -> None:
        """Send an encoded record. ProtocolViolationError when the peer has long taken none."""
        queue = self.channels[channel]
        if queue.queued + len(encoded) > self._max_queue:
            raise ProtocolViolationError(ErrorCode.TOO_SLOW, "the other end does not take its messages")
        queue.write(encoded)

    def add_list(self, records: Iterator[bytes]) -> bool:
        """Send many encoded records, after the lists before it; False when too many lists wait already."""
        if len(self._lists) >= self._max_lists:
            return False
        self._lists.append(records)
        return True

    def next_fragment(self, channel: int, max_size: int) -> tuple[int, bytes, bool] | None:
        """What to send next on a channel: offset, bytes, and whether they were sent before."""
        queue = self.channels[channel]
        if channel == LONG_ANSWERS and self._lists:
            self._fill(queue)
        return queue.next_fragment(max_size)

    def next_whole(self, max_size: int) -> tuple[int, bytes] | None:
        """Offset and bytes of what is to be sent on channel 0, when that is all there is to send; else None, unsent.

        All: not more than max_size bytes, none of them sent before, and nothing on another channel.
        """
        first, long_answers = self.channels
        return None if self._lists or long_answers.has_work else first.next_whole(max_size)

    @property
    def has_work(self) -> bool:
        """Something may be sent now, as far as the windows of the channels go."""
        first, long_answers = self.channels
        return first.has_work or long_answers.has_work or bool(self._lists)

    def _fill(self, queue: SendChannel) -> None:
        while self._lists and queue.queued < WRITTEN_AHEAD:
            encoded = next(self._lists[0], None)
            if encoded is None:
                del self._lists[0]
            else:
                queue.write(encoded)

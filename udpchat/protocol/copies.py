"""Packets that nothing follows: no later ACK would show their loss, so they are sent once more ahead of any timer.

The last chat packet before a silence gets a copy, and, where packets are being lost, so do the last packets of a file
and what is repaired when all of the file has been sent. A copy that comes too early costs a packet, one that is missing
costs a probe timeout.
"""

from __future__ import annotations

from collections.abc import Iterator

from udpchat.arq.in_flight import SentRun
from udpchat.config import MILLISECOND, PACKET_THRESHOLD

MINIMUM_DELAY = 5 * MILLISECOND  # before a packet that nothing follows is sent once more
RTT_SHARE = 4  # or a quarter of the round trip, if that is longer
MAX_CROWD = 64  # connections of a socket; above it chat packets get no copies
MAX_WAITING = 16  # file packets that may get a copy: when more are missing at the end, the path is full


class Crowd:
    """How many connections one socket has. In a crowd each line goes to many, and a copy of it to as many again, with
    an ACK for each: that time is better spent on the next line, and a probe timeout repairs what is lost."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


class Copies:
    """What is to be sent once more, and when. sent: how many copies went out. crowd: of the connection's socket."""

    __slots__ = ("_message", "_tail", "crowd", "sent")

    def __init__(self) -> None:
        self.sent = 0
        self.crowd = Crowd()
        self._message: tuple[int, SentRun] | None = None  # deadline, what it carried
        self._tail: dict[int, tuple[int, SentRun]] = {}  # by packet number: file packets, oldest first

    def on_message(self, run: SentRun, now: int, smoothed_rtt: int) -> None:
        """A chat packet leaves, the last one for now."""
        self._message = (_deadline(now, smoothed_rtt), run) if self.crowd.count <= MAX_CROWD else None

    def on_followed(self) -> None:
        """Something follows the last chat packet, or repeats it."""
        self._message = None

    def on_tail(self, run: SentRun, now: int, smoothed_rtt: int) -> None:
        """File packets leave and nothing new will follow them: the last few have none behind to show their loss."""
        deadline = _deadline(now, smoothed_rtt)
        for number in range(max(run.first, run.stop - PACKET_THRESHOLD), run.stop):
            self._tail[number] = (deadline, run.part(number, number + 1))
        while len(self._tail) > MAX_WAITING:
            del self._tail[next(iter(self._tail))]

    @property
    def has_tail(self) -> bool:
        """File packets wait for a copy."""
        return bool(self._tail)

    def settle(self, run: SentRun) -> None:
        """Packets were acknowledged, or declared lost and so are sent again anyway."""
        if self._message is not None and run.first <= self._message[1].first < run.stop:
            self._message = None
        if self._tail:
            for number in [number for number in self._tail if run.first <= number < run.stop]:
                del self._tail[number]

    def next_timeout(self) -> int | None:
        """When the next copy is due."""
        tail = next(iter(self._tail.values()))[0] if self._tail else None
        if self._message is None:
            return tail
        return self._message[0] if tail is None else min(tail, self._message[0])

    def take_message(self, now: int) -> SentRun | None:
        """The chat packet to be sent once more now, if there is one; it is told once."""
        if self._message is None or now < self._message[0]:
            return None
        run, self._message = self._message[1], None
        return run

    def take_due(self, now: int) -> Iterator[SentRun]:
        """The packets to be sent once more now; each is told once."""
        if (message := self.take_message(now)) is not None:
            yield message
        while self._tail:
            number, (deadline, run) = next(iter(self._tail.items()))
            if now < deadline:
                return
            del self._tail[number]
            yield run


def _deadline(now: int, smoothed_rtt: int) -> int:
    return now + max(MINIMUM_DELAY, smoothed_rtt // RTT_SHARE)

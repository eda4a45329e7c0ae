"""Sharing a full line with others of our kind: each keeps the same few packets in the queue, so all get the same rate.

After FAST TCP (Wei, Jin, Low and Hegde, 2006): the window follows the delay, not the loss. With the model of `cycle.py`
alone, what each got at first is what each keeps: a rate that is measured under overload is the share of it.
"""

from __future__ import annotations

from typing import Final

from udpchat.arq.congestion.base import AckSample
from udpchat.arq.congestion.path import Path
from udpchat.config import MILLISECOND, SECOND

OWN_PACKETS: Final = 8  # that we keep in the queue
LEAST_PACKETS: Final = 2  # the same where the queue overflows
STEP: Final = 2  # 1 / part of the way to the new window that one round goes
DRAIN_ROUNDS: Final = 3
DRAIN_WINDOW: Final = 50  # percent, at least
FEW: Final = 4  # flows like us whose packets leave the queue when one of them looks for the empty path
LONG_SHARE: Final = 2  # 1 / part of the smallest RTT: in a longer queue each keeps less
EMPTY_ROUNDS: Final = 10  # without a queue, after which the line is not full
EMPTY_SHARE: Final = 4  # 1 / part of our packets in the queue: less is none
LOOK_INTERVAL: Final = 5 * SECOND  # without an RTT of the empty path, then all look for it
FIRST_LOOK: Final = 1 * SECOND  # the same at first: who came last has seen nothing but a queue
LONGER: Final = 8  # 1 / part of the smallest RTT above it: another path
SEEN: Final = 32  # 1 / part of the smallest RTT above it: the path was seen empty
MANY: Final = 8  # flows like us on one line; a longer queue is the work of others
LONG_QUEUE: Final = 25 * MILLISECOND  # or of the smallest RTT, if that is longer: too long whatever the rate
PATIENCE: Final = 3 * SECOND  # with such a queue
PATIENT_ROUNDS: Final = 16
PACING_PERCENT: Final = 115  # of the window in a round trip, so that the window decides
MINIMUM_WINDOW_PACKETS: Final = 4
SUSPICIOUS_ROUNDS: Final = 4  # in a row that show a queue: if it is ours, it goes away when we send a little less
SHARED_ROUNDS: Final = 8  # in a row that show a queue: it is that of others
SHORT_QUEUE: Final = 32  # 1 / part of the smallest RTT: less is none
FEW_PACKETS: Final = 3  # or so many
ENOUGH_PACKETS: Final = 16  # of ours on the line: those in the queue are to be a small part
LEAVE_PACKETS: Final = 10  # with fewer on the line the cycle gets a better share
LEAVE_ROUNDS: Final = 8
CLEAR: Final = 5  # times the jitter: a queue that is longer is no jitter
CLEAR_NOISE: Final = 2  # times the time by which hosts are late
CLEAR_LOOK: Final = 3  # times the jitter, where less bandwidth came as well
STEADY: Final = 10  # times the jitter: where the RTT is shorter, a queue of some packets cannot be told from jitter
UNSTEADY: Final = 5  # the same for who is in company: it is left


class Signs:
    """What tells a flow in its cycle that others are on a full line. rate: what we get, 0 while we may be alone.

    Whoever errs loses little: alone, the company's window fills the line as well, unless jitter hides what is queued.
    """

    __slots__ = ("_from", "_rounds", "rate")

    def __init__(self, share_from: int) -> None:
        self.rate = 0
        self._from = share_from
        self._rounds = 0

    @property
    def is_suspicious(self) -> bool:
        """Whether a queue has been standing for some rounds: we are to send a little less, and see."""
        return self._rounds >= SUSPICIOUS_ROUNDS

    def on_round(self, path: Path, now: int) -> None:
        """A queue that is short but never goes away, without jitter, is that of others."""
        queue = path.last_round.min_rtt - path.base_rtt
        packets = FEW_PACKETS * path.datagram_size * SECOND // max(path.bandwidth, 1)
        self._rounds = self._rounds + 1 if queue > max(path.base_rtt // SHORT_QUEUE, packets) else 0
        is_clear = queue > max(CLEAR * path.rtt.jitter, CLEAR_NOISE * path.noise_time)
        if self._rounds >= SHARED_ROUNDS and is_clear:
            self._report(path.last_round.max_rate, path, now)

    def on_look(self, rate: int, queue: int, path: Path, now: int) -> None:
        """We got less than before for some rounds, or a queue stays when we send less: rate is what we get, else 0.

        queue: before that [us].
        """
        if queue > CLEAR_LOOK * path.rtt.jitter:
            self._report(rate, path, now)

    def _report(self, rate: int, path: Path, now: int) -> None:
        is_steady = STEADY * path.rtt.jitter <= path.base_rtt
        if now >= self._from and is_steady and rate * path.base_rtt >= ENOUGH_PACKETS * path.datagram_size * SECOND:
            self.rate = rate


class Delays:
    """Smallest RTT of a round and of all, without the time for which ACKs were held back [us]."""

    __slots__ = ("base", "seen_at", "smallest")

    def __init__(self, base: int, now: int) -> None:
        self.base = base
        self.seen_at = now  # when the path was last seen empty
        self.smallest = 0  # of this round, 0 without a sample

    def add(self, sample: AckSample) -> None:
        """Take in the RTT of one ACK."""
        if sample.latest_rtt:
            rtt = max(sample.latest_rtt - sample.ack_delay, 1)
            self.smallest = min(self.smallest, rtt) if self.smallest else rtt
            self.base = min(self.base, rtt)

    def take(self, path: Path, now: int) -> int:
        """The smallest of the round that ends, 0 without a sample."""
        rtt, self.smallest = self.smallest, 0
        if (path.min_rtt - self.base) * LONGER > self.base:
            self.base = path.min_rtt  # the path has become longer: its model has forgotten the shorter one
        if rtt and (rtt - self.base) * SEEN <= self.base:
            self.seen_at = now
        return rtt


class Looks:
    """When to send less for some rounds, so that the path is seen without a queue. after: time without that [us].

    left: rounds of the look that is being made. What is found new asks for another look soon.
    """

    __slots__ = ("_known", "after", "left")

    def __init__(self, base: int) -> None:
        self.after = FIRST_LOOK
        self.left = DRAIN_ROUNDS  # everybody does it when somebody comes, and all see the empty path
        self._known = base

    def on_round(self, delays: Delays, now: int) -> bool:
        """Whether the round that ends was part of a look, or a look begins now."""
        if self.left:
            self.left -= 1
            return True
        if now - delays.seen_at <= self.after:
            return False
        is_lower = delays.base * (SEEN + 1) < self._known * SEEN
        self.after = FIRST_LOOK if is_lower else min(2 * self.after, LOOK_INTERVAL)
        self.left = DRAIN_ROUNDS
        self._known = delays.base
        delays.seen_at = now
        return True

    def window(self, window: int, datagram_size: int) -> int:
        """The window while a look is made [bytes]."""
        least = window * DRAIN_WINDOW // 100
        if self.after < LOOK_INTERVAL:
            return least
        return max(least, window - FEW * OWN_PACKETS * datagram_size)  # the path is known: it does not take as much


class Company:
    """Window and rate beside others. is_over: the line is no longer full. is_contested: another kind of flow fills it.

    rate: what we got of late, most: what the line has shown that it carries [bytes per second]. held: the window when
    the queue was last short; while it is long ours shrinks, and theirs does not [bytes].
    """

    __slots__ = (
        "_delays",
        "_empty_rounds",
        "_long_rounds",
        "_long_since",
        "_looks",
        "_most",
        "_own",
        "_thin_rounds",
        "_window",
        "held",
        "is_contested",
        "is_over",
    )

    def __init__(self, path: Path, rate: int, most: int, now: int) -> None:
        self.is_over = False
        self.is_contested = False
        self._delays = Delays(path.min_rtt, now)
        self._looks = Looks(path.min_rtt)
        self._own = OWN_PACKETS
        self._window = rate * path.base_rtt // SECOND + OWN_PACKETS * path.datagram_size
        self._most = max(most, rate, 1)
        self._empty_rounds = 0  # in a row
        self._thin_rounds = 0  # in a row with few of our packets on the line
        self._long_rounds = 0  # in a row with a queue that is not only of our kind
        self._long_since = now
        self.held = self._window  # when the queue was last short [bytes]

    def on_ack(self, sample: AckSample, path: Path, *, round_ended: bool) -> None:
        """Once a round: go to the window with which our packets in the queue are as many as they should be."""
        self._delays.add(sample)
        if not round_ended or not (rtt := self._delays.take(path, sample.now)):
            return
        queue = max(0, rtt - self._delays.base)
        if path.losses.has_overflowed:
            self._own = max(LEAST_PACKETS, self._own // 2)
        elif self._own < OWN_PACKETS:
            self._own += 1
        self._judge(queue, path, sample.now)
        if not self._looks.on_round(self._delays, sample.now) and not path.last_round.app_limited:
            self._adjust(queue, rtt, path)

    def window(self, path: Path) -> int:
        """Bytes that may be in flight."""
        window = self._looks.window(self._window, path.datagram_size) if self._looks.left else self._window
        return max(window, MINIMUM_WINDOW_PACKETS * path.datagram_size)

    def pacing_rate(self, path: Path) -> int:
        """Bytes per second: the window in a round trip, and a little more, so that the window decides."""
        return self._window * SECOND * PACING_PERCENT // (100 * max(path.last_round.min_rtt, MILLISECOND))

    def _adjust(self, queue: int, rtt: int, path: Path) -> None:
        own = self._window * queue // rtt
        goal = self._own * path.datagram_size
        if queue * LONG_SHARE > self._delays.base:  # many are here, or the line is slow: each keeps less
            goal = goal * self._delays.base // (queue * LONG_SHARE)
        self._empty_rounds = self._empty_rounds + 1 if own * EMPTY_SHARE < goal else 0
        self._thin_rounds = self._thin_rounds + 1 if self._window - own < LEAVE_PACKETS * path.datagram_size else 0
        is_thin = self._thin_rounds >= LEAVE_ROUNDS
        is_shaken = UNSTEADY * path.rtt.jitter > self._delays.base
        self.is_over = self._empty_rounds >= EMPTY_ROUNDS or (is_thin and not self._long_rounds) or is_shaken
        self._window = max(self._window + (goal - own) // STEP, MINIMUM_WINDOW_PACKETS * path.datagram_size)

    def _judge(self, queue: int, path: Path, now: int) -> None:
        """Whether only flows like us are here: then the queue is short."""
        many = MANY * OWN_PACKETS * path.datagram_size * SECOND // self._most
        if queue <= min(many, max(LONG_QUEUE, self._delays.base)):
            self._long_rounds = 0
            self._long_since = now
            self.held = self._window
            return
        self._long_rounds += 1
        self.is_contested = self._long_rounds >= PATIENT_ROUNDS and now - self._long_since >= PATIENCE

"""Staying at the bandwidth of the path: probe for more, drain what that queued, cruise.

The cycle of BBR (draft-ietf-ccwg-bbr, ProbeBW) with one difference: the RTT tells when a phase has done its work.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from udpchat.arq.congestion.base import AckSample
from udpchat.arq.congestion.company import Signs
from udpchat.arq.congestion.losses import MILLION
from udpchat.arq.congestion.path import Path
from udpchat.config import MAX_DATAGRAM_IPV4, MILLISECOND, SECOND

CRUISE_ROUNDS: Final = 6
FIRST_CRUISE_ROUNDS: Final = 2  # the trains of start-up leave the path first
MAX_DRAIN_ROUNDS: Final = 4
PERCENT: Final = 100
DRAIN_GAIN: Final = 75  # percent of the bandwidth (BBR draft)
FRESH_GAIN: Final = 108  # right after start-up, whose trains measure a little low
QUEUE_GAIN: Final = 90  # while cruising with a queue that does not go away
PROBE_GAINS: Final = (125, 150, 200)  # each taken when the one before found more bandwidth
DRAINED: Final = 103  # percent of the BDP in flight: received and not yet acknowledged, and no queue
FEW_PACKETS: Final = 4
DRAIN_BYTES: Final = 3 * MAX_DATAGRAM_IPV4
PROBE_HEADROOM: Final = 12  # of the BDP above the gain: packets received and not yet acknowledged
MAX_WINDOW: Final = 130  # of the BDP: no probe overflows a queue of half a BDP or ten packets
FREE_WINDOW: Final = 180  # of the BDP, after a probe that nobody felt
VERDICT: Final = 125  # percent of the RTT after which a probe has been felt
CRUISE_WINDOW: Final = 125
EMPTY_WINDOW: Final = 50  # low enough to see whether the queue is ours
SLACK_PACKETS: Final = 3  # in every window: bursts, and paths shorter than a packet
MINIMUM_WINDOW_PACKETS: Final = 4  # BBR draft, MinPipeCwnd
GROWTH: Final = 110  # percent: a probe that brought so much is repeated
STALE: Final = 80  # percent of the bandwidth: rounds with a queue that bring less belie it
SLOW_ROUNDS: Final = 2  # that belie it before we act
LONG_QUEUE: Final = 25 * MILLISECOND  # above twice the RTT: a queue so long is no noise
EMPTY_ROUNDS: Final = 3
LOOK_INTERVAL: Final = 1 * SECOND  # at least, between two looks whose the queue is where there is noise
CONTESTED_ROUNDS: Final = 6  # with a queue, before we look whose it is
RTT_CHECK: Final = 5 * SECOND  # without an RTT near the smallest, the queue is emptied to measure it


class Phase(Enum):
    """What the cycle is doing."""

    PROBE = "probe"
    DRAIN = "drain"
    CRUISE = "cruise"
    EMPTY = "empty"


class Probe:
    """The last look for more bandwidth.

    gain: index into PROBE_GAINS. before: bandwidth when it began. felt: longest queue delay that it brought [us].
    verdict_at: when its effect has been seen, 0 when that is known [us]. is_free: the probe before was not felt at all.
    """

    __slots__ = ("before", "felt", "gain", "is_free", "verdict_at")

    def __init__(self, before: int) -> None:
        self.before = before
        self.gain = self.felt = self.verdict_at = 0
        self.is_free = False


class Cycle:
    """Window and rate on a path whose bandwidth is known.

    signs: of others. share_from: before this time nobody is taken for one of our kind [us].
    """

    __slots__ = (
        "_is_fresh",
        "_last_probe",
        "_look_at",
        "_queue_before",
        "_queued_rounds",
        "_rounds",
        "_slow_rounds",
        "_started_at",
        "is_contested",
        "phase",
        "signs",
    )

    def __init__(self, path: Path, now: int, share_from: int) -> None:
        self.phase = Phase.CRUISE
        self.is_contested = False  # a queue stands that is not ours
        self.signs = Signs(share_from)
        self._started_at = now
        self._rounds = CRUISE_ROUNDS - FIRST_CRUISE_ROUNDS  # since the phase began
        self._is_fresh = True  # no probe has been made yet
        self._last_probe = Probe(path.bandwidth)
        self._look_at = now  # for the next time, where there is noise
        self._queued_rounds = 0  # in a row that ended with a queue
        self._queue_before = 0  # RTT above that of an empty path when we began to look whose queue it is [us]
        self._slow_rounds: list[int] = []  # rates of rounds in a row that belie the bandwidth

    def on_ack(self, sample: AckSample, path: Path, *, round_ended: bool) -> None:
        """Move on to the next phase when this one has done its work."""
        if round_ended:
            self._rounds += 1
            self._on_round(path, sample.now)
        elapsed = sample.now - self._started_at
        if self.phase is Phase.PROBE:
            self._last_probe.felt = max(self._last_probe.felt, path.queue_delay)
            full = sample.bytes_in_flight >= self._in_flight_goal(path) and elapsed >= path.min_rtt
            if full or elapsed >= path.round_time or path.queue_delay > path.slack + path.late:
                self._last_probe.verdict_at = sample.now + path.base_rtt * VERDICT // PERCENT if full else 0
                self._enter(Phase.DRAIN, sample.now)
        elif self._last_probe.verdict_at and self._is_free(path, sample.now):
            self._probe(path, sample.now, gain=min(self._last_probe.gain + 1, len(PROBE_GAINS) - 1), is_free=True)
        elif self._has_grown(path):
            self._probe(path, sample.now, gain=min(self._last_probe.gain + 1, len(PROBE_GAINS) - 1))
        elif self.phase is Phase.DRAIN:
            self._drain(sample, path, elapsed)
        elif self.phase is Phase.CRUISE and self._rounds >= CRUISE_ROUNDS:
            self._probe(path, sample.now, gain=0)

    def window(self, path: Path) -> int:
        """Bytes that may be in flight."""
        percent = CRUISE_WINDOW
        if self.phase is Phase.PROBE:
            most = FREE_WINDOW if self._last_probe.is_free else MAX_WINDOW
            percent = min(PROBE_GAINS[self._last_probe.gain] + PROBE_HEADROOM, most)
        elif self.phase is Phase.EMPTY:
            return max(path.bdp * EMPTY_WINDOW // PERCENT, MINIMUM_WINDOW_PACKETS * path.datagram_size)
        window = path.bdp * percent // PERCENT + SLACK_PACKETS * path.datagram_size + path.noise
        return max(window, MINIMUM_WINDOW_PACKETS * path.datagram_size)

    def pacing_rate(self, path: Path) -> int:
        """Bytes per second; what is lost at random is sent on top."""
        percent = PERCENT
        if self.phase is Phase.PROBE:
            percent = PROBE_GAINS[self._last_probe.gain]
        elif self.phase is Phase.DRAIN:
            percent = DRAIN_GAIN
        elif self.signs.is_suspicious or path.last_round.min_rtt > path.base_rtt + path.slack:
            percent = QUEUE_GAIN
        elif self._is_fresh:
            percent = FRESH_GAIN
        return path.bandwidth * percent * (MILLION + path.losses.made_up) // (PERCENT * MILLION)

    def _has_grown(self, path: Path) -> bool:
        if self.phase is Phase.EMPTY or (self.phase is Phase.CRUISE and self._rounds > 1):
            return False  # what the probe brought shows within a round trip
        return path.bandwidth * PERCENT >= self._last_probe.before * GROWTH and path.queue_delay <= path.late

    def _is_free(self, path: Path, now: int) -> bool:
        """Whether the last probe, by the time its packets are acknowledged, was not felt in a queue: look for more."""
        self._last_probe.felt = max(self._last_probe.felt, path.queue_delay)
        if now < self._last_probe.verdict_at:
            return False
        self._last_probe.verdict_at = 0
        return self.phase is not Phase.EMPTY and self._last_probe.felt <= path.slack and not path.last_round.app_limited

    def _in_flight_goal(self, path: Path) -> int:
        return path.bdp * PROBE_GAINS[self._last_probe.gain] // PERCENT + 2 * path.datagram_size

    def _on_round(self, path: Path, now: int) -> None:
        if self.phase is Phase.EMPTY:
            if self._rounds >= EMPTY_ROUNDS:
                self._judge(path, now)
            return
        last, has_queue = path.last_round, path.has_queue
        self._queued_rounds = self._queued_rounds + 1 if has_queue else 0
        self.signs.on_round(path, now)
        slow = (
            (has_queue or path.losses.is_flooded)
            and not last.app_limited
            and last.max_rate * PERCENT < path.bandwidth * STALE
        )
        self._slow_rounds = [*self._slow_rounds, last.max_rate] if slow else []
        if len(self._slow_rounds) >= SLOW_ROUNDS and (
            path.losses.is_flooded or path.standing_rtt > 2 * path.base_rtt + LONG_QUEUE
        ):
            self._believe_slow_rounds(path)
            self._enter(Phase.DRAIN, now)
        elif (
            len(self._slow_rounds) >= SLOW_ROUNDS
            or self._queued_rounds >= CONTESTED_ROUNDS
            or now - path.rtt.seen_at > RTT_CHECK
        ) and (not path.noise or now >= self._look_at):
            self._queue_before = path.standing_rtt - path.base_rtt
            self._enter(Phase.EMPTY, now)

    def _judge(self, path: Path, now: int) -> None:
        """Whose queue it is: ours becomes shorter when we send less."""
        self._look_at = now + LOOK_INTERVAL
        queue = path.last_round.min_rtt - path.base_rtt
        is_ours = queue <= max(path.slack, self._queue_before // 2)
        rate = max(self._slow_rounds, default=0 if is_ours else path.bandwidth)
        self.signs.on_look(rate, self._queue_before, path, now)
        if self.signs.rate:
            return
        if is_ours:
            # What is slow because hosts are late becomes slower still with a smaller window, a queue does not.
            if not path.noise or path.last_round.max_rate * PERCENT >= max(self._slow_rounds, default=0) * STALE:
                self._believe_slow_rounds(path)
        else:
            self.is_contested = not path.accept_latency(now)
        self._queued_rounds = 0
        self._slow_rounds = []
        self._enter(Phase.DRAIN, now)

    def _believe_slow_rounds(self, path: Path) -> None:
        if self._slow_rounds:
            path.forget_bandwidth(max(self._slow_rounds))
            self._slow_rounds = []

    def _drain(self, sample: AckSample, path: Path, elapsed: int) -> None:
        # Bytes in flight tell at once what the RTT tells one round trip later.
        drained = sample.bytes_in_flight <= path.bdp * DRAINED // PERCENT + path.noise + path.datagram_size
        if path.bdp < FEW_PACKETS * path.datagram_size and elapsed * path.bandwidth < DRAIN_BYTES * SECOND:
            drained = False  # too few packets to count: a queue of half a packet takes three slow ones to drain
        if drained or self._rounds >= MAX_DRAIN_ROUNDS:
            self._enter(Phase.CRUISE, sample.now)

    def _probe(self, path: Path, now: int, *, gain: int, is_free: bool = False) -> None:
        self._is_fresh = False
        self._last_probe.is_free = is_free
        self._last_probe.felt = self._last_probe.verdict_at = 0
        self._last_probe.gain = gain
        self._last_probe.before = path.bandwidth
        self._enter(Phase.PROBE, now)

    def _enter(self, phase: Phase, now: int) -> None:
        self.phase = phase
        self._started_at = now
        self._rounds = 0

"""The default: a model of the path (bandwidth by the receiver's clock, smallest RTT) instead of a reaction to loss.

After BBR (draft-ietf-ccwg-bbr). Random loss changes nothing; a standing queue is drained; where another flow holds the
queue, the window follows CUBIC so that both get a share.
"""

from __future__ import annotations

from udpchat.arq.congestion.base import AckSample
from udpchat.arq.congestion.company import Company, Signs
from udpchat.arq.congestion.competition import Competition
from udpchat.arq.congestion.cycle import Cycle
from udpchat.arq.congestion.path import Path
from udpchat.arq.congestion.short import SHORT_RTT, ShortPath
from udpchat.arq.congestion.startup import FIRST_FLIGHT, Startup
from udpchat.config import MILLISECOND, SECOND

TRAIN_SHARE = 6  # of min_rtt: the span of a rate sample in the first round trips
MINIMUM_TRAIN = 2 * MILLISECOND
TRUSTED_SHARE = 4  # of the wanted span: a shorter one tells nothing about the bandwidth later on

CONTESTED_TIME = 20 * SECOND  # after another kind of flow has filled the queue, in which none is taken for our kind
FADING = 10  # logarithm of the rounds in which the most that a path has shown fades
MAX_CONTESTED_TIME = 80 * SECOND  # it doubles each time


class Bbr:
    """Start-up, then the cycle; the same queue for each beside others of our kind; CUBIC beside a flow that fills the
    queue; a plain window on very short paths."""

    __slots__ = (
        "_contested_time",
        "_most",
        "_path",
        "_share_from",
        "_strategy",
        "congestion_window",
        "name",
        "pacing_rate",
    )

    def __init__(self, datagram_size: int, now: int) -> None:
        self.name = "bbr"
        self.congestion_window = FIRST_FLIGHT * datagram_size
        self.pacing_rate = 0
        self._path = Path(datagram_size, now)
        self._most = 0  # bytes per second that the path has shown, fading
        self._contested_time = CONTESTED_TIME
        self._share_from = now  # not before: another kind of flow was there of late
        self._strategy: Startup | Cycle | Company | Competition | ShortPath = Startup()

    @property
    def state(self) -> str:
        """ "startup", "probe", "drain", "cruise", "empty", "company", "competition" and "short path"."""
        match self._strategy:
            case Startup():
                return "startup"
            case Cycle() as cycle:
                return cycle.phase.value
            case Company():
                return "company"
            case Competition():
                return "competition"
        return "short path"

    @property
    def bandwidth(self) -> int:
        """Bytes per second that the path is believed to deliver."""
        return self._path.bandwidth

    def on_sent(self, size: int, bytes_in_flight: int, now: int) -> None:
        """Let CUBIC know how full its window is."""
        if isinstance(self._strategy, Competition):
            self._strategy.on_sent(size, bytes_in_flight, now)

    def on_ack(self, sample: AckSample) -> None:
        """Take one ACK into the model and set window and rate by it."""
        path, strategy = self._path, self._strategy
        if isinstance(strategy, Startup):
            train = max(MINIMUM_TRAIN, path.min_rtt // TRAIN_SHARE)
            round_ended, rate = path.update(sample, span=train, shortest=0, silence=path.min_rtt // 2)
        else:
            span = path.round_time
            round_ended, rate = path.update(sample, span=span, shortest=span // TRUSTED_SHARE, silence=2 * span)
        if 0 < path.min_rtt < SHORT_RTT and not isinstance(strategy, ShortPath):
            self._strategy = strategy = ShortPath(path)
        if isinstance(strategy, Startup):
            strategy.on_ack(path, rate, round_ended=round_ended)
        else:
            strategy.on_ack(sample, path, round_ended=round_ended)
        if round_ended:
            self._most = max(self._most - (self._most >> FADING), path.bandwidth)
        self._move_on(sample.now)
        self._apply()

    def _move_on(self, now: int) -> None:
        """Change the strategy when it has found that another one is called for."""
        path = self._path
        match self._strategy:
            case Competition(is_over=True):
                self._share_from = now + self._contested_time
                self._contested_time = min(2 * self._contested_time, MAX_CONTESTED_TIME)
                self._strategy = Cycle(path, now, self._share_from)
            case Startup(is_done=True) | Company(is_over=True):
                self._strategy = Cycle(path, now, self._share_from)
            case Cycle(is_contested=True):
                self._strategy = Competition(path, now)
            case Company(is_contested=True, held=held):
                self._strategy = Competition(path, now, held)
            case Cycle(signs=Signs(rate=rate)) if rate:
                self._strategy = Company(path, rate, self._most, now)

    def on_message_ack(self, sent_at: int, latest_rtt: int, smoothed_rtt: int, now: int) -> None:
        """Note the RTT. Rounds and rates are of files: a line of chat alone fills no round and has no rate."""
        if isinstance(self._strategy, Competition):
            self._strategy.on_message_ack(sent_at, latest_rtt, smoothed_rtt, now)
        path = self._path
        path.note_rtt(latest_rtt, now)
        if path.min_rtt < SHORT_RTT and not isinstance(self._strategy, ShortPath):
            self._strategy = ShortPath(path)
            self._apply()

    def on_loss(self, lost_bytes: int, largest_lost_sent_at: int, now: int, *, persistent: bool) -> None:
        """Change nothing for a loss alone; stop at two packets while nothing at all comes back."""
        if isinstance(self._strategy, Competition):
            self._strategy.on_loss(lost_bytes, largest_lost_sent_at, now, persistent=persistent)
        if persistent:
            self.congestion_window = 2 * self._path.datagram_size

    def on_spurious_loss(self, size: int, sent_at: int, now: int) -> None:
        """Only CUBIC has something to take back."""
        if isinstance(self._strategy, Competition):
            self._strategy.on_spurious_loss(size, sent_at, now)

    def set_datagram_size(self, size: int) -> None:
        """Count in datagrams of size bytes."""
        self._path.datagram_size = size
        if isinstance(self._strategy, Competition):
            self._strategy.set_datagram_size(size)

    def on_new_path(self, now: int) -> None:
        """Start again: nothing is known about the new path."""
        self._share_from = now
        self._most = 0
        self._contested_time = CONTESTED_TIME
        self._path = Path(self._path.datagram_size, now)
        self._strategy = Startup()
        self.congestion_window = FIRST_FLIGHT * self._path.datagram_size
        self.pacing_rate = 0

    def _apply(self) -> None:
        self.congestion_window = self._strategy.window(self._path)
        self.pacing_rate = self._strategy.pacing_rate(self._path)

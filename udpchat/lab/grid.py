"""A grid of experiments: ARQ schemes over loss and round-trip time, beside what the textbook says of each.

Packets are of one size, the window is fixed, the queue takes all of it, and nobody else uses the line, as in the books.
Efficiency is the share of the line's time in which new bytes cross it, from when the first window has left until the
last new byte leaves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import ceil

from udpchat.config import ARQ_SCHEMES, BASE_DATAGRAM, GRANULARITY, MAX_WINDOW_PACKETS, SECOND, Config
from udpchat.errors import UsageError
from udpchat.lab import formulas
from udpchat.lab.experiment import Direction, Experiment, Outcome
from udpchat.lab.figures import Spread, spread
from udpchat.lab.run import run_experiment
from udpchat.protocol.writer import DATA_OVERHEAD
from udpchat.sim.link import FRAMING, LinkSpec

PACKET = BASE_DATAGRAM + FRAMING  # bytes on the wire of every packet with file data
CHUNK = BASE_DATAGRAM - DATA_OVERHEAD  # bytes of the file in it
ACK = 95 + FRAMING  # bytes on the wire of an ACK with one range
SPARE = 2  # packets in a window that is to fill a path, beside those of a round trip
HELD_BACK = 8  # the part of a round trip for which an ACK may be held back
MAX_CELLS = 1_000
FIXED = "fixed"
SELECTIVE_REPEAT, GO_BACK_N, STOP_AND_WAIT = ARQ_SCHEMES


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """What is tried: every scheme with every loss and every round trip, `repeat` times each.

    losses: shares, each way. round_trips: of the empty path without the packets' own times [us]. rate: bytes per second
    on the wire. window: packets in flight; 0 fills each path. congestion: "fixed", or a controller in its place, for
    which there is no formula. chat: lines a second of two people, in one more run of each cell; 0 is none. UsageError
    when it cannot be run.
    """

    schemes: tuple[str, ...]
    losses: tuple[float, ...]
    round_trips: tuple[int, ...]
    rate: int
    size: int
    window: int = 0
    congestion: str = FIXED
    direction: Direction = "up"
    chat: float = 0.0
    seed: int = 0
    repeat: int = 1

    def __post_init__(self) -> None:
        if self.rate <= 0:
            raise UsageError("efficiency is a share of the line's time: the line needs a rate")
        if any(not 0 <= loss < 1 for loss in self.losses):
            raise UsageError("nothing gets through where everything is lost; choose losses below 100%")
        if not 0 < len(self.schemes) * len(self.losses) * len(self.round_trips) <= MAX_CELLS:
            raise UsageError(f"a grid has 1 to {MAX_CELLS} cells")
        windows = (self.window_of(scheme, rtt) for scheme, rtt in product(self.schemes, self.round_trips))
        if self.size // CHUNK <= 2 * max(windows):
            raise UsageError("the file is shorter than two windows; choose a larger one for a steady state")
        # What an experiment refuses is refused before the first is run.
        _experiment(self, self.schemes[0], self.losses[0], self.round_trips[0], self.seed, self.chat)

    @property
    def packet_time(self) -> float:
        """Of a packet with file data on the line [us]."""
        return PACKET * SECOND / self.rate

    def whole_round_trip(self, round_trip: int) -> float:
        """From the first bit of a packet to the last of its ACK [us]."""
        return round_trip + (PACKET + ACK) * SECOND / self.rate

    def window_of(self, scheme: str, round_trip: int) -> int:
        """Packets in flight at most, on a path of that round trip.

        A window that is to fill the path has room for ACKs that are held back, but not with Go-Back-N, where all that
        is in flight beyond a round trip is only sent again after a loss.
        """
        if scheme == STOP_AND_WAIT:
            return 1
        held_back = round_trip / HELD_BACK if scheme == SELECTIVE_REPEAT else 0
        filling = (self.whole_round_trip(round_trip) + held_back) / self.packet_time
        return self.window or min(MAX_WINDOW_PACKETS, ceil(filling) + SPARE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One scheme on one path. Spreads are over the complete runs without chat; None: there is none, or no formula.

    throughput: bytes of the file per second. efficiency, textbook: shares of the line's time. seconds: from the first
    DATA to the commit. chat_p50, chat_p99: of the run with chat [us].
    """

    scheme: str
    loss: float
    round_trip: int
    window: int
    runs: int
    missing: tuple[str, ...]
    throughput: Spread | None
    efficiency: Spread | None
    textbook: float | None
    seconds: Spread | None
    retransmitted: Spread | None
    chat_p50: int | None
    chat_p99: int | None

    @property
    def deviation(self) -> float | None:
        """Of the efficiency from the textbook, as a share of that."""
        return self.efficiency.median / self.textbook - 1 if self.efficiency is not None and self.textbook else None


def run_grid(grid: Grid) -> Iterator[Cell]:
    """All cells, one after the other."""
    for round_trip, scheme, loss in product(grid.round_trips, grid.schemes, grid.losses):
        yield run_cell(grid, scheme, loss, round_trip)


def run_cell(grid: Grid, scheme: str, loss: float, round_trip: int) -> Cell:
    """One scheme on one path, as often as the grid says."""
    window = grid.window_of(scheme, round_trip)
    outcomes = [
        run_experiment(_experiment(grid, scheme, loss, round_trip, seed))
        for seed in range(grid.seed, grid.seed + grid.repeat)
    ]
    # Chat has runs of its own: the books know no other traffic, and its packets would set the timers of the file.
    talks = [run_experiment(_experiment(grid, scheme, loss, round_trip, grid.seed, grid.chat))] if grid.chat else []
    whole = [outcome for outcome in outcomes if outcome.is_complete]
    return Cell(
        scheme=scheme,
        loss=loss,
        round_trip=round_trip,
        window=window,
        runs=len(outcomes) + len(talks),
        missing=tuple(f"seed {each.seed}: {'; '.join(each.missing)}" for each in [*outcomes, *talks] if each.missing),
        throughput=spread(outcome.goodput for outcome in whole),
        efficiency=spread(_efficiency(outcome, window, grid.packet_time) for outcome in whole),
        textbook=textbook(grid, scheme, loss, round_trip),
        seconds=spread(outcome.duration / SECOND for outcome in whole if outcome.duration is not None),
        retransmitted=spread(outcome.retransmitted for outcome in whole),
        chat_p50=next((talk.chat_p50 for talk in talks), None),
        chat_p99=next((talk.chat_p99 for talk in talks), None),
    )


def _experiment(grid: Grid, scheme: str, loss: float, round_trip: int, seed: int, chat: float = 0.0) -> Experiment:
    window = grid.window_of(scheme, round_trip)
    is_window_of_file = grid.congestion == FIXED and scheme != STOP_AND_WAIT
    config = Config(
        arq=scheme,
        # Stop-and-wait has its window by itself; a congestion window of one packet would leave no room beside chat.
        window=window if is_window_of_file else grid.window,
        congestion=grid.congestion,
        max_datagram=BASE_DATAGRAM,
    )
    link = LinkSpec(rate=grid.rate, delay=round_trip // 2, loss=loss, queue=2 * window + 100)
    return Experiment(link=link, size=grid.size, direction=grid.direction, chat=chat, seed=seed, config=config)


def _efficiency(outcome: Outcome, window: int, packet_time: float) -> float | None:
    """From the packet after the first window to the last new one."""
    began = next((at for at, count in outcome.new_packets if count > window), None)
    if began is None:
        return None
    before = next(count for at, count in reversed(outcome.new_packets) if at <= began)
    ended, after = outcome.new_packets[-1]
    return (after - before) * packet_time / (ended - began) if ended > began else None


def textbook(grid: Grid, scheme: str, loss: float, round_trip: int) -> float | None:
    """The efficiency that the formula gives; None when the window is not a fixed one."""
    if grid.congestion != FIXED:
        return None
    packet_time, rtt = grid.packet_time, grid.whole_round_trip(round_trip)
    a, window = formulas.propagation_ratio(packet_time, rtt), grid.window_of(scheme, round_trip)
    if scheme == STOP_AND_WAIT:
        return formulas.stop_and_wait(packet_time, rtt, formulas.either_lost(loss, loss), rtt + GRANULARITY)
    if scheme == GO_BACK_N:
        return formulas.go_back_n(window, a, loss)
    return formulas.selective_repeat(window, a, loss)

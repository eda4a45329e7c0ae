from collections.abc import Sequence

import pytest

from udpchat.arq.in_flight import Kind, SentRun
from udpchat.lab.figures import Spread, percentile, spread
from udpchat.lab.looking import FileWatch, RoundTrips, WatchAll
from udpchat.protocol.datagrams import Address
from udpchat.protocol.watch import Cause
from udpchat.sim.trace import Happening

CLIENT: Address = ("10.0.1.1", 40_000)
SERVER: Address = ("10.0.0.1", 27_272)


def run(first: int, count: int, at: int, kind: Kind = Kind.DATA) -> SentRun:
    return SentRun(first, count, at, 1_200, 1_200, kind)


def test_a_file_watch_knows_the_first_data_and_counts_what_is_repeated() -> None:
    watch = FileWatch()
    watch.on_sent(run(0, 1, 5, Kind.MESSAGE), Cause.RETRANSMISSION)
    assert (watch.first, watch.repeated) == (None, 0)
    watch.on_sent(run(1, 4, 10), Cause.FIRST)
    watch.on_sent(run(5, 2, 20), Cause.RETRANSMISSION)
    watch.on_sent(run(7, 1, 30), Cause.PROBE)
    watch.on_lost([run(1, 2, 10)])
    assert (watch.first, watch.repeated) == (10, 3)


def test_several_watchers_are_told_the_same_in_their_order() -> None:
    told: list[tuple[str, object]] = []

    class Listener:
        def __init__(self, name: str) -> None:
            self.name = name

        def on_sent(self, run: SentRun, cause: Cause) -> None:
            told.append((self.name, cause))

        def on_lost(self, runs: Sequence[SentRun]) -> None:
            told.append((self.name, len(runs)))

    both = WatchAll((Listener("a"), Listener("b")))
    both.on_sent(run(0, 1, 0), Cause.COPY)
    both.on_lost([run(0, 1, 0)])
    assert told == [("a", Cause.COPY), ("b", Cause.COPY), ("a", 1), ("b", 1)]


@pytest.mark.parametrize(
    ("happened", "count"),
    [
        ("", 0),
        ("s", 0),
        ("sr", 1),
        ("srr", 1),  # one answer in two datagrams
        ("ssr", 1),  # the first was lost
        ("srsrsr", 3),
        ("rsr", 1),
        ("s=r", 0),  # it came sooner than an answer can
        ("s=rr", 1),
    ],
)
def test_a_round_trip_is_sending_and_then_hearing(happened: str, count: int) -> None:
    trips, now = RoundTrips(CLIENT, 1), 0
    for each in happened:
        if each == "=":
            now -= 1  # what follows happens in the same moment
            continue
        source, destination = (CLIENT, SERVER) if each == "s" else (SERVER, CLIENT)
        trips(Happening.SENT, now, source, destination, b"")
        trips(Happening.DELIVERED, now, source, destination, b"")
        now += 1
    assert trips.count == count


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([], None),
        ([None], None),
        ([3.0], Spread(3.0, 3.0, 3.0)),
        ([5.0, None, 1.0, 2.0], Spread(2.0, 1.0, 5.0)),
    ],
)
def test_a_spread_is_of_what_is_known(values: list[float | None], found: Spread | None) -> None:
    assert spread(values) == found


@pytest.mark.parametrize(("share", "found"), [(0.0, 1), (0.5, 51), (0.99, 100), (1.0, 100)])
def test_a_percentile_is_a_value_that_occurred(share: float, found: int) -> None:
    assert percentile(range(100, 0, -1), share) == found
    assert percentile([], share) is None

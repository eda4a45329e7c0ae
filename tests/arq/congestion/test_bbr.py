"""The rate model on links of the packet-level model, in virtual time: start-up, loss, queue, sharing, change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.arq.congestion.link import FULL_FRAME, Path
from tests.arq.congestion.model import Flow, Model, ratio
from udpchat.sim.stalls import StallSpec

MBIT = 1_000_000
MS = 1_000
SECOND = 1_000_000
BUSY = StallSpec(mean_interval=30 * MS, mean_length=5 * MS)  # a machine with more processes than processors


def path(
    rate: float,
    rtt: float,
    *,
    loss: float = 0,
    queue: float = 1,
    changes: tuple[tuple[int, int], ...] = (),
    **more: int,
) -> Path:
    """rate in Mbit/s, rtt in ms, queue in bandwidth-delay products, at least 10 packets."""
    packets = int(queue * rate * MBIT / 8 * rtt / 1_000 / FULL_FRAME)
    return Path(int(rate * MBIT), int(rtt * MS / 2), loss, max(10, packets), changes=changes)


def transfer(path: Path, size: int, *, seed: int = 1) -> tuple[Model, Flow]:
    model = Model(path, seed)
    flow = model.add(size)
    model.run(until=600 * SECOND)
    return model, flow


def median_queue(model: Model) -> int:
    waits = sorted(model.forward.waits)
    return waits[len(waits) // 2]


@pytest.mark.parametrize("rtt", [2, 40, 200])
@pytest.mark.parametrize("rate", [2, 20])
@pytest.mark.parametrize("loss", [0, 0.01, 0.05])
def test_grid_is_filled_without_a_standing_queue(rate: int, rtt: int, loss: float) -> None:
    link = path(rate, rtt, loss=loss, queue=0.5)
    size = max(2_000_000, int(30 * rate * MBIT / 8 * rtt / 1_000))
    model, flow = transfer(link, size)
    assert ratio(flow) >= 0.8
    assert median_queue(model) <= rtt * MS / 2
    if not loss:
        assert flow.retransmitted == 0


@pytest.mark.parametrize(("rtt", "queue"), [(2, 0.5), (2, 4), (40, 0.5)])
def test_fast_link_is_filled_and_its_queue_never_overflows(rtt: int, queue: float) -> None:
    model, flow = transfer(path(100, rtt, queue=queue), 8_000_000)
    assert ratio(flow) >= 0.8
    assert median_queue(model) <= rtt * MS / 2
    assert flow.retransmitted == 0


@pytest.mark.parametrize(("rate", "rtt"), [(10, 40), (20, 40), (20, 200), (100, 10), (100, 40), (50, 100)])
def test_link_is_full_in_the_fourth_round_trip_and_nothing_is_dropped(rate: int, rtt: int) -> None:
    link = path(rate, rtt, queue=1)
    model = Model(link)
    flow = model.add(40_000_000)
    model.run(until=5 * rtt * MS // 2)
    assert flow.began is not None
    seen = []
    for round_trip in (3, 4):
        model.run(until=flow.began + round_trip * rtt * MS)
        busy = sum(1 for at in model.forward.departures if at > model.now)
        seen.append(model.forward.carried - busy * FULL_FRAME)
    assert (seen[1] - seen[0]) * 8 >= 0.98 * rate * MBIT * rtt / 1_000
    assert model.forward.dropped == 0


@pytest.mark.parametrize(("rate", "rtt", "loss", "least"), [(100, 40, 0.01, 0.9), (50, 100, 0.03, 0.87)])
def test_random_loss_does_not_slow_it_down(rate: int, rtt: int, loss: float, least: float) -> None:
    """20 MB here; over 50 MB, where start and end weigh less, the model gives 0.958 and 0.945."""
    model, flow = transfer(path(rate, rtt, loss=loss), 20_000_000)
    assert ratio(flow) >= least
    assert flow.retransmitted <= model.forward.lost * 1.02 + 5


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_bursts_of_loss_are_survived(seed: int) -> None:
    model, flow = transfer(path(20, 40, loss=0.1, burst=4), 4_000_000, seed=seed)
    assert flow.finished is not None
    assert model.forward.dropped == 0


@pytest.mark.parametrize("more", [{"jitter": 5_000}, {"tick": 1_000, "grain": 1_000}, {"tick": 3_000, "grain": 1_000}])
def test_jitter_and_coarse_clocks_leave_most_of_the_link(more: dict[str, int]) -> None:
    link = replace(path(50, 40), **more)  # type: ignore[arg-type]
    _, flow = transfer(link, 15_000_000)
    assert ratio(flow) >= 0.75


@pytest.mark.parametrize(("loss", "least"), [(0, 0.75), (0.01, 0.75), (0.1, 0.6)])
@pytest.mark.parametrize("rtt", [10, 40])
def test_hosts_and_a_relay_that_stall_leave_most_of_the_link(rtt: int, loss: float, least: float) -> None:
    link = replace(path(100, rtt, loss=loss), stalls=BUSY)
    _, flow = transfer(link, 10_000_000)
    assert ratio(flow) >= least


@pytest.mark.parametrize(("rtt", "jitter", "least"), [(10, 5_000, 0.7), (40, 20_000, 0.4)])
def test_jitter_of_half_the_round_trip_is_not_taken_for_a_queue(rtt: int, jitter: int, least: float) -> None:
    """On the longer path a third of the time goes into start-up: twice the file gives 0.53 to 0.60."""
    _, flow = transfer(replace(path(100, rtt), jitter=jitter), 15_000_000)
    assert ratio(flow) >= least


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_jitter_is_not_taken_for_others_on_the_line(seed: int) -> None:
    model = Model(replace(path(20, 40, loss=0.01), jitter=20_000), seed)
    flow = model.add(10**9)
    model.run(until=6 * SECOND)
    assert flow.control.state != "company"
    assert flow.acked_file / 6 >= 0.75 * model.path.limit


def test_stalls_do_not_make_it_overlook_a_slower_link() -> None:
    link = replace(path(20, 40, changes=((3 * SECOND, 5 * MBIT),)), stalls=BUSY)
    model = Model(link)
    flow = model.add(60_000_000)
    model.run(until=4 * SECOND)
    before = model.forward.dropped, flow.acked_file
    model.run(until=8 * SECOND)
    assert model.forward.dropped - before[0] <= 100
    assert (flow.acked_file - before[1]) * 8 / 4 >= 0.75 * 5 * MBIT


def test_reordering_leaves_most_of_the_link() -> None:
    link = Path(20 * MBIT, 20 * MS, 0, 66, reorder=0.01)
    _, flow = transfer(link, 5_000_000)
    assert ratio(flow) >= 0.85


def test_rate_that_falls_and_rises_is_followed_within_round_trips() -> None:
    link = path(20, 40, changes=((3 * SECOND, 5 * MBIT), (8 * SECOND, 40 * MBIT)))
    model = Model(link)
    flow = model.add(60_000_000)
    rates = {}
    for second in (2, 3, 5, 8, 10, 12):
        model.run(until=second * SECOND)
        rates[second] = flow.acked_file
    assert (rates[8] - rates[5]) * 8 / 3 >= 0.85 * 5 * MBIT
    assert (rates[12] - rates[10]) * 8 / 2 >= 0.8 * 40 * MBIT
    assert model.forward.dropped <= 20


def test_queue_of_a_falling_rate_is_drained() -> None:
    link = path(20, 40, queue=4, changes=((3 * SECOND, 5 * MBIT),))
    model = Model(link)
    model.add(60_000_000)
    model.run(until=4 * SECOND)
    model.forward.waits.clear()
    model.run(until=6 * SECOND)
    assert median_queue(model) <= 20 * MS


@pytest.mark.parametrize("queue", [0.5, 1, 4])
def test_cubic_beside_it_leaves_and_gets_a_quarter_at_least(queue: float) -> None:
    model = Model(path(10, 40, queue=queue))
    ours, theirs = model.add(10**9), model.add(10**9, "cubic")
    model.run(until=8 * SECOND)
    start = ours.acked_file, theirs.acked_file
    model.run(until=28 * SECOND)
    share = (ours.acked_file - start[0]) / (ours.acked_file - start[0] + theirs.acked_file - start[1])
    assert 0.25 <= share <= 0.75


@pytest.mark.parametrize("start", [1_300, 1_700])
def test_cubic_in_a_long_queue_is_not_taken_for_one_of_ours_again_and_again(start: int) -> None:
    model = Model(path(10, 40, queue=4))
    ours, theirs = model.add(10**9), model.add(10**9, "cubic", start=start * MS)
    model.run(until=8 * SECOND)
    before = ours.acked_file, theirs.acked_file
    model.run(until=48 * SECOND)
    gained = ours.acked_file - before[0], theirs.acked_file - before[1]
    assert 0.26 <= gained[0] / sum(gained) <= 0.74


@pytest.mark.parametrize("queue", [0.5, 4])
def test_two_of_ours_share_fairly_and_keep_the_queue_short(queue: float) -> None:
    model = Model(path(20, 40, queue=queue))
    first, second = model.add(10**9), model.add(10**9, start=3 * SECOND)
    model.run(until=6 * SECOND)
    start = first.acked_file, second.acked_file
    model.run(until=18 * SECOND)
    share = (first.acked_file - start[0]) / (first.acked_file - start[0] + second.acked_file - start[1])
    assert 0.35 <= share <= 0.65
    assert median_queue(model) <= 20 * MS


@pytest.mark.parametrize("rtt", [20, 40])
@pytest.mark.parametrize("loss", [0, 0.01])
@pytest.mark.parametrize("queue", [1, 4])
def test_four_of_ours_get_a_quarter_each_and_fill_the_line(rtt: int, loss: float, queue: float) -> None:
    model = Model(path(50, rtt, loss=loss, queue=queue))
    flows = [model.add(10**9, start=start * 300 * MS) for start in range(4)]
    model.run(until=6 * SECOND)
    start = [flow.acked_file for flow in flows]
    model.forward.waits.clear()
    model.run(until=9 * SECOND)
    gained = [flow.acked_file - before for flow, before in zip(flows, start, strict=True)]
    assert all(0.2 <= size / sum(gained) <= 0.3 for size in gained), gained
    assert sum(gained) / 3 >= 0.93 * model.path.limit
    assert median_queue(model) <= rtt * MS / 2


@pytest.mark.parametrize("others", [1, 3])
def test_who_comes_late_has_an_even_share_five_seconds_later(others: int) -> None:
    model = Model(path(50, 20))
    flows = [model.add(10**9, start=start * 250 * MS) for start in range(others)]
    flows.append(model.add(10**9, start=6 * SECOND))
    model.run(until=11 * SECOND)
    start = [flow.acked_file for flow in flows]
    model.run(until=14 * SECOND)
    gained = [flow.acked_file - before for flow, before in zip(flows, start, strict=True)]
    assert all(0.8 <= size * len(flows) / sum(gained) <= 1.2 for size in gained), gained
    assert sum(gained) / 3 >= 0.93 * model.path.limit


def test_who_is_left_alone_has_the_whole_line_within_a_second() -> None:
    model = Model(path(100, 40))
    first = model.add(10**9)
    others = [model.add(20_000_000, start=start * 200 * MS) for start in range(1, 4)]
    while not all(flow.finished is not None for flow in others):
        model.run(until=model.now + 50 * MS)
    assert first.control.state == "company"
    model.run(until=model.now + SECOND)
    before = first.acked_file
    model.run(until=model.now + SECOND)
    assert (first.acked_file - before) >= 0.9 * model.path.limit


def test_a_line_that_becomes_slower_is_followed_and_filled_as_company_is() -> None:
    model = Model(path(100, 40, changes=((3 * SECOND, 20 * MBIT),)))
    flow = model.add(10**9)
    model.run(until=5 * SECOND)
    before, dropped = flow.acked_file, model.forward.dropped
    model.forward.waits.clear()
    model.run(until=10 * SECOND)
    assert (flow.acked_file - before) * 8 / 5 >= 0.85 * 20 * MBIT
    assert model.forward.dropped == dropped
    assert median_queue(model) <= 20 * MS


def test_competition_ends_when_the_other_flow_does() -> None:
    model = Model(path(10, 40, queue=2))
    theirs, ours = model.add(5_000_000, "cubic"), model.add(10**9)
    model.run(until=20 * SECOND)
    assert theirs.finished is not None
    model.forward.waits.clear()
    before = ours.acked_file
    model.run(until=30 * SECOND)
    assert ours.control.state != "competition"
    assert median_queue(model) <= 20 * MS
    assert (ours.acked_file - before) * 8 / 10 >= 0.85 * 10 * MBIT


@pytest.mark.parametrize(
    ("rate", "rtt", "queue", "tick", "least"),
    [(100, 0.3, 100, 100, 0.9), (100, 1, 33, 0, 0.9), (20, 1.5, 10, 0, 0.9), (1_000, 0.3, 300, 100, 0.8)],
)
def test_short_path_is_filled(rate: int, rtt: float, queue: int, tick: int, least: float) -> None:
    link = Path(rate * MBIT, int(rtt * MS / 2), 0, queue, tick=tick, grain=tick)
    model, flow = transfer(link, 20_000_000 if rate > 100 else 5_000_000)
    assert flow.control.state == "short path"
    assert ratio(flow) >= least
    assert median_queue(model) <= 6 * MS


def test_window_of_a_very_fast_path_opens_to_megabytes_and_is_not_paced() -> None:
    link = Path(2_800 * MBIT, 50, 0, 4_000, tick=1_000)
    model = Model(link)
    flow = model.add(40_000_000)
    model.run(until=80 * MS)
    assert flow.control.congestion_window >= 1 << 20
    assert flow.control.pacing_rate == 0

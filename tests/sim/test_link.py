from dataclasses import replace
from typing import Any

import pytest

from udpchat.sim import link as links
from udpchat.sim.bottleneck import MAX_SAMPLES, DelaySamples
from udpchat.sim.link import FRAMING, FULL_PACKET, Delivery, Link, LinkSpec

FAULTS: dict[str, Any] = {"loss": 0.1, "duplicate": 0.1, "reorder": 0.1, "corrupt": 0.1, "jitter": 700}
Fate = tuple[Delivery, ...]
SIZE = FULL_PACKET - FRAMING  # UDP payload of a packet that takes FULL_PACKET bytes on the wire


def drive(spec: LinkSpec, count: int = 20_000, gap: int = 100, seed: int = 3) -> tuple[Link, list[Fate]]:
    link = Link(spec, seed)
    return link, [link.send(SIZE, number * gap) for number in range(count)]


def spec_with(fault: str, probability: float) -> LinkSpec:
    options: dict[str, Any] = {fault: probability}
    return LinkSpec(delay=1_000, **options)


def test_a_link_without_limits_delivers_at_once_and_in_order() -> None:
    link, fates = drive(LinkSpec(), count=100)
    assert fates == [(Delivery(number * 100, corrupted=False),) for number in range(100)]
    assert link.counters.delivered == 100
    assert link.counters.delivered_bytes == link.counters.received_bytes == 100 * SIZE


@pytest.mark.parametrize("name", ["loss", "duplicate", "reorder", "corrupt"])
@pytest.mark.parametrize("probability", [0.0, 0.01, 0.2, 1.0])
def test_faults_happen_as_often_as_asked(name: str, probability: float) -> None:
    link, _ = drive(spec_with(name, probability))
    counters = link.counters
    happened = {
        "loss": counters.lost,
        "duplicate": counters.duplicated,
        "reorder": counters.reordered,
        "corrupt": counters.corrupted,
    }
    assert abs(happened.pop(name) - 20_000 * probability) <= 4 * (20_000 * probability * (1 - probability)) ** 0.5
    assert set(happened.values()) == {0}
    assert counters.delivered == 20_000 - counters.lost + counters.duplicated


def test_the_same_seed_has_the_same_fates_and_another_seed_has_others() -> None:
    spec = LinkSpec(rate=12_500_000, delay=5_000, **FAULTS)
    assert drive(spec, seed=1)[1] == drive(spec, seed=1)[1]
    assert drive(spec, seed=1)[1] != drive(spec, seed=2)[1]


def suffered(deliveries: Fate, fault: str, at: int) -> bool:
    match fault:
        case "loss":
            return not deliveries
        case "duplicate":
            return len(deliveries) == 2
        case "corrupt":
            return bool(deliveries) and deliveries[0].corrupted
        case _:
            return bool(deliveries) and deliveries[0].at > at + 1_000


@pytest.mark.parametrize("fault", ["duplicate", "corrupt", "reorder"])
def test_one_fault_does_not_move_another(fault: str) -> None:
    alone = spec_with(fault, 0.1)
    spec = LinkSpec(delay=1_000, mtu=1_500, **{**FAULTS, "jitter": 0})
    both = zip(drive(alone)[1], drive(spec)[1], strict=True)
    arrived = [(number * 100, a, b) for number, (a, b) in enumerate(both) if b]
    assert all(suffered(a, fault, at) == suffered(b, fault, at) for at, a, b in arrived)
    assert any(suffered(b, fault, at) for at, _, b in arrived)


def test_losses_fall_on_the_same_datagrams_whatever_else_goes_wrong() -> None:
    alone, all_faults = drive(LinkSpec(loss=0.1))[1], drive(LinkSpec(**FAULTS))[1]
    assert [not fate for fate in alone] == [not fate for fate in all_faults]


@pytest.mark.parametrize("rate", [125_000, 12_500_000, 125_000_000, 1_250_000_000])
def test_a_full_queue_drains_exactly_at_the_rate(rate: int) -> None:
    count = 1_000
    _, fates = drive(LinkSpec(rate=rate, queue=count), count=count, gap=0)
    assert fates[-1][0].at == -(-count * FULL_PACKET * 1_000_000 // rate)


def test_losses_come_behind_the_bottleneck() -> None:
    spec = LinkSpec(rate=12_500_000, queue=30_000)
    clean, lossy = drive(spec, gap=0), drive(replace(spec, loss=0.1), gap=0)
    arrivals = [fate[0].at for fate in lossy[1] if fate]
    assert set(arrivals) <= {fate[0].at for fate in clean[1]}
    assert arrivals[-1] == pytest.approx(clean[1][-1][0].at, rel=0.01)


@pytest.mark.parametrize(
    ("spec", "limit"),
    [
        (LinkSpec(rate=12_500_000, delay=20_000), 330),  # 100 Mbit/s x 40 ms
        (LinkSpec(rate=250_000, delay=1_000), 10),
        (LinkSpec(rate=12_500_000, delay=20_000, queue=25), 25),
    ],
)
def test_the_queue_takes_its_limit_and_not_one_more(spec: LinkSpec, limit: int) -> None:
    assert spec.queue_limit == limit
    link, fates = drive(spec, count=limit + 1, gap=0)
    assert all(fates[:limit])
    assert fates[limit] == ()
    assert link.counters.queue_full == link.counters.dropped == 1
    packet_time = FULL_PACKET * 1_000_000 / spec.rate
    assert link.send(SIZE, int(packet_time) + 1), "one packet has left the line"
    assert not link.send(SIZE, int(packet_time) + 1)


def test_queue_delay_is_what_arriving_packets_wait() -> None:
    steady, _ = drive(LinkSpec(rate=15_140_000, queue=50), count=5_000, gap=100)
    assert steady.queue_delay(0.99) == 0
    full, _ = drive(LinkSpec(rate=15_140_000, queue=50), count=5_000, gap=50)
    assert full.queue_delay() == pytest.approx(50 * 100, rel=0.05)


def test_delay_samples_stay_bounded_and_cover_the_whole_run() -> None:
    samples = DelaySamples()
    for number in range(50 * MAX_SAMPLES):
        samples.add(number)
    assert samples.quantile(0.5) == pytest.approx(25 * MAX_SAMPLES, rel=0.02)
    assert samples.quantile(1) == pytest.approx(50 * MAX_SAMPLES, rel=0.02)
    assert DelaySamples().quantile(0.5) == 0


def test_jitter_keeps_the_order_and_its_bounds() -> None:
    _, fates = drive(LinkSpec(delay=5_000, jitter=3_000))
    arrivals = [fate[0].at for fate in fates]
    assert arrivals == sorted(arrivals)
    delays = [at - number * 100 for number, at in enumerate(arrivals)]
    assert min(delays) >= 5_000
    assert 7_900 <= max(delays) <= 8_000


@pytest.mark.parametrize(("rate", "longest"), [(0, 5_000), (15_140_000, 20 * 100)])
def test_a_reordered_packet_comes_late_and_holds_up_nobody(rate: int, longest: int) -> None:
    link, fates = drive(LinkSpec(rate=rate, delay=1_000, reorder=0.1), gap=200)
    on_line = FULL_PACKET * 1_000_000 // rate if rate else 0
    late = [fate[0].at - number * 200 - 1_000 - on_line for number, fate in enumerate(fates)]
    held_back = [delay for delay in late if delay]
    assert len(held_back) == link.counters.reordered
    assert min(held_back) >= (100 if rate else 1_000)
    assert 0.9 * longest <= max(held_back) <= longest


@pytest.mark.parametrize(("size", "passes"), [(1_272, True), (1_273, False), (1, True)])
def test_datagrams_above_the_mtu_vanish(size: int, passes: bool) -> None:
    link = Link(LinkSpec(mtu=1_300), seed=1)
    assert bool(link.send(size, 0)) is passes
    assert link.counters.too_large == (not passes)


@pytest.mark.parametrize(("at", "passes"), [(0, True), (4_999, True), (5_000, False), (9_000, False)])
def test_an_mtu_may_begin_to_hold_later(at: int, passes: bool) -> None:
    link = Link(LinkSpec(mtu=1_300, mtu_from=5_000), seed=1)
    assert bool(link.send(1_400, at)) is passes


@pytest.mark.parametrize(
    ("at", "passes"), [(0, True), (4_999, True), (5_000, False), (6_999, False), (7_000, True), (9_500, False)]
)
def test_a_blackout_takes_what_is_sent_during_it(at: int, passes: bool) -> None:
    link = Link(LinkSpec(blackouts=((5_000, 2_000), (9_000, 1_000))), seed=1, origin=50_000)
    assert bool(link.send(100, 50_000 + at)) is passes
    assert link.counters.blacked_out == (not passes)


def test_a_changing_rate_changes_within_a_packet() -> None:
    spec = LinkSpec(rate=1_514_000, queue=100, rate_changes=((1_500, 757_000), (5_500, 1_514_000)))
    _, fates = drive(spec, count=6, gap=0)
    # 1 ms each at first; the second is half done at 1.5 ms and its rest takes 1 ms; then 2 ms each until 5.5 ms
    assert [fate[0].at for fate in fates] == [1_000, 2_500, 4_500, 6_000, 7_000, 8_000]


def test_a_replaced_spec_rules_from_then_on_and_keeps_the_queue() -> None:
    link = Link(LinkSpec(rate=1_514_000, queue=10, loss=1.0), seed=1)
    assert link.send(SIZE, 0) == ()
    link.replace(link.spec.healed())
    assert link.spec == LinkSpec(rate=1_514_000, queue=10)
    assert link.send(SIZE, 0) == (Delivery(2_000, corrupted=False),)


@pytest.mark.parametrize(
    "wrong",
    [
        {"loss": 1.1},
        {"corrupt": -0.1},
        {"rate": -1},
        {"delay": -1},
        {"mtu": -5},
        {"mtu_from": -5},
        {"blackouts": ((-1, 5),)},
        {"rate_changes": ((5, 1), (4, 1))},
        {"rate_changes": ((5, -1),)},
    ],
)
def test_impossible_specs_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong)).split("_")[0].rstrip("s")):
        LinkSpec(**wrong)


@pytest.mark.parametrize(
    ("spec", "fate"),
    [
        (LinkSpec(), links.Fate("", 1)),
        (LinkSpec(loss=1), links.Fate("loss", 0)),
        (LinkSpec(blackouts=((0, 100),)), links.Fate("blackout", 0)),
        (LinkSpec(mtu=100), links.Fate("mtu", 0)),
        (LinkSpec(corrupt=1), links.Fate("", 1, is_corrupted=True)),
        (LinkSpec(duplicate=1), links.Fate("", 2)),
        (LinkSpec(duplicate=1, corrupt=1), links.Fate("", 2, is_corrupted=True)),
    ],
)
def test_a_link_says_what_becomes_of_a_datagram(spec: LinkSpec, fate: links.Fate) -> None:
    link = Link(spec, seed=1)
    assert len(link.send(200, now=0)) == fate.copies
    assert link.fate == fate


def test_the_fate_is_that_of_the_last_datagram() -> None:
    link = Link(LinkSpec(rate=1_000, queue=1), seed=1)
    link.send(200, now=0)
    assert link.fate.drop == ""
    link.send(200, now=0)
    assert link.fate.drop == "queue"
    link.send(200, now=1_000_000)
    assert link.fate.drop == ""


def test_packets_are_queued_until_the_line_has_sent_them() -> None:
    link = Link(LinkSpec(rate=1_000_000, queue=10), seed=1, origin=500)
    for _ in range(3):
        link.send(1_000 - FRAMING, now=500)
    assert [link.queued(now) for now in (500, 1_499, 1_500, 2_500, 3_500)] == [3, 3, 2, 1, 0]

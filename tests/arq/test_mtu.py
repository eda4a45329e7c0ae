"""PathMtu on paths that carry, refuse or swallow large datagrams."""

from __future__ import annotations

import pytest

from udpchat.arq.mtu import BLACK_HOLE_PACKETS, MAX_PROBES, MIN_STEP, RAISE_TIMER, PathMtu

BASE, CEILING = 1_200, 1_472


def search(path: PathMtu, carries: int, now: int = 0) -> list[int]:
    """Probe until the search ends; the sizes probed."""
    probes = []
    while (size := path.next_probe(now)) is not None:
        probes.append(size)
        if size <= carries:
            path.on_probe_acked(size)
        else:
            path.on_probe_lost(size)
    return probes


def found(carries: int) -> PathMtu:
    path = PathMtu(BASE, CEILING)
    search(path, carries)
    return path


def fall_into_black_hole(path: PathMtu, size: int) -> None:
    path.on_packets_lost(size, BLACK_HOLE_PACKETS)
    path.on_packet_acked(64)
    path.on_packets_lost(size, 1)


def test_a_path_that_carries_the_ceiling_needs_one_probe() -> None:
    path = PathMtu(BASE, CEILING)
    assert (path.datagram_size, path.is_searching) == (BASE, True)
    assert search(path, CEILING) == [CEILING]
    assert (path.datagram_size, path.is_searching, path.next_timeout()) == (CEILING, False, None)


@pytest.mark.parametrize("carries", [*range(BASE, CEILING + 1, 7), BASE, CEILING])
def test_the_size_found_passes_and_is_as_large_as_the_step_allows(carries: int) -> None:
    path = PathMtu(BASE, CEILING)
    probes = search(path, carries)
    assert carries - MIN_STEP < path.datagram_size <= carries
    assert len(set(probes)) <= 6  # the ceiling, then halves of 271 down to the step
    assert all(probes.count(size) == (MAX_PROBES if size > carries else 1) for size in probes)


def test_a_ceiling_close_to_the_base_is_tried_all_the_same() -> None:
    path = PathMtu(BASE, BASE + 2)
    assert search(path, CEILING) == [BASE + 2]
    assert path.datagram_size == BASE + 2


@pytest.mark.parametrize(("ceiling", "size"), [(BASE, BASE), (1_100, 1_100)])
def test_there_is_nothing_to_find_when_the_ceiling_is_not_above_the_base(ceiling: int, size: int) -> None:
    path = PathMtu(BASE, ceiling)
    assert (path.datagram_size, path.next_probe(0), path.next_timeout()) == (size, None, None)
    assert path.next_probe(RAISE_TIMER) is None


def test_one_probe_is_in_flight_at_a_time() -> None:
    path = PathMtu(BASE, CEILING)
    assert path.next_probe(0) == CEILING
    assert path.next_probe(1) is None
    path.on_probe_lost(CEILING)
    assert path.next_probe(2) == CEILING


def test_a_probe_lost_once_or_twice_is_only_repeated() -> None:
    path = PathMtu(BASE, CEILING)
    for _ in range(MAX_PROBES - 1):
        path.next_probe(0)
        path.on_probe_lost(CEILING)
    assert path.next_probe(0) == CEILING
    path.on_probe_acked(CEILING)
    assert path.datagram_size == CEILING


def test_a_probe_that_arrives_after_it_was_given_up_counts() -> None:
    path = PathMtu(BASE, CEILING)
    for _ in range(MAX_PROBES):
        path.next_probe(0)
        path.on_probe_lost(CEILING)
    assert path.next_probe(0) != CEILING
    path.on_probe_acked(CEILING)
    assert (path.datagram_size, path.is_searching) == (CEILING, False)


def test_the_loss_of_a_probe_that_is_not_in_flight_means_nothing() -> None:
    path = PathMtu(BASE, CEILING)
    for _ in range(2 * MAX_PROBES):
        path.on_probe_lost(CEILING)
    assert path.next_probe(0) == CEILING


def test_a_path_that_carried_less_is_tried_again_later() -> None:
    path, now = found(1_400), 5_000
    assert path.next_probe(now) is None
    deadline = path.next_timeout()
    assert deadline == RAISE_TIMER  # the search asked at 0 and ended then
    assert path.next_probe(deadline - 1) is None
    assert search(path, CEILING, deadline) == [CEILING]
    assert (path.datagram_size, path.next_timeout()) == (CEILING, None)


# -- EMSGSIZE ----------------------------------------------------------------------------------------------------------


def test_a_probe_that_the_system_refuses_is_not_repeated() -> None:
    path, mtu = PathMtu(BASE, CEILING), 1_350
    refused = 0
    while (size := path.next_probe(0)) is not None:
        if size > mtu:
            path.on_too_large(size)
            refused += 1
        else:
            path.on_probe_acked(size)
    assert mtu - MIN_STEP < path.datagram_size <= mtu
    assert 1 <= refused <= 5


@pytest.mark.parametrize("size", [None, CEILING])
def test_a_packet_that_the_system_refuses_sends_the_path_back_to_the_base(size: int | None) -> None:
    path = found(CEILING)
    path.on_too_large(size)
    assert path.datagram_size == BASE
    probes = search(path, 1_300)
    assert max(probes) < CEILING
    assert 1_300 - MIN_STEP < path.datagram_size <= 1_300


def test_below_the_base_nothing_is_given_up() -> None:
    path = PathMtu(BASE, CEILING)
    path.on_too_large(BASE)
    assert (path.datagram_size, path.next_probe(0)) == (BASE, None)
    assert path.next_timeout() == RAISE_TIMER


# -- black holes -------------------------------------------------------------------------------------------------------


def test_large_packets_lost_while_small_ones_arrive_send_the_path_back_to_the_base() -> None:
    path = found(CEILING)
    fall_into_black_hole(path, CEILING)
    assert path.datagram_size == BASE


def test_after_a_black_hole_sizes_below_the_lost_one_are_searched_at_once() -> None:
    path = found(CEILING)
    fall_into_black_hole(path, CEILING)
    probes = search(path, 1_400)
    assert max(probes) < CEILING
    assert 1_400 - MIN_STEP < path.datagram_size <= 1_400
    deadline = path.next_timeout()
    assert deadline is not None
    assert path.next_probe(deadline) == CEILING


Report = tuple[str, int]
LOST, SMALL, LARGE = ("lost", CEILING), ("acked", 100), ("acked", CEILING)


@pytest.mark.parametrize(
    ("reports", "size"),
    [
        ([LOST, SMALL, LOST, LOST], BASE),
        ([LOST, LOST, SMALL, SMALL, LOST], BASE),
        ([LOST, SMALL, LOST], CEILING),  # two are not three
        ([SMALL, LOST, LOST, LOST], CEILING),  # the small one arrived before
        ([LOST] * 20, CEILING),  # nothing arrives at all: no matter of size
        ([LOST, SMALL, LOST, LARGE, LOST, LOST, LOST], CEILING),  # a large one got through
        ([LOST, SMALL, LARGE, LOST, SMALL, LOST], CEILING),
        ([LOST, LOST, LOST, SMALL, LARGE], CEILING),  # both in one ACK
        ([("lost", BASE), SMALL, ("lost", BASE), ("lost", BASE)], CEILING),  # every path carries the base
        ([("lost", 1_300), ("acked", 1_250), ("lost", CEILING), LOST], BASE),  # smaller is smaller than the lost ones
        ([("lost", 1_300), SMALL, ("acked", 1_350), LOST, LOST], CEILING),
        ([("lost", 1_300), LOST, ("acked", 1_350), LOST], CEILING),
    ],
)
def test_three_large_losses_count_only_while_nothing_large_arrives(reports: list[Report], size: int) -> None:
    path = found(CEILING)
    for what, packet_size in reports:
        if what == "lost":
            path.on_packets_lost(packet_size, 1)
        else:
            path.on_packet_acked(packet_size)
    assert path.datagram_size == size


def test_a_probe_that_arrives_shows_that_there_is_no_black_hole() -> None:
    path = found(1_400)
    size = path.datagram_size
    path.on_packets_lost(size, 2)
    path.on_packet_acked(100)
    search(path, CEILING, RAISE_TIMER)
    path.on_packets_lost(size, 1)
    assert path.datagram_size == CEILING


def test_losses_of_a_size_no_longer_in_use_mean_nothing() -> None:
    path = found(CEILING)
    fall_into_black_hole(path, CEILING)
    search(path, 1_300)
    size = path.datagram_size
    fall_into_black_hole(path, CEILING)  # sent before the first fall
    assert (path.datagram_size, path.is_searching) == (size, False)
    assert size > BASE


@pytest.mark.parametrize("carries", [BASE, 1_300, CEILING])
def test_a_search_that_rests_has_no_probe_and_one_that_does_not_changes_when_it_is_asked(carries: int) -> None:
    path = PathMtu(BASE, CEILING)
    for now in (0, 0, 0, 0, 1, 2, 3, 4, RAISE_TIMER - 1, RAISE_TIMER, RAISE_TIMER + 9, 3 * RAISE_TIMER):
        is_resting, before = path.is_resting(now), (path.is_searching, path.next_timeout())
        size = path.next_probe(now)
        assert is_resting == (size is None and (path.is_searching, path.next_timeout()) == before)
        if size is not None:
            assert path.is_resting(now), "one probe at a time"
            (path.on_probe_acked if size <= carries else path.on_probe_lost)(size)


@pytest.mark.parametrize("carries", [BASE, 1_300, CEILING])
def test_it_rests_when_no_probe_is_to_be_sent_and_asking_changes_nothing(carries: int) -> None:
    path = PathMtu(BASE, CEILING)
    for now in range(0, 2 * RAISE_TIMER, RAISE_TIMER // 7):
        for _ in range(40):
            before = path.is_resting(now), path.next_timeout()
            assert before == (path.is_resting(now), path.next_timeout())
            size = path.next_probe(now)
            if before[0]:
                assert size is None
            if size is None:
                break
            assert path.is_resting(now), "one probe at a time"
            if size <= carries:
                path.on_probe_acked(size)
            else:
                path.on_probe_lost(size)
        assert path.is_resting(now)
    assert path.datagram_size >= carries - MIN_STEP

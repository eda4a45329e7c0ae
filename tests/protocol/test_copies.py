"""When packets that nothing follows are sent once more."""

from __future__ import annotations

import pytest

from tests.world import World, client, connections
from udpchat.arq.in_flight import Kind, SentRun
from udpchat.config import MILLISECOND, SECOND
from udpchat.protocol.copies import MAX_CROWD, MAX_WAITING, MINIMUM_DELAY, Copies
from udpchat.sim.link import LinkSpec

RTT = 40 * MILLISECOND
DUE = RTT // 4


def chat(number: int) -> SentRun:
    return SentRun(number, 1, 0, 100, 100, Kind.MESSAGE, 0, 0, 51, 51)


def file_packets(first: int, count: int) -> SentRun:
    return SentRun(first, count, 0, 1_200, 1_200, Kind.DATA, 1, 0, 1_148 * count, 1_148)


def numbers(copies: Copies, now: int) -> list[int]:
    return [run.first for run in copies.take_due(now)]


def test_a_chat_packet_is_copied_once_after_a_quarter_of_the_round_trip() -> None:
    copies = Copies()
    copies.on_message(chat(7), 0, RTT)
    assert copies.next_timeout() == DUE
    assert numbers(copies, DUE - 1) == []
    assert numbers(copies, DUE) == [7]
    assert (numbers(copies, DUE), copies.next_timeout()) == ([], None)


def test_on_a_short_path_a_copy_still_waits_for_the_answer() -> None:
    copies = Copies()
    copies.on_message(chat(7), 1_000, 200)
    assert copies.next_timeout() == 1_000 + MINIMUM_DELAY


def test_only_the_last_chat_packet_is_copied_and_none_that_is_followed() -> None:
    copies = Copies()
    copies.on_message(chat(7), 0, RTT)
    copies.on_message(chat(8), 1, RTT)
    assert numbers(copies, 1 + DUE) == [8]
    copies.on_message(chat(9), 0, RTT)
    copies.on_followed()
    assert copies.next_timeout() is None


def test_of_a_burst_at_the_end_of_a_file_those_are_copied_that_no_later_ack_would_show_to_be_lost() -> None:
    copies = Copies()
    copies.on_tail(file_packets(10, 44), 0, RTT)
    assert [(run.first, run.count, run.offset) for run in copies.take_due(DUE)] == [
        (51, 1, 41 * 1_148),
        (52, 1, 42 * 1_148),
        (53, 1, 43 * 1_148),
    ]


@pytest.mark.parametrize("settled", [file_packets(10, 2), chat(10)])
def test_what_was_acknowledged_or_declared_lost_gets_no_copy(settled: SentRun) -> None:
    copies = Copies()
    copies.on_tail(file_packets(10, 1), 0, RTT)
    copies.on_tail(file_packets(12, 1), 5, RTT)
    copies.settle(settled)
    assert copies.next_timeout() == 5 + DUE
    assert numbers(copies, RTT) == [12]
    copies.on_message(chat(20), 0, RTT)
    copies.settle(chat(20))
    assert copies.next_timeout() is None


def test_the_earliest_deadline_counts_and_each_packet_has_its_own() -> None:
    copies = Copies()
    copies.on_tail(file_packets(1, 1), 0, RTT)
    copies.on_tail(file_packets(2, 1), 3_000, RTT)
    copies.on_message(chat(3), 1_000, RTT)
    assert copies.next_timeout() == DUE
    assert numbers(copies, DUE) == [1]
    assert copies.next_timeout() == 1_000 + DUE
    assert numbers(copies, 3_000 + DUE) == [3, 2]


@pytest.mark.parametrize("missing", [MAX_WAITING - 1, MAX_WAITING, MAX_WAITING + 1])
def test_no_more_than_the_cap_wait_and_the_oldest_go_first(missing: int) -> None:
    copies = Copies()
    for number in range(missing):
        copies.on_tail(file_packets(number, 1), 0, RTT)
    assert numbers(copies, DUE) == list(range(missing))[-MAX_WAITING:]


@pytest.mark.parametrize(("people", "is_copied"), [(MAX_CROWD, True), (MAX_CROWD + 1, False)])
def test_chat_packets_get_no_copies_in_a_crowd(people: int, is_copied: bool) -> None:
    copies = Copies()
    copies.crowd.count = people
    copies.on_message(chat(1), 0, 0)
    assert (copies.next_timeout() is not None) is is_copied


def test_a_socket_counts_its_connections_as_they_come_and_go() -> None:
    world = World(1, LinkSpec(delay=MILLISECOND))
    ends = [world.add_client(f"user{number}") for number in range(3)]
    world.join(*ends)
    of_server = [each.transmitter.copies.crowd for each in connections(world.server.core.endpoint)]
    assert {crowd.count for crowd in of_server} == {3}
    world.do(client(ends[0]).chat.leave)
    world.network.run_for(5 * SECOND)
    assert {crowd.count for crowd in of_server} == {2}

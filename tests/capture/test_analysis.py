from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.capture.scripted import CHUNK, CLIENT, ID, SERVER, Script, offer, opening, plain
from udpchat.capture.analysis import MAX_ATTEMPTS, MAX_CONNECTIONS, Analysis
from udpchat.capture.flow import MAX_STREAMS, read_list
from udpchat.capture.streams import MAX_OUTSTANDING, MAX_OVERLAP, Outstanding, Sent
from udpchat.wire.codec import Data, Hello, encode_associated, encode_handshake
from udpchat.wire.numbers import Flag, PacketType
from udpchat.wire.records import Opened

SIZE = CHUNK + 24 + 12 + 16  # bytes of a made-up DATA datagram


def test_packets_and_bytes_of_a_clean_transfer_are_counted() -> None:
    stream = Script().data(0, 0).data(1, 1).data(2, 2).ack((0, 3)).transfer()
    counts = stream.counts
    assert (counts.packets, counts.bytes, counts.retransmitted, counts.lost) == (3, 3 * CHUNK, 0, 0)
    assert (stream.sent.total, stream.acked.total, counts.acks) == (3 * CHUNK, 3 * CHUNK, 1)
    assert counts.in_flight == 3 * SIZE


def test_a_packet_three_below_an_acknowledged_one_is_lost() -> None:
    script = Script().data(0, 0).data(1, 1).data(2, 2).data(3, 3).ack((1, 3))
    assert script.transfer().counts.lost == 0
    assert script.ack((1, 4)).transfer().counts.lost == 1


def test_a_lost_packet_that_is_acknowledged_later_was_not_lost_and_its_repeat_was_needless() -> None:
    script = Script().data(0, 0).data(1, 1).data(2, 2).data(3, 3).ack((1, 4)).data(4, 0)
    before = script.transfer().counts
    assert (before.lost, before.retransmitted, before.spurious) == (1, 1, 0)
    after = script.ack((0, 5)).transfer().counts
    assert (after.lost, after.retransmitted, after.spurious) == (0, 1, 1)


def test_reordering_that_was_seen_raises_the_threshold() -> None:
    script = Script()
    for number in range(5):
        script.data(number, number)
    script.ack((1, 5)).ack((0, 5))  # number 0 came five places late
    for number in range(5, 10):
        script.data(number, number)
    assert script.ack((6, 10), (0, 5)).transfer().counts.lost == 0


def test_file_bytes_that_are_sent_again_tell_a_loss_only_when_something_newer_arrived() -> None:
    silent = Script().data(0, 0).data(1, 0)
    assert (silent.transfer().counts.retransmitted, silent.transfer().counts.lost) == (1, 0)
    heard = Script().data(0, 0).data(1, 1).ack((1, 2)).data(2, 0)
    assert (heard.transfer().counts.retransmitted, heard.transfer().counts.lost) == (1, 1)


def test_the_sender_s_own_words_on_losses_are_believed() -> None:
    script = Script().data(0, 0, comment="sent=first cwnd=9 in_flight=9").data(1, 1).data(2, 2).data(3, 3)
    assert script.ack((1, 4)).transfer().counts.lost == 0
    assert script.data(4, 0, comment="sent=retransmission again=0 lost=0").transfer().counts.lost == 1


def test_every_one_of_several_repeats_is_needless_when_the_first_packet_arrived() -> None:
    script = Script().data(0, 0).data(1, 0).data(2, 0).ack((0, 3))
    assert script.transfer().counts.spurious == 2


def test_bytes_below_the_highest_that_were_not_seen_before_are_a_repeat() -> None:
    stream = Script().data(0, 0).data(2, 2).data(3, 1).transfer()  # as the receiver sees it: number 1 was lost
    assert (stream.counts.retransmitted, stream.counts.lost) == (1, 0)


def test_what_was_overtaken_by_its_repeat_is_the_original() -> None:
    stream = Script().data(0, 0).data(2, 1).data(1, 1).ack((0, 3)).transfer()
    assert (stream.counts.out_of_order, stream.counts.retransmitted, stream.counts.spurious) == (1, 1, 1)


def test_a_repeat_is_needless_only_when_all_its_bytes_had_arrived() -> None:
    script = Script().data(0, 0).data(1, 1)
    both = plain(PacketType.DATA, 2, Data(1, 0), bytes(2 * CHUNK), from_server=False)
    assert script.put(both).ack((0, 1)).transfer().counts.spurious == 0
    assert script.ack((0, 2)).transfer().counts.spurious == 1


def test_the_same_packet_number_twice_is_a_duplicated_datagram() -> None:
    counts = Script().data(0, 0).data(1, 1).data(1, 1).transfer().counts
    assert (counts.packets, counts.duplicates, counts.retransmitted) == (2, 1, 0)


def test_a_lower_number_after_a_higher_one_is_out_of_order() -> None:
    counts = Script().data(0, 0).data(2, 2).data(1, 1).transfer().counts
    assert (counts.packets, counts.out_of_order, counts.duplicates) == (3, 1, 0)


def test_a_round_trip_leaves_out_what_the_receiver_held_the_ack_back() -> None:
    script = Script().data(0, 0)
    script.now += 39_000
    assert list(script.ack((0, 1), delay=15_000).transfer().round_trips) == [25_000]


def test_only_a_newly_acknowledged_largest_number_measures_a_round_trip() -> None:
    script = Script().data(0, 0).data(1, 1).ack((1, 2)).ack((0, 2))
    assert len(script.transfer().round_trips) == 1


def test_a_damaged_number_far_ahead_does_not_take_the_flow_along() -> None:
    stream = Script().data(0, 0).data(2**40, 1).data(1, 1).data(2, 2).transfer()
    assert (stream.counts.packets, stream.counts.out_of_order) == (3, 0)


def test_numbers_that_really_jump_are_followed_from_the_second_on() -> None:
    stream = Script().data(0, 0).data(2**40, 1).data(2**40 + 1, 2).data(2**40 + 2, 3).transfer()
    assert (stream.counts.packets, stream.counts.out_of_order) == (3, 0)


def test_an_ack_of_what_nobody_sent_changes_nothing() -> None:
    flow = Script().data(0, 0).data(1, 1).ack((2**30, 2**30 + 1)).flow()
    assert flow.in_flight == 2 * SIZE
    assert flow.troubles["acks_of_unseen"] == 1


def test_path_mtu_probes_are_not_in_flight() -> None:
    probe = plain(PacketType.PROBE, 0, None, bytes(1_400), from_server=False)
    assert Script().put(probe).data(1, 0).flow().in_flight == SIZE


def test_a_handshake_belongs_to_the_connection_it_made() -> None:
    connection = Script().handshake(repeated=2).data(0, 0).data(1, 1).connection()
    handshake = connection.handshake
    assert handshake is not None
    assert (handshake.hellos, handshake.repeated, handshake.cookies, handshake.replies) == (4, 2, 1, 1)
    assert handshake.replied is not None
    assert handshake.replied - handshake.first == 5_000
    assert (connection.clients, connection.servers) == ([CLIENT], [SERVER])


def test_records_name_the_transfers_of_a_plaintext_connection() -> None:
    script = Script().record(0, opening(bytes(16), 5_000, "a.txt"), from_server=False, request_id=7)
    script.record(0, Opened(1, 5_000, 0, ((0, 1_000),)), from_server=True, request_id=7)
    script.record(1, offer(9, 4, b"5" * 16, "b.txt"), from_server=True)
    transfers = script.data(1, 0).connection().conversation.transfers
    assert (transfers[1].name, transfers[1].size, transfers[1].present) == ("a.txt", 5_000, ((0, 1_000),))
    assert (transfers[9].name, transfers[9].from_server, transfers[9].md5_sent) == ("b.txt", True, b"5" * 16)


def test_what_is_damaged_or_foreign_is_counted_by_reason() -> None:
    good = plain(PacketType.DATA, 0, Data(1, 0), b"x" * 100, from_server=False)
    script = (
        Script()
        .put(b"")
        .put(b"\x12\x34" * 30)
        .put(good[:-20] + b"\xff" + good[-19:])
        .put(good[:2] + b"\x09" + good[3:])
    )
    analysis = script.data(1, 1).data(2, 2).analysis()
    assert dict(analysis.skipped) == {"too-short": 1, "bad-magic": 1, "damaged": 1, "unknown-version": 1}
    assert analysis.vantages[0].connections[ID].packets == 2


def test_a_lone_packet_is_no_connection() -> None:
    analysis = Script().data(0, 0).analysis()
    assert not analysis.vantages[0].connections
    assert analysis.skipped["lone-packet"] == 1


def test_connections_are_bounded() -> None:
    script, analysis = Script(), Analysis()
    for place in range(MAX_CONNECTIONS + 1):
        connection_id = place.to_bytes(8, "big")
        head = encode_associated(PacketType.PING, Flag.SEALED, connection_id, 0, None, 24)
        script.put(head + bytes(40))
    for captured in script.packets:
        analysis.feed(captured)
    assert len(analysis.vantages[0].connections) == MAX_CONNECTIONS
    assert analysis.skipped["too-many-connections"] == 1


def test_handshakes_are_bounded() -> None:
    script = Script()
    for place in range(MAX_ATTEMPTS + 1):
        script.put(encode_handshake(PacketType.HELLO, 0, place.to_bytes(8, "big"), 0, Hello(bytes(32), 0)))
    assert script.analysis().skipped["too-many-handshakes"] == 1


def test_transfers_of_a_connection_are_bounded() -> None:
    script = Script()
    for transfer in range(MAX_STREAMS + 1):
        script.data(transfer, 0, transfer=transfer)
    flow = script.flow()
    assert (len(flow.streams), flow.troubles["too_many_streams"]) == (MAX_STREAMS, 1)


def test_outstanding_packets_are_bounded_and_the_oldest_is_forgotten() -> None:
    outstanding = Outstanding()
    for number in range(MAX_OUTSTANDING):
        assert outstanding.add(Sent(number, 0, PacketType.DATA, 1, number, 1, 1)) is None
    forgotten = outstanding.add(Sent(MAX_OUTSTANDING, 0, PacketType.DATA, 1, 0, 1, 1))
    assert forgotten is not None
    assert (forgotten.number, len(outstanding)) == (0, MAX_OUTSTANDING)


@pytest.mark.parametrize(
    ("text", "ranges"),
    [
        ("", []),
        ("7", [(7, 8)]),
        ("812-815,820", [(812, 816), (820, 821)]),
        ("x,3-,-4,²,5", [(3, 4), (5, 6)]),
        ("9" * 50, []),
    ],
)
def test_lists_of_packets_in_comments_are_read_as_far_as_they_are_numbers(
    text: str, ranges: list[tuple[int, int]]
) -> None:
    assert read_list(text) == ranges


steps = st.one_of(
    st.tuples(st.just("data"), st.integers(0, 40), st.integers(0, 30)),
    st.tuples(st.just("far"), st.integers(0, 2**53 - 1), st.integers(0, 2**52)),
    st.tuples(st.just("ack"), st.integers(0, 50), st.integers(1, 20)),
    st.tuples(st.just("junk"), st.binary(max_size=80), st.booleans()),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(steps, max_size=80))
def test_no_sequence_of_packets_breaks_the_books(sequence: list[tuple[str, int | bytes, int]]) -> None:
    script = Script()
    for kind, first, second in sequence:
        if kind == "data" and isinstance(first, int):
            script.data(first, second)
        elif kind == "far" and isinstance(first, int):
            body = b"y" * (second % 50)
            script.put(plain(PacketType.DATA, first, Data(second % 3, second), body, from_server=False))
        elif kind == "ack" and isinstance(first, int):
            script.ack((first, first + second))
        elif isinstance(first, bytes):
            script.put(first, from_server=bool(second))
    for vantage in script.analysis().vantages.values():
        for connection in vantage.connections.values():
            for flow in connection.flows.values():
                assert flow.in_flight >= 0
                for stream in flow.streams.values():
                    counts = stream.counts
                    assert 0 <= counts.lost <= counts.packets
                    assert counts.spurious <= counts.retransmitted <= counts.packets
                    assert stream.acked.total <= stream.sent.total <= counts.bytes


def test_a_chunk_that_is_repeated_for_ever_is_compared_with_few_of_its_repeats() -> None:
    outstanding = Outstanding()
    for number in range(1_000):
        outstanding.add(Sent(number, 0, PacketType.DATA, 1, 0, 100, 100))
    assert len(outstanding.overlapping((PacketType.DATA, 1), 0, 100)) == MAX_OVERLAP


def test_a_packet_is_lost_once() -> None:
    outstanding, sent = Outstanding(), Sent(7, 0, PacketType.DATA, 1, 0, 100, 100)
    outstanding.add(sent)
    assert outstanding.flying(0, 100) == [sent]
    outstanding.lose(sent)
    assert outstanding.flying(0, 100) == []
    assert outstanding.take(0, 100) == [sent]

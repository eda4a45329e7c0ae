"""What the analysis says of small conversations made by hand; frames count from 1 in each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.wireshark.analyzing import FRAMES, Step, ack, analyses, analyses_of_each, data, message, ping, write
from tests.wireshark.tshark import capture_of, infos, tshark
from udpchat.config import MIB
from udpchat.protocol.datagrams import Address
from udpchat.wire.codec import encode_handshake
from udpchat.wire.numbers import Flag, PacketType
from udpchat.wire.values import Cookie, Hello, Reply

MOVED: Address = ("10.0.1.1", 41_000)

# name: the packets; for each field that is looked at, the frames that have it and its value there
Case = tuple[list[Step], dict[str, dict[int, Any]]]

CASES: dict[str, Case] = {
    "bytes that come again under a new number are a retransmission": (
        [data(0, 0), data(1, 100), data(2, 0)],
        {
            "retransmission": {3: 1},
            "retransmission_of": {3: 1},
            "retransmission_of_number": {3: 0},
            "retransmitted_in": {1: 3},
            "rto": {3: "0.002000000"},
            "spurious": {},
        },
    ),
    "the packet that carried the bytes last is the one that is repeated": (
        [data(0, 0), data(1, 0), data(2, 0)],
        {"retransmission_of": {2: 1, 3: 2}, "retransmitted_in": {1: 2, 2: 3}},
    ),
    "other transfers and channels have other bytes": (
        [data(0, 0), data(1, 0, transfer=2), message(2, 0), message(3, 20)],
        {"retransmission": {}},
    ),
    "a retransmission may be cut in another way": (
        [data(0, 0, 1420), data(1, 1420, 1420), data(2, 0, 1148), data(3, 1148, 272), data(4, 2000, 2000)],
        {"retransmission_of": {3: 1, 4: 1, 5: 2}, "retransmitted_in": {1: 3, 2: 5}},
    ),
    "a message that is repeated is a retransmission": (
        [message(0, 0), message(1, 0)],
        {"retransmission_of": {2: 1}, "cause": {2: 3}},
    ),
    "an offset that was passed is a retransmission though its first packet was not captured": (
        [data(0, 0), data(2, 200), data(3, 100)],
        {"retransmission": {3: 1}, "retransmission_of": {}, "cause": {3: 4}, "gap": {2: 1}},
    ),
    "a packet that was overtaken is no retransmission": (
        [data(0, 0), data(2, 200), data(1, 100)],
        {"retransmission": {}, "out_of_order": {3: 1}, "gap": {2: 1}},
    ),
    "of two packets with the same bytes the later number is the retransmission, whatever came first": (
        [data(0, 0), data(2, 100), data(1, 100), ack(0, (0, 2))],
        {"retransmission": {2: 1}, "retransmission_of": {2: 3}, "spurious": {2: 1}, "out_of_order": {3: 1}},
    ),
    "a retransmission is needless when the first packet was acknowledged before": (
        [data(0, 0), ack(0, (0, 0)), data(1, 0)],
        {"spurious": {3: 1}, "cause": {3: 5}, "acked_in": {1: 2}},
    ),
    "a retransmission is needless when the first packet is acknowledged later": (
        [data(0, 0), data(1, 0), ack(0, (0, 1))],
        {"spurious": {2: 1}, "acked_in": {1: 3, 2: 3}},
    ),
    "a retransmission of a packet that never arrived is needed": (
        [data(0, 0), data(1, 0), ack(0, (1, 1))],
        {"spurious": {}, "acked_in": {2: 3}},
    ),
    "a retransmission is needless only when all of its bytes had arrived": (
        [data(0, 0), data(1, 100), data(2, 0, 200), ack(0, (2, 2), (0, 0)), data(3, 300), ack(1, (0, 3))],
        {"spurious": {3: 1}},
    ),
    "bytes that arrived in part make a retransmission needed": (
        [data(0, 0), data(1, 100), data(2, 0, 200), ack(0, (2, 2), (0, 0))],
        {"spurious": {}, "retransmission_of": {3: 2}},
    ),
    "three later numbers that arrived make a packet lost": (
        [data(0, 0), data(1, 100), data(2, 200), data(3, 300), ack(0, (1, 2)), ack(1, (1, 3)), data(4, 0)],
        {"lost_in": {1: 6}, "cause": {7: 1}, "late": {}},
    ),
    "a retransmission after one later number arrived is due to time": (
        [data(0, 0), data(1, 100), ack(0, (1, 1)), data(2, 0)],
        {"cause": {4: 2}, "lost_in": {1: 4}},
    ),
    "a retransmission after nothing arrived is a probe or a copy": (
        [data(0, 0), data(1, 100), data(2, 0)],
        {"cause": {3: 3}, "lost_in": {}},
    ),
    "one loss explains one retransmission": (
        [data(0, 0), data(1, 100), ack(0, (1, 1)), data(2, 0), data(3, 0)],
        {"cause": {4: 2, 5: 3}},
    ),
    "a lost packet that arrives after all was late, and loss is seen later from then on": (
        [
            *(data(number, 100 * number) for number in range(4)),
            ack(0, (1, 3)),
            ack(1, (0, 3)),
            *(data(number, 100 * number) for number in range(4, 9)),
            ack(2, (5, 8), (0, 3)),
            data(9, 900),
            ack(3, (5, 9), (0, 3)),
        ],
        {"lost_in": {1: 5, 7: 14}, "late": {1: 1}},
    ),
    "the same number twice is a duplicated datagram": (
        [data(0, 0), data(1, 100), data(0, 0)],
        {"duplicate": {3: 1}, "duplicate_of": {3: 1}, "retransmission": {}, "out_of_order": {}},
    ),
    "the two directions have numbers of their own": (
        [data(0, 0), ack(0, (0, 0)), data(1, 100), ack(1, (0, 1))],
        {"duplicate": {}, "gap": {}, "out_of_order": {}},
    ),
    "numbers that are missing are counted": (
        [data(0, 0), data(4, 400), ping(5)],
        {"gap": {2: 3}},
    ),
    "a capture may begin at any number, but hardly at a low one": (
        [data(3, 300), data(4, 400)],
        {"gap": {1: 3}},
    ),
    "a capture that begins in mid-transfer has no gap there": (
        [data(5_000, 300), data(5_001, 400)],
        {"gap": {}},
    ),
    "a single number that is missing where the sender was captured was left out": (
        [data(0, 0)._replace(outbound=True), data(2, 100)._replace(outbound=True)],
        {"gap": {}, "skipped": {2: 1}},
    ),
    "a single number that is missing where the receiver was captured may be lost": (
        [data(0, 0)._replace(outbound=False), data(2, 100)._replace(outbound=False)],
        {"gap": {2: 1}, "skipped": {}},
    ),
    "a number far from all others is left out": (
        [data(0, 0), data(1 << 50, 100), data(1, 200), ack(0, (0, 1)), data(2, 100)],
        {"strange_number": {2: 1}, "gap": {}, "out_of_order": {}, "retransmission": {5: 1}},
    ),
    "a first packet with a damaged number does not spoil what follows": (
        [data(1 << 50, 0), data(0, 100), data(1, 200), data(2, 300), ack(0, (0, 2))],
        {"strange_number": {2: 1}, "gap": {3: 1}, "out_of_order": {}, "acked_in": {3: 5, 4: 5}},
    ),
    "numbers that go on far away are taken for true": (
        [data(0, 0), data(1 << 30, 100), data((1 << 30) + 1, 200), data((1 << 30) + 2, 300)],
        {"strange_number": {2: 1}, "gap": {3: 1 << 30}, "out_of_order": {}},
    ),
    "an ACK points to the newest packet that it acknowledges, and tells how long it took": (
        [data(0, 0), data(1, 100), ack(0, (0, 1)), data(2, 200), data(3, 300), ack(1, (0, 2)), ack(2, (0, 3))],
        {
            "acks_frame": {3: 2, 6: 4, 7: 5},
            "ack_rtt": {3: "0.001000000", 6: "0.002000000", 7: "0.002000000"},
            "newly_acked": {3: 2, 6: 1, 7: 1},
            "newly_acked_bytes": {3: 304, 6: 152, 7: 152},
            "acked_in": {1: 3, 2: 3, 4: 6, 5: 7},
        },
    ),
    "only an ACK of a new largest number measures a round trip": (
        [data(0, 0), data(1, 100), ack(0, (1, 1)), ack(1, (0, 1))],
        {"ack_rtt": {3: "0.001000000"}, "acks_frame": {3: 2, 4: 1}},
    ),
    "bytes in flight are what is neither acknowledged nor lost": (
        [data(0, 0), data(1, 100), ack(0, (1, 1)), data(2, 200), data(3, 300), ack(1, (1, 3)), message(4, 0)],
        {"bytes_in_flight": {1: 152, 2: 304, 3: 152, 4: 304, 5: 456, 6: 0, 7: 69}},
    ),
    "an ACK that brings nothing new is a duplicate": (
        [data(0, 0), ack(0, (0, 0)), ack(1, (0, 0)), ack(2, (0, 0)), data(1, 100), ack(3, (0, 1)), ack(4, (0, 1))],
        {"duplicate_ack": {3: 1, 4: 2, 7: 1}, "duplicate_ack_of": {3: 2, 4: 2, 7: 6}, "window_update": {}},
    ),
    "an ACK that changes the window alone is an update": (
        [data(0, 0), ack(0, (0, 0)), ack(1, (0, 0), window=2 * MIB), ack(2, (0, 0), window=2 * MIB)],
        {"window_update": {3: 1}, "duplicate_ack": {4: 1}},
    ),
    "an ACK that was overtaken is no duplicate": (
        [data(0, 0), data(1, 100), ack(1, (0, 1)), ack(0, (0, 0))],
        {"duplicate_ack": {}, "window_update": {}, "out_of_order": {4: 1}},
    ),
    "an ACK of a number that nobody sent changes nothing": (
        [data(0, 0), ack(0, (0, 40)), data(1, 100), data(2, 0), ack(1, (0, 2))],
        {"ack_unseen": {2: 1}, "acked_in": {1: 2, 3: 5, 4: 5}, "bytes_in_flight": {1: 152, 2: 0, 3: 152, 4: 304, 5: 0}},
    ),
    "a window of zero and a window that is full are seen": (
        [data(0, 0), ack(0, (0, 0), window=0), ack(1, (0, 0), window=400), data(1, 100), data(2, 200)],
        {"window_zero": {2: 1}, "window_full": {5: 1}, "window_update": {3: 1}},
    ),
    "an address that changes is seen once": (
        [data(0, 0), data(1, 100)._replace(source=MOVED), data(2, 200)._replace(source=MOVED)],
        {"moved_from": {2: "10.0.1.1:40000"}},
    ),
    "what two interfaces saw is analysed apart": (
        [
            data(0, 0),
            data(0, 0)._replace(interface=1),
            data(1, 100),
            data(2, 100),
            data(2, 100)._replace(interface=1),
        ],
        {"duplicate": {}, "gap": {5: 1}, "retransmission": {4: 1}, "retransmission_of": {4: 3}},
    ),
    "what both ends saw is analysed apart though the interface is not known": (
        [
            data(0, 0)._replace(outbound=True),
            data(0, 0)._replace(outbound=False),
            ack(0, (0, 0))._replace(outbound=True),
            ack(0, (0, 0))._replace(outbound=False),
        ],
        {"duplicate": {}, "acked_in": {1: 4, 2: 3}},
    ),
    "a window of ranges as long as an ACK can be is understood": (
        [
            *(data(number, 100 * number) for number in range(130)),
            ack(0, *((number, number) for number in range(129, 1, -2))),
            ack(1, *((number, number) for number in range(129, 1, -2))),
        ],
        {"newly_acked": {131: 64, 132: 0}, "duplicate_ack": {132: 1}},
    ),
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, str]]]:
    """tshark is asked once for all cases."""
    path = tmp_path_factory.mktemp("analysis") / "cases.pcapng"
    return dict(zip(CASES, analyses_of_each(path, [steps for steps, _ in CASES.values()]), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_analysis(found: dict[str, list[dict[str, str]]], name: str) -> None:
    _, expected = CASES[name]
    for field, values in expected.items():
        seen = {frame: each[field] for frame, each in enumerate(found[name], 1) if field in each}
        assert seen == {frame: str(value) for frame, value in values.items()}, field


def test_the_line_of_a_packet_says_what_is_special_about_it(tmp_path: Path) -> None:
    steps = [
        data(0, 0),
        data(1, 100),
        data(1, 100),
        data(5, 200),
        data(2, 300),
        data(6, 0),
        ack(0, (0, 6)),
        ack(1, (0, 6)),
        ack(2, (0, 6), window=0),
        ack(3, (0, 9), window=100),
        data(7, 0),
        data(8, 1000)._replace(source=MOVED),
        data(1 << 40, 2000),
    ]
    lines = [line.partition(" ")[2] for line in infos(write(tmp_path / "lines.pcapng", [steps]))]
    assert [line.rpartition("] ")[0] + "]" if "]" in line else "" for line in lines] == [
        "",
        "",
        "[Duplicate of frame 2]",
        "[3 missing before]",
        "[Out of order]",
        "[Retransmission of #0]",
        "",
        "[Duplicate ACK 1]",
        "[Window update] [Zero window]",
        "[ACK of unseen packet] [Window update]",
        "[Spurious retransmission of #6] [Window full]",
        "[New address] [Window full]",
        "[Strange number]",
    ]


def test_what_only_later_packets_prove_is_not_shown_on_the_first_pass(tmp_path: Path) -> None:
    capture = write(tmp_path / "later.pcapng", [[data(0, 0), data(1, 0), ack(0, (0, 1))]])
    fields = ("spurious", "retransmitted_in", "acked_in", "retransmission")
    assert analyses(capture, *fields, passes=1) == [{}, {"retransmission": "1"}, {}]


def test_on_a_first_pass_without_a_tree_both_ends_are_told_apart(tmp_path: Path) -> None:
    """tshark -2 without a filter: no field of the frame has a value then, neither the interface nor its name."""
    steps = [
        data(0, 0)._replace(outbound=True),
        data(0, 0)._replace(outbound=False, interface=1),
        data(1, 0)._replace(outbound=True),
        ack(0, (0, 0))._replace(outbound=True, interface=1),
        ack(0, (0, 0))._replace(outbound=False),
    ]
    capture = write(tmp_path / "two.pcapng", [steps])
    shown = tshark(capture, "-2", "-T", "fields", "-e", "udpchat.analysis.acked_in", "-e", "udpchat.analysis.duplicate")
    assert shown.splitlines() == ["5\t", "4\t", "\t", "\t", "\t"]


def test_two_passes_say_of_each_packet_what_the_last_of_many_readings_says(tmp_path: Path) -> None:
    """The state of the analysis is built once and forgotten when the capture is read anew."""
    steps = [data(0, 0), data(1, 0), ack(0, (0, 1)), data(2, 200)]
    capture = write(tmp_path / "again.pcapng", [steps, steps])
    found = analyses(capture)
    assert found[:4] == [{**each, **_moved(each, -4)} for each in found[4:]]


def _moved(each: dict[str, str], by: int) -> dict[str, str]:
    return {name: str(int(each[name]) + by) for name in FRAMES if name in each}


def test_a_damaged_packet_is_not_analysed(tmp_path: Path) -> None:
    whole = data(1, 0)
    broken = whole._replace(body=b"\1" * 100)

    class Broken(Step):
        def datagram(self, connection_id: bytes) -> bytes:
            return whole.datagram(connection_id)[:-20] + bytes(20)

    steps = [data(0, 0), Broken(*broken), data(2, 100)]
    capture = write(tmp_path / "damaged.pcapng", [steps])
    found = analyses(capture, "retransmission", "gap", verify_checksum=True)
    assert found == [{}, {}, {"gap": "1"}]


def test_large_windows_cost_no_more_per_packet_than_small_ones(tmp_path: Path) -> None:
    """3,000 packets in flight, as many ACKs with 64 ranges that hardly change: a second, not minutes."""
    count = 3_000
    holes = tuple((number, number) for number in range(130, 4, -2))
    sent = [data(number, 100 * number) for number in range(count)]
    acks = [ack(number, (132, 132 + number), *holes[:63]) for number in range(count - 200)]
    capture = write(tmp_path / "large.pcapng", [[*sent, *acks]])
    shown = analyses(capture, "newly_acked", "bytes_in_flight", passes=1)
    assert sum(int(each.get("newly_acked", 0)) for each in shown) == count - 200 + 63


def handshake_packet(packet_type: PacketType, clear: Hello | Cookie | Reply) -> bytes:
    flags = 0 if packet_type is PacketType.HELLO else Flag.FROM_SERVER
    return encode_handshake(packet_type, flags, b"attempt1", 0, clear)


def test_packets_of_the_handshake_are_compared_whole_for_they_have_no_numbers(tmp_path: Path) -> None:
    hello = handshake_packet(PacketType.HELLO, Hello(bytes(32), 0, b""))
    cookie = handshake_packet(PacketType.COOKIE, Cookie(b"c" * 20))
    hello_with_cookie = handshake_packet(PacketType.HELLO, Hello(bytes(32), 0, b"c" * 20))
    reply = handshake_packet(PacketType.REPLY, Reply(bytes(34)))
    sent = [hello, hello, cookie, hello_with_cookie, reply, reply]
    capture = capture_of(tmp_path / "handshake.pcapng", sent)
    fields = ("retransmission_of", "retransmitted_in", "answers", "initial_rtt", "duplicate", "out_of_order")
    assert analyses(capture, *fields) == [
        {"retransmitted_in": "2"},
        {"retransmission_of": "1"},
        {"answers": "2", "initial_rtt": "0.001000000"},
        {},
        {"answers": "4", "initial_rtt": "0.001000000", "retransmitted_in": "6"},
        {"answers": "4", "initial_rtt": "0.002000000", "retransmission_of": "5"},
    ]
    assert "[Retransmission of frame 1] HELLO" in infos(capture)[1]

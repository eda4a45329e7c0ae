"""The analysis against the truth: lossy transfers in the simulator, which knows what became of each packet."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.wireshark.analyzing import FIELDS, FRAMES, FRAMES_OF_ACKS, analyses
from tests.wireshark.recorded import Recorder, record
from udpchat.config import MILLISECOND, Config
from udpchat.sim.link import LinkSpec
from udpchat.wire.numbers import PacketType

SEEDS = 20
SIZE = 100_000
CONTROLLERS = ("newreno", "cubic", "bbr")
RATE = 6_000_000  # bytes/s
CONTENT = (str(int(PacketType.DATA)), str(int(PacketType.MSG)))
CAUSES = {"retransmission": ("1", "2"), "probe": ("3",), "copy": ("3",)}  # by what the sender says
WORDS = ("sent", "again", "in_flight", "dropped", "copies")
PLACE = (
    "frame.number",
    "frame.interface_id",
    "frame.packet_flags_direction",
    "udpchat.connection_id",
    "udpchat.type",
    "udpchat.flags.from_server",
    "udpchat.packet_number",
    "udpchat.data.transfer_id",
    "udpchat.data.offset",
    "udpchat.msg.channel",
    "udpchat.msg.offset",
    "udp.length",
)
OVERHEAD = {"16": 60, "17": 57}  # bytes of a UDP packet round file bytes and message bytes


class Carried(NamedTuple):
    """Bytes of a transfer or channel."""

    stream: tuple[str, ...]
    start: int
    stop: int

    def meets(self, other: Carried) -> bool:
        return self.stream == other.stream and self.start < other.stop and other.start < self.stop


class Packet(NamedTuple):
    """A packet with content where its sender was captured."""

    fields: dict[str, str]
    carried: Carried

    @property
    def arrived(self) -> bool:
        return "udpchat.endpoint.dropped" not in self.fields


def link_of(seed: int) -> LinkSpec:
    return LinkSpec(
        rate=RATE,
        delay=10 * MILLISECOND,
        jitter=3 * MILLISECOND * (seed // 4 % 2),
        loss=(0.02, 0.05, 0.1, 0.2)[seed % 4],
        burst=1 + 2 * (seed // 10),
        reorder=0.03 * (seed // 2 % 2),
        duplicate=0.02 * (seed // 5 % 2),
    )


def carried_by(fields: dict[str, str]) -> Carried:
    kind = fields["udpchat.type"]
    names = ("data.transfer_id", "data.offset") if kind == CONTENT[0] else ("msg.channel", "msg.offset")
    stream, offset = (fields[f"udpchat.{name}"] for name in names)
    start = int(offset)
    return Carried((kind, stream), start, start + int(fields["udp.length"]) - OVERHEAD[kind])


def is_outbound(fields: dict[str, str]) -> bool:
    return fields["frame.packet_flags_direction"].endswith("2")


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("transfers") / "lossy.pcapng"
    with path.open("wb") as file:
        recorder = Recorder(file)
        for seed in range(SEEDS):
            config = Config(plaintext=True, congestion=CONTROLLERS[seed % len(CONTROLLERS)])
            record(recorder, seed, link_of(seed), SIZE, config)
    return path


@pytest.fixture(scope="module")
def flows(capture: Path) -> list[list[Packet]]:
    """The packets with content of each direction of each connection, in the order in which they were sent."""
    result: dict[tuple[str, str], list[Packet]] = defaultdict(list)
    for fields in analyses(capture, *PLACE, *(f"udpchat.endpoint.{word}" for word in WORDS), *FIELDS):
        if fields.get("udpchat.type") in CONTENT and is_outbound(fields):
            key = fields["udpchat.connection_id"], fields["frame.interface_id"]
            result[key].append(Packet(fields, carried_by(fields)))
    assert len(result) == 2 * SEEDS
    return list(result.values())


def test_what_is_sent_again_is_flagged_and_nothing_else(flows: list[list[Packet]]) -> None:
    for packets in flows:
        for packet in packets:
            assert ("retransmission" in packet.fields) == (packet.fields["udpchat.endpoint.sent"] != "first")


def test_each_retransmission_names_the_packet_that_carried_its_bytes_last(flows: list[list[Packet]]) -> None:
    for packets in flows:
        for index, packet in enumerate(packets):
            if "retransmission" in packet.fields:
                before = [other for other in packets[:index] if other.carried.meets(packet.carried)]
                assert packet.fields["retransmission_of"] == before[-1].fields["frame.number"]


def test_every_lost_packet_is_matched_to_its_retransmission(flows: list[list[Packet]]) -> None:
    lost = [(packet, packets) for packets in flows for packet in packets if not packet.arrived]
    assert len(lost) > 300
    for packet, packets in lost:
        others = [other for other in packets if other is not packet and other.carried.meets(packet.carried)]
        # What was needless itself, or was lost in the last moment, nobody misses.
        assert "retransmitted_in" in packet.fields or any(other.arrived for other in others)
        if packet.fields["udpchat.endpoint.sent"] == "first":
            assert "retransmitted_in" in packet.fields


def test_a_retransmission_is_called_needless_only_when_it_was(flows: list[list[Packet]]) -> None:
    needless = 0
    for packets in flows:
        for index, packet in enumerate(packets):
            if "spurious" in packet.fields:
                needless += 1
                arrived = [
                    set(range(other.carried.start, other.carried.stop))
                    for other in packets[:index]
                    if other.arrived and other.carried.stream == packet.carried.stream
                ]
                assert set(range(packet.carried.start, packet.carried.stop)) <= set().union(*arrived)
    assert needless > 200


def test_the_cause_is_what_the_sender_says_but_where_copies_of_one_packet_were_lost_too(
    flows: list[list[Packet]],
) -> None:
    """Whether a sender repeats for the loss of a packet or of its copy, when both are lost, no capture can tell."""
    pairs = [
        (packet.fields["udpchat.endpoint.sent"], packet.fields["cause"])
        for packets in flows
        for packet in packets
        if packet.fields["udpchat.endpoint.sent"] != "first"
    ]
    assert sum(cause in CAUSES[why] for why, cause in pairs) > 0.97 * len(pairs)


def test_bytes_in_flight_are_those_of_the_sender_but_for_what_a_capture_cannot_know(flows: list[list[Packet]]) -> None:
    """Packets that the sender took for lost by time alone are out of flight before the capture shows it."""
    pairs = [
        (int(packet.fields["bytes_in_flight"]), int(packet.fields["udpchat.endpoint.in_flight"]))
        for packets in flows
        for packet in packets
    ]
    assert sum(shown == true for shown, true in pairs) > 0.93 * len(pairs)


def test_duplicates_are_those_of_the_link(capture: Path) -> None:
    names = ("udpchat.endpoint.copies", "udpchat.packet_number", "udpchat.type", "duplicate")
    seen = analyses(capture, *names, "frame.interface_id", "udpchat.connection_id", passes=1)
    numbered = [each for each in seen if int(each["udpchat.type"]) >= PacketType.DATA]
    doubled = sum("udpchat.endpoint.copies" in each for each in numbered)
    assert sum("duplicate" in each for each in numbered) == doubled > 20


def test_sealed_and_plaintext_captures_of_one_seed_give_the_same_analysis(tmp_path: Path) -> None:
    shown = []
    for plaintext in (True, False):
        path = tmp_path / f"{plaintext}.pcapng"
        with path.open("wb") as file:
            record(Recorder(file), 7, link_of(7), SIZE, Config(plaintext=plaintext))
        shown.append(analyses(path, "frame.number", "frame.time_relative", "udpchat.packet_number", *FIELDS))
    plain, sealed = shown
    assert sum("retransmission" in each for each in plain) > 20
    assert plain == sealed


def test_one_end_alone_gives_the_analysis_that_both_together_give_there(tmp_path: Path) -> None:
    marks = [name for name in FIELDS if name not in (*FRAMES, *FRAMES_OF_ACKS)]  # frames have other numbers
    shown = []
    for only in (0, None):
        path = tmp_path / f"{only}.pcapng"
        with path.open("wb") as file:
            record(Recorder(file, only), 3, link_of(3), SIZE)
        shown.append(analyses(path, "frame.interface_id", *marks))
    alone, together = shown
    assert alone == [each for each in together if each["frame.interface_id"] == "0"]
    assert sum("retransmission" in each for each in alone) > 10

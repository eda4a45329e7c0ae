"""Whatever comes, the dissector raises no error and runs over no end; what is odd is marked."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import pytest

from tests.captures.test_layers import damage, damage_packet
from tests.wire.examples import PACKETS, built_packet
from tests.wire.record_examples import RECORDS
from tests.wireshark.tshark import CLIENT, SERVER, Seen, capture_of, rows, trees, trouble, tshark, write_capture
from udpchat.crypto.plain import checksum_trailer
from udpchat.wire import codec, records
from udpchat.wire.codec import Data, Message
from udpchat.wire.numbers import PacketType
from udpchat.wire.schema import protocol_schema

DAMAGED = 20_000
SAMPLES = 4  # of each packet type


def plaintext(packet_type: PacketType, number: int, clear: Data | Message, body: bytes, connection: int = 0) -> bytes:
    """A packet of a plaintext session, from the client."""
    covered = codec.encode_associated(packet_type, 0, bytes([connection] * 8), number, clear, len(body)) + body
    return covered + checksum_trailer(covered)


def whole_packets(rng: Random) -> list[bytes]:
    """Packets of all types, and MSG that carry all records, in a few connections."""
    sent = [built_packet(rng, schema)[0] for schema in protocol_schema().packets for _ in range(SAMPLES)]
    offsets = [0, 0, 0]
    for number, (record, _) in enumerate(RECORDS):
        content = records.encode_record(record, number)
        connection = rng.randrange(3)
        sent.append(plaintext(PacketType.MSG, number, Message(0, offsets[connection]), content, connection))
        offsets[connection] += len(content)
    return sent


def damaged_datagrams(seed: int) -> Iterator[bytes]:
    """Every truncation and every flipped byte of the short ones, then random damage."""
    rng = Random(seed)
    whole = whole_packets(rng)
    count = 0
    for data in whole[::2]:
        if len(data) > 120:
            continue
        for at in range(1, len(data)):
            yield data[:at]
            yield data[:at] + bytes([data[at] ^ rng.choice([0xFF, 1, 0x80])]) + data[at + 1 :]
            count += 2
    while count < DAMAGED:
        data = rng.choice(whole)
        changed = damage(rng, data) if count % 2 else damage_packet(rng, data)
        yield changed or b"U"
        count += 1


@pytest.mark.parametrize("verified", [False, True])
def test_no_damage_makes_the_dissector_fail(tmp_path: Path, *, verified: bool) -> None:
    sent = list(damaged_datagrams(6))[: DAMAGED if not verified else DAMAGED // 10]
    capture = capture_of(tmp_path / "damaged.pcapng", sent)
    assert trouble(capture, verify_checksum=verified) == ""


def test_two_passes_over_damage_show_no_error_either(tmp_path: Path) -> None:
    capture = capture_of(tmp_path / "damaged.pcapng", list(damaged_datagrams(7))[::20])
    assert tshark(capture, "-2", "-Y", "_ws.lua.error || (udpchat && _ws.malformed)") == ""


def test_a_checksum_is_verified_when_asked_for(tmp_path: Path) -> None:
    good = plaintext(PacketType.DATA, 1, Data(1, 0), b"chunk")
    bad = good[:-13] + b"!" + good[-12:]
    padded = good[:-1] + b"\1"
    capture = capture_of(tmp_path / "sums.pcapng", [good, bad, padded])
    status = [row["udpchat.checksum.status"] for row in rows(capture, "udpchat.checksum.status")]
    assert status == [["2"], ["2"], ["0"]]
    status = [row["udpchat.checksum.status"] for row in rows(capture, "udpchat.checksum.status", verify_checksum=True)]
    assert status == [["1"], ["0"], ["0"]]
    marked = rows(capture, "frame.number", where="udpchat.checksum.bad", verify_checksum=True)
    assert [row["frame.number"] for row in marked] == [["2"], ["3"]]


def cut(capture: Path, sizes: Sequence[int]) -> Path:
    """The same capture as taken with snap lengths: the packet blocks are shortened to these sizes, in turn."""
    data, at, blocks = capture.read_bytes(), 0, []
    left = iter(sizes)
    while at < len(data):
        kind, total = struct.unpack_from("<II", data, at)
        block = data[at : at + total]
        if kind == 6:
            captured, wire = struct.unpack_from("<II", block, 20)
            kept = min(captured, next(left))
            body = block[8:20] + struct.pack("<II", kept, wire) + block[28 : 28 + kept] + bytes(-kept % 4)
            length = struct.pack("<I", len(body) + 12)
            block = block[:4] + length + body + length
        blocks.append(block)
        at += total
    short = capture.with_suffix(".cut.pcapng")
    short.write_bytes(b"".join(blocks))
    return short


def test_what_was_not_captured_is_said_to_be_and_is_no_damage(tmp_path: Path) -> None:
    sent = [plaintext(PacketType.DATA, 5, Data(3, 1_000), bytes(1_000)), *(example.datagram for example in PACKETS)]
    sizes = [28 + size for size in (60, *range(1, 60), 100)]
    whole = capture_of(tmp_path / "whole.pcapng", sent * len(sizes))
    short = cut(whole, [size for size in sizes for _ in sent])
    shown = list(trees(short, verify_checksum=True))
    for tree, data in zip(shown, sent * len(sizes), strict=True):
        assert not {"udpchat.truncated", "udpchat.trailing", "udpchat.illegal_value"} & set(tree), data.hex()
    assert "udpchat.not_captured" in shown[0]
    assert shown[0]["udpchat.data.offset"][0].show == "1000"
    assert "udpchat.checksum.status" not in shown[0]
    assert trouble(short, verify_checksum=True) == ""


def test_an_odd_packet_says_what_is_odd(tmp_path: Path) -> None:
    data = plaintext(PacketType.DATA, 5, Data(3, 1_000), b"chunk")
    odd = {
        "udpchat.truncated": data[:-1],
        "udpchat.trailing": data + b"?",
        "udpchat.unknown_type": data[:3] + b"\x77" + data[4:],
        "udpchat.unknown_version": data[:2] + b"\x02" + data[3:],
        "udpchat.unknown_flags": data[:4] + b"\x80" + data[5:],
        "udpchat.illegal_value": data[:16] + b"\xff" + data[17:],
        "udpchat.bad_magic": b"u" + data[1:],
    }
    shown = trees(capture_of(tmp_path / "odd.pcapng", odd.values()))
    experts = {name for tree in shown for name in tree if name in odd}
    assert experts == set(odd)
    for name, tree in zip(odd, trees(tmp_path / "odd.pcapng"), strict=True):
        assert name in tree, name


def test_other_protocols_on_our_port_and_our_packets_on_other_ports(tmp_path: Path) -> None:
    ours = plaintext(PacketType.DATA, 5, Data(3, 1_000), b"chunk")
    elsewhere = (SERVER[0], 40_001)
    seen = [
        Seen(0, CLIENT, SERVER, b"something else that is long enough to hold a header of ours"),
        Seen(1, CLIENT, elsewhere, ours),
        Seen(2, CLIENT, elsewhere, ours[:-1]),
    ]
    alone = write_capture(tmp_path / "alone.pcapng", [Seen(0, CLIENT, elsewhere, ours[:-1])])
    assert "udpchat.magic" not in next(iter(trees(alone)))
    assert "udpchat.truncated" in next(iter(trees(alone, ports="40001")))
    capture = write_capture(tmp_path / "ports.pcapng", seen)
    assert ["udpchat.magic" in tree for tree in trees(capture)] == [False, True, True]  # the last: same conversation


def test_packets_that_were_captured_before_they_were_cut_apart_are_all_shown(tmp_path: Path) -> None:
    burst = b"".join(plaintext(PacketType.DATA, number, Data(3, 100 * number), bytes(100)) for number in range(5))
    (tree,) = trees(capture_of(tmp_path / "burst.pcapng", [burst]), verify_checksum=True)
    assert [shown.show for shown in tree["udpchat.data.offset"]] == ["0", "100", "200", "300", "400"]
    assert [shown.show for shown in tree["udpchat.checksum.status"]] == ["1"] * 5
    assert "udpchat.offloaded" in tree
    assert "udpchat.trailing" not in tree


def test_a_packet_that_an_icmp_error_quotes_changes_nothing(tmp_path: Path) -> None:
    join = records.encode_record(RECORDS[0][0])
    packet = plaintext(PacketType.MSG, 0, Message(0, 0), join)
    capture = write_capture(
        tmp_path / "quoted.pcapng", [Seen(0, CLIENT, SERVER, packet), Seen(9, CLIENT, SERVER, packet)]
    )
    data = capture.read_bytes()
    first = data.index(b"\x45\x00")  # the first IP header; from it an ICMP error of the same length is made
    size = 28 + len(packet)
    quoted = data[first : first + size - 28]
    head = b"\x45\x00" + struct.pack(">H", size) + bytes(4) + b"\x40\x01\0\0" + bytes([10, 0, 0, 1, 10, 0, 1, 1])
    capture.write_bytes(data[:first] + head + b"\x03\x03" + bytes(6) + quoted + data[first + size :])
    shown = list(trees(capture))
    if shown[0]:  # not every version of Wireshark hands quoted packets on
        assert "udpchat.not_captured" in shown[0]
    assert "udpchat.truncated" not in shown[0]
    assert "udpchat.record.join.nick" not in shown[0]
    assert "udpchat.record.join.nick" in shown[1]
    assert trouble(capture) == ""


def test_the_words_of_tshark_about_a_script_that_fails_are_noticed(tmp_path: Path) -> None:
    script = tmp_path / "broken.lua"
    script.write_text("error('this script fails')")
    with pytest.raises(AssertionError, match="this script fails"):
        tshark(capture_of(tmp_path / "none.pcapng", []), script=script)

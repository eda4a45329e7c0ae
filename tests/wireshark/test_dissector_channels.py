"""Records are found in the channels of MSG packets however these come."""

from __future__ import annotations

from itertools import chain, pairwise
from pathlib import Path

from tests.wireshark.test_dissector_damage import plaintext
from tests.wireshark.tshark import capture_of, rows, trouble
from udpchat.config import MAX_RECORD
from udpchat.wire import records
from udpchat.wire.codec import Message
from udpchat.wire.numbers import PacketType

LINES = [records.Line(number, 1, "lobby", "ann", f"line {number} " + "." * 40 * (number % 4)) for number in range(12)]
CHANNEL = b"".join(records.encode_record(line) for line in LINES)


def fragments(*cuts: int, first_number: int = 0, start: int = 0, connection: int = 0) -> list[bytes]:
    """The channel of a connection from `start` on, cut at these offsets."""
    edges = [start, *cuts, len(CHANNEL)]
    return [
        plaintext(PacketType.MSG, first_number + index, Message(0, begin), CHANNEL[begin:end], connection)
        for index, (begin, end) in enumerate(pairwise(edges))
    ]


def sequences(capture: Path) -> list[list[int]]:
    """Sequence numbers of the lines that each packet completed."""
    shown = rows(capture, "udpchat.record.line.sequence")
    return [[int(value) for value in row.get("udpchat.record.line.sequence", [])] for row in shown]


def found(capture: Path) -> list[int]:
    return list(chain.from_iterable(sequences(capture)))


def test_records_are_found_wherever_the_channel_is_cut(tmp_path: Path) -> None:
    sizes = [1, 3, 8, 9, 10, 50, 100, 333, len(CHANNEL)]
    cut = [fragments(*range(size, len(CHANNEL), size), connection=at) for at, size in enumerate(sizes)]
    capture = capture_of(tmp_path / "cut.pcapng", [data for each in cut for data in each])
    completed = iter(sequences(capture))
    for each in cut:
        assert [number for _ in each for number in next(completed)] == list(range(12))
    assert trouble(capture) == ""


def test_what_comes_too_early_is_shown_when_the_hole_is_filled(tmp_path: Path) -> None:
    first, second, third = fragments(200, 400)
    capture = capture_of(tmp_path / "hole.pcapng", [first, third, second])
    completed = sequences(capture)
    assert completed[1] == []
    assert list(chain.from_iterable(completed)) == list(range(12))
    held = rows(capture, "udpchat.msg.held_until", two_passes=True)
    assert held[1] == {"udpchat.msg.held_until": ["3"]}


def test_what_is_sent_again_is_used_once_and_says_where_it_was(tmp_path: Path) -> None:
    first, second, third = fragments(200, 400)
    again = plaintext(PacketType.MSG, 9, Message(0, 200), CHANNEL[200:400])
    other_cut = plaintext(PacketType.MSG, 10, Message(0, 100), CHANNEL[100:])
    capture = capture_of(tmp_path / "again.pcapng", [first, second, again, other_cut, third])
    completed = sequences(capture)
    assert completed[2] == []
    assert list(chain.from_iterable(completed)) == list(range(12))
    assert rows(capture, "udpchat.msg.repeats")[2] == {"udpchat.msg.repeats": ["2"]}


def test_a_capture_that_starts_in_the_middle_goes_on_at_the_next_record(tmp_path: Path) -> None:
    starts = [0]
    for line in LINES:
        starts.append(starts[-1] + len(records.encode_record(line)))
    in_a_record = starts[3] + 20
    sent = fragments(*starts[4:-1], first_number=5_000, start=in_a_record)
    capture = capture_of(tmp_path / "late.pcapng", sent)
    assert found(capture) == list(range(4, 12))
    assert [row["frame.number"] for row in rows(capture, "frame.number", where="udpchat.msg.hole")] == [["1"], ["2"]]


def test_a_hole_in_the_capture_costs_what_was_in_it_and_no_more(tmp_path: Path) -> None:
    one = records.encode_record(LINES[0])
    sent = [plaintext(PacketType.MSG, number, Message(0, number * len(one)), one) for number in range(200)]
    capture = capture_of(tmp_path / "lost.pcapng", sent[:50] + sent[51:])
    assert len(found(capture)) == 199


def test_what_is_no_record_is_said_to_end_the_channel(tmp_path: Path) -> None:
    broken = (MAX_RECORD + 1).to_bytes(4, "big") + bytes(40)
    good = records.encode_record(LINES[0])
    sent = [
        plaintext(PacketType.MSG, 0, Message(0, 0), good + broken),
        plaintext(PacketType.MSG, 1, Message(0, len(good + broken)), good),
        plaintext(PacketType.MSG, 2, Message(1, 0), good),
    ]
    capture = capture_of(tmp_path / "broken.pcapng", sent)
    assert sequences(capture) == [[0], [], [0]]
    assert rows(capture, "frame.number", where="udpchat.record.broken") == [{"frame.number": ["1"]}]


def test_a_record_that_cannot_be_read_is_said_to_be_broken(tmp_path: Path) -> None:
    whole = bytearray(records.encode_record(records.Notice(1, "text")))
    whole[-5] = 200  # a length that the body does not have
    (row,) = rows(
        capture_of(tmp_path / "bad.pcapng", [plaintext(PacketType.MSG, 0, Message(0, 0), bytes(whole))]),
        "udpchat.record.notice",
        "udpchat.record.broken",
        "_ws.col.info",
    )
    assert "udpchat.record.notice" in row
    assert "udpchat.record.broken" in row


def test_later_fields_of_a_record_are_left_alone(tmp_path: Path) -> None:
    body = records.encode_record(records.Finished(3))[9:] + b"later"
    whole = len(body).to_bytes(4, "big") + bytes([13]) + bytes(4) + body
    (row,) = rows(
        capture_of(tmp_path / "later.pcapng", [plaintext(PacketType.MSG, 0, Message(0, 0), whole)]),
        "udpchat.record.finished.total",
        "udpchat.record.later",
        "udpchat.record.broken",
    )
    assert row == {"udpchat.record.finished.total": ["3"], "udpchat.record.later": [b"later".hex()]}


def test_a_damaged_packet_spoils_no_channel(tmp_path: Path) -> None:
    first, second, third = fragments(200, 400)
    damaged = bytearray(second)
    damaged[24 + 9 + 2] ^= 0xFF
    capture = capture_of(tmp_path / "damaged.pcapng", [first, bytes(damaged), second, third])
    completed = sequences(capture)
    assert completed[1] == []
    assert list(chain.from_iterable(completed)) == list(range(12))

"""Every record byte by byte, both ways; the reader of a byte channel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.record_examples import RECORDS
from udpchat.config import MAX_RECORD
from udpchat.errors import DecodeError, ErrorCode, ProtocolViolationError, UsageError
from udpchat.wire.numbers import RecordType
from udpchat.wire.records import (
    Account,
    Administer,
    Blocks,
    Credit,
    Fetch,
    Finished,
    Join,
    Line,
    ListFiles,
    Login,
    Mark,
    Member,
    Missing,
    Notice,
    Offer,
    Open,
    Opened,
    Pace,
    Password,
    Presence,
    Receipt,
    Record,
    RecordReader,
    Refused,
    Register,
    Said,
    Say,
    Seen,
    State,
    UnknownRecord,
    Unsupported,
    User,
    Welcome,
    decode_record,
    encode_record,
)

every_record = pytest.mark.parametrize(
    ("record", "text"), RECORDS, ids=lambda value: type(value).__name__ if not isinstance(value, str) else ""
)


def header(length: int, record_type: int, request_id: int = 0) -> bytes:
    return length.to_bytes(4, "big") + bytes([record_type]) + request_id.to_bytes(4, "big")


def test_there_is_an_example_of_every_record_type() -> None:
    assert [record.TYPE for record, _ in RECORDS] == list(RecordType)


@every_record
def test_encoding_gives_the_golden_bytes(record: Record, text: str) -> None:
    assert encode_record(record, 9).hex() == bytes.fromhex(text).hex()


@every_record
def test_decoding_the_golden_bytes_gives_the_record(record: Record, text: str) -> None:
    assert decode_record(record.TYPE, bytes.fromhex(text)[9:]) == record
    assert RecordReader().feed(bytes.fromhex(text)) == [(9, record)]


@every_record
def test_every_truncation_is_refused(record: Record, text: str) -> None:
    body = bytes.fromhex(text)[9:]
    for size in range(len(body)):
        with pytest.raises(DecodeError, match="malformed"):
            decode_record(record.TYPE, body[:size])


@every_record
def test_fields_of_a_later_version_are_ignored(record: Record, text: str) -> None:
    body = bytes.fromhex(text)[9:] + b"\xff later \x00"
    assert decode_record(record.TYPE, body) == record
    assert RecordReader().feed(header(len(body), record.TYPE, 3) + body) == [(3, record)]


@every_record
def test_records_are_frozen_and_hashable(record: Record, text: str) -> None:
    assert len({record, decode_record(record.TYPE, bytes.fromhex(text)[9:])}) == 1
    for name in record.LAYOUT.names:
        with pytest.raises(FrozenInstanceError):
            setattr(record, name, getattr(record, name))


def test_garbage_and_damaged_records_are_refused_with_a_decode_error_or_decode() -> None:
    rng = Random(2)
    decoded = 0
    for _ in range(6000):
        record, text = rng.choice(RECORDS)
        body = bytearray(bytes.fromhex(text)[9:] if rng.random() < 0.8 else rng.randbytes(rng.randint(0, 200)))
        for _ in range(rng.randint(1, 3) if body else 0):
            body[rng.randrange(len(body))] = rng.randrange(256)
        try:
            again = decode_record(record.TYPE, body)
        except DecodeError:
            continue
        decoded += 1
        encoded = encode_record(again)[9:]
        assert body.startswith(encoded)
    assert 1000 < decoded < 5900


def test_a_record_of_an_unknown_type_is_no_record() -> None:
    with pytest.raises(DecodeError, match="unknown-type"):
        decode_record(200, b"")


def test_numbers_that_a_later_version_may_name_stay_numbers() -> None:
    for record in (
        Refused(60_000, "new"),
        Presence(200, 1, 255, "ann", "", ""),
        Welcome(2**32 - 1, 1, 2, 3, 255, b"", "a", "b"),
        Account(99, 255, b"", "ann"),
        Receipt(99, 1, "", "ann"),
        Administer(99, "ann", ""),
        Pace(1, 0, 99),
        Mark(bytes(16), 99),
        State(bytes(16), 1, 99, "ann", "a.txt"),
        Member(1, 0, 0, 0, bytes(16), 255, "a"),
    ):
        assert decode_record(record.TYPE, encode_record(record)[9:]) == record


def test_a_known_code_equals_its_name() -> None:
    assert decode_record(RecordType.REFUSED, encode_record(Refused(ErrorCode.NICK_IN_USE, ""))[9:]) == Refused(33, "")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Unsupported(256),
        lambda: Unsupported(-1),
        lambda: Refused(65_536, ""),
        lambda: Say(bytes(15), "lobby", "text"),
        lambda: Say(bytes(17), "lobby", "text"),
        lambda: Say("0123456789abcdef", "lobby", "text"),  # type: ignore[arg-type]
        lambda: Say(bytes(16), "r" * 256, "text"),
        lambda: Say(bytes(16), "é" * 128, "text"),
        lambda: Say(bytes(16), b"lobby", "text"),  # type: ignore[arg-type]
        lambda: Say(bytes(16), "lobby", "\ud800"),
        lambda: Say(bytes(16), "lobby", "x" * 65_536),
        lambda: Open(bytes(16), 2**53, 0, 0, 0, "name"),
        lambda: Open(bytes(16), -1, 0, 0, 0, "name"),
        lambda: Open(bytes(16), 1.0, 0, 0, 0, "name"),  # type: ignore[arg-type]
        lambda: Credit(2**32, 0),
        lambda: User(2**53, 0, 0, "nick", ""),
        lambda: Said(bytes(16), 1, 1, 256),
        lambda: Finished(2**32),
        lambda: Welcome(0, 0, 0, 0, 0, bytes(256), "", ""),
        lambda: Account(1, 0, bytes(256), "nick"),
        lambda: Seen(2**53),
        lambda: Opened(1, 0, 0, ((1, 1),)),
        lambda: Opened(1, 0, 0, ((2, 1),)),
        lambda: Opened(1, 0, 0, ((1, 3), (3, 4))),
        lambda: Opened(1, 0, 0, ((1, 3), (2, 4))),
        lambda: Opened(1, 0, 0, ((5, 6), (1, 2))),
        lambda: Opened(1, 0, 0, ((-1, 2),)),
        lambda: Opened(1, 0, 0, ((1, 2**53),)),
        lambda: Opened(1, 0, 0, [(1, 2)]),  # type: ignore[arg-type]
        lambda: Fetch(bytes(16), 0, 0, "", tuple((2 * n, 2 * n + 1) for n in range(65_536))),
        lambda: Member(1, 0, 2**53, 0, bytes(16), 0, "path"),
        lambda: Member(1, 0, 0, 0, bytes(16), 0, "p" * 65_536),
        lambda: Offer(1, bytes(16), 0, bytes(16), bytes(31), 0, 0, 0, "", "name"),
        lambda: Blocks(1, 0, bytes(65_536)),
        lambda: Missing(1, ((2, 1),)),
        lambda: Pace(1, 2**53, 1),
        lambda: Mark(bytes(16), 256),
    ],
)
def test_a_value_that_its_field_cannot_carry_is_refused(make: Callable[[], Record]) -> None:
    with pytest.raises(UsageError):
        make()


SECRET = "correct horse"
JOIN = next(record for record, _ in RECORDS if isinstance(record, Join))


@pytest.mark.parametrize(
    "record",
    [
        Register("ann", SECRET),
        Login("ann", SECRET),
        Password(SECRET, SECRET),
        Account(1, 0, SECRET.encode(), "ann"),
        replace(JOIN, ticket=SECRET.encode()),
    ],
    ids=lambda record: record.TYPE.name,
)
def test_passwords_and_tickets_are_not_in_what_a_log_would_show(record: Record) -> None:
    assert SECRET.encode() in encode_record(record)
    assert SECRET not in repr(record)


def test_a_record_above_the_cap_is_not_encoded() -> None:
    ranges = tuple((2 * n, 2 * n + 1) for n in range(65_535))
    largest = Opened(1, 2, 0, ranges)
    assert len(encode_record(largest)) == 9 + 15 + 16 * 65_535 <= 9 + MAX_RECORD
    with pytest.raises(UsageError, match="no record"):
        encode_record(Fetch(bytes(16), 0, 0, "n" * 100, ranges))


@pytest.mark.parametrize("request_id", [-1, 2**32])
def test_a_request_id_out_of_range_is_refused(request_id: int) -> None:
    with pytest.raises(UsageError):
        encode_record(ListFiles(), request_id)


TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
ANY_RECORD: st.SearchStrategy[Record] = st.one_of(
    st.sampled_from([record for record, _ in RECORDS]),
    st.builds(Line, st.integers(0, 2**53 - 1), st.integers(0, 2**53 - 1), TEXT, TEXT, TEXT),
    st.builds(Notice, st.integers(0, 2**53 - 1), st.text(st.characters(codec="utf-8"), max_size=200)),
)


@settings(max_examples=60)
@given(
    sent=st.lists(st.tuples(st.integers(0, 2**32 - 1), ANY_RECORD), max_size=8),
    cuts=st.lists(st.integers(0, 2000), max_size=20),
)
def test_records_come_out_whole_and_in_order_whatever_the_pieces(
    sent: list[tuple[int, Record]], cuts: list[int]
) -> None:
    channel = b"".join(encode_record(record, request_id) for request_id, record in sent)
    edges = [0, *sorted(min(cut, len(channel)) for cut in cuts), len(channel)]
    reader = RecordReader()
    received = [item for start, stop in pairwise(edges) for item in reader.feed(memoryview(channel)[start:stop])]
    assert received == sent


def test_a_record_is_handed_out_with_its_last_byte_and_not_before() -> None:
    channel = encode_record(Line(1, 2, "lobby", "ann", "hello"), 7)
    reader = RecordReader()
    for byte in channel[:-1]:
        assert reader.feed(bytes([byte])) == []
    assert reader.feed(channel[-1:]) == [(7, Line(1, 2, "lobby", "ann", "hello"))]


def test_a_large_record_comes_through_in_datagram_sized_pieces() -> None:
    record = Opened(1, 2, 0, tuple((2 * n, 2 * n + 1) for n in range(65_535)))
    channel = encode_record(record, 5) + encode_record(ListFiles(), 6)
    reader = RecordReader()
    received = [item for at in range(0, len(channel), 1400) for item in reader.feed(channel[at : at + 1400])]
    assert received == [(5, record), (6, ListFiles())]


def test_a_buffer_may_be_reused_as_soon_as_it_was_read() -> None:
    record = Say(b"m" * 16, "lobby", "hello")
    buffer = bytearray(encode_record(record) + encode_record(record)[:20])
    reader = RecordReader()
    first = reader.feed(memoryview(buffer))
    rest = encode_record(record)[20:]
    buffer[:] = bytes(len(buffer))
    assert first == [(0, record)]
    assert reader.feed(rest) == [(0, record)]


def test_a_record_of_an_unknown_type_is_handed_out_by_its_number() -> None:
    channel = header(5, 200, 4) + b"later" + encode_record(ListFiles(), 5)
    assert RecordReader().feed(channel) == [(4, UnknownRecord(200)), (5, ListFiles())]


def test_a_record_longer_than_the_cap_is_a_violation_before_its_body_comes() -> None:
    with pytest.raises(ProtocolViolationError) as caught:
        RecordReader().feed(header(MAX_RECORD + 1, RecordType.SAY))
    assert caught.value.code == ErrorCode.MALFORMED_RECORD
    assert RecordReader().feed(header(MAX_RECORD, RecordType.SAY)) == []


@pytest.mark.parametrize("record_type", [RecordType.SAY, RecordType.JOIN, RecordType.OPENED])
def test_a_record_that_cannot_be_read_is_a_violation(record_type: RecordType) -> None:
    with pytest.raises(ProtocolViolationError) as caught:
        RecordReader().feed(header(3, record_type) + b"\xff\xff\xff")
    assert caught.value.code == ErrorCode.MALFORMED_RECORD

"""Every field of every record at its edges and beyond, sent to either end: refused, dropped or closed, never more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.protocol.forge import Forger
from tests.protocol.test_hostile_packets import closing
from tests.wire.record_examples import RECORDS as EXAMPLES
from udpchat.config import Config
from udpchat.errors import ErrorCode
from udpchat.wire.declared_records import RECORDS
from udpchat.wire.numbers import RecordType, Scope
from udpchat.wire.records import RECORD_HEADER_SIZE, UnknownRecord, Users, decode_record, encode_record
from udpchat.wire.schema import Field, Kind, protocol_schema

PLAIN = Config(plaintext=True)
CODES = {ErrorCode.MALFORMED_RECORD, ErrorCode.PROTOCOL_VIOLATION, ErrorCode.FLOW_CONTROL}
TEXTS = [b"", b"x", b"\0", b"\x1b[2J", b"\xff", b"\xed\xa0\x80", "\u202e".encode(), b"../x", b"/x", b" "]
RUNS = [
    [],
    [(0, 0)],
    [(0, 1)],
    [(5, 4)],
    [(0, 10), (5, 20)],
    [(10, 20), (0, 5)],
    [(0, 2**53 - 1)],
    [(0, 2**64 - 1)],
    [(2**63, 2**63 + 1)],
    [(2 * n, 2 * n + 1) for n in range(3_000)],
]


def number(value: int, size: int) -> bytes:
    return value.to_bytes(size, "big")


def encodings(field: Field) -> Iterator[bytes]:
    """The same field at its edges, over-long and invalid."""
    prefix = field.prefix.size if field.prefix is not None and field.prefix.size is not None else 0
    match field.kind:
        case Kind.BYTES:
            size = field.size or 0
            yield from (bytes(size), b"\xff" * size)
        case Kind.STRING | Kind.BLOB:
            top = 256**prefix - 1
            yield from (number(len(text), prefix) + text for text in TEXTS)
            yield number(top, prefix) + b"x" * top
            yield number(top, prefix)
            yield number(2, prefix) + b"x"
        case Kind.ARRAY:
            for runs in RUNS:
                yield number(len(runs), prefix) + b"".join(number(a, 8) + number(b, 8) for a, b in runs)
            yield number(256**prefix - 1, prefix)
        case _:
            size = field.size or 0
            values = {0, 1, 256**size - 1, 256**size // 2, min(256**size - 1, 2**53 - 1), min(256**size - 1, 2**53)}
            yield from (number(value, size) for value in sorted(values))


def plain_encoding(field: Field) -> bytes:
    """Some ordinary value."""
    prefix = field.prefix.size if field.prefix is not None and field.prefix.size is not None else 0
    match field.kind:
        case Kind.STRING | Kind.BLOB:
            return number(4, prefix) + b"zoe1"
        case Kind.ARRAY:
            return number(0, prefix)
        case Kind.BYTES:
            return b"\x07" * (field.size or 0)
        case _:
            return number(1, field.size or 0)


def bodies(fields: tuple[Field, ...]) -> Iterator[bytes]:
    """Bodies of a record that differ from an ordinary one in one field, or in length."""
    plain = [plain_encoding(field) for field in fields]
    for index, field in enumerate(fields):
        for encoding in encodings(field):
            yield b"".join([*plain[:index], encoding, *plain[index + 1 :]])
    whole = b"".join(plain)
    yield from (whole[:size] for size in sorted({0, 1, len(whole) // 2, len(whole) - 1} & set(range(len(whole)))))
    yield whole + b"fields of a later version"


def header(length: int, record_type: int, request_id: int) -> bytes:
    return number(length, 4) + number(record_type, 1) + number(request_id, 4)


@pytest.mark.parametrize("as_server", [False, True], ids=["to the server", "to the client"])
@pytest.mark.parametrize("name", RECORDS)
def test_a_record_is_taken_refused_or_closes(name: str, as_server: bool) -> None:
    fields = next(record.fields for record in protocol_schema().records if record.name == name)
    forger = Forger(PLAIN, as_server=as_server)
    for body in bodies(fields):
        if not forger.connection.is_alive:
            forger = Forger(PLAIN, as_server=as_server)
        answers = forger.write(header(len(body), RecordType[name], 1) + body)
        code = closing(answers)
        assert code is None or code in CODES
        assert forger.connection.is_alive is (code is None)


def test_every_record_has_an_example() -> None:
    assert {record.TYPE.name for record, _ in EXAMPLES} == set(RECORDS)


@pytest.mark.parametrize("as_server", [False, True], ids=["to the server", "to the client"])
def test_an_unknown_record_is_answered_unsupported(as_server: bool) -> None:
    forger = Forger(PLAIN, as_server=as_server)
    known = {int(each) for each in RecordType}
    for record_type in sorted(set(range(256)) - known):
        answers = forger.write(header(5, record_type, 77) + b"later")
        sent = [answer for answer in answers if answer[3] == 17]
        assert any(header(1, RecordType.UNSUPPORTED, 77) + bytes([record_type]) in each for each in sent)
    assert forger.connection.is_alive


def test_records_for_the_other_end_are_counted_and_start_no_loop() -> None:
    for as_server in (False, True):
        forger = Forger(PLAIN, as_server=as_server)
        quiet = 0
        for record, _ in EXAMPLES:
            if type(record) in forger.victim.core.host.record_types:
                continue
            before = forger.connection.receiver.drops["unexpected-record"]
            answers = forger.record(record)
            assert all(answer[3] != 17 for answer in answers), "no record is answered with a record"
            quiet += forger.connection.receiver.drops["unexpected-record"] - before
        assert quiet == len(EXAMPLES) - len(forger.victim.core.host.record_types)
        assert forger.connection.is_alive


@pytest.mark.parametrize("length", [2**20 + 1, 2**31, 2**32 - 1])
def test_a_record_that_claims_too_much_closes(length: int) -> None:
    forger = Forger(PLAIN)
    assert closing(forger.write(header(length, RecordType.SAY, 1))) == ErrorCode.MALFORMED_RECORD


def test_records_in_any_pieces_are_the_same_records() -> None:
    encoded = encode_record(Users(Scope.PRESENT, ""), 5) * 3
    for size in (1, 2, 8, 9, 10, 27):
        forger = Forger(PLAIN)
        answers: list[bytes] = []
        for at in range(0, len(encoded), size):
            answers += forger.write(encoded[at : at + size])
        finished = header(4, RecordType.FINISHED, 5)
        assert sum(answer.count(finished) for answer in answers if answer[3] == 17) >= 3


def test_the_examples_decode() -> None:
    for record, text in EXAMPLES:
        encoded = bytes.fromhex(text)
        assert decode_record(encoded[4], encoded[RECORD_HEADER_SIZE:]) == record
        assert not isinstance(record, UnknownRecord)

"""tshark shows in every packet and record what construct, the codec and scapy read there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from tests.captures import readers
from tests.captures.test_layers import damage_packet
from tests.wire.examples import built_packet, random_values
from tests.wireshark.reading import as_shown, is_refused, secrets_of, tree_reading, tree_record
from tests.wireshark.tshark import capture_of, trees, trouble, tshark
from udpchat.crypto.plain import checksum_trailer
from udpchat.wire import codec, packets, records
from udpchat.wire.codec import Message, Params, Reply
from udpchat.wire.declared_records import RECORDS
from udpchat.wire.numbers import Flag, PacketType
from udpchat.wire.schema import Kind

ROUNDS = 20
RECORD_ROUNDS = 12


def some_packets(seed: int, *, damaged: bool) -> Iterator[bytes]:
    rng = Random(seed)
    for schema in readers.PROTOCOL.packets:
        for _ in range(ROUNDS):
            whole, _, _ = built_packet(rng, schema)
            yield (damage_packet(rng, whole) or b"\0") if damaged else whole


def has_phase_without_key(reading: dict[str, Any]) -> bool:
    """The codec leaves it to the trailer to refuse these."""
    return not reading["flags"] & Flag.SEALED and bool(reading["flags"] & Flag.KEY_PHASE)


def test_every_field_of_every_packet_is_what_the_other_readers_read(tmp_path: Path) -> None:
    sent = list(some_packets(1, damaged=False))
    shown = list(trees(capture_of(tmp_path / "packets.pcapng", sent)))
    assert len(shown) == len(sent)
    for data, tree in zip(sent, shown, strict=True):
        expected = readers.codec_reading(data)
        assert isinstance(expected, dict)
        assert readers.known_bits((), readers.construct_reading(data)) != "malformed"
        assert tree_reading(tree) == expected
        assert is_refused(tree) == has_phase_without_key(expected)


def test_what_the_codec_refuses_is_marked_and_nothing_else(tmp_path: Path) -> None:
    sent = [data for seed in (2, 3, 4) for data in some_packets(seed, damaged=True)]
    capture = capture_of(tmp_path / "damaged.pcapng", sent)
    refused = 0
    for data, tree in zip(sent, trees(capture), strict=True):
        expected = readers.codec_reading(data)
        if isinstance(expected, str) or "body" in expected or has_phase_without_key(expected):
            refused += 1
            assert is_refused(tree), (expected, data.hex())
        else:
            assert not is_refused(tree), (expected, data.hex())
            assert tree_reading(tree) == expected
    assert len(sent) // 5 < refused < len(sent)
    assert trouble(capture) == ""


def record_packets(rng: Random) -> Iterator[tuple[int, bytes, bytes]]:
    """Type and body of a record, and a MSG that holds it alone, in plaintext."""
    for schema in readers.PROTOCOL.records:
        for _ in range(RECORD_ROUNDS):
            body = RECORDS[schema.name].build(random_values(rng, schema.fields))
            header = {"record_length": len(body), "record_type": schema.number, "request_id": rng.getrandbits(32)}
            content = packets.RECORD_HEADER.build(header) + body
            clear = codec.encode_associated(
                PacketType.MSG, rng.randrange(2), rng.randbytes(8), 0, Message(rng.randrange(2), 0), len(content)
            )
            yield schema.number, body, clear + content + checksum_trailer(clear + content)


def test_every_field_of_every_record_is_what_the_other_readers_read(tmp_path: Path) -> None:
    made = list(record_packets(Random(5)))
    shown = trees(capture_of(tmp_path / "records.pcapng", [data for _, _, data in made]))
    for (number, body, _), tree in zip(made, shown, strict=True):
        assert tree_record(tree) == as_shown(number, readers.codec_record(number, body))
        assert "udpchat.record.broken" not in tree


SECRET = b"correct horse battery"


def with_secret(number: int, name: str) -> bytes:
    """A record whose one secret is SECRET."""
    schema = readers.RECORD_BY_NUMBER[number]
    values = random_values(Random(1), schema.fields)
    kind = next(field.kind for field in schema.fields if field.name == name)
    body: bytes = RECORDS[schema.name].build(values | {name: SECRET if kind is Kind.BLOB else SECRET.decode()})
    header: bytes = packets.RECORD_HEADER.build({"record_length": len(body), "record_type": number, "request_id": 1})
    return header + body


def test_passwords_and_tickets_are_hidden_wherever_text_is_shown(tmp_path: Path) -> None:
    secrets = [(each.number, name) for each in readers.PROTOCOL.records for name in sorted(secrets_of(each.number))]
    assert {readers.RECORD_BY_NUMBER[number].name for number, _ in secrets} == {
        *("JOIN", "ACCOUNT", "REGISTER", "LOGIN", "PASSWORD"),
    }
    offset, sent = 0, []
    for at, (number, name) in enumerate(secrets):
        content = with_secret(number, name)
        clear = codec.encode_associated(PacketType.MSG, 0, bytes(8), at, Message(0, offset), len(content))
        sent.append(clear + content + checksum_trailer(clear + content))
        offset += len(content)
    capture = capture_of(tmp_path / "secrets.pcapng", sent)
    shown = tshark(capture, "-O", "udpchat") + tshark(capture)
    assert shown.count("(hidden)") == len(secrets)
    assert SECRET.decode() not in shown
    for tree, (number, name) in zip(trees(capture), secrets, strict=True):
        (field,) = tree[f"udpchat.record.{readers.RECORD_BY_NUMBER[number].name.lower()}.{name}"]
        assert (field.show, field.value) == ("(hidden)", b"")


def test_an_unknown_record_type_is_shown_as_one(tmp_path: Path) -> None:
    content = bytes([0, 0, 0, 3, 200, 0, 0, 0, 9]) + b"new" + records.encode_record(records.Unsupported(200), 9)
    clear = codec.encode_associated(PacketType.MSG, 0, bytes(8), 0, Message(0, 0), len(content))
    data = clear + content + checksum_trailer(clear + content)
    (tree,) = trees(capture_of(tmp_path / "unknown.pcapng", [data]))
    assert "udpchat.record.unknown_type" in tree
    assert tree["udpchat.record.undecoded"][0].value == b"new"
    assert tree["udpchat.record.unsupported.record_type"][0].show == "200"


def test_the_parameters_in_a_plaintext_reply_are_shown(tmp_path: Path) -> None:
    params = Params(b"connid..", b"reset token 16 b", 1, 1_472, 60_000_000)
    good = codec.encode_handshake(PacketType.REPLY, 1, bytes(8), 0, Reply(codec.encode_params(params)))
    short = codec.encode_handshake(PacketType.REPLY, 1, bytes(8), 0, Reply(codec.encode_params(params)[:-1]))
    first, second = trees(capture_of(tmp_path / "params.pcapng", [good, short]))
    assert first["udpchat.params.connection_id"][0].value == params.connection_id
    assert first["udpchat.params.reset_token"][0].value == params.reset_token
    assert first["udpchat.params.max_datagram"][0].show == "1472"
    assert first["udpchat.params.idle_timeout"][0].show == "60000"
    assert "udpchat.params.broken" not in first
    assert "udpchat.params.broken" in second

"""With the key log a sealed capture reads as its plaintext twin does; without, all that is in clear does."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.captures.test_layers import damage_packet
from tests.wireshark.sessions import FILE, LONG_LINE, session
from tests.wireshark.tshark import Seen, infos, rows, trees, trouble, tshark, write_capture
from udpchat.wire.numbers import Flag

CLEAR = [
    "udpchat.type",
    "udpchat.packet_number",
    "udpchat.data.transfer_id",
    "udpchat.data.offset",
    "udpchat.msg.channel",
    "udpchat.msg.offset",
    "udpchat.msg.repeats",
    "udpchat.ack.largest",
    "udpchat.ack.arrival",
    "udpchat.ack.ack_delay",
    "udpchat.ack.received",
    "udpchat.ack.window",
    "udpchat.ack.range.start",
    "udpchat.ack.range.stop",
]
SEALED = [
    "udpchat.data.chunk",
    "udpchat.record.record_type",
    "udpchat.record.request_id",
    "udpchat.record.join.nick",
    "udpchat.record.line.text",
    "udpchat.record.private.text",
    "udpchat.record.open.file_name",
    "udpchat.record.commit.md5",
    "udpchat.record.started_in",
    "udpchat.record.completed_in",
    "udpchat.probe.padding",
]
NEVER = 1 << 20
REKEY = 40  # packets under one key: several epochs in a small session


def written(folder: Path, *, plaintext: bool, rekey_packets: int = REKEY, seed: int = 3) -> tuple[Path, Path]:
    """Capture and key log of a session."""
    made = session(seed, plaintext=plaintext, rekey_packets=rekey_packets)
    keylog = folder / "keys.log"
    keylog.write_text("# a comment\nCLIENT_RANDOM 00 11\n" + "".join(f"{line}\n" for line in made.keys))
    return write_capture(folder / f"plaintext-{plaintext}.pcapng", made.sent), keylog


def test_a_sealed_capture_with_its_keys_reads_like_its_plaintext_twin(tmp_path: Path) -> None:
    plain, _ = written(tmp_path, plaintext=True, rekey_packets=NEVER)
    sealed, keylog = written(tmp_path, plaintext=False, rekey_packets=NEVER)
    assert rows(sealed, *CLEAR, *SEALED, keylog=str(keylog)) == rows(plain, *CLEAR, *SEALED)
    lines = [line.replace("REPLY, sealed", "REPLY, plaintext") for line in infos(sealed, keylog=str(keylog))]
    assert lines == infos(plain)
    assert any("LINE ben: a long line" in line for line in lines)


def test_without_keys_all_that_is_in_clear_is_shown(tmp_path: Path) -> None:
    plain, _ = written(tmp_path, plaintext=True, rekey_packets=NEVER)
    sealed, _ = written(tmp_path, plaintext=False, rekey_packets=NEVER)
    assert rows(sealed, *CLEAR) == rows(plain, *CLEAR)
    assert not any(rows(sealed, *SEALED))
    assert trouble(sealed) == ""
    assert rows(sealed, "udpchat.no_key", where="udpchat.no_key") == []


def test_every_tag_fits_and_every_epoch_of_the_key_log_is_used(tmp_path: Path) -> None:
    sealed, keylog = written(tmp_path, plaintext=False)
    shown = rows(sealed, "udpchat.tag.status", "udpchat.key_epoch", keylog=str(keylog), verify_checksum=True)
    assert {row["udpchat.tag.status"][0] for row in shown if row} == {"1"}
    logged = {int(line.split()[3]) for line in keylog.read_text().splitlines() if line.startswith("UDPCHAT_KEY")}
    assert len(logged) >= 3
    assert {int(row["udpchat.key_epoch"][0]) for row in shown if row} == logged


def test_a_capture_that_starts_in_the_middle_finds_its_epoch_and_its_records(tmp_path: Path) -> None:
    made = session(3, plaintext=False, rekey_packets=REKEY)
    _, keylog = written(tmp_path, plaintext=False)
    late = write_capture(tmp_path / "late.pcapng", made.sent[len(made.sent) // 2 :])
    shown = rows(late, "udpchat.key_epoch", "udpchat.tag.status", keylog=str(keylog), verify_checksum=True)
    assert all(row.get("udpchat.tag.status") == ["1"] for row in shown)
    texts = rows(late, "udpchat.record.private.text", where="udpchat.record.private", keylog=str(keylog))
    assert [row["udpchat.record.private.text"] for row in texts] == [["got it"]]


def test_a_damaged_phase_bit_misleads_nobody(tmp_path: Path) -> None:
    made = session(3, plaintext=False, rekey_packets=REKEY)
    _, keylog = written(tmp_path, plaintext=False)
    victims = [index for index, seen in enumerate(made.sent) if seen.data[3] == 16][::7]
    sent = list(made.sent)
    for index in victims:
        data = bytearray(sent[index].data)
        data[5] ^= Flag.KEY_PHASE
        sent[index] = sent[index]._replace(data=bytes(data))
    damaged = write_capture(tmp_path / "phase.pcapng", sent)
    shown = rows(damaged, "udpchat.tag.status", "udpchat.tag", keylog=str(keylog), verify_checksum=True)
    bad = {index for index, row in enumerate(shown) if "udpchat.tag" in row and row.get("udpchat.tag.status") != ["1"]}
    assert bad == set(victims)


def test_opened_bodies_are_said_to_be_unverified_unless_they_were(tmp_path: Path) -> None:
    sealed, keylog = written(tmp_path, plaintext=False)
    assert "decrypted, not verified" in tshark(sealed, "-O", "udpchat", "-c", "20", keylog=str(keylog))
    verified = tshark(sealed, "-O", "udpchat", "-c", "20", keylog=str(keylog), verify_checksum=True)
    assert "not verified" not in verified
    assert "Tag status: Good" in verified


@pytest.mark.parametrize("content", [None, "", "nothing that is a key\n", "UDPCHAT_KEY 00 client 0 11 22\n"])
def test_a_key_log_without_our_keys_is_said_to_be_one(tmp_path: Path, content: str | None) -> None:
    sealed, _ = written(tmp_path, plaintext=False)
    other = tmp_path / "other.log"
    if content is not None:
        other.write_text(content)
    text = tshark(sealed, "-O", "udpchat", "-c", "9", keylog=str(other))
    assert ("cannot be opened" in text) == (content is None)
    assert ("has no key for this packet" in text) == (content is not None)
    assert trouble(sealed, keylog=str(tmp_path)) == ""  # a folder


def test_a_record_that_spans_packets_is_shown_where_it_is_complete(tmp_path: Path) -> None:
    plain, _ = written(tmp_path, plaintext=True)
    fields = ("frame.number", "udpchat.record.say.text", "udpchat.record.started_in", "udpchat.record.completed_in")
    shown = rows(plain, *fields, two_passes=True)
    said = [row for row in shown if row.get("udpchat.record.say.text") == [LONG_LINE]]
    assert len(said) == 1
    first, last = int(said[0]["udpchat.record.started_in"][0]), int(said[0]["frame.number"][0])
    assert first < last
    assert shown[first - 1]["udpchat.record.completed_in"] == [str(last)]


def test_in_two_passes_the_same_is_shown_as_in_one(tmp_path: Path) -> None:
    sealed, keylog = written(tmp_path, plaintext=False)
    columns = [word for name in (*CLEAR, *SEALED) if "completed" not in name for word in ("-e", name)]
    once = tshark(sealed, "-T", "fields", *columns, keylog=str(keylog))
    assert tshark(sealed, "-2", "-T", "fields", *columns, keylog=str(keylog)) == once


def test_each_interface_of_a_capture_is_a_place_of_its_own(tmp_path: Path) -> None:
    made = session(3, plaintext=True, rekey_packets=REKEY)
    twice = [copy for seen in made.sent for copy in (seen, Seen(*seen[:4], interface=1))]
    capture = write_capture(tmp_path / "both.pcapng", twice, ("client", "server"))
    shown = rows(capture, "udpchat.record.line.text", "udpchat.packet_number")
    assert shown[::2] == shown[1::2]
    assert any("udpchat.record.line.text" in row for row in shown)


def test_the_chunks_of_a_transfer_are_the_file(tmp_path: Path) -> None:
    sealed, keylog = written(tmp_path, plaintext=False)
    chunks: dict[int, bytes] = {}
    for tree in trees(sealed, keylog=str(keylog)):
        if "udpchat.data.chunk" in tree and not tree["udpchat.flags"][0].value[1] & Flag.FROM_SERVER:
            chunks[int(tree["udpchat.data.offset"][0].show)] = tree["udpchat.data.chunk"][0].value
    joined = b"".join(chunk for _, chunk in sorted(chunks.items()))
    assert joined == FILE


def test_damage_in_a_sealed_session_makes_nothing_fail(tmp_path: Path) -> None:
    made = session(3, plaintext=False, rekey_packets=REKEY)
    _, keylog = written(tmp_path, plaintext=False)
    rng = Random(1)
    sent = [seen._replace(data=damage_packet(rng, seen.data) or b"U") for seen in made.sent * 3]
    for verified in (False, True):
        capture = write_capture(tmp_path / "damaged.pcapng", sent)
        assert trouble(capture, keylog=str(keylog), verify_checksum=verified) == ""

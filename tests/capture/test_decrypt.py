from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from tests.capture.scripted import CLIENT, SERVER, Script
from tests.capture.simulated import CLEAN, DAMAGING, Simulated, simulated
from udpchat.capture.decrypt import Decrypted, decrypt_capture
from udpchat.capture.keyring import Keyring, is_sealed, read_keylog
from udpchat.capture.pcapng import PcapngWriter
from udpchat.capture.reader import Captured, read_capture
from udpchat.capture.tolerant import Readable
from udpchat.crypto.keylog import LoggedKey, format_line
from udpchat.crypto.sealing import SealedProtection
from udpchat.errors import CaptureError, StorageError
from udpchat.wire.codec import checksum_fits, decode, encode_associated
from udpchat.wire.numbers import Flag, PacketType

ID = b"sealed 1"
EPOCHS = 6


def decrypted(run: Simulated, folder: Path, keys: Path | None = None) -> tuple[list[Captured], Decrypted]:
    target = folder / "plain.pcapng"
    done = decrypt_capture(run.readable(folder), read_keylog(keys or run.save_keys(folder)), target)
    return list(read_capture(target)), done


def test_every_packet_outside_the_handshake_becomes_a_plaintext_one_in_its_place(tmp_path: Path) -> None:
    run = simulated(5, CLEAN)
    before = list(run.readable(tmp_path))
    after, done = decrypted(run, tmp_path)
    assert len(after) == len(before)
    for sealed, plain in zip(before, after, strict=True):
        assert plain._replace(data=b"") == sealed._replace(data=b"")
        assert len(plain.data) == len(sealed.data)
        assert checksum_fits(plain.data)
        header = decode(plain.data).header
        if header.packet_type >= PacketType.DATA:
            assert not header.flags & (Flag.SEALED | Flag.KEY_PHASE)
        else:
            assert plain.data == sealed.data
    assert (done.opened, done.kept) == (sum(is_sealed(each.data) for each in before), {})


def test_file_bytes_are_those_of_the_plaintext_capture_of_the_same_seed(tmp_path: Path) -> None:
    def chunks(found: list[Captured]) -> list[bytes]:
        return [each.data[16:] for each in found if decode(each.data).header.packet_type is PacketType.DATA]

    twin = list(simulated(5, CLEAN, plaintext=True).readable(tmp_path))
    assert chunks(decrypted(simulated(5, CLEAN), tmp_path)[0])[:100] == chunks(twin)[:100]


def test_packets_of_all_key_epochs_are_opened(tmp_path: Path) -> None:
    run = simulated(6, CLEAN, rekey=40)
    assert run.keylog.count(" client ") >= EPOCHS
    _, done = decrypted(run, tmp_path)
    assert not done.kept


def test_damaged_packets_stay_as_they_are_and_are_counted(tmp_path: Path) -> None:
    after, done = decrypted(simulated(1, DAMAGING), tmp_path)
    kept = [each for each in after if is_sealed(each.data)]
    assert done.kept.total() == len(kept) > 0
    assert done.kept["wrong-key-or-damaged"] > 0


def test_a_connection_whose_keys_are_missing_stays_sealed(tmp_path: Path) -> None:
    run = simulated(5, CLEAN)
    keys = tmp_path / "half.keys"
    keys.write_text("\n".join(line for line in run.keylog.splitlines() if " server " in line))
    after, done = decrypted(run, tmp_path, keys)
    assert done.kept == {"no-key": sum(is_sealed(each.data) for each in after)}
    assert done.opened > 0


@pytest.mark.parametrize(
    ("keylog", "words"),
    [
        (format_line(bytes(8), "client", 0, bytes(32), bytes(12)), "none of the .* sealed packets .* has its key"),
        ("", "no line begins with UDPCHAT_KEY"),
        ("CLIENT_RANDOM 00 11\n# a comment", "no line begins with UDPCHAT_KEY"),
        ("UDPCHAT_KEY 0011 client 0 aa bb", "line 1 of the key log .* is damaged"),
    ],
)
def test_a_key_log_that_opens_nothing_is_one_clear_line_and_no_file(keylog: str, words: str, tmp_path: Path) -> None:
    keys = tmp_path / "some.keys"
    keys.write_text(keylog)
    with pytest.raises(CaptureError, match=words):
        decrypted(simulated(5, CLEAN), tmp_path, keys)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["run.pcapng", "some.keys"]


def test_a_wrong_key_is_told_from_a_missing_one(tmp_path: Path) -> None:
    run = simulated(5, CLEAN)
    keys = tmp_path / "wrong.keys"
    keys.write_text("\n".join(line[:-20] + "0" * 20 for line in run.keylog.splitlines() if line))
    with pytest.raises(CaptureError, match="no key of the key log opens any"):
        decrypted(run, tmp_path, keys)


def test_a_plaintext_capture_has_nothing_to_decrypt(tmp_path: Path) -> None:
    keys = simulated(5, CLEAN).save_keys(tmp_path)
    with pytest.raises(CaptureError, match="holds no sealed packets"):
        decrypted(simulated(5, CLEAN, plaintext=True), tmp_path, keys)


def test_a_missing_key_log_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="cannot read the key log"):
        read_keylog(tmp_path / "none.keys")


def test_the_capture_itself_is_never_overwritten(tmp_path: Path) -> None:
    run = simulated(5, CLEAN)
    readable, keys = run.readable(tmp_path), read_keylog(run.save_keys(tmp_path))
    with pytest.raises(StorageError, match="is the capture itself"):
        decrypt_capture(readable, keys, tmp_path / "run.pcapng")
    assert (tmp_path / "run.pcapng").read_bytes() == run.capture


def test_a_folder_that_is_missing_is_one_clear_line(tmp_path: Path) -> None:
    run = simulated(5, CLEAN)
    with pytest.raises(StorageError, match=r"cannot write .*nowhere.*No such file"):
        decrypt_capture(run.readable(tmp_path), read_keylog(run.save_keys(tmp_path)), tmp_path / "nowhere" / "o.pcapng")


@pytest.mark.skipif(sys.platform == "win32", reason="no modes of files there")
def test_the_result_is_for_its_owner_alone(tmp_path: Path) -> None:
    decrypted(simulated(5, CLEAN), tmp_path)
    assert stat.S_IMODE((tmp_path / "plain.pcapng").stat().st_mode) == 0o600


def test_interfaces_that_stand_farther_down_in_the_file_are_kept(tmp_path: Path) -> None:
    run = simulated(5, CLEAN)
    path = tmp_path / "two.pcapng"
    late = tmp_path / "late.pcapng"
    with late.open("wb") as file:
        PcapngWriter(file, ["late"]).write(5, CLIENT, SERVER, b"something else")
    path.write_bytes(run.capture + late.read_bytes())  # a second section
    target = tmp_path / "plain.pcapng"
    decrypt_capture(Readable(read_capture(path)), read_keylog(run.save_keys(tmp_path)), target)
    assert [each.name for each in read_capture(target).interfaces] == ["client", "server", "late"]
    assert list(read_capture(target))[-1].interface_name == "late"


def test_keys_of_one_phase_are_tried_until_one_fits() -> None:
    lines: list[LoggedKey] = []
    ends = [
        SealedProtection(
            b"c" * 32, b"s" * 32, sends_as="client", on_key=lambda *key: lines.append(LoggedKey(ID, *key))
        ),
        SealedProtection(b"s" * 32, b"c" * 32, sends_as="server"),
    ]
    sealed = []
    for number in range(EPOCHS):
        for place, flags in ((0, 0), (1, int(Flag.FROM_SERVER))):
            end, other = ends[place], ends[1 - place]
            if number and (end.may_update or end.send_key_behind):
                end.update_send_key()
            phase = Flag.KEY_PHASE if end.key_phase else 0
            head = encode_associated(PacketType.PING, flags | Flag.SEALED | phase, ID, number, None, 24)
            packet = bytearray(len(head) + 40)
            packet[: len(head)] = head
            end.seal_into(number, bytes(24), head, memoryview(packet)[len(head) :])
            other.open_into(number, end.key_phase, packet[len(head) :], head, memoryview(bytearray(24)))
            sealed.append(bytes(packet))
    ring = Keyring()
    for logged in lines:
        ring.add(logged)
        ring.add(logged)
    assert len(ring) == len(lines) == 2 * EPOCHS
    for data in sealed[::-1] + sealed:
        assert ring.open(data) == (data[:24], bytes(24))


def test_handshake_packets_and_other_datagrams_are_not_sealed() -> None:
    script = Script().handshake().data(0, 0).put(b"").put(b"UC" + bytes(60))
    assert not any(is_sealed(each.data) for each in script.packets)

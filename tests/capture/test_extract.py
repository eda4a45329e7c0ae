from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.capture.scripted import CHUNK, ID, Script, offer, opening, plain
from tests.capture.simulated import CLEAN, DAMAGING, LOSSY, simulated
from udpchat.capture.extract import Extracted, Reading, extract_files
from udpchat.capture.keyring import read_keylog
from udpchat.capture.tolerant import Readable
from udpchat.capture.transfers import MAX_OFFSET, MAX_PARTS, Part, Transfers
from udpchat.errors import CaptureError, StorageError
from udpchat.files.members import WHOLE, folder_md5
from udpchat.lab.experiment import Direction
from udpchat.sim.link import LinkSpec
from udpchat.store.names import export_name, numbered
from udpchat.wire.codec import Data, Message
from udpchat.wire.numbers import MemberFlag, PacketType
from udpchat.wire.records import Commit, Committed, Fetch, Member, Opened, encode_record

UPLOAD = b"upload identity!"


def extract(
    readable: Readable, folder: Path, keys: Path | None = None, *, partial: bool = False
) -> tuple[list[Extracted], Reading]:
    ring = read_keylog(keys) if keys is not None else None
    return extract_files(readable, ring, folder, export_name, numbered, partial=partial)


def upload(chunks: list[int], size: int, name: str = "a.txt", md5: bytes | None = None) -> Script:
    """An upload of which these chunks were captured."""
    script = Script().record(0, opening(UPLOAD, size, name), from_server=False, request_id=1)
    script.record(0, Opened(1, size, 0, ()), from_server=True, request_id=1)
    for number, chunk in enumerate(chunks, 1):
        script.data(number, chunk)
    if md5 is not None:
        script.record(1_000, Commit(UPLOAD, md5), from_server=False, request_id=2)
        script.record(1_000, Committed(UPLOAD, bytes(16), md5, 0, name), from_server=True, request_id=2)
    return script


def content(chunks: int) -> bytes:
    return b"".join(bytes([chunk % 251]) * CHUNK for chunk in range(chunks))


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("link", [LOSSY, DAMAGING])
@pytest.mark.parametrize("plaintext", [False, True])
def test_a_file_is_recovered_as_it_was_sent(
    direction: Direction, link: LinkSpec, plaintext: bool, tmp_path: Path
) -> None:
    run = simulated(7, link, direction=direction, plaintext=plaintext)
    keys = None if plaintext else run.save_keys(tmp_path)
    ((found, path),) = ((each.found, each.path) for each in extract(run.readable(tmp_path), tmp_path / "out", keys)[0])
    assert path is not None
    digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    assert digest == run.outcome.md5_sent == (found.md5 or b"").hex()
    assert found.is_genuine
    assert found.md5_sent == found.md5_stored == found.md5
    assert [each.name for each in (tmp_path / "out").iterdir()] == [path.name]


def test_packets_of_all_key_epochs_are_used(tmp_path: Path) -> None:
    run = simulated(6, CLEAN, rekey=40)
    files, reading = extract(run.readable(tmp_path), tmp_path, run.save_keys(tmp_path))
    assert [each.found.is_genuine for each in files] == [True]
    assert not reading.kept


def test_an_incomplete_file_is_told_with_its_missing_bytes_and_not_written(tmp_path: Path) -> None:
    readable = upload([0, 1, 3], 5 * CHUNK).save(tmp_path / "c.pcapng")
    (file,) = extract(readable, tmp_path / "out")[0]
    assert file.path is None
    assert file.found.missing == ((2 * CHUNK, 3 * CHUNK), (4 * CHUNK, 5 * CHUNK))
    assert not file.found.is_complete
    assert list((tmp_path / "out").iterdir()) == []


def test_a_partial_file_has_zeros_in_its_holes(tmp_path: Path) -> None:
    readable = upload([0, 1, 3], 5 * CHUNK).save(tmp_path / "c.pcapng")
    (file,) = extract(readable, tmp_path / "out", partial=True)[0]
    assert file.path is not None
    expected = content(4)
    assert file.path.read_bytes() == expected[: 2 * CHUNK] + bytes(CHUNK) + expected[3 * CHUNK :]


def test_bytes_that_the_receiver_had_before_are_told(tmp_path: Path) -> None:
    script = Script().record(0, opening(UPLOAD, 2 * CHUNK, "a"), from_server=False, request_id=1)
    script.record(0, Opened(1, 2 * CHUNK, 0, ((0, CHUNK),)), from_server=True, request_id=1).data(1, 1)
    (file,) = extract(script.save(tmp_path / "c.pcapng"), tmp_path)[0]
    assert (file.found.present, file.found.missing) == (((0, CHUNK),), ((0, CHUNK),))


def test_a_file_whose_md5_is_another_is_not_written(tmp_path: Path) -> None:
    readable = upload([0], CHUNK, md5=bytes(16)).save(tmp_path / "c.pcapng")
    (file,) = extract(readable, tmp_path / "out")[0]
    assert (file.found.is_complete, file.found.is_genuine, file.path) == (True, False, None)


def test_of_two_versions_of_a_byte_the_first_counts(tmp_path: Path) -> None:
    script = upload([0], CHUNK)
    forged = plain(PacketType.DATA, 50, Data(1, 0), b"?" * CHUNK, from_server=False)
    (file,) = extract(script.put(forged).save(tmp_path / "c.pcapng"), tmp_path / "out")[0]
    assert file.path is not None
    assert file.path.read_bytes() == content(1)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..", "a\x00b\x1b[31m", "", "con.txt", ".hidden"])
def test_names_from_a_capture_stay_inside_the_folder(name: str, tmp_path: Path) -> None:
    readable = upload([0], CHUNK, name=name or "?").save(tmp_path / "c.pcapng")
    (file,) = extract(readable, tmp_path / "out")[0]
    assert file.path is not None
    assert file.path.parent == tmp_path / "out"
    assert file.path.name == export_name(name or "?")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("mine")
    readable = upload([0], CHUNK).save(tmp_path / "c.pcapng")
    paths = [extract(readable, tmp_path)[0][0].path for _ in range(2)]
    assert paths == [tmp_path / "a (2).txt", tmp_path / "a (3).txt"]
    assert (tmp_path / "a.txt").read_text() == "mine"


def test_an_empty_file_is_a_file(tmp_path: Path) -> None:
    readable = upload([], 0, md5=hashlib.md5(b"", usedforsecurity=False).digest()).save(tmp_path / "c.pcapng")
    (file,) = extract(readable, tmp_path)[0]
    assert file.path is not None
    assert file.path.read_bytes() == b""


def test_a_transfer_that_no_record_announces_is_incomplete(tmp_path: Path) -> None:
    (file,) = extract(Script().data(0, 0).data(1, 1).save(tmp_path / "c.pcapng"), tmp_path, partial=True)[0]
    assert (file.found.size, file.found.missing, file.found.is_complete) == (None, (), False)
    assert file.path == tmp_path / "transfer-1"


def test_an_upload_that_goes_on_in_another_connection_is_one_file(tmp_path: Path) -> None:
    transfers = Transfers(tmp_path)
    for place, connection_id in enumerate((b"connect1", b"connect2")):
        present = ((0, CHUNK),) if place else ()
        asked = encode_record(opening(UPLOAD, 2 * CHUNK, "a.txt"), 1)
        transfers.on_message(connection_id, False, 0, 0, asked)
        transfers.on_message(connection_id, True, 0, 0, encode_record(Opened(4, CHUNK, 0, present), 1))
        transfers.on_chunk(connection_id, False, 4, place * CHUNK, bytes(CHUNK))
    (found,) = transfers.recovered()
    assert found.is_complete


def test_an_upload_and_a_download_with_one_transfer_id_are_two_files(tmp_path: Path) -> None:
    transfers = Transfers(tmp_path)
    transfers.on_message(ID, True, 0, 0, encode_record(offer(4, 3, bytes(16), "down")))
    transfers.on_chunk(ID, True, 4, 0, b"abc")
    transfers.on_chunk(ID, False, 4, 0, b"xyz")
    assert [(found.name, found.from_server) for found in transfers.recovered()] == [("down", True), ("", False)]


def test_a_download_that_goes_on_in_another_connection_is_one_file(tmp_path: Path) -> None:
    transfers = Transfers(tmp_path)
    for place, connection_id in enumerate((b"connect1", b"connect2")):
        asked = Fetch(bytes(16), WHOLE, 0, "", ((0, CHUNK),) if place else ())
        transfers.on_message(connection_id, False, 0, 0, encode_record(asked, 1))
        transfers.on_message(connection_id, True, 0, 0, encode_record(offer(4, 2 * CHUNK, bytes(16), "a.txt"), 1))
        transfers.on_chunk(connection_id, True, 4, place * CHUNK, bytes(CHUNK))
    (found,) = transfers.recovered()
    assert found.is_complete


def test_two_downloads_of_one_file_are_two_files(tmp_path: Path) -> None:
    transfers = Transfers(tmp_path)
    for connection_id in (b"connect1", b"connect2"):
        transfers.on_message(connection_id, False, 0, 0, encode_record(Fetch(bytes(16), WHOLE, 0, "", ()), 1))
        transfers.on_message(connection_id, True, 0, 0, encode_record(offer(4, 3, bytes(16), "a.txt"), 1))
        transfers.on_chunk(connection_id, True, 4, 0, b"abc")
    assert [found.seen for found in transfers.recovered()] == [3, 3]


# -- folders -----------------------------------------------------------------------------------------------------------

TREE = {"empty": None, "bin": None, "bin/run": b"#!run", "notes.txt": b"n" * 700, "nothing.txt": b""}
TREE_SIZE = sum(len(data or b"") for data in TREE.values())
TREE_MD5 = folder_md5(hashlib.md5(data or b"", usedforsecurity=False).digest() for data in TREE.values())


def members(paths: dict[str, bytes | None], transfer_id: int = 1) -> list[Member]:
    """The index of a folder; None stands for a folder inside it."""
    return [
        Member(transfer_id, number, len(data or b""), 0, bytes(16), flags_of(path, data), path)
        for number, (path, data) in enumerate(paths.items())
    ]


def flags_of(path: str, data: bytes | None) -> int:
    return int(MemberFlag.DIRECTORY if data is None else MemberFlag.EXECUTABLE if path == "bin/run" else 0)


def folder_upload(paths: dict[str, bytes | None], md5: bytes, *, leave_out: int | None = None) -> Script:
    """An upload of a folder, all of it captured but one line of its index."""
    script = Script().record(
        0, opening(UPLOAD, TREE_SIZE, "album", members=len(paths)), from_server=False, request_id=1
    )
    script.record(0, Opened(1, TREE_SIZE, 0, ()), from_server=True, request_id=1)
    for member in members(paths):
        if member.number != leave_out:
            script.record(1 + member.number, member, from_server=False)
    data = b"".join(data or b"" for data in paths.values())
    script.put(plain(PacketType.DATA, 50, Data(1, 0), data, from_server=False))
    script.record(60, Commit(UPLOAD, md5), from_server=False, request_id=2)
    return script.record(1, Committed(UPLOAD, bytes(16), md5, 0, "album"), from_server=True, request_id=2)


def tree_of(folder: Path) -> dict[str, bytes | None]:
    """What is in a folder; None stands for a folder inside it."""
    return {
        each.relative_to(folder).as_posix(): None if each.is_dir() else each.read_bytes() for each in folder.rglob("*")
    }


def test_a_folder_is_recovered_as_the_tree_that_was_sent(tmp_path: Path) -> None:
    (file,) = extract(folder_upload(TREE, TREE_MD5).save(tmp_path / "c.pcapng"), tmp_path / "out")[0]
    assert file.found.is_genuine
    assert file.path == tmp_path / "out" / "album"
    assert tree_of(file.path) == TREE
    assert (file.path / "bin" / "run").stat().st_mode & 0o100
    assert not (file.path / "notes.txt").stat().st_mode & 0o100


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    readable = folder_upload(TREE, TREE_MD5).save(tmp_path / "c.pcapng")
    paths = [extract(readable, tmp_path / "out")[0][0].path for _ in range(2)]
    assert paths == [tmp_path / "out" / "album", tmp_path / "out" / "album (2)"]


def test_a_folder_with_another_md5_is_not_written(tmp_path: Path) -> None:
    (file,) = extract(folder_upload(TREE, bytes(16)).save(tmp_path / "c.pcapng"), tmp_path / "out")[0]
    assert (file.found.is_complete, file.found.is_genuine, file.path) == (True, False, None)


def test_a_folder_without_its_whole_index_is_incomplete_and_one_file_when_parts_are_wanted(tmp_path: Path) -> None:
    readable = folder_upload(TREE, TREE_MD5, leave_out=2).save(tmp_path / "c.pcapng")
    (file,) = extract(readable, tmp_path / "out")[0]
    assert (file.found.is_folder, file.found.is_complete, file.path) == (True, False, None)
    (file,) = extract(readable, tmp_path / "out", partial=True)[0]
    assert file.path is not None
    assert file.path.read_bytes() == b"".join(data or b"" for data in TREE.values())


def test_paths_of_members_from_a_capture_stay_inside_the_folder(tmp_path: Path) -> None:
    hostile: dict[str, bytes | None] = {
        "../../up": b"1",
        "/etc/passwd": b"2",
        "a/../../b": b"3",
        "..": None,
        "con": b"4",
        "x": b"5",
        "x/below a file": b"6",
        "X": b"7" * (TREE_SIZE - 6),
    }
    md5 = folder_md5(hashlib.md5(data or b"", usedforsecurity=False).digest() for data in hostile.values())
    (file,) = extract(folder_upload(hostile, md5).save(tmp_path / "c.pcapng"), tmp_path / "out")[0]
    assert file.path == tmp_path / "out" / "album"
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["album"]
    written = [data for data in tree_of(file.path).values() if data is not None]
    assert sorted(written) == sorted(data for data in hostile.values() if data is not None)


def test_an_index_that_arrives_before_its_offer_is_used(tmp_path: Path) -> None:
    transfers = Transfers(tmp_path)
    index = b"".join(encode_record(member, 1) for member in members({"a": b"one", "b": b"two"}, 4))
    transfers.on_message(ID, True, 1, 0, index)
    transfers.on_message(ID, True, 0, 0, encode_record(offer(4, 6, bytes(16), "album", members=2), 1))
    transfers.on_chunk(ID, True, 4, 0, b"onetwo")
    (found,) = transfers.recovered()
    assert found.index is not None
    assert [member.path for member in found.index] == ["a", "b"]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (Script().put(b"other"), "holds no udpchat packets to read files from"),
        (Script().handshake(), "holds no udpchat packets to read files from"),
    ],
)
def test_a_capture_of_no_use_is_one_clear_line(script: Script, words: str, tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=words):
        extract(script.save(tmp_path / "c.pcapng"), tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["c.pcapng"]


def test_a_sealed_capture_without_keys_says_what_is_needed(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="give the key log of the session with --keylog"):
        extract(simulated(5, CLEAN).readable(tmp_path), tmp_path / "out")


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="choose another place"):
        extract(upload([0], CHUNK).save(tmp_path / "c.pcapng"), tmp_path / "file")


def test_offsets_that_no_captured_file_has_are_not_taken(tmp_path: Path) -> None:
    part = Part(tmp_path / "part")
    assert not part.add(MAX_OFFSET, b"x")
    assert part.add(MAX_OFFSET - 1, b"x")
    part.flush()
    assert (tmp_path / "part").stat().st_blocks < 1_000


def test_parts_are_bounded(tmp_path: Path) -> None:
    transfers = Transfers(tmp_path)
    for transfer in range(MAX_PARTS + 1):
        transfers.on_chunk(ID, False, transfer, 0, b"x")
    assert transfers.ignored == {"too-many-transfers": 1}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(st.tuples(st.integers(0, 400), st.integers(1, 80)), max_size=40))
def test_a_part_holds_the_bytes_that_came_in_whatever_pieces(pieces: list[tuple[int, int]], tmp_path: Path) -> None:
    path = tmp_path / "part"
    path.unlink(missing_ok=True)
    part, whole = Part(path), bytes(number % 256 for number in range(480))
    expected = bytearray()
    for start, size in pieces:
        expected += bytes(max(start + size - len(expected), 0))
        expected[start : start + size] = whole[start : start + size]
        assert part.add(start, whole[start : start + size])
    assert b"".join(part.pieces()) == expected


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    parts=st.lists(
        st.tuples(
            st.sampled_from([PacketType.DATA, PacketType.MSG]), st.integers(0, 2**53 - 1), st.binary(max_size=40)
        ),
        max_size=20,
    )
)
def test_a_hostile_capture_is_read_to_its_end(parts: list[tuple[PacketType, int, bytes]], tmp_path: Path) -> None:
    script = upload([0, 1], 2 * CHUNK)
    for number, (kind, offset, body) in enumerate(parts, 100):
        clear = Data(number % 3, offset) if kind is PacketType.DATA else Message(number % 2, offset)
        script.put(plain(kind, number, clear, body, from_server=bool(offset & 1)), from_server=bool(offset & 1))
    files, _ = extract(script.save(tmp_path / "c.pcapng"), tmp_path / "out")
    assert len(files) >= 1

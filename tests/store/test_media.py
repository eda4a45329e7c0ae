from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from udpchat.config import KIB
from udpchat.files.ports import UNKNOWN_MEDIA, Media
from udpchat.store.media import HEAD, MAX_READ, find_media


def media(data: bytes) -> Media:
    return find_media(len(data), lambda offset, size: data[offset : offset + size])


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", 2 + len(body)) + body


def exif(orientation: int) -> bytes:
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0)
    return b"Exif\0\0MM\0*" + struct.pack(">IH", 8, 1) + entry + bytes(4)


def jpeg(*before: bytes) -> bytes:
    frame = segment(0xC0, struct.pack(">BHHB", 8, 21, 37, 1) + b"\x01\x11\x00")
    return b"\xff\xd8" + segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0") + b"".join(before) + frame + b"\xff\xd9"


def tiff(*, at_the_end: int = 0) -> bytes:
    place = 8 + at_the_end
    entries = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in ((256, 37), (257, 21))]
    header = b"II*\0" + struct.pack("<I", place)
    return header + bytes(at_the_end) + struct.pack("<H", 2) + b"".join(entries) + bytes(4)


def heif(brand: bytes) -> bytes:
    size = box(b"ispe", struct.pack(">III", 0, 37, 21))
    properties = box(b"iprp", box(b"ipco", size))
    return box(b"ftyp", brand + bytes(4) + brand + b"mif1") + box(b"meta", bytes(4) + properties) + bytes(100)


PNG = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 37, 21, 8, 2, 0, 0, 0)) + chunk(b"IEND", b"")
GIF = b"GIF89a" + struct.pack("<HH", 37, 21) + bytes(20)
BMP = b"BM" + struct.pack("<IIIIii", 100, 0, 54, 40, 37, -21) + bytes(60)
WEBP = b"RIFF" + struct.pack("<I", 100) + b"WEBPVP8X" + bytes(8) + bytes((36, 0, 0, 20, 0, 0)) + bytes(60)
IMAGES = {
    "image/png": PNG,
    "image/gif": GIF,
    "image/bmp": BMP,
    "image/webp": WEBP,
    "image/jpeg": jpeg(),
    "image/tiff": tiff(),
    "image/avif": heif(b"avif"),
    "image/heic": heif(b"heic"),
}
OTHERS = {
    "audio/mpeg": b"ID3\x04" + bytes(100),
    "audio/flac": b"fLaC\0\0\0\x22" + bytes(100),
    "audio/wav": b"RIFF\x24\0\0\0WAVEfmt " + bytes(100),
    "audio/ogg": b"OggS\0\x02" + bytes(100),
    "audio/mp4": box(b"ftyp", b"M4A \0\0\0\0M4A mp42") + bytes(100),
    "video/mp4": box(b"ftyp", b"isom\0\0\0\0isomavc1") + bytes(100),
    "video/quicktime": box(b"ftyp", b"qt  \0\0\0\0qt  ") + bytes(100),
    "video/webm": bytes.fromhex("1a45dfa39f4286810142f7810142f2810442f381084282847765626d") + bytes(100),
    "video/x-matroska": bytes.fromhex("1a45dfa3a34286810142f7810142f2810442f381084282886d6174726f736b61") + bytes(100),
    "application/pdf": b"%PDF-1.4\n1 0 obj\n",
    "application/zip": b"PK\x03\x04\x14\0" + bytes(100),
}


@pytest.mark.parametrize("name", IMAGES)
def test_image_is_known_with_its_size(name: str) -> None:
    assert media(IMAGES[name]) == Media(name, 37, 21)


@pytest.mark.parametrize("name", OTHERS)
def test_sound_video_and_documents_are_known(name: str) -> None:
    assert media(OTHERS[name]) == Media(name)


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "hello\n",
        "BMW makes cars\n",
        "ID3 tags\n",
        "Grüße 😀\n" * 900,
        "GIF89a is a format",
        "x" * (HEAD - 1) + "é",
    ],
)
def test_text_is_text_whatever_it_begins_with(text: str) -> None:
    assert media(text.encode()) == Media("text/plain")


@pytest.mark.parametrize("data", [b"", b"\0", b"text\0", b"\xff\xfe\xfd\xfc", b"half a letter \xc3", bytes(3 * HEAD)])
def test_what_nobody_knows_has_no_type(data: bytes) -> None:
    assert media(data) == UNKNOWN_MEDIA


@pytest.mark.parametrize(("orientation", "size"), [(1, (37, 21)), (6, (21, 37)), (8, (21, 37)), (3, (37, 21))])
def test_size_of_a_photograph_is_as_it_is_shown(orientation: int, size: tuple[int, int]) -> None:
    found = media(jpeg(segment(0xE1, exif(orientation))))
    assert (found.width, found.height) == size


def test_size_may_stand_far_into_the_file() -> None:
    assert media(tiff(at_the_end=5_000_000)) == Media("image/tiff", 37, 21)
    assert media(jpeg(*[segment(0xE2, bytes(60_000))] * 20)) == Media("image/jpeg", 37, 21)
    notes = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + bytes(60_000))
    assert media(jpeg(*[notes] * 20)) == Media("image/jpeg", 37, 21)


@pytest.mark.parametrize("name", IMAGES)
def test_image_that_is_cut_off_has_its_type_or_none(name: str) -> None:
    for stop in range(len(IMAGES[name])):
        found = media(IMAGES[name][:stop])
        assert found.name in {name, "", "text/plain"}
        assert (found.width, found.height) in {(37, 21), (0, 0)}


@pytest.mark.parametrize("width", [0, 2**31, 2**32 - 1])
def test_size_that_cannot_be_is_not_told(width: int) -> None:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, 21, 8, 2, 0, 0, 0))
    assert media(b"\x89PNG\r\n\x1a\n" + header) == Media("image/png")


def counted(data: bytes, size: int) -> tuple[list[int], Callable[[int, int], bytes]]:
    """Bytes as the beginning of a file of size bytes, all zeros after them; how much was read, piece by piece."""
    reads: list[int] = []

    def read(offset: int, count: int) -> bytes:
        reads.append(count)
        piece = data[offset : offset + count]
        return piece + bytes(max(min(count, size - offset) - len(piece), 0))

    return reads, read


def flooded_item_table() -> bytes:
    """A HEIF image with 10,000 items of 65,535 places each, which take no bytes to write down."""
    items = struct.pack(">B3xBBH", 0, 0, 0, 0xFFFF) + struct.pack(">HHH", 1, 0, 0xFFFF) * 10_000
    meta = bytes(4) + box(b"iloc", items) + box(b"iprp", box(b"ipco", box(b"ispe", struct.pack(">III", 0, 37, 21))))
    return box(b"ftyp", b"heic\0\0\0\0heicmif1") + box(b"meta", meta)


HOSTILE = {
    "no end of segments": b"\xff\xd8" + segment(0xE0, b"JFIF\0" + bytes(9)) + segment(0xE1, b"x") * 100_000,
    "no end of filling": b"\xff\xd8\xff\xe0" + b"\xff" * 100_000,
    "no end of rotation": jpeg(*[segment(0xE1, b"Exif\0\0MM\0*" + bytes(60_000))] * 100),
    "segments without a frame": b"\xff\xd8" + segment(0xE1, b"Exif\0\0" + bytes(60_000)) * 100,
    "no end of entries": b"II*\0\x08\0\0\0\xff\xff" + bytes(2_000_000),
    "entries beyond the end": b"II*\0\xff\xff\xff\xff" + bytes(100),
    "no end of boxes": box(b"ftyp", b"avif\0\0\0\0avifmif1") + box(b"free", b"") * 200_000,
    "no end of properties": box(b"ftyp", b"avif\0\0\0\0avifmif1")
    + box(b"meta", bytes(4) + box(b"iprp", box(b"ipco", box(b"irot", b"\0") * 100_000))),
    "a box as large as can be": box(b"ftyp", b"heic\0\0\0\0heicmif1") + b"\0\0\0\x01meta" + b"\xff" * 8 + bytes(100),
    "a table as large as can be": flooded_item_table(),
    "xml in a picture": PNG[:8] + b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'b'>]><svg/>" * 100,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_image_costs_a_bounded_number_of_bytes(name: str) -> None:
    reads, read = counted(HOSTILE[name], 2**40)
    found = find_media(2**40, read)
    assert found.name.startswith("image/")
    assert sum(reads) <= HEAD + 2 * MAX_READ
    assert len(reads) <= 10 * KIB


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(sorted({**IMAGES, **OTHERS}.items())),
    st.lists(st.tuples(st.integers(0, 200), st.binary(min_size=1, max_size=8)), max_size=6),
    st.integers(0, 400),
)
def test_damaged_files_never_fail(file: tuple[str, bytes], damage: list[tuple[int, bytes]], length: int) -> None:
    data = bytearray(file[1][:300])
    for place, piece in damage:
        data[place : place + len(piece)] = piece
    found = media(bytes(data[:length]))
    assert 0 <= found.width < 2**31
    assert 0 <= found.height < 2**31
    assert (found.width > 0) == (found.height > 0)


def test_what_the_disk_says_is_not_hidden() -> None:
    def fail(offset: int, size: int) -> bytes:
        raise OSError(5, "input/output error")

    with pytest.raises(OSError, match="input/output"):
        find_media(100, fail)

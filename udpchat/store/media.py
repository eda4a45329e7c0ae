"""What a file is, by its content and never by its name; of images also how large they are.

The libraries that know formats are handed bytes from strangers: they see the beginning of a file, and of an image what
they ask for, up to a bound. What they make of nonsense is "unknown".
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Callable
from typing import Final, TypeAlias

from udpchat.config import KIB
from udpchat.files.ports import UNKNOWN_MEDIA, Media

Read: TypeAlias = Callable[[int, int], bytes]  # bytes from an offset on, so many at most

HEAD: Final = 8 * KIB  # bytes by which a type is told; office documents need more than 4
MAX_READ: Final = 128 * KIB  # bytes that may be read for the size of an image: a picture of its own, Exif has 64
MAX_READS: Final = 4_096  # in so many pieces
MAX_SIDE: Final = 2**31 - 1  # pixels

_TEXT: Final = "text/plain"
# Formats that are text as well; everything else that a text seems to be ("BM" makes it a bitmap) it is not.
_ALSO_TEXT: Final = frozenset({"application/pdf", "application/postscript", "application/rtf"})
_REGISTERED: Final = {"audio/x-wav": "audio/wav", "audio/x-flac": "audio/flac"}  # names that are registered by now
_WITH_ROTATION: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/tiff"})
# Where these keep their rotation 64 KiB can ask for more time and memory than there is, so it is not read: width and
# height may be the other way round.
_WITHOUT_ROTATION: Final = frozenset({"image/avif", "image/heic"})


def find_media(size: int, read: Read) -> Media:
    """What the content of a file of size bytes is. May raise what read raises."""
    head = read(0, HEAD)
    name = _type_of(head, is_whole=size <= len(head))
    if name in _WITH_ROTATION:
        width, height = _image_size(size, read, rotated=True)
    elif name in _WITHOUT_ROTATION:
        width, height = _image_size(size, read, rotated=False)
    else:
        width = height = 0
    return Media(name, width, height) if name else UNKNOWN_MEDIA


def _type_of(head: bytes, *, is_whole: bool) -> str:
    if not head:
        return ""
    import filetype  # noqa: PLC0415 - 10 ms that only a server with files needs

    kind = filetype.guess(head)
    name = "" if kind is None else str(kind.mime)
    if name not in _ALSO_TEXT and _is_text(head, is_whole=is_whole):
        return _TEXT
    return _REGISTERED.get(name, name)


def _is_text(head: bytes, *, is_whole: bool) -> bool:
    if b"\0" in head:
        return False
    try:
        # A character that the end of the head cuts in two is no fault.
        codecs.getincrementaldecoder("utf-8")().decode(head, final=is_whole)
    except UnicodeDecodeError:
        return False
    return True


def _image_size(size: int, read: Read, *, rotated: bool) -> tuple[int, int]:
    import imagesize  # noqa: PLC0415 - 50 ms that only a server with images needs

    width, height = imagesize.get(_Window(size, read), exif_rotation=rotated)
    if rotated and width < 0:  # perhaps so much was read about the rotation that none was left for the size
        width, height = imagesize.get(_Window(size, read), exif_rotation=False)
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        return 0, 0
    return int(width), int(height)


class _Window:
    """A file for a library: it may seek where it likes and read so much and no more."""

    def __init__(self, size: int, read: Read) -> None:
        self._size = size
        self._read = read
        self._position = 0
        self._bytes = MAX_READ
        self._reads = MAX_READS

    def read(self, size: int = -1) -> bytes:
        """Bytes from here on. ValueError when it was enough."""
        if size < 0:
            size = self._size
        wanted = max(min(size, self._size - self._position), 0)
        self._bytes -= wanted
        self._reads -= 1
        if self._bytes < 0 or self._reads < 0:
            raise ValueError("that is more than the size of an image takes")
        data = self._read(self._position, wanted)
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go somewhere."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(base + offset, 0)
        return self._position

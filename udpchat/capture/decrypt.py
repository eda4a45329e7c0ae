"""A sealed capture made readable: every packet that a key opens becomes a packet of a plaintext session.

Flags say "not sealed", the trailer is the checksum of plaintext sessions, IP and UDP headers are made anew, so lengths
stay what they were. Times, comments, interfaces and the order stay. Handshake packets stay sealed: no key log opens
them.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from struct import Struct
from typing import BinaryIO, Final

from udpchat.capture.keyring import Keyring, is_sealed
from udpchat.capture.pcapng import PcapngWriter
from udpchat.capture.tolerant import Readable
from udpchat.crypto.plain import checksum_trailer
from udpchat.errors import CaptureError, StorageError
from udpchat.wire.numbers import Flag

BUFFER: Final = 2**20  # bytes that are written at once
_FLAGS: Final = Struct(">H")
_FLAGS_AT: Final = 4
_KEPT_FLAGS: Final = ~int(Flag.SEALED | Flag.KEY_PHASE)


@dataclass(slots=True)
class Decrypted:
    """What came of it, in packets. others: neither sealed nor damaged in a way that can be seen: copied as they were.

    kept: sealed still, by reason. left_out: of the input that are no UDP datagrams, by reason. trouble: why the capture
    was not read to its end, in a sentence.
    """

    opened: int = 0
    others: int = 0
    kept: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    trouble: str = ""


def plain_packet(associated: bytes, body: bytes) -> bytes:
    """The packet of a plaintext session that says the same."""
    packet = bytearray(associated)
    (flags,) = _FLAGS.unpack_from(packet, _FLAGS_AT)
    _FLAGS.pack_into(packet, _FLAGS_AT, flags & _KEPT_FLAGS)
    packet += body
    packet += checksum_trailer(packet)
    return bytes(packet)


def decrypt_capture(readable: Readable, keys: Keyring, target: Path) -> Decrypted:
    """Write the capture in plaintext to target, which appears (or is replaced) when it is whole, for its owner alone.

    CaptureError when nothing in it could be opened, or nothing is sealed; StorageError when target cannot be written.
    """
    capture = readable.capture
    _refuse_same(capture.path, target)
    with _whole_file(target) as file:
        names = [interface.name for interface in capture.interfaces]
        done = _rewrite(readable, keys, file, names)
        if len(capture.interfaces) > len(names):  # more of them stood farther down in the file
            file.seek(0)
            file.truncate()
            done = _rewrite(readable, keys, file, [interface.name for interface in capture.interfaces])
        if not done.opened:
            raise CaptureError(_nothing_opened(capture.path, done))
    return done


def _rewrite(readable: Readable, keys: Keyring, file: BinaryIO, names: list[str]) -> Decrypted:
    done = Decrypted()
    write, open_packet = PcapngWriter(file, names).write, keys.open
    for us, source, destination, data, comment, interface, _, outbound, _ in readable:
        packet = data
        if not is_sealed(data):
            done.others += 1
        elif isinstance(opened := open_packet(data), str):
            done.kept[opened] += 1
        else:
            done.opened += 1
            packet = plain_packet(*opened)
        if interface < len(names):
            write(us, source, destination, packet, comment=comment, interface=interface, outbound=outbound)
    done.left_out = readable.capture.skipped
    done.trouble = readable.trouble
    return done


def _nothing_opened(path: Path, done: Decrypted) -> str:
    if not done.kept:
        return f"{path} holds no sealed packets: there is nothing to decrypt"
    if set(done.kept) == {"no-key"}:
        return (
            f"none of the {done.kept.total()} sealed packets in {path} has its key in the key log; "
            "name the log that --keylog wrote during this session"
        )
    return (
        f"no key of the key log opens any of the {done.kept.total()} sealed packets in {path}: "
        "the keys are wrong or the packets damaged; name the log that --keylog wrote during this session"
    )


def _refuse_same(source: Path, target: Path) -> None:
    with suppress(OSError):
        if source.samefile(target):
            raise StorageError(f"{target} is the capture itself; choose another name for the decrypted one")


@contextmanager
def _whole_file(target: Path) -> Iterator[BinaryIO]:
    """A file that gets its name when all went well, and is gone otherwise. StorageError."""
    fail: Callable[[OSError], StorageError] = lambda error: StorageError(  # noqa: E731
        f"cannot write {target}: {error.strerror or error}; choose another place"
    )
    try:
        fd, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", dir=target.parent)  # 0600
    except OSError as error:
        raise fail(error) from error
    try:
        with os.fdopen(fd, "wb", BUFFER) as file:
            yield file
        os.replace(name, target)
    except OSError as error:
        raise fail(error) from error
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)

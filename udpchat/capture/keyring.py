"""Keys out of a key log, and the opening of sealed packets with them; every tag is verified."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag

from udpchat.crypto.keylog import Direction, LoggedKey, parse_line
from udpchat.crypto.traffic_keys import DirectionKey
from udpchat.errors import CaptureError, DecodeError
from udpchat.wire import hot
from udpchat.wire.numbers import Flag, PacketType

MAX_KEYLOG: Final = 256 * 2**20  # bytes: two million keys
LABEL: Final = "UDPCHAT_KEY"
NO_KEY: Final = "no-key"
WRONG_KEY: Final = "wrong-key-or-damaged"

_CLEAR_SIZES: Final = {
    PacketType.DATA.value: hot.HEADER_SIZE + hot.DATA_CLEAR_SIZE,
    PacketType.MSG.value: hot.HEADER_SIZE + hot.MSG_CLEAR_SIZE,
}
_HANDSHAKE_TYPES: Final = range(1, 16)
_SEALED: Final = int(Flag.SEALED)  # plain numbers: operators of IntFlag take as long as opening a packet
_FROM_SERVER: Final = int(Flag.FROM_SERVER)
_KEY_PHASE: Final = int(Flag.KEY_PHASE)


def is_sealed(data: bytes) -> bool:
    """Whether a datagram is a whole sealed packet of our version, outside the handshake. It may be damaged inside."""
    if len(data) < hot.HEADER_SIZE + hot.TRAILER_SIZE:
        return False
    magic, version, kind, flags, body_length, _, _ = hot.unpack_header(data)
    return (
        magic == hot.MAGIC
        and version == hot.VERSION
        and bool(flags & _SEALED)
        and kind not in _HANDSHAKE_TYPES
        and hot.HEADER_SIZE + body_length + hot.TRAILER_SIZE == len(data)
        and clear_size(kind, body_length) <= hot.HEADER_SIZE + body_length
    )


def clear_size(kind: int, body_length: int) -> int:
    """Bytes of header and clear part."""
    return hot.HEADER_SIZE + body_length if kind == hot.ACK else _CLEAR_SIZES.get(kind, hot.HEADER_SIZE)


class Keyring:
    """The keys of many connections.

    A packet says the parity of its key's epoch only, so of several keys that fit, the one that opened the last packet
    of that parity is tried first.
    """

    def __init__(self) -> None:
        self._keys: dict[tuple[bytes, bool, bool], list[DirectionKey]] = {}  # (id, from server, phase): best first
        self._known: set[LoggedKey] = set()

    def __len__(self) -> int:
        return len(self._known)

    def add(self, logged: LoggedKey) -> None:
        """Take in a key; one that is there already changes nothing, as both ends may write to one log."""
        if logged in self._known:
            return
        self._known.add(logged)
        place = (logged.connection_id, logged.direction == _SERVER, bool(logged.epoch & 1))
        self._keys.setdefault(place, []).append(DirectionKey(logged.key, logged.iv))

    def open(self, data: bytes) -> tuple[bytes, bytes] | str:
        """Header with clear part, and the body in plaintext, of a sealed packet (`is_sealed`); or why not."""
        _, _, kind, flags, body_length, connection_id, packet_number = hot.unpack_header(data)
        keys = self._keys.get((connection_id, bool(flags & _FROM_SERVER), bool(flags & _KEY_PHASE)))
        if keys is None:
            return NO_KEY
        size = clear_size(kind, body_length)
        associated, sealed = data[:size], data[size:]
        body = bytearray(len(sealed) - hot.TRAILER_SIZE)
        for place, key in enumerate(keys):
            try:
                key.cipher.decrypt_into(key.nonce(packet_number), sealed, associated, body)
            except InvalidTag:
                continue
            if place:
                keys.insert(0, keys.pop(place))
            return associated, bytes(body)
        return WRONG_KEY


_SERVER: Final[Direction] = "server"


def read_keylog(path: Path) -> Keyring:
    """The keys of a key log. Lines of other programs are passed over. CaptureError."""
    try:
        if path.stat().st_size > MAX_KEYLOG:
            raise CaptureError(f"{path} is no key log: it is larger than {MAX_KEYLOG // 2**20} MiB")
        text = path.read_bytes().decode("utf-8", "replace")
    except OSError as error:
        raise CaptureError(f"cannot read the key log {path}: {error.strerror or error}") from error
    ring = Keyring()
    for number, line in enumerate(text.splitlines(), 1):
        try:
            ring.add(parse_line(line))
        except DecodeError:
            if line.lstrip().startswith(LABEL):
                raise CaptureError(
                    f"line {number} of the key log {path} is damaged: it is to have {LABEL}, a connection id, "
                    "client or server, an epoch, a key and an iv"
                ) from None
    if not len(ring):
        raise CaptureError(f"{path} is no key log: no line begins with {LABEL}; name a file that --keylog wrote")
    return ring

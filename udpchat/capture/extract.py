"""The transferred files out of a capture, plaintext or sealed with its key log.

The packets of all vantage points are used: what one of them missed another may have seen. Damaged packets are passed
over; they were sent again.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from udpchat.capture.keyring import Keyring, clear_size, is_sealed
from udpchat.capture.tolerant import Readable
from udpchat.capture.transfers import Recovered, Transfers
from udpchat.capture.writing import Numbered, SafeName, write_recovered
from udpchat.errors import CaptureError, DecodeError, StorageError
from udpchat.wire import hot
from udpchat.wire.codec import checksum_fits, decode
from udpchat.wire.numbers import Flag, PacketType

_FROM_SERVER: Final = int(Flag.FROM_SERVER)


@dataclass(slots=True)
class Reading:
    """How far the packets could be read. kept: sealed packets that stayed closed, by reason. others: by reason."""

    opened: int = 0
    kept: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Extracted:
    """A file or folder of a capture. path: where it was written; None when it was not."""

    found: Recovered
    path: Path | None


@contextmanager
def work_folder(target: Path) -> Iterator[Path]:
    """A folder in target for parts, gone afterwards. target is made when it is missing. StorageError."""
    try:
        target.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".udpchat-", dir=target))
    except OSError as error:
        raise StorageError(f"cannot write to {target}: {error.strerror or error}; choose another place") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def read_transfers(readable: Readable, keys: Keyring | None, transfers: Transfers) -> Reading:
    """Feed all packets that can be read to transfers. CaptureError when there are none of this protocol."""
    reading = Reading()
    for captured in readable:
        data = captured.data
        if not is_sealed(data):
            _read_plain(data, transfers, reading)
        elif keys is None:
            reading.kept["no-key"] += 1
        elif isinstance(opened := keys.open(data), str):
            reading.kept[opened] += 1
        else:
            reading.opened += 1
            _hand_on(*opened, transfers)
    reading.others += readable.capture.skipped + transfers.ignored
    if not reading.opened:
        raise CaptureError(_explain(readable.capture.path, keys, reading))
    return reading


def _read_plain(data: bytes, transfers: Transfers, reading: Reading) -> None:
    try:
        packet_type = decode(data).header.packet_type
    except DecodeError as error:
        reading.others[error.reason] += 1
        return
    if packet_type is PacketType.RESET:
        return
    if not checksum_fits(data):
        reading.others["damaged"] += 1
        return
    if packet_type >= PacketType.DATA:
        reading.opened += 1
        body_length = len(data) - hot.HEADER_SIZE - hot.TRAILER_SIZE
        at = clear_size(packet_type, body_length)
        _hand_on(data[:at], data[at : -hot.TRAILER_SIZE], transfers)


def _hand_on(associated: bytes, body: bytes, transfers: Transfers) -> None:
    _, _, kind, flags, _, connection_id, _ = hot.unpack_header(associated)
    from_server = bool(flags & _FROM_SERVER)
    if kind == hot.DATA:
        transfers.on_chunk(connection_id, from_server, *hot.unpack_data(associated), body)
    elif kind == hot.MSG:
        transfers.on_message(connection_id, from_server, *hot.unpack_msg(associated), body)


def _explain(path: Path, keys: Keyring | None, reading: Reading) -> str:
    """Why nothing could be read."""
    if not reading.kept:
        return f"{path} holds no udpchat packets to read files from"
    sealed = f"the {reading.kept.total()} sealed packets in {path}"
    if keys is None:
        return f"{sealed} cannot be read without their keys; give the key log of the session with --keylog"
    if set(reading.kept) == {"no-key"}:
        return f"the key log has no key for {sealed}; name the log that --keylog wrote during this session"
    return f"no key of the key log opens {sealed}: the keys are wrong or the packets damaged"


def extract_files(
    readable: Readable,
    keys: Keyring | None,
    folder: Path,
    safe_name: SafeName,
    numbered: Numbered,
    *,
    partial: bool = False,
) -> tuple[list[Extracted], Reading]:
    """Write the files of a capture into folder; nothing is overwritten. CaptureError, StorageError.

    partial: also those with holes, which hold zeros, and those whose MD5 is not the announced one.
    """
    with work_folder(folder) as work:
        transfers = Transfers(work)
        reading = read_transfers(readable, keys, transfers)
        extracted = []
        for found in transfers.recovered():
            is_wanted = found.is_genuine or (partial and found.seen > 0)
            path = write_recovered(found, folder, safe_name, numbered) if is_wanted else None
            extracted.append(Extracted(found, path))
    return extracted, reading

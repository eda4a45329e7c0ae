"""A capture on disk that may go on for ever: of bounded size, whole at every moment, readable by its owner alone."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final

from udpchat.capture.packets import Buffer
from udpchat.capture.pcapng import PcapngWriter
from udpchat.errors import StorageError
from udpchat.protocol.datagrams import Address

DEFAULT_LIMIT: Final = 256_000_000  # bytes of both files together
MIN_LIMIT: Final = 1_000_000  # that a user may ask for
BUFFER_SIZE: Final = 262_144  # bytes written at once

logger = logging.getLogger(__name__)
# Without O_NONBLOCK the open of a FIFO waits for a reader.
_FLAGS: Final = os.O_WRONLY | os.O_CREAT | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, slots=True)
class CaptureTarget:
    """Where a capture goes. limit: bytes of the file and the older one beside it."""

    path: Path
    limit: int = DEFAULT_LIMIT


class CaptureLog:
    """A recorder (tap.py) on disk. StorageError when the file cannot be written; later trouble ends the recording.

    When the file has half the limit it becomes the older one ("name.1.pcapng", which replaces one that is there) and a
    new one begins, so the newest half is always kept. Each of them is a capture of its own.
    interfaces: as for PcapngWriter.
    """

    def __init__(self, target: CaptureTarget, interfaces: Sequence[str]) -> None:
        self._path = target.path
        self._half = target.limit // 2
        self._interfaces = tuple(interfaces)
        self._fd = -1
        self._waiting = BytesIO()  # whole blocks that are not written yet
        try:
            self._writer = self._begin()
            self._write_out()
        except OSError as error:
            self._discard()
            reason = error.strerror or error
            text = f"cannot write the capture {target.path}: {reason}; name a file in a folder that you may write to"
            raise StorageError(text) from error

    @property
    def older_path(self) -> Path:
        """Where the older half is, once there is one."""
        return self._path.with_name(f"{self._path.stem}.1{self._path.suffix}")

    def write(
        self,
        us: int,
        source: Address,
        destination: Address,
        data: Buffer,
        *,
        comment: str = "",
        interface: int = 0,
        outbound: bool | None = None,
    ) -> None:
        """Record one datagram; see PcapngWriter.write. Nothing when the recording has ended."""
        if self._fd < 0:
            return
        self._writer.write(us, source, destination, data, comment=comment, interface=interface, outbound=outbound)
        is_full = self._writer.size >= self._half
        if is_full or self._waiting.tell() >= BUFFER_SIZE:
            self._settle(is_full=is_full)

    def flush(self) -> None:
        """Let others read what was recorded so far."""
        if self._fd >= 0:
            self._settle(is_full=False)

    def close(self) -> None:
        """Write what is left and give the file back; a second call does nothing."""
        self.flush()
        self._discard()

    def _settle(self, *, is_full: bool) -> None:
        try:
            self._write_out()
            if is_full:
                os.close(self._fd)
                self._fd = -1
                self._path.replace(self.older_path)
                self._writer = self._begin()
                self._write_out()  # a capture from its first moment on
        except OSError as error:
            logger.warning("the capture %s ends here: %s", self._path, error.strerror or error)
            self._discard()

    def _begin(self) -> PcapngWriter:
        self._fd = os.open(self._path, _FLAGS, 0o600)
        if not stat.S_ISREG(os.fstat(self._fd).st_mode):
            raise OSError("it is not a file")
        if hasattr(os, "fchmod"):
            os.fchmod(self._fd, 0o600)  # it may have been there before
        os.ftruncate(self._fd, 0)
        return PcapngWriter(self._waiting, self._interfaces)

    def _write_out(self) -> None:
        """Write what waits; when the disk takes only a part, the file still ends with a whole block."""
        data = memoryview(self._waiting.getvalue())
        self._waiting.seek(0)
        self._waiting.truncate()
        start = os.lseek(self._fd, 0, os.SEEK_CUR)
        try:
            while data:
                data = data[os.write(self._fd, data) :]
        except OSError:
            os.ftruncate(self._fd, start)
            raise

    def _discard(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

"""What a client has received: a file of its messages, for people and programs, that also says how far it is."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, TypeAlias

from udpchat.chat.events import FileSaid, LineSaid, PrivateSaid
from udpchat.errors import StorageError
from udpchat.protocol.members import fold
from udpchat.store.lock import lock_file
from udpchat.store.trouble import storage_error

Message: TypeAlias = LineSaid | PrivateSaid | FileSaid

BLOCK: Final = 65_536  # bytes read at once, from the end backwards
BINARY: Final = getattr(os, "O_BINARY", 0)  # Windows would write line ends of two bytes
START: Final = b'{"server": "'  # of every line
NAMES: Final[dict[type, str]] = {LineSaid: "line", PrivateSaid: "private", FileSaid: "file"}


class Journal:
    """A file of JSON Lines, one for each message received, in order. StorageError when it cannot be used.

    A line is whole or it is not there: what a killed program left of its last line is cut off at the next start. A file
    that is something else is left as it is. One client at a time writes to it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | BINARY, 0o600)
        except OSError as error:
            raise storage_error(error, f"use the message log {path}") from error
        try:
            self._begin()
        except OSError as error:
            os.close(self._fd)
            raise storage_error(error, f"use the message log {path}") from error
        except BaseException:
            os.close(self._fd)
            raise

    def last(self, server: bytes, nick: str) -> int:
        """Sequence of the newest message in it that came from a server under a nickname of ours; 0 when there is none.

        server: its public key. What somebody else was told, on this machine too, says nothing about us.
        """
        for line in self._backwards():
            entry = self._entry(line)
            if entry["server"] == server.hex() and fold(str(entry.get("me"))) == fold(nick):
                return int(entry["sequence"])
        return 0

    def append(self, server: bytes, nick: str, message: Message) -> None:
        """Write a message down; it survives the end of the program, though not a power cut."""
        entry = {"server": server.hex(), "me": nick, "event": NAMES[type(message)], **_plain(asdict(message))}
        line = json.dumps(entry, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
        try:
            size = os.fstat(self._fd).st_size
            if os.write(self._fd, line) != len(line):
                os.ftruncate(self._fd, size)
                raise StorageError(f"the disk of {self._path} is full: messages cannot be logged")
        except OSError as error:
            raise storage_error(error, f"write the message log {self._path}") from error

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    def _begin(self) -> None:
        if not stat.S_ISREG(os.fstat(self._fd).st_mode):
            raise self._foreign()
        try:
            lock_file(self._fd)
        except OSError as error:
            text = f"{self._path} is in use by another client; choose another file with --log"
            raise StorageError(text) from error
        torn, size = self._torn(), os.fstat(self._fd).st_size
        if not (torn.startswith(START) or START.startswith(torn)):
            raise self._foreign()
        whole = next(self._backwards(size - len(torn)), b"")
        if whole:
            self._entry(whole)
        if torn:
            os.ftruncate(self._fd, size - len(torn))
        if hasattr(os, "fchmod"):
            os.fchmod(self._fd, 0o600)  # private lines go in

    def _torn(self) -> bytes:
        """What stands behind the last end of a line."""
        end = os.fstat(self._fd).st_size
        found = b""
        while end and b"\n" not in found:
            start = max(end - BLOCK, 0)
            found = self._read(start, end) + found
            end = start
        return found[found.rfind(b"\n") + 1 :]

    def _backwards(self, end: int | None = None) -> Iterator[bytes]:
        """The lines that end before an offset, the last one first."""
        end = os.fstat(self._fd).st_size if end is None else end
        rest = b""
        while end:
            start = max(end - BLOCK, 0)
            first, *lines = (self._read(start, end) + rest).split(b"\n")
            yield from (line for line in reversed(lines) if line)
            rest, end = first, start
        if rest:
            yield rest

    def _read(self, start: int, end: int) -> bytes:
        os.lseek(self._fd, start, os.SEEK_SET)
        return os.read(self._fd, end - start)

    def _entry(self, line: bytes) -> dict[str, Any]:
        try:
            entry = json.loads(line)
        except ValueError:
            raise self._foreign() from None
        if not isinstance(entry, dict) or not isinstance(entry.get("sequence"), int) or "server" not in entry:
            raise self._foreign()
        return entry

    def _foreign(self) -> StorageError:
        return StorageError(f"{self._path} is no message log of udpchat; choose another file with --log")


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value.hex() if isinstance(value, bytes) else _nested(value) for key, value in values.items()}


def _nested(value: Any) -> Any:
    return _plain(value) if isinstance(value, dict) else value

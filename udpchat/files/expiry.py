"""When the server looks at what has been kept for long enough."""

from __future__ import annotations

from collections.abc import Callable

from udpchat.config import EXPIRY_INTERVAL, PART_LIFETIME, ROOM_LIFETIME
from udpchat.errors import StorageError
from udpchat.files.events import FileRemoved
from udpchat.files.ports import FileEntry
from udpchat.files.shelf import discreet
from udpchat.files.stored_ports import ExpireFiles
from udpchat.protocol.service import AT_ONCE, Desk

EXPIRED = "the server does not keep files for longer, and has just removed it"


class Expiry:
    """Asks storage to remove what has expired: now and then when files expire, and when an unfinished upload may.

    First its room does, for what has not come, then the upload.

    wall_offset: wall clock minus `now` [us]. expires: stored files are kept for a limited time only. on_gone: told the
    id of each file that goes, and why.
    """

    def __init__(self, desk: Desk, wall_offset: int, *, expires: bool, on_gone: Callable[[bytes, str], None]) -> None:
        self._desk = desk
        self._on_gone = on_gone
        self._wall_offset = wall_offset
        self._expires = expires
        self._due: int | None = AT_ONCE if expires else None
        self._has_left = True  # an upload stayed behind unfinished since the last look, perhaps in an earlier run
        self._left_at = 0  # when one did last

    def on_left(self) -> None:
        """An upload stays behind unfinished: when nobody goes on with it, it goes some day."""
        self._has_left = True

    def next_timeout(self) -> int | None:
        """When `handle_timeout` has something to do."""
        return AT_ONCE if self._has_left else self._due

    def handle_timeout(self, now: int) -> None:
        """Let storage remove what has expired."""
        if self._has_left:
            self._has_left, self._left_at = False, now
            look = now + ROOM_LIFETIME + EXPIRY_INTERVAL
            self._due = look if self._due is None else min(self._due, look)
        if self._due is not None and now >= self._due:
            self._due = self._next_look(now)
            self._desk.ask(ExpireFiles(0, now + self._wall_offset), self._on_expired)

    def _next_look(self, now: int) -> int | None:
        if self._expires:
            return now + EXPIRY_INTERVAL
        ends = (self._left_at + lifetime for lifetime in (ROOM_LIFETIME, PART_LIFETIME))
        return next((end + EXPIRY_INTERVAL for end in ends if now < end), None)

    def _on_expired(self, result: tuple[FileEntry, ...] | StorageError, now: int) -> None:
        if isinstance(result, StorageError):  # it is asked again, and who stores files hears of a disk that fails
            self._due = self._due or now + EXPIRY_INTERVAL
            return
        for entry in result:
            self._on_gone(entry.file_id, EXPIRED)
            self._desk.tell(FileRemoved("", discreet(entry)))

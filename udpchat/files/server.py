"""The server's file service: hands what connections say to the part that it is for, and keeps the parts' time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from udpchat.config import Config
from udpchat.errors import ErrorCode
from udpchat.files.announcing import Announcing
from udpchat.files.audience import Audience
from udpchat.files.downloads import Downloads
from udpchat.files.expiry import Expiry
from udpchat.files.listing import Listing
from udpchat.files.ports import PartFailed
from udpchat.files.removal import Removal, Then
from udpchat.files.shares import Shares
from udpchat.files.shelf import Shelf
from udpchat.files.states import States
from udpchat.files.tuning import on_tune
from udpchat.files.uploads import Uploads
from udpchat.protocol.events import (
    ConnectionClosed,
    ConnectionEvent,
    DataReceived,
    RecordReceived,
    SourceFailed,
    TransferAcked,
)
from udpchat.protocol.members import Session
from udpchat.protocol.service import Desk, TimedService
from udpchat.wire.numbers import FileState
from udpchat.wire.records import (
    Blocks,
    Cancel,
    Commit,
    Credit,
    DeleteFile,
    Fetch,
    ListFiles,
    ListMembers,
    ListStates,
    Mark,
    Member,
    Missing,
    Open,
    Pace,
    Received,
    Tune,
    WantBlocks,
)

Request = Callable[[RecordReceived, Session, Any, int], None]  # received, who asks, its record, now


class FileServer:
    """Files of a server. Everything needs a session.

    audience: who knows people and rooms. wall_offset: wall clock minus `now` [us].
    """

    def __init__(self, desk: Desk, config: Config, audience: Audience, wall_offset: int = 0) -> None:
        self._desk = desk
        self._wall_offset = wall_offset
        shelf = Shelf(desk, audience, config.max_lists)
        shares = Shares(config.file_rate)
        self._states = States(desk, shelf)
        self._downloads = Downloads(desk, shelf, shares, self._states, config.max_transfers)
        self._expiry = Expiry(desk, wall_offset, expires=config.file_lifetime > 0, on_gone=self._downloads.on_gone)
        announcing = Announcing(desk, audience)
        self._uploads = Uploads(desk, shelf, shares, announcing, config.max_transfers, self._expiry.on_left)
        self._timed: tuple[TimedService, ...] = announcing, self._expiry, shares
        self._removal = Removal(desk, shelf, self._uploads, self._downloads, self._states)
        self._listing = Listing(desk, shelf)
        self._requests = self._table(is_read_only=config.is_read_only)
        self.handles = frozenset(self._requests)

    def _table(self, *, is_read_only: bool) -> dict[type, Request]:
        """What is done about each record of somebody who is here."""
        uploads, downloads, listing, states = self._uploads, self._downloads, self._listing, self._states
        return {
            Open: self._on_unwanted
            if is_read_only
            else lambda received, session, record, _: uploads.on_open(received, session, record),
            Member: lambda received, _, record, __: uploads.on_member(received, record),
            Commit: lambda received, _, record, __: uploads.on_commit(received, record),
            Blocks: lambda received, _, record, __: uploads.on_blocks(received, record),
            Fetch: lambda received, session, record, _: downloads.on_fetch(received, session, record),
            Credit: lambda received, _, record, __: downloads.on_credit(received, record),
            Missing: lambda received, _, record, __: downloads.on_missing(received, record),
            WantBlocks: lambda received, _, record, __: downloads.on_want_blocks(received, record),
            Pace: lambda received, _, record, __: downloads.on_pace(received, record),
            Received: lambda received, _, record, now: downloads.on_received(received, record, self._wall(now)),
            Cancel: self._on_cancel,
            Tune: self._on_tune,
            ListFiles: lambda received, session, record, _: listing.on_files(received, session, record),
            ListMembers: lambda received, session, record, _: listing.on_members(received, session, record),
            ListStates: lambda received, session, record, _: states.on_list(received, session, record),
            Mark: self._on_mark,
            DeleteFile: lambda received, session, record, _: self._removal.on_delete(received, session, record),
        }

    def _on_unwanted(self, received: RecordReceived, _session: Session, _record: Any, _now: int) -> None:
        self._desk.refuse(received, ErrorCode.NOT_ALLOWED, "this node shares files of its own and takes none")

    def _wall(self, now: int) -> int:
        return now + self._wall_offset

    # -- what connections tell -----------------------------------------------------------------------------------------

    def on_event(self, event: ConnectionEvent, now: int) -> None:
        """Bytes, what became of them, and the end of connections."""
        match event:
            case DataReceived():
                self._uploads.on_data(event)
            case TransferAcked(connection_id, transfer_id):
                self._downloads.on_acked(connection_id, transfer_id, self._wall(now))
            case SourceFailed(connection_id, transfer_id, _):
                self._downloads.on_source_failed(connection_id, transfer_id)
            case ConnectionClosed(connection_id, _, _, _):
                self._uploads.on_closed(connection_id)
                self._downloads.on_closed(connection_id)

    def on_record(self, received: RecordReceived, now: int) -> None:
        """A request."""
        session = self._desk.members.find(received.connection_id)
        if session is None:
            self._desk.refuse(received, ErrorCode.NOT_JOINED, "join first")
        else:
            self._requests[type(received.record)](received, session, received.record, now)

    def on_part_failed(self, failed: PartFailed, now: int) -> None:  # noqa: ARG002 - called by the host
        """The disk refused bytes of an upload."""
        self._uploads.on_part_failed(failed)

    def _on_mark(self, received: RecordReceived, session: Session, record: Mark, now: int) -> None:
        on_mark = self._removal.on_declined if record.state == FileState.DECLINED else self._states.on_mark
        on_mark(received, session, record, self._wall(now))

    def _on_cancel(self, received: RecordReceived, session: Session, record: Cancel, now: int) -> None:  # noqa: ARG002 - a Request
        if not self._uploads.on_cancel(received.connection_id, record):
            self._downloads.on_cancel(received.connection_id, record)

    def _on_tune(self, received: RecordReceived, session: Session, record: Tune, now: int) -> None:  # noqa: ARG002 - a Request
        is_sending = self._downloads.is_busy(received.connection_id)
        on_tune(self._desk, received, record, now, is_sending=is_sending)

    # -- time, and the server's own terminal ---------------------------------------------------------------------------

    def next_timeout(self) -> int | None:
        """When a part has something to do."""
        return min((at for part in self._timed if (at := part.next_timeout()) is not None), default=None)

    def handle_timeout(self, now: int) -> None:
        """Let the parts act on their deadlines."""
        for part in self._timed:
            part.handle_timeout(now)

    def delete(self, file_id: bytes, then: Then) -> None:
        """Remove a file, whoever owns it; then: called with the entry as it was, or why it cannot be."""
        self._removal.delete(file_id, "the administrator", then)  # no nickname: those have no spaces

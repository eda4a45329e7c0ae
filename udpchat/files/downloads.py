"""Downloads, as the server sees them: from FETCH to RECEIVED."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from udpchat.config import MAX_TRANSFER_RUNS
from udpchat.errors import ErrorCode, RefusedError, StorageError
from udpchat.files.answering import Known
from udpchat.files.blocks import NO_ROOT
from udpchat.files.events import FileDelivered, FileRemoved, TransferFailed
from udpchat.files.listing import PAGE, member_records
from udpchat.files.members import NO_MD5, WHOLE, MemberInfo
from udpchat.files.ports import CloseSource, FileEntry, HashBlocks
from udpchat.files.rereading import Rereadings
from udpchat.files.sending import Outgoing
from udpchat.files.shares import Shares
from udpchat.files.shelf import Shelf, discreet, discreet_words, why_damaged
from udpchat.files.states import States
from udpchat.files.stored_ports import FindFile, ListMembers, OpenStored, SetAside, Stored
from udpchat.protocol.events import RecordReceived
from udpchat.protocol.members import Session
from udpchat.protocol.ports import StoreRequest
from udpchat.protocol.service import Desk, clip
from udpchat.wire.numbers import PLAIN_FILE, FileFlag, FileState, MemberFlag, Priority
from udpchat.wire.records import Cancel, Credit, Done, Fetch, Missing, Offer, Pace, Received, WantBlocks, encode_record

REREAD_ENOUGH = "its blocks were asked for too often; connect anew and fetch it anew"
DAMAGED = "it was damaged on this disk; its bytes are kept in quarantine, and its owner has to send it again"
DOUBTED = "it is not what was read, though its time is still the same; it is read again"
DAMAGED_STAYS = "it is damaged and could not be set aside: delete it, or if it is off the list, start the server anew"
DOWNLOAD_IDS = 2**31  # transfer ids of downloads start here, so that they never meet those of uploads

Key = tuple[bytes, int]  # connection id, transfer id


@dataclass(slots=True)
class Download:
    """One file, folder, or member of a folder on its way to one client.

    md5: of what travels. rate: bytes a second at most that the client wants, 0 any; share: what it may have.
    """

    session: Session
    entry: FileEntry
    outgoing: Outgoing
    present: tuple[tuple[int, int], ...]
    md5: bytes
    is_whole: bool
    priority: Priority = Priority.NORMAL
    rate: int = 0
    share: int = 0
    is_sending: bool = False
    is_delivered: bool = False


@dataclass(frozen=True, slots=True)
class _Wish:
    """A FETCH that is being looked into."""

    received: RecordReceived
    session: Session
    record: Fetch

    @property
    def connection_id(self) -> bytes:
        return self.received.connection_id


class Downloads:
    """All downloads of a server, by connection and transfer id."""

    def __init__(self, desk: Desk, shelf: Shelf, shares: Shares, states: States, max_downloads: int) -> None:
        self._desk = desk
        self._shelf = shelf
        self._shares = shares
        self._states = states
        self._max_downloads = max_downloads
        self._downloads: dict[Key, Download] = {}
        self._running: Counter[bytes] = Counter()  # by connection: downloads, and FETCHes that wait for storage
        self._rereadings = Rereadings()
        self._last_transfer = DOWNLOAD_IDS

    def is_busy(self, connection_id: bytes) -> bool:
        """Files are being sent on this connection, or are about to be."""
        return connection_id in self._running

    # -- FETCH ---------------------------------------------------------------------------------------------------------

    def on_fetch(self, received: RecordReceived, session: Session, record: Fetch) -> None:
        """Find the file, open it, offer it."""
        if self._running[received.connection_id] >= self._max_downloads:
            text = f"at most {self._max_downloads} downloads at once"
            self._desk.refuse(received, ErrorCode.TOO_MANY_TRANSFERS, text)
            return
        if len(record.present) > MAX_TRANSFER_RUNS:
            text = f"at most {MAX_TRANSFER_RUNS} byte ranges can be there already; fetch it anew"
            self._desk.refuse(received, ErrorCode.TOO_MANY_REQUESTS, text)
            return
        wish = _Wish(received, session, record)
        self._running[wish.connection_id] += 1
        request = FindFile(0, self._shelf.viewer(session), record.file_id, record.file_name)
        self._ask(wish, request, lambda result: self._on_found(wish, result))

    def _ask(self, wish: _Wish, request: StoreRequest, then: Any) -> None:
        """The next question about a FETCH; what storage refuses is refused."""

        def answer(result: Any, now: int) -> None:  # noqa: ARG001 - an Answer
            if isinstance(result, StorageError):
                self._refuse(wish, result.code, result.text)
            else:
                then(result)

        self._desk.ask(request, answer)

    def _refuse(self, wish: _Wish, code: ErrorCode, text: str) -> None:
        self._release(wish.connection_id)
        self._desk.refuse(wish.received, code, text)

    def _release(self, connection_id: bytes) -> None:
        self._running[connection_id] -= 1
        if not self._running[connection_id]:
            del self._running[connection_id]

    def _on_found(self, wish: _Wish, entry: FileEntry | None) -> None:
        record = wish.record
        if entry is None:
            name = record.file_name or record.file_id.hex()
            self._refuse(wish, ErrorCode.UNKNOWN_FILE, f"the server has no file {name}")
        elif entry.state is FileState.RECEIVING:
            text = f"{entry.file_name} is still being received; fetch it when it is stored"
            self._refuse(wish, ErrorCode.INCOMPLETE, text)
        elif record.number != WHOLE and not entry.is_folder:
            self._refuse(wish, ErrorCode.UNKNOWN_FILE, f"{entry.file_name} is a file: it has no members")
        elif entry.is_folder and record.number == WHOLE and not record.flags & FileFlag.INDEXED:
            request = ListMembers(0, entry.file_id, 0, PAGE)
            self._ask(wish, request, lambda members: self._open(wish, entry, members))
        else:
            self._open(wish, entry, ())

    def _open(self, wish: _Wish, entry: FileEntry, members: tuple[MemberInfo, ...]) -> None:
        def answer(result: Stored | StorageError, now: int) -> None:  # noqa: ARG001 - an Answer
            if isinstance(result, Stored):
                self._on_opened(wish, result, members)
            elif result.code == ErrorCode.DIGEST_MISMATCH:  # its size tells
                self._refuse(wish, result.code, why_damaged(entry))
                self._put_away(entry)
            else:
                self._refuse(wish, result.code, result.text)

        self._desk.ask(OpenStored(0, entry.file_id, wish.record.number), answer)

    def _on_opened(self, wish: _Wish, stored: Stored, members: tuple[MemberInfo, ...]) -> None:
        connection = self._desk.endpoint.find(wish.connection_id)
        if connection is None or not connection.is_alive:
            self._release(wish.connection_id)
            self._desk.ask(CloseSource(stored.source))
            return
        self._last_transfer += 1
        key = (wish.connection_id, self._last_transfer)
        offer = _offer(key[1], stored)
        is_index_needed = offer.flags & FileFlag.FOLDER  # for the MD5: of a folder only the root tells
        known = Known(lambda: self._on_damaged(key), offer.root, NO_MD5 if is_index_needed else offer.md5)
        outgoing = Outgoing(
            self._desk,
            *key,
            offer.size,
            stored.source,
            on_failed=lambda error: self._fail(key, error),
            known=known,
        )
        self._downloads[key] = Download(
            wish.session, _travelling(stored), outgoing, wish.record.present, offer.md5, stored.member is None
        )
        connection.send_record(offer, wish.received.request_id)
        if members:
            self._send_members(wish.received, key, members)

    def _send_members(
        self, received: RecordReceived, key: Key, members: tuple[MemberInfo, ...], first: int = 0
    ) -> None:
        """Send a page of the index as the channel empties, then the next; no more of it once the download is over."""

        def encoded() -> Iterator[bytes]:
            for record in member_records(members, key[1], first):
                if key not in self._downloads:
                    return
                yield encode_record(record, received.request_id)
            if len(members) == PAGE and key in self._downloads:
                self._ask_members(received, key, first + PAGE)

        connection = self._desk.endpoint.find(key[0])
        if connection is not None and not connection.send_list(encoded()):
            error = StorageError("too many lists are being sent to you; wait for them", ErrorCode.TOO_MANY_REQUESTS)
            self._fail(key, error)

    def _ask_members(self, received: RecordReceived, key: Key, first: int) -> None:
        def answer(result: tuple[MemberInfo, ...] | StorageError, now: int) -> None:  # noqa: ARG001 - an Answer
            if isinstance(result, StorageError):
                self._fail(key, result)
            elif result and key in self._downloads:
                self._send_members(received, key, result, first)

        self._desk.ask(ListMembers(0, self._downloads[key].entry.file_id, first, PAGE), answer)

    # -- what the client says ------------------------------------------------------------------------------------------

    def on_credit(self, received: RecordReceived, record: Credit) -> None:
        """The client takes bytes: the first credit starts the transfer."""
        key = (received.connection_id, record.transfer_id)
        if (download := self._downloads.get(key)) is None:
            return
        if download.is_sending:
            download.outgoing.on_credit(record.limit)
            return
        try:
            download.outgoing.begin(record.limit, download.present)
        except RefusedError as error:
            self._fail(key, StorageError(error.text, ErrorCode(error.code)))
            return
        download.is_sending = True
        self._shares.add(key, lambda rate: self._set_rate(download, rate), lambda: download.outgoing.acked)
        self._shares.set_limit(key, download.rate)

    def _set_rate(self, download: Download, rate: int) -> None:
        download.share = rate
        download.outgoing.set_pace(rate, download.priority)

    def on_pace(self, received: RecordReceived, record: Pace) -> None:
        """The client wants its download at another rate, or before or after others."""
        key = (received.connection_id, record.transfer_id)
        if (download := self._downloads.get(key)) is None:
            return
        known = {int(priority): priority for priority in Priority}
        download.priority = known.get(record.priority, Priority.NORMAL)
        download.rate = record.rate
        self._shares.set_limit(key, record.rate)
        download.outgoing.set_pace(download.share, download.priority)

    def on_missing(self, received: RecordReceived, record: Missing) -> None:
        """The client does not hold these bytes after all."""
        if (download := self._downloads.get((received.connection_id, record.transfer_id))) is not None:
            download.outgoing.on_missing(record.ranges)

    def on_want_blocks(self, received: RecordReceived, record: WantBlocks) -> None:
        """The client has another MD5, and looks for what is damaged; another question meanwhile is ignored."""
        key = (received.connection_id, record.transfer_id)
        if (download := self._downloads.get(key)) is None or download.outgoing.is_hashing:
            return
        if self._rereadings.may_begin(key[0], (download.entry.file_id, download.entry.file_name)):
            download.outgoing.on_want_blocks()
        else:
            self._fail(key, StorageError(REREAD_ENOUGH, ErrorCode.DIGEST_MISMATCH))

    def on_acked(self, connection_id: bytes, transfer_id: int, at: int) -> None:
        """Every byte has reached the client, for the first time or after a repair. at: wall clock [us]."""
        download = self._downloads.get((connection_id, transfer_id))
        if download is not None and download.is_whole and not download.is_delivered:
            download.is_delivered = True
            self._states.mark(download.session, download.entry, FileState.DELIVERED, at)

    def on_received(self, received: RecordReceived, record: Received, at: int) -> None:
        """The client has the whole file on its disk; answered when it has a request id. at: wall clock [us]."""
        download = self._end((received.connection_id, record.transfer_id))
        if download is None:
            if received.request_id:
                self._desk.refuse(received, ErrorCode.UNKNOWN_TRANSFER, "RECEIVED of what was not being sent")
            return
        if record.md5 != download.md5:
            text = f"it was stored with the MD5 {record.md5.hex()}, and sent with {download.md5.hex()}"
            self._failed(download, ErrorCode.DIGEST_MISMATCH, text)
            if received.request_id:
                self._desk.refuse(received, ErrorCode.DIGEST_MISMATCH, text)
            return

        def confirm() -> None:
            self._desk.send(received.connection_id, Done(), received.request_id)

        if download.is_whole and received.request_id:
            self._states.ask(received, download.session, download.entry, FileState.VERIFIED, at, confirm)
        elif download.is_whole:
            self._states.mark(download.session, download.entry, FileState.VERIFIED, at)
        elif received.request_id:
            confirm()
        self._desk.tell(FileDelivered(download.session.nick, discreet(download.entry), record.md5))

    def on_cancel(self, connection_id: bytes, record: Cancel) -> None:
        """The client gives a download up or, with NO_ERROR, lets it rest; unknown transfers are ignored."""
        download = self._end((connection_id, record.transfer_id))
        if download is not None and record.code != ErrorCode.NO_ERROR:
            self._failed(download, record.code, record.text)

    # -- the end of one ------------------------------------------------------------------------------------------------

    def on_source_failed(self, connection_id: bytes, transfer_id: int) -> None:
        """A stored file gave fewer bytes than it has. Why, storage knows of what lies in a shared folder."""
        key, unreadable = (connection_id, transfer_id), StorageError("the stored file cannot be read")
        download = self._downloads.get(key)
        if download is None or not download.entry.path:
            self._fail(key, unreadable)
            return

        def on_read(result: bytes | StorageError, now: int) -> None:  # noqa: ARG001 - an Answer
            self._fail(key, result if isinstance(result, StorageError) else unreadable)

        self._desk.ask(HashBlocks(0, download.outgoing.source, 0, 1), on_read)

    def on_gone(self, file_id: bytes, text: str, code: ErrorCode = ErrorCode.UNKNOWN_FILE) -> None:
        """A file is not there any more, and so are its downloads. text: why."""
        for key in [key for key, download in self._downloads.items() if download.entry.file_id == file_id]:
            self._fail(key, StorageError(text, code))

    def _on_damaged(self, key: Key) -> None:
        if (download := self._downloads.get(key)) is not None:
            self._put_away(download.entry)

    def _put_away(self, entry: FileEntry) -> None:
        """A stored file is not what was stored: nobody can have it, and nothing that is said of it is true."""
        words = DOUBTED if entry.path else DAMAGED
        self.on_gone(entry.file_id, why_damaged(entry), ErrorCode.DIGEST_MISMATCH)

        def on_aside(result: FileEntry | StorageError, now: int) -> None:  # noqa: ARG001 - an Answer
            if isinstance(result, FileEntry):
                self._desk.tell(FileRemoved("", discreet(result), words))
            elif result.code != ErrorCode.UNKNOWN_FILE:  # else it was noticed twice
                self._desk.tell(TransferFailed(0, "", discreet(entry).file_name, result.code, DAMAGED_STAYS))

        self._desk.ask(SetAside(0, entry.file_id), on_aside)

    def on_closed(self, connection_id: bytes) -> None:
        """The connection is gone."""
        self._rereadings.forget(connection_id)
        for key in [key for key in self._downloads if key[0] == connection_id]:
            self._end(key)

    def _fail(self, key: Key, error: StorageError) -> None:
        if (download := self._end(key)) is not None:
            self._desk.send(key[0], Cancel(key[1], error.code, clip(error.text)))
            self._failed(download, error.code, error.text)

    def _failed(self, download: Download, code: int, text: str) -> None:
        name = discreet(download.entry).file_name
        words = discreet_words(code) if download.entry.recipient_id else text
        self._desk.tell(TransferFailed(0, download.session.nick, name, code, words))

    def _end(self, key: Key) -> Download | None:
        download = self._downloads.pop(key, None)
        if download is not None:
            download.outgoing.stop()
            self._shares.remove(key)
            self._release(key[0])
        return download


def _travelling(stored: Stored) -> FileEntry:
    """What is sent: a member of a folder is told of as a file of its own."""
    entry, member = stored.entry, stored.member
    if member is None:
        return entry
    name = f"{entry.file_name}/{member.path}"
    return replace(entry, file_name=name, size=member.size, md5=member.md5, flags=FileFlag(0), members=0)


def _offer(transfer_id: int, stored: Stored) -> Offer:
    entry, member = stored.entry, stored.member
    if member is not None:  # alone, it is a file like any other
        flags = FileFlag.EXECUTABLE if member.flags & MemberFlag.EXECUTABLE else PLAIN_FILE
        name = member.path.rpartition("/")[2]
        return Offer(
            transfer_id,
            entry.file_id,
            member.size,
            member.md5,
            NO_ROOT,
            member.modified,
            members=0,
            flags=flags,
            media="",
            file_name=name,
        )
    return Offer(
        transfer_id,
        entry.file_id,
        entry.size,
        entry.md5,
        entry.root or NO_ROOT,
        entry.modified,
        members=entry.members,
        flags=entry.flags,
        media=entry.media.name,
        file_name=entry.file_name,
    )

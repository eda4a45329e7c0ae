"""Records out of a capture: the channels of a connection put in order, and what they tell of its transfers.

A capture may begin in the middle of a connection or miss packets. Then a channel goes on with a later packet, which
most often begins a record; what cannot be read there is given up, and the next packet tried.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from udpchat.arq.channels import ReceiveChannel
from udpchat.config import CHANNEL_COUNT, MAX_FOLDER_MEMBERS, MAX_MEMBER_PATH, MAX_RECORD
from udpchat.errors import ProtocolViolationError
from udpchat.files.members import WHOLE, Index, MemberInfo
from udpchat.wire.numbers import FileFlag, MemberFlag
from udpchat.wire.record_types import RECORD_CLASSES
from udpchat.wire.records import (
    RECORD_HEADER_SIZE,
    Cancel,
    Commit,
    Committed,
    Fetch,
    Member,
    Offer,
    Open,
    Opened,
    Ranges,
    Received,
    Record,
    RecordReader,
    UnknownRecord,
)

PATIENCE: Final = 128  # fragments beyond a hole, after which its bytes are not waited for
MAX_TRANSFERS: Final = 4_096  # of a connection that are remembered


class ChannelReader:
    """One channel in one direction. gaps: how often it had to go on at a later packet."""

    __slots__ = ("_base", "_channel", "_expected", "_reader", "_waiting", "gaps")

    def __init__(self) -> None:
        self.gaps = 0
        self._channel: ReceiveChannel | None = None
        self._reader = RecordReader()
        self._base = 0  # offset of the channel's first byte
        self._expected = 0  # highest offset that was handed out
        self._waiting = 0  # fragments since it grew

    def feed(self, offset: int, content: bytes | memoryview) -> list[tuple[int, Record | UnknownRecord]]:
        """The records, with their request ids, that are complete now."""
        if not content:
            return []
        if self._channel is None:
            return self._start(offset, content)
        if offset + len(content) <= self._expected:
            return []  # a repeat
        try:
            ordered = self._channel.receive(max(offset - self._base, 0), content[max(self._base - offset, 0) :])
        except ProtocolViolationError:
            ordered = None
        if ordered:
            self._waiting = 0
            self._expected = self._base + self._channel.next_offset
            return self._read(ordered)
        self._waiting += 1
        if ordered is None or self._waiting > PATIENCE:
            self.gaps += 1
            return self._start(offset, content)
        return []

    def _start(self, offset: int, content: bytes | memoryview) -> list[tuple[int, Record | UnknownRecord]]:
        """Begin at a packet that looks as if it began a record; at 0 the channel itself begins."""
        self._waiting = 0
        if offset and not _begins_record(content):
            self._channel = None
            return []
        self._channel, self._reader = ReceiveChannel(), RecordReader()
        self._base = offset
        self._expected = offset + len(content)
        return self._read(self._channel.receive(0, content) or b"")

    def _read(self, ordered: bytes) -> list[tuple[int, Record | UnknownRecord]]:
        try:
            return self._reader.feed(ordered)
        except ProtocolViolationError:
            self._channel = None
            self.gaps += 1
            return []


def _begins_record(content: bytes | memoryview) -> bool:
    """Whether content may begin with the header of a record that is known."""
    return (
        len(content) >= RECORD_HEADER_SIZE
        and int.from_bytes(content[:4], "big") <= MAX_RECORD
        and content[4] in RECORD_CLASSES
    )


@dataclass(slots=True)
class Announced:
    """What the records say of a transfer. from_server: its bytes are sent by the server.

    file_key: upload id or file id, and of a member alone its number. present: ranges of bytes that the receiver had
    before. md5s: who says what. outcome: "" while nothing is known. member_count: of a folder; members: those whose
    records were seen, from number 0 on without a hole; None of a file.
    """

    transfer_id: int
    from_server: bool
    name: str
    size: int | None
    file_key: bytes
    present: Ranges = ()
    md5_sent: bytes | None = None
    md5_stored: bytes | None = None
    outcome: str = ""
    member_count: int = 0
    members: list[MemberInfo] | None = None

    @property
    def index(self) -> Index | None:
        """Of a folder, when all of it was seen."""
        return Index(self.members) if self.members is not None and len(self.members) == self.member_count else None


@dataclass(slots=True)
class Conversation:
    """The records of one connection, and the transfers they announce, by transfer id. counts: records by name."""

    transfers: dict[int, Announced] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    _channels: dict[tuple[bool, int], ChannelReader] = field(default_factory=dict)
    _opens: dict[int, Open] = field(default_factory=dict)  # by request id
    _fetches: dict[int, Fetch] = field(default_factory=dict)  # by request id
    _uploads: dict[bytes, Announced] = field(default_factory=dict)  # by upload id
    _indexes: dict[tuple[bool, int], list[MemberInfo]] = field(default_factory=dict)  # by end and transfer id

    @property
    def gaps(self) -> int:
        """How often a channel had to go on at a later packet."""
        return sum(channel.gaps for channel in self._channels.values())

    def feed(self, from_server: bool, channel: int, offset: int, content: bytes | memoryview) -> None:
        """Take in the content of one MSG."""
        if channel >= CHANNEL_COUNT:
            return
        reader = self._channels.setdefault((from_server, channel), ChannelReader())
        for request_id, record in reader.feed(offset, content):
            if isinstance(record, UnknownRecord):
                self.counts["UNKNOWN"] += 1
                continue
            self.counts[record.TYPE.name] += 1
            if from_server:
                self._on_server(request_id, record)
            else:
                self._on_client(request_id, record)

    def _on_client(self, request_id: int, record: Record) -> None:
        match record:
            case Open() if len(self._opens) < MAX_TRANSFERS:
                self._opens[request_id] = record
            case Fetch() if len(self._fetches) < MAX_TRANSFERS:
                self._fetches[request_id] = record
            case Commit(upload_id, md5) if (upload := self._uploads.get(upload_id)) is not None:
                upload.md5_sent = md5
            case Received(transfer_id, md5) if (download := self.transfers.get(transfer_id)) is not None:
                download.md5_stored, download.outcome = md5, "received"
            case Cancel():
                self._on_cancel(record)
            case Member():
                self._on_member(record, from_server=False)
            case _:
                pass

    def _on_server(self, request_id: int, record: Record) -> None:
        match record:
            case Opened():
                self._on_opened(record, self._opens.pop(request_id, None))
            case Committed(upload_id, _, md5) if (upload := self._uploads.get(upload_id)) is not None:
                upload.md5_stored, upload.outcome = md5, "committed"
            case Offer() if len(self.transfers) < MAX_TRANSFERS:
                self._on_offer(record, self._fetches.pop(request_id, None))
            case Cancel():
                self._on_cancel(record)
            case Member():
                self._on_member(record, from_server=True)
            case _:
                pass

    def _on_opened(self, answer: Opened, asked: Open | None) -> None:
        if asked is None or len(self._uploads) >= MAX_TRANSFERS or answer.transfer_id in self.transfers:
            return
        upload = Announced(answer.transfer_id, False, asked.file_name, asked.size, asked.upload_id, answer.present)
        if asked.flags & FileFlag.FOLDER:
            upload.member_count, upload.members = asked.members, self._members_of(False, answer.transfer_id)
        self.transfers[answer.transfer_id] = self._uploads[asked.upload_id] = upload

    def _on_offer(self, offer: Offer, asked: Fetch | None) -> None:
        present, number = (asked.present, asked.number) if asked is not None else ((), WHOLE)
        key = offer.file_id if number == WHOLE else offer.file_id + number.to_bytes(4, "big")
        download = Announced(offer.transfer_id, True, offer.file_name, offer.size, key, present, offer.md5)
        if offer.flags & FileFlag.FOLDER:
            download.member_count, download.members = offer.members, self._members_of(True, offer.transfer_id)
        self.transfers[offer.transfer_id] = download

    def _members_of(self, from_server: bool, transfer_id: int) -> list[MemberInfo]:
        """The index of a folder as far as it was seen. It has a channel of its own: it may come before OFFER does."""
        if len(self._indexes) >= MAX_TRANSFERS:
            return self._indexes.get((from_server, transfer_id), [])
        return self._indexes.setdefault((from_server, transfer_id), [])

    def _on_member(self, record: Member, *, from_server: bool) -> None:
        """The next line of a folder's index; lists of members that are only shown have no transfer."""
        members = self._members_of(from_server, record.transfer_id)
        is_possible = record.transfer_id and len(record.path.encode()) <= MAX_MEMBER_PATH
        if is_possible and record.number == len(members) < MAX_FOLDER_MEMBERS:
            flags = MemberFlag(record.flags)
            members.append(MemberInfo(record.path, record.size, record.modified, flags, record.md5))

    def _on_cancel(self, cancel: Cancel) -> None:
        if (transfer := self.transfers.get(cancel.transfer_id)) is not None:
            transfer.outcome = transfer.outcome or f"cancelled: {cancel.text}"


def runs_text(runs: Iterator[tuple[int, int]] | tuple[tuple[int, int], ...], most: int = 5) -> str:
    """Byte ranges for people, both ends included: "0-1199, 4800-5999 and 3 more"."""
    told = list(runs)
    text = ", ".join(f"{start}-{stop - 1}" for start, stop in told[:most])
    return f"{text} and {len(told) - most} more" if len(told) > most else text

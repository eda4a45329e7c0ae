"""What is there: the list of files, and what is in a folder."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Final

from udpchat.errors import ErrorCode
from udpchat.files.members import NO_MD5, MemberInfo
from udpchat.files.ports import FileEntry
from udpchat.files.shelf import Shelf
from udpchat.files.stored_ports import ListFiles as ListStored
from udpchat.files.stored_ports import ListMembers as ListStoredMembers
from udpchat.protocol.events import RecordReceived
from udpchat.protocol.members import Session, fold
from udpchat.protocol.service import Desk
from udpchat.wire.numbers import FileFlag, FileState
from udpchat.wire.records import File, Finished, ListFiles, ListMembers, Member, Record

PAGE: Final = 1_024  # files or members that storage is asked for at once: the next as those leave


class Listing:
    """Answers LIST_FILES and LIST_MEMBERS."""

    def __init__(self, desk: Desk, shelf: Shelf) -> None:
        self._desk = desk
        self._shelf = shelf

    def on_files(self, received: RecordReceived, session: Session, record: ListFiles) -> None:
        """LIST_FILES: answered by File records, oldest first, and Finished; or Refused."""
        viewer, room = self._shelf.viewer(session), fold(unicodedata.normalize("NFC", record.room))
        if room and room not in viewer.rooms:
            text = f"you are in no room called {record.room}; /rooms lists them, /join {record.room} enters"
            self._desk.refuse(received, ErrorCode.NOT_IN_ROOM, text)
            return

        def ask(after: int, sent: int) -> None:
            self._shelf.ask(received, ListStored(0, viewer, room, after, PAGE), lambda page: send(page, sent))

        def send(entries: tuple[FileEntry, ...], sent: int) -> None:
            self._desk.send_list(received, page_of(entries, sent + len(entries)))

        def page_of(entries: tuple[FileEntry, ...], sent: int) -> Iterator[Record]:
            yield from _records(entries)
            last = entries[-1].sequence if len(entries) >= PAGE else 0
            if last:  # else nothing follows, or it ends with what is being received
                ask(last, sent)
            else:
                yield Finished(sent)

        ask(0, 0)

    def on_members(self, received: RecordReceived, session: Session, record: ListMembers) -> None:
        """LIST_MEMBERS: answered by Member records in order and Finished; or Refused."""

        def ask(file_id: bytes, first: int) -> None:
            request = ListStoredMembers(0, file_id, first, PAGE)
            self._shelf.ask(
                received, request, lambda page: self._desk.send_list(received, page_of(file_id, page, first))
            )

        def page_of(file_id: bytes, members: tuple[MemberInfo, ...], first: int) -> Iterator[Record]:
            yield from member_records(members, first=first)
            if len(members) == PAGE:
                ask(file_id, first + PAGE)
            else:
                yield Finished(first + len(members))

        def on_found(entry: FileEntry) -> None:
            if entry.state is FileState.RECEIVING:
                self._desk.refuse(received, ErrorCode.INCOMPLETE, f"{entry.file_name} is still being received")
            elif not entry.is_folder:
                self._desk.refuse(received, ErrorCode.UNKNOWN_FILE, f"{entry.file_name} is a file: it has no members")
            else:
                ask(entry.file_id, 0)

        self._shelf.find(received, session, record.file_id, on_found)


def member_records(members: tuple[MemberInfo, ...], transfer_id: int = 0, first: int = 0) -> Iterator[Record]:
    """Members as they are sent, from number `first` on; each record is made when the channel has room for it."""
    for number, member in enumerate(members, first):
        flags = int(member.flags)
        yield Member(transfer_id, number, member.size, member.modified, member.md5, flags, member.path)


def _records(entries: tuple[FileEntry, ...]) -> Iterator[Record]:
    """As they are sent; each is made when the channel has room for it."""
    for entry in entries:
        is_whole = entry.state is not FileState.RECEIVING
        private = FileFlag.PRIVATE if entry.recipient_id else FileFlag(0)
        yield File(
            file_id=entry.file_id,
            size=entry.size,
            md5=entry.md5 or NO_MD5,
            stored_at=entry.stored_at,
            expires_at=entry.expires_at,
            present=entry.size if is_whole else entry.present,
            width=entry.media.width,
            height=entry.media.height,
            members=entry.members,
            delivered=entry.delivered,
            verified=entry.verified,
            opened=entry.opened,
            flags=entry.flags | private,
            state=entry.state,
            media=entry.media.name,
            owner=entry.owner_nick,
            room=entry.room,
            to=entry.recipient,
            file_name=entry.file_name,
        )

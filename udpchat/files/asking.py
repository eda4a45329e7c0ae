"""What a client asks about files of the server: verbs give a request id, events answer them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from udpchat.config import MAX_INDEX_PATHS
from udpchat.errors import ErrorCode, UsageError
from udpchat.files.events import FileDone, FileList, FileMarked, MarkList, MemberList, TransferFailed
from udpchat.files.exchange import Exchange
from udpchat.files.members import MemberInfo
from udpchat.files.ports import FileEntry, Media
from udpchat.files.stored_ports import FileMark
from udpchat.wire.numbers import FileFlag, FileState, MemberFlag
from udpchat.wire.records import DeleteFile, File, ListFiles, ListMembers, ListStates, Mark, Member, Record, State

MAX_LIST: Final = 1_000_000  # records of an answer that is still incomplete
MAX_LIST_TEXT: Final = 4 * MAX_INDEX_PATHS  # bytes of all names in it: also those of as many files as a server has
TOO_LONG: Final = "the server's answer is longer than any list can be"

MakeAnswer = Callable[[int, tuple[Any, ...]], object]  # request id, what came


@dataclass(slots=True)
class _List:
    """An answer that is coming in: records of one kind. text: bytes of names in it."""

    kind: type[Record]
    items: list[Any] = field(default_factory=list)
    text: int = 0
    is_too_long: bool = False

    def add(self, record: File | Member | State) -> None:
        """Take the next record; nothing is kept of a list that is too long."""
        if self.is_too_long or not isinstance(record, self.kind):
            return
        self.text += _text_bytes(record)
        self.items.append(_item(record))
        if len(self.items) > MAX_LIST or self.text > MAX_LIST_TEXT:
            self.is_too_long = True
            self.items.clear()


class FileQuestions:
    """Lists of files, of what is in folders, of who has what; marks; deletions."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._lists: dict[int, _List] = {}  # by request id

    # -- verbs ---------------------------------------------------------------------------------------------------------

    def list_files(self, room: str = "") -> int:
        """Ask what files there are, of one room or all that we may see; answered by FileList."""
        return self._ask_list(ListFiles(room), File, FileList)

    def list_members(self, file_id: bytes) -> int:
        """Ask what is in a folder; answered by MemberList."""
        return self._ask_list(ListMembers(file_id), Member, MemberList)

    def list_marks(self, file_id: bytes) -> int:
        """Ask how far a file is with everybody; answered by MarkList."""
        return self._ask_list(ListStates(file_id), State, MarkList)

    def mark(self, file_id: bytes, state: FileState) -> int:
        """Say what we did with a file: OPENED or DECLINED; answered by FileDone."""
        if state not in (FileState.OPENED, FileState.DECLINED):
            raise UsageError(f"nobody says of a file that it is {state.name}: that is found out")
        return self._ask_done(Mark(file_id, state))

    def delete(self, file_id: bytes) -> int:
        """Remove a file from the server; answered by FileDone."""
        return self._ask_done(DeleteFile(file_id))

    # -- answers -------------------------------------------------------------------------------------------------------

    def on_record(self, request_id: int, record: File | Member | State) -> None:
        """A part of a list, or news of a file of ours."""
        listed = self._lists.get(request_id)
        if listed is not None:
            listed.add(record)
        elif isinstance(record, State) and not request_id:
            state = _state(record.state)
            self._exchange.tell(FileMarked(record.file_id, record.file_name, record.nick, state, record.at))

    def lost(self) -> None:
        """The connection is over: what was coming in never ends."""
        self._lists.clear()

    def _ask_list(self, record: Record, kind: type[Record], answer: MakeAnswer) -> int:
        self._require_connection()
        listed = _List(kind)

        def on_finished(request_id: int) -> None:
            self._lists.pop(request_id, None)
            if listed.is_too_long:
                self._exchange.tell(TransferFailed(request_id, "", "", ErrorCode.TOO_LARGE, TOO_LONG))
            else:
                self._exchange.tell(answer(request_id, tuple(listed.items)))

        request_id = self._exchange.request_list(record, on_finished, self._on_refused)
        self._lists[request_id] = listed
        return request_id

    def _ask_done(self, record: Record) -> int:
        self._require_connection()
        return self._exchange.request_list(
            record, lambda request_id: self._exchange.tell(FileDone(request_id)), self._on_refused
        )

    def _on_refused(self, request_id: int, code: int, text: str) -> None:
        self._lists.pop(request_id, None)
        self._exchange.tell(TransferFailed(request_id, "", "", code, text))

    def _require_connection(self) -> None:
        if self._exchange.connection is None or not self._exchange.is_in:
            raise UsageError("there is no connection")


def _item(record: File | Member | State) -> FileEntry | MemberInfo | FileMark:
    match record:
        case File():
            return file_entry(record)
        case Member():
            return member_info(record)
        case State():
            return FileMark(0, record.nick, _state(record.state), record.at)


def _text_bytes(record: File | Member | State) -> int:
    """What it says in words, which can be of any length."""
    match record:
        case File():
            texts: tuple[str, ...] = (record.file_name, record.owner, record.room, record.to, record.media)
        case Member():
            texts = (record.path,)
        case State():
            texts = (record.nick, record.file_name)
    return sum(len(text.encode()) for text in texts)


def file_entry(file: File) -> FileEntry:
    """A file as the server lists it; who owns it is known by nickname only."""
    return FileEntry(
        file.file_id,
        file.file_name,
        file.size,
        file.md5,
        file.stored_at,
        b"",
        file.owner,
        room=file.room,
        recipient=file.to,
        flags=FileFlag(file.flags),
        members=file.members,
        media=Media(file.media, file.width, file.height),
        expires_at=file.expires_at,
        state=_state(file.state),
        present=file.present,
        delivered=file.delivered,
        verified=file.verified,
        opened=file.opened,
    )


def member_info(record: Member) -> MemberInfo:
    """A member as the server says it is."""
    return MemberInfo(record.path, record.size, record.modified, MemberFlag(record.flags), record.md5)


def _state(number: int) -> FileState:
    """A state; one that a later version of the server knows is the last that we know before it."""
    return FileState(number) if number in FileState.__members__.values() else FileState.STORED

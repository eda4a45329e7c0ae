"""How far files are with people: what is known of it, what people say of it, and the owner who hears it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from udpchat.errors import ErrorCode, StorageError
from udpchat.files.events import FileMarked
from udpchat.files.ports import FileEntry
from udpchat.files.shelf import Shelf, discreet
from udpchat.files.stored_ports import FileMark, ListMarks, MarkFile
from udpchat.protocol.events import RecordReceived
from udpchat.protocol.members import Session
from udpchat.protocol.service import Desk
from udpchat.wire.numbers import FileState
from udpchat.wire.records import Done, Finished, ListStates, Mark, State

SAID: Final = (FileState.OPENED, FileState.DECLINED)  # what people may say themselves; the rest is seen

DECLINED: Final = '(does not want "{name}")'  # a line of who declines a file, to its owner who is away


class States:
    """Marks. at: wall clock [us], everywhere."""

    def __init__(self, desk: Desk, shelf: Shelf) -> None:
        self._desk = desk
        self._shelf = shelf

    def mark(self, session: Session, entry: FileEntry, state: FileState, at: int) -> None:
        """A file has come further with somebody; the owner is told when it has."""

        def answer(result: FileEntry | StorageError | None, now: int) -> None:  # noqa: ARG001 - an Answer
            if isinstance(result, FileEntry):  # else it had come as far, or the file is gone by now
                self.tell(session, result, state, at)

        self._desk.ask(MarkFile(0, entry.file_id, session.person_id, session.nick, state, at), answer)

    def on_mark(self, received: RecordReceived, session: Session, record: Mark, at: int) -> None:
        """MARK: answered by Done or Refused."""
        if record.state not in SAID:
            text = "only OPENED and DECLINED are said; the other states are what the server sees itself"
            self._desk.refuse(received, ErrorCode.NOT_ALLOWED, text)
            return
        state = FileState(record.state)

        def on_found(entry: FileEntry) -> None:
            if entry.state is FileState.RECEIVING:
                self._desk.refuse(received, ErrorCode.INCOMPLETE, f"{entry.file_name} is still being received")
            else:
                self.ask(received, session, entry, state, at, done)

        def done() -> None:
            self._desk.send(received.connection_id, Done(), received.request_id)

        self._shelf.find(received, session, record.file_id, on_found)

    def ask(
        self,
        received: RecordReceived,
        session: Session,
        entry: FileEntry,
        state: FileState,
        at: int,
        then: Callable[[], None],
    ) -> None:
        """The same as `mark` for somebody who has asked for it: refused when it cannot be written down."""

        def on_marked(marked: FileEntry | None) -> None:
            if marked is not None:
                self.tell(session, marked, state, at)
            then()

        request = MarkFile(0, entry.file_id, session.person_id, session.nick, state, at)
        self._shelf.ask(received, request, on_marked)

    def tell(self, session: Session, entry: FileEntry, state: FileState, at: int) -> None:
        """The owner hears it, on every session; of a refusal also later."""
        record = State(entry.file_id, at, state, session.nick, entry.file_name)
        members = self._desk.members
        owner = members.find_person(entry.owner_id)
        for each in ([owner] if owner is not None else []) + members.visitors:
            if each.person_id == entry.owner_id:
                self._desk.send(each.connection_id, record)
        if owner is None and entry.owner_id and state is FileState.DECLINED:  # the file goes, and its marks with it
            self._shelf.audience.leave_word(session, entry, DECLINED.format(name=entry.file_name), at)
        self._desk.tell(FileMarked(entry.file_id, discreet(entry).file_name, session.nick, state, at))

    def on_list(self, received: RecordReceived, session: Session, record: ListStates) -> None:
        """LIST_STATES: answered by State records and Finished, or Refused."""

        def send(entry: FileEntry, marks: tuple[FileMark, ...]) -> None:
            records = (State(entry.file_id, mark.at, mark.state, mark.nick, entry.file_name) for mark in marks)
            self._desk.send_list(received, (*records, Finished(len(marks))))

        def on_found(entry: FileEntry) -> None:
            self._shelf.ask(received, ListMarks(0, entry.file_id), lambda marks: send(entry, marks))

        self._shelf.find(received, session, record.file_id, on_found)

"""One upload on one connection, from OPEN to COMMITTED."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum, auto

from udpchat.errors import ErrorCode, RefusedError, StorageError, UsageError
from udpchat.files.events import Phase, Uploaded
from udpchat.files.exchange import Exchange
from udpchat.files.local_ports import LocalFile
from udpchat.files.ports import CloseSource, DigestSource
from udpchat.files.sending import Outgoing
from udpchat.files.tasks import Ends, Task
from udpchat.protocol.service import clip
from udpchat.wire.numbers import FileFlag
from udpchat.wire.records import Cancel, Commit, Committed, Member, Open, Opened

PAUSED = "paused"
SHRANK = "the file became shorter, or could not be read, while it was being sent"


class _Stage(Enum):
    OPENING = auto()
    SENDING = auto()
    HASHING = auto()  # all is sent, the MD5 is being finished
    COMMITTING = auto()
    OVER = auto()


class Putting:
    """See `udpchat.files.tasks.Run`. file: it owns its source."""

    def __init__(self, exchange: Exchange, ends: Ends, task: Task, file: LocalFile) -> None:
        self._exchange = exchange
        self._ends = ends
        self._task = task
        self._file = file
        self._stage = _Stage.OPENING
        self._outgoing: Outgoing | None = None
        self._server_rate = 0  # bytes a second that the server takes at most, 0 any
        self._md5 = b""

    @property
    def transfer_id(self) -> int:
        """See `Run`."""
        return self._outgoing.transfer_id if self._outgoing is not None else 0

    @property
    def phase(self) -> Phase:
        """See `Run`."""
        return Phase.CHECKING if self._stage is _Stage.OPENING else Phase.RUNNING

    @property
    def done(self) -> int:
        """See `Run`."""
        return self._outgoing.acked if self._outgoing is not None else self._task.done

    @property
    def members(self) -> tuple[int, int]:
        """See `Run`."""
        index, done = self._file.index, self.done
        if index is None:
            return 0, 0
        return len(index), index.member_at(done) if done < index.size else len(index)

    @property
    def is_committing(self) -> bool:
        """See `Run`."""
        return self._stage is _Stage.COMMITTING

    # -- from OPEN to COMMITTED ----------------------------------------------------------------------------------------

    def begin(self) -> None:
        """See `Run`."""
        transfer, file = self._task.transfer, self._file
        flags = file.flags | FileFlag.PRIVATE if transfer.to else file.flags
        members = len(file.index) if file.index is not None else 0
        room = "" if transfer.to else transfer.room
        record = Open(transfer.part_id, file.size, file.modified, members, flags, file.file_name, room, transfer.to)
        had_begun, self._task.has_begun = self._task.has_begun, True
        self._task.is_opening = True

        def on_refused(request_id: int, code: int, text: str) -> None:
            self._task.has_begun, self._task.is_opening = had_begun, False
            if self._stage is _Stage.OVER:
                self._on_late(0)
            self._on_refused(request_id, code, text)

        self._exchange.request(record, self._on_opened, on_refused)

    def _on_late(self, transfer_id: int) -> None:
        """OPEN was answered after this was over; transfer_id: what the server made of it, or 0."""
        if self._task.is_over:
            self._ends.on_opened_late(self._task)
        elif self._task.run is None and transfer_id:  # it rests
            self._exchange.send(Cancel(transfer_id, ErrorCode.NO_ERROR, PAUSED))

    def _on_opened(self, record: object, now: int) -> None:
        self._task.is_opening = False
        if self._stage is not _Stage.OPENING:
            self._on_late(record.transfer_id if isinstance(record, Opened) else 0)
            return
        if isinstance(record, Committed):
            self._on_committed(record, now)
        elif isinstance(record, Opened):
            self._send(record, now)
        else:
            self._ends.on_failed(self._task, ErrorCode.PROTOCOL_VIOLATION, "the server answered OPEN with nonsense")

    def _send(self, opened: Opened, now: int) -> None:
        task, file = self._task, self._file
        if task.started is None:
            task.started = now
        task.go_on_from(opened.present)
        self._outgoing = Outgoing(
            self._exchange.desk,
            self._exchange.connection_id,
            opened.transfer_id,
            file.size,
            file.source,
            hashing=True,
            on_failed=self._on_source,
        )
        self._stage = _Stage.SENDING
        self.set_pace()
        try:
            self._outgoing.begin(opened.limit, opened.present)
        except RefusedError as error:
            self._ends.on_failed(task, error.code, error.text)
            return
        except UsageError as error:
            self._ends.on_failed(task, ErrorCode.PROTOCOL_VIOLATION, f"the server opened two files as one: {error}")
            return
        is_index_wanted = file.index is not None and not opened.flags & FileFlag.INDEXED
        if is_index_wanted and not self._exchange.send_list(self._members(opened.transfer_id)):
            text = "too many folders are being sent at once; wait for them"
            self._ends.on_failed(task, ErrorCode.TOO_MANY_REQUESTS, text)

    def on_sent(self) -> None:
        """Every byte has left: what is left to know is the MD5."""
        if self._stage is _Stage.SENDING:
            self._stage = _Stage.HASHING
            self._exchange.ask(DigestSource(0, self._file.source), self._on_digest)

    def _on_digest(self, result: bytes | StorageError, now: int) -> None:  # noqa: ARG002 - an Answer
        if self._stage is not _Stage.HASHING:
            return
        if isinstance(result, StorageError):
            self._on_source(result)
            return
        self._md5, self._stage = result, _Stage.COMMITTING
        self._exchange.request(Commit(self._task.part_id, result), self._on_answered, self._on_refused)

    def _on_answered(self, record: object, now: int) -> None:
        if self._stage is not _Stage.COMMITTING:
            return
        if isinstance(record, Committed):
            self._on_committed(record, now)
        else:
            self._ends.on_failed(self._task, ErrorCode.PROTOCOL_VIOLATION, "the server answered COMMIT with nonsense")

    def _on_committed(self, committed: Committed, now: int) -> None:
        task, file = self._task, self._file
        self.lose()
        event = Uploaded(
            task.request_id,
            committed.file_name,
            file.size,
            self._md5 or committed.md5,  # already there before we sent a byte: nothing of ours to compare
            committed.md5,
            committed.file_id,
            now if task.started is None else task.started,
            now,
            len(file.index) if file.index is not None else 0,
            file.left_out,
            task.resumed if self._md5 else file.size,
            file.size if task.earlier is None else task.earlier,
        )
        self._ends.on_finished(task, event)

    # -- what the server asks for --------------------------------------------------------------------------------------

    def on_credit(self, limit: int) -> None:
        """It takes bytes below limit."""
        if self._outgoing is not None:
            self._outgoing.on_credit(limit)

    def on_missing(self, ranges: Iterable[tuple[int, int]]) -> None:
        """It does not hold these bytes after all."""
        if self._outgoing is not None:
            self._outgoing.on_missing(ranges)

    def on_want_blocks(self) -> None:
        """Its MD5 is another."""
        if self._outgoing is not None:
            self._outgoing.on_want_blocks()

    def on_pace(self, rate: int) -> None:
        """It takes so many bytes a second at most, 0 any. Which of our files goes first is ours to say."""
        self._server_rate = rate
        self.set_pace()

    # -- trouble and endings -------------------------------------------------------------------------------------------

    def on_source_failed(self) -> None:
        """The source gave fewer bytes than it had: storage knows what is wrong with it."""

        def on_digest(result: bytes | StorageError, now: int) -> None:  # noqa: ARG001 - an Answer
            if self._stage is not _Stage.OVER:
                error = result if isinstance(result, StorageError) else StorageError(SHRANK, ErrorCode.SOURCE_CHANGED)
                self._on_source(error)

        if self._stage is _Stage.SENDING:
            self._stage = _Stage.HASHING
        self._exchange.ask(DigestSource(0, self._file.source), on_digest)

    def _on_source(self, error: StorageError) -> None:
        self._ends.on_failed(self._task, error.code, error.text)

    def _on_refused(self, _request_id: int, code: int, text: str) -> None:
        if self._stage is not _Stage.OVER:
            self._ends.on_failed(self._task, code, text, is_said=True)

    def set_pace(self) -> None:
        """See `Run`."""
        if self._outgoing is not None:
            ours, theirs = self._task.transfer.rate, self._server_rate
            rate = min(ours, theirs) if ours and theirs else ours or theirs
            self._outgoing.set_pace(rate, self._task.transfer.priority)

    def lose(self) -> None:
        """See `Run`."""
        if self._stage is _Stage.OVER:
            return
        self._task.done = self.done
        self._stage = _Stage.OVER
        if self._outgoing is not None:
            self._outgoing.stop()
        else:
            self._exchange.ask(CloseSource(self._file.source))

    def rest(self) -> None:
        """See `Run`. The server keeps its part, and answers the next OPEN with what it has."""
        self._cancel(ErrorCode.NO_ERROR, PAUSED)
        self.lose()

    def drop(self, code: int, text: str) -> None:
        """See `Run`."""
        self._cancel(code, text)
        self.lose()

    def _cancel(self, code: int, text: str) -> None:
        if self._outgoing is not None and self._stage is not _Stage.OVER:
            self._exchange.send(Cancel(self._outgoing.transfer_id, code, clip(text)))

    def _members(self, transfer_id: int) -> Iterator[Member]:
        """The index of the folder, as records; nothing is made before it is sent, nor once this is over."""
        for number, member in enumerate(self._file.index or ()):
            if self._stage is _Stage.OVER:
                return
            yield Member(transfer_id, number, member.size, member.modified, member.md5, member.flags, member.path)

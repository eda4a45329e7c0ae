"""One download on one connection, from FETCH to RECEIVED."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from udpchat.config import MAX_FOLDER_MEMBERS, MAX_INDEX_PATHS, MAX_PART_RUNS
from udpchat.errors import ErrorCode, RefusedError, StorageError, UsageError
from udpchat.files.events import Downloaded, Phase
from udpchat.files.exchange import Exchange
from udpchat.files.indexing import Indexing
from udpchat.files.ports import AbortPart, ClosePart, CreatePart, FileEntry, PartCreated
from udpchat.files.receiving import Incoming
from udpchat.files.stored_ports import NO_FILE_ID
from udpchat.files.tasks import Ends, Task, is_folder
from udpchat.protocol.events import DataReceived
from udpchat.protocol.service import clip
from udpchat.wire.numbers import PLAIN_FILE, FileFlag, Priority
from udpchat.wire.records import Blocks, Cancel, Credit, Fetch, Member, Offer, Pace

CHANGED = "what the server has is not what was being downloaded any more; what was here of it is removed: get it again"
GONE = "the server has it no more: it was deleted or its time was over; what was here of it is removed"
NONSENSE = "the server offered something that cannot be"
PAUSED = "paused"


class _Stage(Enum):
    ASKING = auto()  # for an offer
    CREATING = auto()  # the part
    INDEXING = auto()  # members of a folder come in
    TAKING = auto()  # bytes come in, and are stored
    OVER = auto()


@dataclass(slots=True)
class _Part:
    """Our part.

    is_asked: it is being opened. early: members of the folder that came before that was done, early_bytes: of their
    paths. closing: what is to be done with it when it is open.
    """

    created: PartCreated | None = None
    is_asked: bool = False
    early: list[Member] = field(default_factory=list)
    early_bytes: int = 0
    closing: Callable[[], None] | None = None


class Fetching:
    """See `udpchat.files.tasks.Run`. owner: our public key, which owns the part.

    What is here already is known when the part is open, and how to open it is known from the offer; so a download that
    goes on is asked for twice, the second time without the bytes that are here.
    """

    def __init__(self, exchange: Exchange, ends: Ends, task: Task, owner: bytes) -> None:
        self._exchange = exchange
        self._ends = ends
        self._task = task
        self._owner = owner
        self._stage = _Stage.ASKING
        self._offer: Offer | None = None
        self._part = _Part()
        self._indexing: Indexing | None = None
        self._incoming: Incoming | None = None
        self._asked = 0  # request id of the FETCH that is not answered
        self._member_ends = array("Q")  # where each member ends, of those that we were told of

    @property
    def transfer_id(self) -> int:
        """See `Run`."""
        return self._offer.transfer_id if self._offer is not None else 0

    @property
    def phase(self) -> Phase:
        """See `Run`."""
        return Phase.RUNNING if self._stage is _Stage.TAKING else Phase.CHECKING

    @property
    def done(self) -> int:
        """See `Run`."""
        return self._incoming.received.total if self._incoming is not None else self._task.done

    @property
    def members(self) -> tuple[int, int]:
        """See `Run`."""
        return len(self._member_ends), bisect_right(self._member_ends, self.done)

    @property
    def is_committing(self) -> bool:
        """See `Run`."""
        return self._incoming is not None and self._incoming.is_committing

    # -- from FETCH to the first byte ----------------------------------------------------------------------------------

    def begin(self) -> None:
        """See `Run`."""
        # Who goes on may have the index, and if not, asks again.
        self._fetch((), FileFlag.INDEXED if self._task.has_begun else PLAIN_FILE)

    def _fetch(self, present: tuple[tuple[int, int], ...], flags: FileFlag) -> None:
        transfer = self._task.transfer
        self._stage = _Stage.ASKING
        self._part.early, self._part.early_bytes = [], 0
        # Of more runs the server does not want to hear: the bytes of the others come again.
        record = Fetch(transfer.file_id, transfer.member, flags, transfer.file_name, present[:MAX_PART_RUNS])
        self._asked = self._exchange.request(
            record, lambda offer, now: self._on_offer(offer, flags, now), self._on_refused
        )

    def _on_offer(self, offer: object, flags: FileFlag, now: int) -> None:
        task, before = self._task, self._offer
        if self._stage is not _Stage.ASKING:
            if isinstance(offer, Offer):  # it ended, or rests, before the server answered
                self._exchange.send(Cancel(offer.transfer_id, ErrorCode.CANCELLED, PAUSED))
            return
        if not isinstance(offer, Offer) or offer.members > MAX_FOLDER_MEMBERS:
            self._ends.on_failed(task, ErrorCode.PROTOCOL_VIOLATION, NONSENSE)
            return
        self._offer = offer
        self._part.early = [member for member in self._part.early if member.transfer_id == offer.transfer_id]
        known = task.transfer.file_id
        is_other = known not in (NO_FILE_ID, offer.file_id) or (before is not None and not _same(before, offer))
        if is_other or (task.has_begun and task.transfer.size not in (0, offer.size)):
            self._ends.on_failed(task, ErrorCode.SOURCE_CHANGED, CHANGED)
            return
        if task.started is None:
            task.started = now
        self._learn(offer)
        if self._part.created is None:
            self._create(offer, flags)
        else:
            self._take_index(offer, self._part.created)

    def _learn(self, offer: Offer) -> None:
        transfer = self._task.transfer
        name = transfer.file_name or offer.file_name
        if (transfer.file_id, transfer.size, transfer.file_name) != (offer.file_id, offer.size, name):
            self._task.change(file_id=offer.file_id, size=offer.size, file_name=name)
            self._ends.on_learned(self._task)

    def _create(self, offer: Offer, flags: FileFlag) -> None:
        transfer = self._task.transfer
        had_begun = self._task.has_begun
        self._stage, self._part.is_asked, self._task.has_begun = _Stage.CREATING, True, True
        request = CreatePart(
            0,
            transfer.part_id,
            self._owner,
            "",
            offer.file_name,
            offer.size,
            transfer.path,
            offer.modified,
            FileFlag(offer.flags) & (FileFlag.FOLDER | FileFlag.EXECUTABLE),
            offer.members,
        )

        def on_created(result: PartCreated | StorageError, now: int) -> None:
            if isinstance(result, StorageError) and result.code != ErrorCode.NO_SPACE:
                self._task.has_begun = had_begun  # nothing was made: a folder that is none is no reason to rest
            self._on_created(offer, flags, result, now)

        self._exchange.ask(request, on_created)

    def _on_created(self, offer: Offer, flags: FileFlag, result: PartCreated | StorageError, now: int) -> None:
        part = self._part
        part.is_asked = False
        if isinstance(result, StorageError):
            if self._stage is _Stage.CREATING:
                self._ends.on_failed(self._task, result.code, result.text)
            return
        part.created = result
        if part.closing is not None:
            part.closing()
        elif result.committed is not None:
            self._on_committed(result.committed, now)
        elif result.present or (bool(flags & FileFlag.INDEXED) and is_folder(offer.flags) and not result.is_indexed):
            self._exchange.send(Cancel(offer.transfer_id, ErrorCode.NO_ERROR, "asked for again without what is here"))
            self._fetch(result.present, FileFlag.INDEXED if result.is_indexed else PLAIN_FILE)
        else:
            self._take_index(offer, result)

    def _take_index(self, offer: Offer, created: PartCreated) -> None:
        self._task.go_on_from(created.present)
        if not is_folder(offer.flags) or created.is_indexed:
            self._take_bytes(offer, created)
            return
        self._stage = _Stage.INDEXING

        def on_indexed(error: StorageError | None) -> None:
            if self._stage is not _Stage.INDEXING:
                return
            self._indexing = None
            if error is not None:
                self._ends.on_failed(self._task, error.code, error.text)
            else:
                self._take_bytes(offer, created)

        self._indexing = Indexing(self._exchange.desk, self._task.part_id, offer.members, offer.size, on_indexed)
        early, self._part.early = self._part.early, []
        for member in early:
            self.on_member(member)

    def awaits(self, request_id: int) -> bool:
        """This is the FETCH that is not answered: its members have a channel of their own and may come before OFFER."""
        return self._stage is _Stage.ASKING and self._asked == request_id

    def on_member(self, member: Member) -> None:
        """The next member of the folder."""
        if self._stage is _Stage.INDEXING and self._indexing is not None:
            if self._indexing.on_member(member):
                self._member_ends.append((self._member_ends[-1] if self._member_ends else 0) + member.size)
        elif self._stage in (_Stage.ASKING, _Stage.CREATING):
            self._keep_early(member)

    def _keep_early(self, member: Member) -> None:
        part = self._part
        part.early_bytes += len(member.path.encode())
        if len(part.early) == MAX_FOLDER_MEMBERS or part.early_bytes > MAX_INDEX_PATHS:
            part.early.clear()
            self._ends.on_failed(self._task, ErrorCode.PROTOCOL_VIOLATION, NONSENSE)
        else:
            part.early.append(member)

    # -- from the first byte to the last -------------------------------------------------------------------------------

    def _take_bytes(self, offer: Offer, created: PartCreated) -> None:
        exchange, task = self._exchange, self._task
        self._stage = _Stage.TAKING
        incoming = self._incoming = Incoming(
            exchange.desk,
            exchange.connection_id,
            offer.transfer_id,
            task.part_id,
            offer.size,
            created,
            self.on_storage_failed,
        )
        try:
            incoming.begin()
        except RefusedError as error:
            self._ends.on_failed(task, error.code, error.text)
            return
        except UsageError:
            self._incoming = None  # the other one goes on
            text = "the server offered two files under one number"
            self._ends.on_failed(task, ErrorCode.PROTOCOL_VIOLATION, text)
            return
        if task.transfer.rate or task.transfer.priority is not Priority.NORMAL:
            self.set_pace()
        # Also when all is here: only then can what turns out to be damaged be sent again.
        exchange.send(Credit(offer.transfer_id, incoming.limit))
        incoming.commit(offer.md5, self._on_stored)

    def on_data(self, data: DataReceived) -> None:
        """Bytes arrived."""
        if self._incoming is not None and self._stage is _Stage.TAKING:
            self._incoming.on_data(data)

    def on_blocks(self, record: Blocks) -> None:
        """Hashes of the server's blocks, which were asked for."""
        if self._incoming is not None:
            self._incoming.on_blocks(record)

    def _on_stored(self, result: FileEntry | StorageError) -> None:
        incoming = self._incoming
        assert incoming is not None
        if isinstance(result, FileEntry):
            self._on_committed(result, incoming.finished_at)
        elif self._stage is _Stage.OVER:  # the connection was lost meanwhile: tried again on the next one
            self._exchange.ask(ClosePart(self._task.part_id))
            self._ends.on_unsettled(self._task)
        else:
            self._ends.on_failed(self._task, result.code, result.text)

    def _on_committed(self, entry: FileEntry, now: int) -> None:
        task, offer = self._task, self._offer
        assert offer is not None
        is_lost, self._stage = self._stage is _Stage.OVER, _Stage.OVER
        if self._incoming is not None:
            self._incoming.end()
        self._ends.on_stored(task, entry.md5, 0 if is_lost else offer.transfer_id)
        event = Downloaded(
            task.request_id,
            entry.file_name or offer.file_name,
            offer.size,
            offer.md5,
            entry.md5,
            entry.path,
            now if task.started is None else task.started,
            now,
            offer.file_id,
            offer.members,
            task.resumed if self._incoming is not None else offer.size,
            offer.size if task.earlier is None else task.earlier,
        )
        self._ends.on_finished(task, event)

    # -- trouble and endings -------------------------------------------------------------------------------------------

    def on_storage_failed(self, error: StorageError) -> None:
        """The disk refused bytes."""
        if self._stage is not _Stage.OVER:
            self._ends.on_failed(self._task, error.code, error.text)

    def _on_refused(self, _request_id: int, code: int, text: str) -> None:
        if self._stage is not _Stage.ASKING:
            return
        is_gone = code == ErrorCode.UNKNOWN_FILE and self._task.has_begun
        self._ends.on_failed(self._task, code, GONE if is_gone else text, is_said=True)

    def set_pace(self) -> None:
        """See `Run`."""
        if self._offer is not None and self._stage is _Stage.TAKING:
            transfer = self._task.transfer
            self._exchange.send(Pace(self._offer.transfer_id, transfer.rate, transfer.priority))

    def lose(self) -> None:
        """See `Run`."""
        if self._stop() and not self.is_committing:
            self._end_part(lambda: self._exchange.ask(ClosePart(self._task.part_id)))

    def rest(self) -> None:
        """See `Run`. The server gives nothing up: it has the whole, and is asked again."""
        if self._offer is not None and self._stage is not _Stage.OVER:
            self._exchange.send(Cancel(self._offer.transfer_id, ErrorCode.NO_ERROR, PAUSED))
        self.lose()

    def drop(self, code: int, text: str) -> None:
        """See `Run`."""
        if self._offer is not None and self._stage is not _Stage.OVER:
            self._exchange.send(Cancel(self._offer.transfer_id, code, clip(text)))
        if self._stop():
            self._end_part(lambda: self._exchange.ask(AbortPart(0, self._task.part_id), lambda _result, _now: None))

    def _stop(self) -> bool:
        """Do nothing more; False when that is so already."""
        if self._stage is _Stage.OVER:
            return False
        self._task.done = self.done
        self._stage, self._indexing = _Stage.OVER, None
        if self._incoming is not None:
            self._incoming.end()
        return True

    def _end_part(self, close: Callable[[], None]) -> None:
        if self._part.is_asked:
            self._part.closing = close
        elif self._part.created is not None:
            close()


def _same(one: Offer, other: Offer) -> bool:
    """Two offers of the same content."""
    return (one.size, one.md5, one.members) == (other.size, other.md5, other.members)

"""Files, as a client sees them: verbs that return a request id, events that answer them."""

from __future__ import annotations

from collections.abc import Callable

from udpchat.errors import StorageError
from udpchat.files.asking import FileQuestions
from udpchat.files.events import Progress
from udpchat.files.exchange import Exchange
from udpchat.files.fetching import Fetching
from udpchat.files.local_ports import Direction, Transfer
from udpchat.files.members import WHOLE
from udpchat.files.pieces import Pieces
from udpchat.files.ports import PartFailed
from udpchat.files.putting import Putting
from udpchat.files.stored_ports import NO_FILE_ID
from udpchat.files.transfers import Transfers
from udpchat.files.wishes import Wishes
from udpchat.protocol.events import (
    ConnectionClosed,
    ConnectionEvent,
    ConnectionOpened,
    DataReceived,
    RecordReceived,
    SourceFailed,
    TransferSent,
)
from udpchat.protocol.requests import Requests
from udpchat.protocol.service import Desk
from udpchat.wire.numbers import Priority
from udpchat.wire.records import (
    Blocks,
    Cancel,
    Committed,
    Credit,
    File,
    Member,
    Missing,
    Offer,
    Opened,
    Pace,
    Record,
    State,
    WantBlocks,
)


class FileClient:
    """One person's transfers and questions about files. requests: shared by all services of the client.

    Transfers outlive connections: what is asked for while there is none begins on the next one. ask: lists and marks.
    wishes: what is to become of transfers, by their number. pieces: blocks of files that the application assembles.
    """

    handles: frozenset[type] = frozenset(
        {Opened, Committed, Offer, Credit, Cancel, Missing, WantBlocks, Blocks, Pace, File, Member, State}
    )

    def __init__(self, desk: Desk, requests: Requests, owner: bytes, random_bytes: Callable[[int], bytes]) -> None:
        self._exchange = Exchange(desk, requests)
        self._transfers = Transfers(self._exchange, owner)
        self.ask = FileQuestions(self._exchange)
        self.pieces = Pieces(self._exchange)
        self.wishes = Wishes(self._exchange, self._transfers, random_bytes)

    # -- verbs ---------------------------------------------------------------------------------------------------------

    def put(
        self, path: str, room: str = "", to: str = "", rate: int | None = None, priority: Priority | None = None
    ) -> int:
        """Upload a file or folder for a room, the lobby by default, or for one user.

        Answered by Uploaded or TransferFailed, perhaps on a later connection. An unfinished upload of the same file to
        the same place is gone on with. rate: bytes a second at most, 0 any; None, as for priority: as it was.
        """
        name = path.rstrip("/").rpartition("/")[2]
        draft = Transfer(b"", Direction.UPLOAD, b"", path, name, room=room, to=to)
        return self.wishes.begin(draft, rate, priority)

    def get(
        self,
        file_name: str,
        folder: str = "",
        file_id: bytes = NO_FILE_ID,
        member: int = WHOLE,
        rate: int | None = None,
        priority: Priority | None = None,
    ) -> int:
        """Download a file or folder into a folder; answered by Downloaded or TransferFailed, as `put`.

        file_id: which one, instead of the newest of that name. member: number of the member of a folder that is wanted
        alone.
        """
        draft = Transfer(
            b"",
            Direction.DOWNLOAD,
            b"",
            folder,
            file_name,
            file_id=file_id,
            member=member,
        )
        return self.wishes.begin(draft, rate, priority)

    def list_files(self, room: str = "") -> int:
        """Ask what files there are; answered by FileList."""
        return self.ask.list_files(room)

    def progress(self) -> list[Progress]:
        """How far every transfer is, in the order in which they go."""
        return self.wishes.progress()

    def progress_of(self, request_id: int) -> Progress | None:
        """How far the transfer is that a verb waits for."""
        return self.wishes.progress_of(request_id)

    def open_requests(self) -> frozenset[int]:
        """Verbs that wait for the end of a transfer, which a lost connection is not."""
        return self.wishes.open_requests()

    @property
    def is_busy(self) -> bool:
        """Something is being transferred, or the server is asked to."""
        return self.pieces.is_waiting or any(task.is_active for task in self._transfers)

    @property
    def is_settling(self) -> bool:
        """The server is just being told how something ended."""
        return self._exchange.is_in and bool(len(self._transfers.leftovers))

    # -- what the connection tells -------------------------------------------------------------------------------------

    def on_in(self, nick: str) -> None:
        """We have joined on the connection that was opened last, under this nickname; told by who joins."""
        self._exchange.nick, self._exchange.is_in = nick, True
        self._transfers.on_in()
        self.wishes.go_on()

    def on_event(self, event: ConnectionEvent, now: int) -> None:  # noqa: ARG002 - the Service protocol
        """Bytes, their way to the other end, and the connection itself."""
        match event:
            case DataReceived():
                if (fetching := self._transfers.run_of(event.transfer_id, Fetching)) is not None:
                    fetching.on_data(event)
                else:
                    self.pieces.on_data(event)
            case TransferSent(_, transfer_id):
                if (putting := self._transfers.run_of(transfer_id, Putting)) is not None:
                    putting.on_sent()
            case SourceFailed(_, transfer_id, _):
                if (putting := self._transfers.run_of(transfer_id, Putting)) is not None:
                    putting.on_source_failed()
            case ConnectionOpened(connection_id, (host, port), server_key, _):
                self._exchange.connection_id = connection_id
                # Without a key a server is told from another one by where it is.
                self._exchange.server = server_key or f"{host} {port}".encode()
            case ConnectionClosed():
                self._exchange.lost()
                self.ask.lost()
                self.pieces.lost()
                self._transfers.on_lost()
                self.wishes.save_progress()

    def on_record(self, received: RecordReceived, now: int) -> None:
        """Something the server says about files."""
        match received.record:
            case Opened() | Committed() | Offer() as answer:
                self._exchange.on_answer(received.request_id, answer, now)
            case File() | State() as item:
                self.ask.on_record(received.request_id, item)
            case Cancel(transfer_id, code, text) as cancel:
                if self.pieces.on_cancel(cancel):
                    return
                task = self._transfers.task_of(transfer_id)
                if task is not None and (task.is_upload or (task.run is not None and not task.run.is_committing)):
                    self._transfers.on_failed(task, code, text, is_said=True)
            case Member(transfer_id) as member:
                if not transfer_id:
                    self.ask.on_record(received.request_id, member)
                elif (fetching := self._transfers.fetching_of(member, received.request_id)) is not None:
                    fetching.on_member(member)
            case Credit() | Missing() | WantBlocks() | Pace() | Blocks() as record:
                self._on_transfer_record(record)

    def _on_transfer_record(self, record: Record) -> None:
        match record:
            case Blocks(transfer_id):
                if (fetching := self._transfers.run_of(transfer_id, Fetching)) is not None:
                    fetching.on_blocks(record)
                else:
                    self.pieces.on_blocks(record)
            case Credit(transfer_id) | Missing(transfer_id) | WantBlocks(transfer_id) | Pace(transfer_id):
                if (putting := self._transfers.run_of(transfer_id, Putting)) is not None:
                    _tell_putting(putting, record)

    def on_part_failed(self, failed: PartFailed | StorageError, now: int) -> None:  # noqa: ARG002 - called by the host
        """The disk refused bytes of a download.

        Or it could not write down how far a transfer is: then a later run begins a little earlier, and that is all.
        """
        if isinstance(failed, PartFailed):
            self._transfers.on_part_failed(failed)

    # -- time ----------------------------------------------------------------------------------------------------------

    def next_timeout(self) -> int | None:
        """When there is something to write down, or to ask once more."""
        found = (self.wishes.next_timeout(), self._transfers.next_timeout())
        return min((at for at in found if at is not None), default=None)

    def handle_timeout(self, now: int) -> None:
        """Write progress down, see what other programs wish, and tell the server what it could not hear before."""
        self.wishes.handle_timeout(now)
        self._transfers.handle_timeout(now)


def _tell_putting(putting: Putting, record: Credit | Missing | WantBlocks | Pace) -> None:
    match record:
        case Credit(_, limit):
            putting.on_credit(limit)
        case Missing(_, ranges):
            putting.on_missing(ranges)
        case WantBlocks():
            putting.on_want_blocks()
        case Pace(_, rate, _):
            putting.on_pace(rate)

"""Blocks of a file of the server, one by one, for an application that puts them together itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from udpchat.arq.ranges import RangeSet
from udpchat.config import BLOCK_SIZE
from udpchat.errors import ErrorCode, RefusedError, UsageError
from udpchat.files.blocks import HASH_SIZE, block_count, block_span
from udpchat.files.events import TransferFailed
from udpchat.files.exchange import Exchange
from udpchat.files.members import WHOLE
from udpchat.protocol.events import DataReceived
from udpchat.wire.numbers import PLAIN_FILE, FileFlag
from udpchat.wire.records import Blocks, Cancel, Credit, Fetch, Missing, Offer, Received, WantBlocks

NONSENSE = "the server offered something that cannot be"
NO_HASHES = "the hashes of its blocks make no sense"


@dataclass(frozen=True, slots=True)
class PiecesOffered:
    """The server has the file, and gives its blocks as they are asked for. transfer_id: what it is called now."""

    request_id: int
    transfer_id: int
    file_name: str
    size: int
    md5: bytes
    root: bytes
    modified: int
    flags: FileFlag


@dataclass(frozen=True, slots=True)
class BlockCame:
    """A block that was asked for is here, whole; nobody has compared it with anything."""

    transfer_id: int
    number: int
    data: bytearray


@dataclass(frozen=True, slots=True)
class HashesCame:
    """The SHA-256 of all blocks, as the server says; they were asked for."""

    transfer_id: int
    hashes: bytes


@dataclass(frozen=True, slots=True)
class PiecesEnded:
    """The server gives no more of it, or cannot be believed."""

    transfer_id: int
    code: int
    text: str


@dataclass(slots=True)
class _Block:
    """A block that comes in. missing: bytes of it."""

    start: int
    data: bytearray
    missing: int


@dataclass(slots=True)
class _File:
    """A file whose blocks come in. coming: by number. hashes: what came of them; None: nobody asked."""

    size: int
    coming: dict[int, _Block] = field(default_factory=dict)
    hashes: bytearray | None = None


class Pieces:
    """The blocks that a client has asked for. A lost connection ends all of it: the application is told of that.

    All of the file is `present` at first; what is wanted is then said to be missing (docs/protocol.md 17.6), so any
    blocks come in any order, and no more than were asked for.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._files: dict[int, _File] = {}  # by transfer id

    @property
    def is_waiting(self) -> bool:
        """Something was asked for that is not here."""
        return any(file.coming or file.hashes is not None for file in self._files.values())

    # -- verbs ---------------------------------------------------------------------------------------------------------

    def open(self, file_id: bytes, size: int) -> int:
        """Ask for a file of this size; answered by PiecesOffered or TransferFailed."""
        if self._exchange.connection is None:
            raise UsageError("there is no connection")
        record = Fetch(file_id, WHOLE, PLAIN_FILE, "", ((0, size),) if size else ())
        asked: list[int] = []

        def on_offer(offer: object, now: int) -> None:  # noqa: ARG001 - an OnAnswer
            self._on_offer(asked[0], offer)

        asked.append(self._exchange.request(record, on_offer, self._refused))
        return asked[0]

    def want(self, transfer_id: int, numbers: Sequence[int]) -> None:
        """Ask for blocks; each is answered by BlockCame. Those that are coming, and unknown transfers, are ignored."""
        file, connection = self._files.get(transfer_id), self._exchange.connection
        transfer = connection.receiver.find(transfer_id) if connection is not None else None
        if file is None or transfer is None:
            return
        wanted = RangeSet()
        for number in numbers:
            if number not in file.coming:
                start, stop = block_span(number, file.size)
                file.coming[number] = _Block(start, bytearray(stop - start), stop - start)
                wanted.add(start, stop)
        if wanted:
            transfer.reopen(tuple(wanted))
            self._exchange.send(Missing(transfer_id, tuple(wanted)))

    def want_hashes(self, transfer_id: int) -> None:
        """Ask for the hashes of all blocks; answered by HashesCame. Nothing happens while they are coming."""
        file = self._files.get(transfer_id)
        if file is not None and file.hashes is None:
            file.hashes = bytearray()
            self._exchange.send(WantBlocks(transfer_id))

    def end(self, transfer_id: int, md5: bytes = b"") -> None:
        """Take no more of it. md5: of the file that is durable here now; empty: it is not."""
        if self._forget(transfer_id):
            over = Cancel(transfer_id, ErrorCode.NO_ERROR, "it is fetched elsewhere")
            self._exchange.send(Received(transfer_id, md5) if md5 else over)

    # -- what the server says ------------------------------------------------------------------------------------------

    def _on_offer(self, request_id: int, offer: object) -> None:
        connection = self._exchange.connection
        if not isinstance(offer, Offer) or offer.members or connection is None or offer.transfer_id in self._files:
            self._refused(request_id, ErrorCode.PROTOCOL_VIOLATION, NONSENSE)
            return
        try:
            present = ((0, offer.size),) if offer.size else ()
            connection.receiver.expect(offer.transfer_id, offer.size, offer.size, present)
        except (RefusedError, UsageError) as error:
            self._refused(request_id, ErrorCode.PROTOCOL_VIOLATION, str(error))
            return
        self._files[offer.transfer_id] = _File(offer.size)
        self._exchange.send(Credit(offer.transfer_id, offer.size))
        self._exchange.tell(
            PiecesOffered(
                request_id,
                offer.transfer_id,
                offer.file_name,
                offer.size,
                offer.md5,
                offer.root,
                offer.modified,
                FileFlag(offer.flags) & (FileFlag.FOLDER | FileFlag.EXECUTABLE),
            )
        )

    def on_data(self, data: DataReceived) -> None:
        """Bytes arrived; those of other transfers are ignored."""
        file = self._files.get(data.transfer_id)
        if file is None:
            return
        offset, view = data.offset, data.data
        while view:
            number = offset // BLOCK_SIZE
            length = min(len(view), (number + 1) * BLOCK_SIZE - offset)
            if (block := file.coming.get(number)) is not None:
                place = offset - block.start
                block.data[place : place + length] = view[:length]
                block.missing -= length  # bytes that are here already are not told of again
                if not block.missing:
                    del file.coming[number]
                    self._exchange.tell(BlockCame(data.transfer_id, number, block.data))
            offset, view = offset + length, view[length:]

    def on_blocks(self, record: Blocks) -> None:
        """The next hashes; those that nobody asked for are ignored."""
        file = self._files.get(record.transfer_id)
        if file is None or file.hashes is None:
            return
        count, odd = divmod(len(record.hashes), HASH_SIZE)
        known, all_of_them = len(file.hashes) // HASH_SIZE, block_count(file.size)
        if odd or not count or record.first != known or known + count > all_of_them:
            self._fail(record.transfer_id, ErrorCode.DIGEST_MISMATCH, NO_HASHES)
            return
        file.hashes += record.hashes
        if known + count == all_of_them:
            hashes, file.hashes = bytes(file.hashes), None
            self._exchange.tell(HashesCame(record.transfer_id, hashes))

    def on_cancel(self, record: Cancel) -> bool:
        """The server gives no more of a transfer; whether it is one of these."""
        is_ours = self._forget(record.transfer_id)
        if is_ours:
            self._exchange.tell(PiecesEnded(record.transfer_id, record.code, record.text))
        return is_ours

    def lost(self) -> None:
        """The connection is over."""
        for transfer_id in list(self._files):
            self._forget(transfer_id)
            text = "the connection was lost"
            self._exchange.tell(PiecesEnded(transfer_id, ErrorCode.IDLE_TIMEOUT, text))

    def _fail(self, transfer_id: int, code: ErrorCode, text: str) -> None:
        self.end(transfer_id)
        self._exchange.tell(PiecesEnded(transfer_id, code, text))

    def _refused(self, request_id: int, code: int, text: str) -> None:
        self._exchange.tell(TransferFailed(request_id, "", "", code, text))

    def _forget(self, transfer_id: int) -> bool:
        is_ours = self._files.pop(transfer_id, None) is not None
        if is_ours and (connection := self._exchange.connection) is not None:
            connection.receiver.forget(transfer_id)
        return is_ours

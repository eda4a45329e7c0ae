"""A file that goes out, at either end: bytes as far as there is credit, damaged ones again, hashes when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from udpchat.arq.sender import SendTransfer
from udpchat.errors import ErrorCode, StorageError
from udpchat.files.answering import BlockAnswers, Known
from udpchat.files.local_ports import ReadAhead
from udpchat.files.ports import CloseSource
from udpchat.protocol.connection import Connection
from udpchat.protocol.outgoing import OutgoingTransfers
from udpchat.protocol.ports import Source
from udpchat.protocol.service import Desk, clip
from udpchat.wire.numbers import Priority
from udpchat.wire.records import Cancel

Runs = tuple[tuple[int, int], ...]
OnFailed = Callable[[StorageError], None]


class Outgoing:
    """One source that is being sent on one connection; it owns the source.

    hashing: the MD5 of what is not sent is wanted as well: it is read beside sending. on_failed: called when the source
    cannot be hashed; without it the receiver is told that the transfer is over. known: what it should be.
    """

    def __init__(
        self,
        desk: Desk,
        connection_id: bytes,
        transfer_id: int,
        size: int,
        source: Source,
        *,
        hashing: bool = False,
        on_failed: OnFailed | None = None,
        known: Known | None = None,
    ) -> None:
        self.connection_id = connection_id
        self.transfer_id = transfer_id
        self.size = size
        self.source = source
        self._desk = desk
        self._reads_ahead = hashing
        self._on_failed = on_failed
        self._pace = (0, Priority.NORMAL)
        self._transfer: SendTransfer | None = None  # once it is being sent; it outlives its connection
        self._is_stopped = False
        self._blocks = BlockAnswers(desk, self, known, self._fail)

    @property
    def acked(self) -> int:
        """Bytes that the receiver has, as far as we know."""
        return self._transfer.acked_bytes if self._transfer is not None else 0

    @property
    def is_hashing(self) -> bool:
        """The hashes of its blocks are on their way."""
        return self._blocks.is_under_way

    def begin(self, limit: int, present: Runs) -> None:
        """Send what is not present, below limit; RefusedError when too many transfers run."""
        connection = self._connection()
        if connection is None or self._transfer is not None:
            return
        connection.send_transfer(self.transfer_id, self.size, self.source, limit, present)
        self._transfer = connection.transmitter.transfers.find(self.transfer_id)
        self.set_pace(*self._pace)
        if present and self._reads_ahead:
            self._read_ahead(present[-1][1])

    def on_credit(self, limit: int) -> None:
        """The receiver takes bytes below limit now."""
        if (transfers := self._transfers()) is not None:
            transfers.raise_limit(self.transfer_id, limit)

    def on_missing(self, ranges: Iterable[tuple[int, int]]) -> None:
        """The receiver does not hold these bytes after all: they are sent again."""
        if self._transfer is not None and (transfers := self._transfers()) is not None:
            transfers.send_again(self.transfer_id, tuple(ranges))

    def set_pace(self, rate: int, priority: Priority) -> None:
        """Send so many bytes a second at most, 0 for any number, and so often before others."""
        self._pace = (rate, priority)
        if self._transfer is not None and (transfers := self._transfers()) is not None:
            transfers.set_pace(self.transfer_id, rate, priority)

    def on_want_blocks(self) -> None:
        """The receiver's MD5 is another: it gets the hash of every block, as the source is now."""
        self._blocks.on_wanted()

    def stop(self) -> None:
        """Send no more, and close the source; a second call does nothing."""
        if self._is_stopped:
            return
        if self._transfer is not None and (transfers := self._transfers()) is not None:
            transfers.stop(self.transfer_id)
        self._is_stopped = True
        self._blocks.stop()
        self._desk.ask(CloseSource(self.source))

    # -- inside --------------------------------------------------------------------------------------------------------

    def _read_ahead(self, stop: int) -> None:
        def on_read(result: bool | StorageError, now: int) -> None:  # noqa: ARG001 - an Answer
            if not self._is_stopped and result is False:
                self._read_ahead(stop)
            # What went wrong with the source shows again, with its name, when its MD5 is asked for.

        self._desk.ask(ReadAhead(0, self.source, stop), on_read)

    def _fail(self, error: StorageError) -> None:
        if self._on_failed is not None:
            self._on_failed(error)
            return
        code = error.code if error.code == ErrorCode.SOURCE_CHANGED else ErrorCode.STORAGE_FAILED
        self._desk.send(self.connection_id, Cancel(self.transfer_id, code, clip(error.text)))
        self.stop()

    def _connection(self) -> Connection | None:
        if self._is_stopped:
            return None
        connection = self._desk.endpoint.find(self.connection_id)
        return connection if connection is not None and connection.is_alive else None

    def _transfers(self) -> OutgoingTransfers | None:
        connection = self._connection()
        return connection.transmitter.transfers if connection is not None else None

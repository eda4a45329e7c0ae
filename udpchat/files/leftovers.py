"""What is left of transfers that are over here: uploads that the server is to remove, downloads it is to hear of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from udpchat.config import SECOND
from udpchat.errors import ErrorCode
from udpchat.files.exchange import Exchange
from udpchat.files.local_ports import EndTransfer, SaveTransfer, Transfer, Wish
from udpchat.wire.numbers import FileFlag
from udpchat.wire.records import DeleteFile, Fetch, Offer, Received

AT_ONCE: Final = 4  # that the server is asked about; of what it is offered and asked it takes 16
RETRY: Final = 1 * SECOND  # after which it is asked again when it could not say
QUIET: Final = 60 * SECOND  # without an answer: others get their turn, and it is asked again on the next connection
LATER: Final = (
    ErrorCode.STORAGE_FAILED,
    ErrorCode.NO_SPACE,
    ErrorCode.TOO_MANY_REQUESTS,
    ErrorCode.TOO_MANY_TRANSFERS,
    ErrorCode.TRY_LATER,
)  # it will know another time


@dataclass(frozen=True, slots=True)
class _Arrived:
    """A download that is stored here. md5: what we have."""

    transfer: Transfer
    md5: bytes


class Leftovers:
    """They stay written down until the server has answered, on this connection, the next, or in the next run.

    The server is asked about a few at a time, and again later about those that it cannot see to now.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._uploads: dict[bytes, Transfer] = {}  # by upload id
        self._arrived: dict[bytes, _Arrived] = {}  # by part id
        self._waiting: dict[bytes, None] = {}  # part ids that the server is to be asked about next, in order
        self._asked: dict[bytes, int] = {}  # those that it is being asked about, and how long: 0 is not known yet
        self._refused: set[bytes] = set()  # those that wait until `_retry_at`
        self._retry_at: int | None = None

    def __len__(self) -> int:
        return len(self._uploads) + len(self._arrived)

    def __iter__(self) -> Iterator[bytes]:
        return iter((*self._uploads, *self._arrived))

    def __contains__(self, part_id: object) -> bool:
        return part_id in self._uploads or part_id in self._arrived

    def remove(self, upload: Transfer, *, is_opening: bool = False) -> None:
        """The server is to remove what it has of an upload. is_opening: not now, this is called again then."""
        self._uploads[upload.part_id] = upload
        self._exchange.ask(SaveTransfer(replace(upload, wish=Wish.CANCEL)))
        if not is_opening:
            self._see_to(upload.part_id)

    def confirm(self, transfer: Transfer, md5: bytes, transfer_id: int) -> None:
        """The server is to hear that a download is stored here. transfer_id: its number on this connection, or 0."""
        arrived = self._arrived[transfer.part_id] = _Arrived(transfer, md5)
        if transfer_id:
            self._send_received(arrived, transfer_id)
        else:
            self._see_to(transfer.part_id)

    def on_in(self) -> None:
        """There is a connection again."""
        self._see_to(*self._uploads, *self._arrived)

    def on_lost(self) -> None:
        """The connection is over: what was asked on it is not answered."""
        self._waiting.clear()
        self._asked.clear()
        self._refused.clear()
        self._retry_at = None

    def next_timeout(self) -> int | None:
        """When to ask again, or about others; 0 is as soon as it is known what time it is."""
        return min((at for at in (self._retry_at, *self._asked.values()) if at is not None), default=None)

    def handle_timeout(self, now: int) -> None:
        """Ask again what was refused, and about others what is not answered."""
        for part_id, until in list(self._asked.items()):
            if not until:
                self._asked[part_id] = now + QUIET
            elif now >= until:
                del self._asked[part_id]
        self._see_to()
        if self._retry_at is None or now < self._retry_at:
            return
        if not self._retry_at:
            self._retry_at = now + RETRY
            return
        refused = [part_id for part_id in (*self._uploads, *self._arrived) if part_id in self._refused]
        self._refused.clear()
        self._retry_at = None
        self._see_to(*refused)

    def _see_to(self, *part_ids: bytes) -> None:
        """Ask the server about these, after those that wait already; without a connection that is left to `on_in`."""
        if not self._exchange.is_in:
            return
        self._waiting.update(dict.fromkeys(part_id for part_id in part_ids if part_id not in self._asked))
        while self._waiting and len(self._asked) < AT_ONCE:
            part_id = next(iter(self._waiting))
            del self._waiting[part_id]
            if part_id in self._uploads:
                self._asked[part_id] = 0
                self._send_removal(part_id)
            elif part_id in self._arrived:
                self._asked[part_id] = 0
                self._ask_for_offer(self._arrived[part_id])

    def _send_removal(self, upload_id: bytes) -> None:
        self._exchange.request_list(
            DeleteFile(upload_id),
            lambda _: self._settle(upload_id),
            lambda _, code, __: self._on_refused(upload_id, code),
        )

    def _ask_for_offer(self, arrived: _Arrived) -> None:
        """Only who is offered a file can say that it has it: we ask for it, and want no byte."""
        transfer = arrived.transfer

        def on_offer(offer: object, now: int) -> None:  # noqa: ARG001 - an OnAnswer
            if isinstance(offer, Offer):
                self._send_received(arrived, offer.transfer_id)

        present = ((0, transfer.size),) if transfer.size else ()
        record = Fetch(transfer.file_id, transfer.member, FileFlag.INDEXED, transfer.file_name, present)
        self._exchange.request(record, on_offer, lambda _, code, __: self._on_refused(transfer.part_id, code))

    def _send_received(self, arrived: _Arrived, transfer_id: int) -> None:
        part_id = arrived.transfer.part_id
        self._exchange.request_list(
            Received(transfer_id, arrived.md5),
            lambda _: self._settle(part_id),
            lambda _, code, __: self._on_refused(part_id, code),
        )

    def _on_refused(self, part_id: bytes, code: int) -> None:
        """There is nothing of it at the server, or nothing that is ours to remove or to have; or it is to wait."""
        if code not in LATER:
            self._settle(part_id)
            return
        self._refused.add(part_id)
        self._retry_at = self._retry_at or 0
        self._asked.pop(part_id, None)
        self._see_to()

    def _settle(self, part_id: bytes) -> None:
        self._uploads.pop(part_id, None)
        self._arrived.pop(part_id, None)
        self._exchange.ask(EndTransfer(part_id))
        self._asked.pop(part_id, None)
        self._see_to()

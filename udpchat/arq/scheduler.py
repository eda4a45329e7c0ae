"""Several files of one connection: whose turn it is to send."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from udpchat.arq.bucket import TokenBucket
from udpchat.arq.sender import SendTransfer
from udpchat.errors import UsageError

UNIT: Final = 1 << 10  # parts of a byte in which shares are counted: whole numbers for any weight
USUAL_WEIGHT: Final = 4


class _Turn:
    """A transfer that takes part. used: bytes sent, times UNIT, over its weight, as if it had never rested."""

    __slots__ = ("bucket", "is_resting", "transfer", "used", "weight")

    def __init__(self, transfer: SendTransfer) -> None:
        self.transfer = transfer
        self.used = 0
        self.is_resting = True
        self.weight = USUAL_WEIGHT
        self.bucket: TokenBucket | None = None

    def chunks(self, chunk: int, most: int, now: int) -> int:
        """How many chunks may leave now, at most so many."""
        if not self.transfer.has_work:
            return 0
        return most if self.bucket is None else min(most, self.bucket.chunks(chunk, now))

    def take(self, size: int) -> None:
        """So many bytes leave."""
        self.used += size * UNIT // self.weight
        if self.bucket is not None:
            self.bucket.take(size)


class TransferScheduler:
    """Transfers of one connection, served by bytes and weight: start-time fair queueing (Goyal, Vin and Cheng, 1996).

    It is the turn of who has used least. Who had nothing to send, or has used up a rate of its own, begins again where
    the others are, so nothing is saved up. How many transfers there are is the caller's to limit.
    """

    __slots__ = ("_clock", "_turns")

    def __init__(self) -> None:
        self._turns: dict[int, _Turn] = {}
        self._clock = 0  # what the last one to be served had used before

    def add(self, transfer: SendTransfer) -> None:
        """Let a transfer take part."""
        if transfer.transfer_id in self._turns:
            raise UsageError(f"transfer {transfer.transfer_id} is there already")
        self._turns[transfer.transfer_id] = _Turn(transfer)

    def remove(self, transfer_id: int) -> None:
        """Forget a transfer; one that is not there is forgotten already."""
        self._turns.pop(transfer_id, None)

    def find(self, transfer_id: int) -> SendTransfer | None:
        """The transfer with this id."""
        turn = self._turns.get(transfer_id)
        return None if turn is None else turn.transfer

    def set_pace(self, transfer_id: int, rate: int, weight: int) -> None:
        """Send this transfer at most at rate bytes per second, 0 for any, and weight times as much as one of weight 1.

        Bytes that are sent again count. A transfer that is not there is ignored.
        """
        if rate < 0 or weight < 1:
            raise UsageError("a rate is not negative, and a weight at least 1")
        if (turn := self._turns.get(transfer_id)) is None:
            return
        turn.weight = weight
        if not rate:
            turn.bucket = None
        elif turn.bucket is None:
            turn.bucket = TokenBucket(rate)
        else:
            turn.bucket.set_rate(rate)

    def __iter__(self) -> Iterator[SendTransfer]:
        return (turn.transfer for turn in self._turns.values())

    def __len__(self) -> int:
        return len(self._turns)

    @property
    def has_work(self) -> bool:
        """Whether any transfer has bytes to send, now or when its rate allows."""
        return any(turn.transfer.has_work for turn in self._turns.values())

    def next_run(self, chunk_size: int, max_chunks: int, now: int) -> tuple[SendTransfer, int, int, bool] | None:
        """What to send next: the transfer, and offset, length and repetition as `SendTransfer.next_run` tells them."""
        chosen: tuple[int, _Turn] | None = None
        for turn in self._turns.values():
            chunks = turn.chunks(chunk_size, max_chunks, now)
            if chunks and turn.is_resting:
                turn.used = max(turn.used, self._clock)
            turn.is_resting = not chunks
            if chunks and (chosen is None or turn.used < chosen[1].used):
                chosen = chunks, turn
        if chosen is None:
            return None
        chunks, turn = chosen
        self._clock = turn.used
        run = turn.transfer.next_run(chunk_size, chunks)
        if run is None:  # it seemed to have work, and now knows that it has none
            return self.next_run(chunk_size, max_chunks, now)
        turn.take(run[1])
        return turn.transfer, *run

    def next_timeout(self) -> int | None:
        """When a transfer that has used up its rate may go on [us]; as of the last `next_run`."""
        deadlines = (
            turn.bucket.deadline
            for turn in self._turns.values()
            if turn.bucket is not None and turn.bucket.deadline is not None and turn.transfer.has_work
        )
        return min(deadlines, default=None)

"""When a client whose connection was lost tries to come back."""

from __future__ import annotations

from collections.abc import Callable

from udpchat.config import RECONNECT_FIRST, RECONNECT_LAST
from udpchat.errors import ErrorCode

# What trying again would not mend, or would fight over.
FINAL = frozenset(
    {
        ErrorCode.NO_ERROR,
        ErrorCode.PROTOCOL_VIOLATION,
        ErrorCode.ACK_OF_UNSENT_PACKET,
        ErrorCode.FLOW_CONTROL,
        ErrorCode.KICKED,
        ErrorCode.BANNED,
        ErrorCode.TAKEN_OVER,
        ErrorCode.MALFORMED_RECORD,
    }
)
# Refusals of JOIN that time may mend.
PASSING = frozenset({ErrorCode.NICK_IN_USE, ErrorCode.SERVER_FULL, ErrorCode.TRY_LATER, ErrorCode.STORAGE_FAILED})


class Returning:
    """Decides whether and when. patience: how long it goes on trying [us]; 0: not at all, None: for ever."""

    def __init__(self, patience: int | None, random_bytes: Callable[[int], bytes]) -> None:
        self.attempt = 0  # since the connection was lost
        self.lost_at: int | None = None  # None while we are in
        self.due: int | None = None  # when the next attempt is to be made
        self.ends: int | None = None  # when we give up, whatever is under way
        self._patience = patience
        self._random_bytes = random_bytes

    @property
    def is_trying(self) -> bool:
        """The connection was lost, and we are not in again."""
        return self.lost_at is not None

    def next_wait(self, now: int) -> int | None:
        """The connection was lost, or an attempt failed: time until the next attempt [us]; None to give up."""
        if self.lost_at is None:
            self.lost_at = now
            self.ends = None if self._patience is None else now + self._patience
        if self.ends is not None and now >= self.ends:
            return None
        step = min(RECONNECT_FIRST << min(self.attempt, 10), RECONNECT_LAST)
        # Up to half of it by chance: a whole class must not come back in the same moment.
        wait = step - step // 2 * self._random_bytes(1)[0] // 255
        self.attempt += 1
        self.due = now + wait
        return wait

    def returned(self, now: int) -> int:
        """We are in again; for how long we were not [us]."""
        lost_at = self.lost_at if self.lost_at is not None else now
        self.stop()
        return now - lost_at

    def stop(self) -> None:
        """Try no more."""
        self.attempt, self.lost_at, self.due, self.ends = 0, None, None, None

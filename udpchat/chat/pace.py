"""How fast somebody may ask for what others hear of or what is written: news, rooms, and what they have read."""

from __future__ import annotations

from typing import Final

from udpchat.chat.hall import Hall, Seat
from udpchat.chat.throttle import Throttle, Verdict
from udpchat.errors import ErrorCode
from udpchat.protocol.events import RecordReceived
from udpchat.wire.records import Away, CreateRoom, EnterRoom, LeaveRoom, Read, SetTopic

REQUEST_RATE: Final = 5  # a second, of one person in the long run; each may be told to everybody
REQUEST_BURST: Final = 20  # at once before that: a program that enters its rooms
PACED: Final = (Away, CreateRoom, EnterRoom, LeaveRoom, SetTopic)


class Pace:
    """Looks at requests before anything is done. READ may come as often as lines, for each private one has its own."""

    def __init__(self, hall: Hall) -> None:
        config = hall.config
        self._hall = hall
        self._requests: Throttle[None] = Throttle(REQUEST_RATE, REQUEST_BURST, 0)
        self._reads: Throttle[None] = Throttle(config.message_rate, config.message_burst, 0)

    def takes(self, received: RecordReceived, seat: Seat, now: int) -> bool:
        """Whether a request may be looked at; it was refused when not."""
        if isinstance(received.record, PACED):
            throttle = self._requests
        elif isinstance(received.record, Read):
            throttle = self._reads
        else:
            return True
        if throttle.offer(seat.person.person_id, None, now) is Verdict.TAKEN:
            return True
        self._hall.refuse(received, ErrorCode.TOO_MANY_REQUESTS, "too fast: try again in a second")
        return False

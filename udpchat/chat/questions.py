"""What connections ask of storage: so many questions at a time, and a refusal becomes the answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from udpchat.chat.hall import Hall
from udpchat.errors import ErrorCode, StorageError
from udpchat.protocol.events import RecordReceived
from udpchat.protocol.ports import StoreRequest

MAX_QUESTIONS = 64  # of one connection that storage works on; a person asks one at a time

Then = Callable[[Any, int], None]  # the result, never a refusal, and when it came


class Questions:
    """Asks storage on behalf of connections. limit: questions of one connection that wait for an answer."""

    def __init__(self, hall: Hall, limit: int = MAX_QUESTIONS) -> None:
        self._hall = hall
        self._limit = limit
        self._open: Counter[bytes] = Counter()  # by connection

    def ask(self, received: RecordReceived, request: StoreRequest, then: Then) -> None:
        """Ask what a record wants to know; it is refused when storage refuses, or when too many are open."""
        connection_id = received.connection_id
        if self._open[connection_id] >= self._limit:
            text = f"{self._limit} of your requests are being answered; wait for them"
            self._hall.refuse(received, ErrorCode.TOO_MANY_REQUESTS, text)
            return
        self._open[connection_id] += 1

        def answer(result: Any, now: int) -> None:
            self._open[connection_id] -= 1
            if not self._open[connection_id]:
                del self._open[connection_id]
            if isinstance(result, StorageError):
                self._hall.refuse(received, result.code, result.text)
            else:
                then(result, now)

        self._hall.desk.ask(request, answer)

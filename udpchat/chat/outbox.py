"""Messages that the server has not confirmed yet: they are said again on every new connection, in order."""

from __future__ import annotations

from udpchat.wire.records import Say, Tell


class Outbox:
    """What was said and not answered, by request id, in the order of saying."""

    def __init__(self) -> None:
        self._messages: dict[int, Say | Tell] = {}
        self._unsent: dict[int, None] = {}  # on the connection that stands; in order

    def __len__(self) -> int:
        return len(self._messages)

    def __contains__(self, request_id: object) -> bool:
        return request_id in self._messages

    def add(self, request_id: int, message: Say | Tell) -> None:
        """Something is said."""
        self._messages[request_id] = message
        self._unsent[request_id] = None

    def to_send(self) -> list[tuple[int, Say | Tell]]:
        """What was not sent on the connection that stands, in order."""
        return [(request_id, self._messages[request_id]) for request_id in self._unsent]

    def sent(self, request_id: int) -> None:
        """It was sent."""
        self._unsent.pop(request_id, None)

    def lost(self) -> None:
        """The connection is over: everything is to be sent again."""
        self._unsent = dict.fromkeys(self._messages)

    def settle(self, request_id: int) -> None:
        """The server has answered, or the connection is over for good."""
        self._messages.pop(request_id, None)
        self._unsent.pop(request_id, None)

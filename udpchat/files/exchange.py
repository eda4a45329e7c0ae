"""What all file services of a client share: the connection that stands, requests on it, storage, the application."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from udpchat.protocol.connection import Connection
from udpchat.protocol.ports import StoreRequest
from udpchat.protocol.requests import OnFinished, OnRefused, Requests
from udpchat.protocol.service import Answer, Desk
from udpchat.wire.records import Record, encode_record

OnAnswer: TypeAlias = Callable[[Any, int], None]  # the record that answers, and when it came


class Exchange:
    """One client and its server. requests: shared by all services of the client.

    server: what our transfers are written down under: its public key, or its address in plaintext mode. is_in: we have
    joined on the connection that stands.
    """

    def __init__(self, desk: Desk, requests: Requests) -> None:
        self.desk = desk
        self.server = b""
        self.nick = ""
        self.connection_id = b""
        self.is_in = False
        self._requests = requests
        self._answers: dict[int, OnAnswer] = {}

    @property
    def connection(self) -> Connection | None:
        """The connection, when something can be sent on it."""
        connection = self.desk.endpoint.find(self.connection_id)
        return connection if connection is not None and connection.is_alive else None

    def new_id(self) -> int:
        """A number for something that the application asks; it is not on the wire and outlives connections."""
        request_id = self._requests.start(lambda _id, _code, _text: None)
        self._requests.finish(request_id)
        return request_id

    def send(self, record: Record, request_id: int = 0) -> None:
        """Send a record; ignored when the connection is gone."""
        self.desk.send(self.connection_id, record, request_id)

    def send_list(self, records: Iterable[Record]) -> bool:
        """Send many records as the channel of long answers empties; False when too many lists wait."""
        connection = self.connection
        return connection is None or connection.send_list(encode_record(record) for record in records)

    def request(self, record: Record, on_answer: OnAnswer, on_refused: OnRefused) -> int:
        """Send a request that one record answers, or a refusal; when the connection is lost first, neither comes."""

        def refused(request_id: int, code: int, text: str) -> None:
            self._answers.pop(request_id, None)
            on_refused(request_id, code, text)

        request_id = self._requests.start(refused)
        self._answers[request_id] = on_answer
        self.send(record, request_id)
        return request_id

    def request_list(self, record: Record, on_finished: OnFinished, on_refused: OnRefused) -> int:
        """Send a request that is answered until FINISHED or DONE."""
        request_id = self._requests.start(on_refused, on_finished)
        self.send(record, request_id)
        return request_id

    def on_answer(self, request_id: int, record: Record, now: int) -> None:
        """An answer came; one that nobody waits for is ignored."""
        on_answer = self._answers.pop(request_id, None)
        if on_answer is not None and self._requests.finish(request_id):
            on_answer(record, now)

    def lost(self) -> None:
        """The connection is over: what was asked on it is not answered."""
        self.is_in = False
        self._answers.clear()

    def ask(self, request: StoreRequest, answer: Answer | None = None) -> None:
        """Ask storage."""
        self.desk.ask(request, answer)

    def tell(self, event: object) -> None:
        """Tell the application."""
        self.desk.tell(event)

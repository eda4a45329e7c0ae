"""How a server sends files to one client: the client asks with TUNE, the server does so (TUNED) or says why not."""

from __future__ import annotations

from udpchat.config import check_sending
from udpchat.errors import ErrorCode, UsageError
from udpchat.files.events import SendingTuned, TransferFailed
from udpchat.protocol.events import ConnectionEvent, ConnectionOpened, RecordReceived
from udpchat.protocol.requests import Requests
from udpchat.protocol.service import Desk
from udpchat.wire.records import Tune, Tuned


def on_tune(desk: Desk, received: RecordReceived, record: Tune, now: int, *, is_sending: bool) -> None:
    """Send files to this client as it asks from now on; it concerns no other. is_sending: some are on their way."""
    connection = desk.endpoint.find(received.connection_id)
    if connection is None:
        return
    if is_sending:
        text = "files are being sent to you; ask again when they have arrived"
        desk.refuse(received, ErrorCode.TUNING_NOT_ALLOWED, text)
        return
    try:
        check_sending(record.arq, record.congestion, record.window)
    except UsageError as error:
        desk.refuse(received, ErrorCode.TUNING_NOT_ALLOWED, str(error))
        return
    connection.transmitter.tune(record.arq, record.congestion, record.window, now)
    window = connection.transmitter.transfers.scheme.window  # of stop-and-wait it is 1, whatever was asked for
    desk.send(received.connection_id, Tuned(window, record.arq, record.congestion), received.request_id)


class TuningClient:
    """Asks the server how it is to send files. requests: shared by all services of the client."""

    handles: frozenset[type] = frozenset({Tuned})

    def __init__(self, desk: Desk, requests: Requests) -> None:
        self._desk = desk
        self._requests = requests
        self._connection_id = b""
        self._last: Tune | None = None  # what was asked for last, and not refused

    def tune(self, arq: str, congestion: str, window: int) -> int:
        """Ask for a scheme, a congestion control and a window [packets]; answered by SendingTuned or TransferFailed."""
        check_sending(arq, congestion, window)
        if self._desk.endpoint.find(self._connection_id) is None:
            raise UsageError("there is no connection")
        return self._ask(Tune(window, arq, congestion))

    def repeat(self) -> None:
        """Ask for the same again: the server knows nothing of it on a new connection."""
        if self._last is not None:
            self._ask(self._last)

    def _ask(self, record: Tune) -> int:
        self._last = record
        request_id = self._requests.start(self._on_refused)
        self._desk.send(self._connection_id, record, request_id)
        return request_id

    def on_event(self, event: ConnectionEvent, now: int) -> None:  # noqa: ARG002 - the Service protocol
        """The connection came."""
        if isinstance(event, ConnectionOpened):
            self._connection_id = event.connection_id

    def on_record(self, received: RecordReceived, now: int) -> None:  # noqa: ARG002 - the Service protocol
        """The server does as it was asked."""
        record = received.record
        if isinstance(record, Tuned) and self._requests.finish(received.request_id):
            self._desk.tell(SendingTuned(received.request_id, record.arq, record.congestion, record.window))

    def _on_refused(self, request_id: int, code: int, text: str) -> None:
        self._last = None
        if code == ErrorCode.PROTOCOL_VIOLATION:  # UNSUPPORTED
            text = f"{text}: how it sends files cannot be chosen; leave --arq, --window and --congestion out"
        self._desk.tell(TransferFailed(request_id, "", "", code, text))

"""A core on real sockets, a real disk and the real clock: the only place that knows asyncio's loop.

Each wake-up does a bounded amount of work and then lets the loop turn: at most 8 bursts (or 64 single datagrams) in,
8 bursts out.
"""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

from udpchat.config import SECOND
from udpchat.net.sockets import DatagramSocket
from udpchat.protocol.datagrams import Burst
from udpchat.protocol.ports import Job, Store, StoreRequest

BURSTS_IN = 8  # system calls a turn, with offload: 64 made the loop 10 ms late
DATAGRAMS_IN = 64  # the same where each call brings one datagram
BURSTS_OUT = 8  # bursts a turn
POLL_INTERVAL = 0.01  # seconds between two looks at whether a connection has ended


class Core(Protocol):
    """What the driver drives; see protocol/service.py, Host."""

    def receive_burst(self, burst: Burst, now: int) -> None: ...  # noqa: D102
    def handle_timeout(self, now: int) -> None: ...  # noqa: D102
    def next_event(self) -> Any: ...  # noqa: D102
    def datagrams_to_send(self, now: int) -> Iterator[Burst]: ...  # noqa: D102
    def next_timeout(self) -> int | None: ...  # noqa: D102
    def complete(self, request_id: int, result: Any, now: int) -> None: ...  # noqa: D102
    def on_too_large(self, burst: Burst) -> None: ...  # noqa: D102


class Driver:
    """Runs a core until `close`. on_event: called with every event that is no store request."""

    def __init__(
        self, core: Core, sockets: list[DatagramSocket], store: Store, on_event: Callable[[Any], None]
    ) -> None:
        self.sockets = sockets
        self.datagram_bytes = [0, 0]  # of UDP payload: received, sent
        self._core = core
        self._store = store
        self._on_event = on_event
        self._loop = asyncio.get_running_loop()
        self._worker = ThreadPoolExecutor(1, "udpchat-store")
        self._timer: asyncio.TimerHandle | asyncio.Handle | None = None
        self._is_closed = False
        self._blocked: Burst | None = None  # what the system had no room for
        self._by_family = {":" in each.address[0]: each for each in sockets}
        for each in sockets:
            self._loop.add_reader(each.raw, self._readable, each)

    @staticmethod
    def now() -> int:
        """The clock of the core [us]; the same one that asyncio's loop runs by."""
        return time.monotonic_ns() // 1_000

    def act(self) -> None:
        """Something was asked of the core: hand out what it has to say."""
        if not self._is_closed:
            self._drain_events()
            self._flush()

    async def wait_until(self, done: Callable[[], bool], seconds: float) -> None:
        """Go on until done, but not longer than so many seconds."""
        end = self._loop.time() + seconds
        while not done() and self._loop.time() < end:
            await asyncio.sleep(POLL_INTERVAL)

    async def close(self) -> None:
        """Stop at once; what the disk is doing is waited for."""
        self._is_closed = True
        self._cancel_timer()
        for each in self.sockets:
            self._loop.remove_reader(each.raw)
            self._loop.remove_writer(each.raw)
            each.close()
        await self._loop.run_in_executor(None, self._worker.shutdown)
        self._store.close()

    # -- input ---------------------------------------------------------------------------------------------------------

    def _readable(self, source: DatagramSocket) -> None:
        core, now, received = self._core, self.now(), self.datagram_bytes
        for _ in range(BURSTS_IN if source.has_offload else DATAGRAMS_IN):
            burst = source.receive()
            if burst is None:
                break
            received[0] += len(burst.data)
            core.receive_burst(burst, now)
            self._drain_events()
        self._flush()

    def _wake(self, deadline: int) -> None:
        # The loop may run us a clock tick early; never hand the core a time before its deadline.
        self._timer = None
        self._core.handle_timeout(max(deadline, self.now()))
        self._drain_events()
        self._flush()

    # -- events and storage --------------------------------------------------------------------------------------------

    def _drain_events(self) -> None:
        while (event := self._core.next_event()) is not None:
            if isinstance(event, StoreRequest):
                self._perform(event)
            else:
                self._on_event(event)

    def _perform(self, request: StoreRequest) -> None:
        answer = self._store.submit(request)
        if isinstance(answer, Job):
            job = answer
            future = self._worker.submit(job.run)
            future.add_done_callback(lambda done: self._call_soon(self._finish, request.request_id, job, done))
        elif request.request_id or answer is not None:
            self._core.complete(request.request_id, answer, self.now())

    def _call_soon(self, callback: Callable[..., None], *arguments: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(callback, *arguments)

    def _finish(self, request_id: int, job: Job, done: Future[object]) -> None:
        if self._is_closed:
            return
        result = job.finish(done.result())
        if request_id or result is not None:
            self._core.complete(request_id, result, self.now())
        self.act()

    # -- output --------------------------------------------------------------------------------------------------------

    def _flush(self) -> None:
        """Send what may go out now, then set the timer."""
        if self._is_closed or self._blocked is not None:
            return
        bursts = self._core.datagrams_to_send(self.now())
        for count, burst in enumerate(bursts, start=1):
            if not self._send(burst):
                # The buffer that holds the burst is not written to before the core is asked again.
                self._blocked = burst
                self._loop.add_writer(self._socket_for(burst).raw, self._writable)
                return
            if count == BURSTS_OUT:
                self._cancel_timer()
                self._timer = self._loop.call_soon(self._continue)
                return
        self._drain_events()
        self._set_timer()

    def _continue(self) -> None:
        self._timer = None
        self._flush()

    def _send(self, burst: Burst) -> bool:
        try:
            sent = self._socket_for(burst).send(burst)
        except OSError as error:
            if error.errno != errno.EMSGSIZE:
                raise
            self._core.on_too_large(burst)
            return True
        if sent:
            self.datagram_bytes[1] += len(burst.data)
        return sent

    def _writable(self) -> None:
        burst = self._blocked
        if burst is not None and not self._send(burst):
            return
        if burst is not None:
            self._loop.remove_writer(self._socket_for(burst).raw)
            self._blocked = None
        self._flush()

    def _socket_for(self, burst: Burst) -> DatagramSocket:
        return self._by_family.get(":" in burst.address[0], self.sockets[0])

    def _set_timer(self) -> None:
        deadline = self._core.next_timeout()
        self._cancel_timer()
        if deadline is not None:
            self._timer = self._loop.call_at(deadline / SECOND, self._wake, deadline)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

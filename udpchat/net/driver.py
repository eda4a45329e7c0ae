"""A core on real sockets, a real disk and the real clock: the only place that knows asyncio's loop.

Each wake-up does a bounded amount of work and then lets the loop turn: at most 8 bursts in, 8 bursts out.
"""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from udpchat.config import SECOND
from udpchat.net.sockets import DatagramSocket
from udpchat.protocol.core import Core
from udpchat.protocol.datagrams import Burst
from udpchat.protocol.ports import Job, LocalFile, OpenStored, Store, StoreRequest

BURSTS_IN = 8  # read from one socket a turn: 64 made the loop 10 ms late
BURSTS_OUT = 8  # sent a turn
POLL_INTERVAL = 0.01  # seconds between two looks at whether a connection has ended
RETRY = 0.001  # seconds; some systems call a socket writable that has no room


@dataclass(frozen=True, slots=True)
class PortClosed:
    """ICMP says that nobody listens where a connected socket sends to. times: how often it has said so."""

    times: int


class Driver:
    """Runs a core until `close`.

    on_event: called with every event that is no store request, and with PortClosed. on_failure: called with an error
    that nobody foresaw, after which nothing is received or sent any more; `close` is still to be called.
    """

    def __init__(
        self,
        core: Core,
        sockets: list[DatagramSocket],
        store: Store,
        on_event: Callable[[Any], None],
        on_failure: Callable[[Exception], None],
    ) -> None:
        self.sockets = sockets
        self.datagram_bytes = [0, 0]  # of UDP payload: received, sent
        self._core = core
        self._store = store
        self._on_event = on_event
        self._on_failure = on_failure
        self._loop = asyncio.get_running_loop()
        self._worker = ThreadPoolExecutor(1, "udpchat-store")
        self._timer: asyncio.TimerHandle | asyncio.Handle | None = None
        self._is_stopped = False
        self._blocked: Burst | None = None  # what the system had no room for
        self._by_family = {":" in each.address[0]: each for each in sockets}
        for each in sockets:
            self._loop.add_reader(each.raw, self._run, self._readable, each)

    @staticmethod
    def now() -> int:
        """The clock of the core [us]; the same one that asyncio's loop runs by."""
        return time.monotonic_ns() // 1_000

    def act(self) -> None:
        """Something was asked of the core: hand out what it has to say."""
        self._run(self._act)

    async def wait_until(self, done: Callable[[], bool], seconds: float) -> None:
        """Go on until done, but not longer than so many seconds."""
        end = self._loop.time() + seconds
        while not (self._is_stopped or done()) and self._loop.time() < end:  # noqa: ASYNC110 - the core tells nobody
            await asyncio.sleep(POLL_INTERVAL)

    async def close(self) -> None:
        """Stop at once; what the disk is doing is waited for."""
        self._stop()
        await self._loop.run_in_executor(None, self._worker.shutdown)
        self._store.close()

    def _run(self, step: Callable[..., None], *arguments: object) -> None:
        """Every entry from the loop: an error of ours ends the whole, once, instead of coming back at every turn."""
        if self._is_stopped:
            return
        try:
            step(*arguments)
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing can go on from here
            self._stop()
            self._on_failure(error)

    def _stop(self) -> None:
        if self._is_stopped:
            return
        self._is_stopped = True
        self._cancel_timer()
        for each in self.sockets:
            self._loop.remove_reader(each.raw)
            self._loop.remove_writer(each.raw)
            each.close()

    def _act(self) -> None:
        now = self.now()
        self._drain_events(now)
        self._flush(now)

    # -- input ---------------------------------------------------------------------------------------------------------

    def _readable(self, source: DatagramSocket) -> None:
        core, now, received, refusals = self._core, self.now(), 0, source.refusals
        for _ in range(BURSTS_IN):
            burst = source.receive()
            if burst is None:
                break
            # Read the clock after the call: we may have been off the processor, and a burst must not seem to arrive
            # before it was sent.
            now = self.now()
            received += len(burst.data)
            core.receive_burst(burst, now)
            self._drain_events(now)
        self.datagram_bytes[0] += received
        if source.refusals > refusals:
            self._on_event(PortClosed(source.refusals))
        if source.holds_datagram:
            self._loop.call_soon(self._run, self._readable, source)
        self._flush(now)

    def _wake(self, deadline: int) -> None:
        # The loop may run us a clock tick early; never hand the core a time before its deadline.
        self._timer = None
        self._pass_time(max(deadline, self.now()))

    def _continue(self) -> None:
        # Deadlines pass as well while there is always more to send.
        self._timer = None
        self._pass_time(self.now())

    def _pass_time(self, now: int) -> None:
        self._core.handle_timeout(now)
        self._drain_events(now)
        self._flush(now)

    # -- events and storage --------------------------------------------------------------------------------------------

    def _drain_events(self, now: int) -> None:
        while (event := self._core.next_event()) is not None:
            if isinstance(event, StoreRequest):
                self._perform(event, now)
            else:
                self._on_event(event)

    def _perform(self, request: StoreRequest, now: int) -> None:
        answer = self._store.submit(request)
        if isinstance(answer, Job):
            job = answer
            future = self._worker.submit(job.run)
            future.add_done_callback(lambda done: self._call_soon(self._finish, request, job, done))
        elif request.request_id or answer is not None:
            self._core.complete(request.request_id, answer, now)

    def _call_soon(self, callback: Callable[..., None], *arguments: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(callback, *arguments)

    def _finish(self, request: StoreRequest, job: Job, done: Future[object]) -> None:
        if self._is_stopped:
            _give_back(request, job, done)
        else:
            self._run(self._complete, request, job, done)

    def _complete(self, request: StoreRequest, job: Job, done: Future[object]) -> None:
        result, now = job.finish(done.result()), self.now()
        if request.request_id or result is not None:
            self._core.complete(request.request_id, result, now)
        self._drain_events(now)
        self._flush(now)

    # -- output --------------------------------------------------------------------------------------------------------

    def _flush(self, now: int) -> None:
        """Send what may go out now, then set the timer."""
        if self._blocked is not None:
            return
        now = max(now, self.now())
        for count, burst in enumerate(self._core.datagrams_to_send(now), start=1):
            if (rest := self._send(burst)) is not None:
                self._wait_for_room(rest)
                return
            if count == BURSTS_OUT:
                self._cancel_timer()
                self._timer = self._loop.call_soon(self._run, self._continue)
                return
        self._drain_events(now)
        self._set_timer()

    def _send(self, burst: Burst) -> Burst | None:
        """Hand a burst to its socket; the part that there is no room for."""
        try:
            taken = self._socket_for(burst).send(burst)
        except OSError as error:
            if error.errno != errno.EMSGSIZE:
                raise
            self._core.on_too_large(burst)
            return None
        self.datagram_bytes[1] += taken
        return None if taken == len(burst.data) else burst._replace(data=burst.data[taken:])

    def _wait_for_room(self, rest: Burst) -> None:
        # The buffer that holds the rest is not written to before the core is asked for datagrams again.
        self._blocked = rest
        self._loop.add_writer(self._socket_for(rest).raw, self._run, self._writable)
        self._cancel_timer()
        self._timer = self._loop.call_later(RETRY, self._run, self._still_blocked)

    def _still_blocked(self) -> None:
        self._timer = self._loop.call_later(RETRY, self._run, self._still_blocked)
        now = self.now()
        self._core.handle_timeout(now)
        self._drain_events(now)
        self._writable()

    def _writable(self) -> None:
        if (burst := self._blocked) is None:
            return
        self._blocked = self._send(burst)
        # When there is still no room the timer tries again: a socket that is called writable would keep the loop busy.
        self._loop.remove_writer(self._socket_for(burst).raw)
        if self._blocked is None:
            self._flush(self.now())

    def _socket_for(self, burst: Burst) -> DatagramSocket:
        return self._by_family.get(":" in burst.address[0], self.sockets[0])

    def _set_timer(self) -> None:
        deadline = self._core.next_timeout()
        self._cancel_timer()
        if deadline is not None:
            self._timer = self._loop.call_at(deadline / SECOND, self._run, self._wake, deadline)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _give_back(request: StoreRequest, job: Job, done: Future[object]) -> None:
    """What a job opened for a core that has stopped is closed: parts by the store, sources here."""
    if done.exception() is not None:
        return
    result: Any = job.finish(done.result())
    if isinstance(result, LocalFile):
        result.source.close()
    elif isinstance(request, OpenStored) and not isinstance(result, Exception):
        result.close()

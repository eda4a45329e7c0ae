"""A core on real sockets, a real disk and the real clock: the only place that knows asyncio's loop.

Each wake-up does a bounded amount of work and then lets the loop turn, and before it lets a deadline pass it looks at
what has arrived: the answer that a timer waits for may lie there already.
"""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from udpchat.config import KIB, SECOND
from udpchat.files.local_ports import LocalFile
from udpchat.files.stored_ports import Stored
from udpchat.net.sockets import DatagramSocket
from udpchat.protocol.core import Core
from udpchat.protocol.datagrams import Burst
from udpchat.protocol.ports import Job, Lane, Store, StoreRequest

BURSTS_IN = 64  # read from one socket a turn, unless they are large
BURSTS_OUT = 64  # sent a turn, the same
TURN_BYTES = 8 * 64 * KIB  # one way, after which a turn ends; 64 large bursts made the loop 10 ms late
MAX_LAG = 0.02  # seconds for which timers wait while datagrams come faster than they are read
POLL_INTERVAL = 0.01  # seconds between two looks at whether a connection has ended
HASHING_THREADS = 2  # passwords are hashed in: the rest of the machine has other things to do
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
        self._workers: dict[Lane, ThreadPoolExecutor] = {}  # a thread each, made when they are first needed
        self._timer: asyncio.TimerHandle | asyncio.Handle | None = None
        self._is_stopped = False
        self._blocked: Burst | None = None  # what the system had no room for
        self._held_since: int | None = None  # since when timers have been waiting for the sockets to be empty
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
        for worker in self._workers.values():
            await self._loop.run_in_executor(None, worker.shutdown)
        self._store.close()

    def replace_socket(self, new: DatagramSocket) -> None:
        """Go on with another socket instead of the only one: the network has changed."""
        if self._is_stopped:
            new.close()
            return
        (old,) = self.sockets
        self._loop.remove_reader(old.raw)
        self._loop.remove_writer(old.raw)
        old.close()
        self.sockets[:] = [new]
        self._blocked = None
        self._loop.add_reader(new.raw, self._run, self._readable, new)

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
        now, _ = self._take_in(source, self.now())
        self._flush(now)

    def _take_in(self, source: DatagramSocket, now: int) -> tuple[int, bool]:
        """Hand over what has arrived, a turn of it; the time of the last one, and whether nothing is left."""
        core, received, refusals, is_empty = self._core, 0, source.refusals, False
        for _ in range(BURSTS_IN):
            burst = source.receive()
            if burst is None:
                is_empty = True
                break
            # Read the clock after the call: we may have been off the processor, and a burst must not seem to arrive
            # before it was sent.
            now = max(now, self.now())
            received += len(burst.data)
            core.receive_burst(burst, now)
            self._drain_events(now)
            if received >= TURN_BYTES:
                break
        self.datagram_bytes[0] += received
        if source.refusals > refusals:
            self._on_event(PortClosed(source.refusals))
        return now, is_empty

    def _wake(self, deadline: int) -> None:
        # The loop may run us a clock tick early; never hand the core a time before its deadline.
        self._timer = None
        self._flush(self._pass_time(max(deadline, self.now())))

    def _continue(self) -> None:
        # Deadlines pass as well while there is always more to send.
        self._timer = None
        self._flush(self._pass_time(self.now()))

    def _pass_time(self, now: int) -> int:
        """Let deadlines pass when nothing is left to be read that came before; the time then.

        Without that, the ACKs of a line to 500 lay in the socket while it was still being written, their timers ended,
        and 0.6 datagrams for each were sent again. No flood stops the timers: they wait for MAX_LAG at most.
        """
        is_empty = True
        for each in self.sockets:
            now, is_drained = self._take_in(each, now)
            is_empty = is_empty and is_drained
        if self._held_since is None:
            self._held_since = now
        if is_empty or now - self._held_since >= MAX_LAG * SECOND:
            self._held_since = None
            self._core.handle_timeout(now)
            self._drain_events(now)
        return now

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
            future = self._worker(job.lane).submit(job.run)
            future.add_done_callback(lambda done: self._call_soon(self._finish, request, job, done))
        elif request.request_id or answer is not None:
            self._core.complete(request.request_id, answer, now)

    def _worker(self, lane: Lane) -> ThreadPoolExecutor:
        if lane not in self._workers:
            threads = HASHING_THREADS if lane is Lane.HASHING else 1
            self._workers[lane] = ThreadPoolExecutor(threads, f"udpchat-{lane.value}")
        return self._workers[lane]

    def _call_soon(self, callback: Callable[..., None], *arguments: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(callback, *arguments)

    def _finish(self, request: StoreRequest, job: Job, done: Future[object]) -> None:
        if self._is_stopped:
            _give_back(job, done)
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
        sent = 0
        for count, burst in enumerate(self._core.datagrams_to_send(now), start=1):
            sent += len(burst.data)
            if (rest := self._send(burst)) is not None:
                self._wait_for_room(rest)
                return
            if count == BURSTS_OUT or sent >= TURN_BYTES:
                self._continue_soon()
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
        self._timer = None
        now = self._pass_time(self.now())
        if self._blocked is None:  # its socket was replaced
            self._flush(now)
            return
        self._timer = self._loop.call_later(RETRY, self._run, self._still_blocked)
        self._writable()

    def _writable(self) -> None:
        if (burst := self._blocked) is None:
            return
        self._blocked = self._send(burst)
        # When there is still no room the timer tries again: a socket that is called writable would keep the loop busy.
        self._loop.remove_writer(self._socket_for(burst).raw)
        if self._blocked is None:
            self._cancel_timer()  # that of `_still_blocked`
            self._flush(self.now())

    def _socket_for(self, burst: Burst) -> DatagramSocket:
        sockets = self.sockets
        if len(sockets) > 1:
            is_ipv6 = ":" in burst.address[0]
            for each in sockets:
                if each.is_ipv6 is is_ipv6:
                    return each
        return sockets[0]

    def _continue_soon(self) -> None:
        if self._timer is None or isinstance(self._timer, asyncio.TimerHandle):
            self._cancel_timer()
            self._timer = self._loop.call_soon(self._run, self._continue)

    def _set_timer(self) -> None:
        """Wake up at the core's deadline, or earlier, if that was asked for before: nothing is to be done then.

        A wake-up that is due is never put off. The loop runs readers before it: set anew by each of them, a timer never
        came while there was always more to read.
        """
        deadline, timer = self._core.next_timeout(), self._timer
        if any(each.holds_datagram for each in self.sockets):
            self._continue_soon()
        elif deadline is None:
            self._cancel_timer()
        elif timer is None or (isinstance(timer, asyncio.TimerHandle) and timer.when() > deadline / SECOND):
            self._cancel_timer()
            self._timer = self._loop.call_at(deadline / SECOND, self._run, self._wake, deadline)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _give_back(job: Job, done: Future[object]) -> None:
    """What a job opened for a core that has stopped is closed: parts by the store, sources here."""
    if done.exception() is not None:
        return
    result: Any = job.finish(done.result())
    if isinstance(result, LocalFile | Stored):
        result.source.close()

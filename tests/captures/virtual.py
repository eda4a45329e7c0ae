"""Real sockets in virtual time: a loop whose clock stands still while there is anything to do, and then jumps."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from udpchat.config import SECOND
from udpchat.net.driver import Driver
from udpchat.protocol.ports import Lane

GRACE = 0.001  # seconds in which the kernel delivers what was sent on loopback


class JumpingSelector(selectors.SelectSelector):
    """Never waits for a timer: lets the clock of its loop jump there."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0  # us
        self.grace = GRACE

    def select(self, timeout: float | None = None) -> Any:
        """What is ready; nothing when time has passed instead."""
        if timeout is None:
            return super().select(None)
        ready = super().select(min(timeout, self.grace))
        if not ready:
            self.now += round(timeout * SECOND)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop that begins at time 0."""

    def __init__(self) -> None:
        self._clock = JumpingSelector()
        super().__init__(self._clock)

    def time(self) -> float:
        """Seconds since the beginning."""
        return self._clock.now / SECOND

    def hurry(self) -> None:
        """Nothing of interest will come any more."""
        self._clock.grace = 0.0


class PromptWorker(ThreadPoolExecutor):
    """Does each job at once and without a thread, for the clock would not wait for one."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """See `concurrent.futures.Executor`."""
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


class VirtualDriver(Driver):
    """A driver that goes by the clock of such a loop. Storage answers at the same time, in a later turn of the loop."""

    @staticmethod
    def now() -> int:
        """Microseconds."""
        return round(asyncio.get_running_loop().time() * SECOND)

    def _worker(self, lane: Lane) -> ThreadPoolExecutor:
        return PromptWorker()

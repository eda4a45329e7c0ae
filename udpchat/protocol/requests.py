"""What a client has asked and not been answered: request ids, shared by all its services."""

from __future__ import annotations

from collections.abc import Callable, Container

from udpchat.errors import UsageError

MAX_OPEN = 65_536  # requests that wait for an answer
MODULUS = 2**32  # of request ids

OnRefused = Callable[[int, int, str], None]  # request id, code, words
OnFinished = Callable[[int], None]  # request id; the end of a list


class Requests:
    """Numbers requests and remembers who is to hear that one was refused, or that its list is complete."""

    def __init__(self) -> None:
        self._last = 0
        self._open: dict[int, tuple[OnRefused, OnFinished | None]] = {}

    def start(self, on_refused: OnRefused, on_finished: OnFinished | None = None) -> int:
        """A new request id; never 0, which means that nobody asked."""
        if len(self._open) >= MAX_OPEN:
            raise UsageError(f"{MAX_OPEN} requests wait for an answer")
        self._last = self._last % (MODULUS - 1) + 1
        self._open[self._last] = (on_refused, on_finished)
        return self._last

    def finish(self, request_id: int) -> bool:
        """The answer came; False when nobody asked."""
        return self._open.pop(request_id, None) is not None

    def finish_list(self, request_id: int) -> bool:
        """The end of an answer came; False when nobody waits for one."""
        asked = self._open.get(request_id)
        if asked is None or asked[1] is None:
            return False
        del self._open[request_id]
        asked[1](request_id)
        return True

    def forget(self, keep: Container[int]) -> None:
        """The connection was lost: nobody answers any more, but for requests that are asked again on the next one."""
        self._open = {request_id: asked for request_id, asked in self._open.items() if request_id in keep}

    def refuse(self, request_id: int, code: int, text: str) -> None:
        """The server said no."""
        asked = self._open.pop(request_id, None)
        if asked is not None:
            asked[0](request_id, code, text)

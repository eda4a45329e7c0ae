"""Answers that verbs wait for, by request id."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container
from typing import Any


class Answers:
    """Futures of requests that are under way."""

    def __init__(self) -> None:
        self._waiting: dict[int, asyncio.Future[Any]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    async def wait(self, request_id: int) -> Any:
        """The answer to a request, or the error it was refused with."""
        answer = self._waiting[request_id]
        try:
            return await answer
        finally:
            self._waiting.pop(request_id, None)

    def expect(self, request_id: int) -> None:
        """A request was made."""
        self._waiting[request_id] = asyncio.get_running_loop().create_future()

    def is_expected(self, request_id: int) -> bool:
        """Somebody waits for this answer."""
        answer = self._waiting.get(request_id)
        return answer is not None and not answer.done()

    def is_any_expected(self, but: Container[int] = ()) -> bool:
        """Somebody waits for an answer; but: requests that do not count."""
        return any(request_id not in but for request_id in self._waiting)

    def resolve(self, request_id: int, event: object) -> None:
        """The answer came."""
        answer = self._waiting.get(request_id)
        if answer is not None and not answer.done():
            answer.set_result(event)

    def refuse(self, request_id: int, error: Exception) -> None:
        """It ended with an error."""
        answer = self._waiting.get(request_id)
        if answer is not None and not answer.done():
            answer.set_exception(error)

    def lose(self, error: Exception, is_kept: Callable[[int], bool] = lambda _: False) -> None:
        """Nobody answers any more, but what is kept."""
        for request_id in list(self._waiting):
            if not is_kept(request_id):
                self.refuse(request_id, error)

"""How services ask storage: requests as events, answers as `complete`.

A service emits a `StoreRequest`; whoever runs it hands the request to a `Store` and brings the answer back as
`complete(request.request_id, result, now)`. Any request may be answered with a `StorageError` instead of its result.
Requests that nobody waits for have request id 0 and are answered only by bad news: when their result is not None, it
goes to `complete(0, result, now)`. The requests themselves are in files/ports.py and chat/ports.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Protocol, TypeAlias

NO_REQUEST = 0  # request id of what nobody waits for

Result: TypeAlias = Any  # what a request is answered with; each says it


class StoreRequest:
    """Something that storage is asked; its classes are frozen dataclasses with a request id."""

    __slots__ = ()

    request_id: int


class Lane(Enum):
    """Which worker thread does a job: what waits for a file's disk must not hold chat up."""

    FILES = "files"
    CHECKING = "checking"  # reading back and hashing beside transfers
    MESSAGES = "messages"
    READING = "reading"
    LISTING = "listing"  # of files: a long list must not hold up what chat reads
    SEARCHING = "searching"  # what others look for: neither must a flood of queries
    HASHING = "hashing"  # of passwords


class Source(Protocol):
    """Bytes to send: an open file. Used on one thread, the one that runs the core."""

    @property
    def size(self) -> int:
        """Bytes it had when it was opened."""
        ...

    def read_into(self, offset: int, view: memoryview) -> int:
        """Fill view with the bytes from offset on; bytes read. Fewer than asked: the file shrank or cannot be read.

        What is read for the first time in order goes into the running MD5.
        """
        ...

    def close(self) -> None:
        """Give the file back; a second call does nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Job:
    """The slow half of a request: `job.finish(job.run())` is its result.

    run: does the work, in the worker thread of its lane, in the order of submission; failures are part of the outcome.
    finish: takes in the outcome on the thread that submitted and gives what goes to `complete`.
    """

    run: Callable[[], object]
    finish: Callable[[object], Result]
    lane: Lane = Lane.FILES


class Store(Protocol):
    """Performs requests. Called on the thread that runs the core."""

    def submit(self, request: StoreRequest) -> Result | Job:
        """The result of what is quick, a job for what is slow."""
        ...

    def close(self) -> None:
        """Give everything back; to be called when no job is left."""
        ...


def perform(store: Store, request: StoreRequest) -> Result:
    """The result of a request, here and now: for tools, simulators and tests."""
    answer = store.submit(request)
    if isinstance(answer, Job):
        return answer.finish(answer.run())
    return answer


def number_request(request: StoreRequest, request_id: int) -> StoreRequest:
    """The same request under a request id; an error for those that nobody waits for."""
    return replace(request, request_id=request_id)  # type: ignore[type-var]

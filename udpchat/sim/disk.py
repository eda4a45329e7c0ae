"""A disk in virtual time: any store behind seeded delays, errors and crashes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from udpchat.errors import StorageError, UsageError
from udpchat.files.ports import CommitPart, PartFailed, SyncPart, WritePart
from udpchat.protocol.ports import Job, Lane, Result, Store, StoreRequest
from udpchat.sim.network import Network

Complete = Callable[[int, Result, int], None]  # (request id, result, now)

_FAILED: Final = "the simulated disk failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskSpec:
    """What a disk does.

    delay: of a slow request [us]; each takes a uniform part of it between half and all. bytes_per_second: at which
    written bytes become durable, charged to the sync or commit that follows; 0 is unlimited. error: probability that a
    write or a slow request fails.
    """

    delay: int = 1_000
    bytes_per_second: int = 0
    error: float = 0.0

    def __post_init__(self) -> None:
        if self.delay < 0 or self.bytes_per_second < 0 or not 0 <= self.error <= 1:
            raise ValueError("a delay and a rate are not negative, a probability is between 0 and 1")


@dataclass(slots=True)
class _Queue:
    """The jobs of a lane, each with its request id, whether it fails and who hears of it. busy: until when [us]."""

    jobs: deque[tuple[Job, int, bool, Complete]] = field(default_factory=deque)
    busy: int = 0


class DelayedStore:
    """Performs requests as a driver with a worker thread for each lane would, in the virtual time of a network.

    What the store calls quick is done at once. Jobs of a lane follow one another, lanes run beside each other, and a
    job has its effect when its time is over. spec may be replaced in mid-run.
    """

    __slots__ = ("_crashed", "_dirty", "_network", "_queues", "_random", "_store", "spec")

    def __init__(self, store: Store, network: Network, spec: DiskSpec, seed: int | str) -> None:
        self.spec = spec
        self._store = store
        self._network = network
        self._random = Random(f"disk {seed}")
        self._queues = {lane: _Queue() for lane in Lane}
        self._dirty = 0  # bytes written that no sync was charged for
        self._crashed = False

    def submit(self, request: StoreRequest, complete: Complete) -> None:
        """Perform a request and call complete(request id, result, now), at once or later; not for good news to id 0."""
        if self._crashed:
            raise UsageError("the disk has crashed; open the store anew")
        share, fails = self._random.random(), self._random.random() < self.spec.error
        if isinstance(request, WritePart):
            self._dirty += len(request.data)
            if fails:
                complete(request.request_id, PartFailed(request.part_id, StorageError(_FAILED)), self._network.now)
                return
        answer = self._store.submit(request)
        if not isinstance(answer, Job):
            if request.request_id or answer is not None:
                complete(request.request_id, answer, self._network.now)
            return
        queue = self._queues[answer.lane]
        queue.jobs.append((answer, request.request_id, fails, complete))
        queue.busy = max(queue.busy, self._network.now) + self._duration(request, share)
        self._network.call_at(queue.busy, lambda: self._finish(queue))

    def crash(self) -> None:
        """Forget all jobs, as a power cut does; by the seed those at work may have had their effect unheard."""
        self._crashed = True
        for lane, queue in self._queues.items():
            if queue.jobs and self._random.random() < 0.5:
                job, *_ = queue.jobs[0]
                outcome = job.run()
                if lane is Lane.MESSAGES:
                    # In memory the effect of a job is in its second half; that of a file is left to a sync.
                    job.finish(outcome)
            queue.jobs.clear()

    def _duration(self, request: StoreRequest, share: float) -> int:
        duration = int(self.spec.delay * (0.5 + share / 2))
        if isinstance(request, SyncPart | CommitPart):
            if self.spec.bytes_per_second:
                duration += self._dirty * 1_000_000 // self.spec.bytes_per_second
            self._dirty = 0
        return duration

    def _finish(self, queue: _Queue) -> None:
        if self._crashed:
            return
        job, request_id, fails, complete = queue.jobs.popleft()
        result = StorageError(_FAILED) if fails else job.finish(job.run())
        if request_id or result is not None:
            complete(request_id, result, self._network.now)

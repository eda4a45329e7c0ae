from typing import Any

import pytest

from udpchat.chat.ports import AddMessage, ListRooms, ReadMessages, VerifyPassword
from udpchat.errors import StorageError, UsageError
from udpchat.files.ports import PartFailed, PartSynced, SyncPart, WritePart
from udpchat.files.stored_ports import ListFiles, Viewer
from udpchat.protocol.ports import Job, Lane, Result, StoreRequest
from udpchat.sim.disk import DelayedStore, DiskSpec
from udpchat.sim.network import Network

PART = bytes(16)


class Shelf:
    """A store of one part: writes are quick, syncs are jobs, and the list of files is known by heart.

    What chat asks are jobs of its lanes; lines are stored when their job is finished.
    """

    def __init__(self) -> None:
        self.written = 0
        self.durable = 0
        self.lines: list[str] = []

    def submit(self, request: StoreRequest) -> Result | Job:
        if isinstance(request, WritePart):
            self.written += len(request.data)
            return None
        if isinstance(request, SyncPart):
            return Job(self.sync, lambda _: PartSynced(PART, self.durable, self.durable))
        if isinstance(request, AddMessage):
            return Job(lambda: request.text, lambda text: self.lines.append(str(text)), Lane.MESSAGES)
        if isinstance(request, ListRooms):
            return Job(lambda: None, lambda _: "rooms", Lane.MESSAGES)
        if isinstance(request, ReadMessages):
            return Job(lambda: None, lambda _: "page", Lane.READING)
        if isinstance(request, VerifyPassword):
            return Job(lambda: None, lambda _: True, Lane.HASHING)
        return ()

    def sync(self) -> None:
        self.durable = self.written

    def close(self) -> None:
        pass


class Bench:
    """A shelf behind a disk, and what it answered when."""

    def __init__(self, spec: DiskSpec, seed: int = 1) -> None:
        self.network = Network(seed)
        self.shelf = Shelf()
        self.disk = DelayedStore(self.shelf, self.network, spec, seed)
        self.answers: list[tuple[int, Any, int]] = []

    def submit(self, request: StoreRequest) -> None:
        self.disk.submit(request, lambda number, result, now: self.answers.append((number, result, now)))

    def write(self, size: int) -> None:
        self.submit(WritePart(PART, 0, memoryview(bytes(size))))


def test_writes_are_done_at_once_and_in_silence() -> None:
    bench = Bench(DiskSpec())
    bench.write(100)
    assert bench.shelf.written == 100
    assert bench.answers == []


def test_what_the_store_calls_quick_is_answered_at_once() -> None:
    bench = Bench(DiskSpec(delay=10_000))
    bench.submit(ListFiles(5, Viewer(1, frozenset())))
    assert bench.answers == [(5, (), 0)]


def test_a_job_has_its_effect_when_its_time_is_over() -> None:
    bench = Bench(DiskSpec(delay=10_000))
    bench.write(100)
    bench.submit(SyncPart(1, PART))
    bench.network.run_for(4_999)
    assert (bench.shelf.durable, bench.answers) == (0, [])
    bench.network.run_for(5_001)
    assert bench.shelf.durable == 100
    [(number, result, now)] = bench.answers
    assert (number, result) == (1, PartSynced(PART, 100, 100))
    assert 5_000 <= now <= 10_000


def test_written_bytes_are_charged_to_the_next_sync_and_jobs_queue_up() -> None:
    bench = Bench(DiskSpec(delay=0, bytes_per_second=1_000_000))
    bench.write(30_000)
    bench.submit(SyncPart(1, PART))
    bench.write(20_000)
    bench.submit(SyncPart(2, PART))
    bench.submit(SyncPart(3, PART))
    bench.network.run_for(1_000_000)
    assert [(number, now) for number, _, now in bench.answers] == [(1, 30_000), (2, 50_000), (3, 50_000)]


def test_errors_come_as_answers_and_leave_the_store_alone() -> None:
    bench = Bench(DiskSpec(error=1.0))
    bench.write(100)
    bench.submit(SyncPart(1, PART))
    bench.network.run_for(1_000_000)
    assert bench.shelf.written == 0
    assert [(number, type(result)) for number, result, _ in bench.answers] == [(0, PartFailed), (1, StorageError)]


def run(seed: int) -> list[tuple[int, type, int]]:
    bench = Bench(DiskSpec(delay=5_000, error=0.3), seed)
    for number in range(1, 50):
        bench.write(10)
        bench.submit(SyncPart(number, PART))
    bench.network.run_for(1_000_000)
    return [(number, type(result), now) for number, result, now in bench.answers]


def test_the_seed_decides_delays_and_errors() -> None:
    assert run(1) == run(1)
    assert run(1) != run(2)
    assert {kind for _, kind, _ in run(1)} == {PartSynced, PartFailed, StorageError}


def test_after_a_crash_nothing_is_answered_and_the_job_at_work_may_have_happened() -> None:
    outcomes = set()
    for seed in range(10):
        bench = Bench(DiskSpec(delay=10_000), seed)
        bench.write(100)
        bench.submit(SyncPart(1, PART))
        bench.disk.crash()
        bench.network.run_for(1_000_000)
        assert bench.answers == []
        outcomes.add(bench.shelf.durable)
        with pytest.raises(UsageError, match="crashed"):
            bench.write(1)
    assert outcomes == {0, 100}


def say(number: int) -> AddMessage:
    return AddMessage(number, number.to_bytes(16, "big"), 1, "alice", "lobby", 0, "", f"line {number}", 0)


def test_lanes_run_beside_each_other_and_keep_their_own_order() -> None:
    bench = Bench(DiskSpec(delay=0, bytes_per_second=1_000_000))
    bench.write(30_000)
    bench.submit(SyncPart(1, PART))
    bench.write(1_000)
    bench.submit(SyncPart(2, PART))
    bench.disk.spec = DiskSpec(delay=10_000)
    for request in (say(3), ReadMessages(4, 1, 0, 10), VerifyPassword(5, "a", "b"), ListRooms(6), say(7)):
        bench.submit(request)
    bench.network.run_for(1_000_000)
    order = [number for number, _, _ in bench.answers]
    assert sorted(order[:3]) == [3, 4, 5]  # each the first of its lane, none behind the file
    assert [number for number in order if number in {3, 6, 7}] == [3, 6, 7]
    assert [number for number in order if number in {1, 2}] == [1, 2]
    ends = {number: now for number, _, now in bench.answers}
    assert ends[3] <= 10_000
    assert 15_000 <= ends[7] <= 30_000 <= ends[1]
    assert bench.shelf.lines == ["line 3", "line 7"]


def test_after_a_crash_a_line_at_work_may_be_stored_although_nobody_heard() -> None:
    outcomes = set()
    for seed in range(10):
        bench = Bench(DiskSpec(delay=10_000), seed)
        bench.submit(say(1))
        bench.submit(say(2))
        bench.disk.crash()
        bench.network.run_for(1_000_000)
        assert bench.answers == []
        outcomes.add(tuple(bench.shelf.lines))
    assert outcomes == {(), ("line 1",)}


@pytest.mark.parametrize("wrong", [{"delay": -1}, {"bytes_per_second": -1}, {"error": 1.5}])
def test_impossible_disks_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        DiskSpec(**wrong)

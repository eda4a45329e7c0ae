"""SendTransfer against a set of offsets, and fairness of TransferScheduler."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from udpchat.arq.sender import SendTransfer, TransferScheduler
from udpchat.config import MAX_BURST
from udpchat.errors import UsageError

BIG = 10**12


def test_a_file_goes_out_in_runs_of_whole_chunks() -> None:
    transfer = SendTransfer(7, size=1_050, limit=BIG)
    assert transfer.next_run(100, 4) == (0, 400, False)
    assert (transfer.next_run(100, 4), transfer.has_work) == ((400, 400, False), True)
    assert (transfer.next_run(100, 4), transfer.has_work) == ((800, 250, False), False)
    assert transfer.next_run(100, 4) is None
    assert (transfer.sent_bytes, transfer.retransmitted_bytes, transfer.acked_bytes) == (1_050, 0, 0)


def test_nothing_goes_out_beyond_the_limit() -> None:
    transfer = SendTransfer(7, size=1_000, limit=250)
    assert transfer.next_run(100, 4) == (0, 250, False)
    assert (transfer.next_run(100, 4), transfer.has_work) == (None, False)
    transfer.raise_limit(300)
    assert transfer.has_work
    transfer.raise_limit(200)  # an older one, overtaken
    assert (transfer.limit, transfer.next_run(100, 4)) == (300, (250, 50, False))
    transfer.raise_limit(BIG)
    assert (transfer.limit, transfer.next_run(100, 99)) == (1_000, (300, 700, False))


def test_lost_bytes_go_first_and_count_as_retransmitted() -> None:
    transfer = SendTransfer(7, size=1_000, limit=BIG)
    transfer.next_run(100, 5)
    transfer.on_lost(100, 300)
    assert transfer.next_run(100, 2) == (100, 200, True)
    assert transfer.next_run(100, 2) == (300, 100, True)
    assert transfer.next_run(100, 2) == (500, 200, False)
    assert (transfer.sent_bytes, transfer.retransmitted_bytes) == (1_000, 300)


def test_lost_bytes_that_were_acknowledged_otherwise_are_not_sent_again() -> None:
    transfer = SendTransfer(7, size=500, limit=BIG)
    transfer.next_run(100, 5)
    transfer.on_acked(200, 100)
    transfer.on_lost(100, 300)
    transfer.on_acked(100, 100)
    assert transfer.next_run(100, 5) == (300, 100, True)
    assert transfer.next_run(100, 5) is None


def test_bytes_that_the_receiver_has_already_are_skipped() -> None:
    transfer = SendTransfer(7, size=1_000, limit=BIG, present=[(0, 100), (250, 600), (900, 5_000), (6_000, 7_000)])
    assert transfer.acked_bytes == 550
    assert transfer.next_run(100, 5) == (100, 150, False)
    assert transfer.next_run(100, 5) == (600, 300, False)
    assert (transfer.next_run(100, 5), transfer.has_work) == (None, False)
    transfer.on_acked(100, 150)
    assert not transfer.is_complete
    transfer.on_acked(600, 300)
    assert transfer.is_complete


@pytest.mark.parametrize(("size", "present"), [(0, []), (10, [(0, 10)])])
def test_a_file_with_nothing_to_send_is_complete_at_once(size: int, present: list[tuple[int, int]]) -> None:
    transfer = SendTransfer(7, size, BIG, present)
    assert transfer.is_complete
    assert (transfer.has_work, transfer.next_run(100, 5)) == (False, None)


@pytest.mark.parametrize(("offset", "length"), [(0, 501), (500, 1), (-1, 2), (5, -1)])
def test_bytes_that_were_never_sent_are_neither_acknowledged_nor_lost(offset: int, length: int) -> None:
    transfer = SendTransfer(7, 1_000, BIG)
    transfer.next_run(100, 5)
    for report in (transfer.on_acked, transfer.on_lost):
        with pytest.raises(UsageError):
            report(offset, length)


def test_misuse_is_refused() -> None:
    with pytest.raises(UsageError):
        SendTransfer(7, -1, 0)
    with pytest.raises(UsageError):
        SendTransfer(7, 10, 10).next_run(100, 0)


class Link:
    """A SendTransfer beside what is known of each of its bytes."""

    def __init__(self, size: int, limit: int, present: set[int]) -> None:
        self.size, self.limit, self.done = size, limit, present
        self.transfer = SendTransfer(1, size, limit, [(n, n + 1) for n in present])
        self.fresh = set(range(size)) - present  # never sent
        self.flying: list[range] = []
        self.forgotten: list[range] = []  # declared lost; may arrive all the same

    def send(self, chunk: int, max_chunks: int) -> bool:
        lost = set(range(self.size)) - self.fresh - self.done - {n for run in self.flying for n in run}
        assert self.transfer.has_work == bool(lost or {n for n in self.fresh if n < self.limit})
        run = self.transfer.next_run(chunk, max_chunks)
        if run is None:
            return False
        offset, length, again = run
        sent = range(offset, offset + length)
        assert 1 <= length <= chunk * max_chunks
        assert set(sent) <= (lost if again else self.fresh)
        assert again or offset + length <= self.limit
        self.fresh.difference_update(sent)
        self.flying.append(sent)
        return True

    def acknowledge(self, run: range) -> None:
        self.transfer.on_acked(run.start, len(run))
        self.done |= set(run)

    def lose(self, run: range) -> None:
        self.transfer.on_lost(run.start, len(run))
        self.forgotten.append(run)

    def raise_limit(self, limit: int) -> None:
        self.transfer.raise_limit(limit)
        self.limit = max(self.limit, limit)


STEP = st.tuples(st.sampled_from(["send", "acked", "lost", "late", "limit"]), st.integers(0, 20), st.integers(1, 4))


@settings(max_examples=200)
@given(st.integers(0, 120), st.sets(st.integers(0, 119)), st.lists(STEP, max_size=60), st.integers(1, 9))
def test_every_byte_is_sent_until_it_is_acknowledged_and_no_longer(
    size: int, present: set[int], steps: list[tuple[str, int, int]], chunk: int
) -> None:
    link = Link(size, 20, {n for n in present if n < size})
    for what, which, chunks in steps:
        if what == "send":
            link.send(chunk, chunks)
        elif what == "limit":
            link.raise_limit(7 * which)
        elif what == "late" and link.forgotten:
            link.acknowledge(link.forgotten[which % len(link.forgotten)])
        elif what == "acked" and link.flying:
            link.acknowledge(link.flying.pop(which % len(link.flying)))
        elif what == "lost" and link.flying:
            link.lose(link.flying.pop(which % len(link.flying)))
        assert link.transfer.acked_bytes == len(link.done)
    link.raise_limit(size)
    while link.send(chunk, 4):
        pass
    for run in link.flying:
        link.acknowledge(run)
    assert link.transfer.is_complete


# -- several transfers -------------------------------------------------------------------------------------------------


def scheduler_of(*transfers: SendTransfer) -> TransferScheduler:
    scheduler = TransferScheduler()
    for transfer in transfers:
        scheduler.add(transfer)
    return scheduler


@pytest.mark.parametrize("chunk", [100, 1_148, 1_420])
@pytest.mark.parametrize("max_chunks", [1, 7, 45])
def test_transfers_share_by_bytes(chunk: int, max_chunks: int) -> None:
    transfers = [SendTransfer(number, BIG, BIG) for number in range(4)]
    scheduler, sent = scheduler_of(*transfers), [0] * 4
    while sum(sent) < 100 * MAX_BURST:
        run = scheduler.next_run(chunk, max_chunks)
        assert run is not None
        transfer, offset, length, _ = run
        sent[transfer.transfer_id] += length
        if transfer.transfer_id == 1:  # loses much, in small pieces: its runs are short
            for lost in range(offset, offset + length, 3 * chunk):
                transfer.on_lost(lost, min(chunk, offset + length - lost))
    mean = sum(sent) / 4
    assert all(0.7 * mean <= share <= 1.3 * mean for share in sent)


def test_who_has_nothing_to_send_leaves_the_rest_to_others() -> None:
    waiting, busy = SendTransfer(1, BIG, 0), SendTransfer(2, BIG, BIG)
    scheduler = scheduler_of(waiting, busy)
    for _ in range(10):
        run = scheduler.next_run(1_000, 60)
        assert run is not None
        assert run[0] is busy
    waiting.raise_limit(BIG)  # has saved nothing up
    served = [run[0] for _ in range(20) if (run := scheduler.next_run(1_000, 60)) is not None]
    assert 9 <= served.count(waiting) <= 11


def test_a_run_is_told_with_its_transfer() -> None:
    transfer = SendTransfer(5, 300, BIG)
    scheduler = scheduler_of(transfer)
    assert scheduler.has_work
    assert scheduler.next_run(100, 2) == (transfer, 0, 200, False)
    transfer.on_lost(0, 100)
    assert scheduler.next_run(100, 2) == (transfer, 0, 100, True)
    assert scheduler.next_run(100, 2) == (transfer, 200, 100, False)
    assert scheduler.next_run(100, 2) is None
    assert not scheduler.has_work


def test_transfers_come_and_go_by_id() -> None:
    first, second = SendTransfer(1, 10, 10), SendTransfer(2, 10, 10)
    scheduler = scheduler_of(first, second)
    assert (scheduler.find(2), scheduler.find(3), list(scheduler), len(scheduler)) == (second, None, [first, second], 2)
    with pytest.raises(UsageError):
        scheduler.add(SendTransfer(1, 10, 10))
    scheduler.remove(1)
    scheduler.remove(1)
    assert (scheduler.find(1), list(scheduler)) == (None, [second])
    assert scheduler.next_run(100, 1) == (second, 0, 10, False)
    assert scheduler.next_run(100, 1) is None
    assert TransferScheduler().next_run(100, 1) is None

"""SendTransfer against a set of offsets."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.work import calls
from udpchat.arq.sender import EXACT_RUNS, GRAIN, SendTransfer
from udpchat.config import MAX_TRANSFER_RUNS
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


# -- bytes that the receiver asks for again ----------------------------------------------------------------------------


def sent(size: int = 1_000, limit: int = BIG, present: tuple[tuple[int, int], ...] = ()) -> SendTransfer:
    """A transfer that has sent all it may, in packet 1, and got it acknowledged."""
    transfer = SendTransfer(7, size, limit, present)
    while (run := transfer.next_run(100, 5)) is not None:
        transfer.on_acked(run[0], run[1], number=1)
    return transfer


def test_bytes_that_are_asked_for_are_sent_again_and_complete_the_file_again() -> None:
    transfer = sent()
    assert transfer.is_complete
    transfer.send_again([(100, 200), (900, 1_000)], number=2)
    assert (transfer.is_complete, transfer.is_sent, transfer.acked_bytes) == (False, True, 800)
    assert transfer.next_run(100, 5) == (100, 100, True)
    assert transfer.next_run(100, 5) == (900, 100, True)
    assert transfer.next_run(100, 5) is None
    transfer.on_acked(100, 100, number=2)
    transfer.on_acked(900, 100, number=3)
    assert transfer.is_complete


def test_a_late_word_about_the_first_packets_does_not_count_for_what_was_asked_for_since() -> None:
    transfer = SendTransfer(7, 300, BIG)
    transfer.next_run(100, 3)  # packet 1, which arrives; the question overtakes its ACK
    transfer.send_again([(100, 200)], number=2)
    transfer.on_acked(0, 300, number=1)
    assert transfer.acked_bytes == 200
    assert transfer.next_run(100, 3) == (100, 100, True)  # packet 2
    transfer.on_lost(0, 300, number=1)
    assert not transfer.has_work
    transfer.on_lost(100, 100, number=2)
    assert transfer.next_run(100, 3) == (100, 100, True)  # packet 3
    transfer.on_acked(100, 100, number=3)
    assert transfer.is_complete


def test_bytes_that_were_never_sent_are_asked_for_in_vain_and_go_out_in_their_turn() -> None:
    transfer = SendTransfer(7, 1_000, BIG)
    transfer.next_run(100, 3)
    transfer.send_again([(200, 500), (900, 5_000), (6_000, 7_000)], number=2)
    assert transfer.next_run(100, 9) == (200, 100, True)
    assert transfer.next_run(100, 9) == (300, 700, False)
    assert not transfer.has_work


def test_bytes_that_were_present_and_are_not_any_more_are_sent() -> None:
    transfer = SendTransfer(7, 1_000, BIG, present=[(0, 400), (600, 1_000)])
    assert transfer.next_run(100, 9) == (400, 200, False)
    transfer.send_again([(100, 200), (700, 800)], number=2)
    assert transfer.next_run(100, 9) == (100, 100, True)
    assert transfer.next_run(100, 9) == (700, 100, True)
    for offset, length in ((400, 200), (100, 100), (700, 100)):
        transfer.on_acked(offset, length, number=3)
    assert transfer.is_complete


def test_what_is_asked_for_beyond_the_limit_waits_for_credit() -> None:
    transfer = SendTransfer(7, 1_000, limit=200, present=[(0, 1_000)])
    assert (transfer.is_complete, transfer.is_sent) == (True, True)
    transfer.send_again([(100, 150), (500, 600)], number=1)
    assert transfer.next_run(100, 9) == (100, 50, True)
    assert transfer.next_run(100, 9) is None
    transfer.raise_limit(550)
    assert transfer.next_run(100, 9) == (500, 50, False)
    assert transfer.next_run(100, 9) is None
    transfer.raise_limit(1_000)
    assert transfer.next_run(100, 9) == (550, 50, False)
    assert transfer.is_sent


def test_more_pieces_than_anybody_has_are_taken_for_the_whole_file() -> None:
    size = 4 * MAX_TRANSFER_RUNS * GRAIN
    transfer = SendTransfer(7, size, BIG, present=[(0, size)])
    for start in range(0, size, size // 8):
        transfer.send_again([(at, at + 1) for at in range(start, start + size // 8, 2 * GRAIN)], number=start + 2)
    assert transfer.acked_bytes == 0
    assert transfer.next_run(size, 1) == (0, size, True)


def test_a_few_pieces_are_sent_again_to_the_byte_and_many_in_whole_grains() -> None:
    size = (2 * EXACT_RUNS + 3) * GRAIN + 5
    transfer = sent(size)
    pieces = [(at + 7, at + 8) for at in range(0, 2 * EXACT_RUNS * GRAIN, 2 * GRAIN)]
    transfer.send_again(pieces[::-1], number=2)
    assert transfer.acked_bytes == size - EXACT_RUNS
    transfer.send_again([(size - 1, size)], number=3)
    assert transfer.acked_bytes == size - EXACT_RUNS - 5
    transfer.send_again(pieces[::-1], number=4)
    assert transfer.acked_bytes == size - EXACT_RUNS * GRAIN - 5
    while (run := transfer.next_run(GRAIN, 1)) is not None:
        transfer.on_acked(run[0], run[1], number=5)
    assert transfer.is_complete


def test_a_question_of_many_pieces_costs_no_more_after_many_questions() -> None:
    """Whoever asks for single bytes of a file, each by itself, and then for many at once, stops nobody else."""
    count, size = 500, 1_000 * GRAIN
    question = [(start, start + 1) for start in range(0, size, 2 * GRAIN)]
    fresh, worn = sent(size), sent(size)
    for number in range(count):
        worn.send_again([(number * GRAIN * 2 + 50, number * GRAIN * 2 + 51)], number=number + 2)
    before = calls(lambda: fresh.send_again(question, number=count + 2))
    assert calls(lambda: worn.send_again(question, number=count + 2)) <= 2 * before


@pytest.mark.parametrize("what", ["on_acked", "on_lost"])
def test_a_late_word_about_bytes_that_were_asked_for_in_crumbs_is_cheap(what: str) -> None:
    size = 16 * GRAIN
    transfer = sent(size)
    for number in range(2, 22):
        transfer.send_again([(0, size)], number)
        assert transfer.next_run(size, 1) == (0, size, True)
    transfer.send_again([(at, at + 1) for at in range(0, size, 8)], number=22)
    report = getattr(transfer, what)
    work = calls(lambda: [report(0, size, number) for number in range(2, 22)])
    assert work <= 20 * 16 * 20, "20 packets, 16 grains"


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
        self.ever: set[int] = set()  # sent at least once
        self.passed: set[int] = set()  # was present and is asked for: its place in the order may have passed
        self.since = dict.fromkeys(range(size), 0)  # number of the first packet that tells of a byte
        self.number = 1
        self.flying: list[tuple[int, range]] = []  # number, bytes
        self.forgotten: list[tuple[int, range]] = []  # declared lost; may arrive all the same

    def send(self, chunk: int, max_chunks: int) -> bool:
        lost = (
            set(range(self.size)) - self.fresh - self.done - {n for packet in self.flying for n in self.told(*packet)}
        )
        assert self.transfer.has_work == bool(lost or {n for n in self.fresh if n < self.limit})
        run = self.transfer.next_run(chunk, max_chunks)
        if run is None:
            return False
        offset, length, again = run
        sent = range(offset, offset + length)
        assert 1 <= length <= chunk * max_chunks
        assert set(sent) <= (lost | self.passed if again else self.fresh)
        assert again or offset + length <= self.limit
        self.fresh.difference_update(sent)
        self.ever.update(sent)
        self.flying.append((self.number, sent))
        self.number += 1
        return True

    def told(self, number: int, run: range) -> set[int]:
        return {n for n in run if self.since[n] <= number}

    def acknowledge(self, number: int, run: range) -> None:
        self.transfer.on_acked(run.start, len(run), number)
        told = self.told(number, run)
        self.done |= told
        self.since.update(dict.fromkeys(told, 0))

    def lose(self, number: int, run: range) -> None:
        self.transfer.on_lost(run.start, len(run), number)
        self.forgotten.append((number, run))

    def ask(self, start: int, stop: int) -> None:
        self.transfer.send_again([(start, stop)], self.number)
        asked = set(range(start, min(stop, self.size))) - self.fresh
        self.done -= asked
        self.fresh |= asked - self.ever
        self.passed |= asked - self.ever
        self.since.update(dict.fromkeys(asked & self.ever, self.number))

    def raise_limit(self, limit: int) -> None:
        self.transfer.raise_limit(limit)
        self.limit = max(self.limit, limit)


STEP = st.tuples(
    st.sampled_from(["send", "acked", "lost", "late", "limit", "ask"]), st.integers(0, 20), st.integers(1, 4)
)


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
        elif what == "ask":
            link.ask(5 * which, 5 * which + 3 * chunks)
        elif what == "late" and link.forgotten:
            link.acknowledge(*link.forgotten[which % len(link.forgotten)])
        elif what == "acked" and link.flying:
            link.acknowledge(*link.flying.pop(which % len(link.flying)))
        elif what == "lost" and link.flying:
            link.lose(*link.flying.pop(which % len(link.flying)))
        assert link.transfer.acked_bytes == len(link.done)
    link.raise_limit(size)
    while link.send(chunk, 4):
        pass
    for number, run in link.flying:
        link.acknowledge(number, run)
    assert link.transfer.is_complete

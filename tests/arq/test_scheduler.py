"""Several transfers of one connection: fairness, weights, rates."""

from __future__ import annotations

import pytest

from udpchat.arq.scheduler import TransferScheduler
from udpchat.arq.schemes import GoBackTransfer
from udpchat.arq.sender import SendTransfer
from udpchat.config import MAX_BURST, MILLISECOND, SECOND
from udpchat.errors import UsageError

BIG = 10**12


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
        run = scheduler.next_run(chunk, max_chunks, 0)
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
        run = scheduler.next_run(1_000, 60, 0)
        assert run is not None
        assert run[0] is busy
    waiting.raise_limit(BIG)  # has saved nothing up
    served = [run[0] for _ in range(20) if (run := scheduler.next_run(1_000, 60, 0)) is not None]
    assert 9 <= served.count(waiting) <= 11


def test_a_run_is_told_with_its_transfer() -> None:
    transfer = SendTransfer(5, 300, BIG)
    scheduler = scheduler_of(transfer)
    assert scheduler.has_work
    assert scheduler.next_run(100, 2, 0) == (transfer, 0, 200, False)
    transfer.on_lost(0, 100)
    assert scheduler.next_run(100, 2, 0) == (transfer, 0, 100, True)
    assert scheduler.next_run(100, 2, 0) == (transfer, 200, 100, False)
    assert scheduler.next_run(100, 2, 0) is None
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
    assert scheduler.next_run(100, 1, 0) == (second, 0, 10, False)
    assert scheduler.next_run(100, 1, 0) is None
    assert TransferScheduler().next_run(100, 1, 0) is None


# -- weights -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("max_chunks", [1, 7, 45])
def test_a_transfer_gets_by_its_weight(max_chunks: int) -> None:
    scheduler, weights = scheduler_of(*(SendTransfer(number, BIG, BIG) for number in range(4))), [1, 4, 4, 16]
    for number, weight in enumerate(weights):
        scheduler.set_pace(number, 0, weight)
    sent = [0] * 4
    while sum(sent) < 200 * MAX_BURST:
        run = scheduler.next_run(1_420, max_chunks, 0)
        assert run is not None
        sent[run[0].transfer_id] += run[2]
    for size, weight in zip(sent, weights, strict=True):
        assert abs(size / sum(sent) - weight / 25) <= 0.02


def test_the_least_weight_alone_gets_everything() -> None:
    light, heavy = SendTransfer(1, BIG, BIG), SendTransfer(2, BIG, 0)
    scheduler = scheduler_of(light, heavy)
    scheduler.set_pace(1, 0, 1)
    scheduler.set_pace(2, 0, 16)
    assert all(run[0] is light for _ in range(50) if (run := scheduler.next_run(1_420, 46, 0)) is not None)
    assert light.sent_bytes == 50 * 46 * 1_420


# -- rates -------------------------------------------------------------------------------------------------------------


def drive(scheduler: TransferScheduler, stop: int, rate: int) -> dict[int, int]:
    """What each transfer sends until a time, on a line that takes rate bytes per second [bytes by id]."""
    sent: dict[int, int] = {}
    now = 0
    while now < stop:
        run = scheduler.next_run(1_420, 5, now)
        if run is not None:
            sent[run[0].transfer_id] = sent.get(run[0].transfer_id, 0) + run[2]
            now += run[2] * SECOND // rate
            continue
        deadline = scheduler.next_timeout()
        if deadline is None:
            break
        assert deadline > now
        now = deadline
    return sent


def test_a_transfer_with_a_rate_leaves_the_rest_of_the_line_to_others() -> None:
    scheduler = scheduler_of(SendTransfer(1, BIG, BIG), SendTransfer(2, BIG, BIG))
    scheduler.set_pace(1, 2_500_000, 4)
    sent = drive(scheduler, 4 * SECOND, 12_500_000)
    assert abs(sent[1] - 4 * 2_500_000) <= 4 * 50_000
    assert abs(sent[2] - 4 * 10_000_000) <= 4 * 200_000


def test_a_rate_above_the_share_gives_no_more_than_the_share() -> None:
    scheduler = scheduler_of(SendTransfer(1, BIG, BIG), SendTransfer(2, BIG, BIG))
    scheduler.set_pace(1, 100_000_000, 4)
    sent = drive(scheduler, SECOND, 12_500_000)
    assert 0.45 <= sent[1] / (sent[1] + sent[2]) <= 0.55


def test_bytes_that_are_sent_again_count_against_the_rate() -> None:
    transfer = SendTransfer(1, BIG, BIG)
    scheduler = scheduler_of(transfer)
    scheduler.set_pace(1, 1_000_000, 4)
    sent, now = 0, 0
    while now < 2 * SECOND:
        run = scheduler.next_run(1_420, 5, now)
        if run is None:
            deadline = scheduler.next_timeout()
            assert deadline is not None
            now = deadline
            continue
        _, offset, length, _ = run
        transfer.on_lost(offset, min(length, 1_420))
        sent += length
    assert transfer.retransmitted_bytes > sent // 10
    assert abs(sent - 2_000_000) <= 40_000


def test_a_rate_can_be_changed_and_taken_away() -> None:
    transfer = SendTransfer(1, BIG, BIG)
    scheduler = scheduler_of(transfer)
    scheduler.set_pace(1, 10_000, 4)
    assert drive(scheduler, SECOND, 12_500_000)[1] <= 15_000
    scheduler.set_pace(1, 0, 4)
    assert scheduler.next_timeout() is None
    assert drive(scheduler, SECOND, 12_500_000)[1] >= 12_000_000


def test_nobody_wakes_up_for_a_transfer_with_a_rate_that_has_nothing_to_send() -> None:
    transfer = SendTransfer(1, BIG, 14_200)
    scheduler = scheduler_of(transfer)
    scheduler.set_pace(1, 100_000, 4)
    assert drive(scheduler, 10 * SECOND, 12_500_000) == {1: 14_200}
    assert scheduler.next_timeout() is None


def test_a_turn_without_a_run_ends_the_round() -> None:
    transfer = GoBackTransfer(1, 1_000, BIG)
    transfer.next_run(100, 10)
    transfer.on_lost(500, 100)
    transfer.on_acked(500, 500)  # a probe brought the rest: it seems to have work, and has none
    assert scheduler_of(transfer).next_run(100, 5, 0) is None


def test_a_pace_that_makes_no_sense_is_refused_and_that_of_a_stranger_ignored() -> None:
    scheduler = scheduler_of(SendTransfer(1, BIG, BIG))
    for rate, weight in ((-1, 4), (0, 0)):
        with pytest.raises(UsageError):
            scheduler.set_pace(1, rate, weight)
    scheduler.set_pace(2, 1_000, 4)
    assert scheduler.next_run(100, 5, 0) is not None
    assert scheduler.next_timeout() is None


def test_the_same_questions_get_the_same_answers() -> None:
    def play() -> list[tuple[int, int, int] | None]:
        scheduler = scheduler_of(*(SendTransfer(number, BIG, BIG) for number in range(3)))
        scheduler.set_pace(0, 1_000_000, 1)
        scheduler.set_pace(2, 300_000, 16)
        answers: list[tuple[int, int, int] | None] = []
        for step in range(500):
            run = scheduler.next_run(1_420, 1 + step % 9, step * MILLISECOND)
            answers.append(None if run is None else (run[0].transfer_id, run[1], run[2]))
        return answers

    assert play() == play()

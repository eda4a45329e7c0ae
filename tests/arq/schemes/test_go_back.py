"""Go-Back-N as offsets in and offsets out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpchat.arq.schemes import GoBackTransfer
from udpchat.errors import UsageError

BIG = 10**12
CHUNK = 100


def sending(size: int = 1_000, sent: int = 10, present: tuple[tuple[int, int], ...] = ()) -> GoBackTransfer:
    """A transfer that has sent so many chunks."""
    transfer = GoBackTransfer(7, size, BIG, present)
    for _ in range(sent):
        transfer.next_run(CHUNK, 1)
    return transfer


def rest(transfer: GoBackTransfer, chunks: int = 99) -> list[tuple[int, int, bool]]:
    """All that it sends now, in runs."""
    runs = []
    while (run := transfer.next_run(CHUNK, chunks)) is not None:
        runs.append(run)
    return runs


def test_without_a_loss_bytes_go_out_once_and_in_order() -> None:
    transfer = GoBackTransfer(7, 1_050, BIG)
    assert rest(transfer, 4) == [(0, 400, False), (400, 400, False), (800, 250, False)]
    assert (transfer.sent_bytes, transfer.retransmitted_bytes) == (1_050, 0)
    transfer.on_acked(0, 1_050)
    assert transfer.is_complete


def test_all_that_follows_a_loss_is_sent_again_whatever_arrived_of_it() -> None:
    transfer = sending()
    transfer.on_acked(0, 200)
    transfer.on_acked(300, 400)  # above the gap
    assert transfer.acked_bytes == 200
    assert transfer.on_lost(200, 100)
    assert rest(transfer) == [(200, 800, True)]
    assert (transfer.acked_bytes, transfer.retransmitted_bytes) == (200, 800)


def test_repetitions_end_where_new_bytes_begin() -> None:
    transfer = sending(sent=5)
    transfer.on_lost(300, 100)
    assert rest(transfer) == [(300, 200, True), (500, 500, False)]


def test_the_earliest_of_several_losses_counts() -> None:
    transfer = sending()
    assert transfer.on_lost(400, 100)
    assert transfer.on_lost(100, 100)
    assert not transfer.on_lost(700, 100)  # it is about to be sent again already
    assert transfer.next_run(CHUNK, 2) == (100, 200, True)


def test_a_packet_that_was_acknowledged_otherwise_is_no_loss() -> None:
    transfer = sending()
    transfer.on_acked(0, 600)
    assert not transfer.on_lost(300, 200)
    assert not transfer.has_work


def test_what_arrived_early_counts_when_the_gap_closes_without_a_loss() -> None:
    transfer = sending()
    transfer.on_acked(200, 800)
    assert (transfer.acked_bytes, transfer.is_complete) == (0, False)
    transfer.on_acked(0, 200)
    assert (transfer.acked_bytes, transfer.is_complete) == (1_000, True)


def test_bytes_that_were_present_from_the_start_are_not_sent_after_a_loss_either() -> None:
    transfer = sending(sent=9, present=((400, 500), (950, 9_999)))
    assert transfer.on_lost(300, 100)
    assert rest(transfer) == [(300, 100, True), (500, 450, True)]
    transfer.on_acked(0, 400)
    transfer.on_acked(500, 450)
    assert transfer.is_complete


def test_bytes_that_a_probe_brought_are_passed_over() -> None:
    transfer = sending()
    transfer.on_lost(200, 100)
    transfer.on_acked(200, 300)
    assert rest(transfer) == [(500, 500, True)]


def test_it_goes_back_to_the_first_byte_that_is_asked_for_again() -> None:
    transfer = sending()
    transfer.on_acked(0, 1_000)
    assert transfer.send_again([(300, 400), (700, 800)], number=2)
    assert rest(transfer) == [(300, 100, True), (700, 100, True)]
    assert not transfer.is_complete
    transfer.on_acked(300, 100)
    transfer.on_acked(700, 100)
    assert transfer.is_complete


def test_what_was_present_and_is_asked_for_again_is_sent_and_after_a_loss_once_more() -> None:
    transfer = sending(present=((400, 600), (800, 1_000)))
    transfer.on_acked(0, 400)
    transfer.on_acked(600, 200)
    assert transfer.send_again([(500, 600), (900, 950)], number=2)
    assert rest(transfer) == [(500, 100, True), (900, 50, True)]
    assert transfer.on_lost(500, 100)
    assert rest(transfer) == [(500, 300, True), (900, 50, True)]


def test_what_is_asked_for_beyond_the_limit_waits_for_credit() -> None:
    transfer = GoBackTransfer(7, 1_000, 200, ((0, 1_000),))
    assert transfer.send_again([(100, 150), (500, 600)], number=1)
    assert rest(transfer) == [(100, 50, False)]
    transfer.raise_limit(1_000)
    assert [run[:2] for run in rest(transfer)] == [(500, 100)]


def test_nothing_that_is_asked_for_moves_nothing() -> None:
    transfer = sending()
    assert not transfer.send_again([(5_000, 6_000)], number=2)
    assert not transfer.has_work


@pytest.mark.parametrize(("offset", "length"), [(0, 501), (500, 1), (-1, 2)])
def test_bytes_that_were_never_sent_are_neither_acknowledged_nor_lost(offset: int, length: int) -> None:
    transfer = sending(sent=5)
    transfer.on_lost(100, 100)  # does not lower what was sent
    with pytest.raises(UsageError):
        transfer.on_acked(offset, length)
    with pytest.raises(UsageError):
        transfer.on_lost(offset, length)
    transfer.on_acked(400, 100)


@given(st.data())
def test_every_file_gets_through_whatever_is_lost(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 2_000))
    transfer = GoBackTransfer(7, size, BIG, ((300, 500),))
    for _ in range(200):
        runs = [run for run in (transfer.next_run(CHUNK, data.draw(st.integers(1, 4))) for _ in range(3)) if run]
        for offset, length, _ in runs:
            if data.draw(st.booleans(), label="lost"):
                if transfer.on_lost(offset, length):
                    break  # what follows was sent before that
            else:
                transfer.on_acked(offset, length)
        if not transfer.has_work:
            break
    for offset, length, _ in rest(transfer):
        transfer.on_acked(offset, length)
    assert transfer.acked_bytes == (500 if size > 300 and not transfer.is_complete else size)
    assert transfer.is_complete

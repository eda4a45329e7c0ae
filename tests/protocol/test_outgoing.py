"""The files that a connection sends: what is told of them, once, and what may be asked for again."""

from __future__ import annotations

from collections import deque

import pytest

from udpchat.arq.in_flight import Kind, SentRun
from udpchat.arq.numbers import PacketNumbers
from udpchat.arq.schemes import SELECTIVE_REPEAT, Scheme, make_scheme
from udpchat.errors import RefusedError, UsageError
from udpchat.protocol.events import ConnectionEvent, SourceFailed, TransferAcked, TransferSent
from udpchat.protocol.outgoing import NextRun, OutgoingTransfers

ID = b"conn-id-"
BIG = 10**12


class Nothing:
    """A source whose bytes nobody looks at."""

    def read_into(self, offset: int, view: memoryview) -> int:
        return len(view)


class Sender:
    """Outgoing transfers, with one packet of 1,000 bytes for each run."""

    def __init__(self, max_transfers: int = 2, scheme: Scheme = SELECTIVE_REPEAT) -> None:
        self.events: deque[ConnectionEvent] = deque()
        self.numbers = PacketNumbers(bytes)
        self.transfers = OutgoingTransfers(ID, self.events, self.numbers, max_transfers, scheme)

    def start(self, transfer_id: int, size: int, present: tuple[tuple[int, int], ...] = (), limit: int = BIG) -> None:
        self.transfers.start(transfer_id, size, Nothing(), limit, present)

    def send(self) -> SentRun | None:
        """The next run leaves."""
        run = self.transfers.next_run(1_000, 1, 0)
        if run is None:
            return None
        assert isinstance(run, NextRun)
        self.transfers.on_sent(run.transfer_id)
        number = self.numbers.next_burst(1)
        return SentRun(number, 1, 0, 1_052, 1_052, Kind.DATA, run.transfer_id, run.offset, run.length, 1_000)

    def send_all(self) -> list[SentRun]:
        return list(iter(self.send, None))

    def told(self) -> list[ConnectionEvent]:
        told = list(self.events)
        self.events.clear()
        return told


def test_a_transfer_is_told_sent_once_and_acknowledged_once() -> None:
    sender = Sender()
    sender.start(1, 2_500)
    runs = sender.send_all()
    assert sender.told() == [TransferSent(ID, 1)]
    sender.transfers.on_lost(runs[0])
    again = sender.send_all()
    assert [run.offset for run in again] == [0]
    for run in (*runs[1:], *again):
        assert not sender.transfers.is_idle
        assert sender.told() == []
        sender.transfers.on_acked(run)
    assert sender.told() == [TransferAcked(ID, 1)]
    sender.transfers.on_acked(runs[0])
    assert sender.told() == []
    assert sender.transfers.is_idle


@pytest.mark.parametrize(("size", "present"), [(0, ()), (10, ((0, 10),))])
def test_a_transfer_with_nothing_to_send_is_told_at_once(size: int, present: tuple[tuple[int, int], ...]) -> None:
    sender = Sender()
    sender.start(1, size, present)
    assert sender.told() == [TransferSent(ID, 1), TransferAcked(ID, 1)]
    assert len(sender.transfers) == 0


def test_bytes_that_are_asked_for_after_the_end_are_sent_and_it_ends_again() -> None:
    sender = Sender()
    sender.start(1, 3_000)
    for run in sender.send_all():
        sender.transfers.on_acked(run)
    sender.told()
    assert sender.transfers.send_again(1, ((500, 700), (2_000, 9_000)))
    assert len(sender.transfers) == 1
    runs = sender.send_all()
    assert [(run.offset, run.length) for run in runs] == [(500, 200), (2_000, 1_000)]
    for run in runs:
        assert sender.told() == []
        sender.transfers.on_acked(run)
    assert sender.told() == [TransferAcked(ID, 1)]


def test_the_ack_of_a_packet_from_before_does_not_end_what_was_asked_for_since() -> None:
    sender = Sender()
    sender.start(1, 2_000)
    first, second = sender.send_all()
    sender.transfers.on_acked(first)
    sender.transfers.send_again(1, ((1_000, 2_000),))  # overtakes the ACK of the second
    sender.transfers.on_acked(second)
    assert sender.told() == [TransferSent(ID, 1)]
    (again,) = sender.send_all()
    sender.transfers.on_acked(again)
    assert sender.told() == [TransferAcked(ID, 1)]


def test_asking_for_nothing_or_for_bytes_beyond_the_file_changes_nothing() -> None:
    sender = Sender()
    sender.start(1, 1_000)
    for run in sender.send_all():
        sender.transfers.on_acked(run)
    sender.told()
    for ranges in ((), ((1_000, 5_000),)):
        assert sender.transfers.send_again(1, ranges)
        assert sender.transfers.is_idle
        assert not sender.transfers.has_work()
    assert sender.told() == []


def test_what_is_present_and_lost_later_is_told_acknowledged_again_but_not_sent_again() -> None:
    sender = Sender()
    sender.start(1, 2_000, ((0, 2_000),), limit=0)
    sender.told()
    sender.transfers.send_again(1, ((500, 1_500),))
    assert sender.send() is None
    sender.transfers.raise_limit(1, 2_000)
    (run,) = sender.send_all()
    sender.transfers.on_acked(run)
    assert sender.told() == [TransferAcked(ID, 1)]


def test_a_transfer_that_was_stopped_is_not_sent_again() -> None:
    sender = Sender()
    sender.start(1, 1_000)
    sender.send_all()
    sender.transfers.stop(1)
    assert not sender.transfers.send_again(1, ((0, 1_000),))
    assert not sender.transfers.send_again(9, ((0, 1_000),))
    assert sender.send() is None


def test_transfers_that_ended_leave_room_for_others_and_the_oldest_is_forgotten() -> None:
    sender = Sender(max_transfers=2)
    for number in range(1, 4):
        sender.start(number, 1_000)
        for run in sender.send_all():
            sender.transfers.on_acked(run)
    assert not sender.transfers.send_again(1, ((0, 500),))
    assert sender.transfers.send_again(2, ((0, 500),))
    assert sender.transfers.send_again(3, ((0, 500),))
    assert len(sender.transfers) == 2
    with pytest.raises(RefusedError):
        sender.start(4, 1_000)


def test_an_id_may_be_used_again_when_its_transfer_has_ended() -> None:
    sender = Sender()
    sender.start(1, 1_000)
    with pytest.raises(UsageError):
        sender.start(1, 1_000)
    for run in sender.send_all():
        sender.transfers.on_acked(run)
    sender.start(1, 500)
    (run,) = sender.send_all()
    assert run.length == 500


def test_a_source_that_gives_too_little_ends_its_transfer() -> None:
    sender = Sender()
    sender.start(1, 2_000)
    sender.transfers.on_source_failed(1, 1_000)
    assert sender.told() == [SourceFailed(ID, 1, 1_000)]
    assert sender.transfers.is_idle
    assert sender.send() is None


def test_go_back_n_ignores_all_that_was_in_flight_when_bytes_are_asked_for() -> None:
    sender = Sender(scheme=make_scheme("go-back-n"))
    sender.start(1, 3_000)
    first, second, third = sender.send_all()
    sender.transfers.on_acked(first)
    sender.transfers.send_again(1, ((0, 1_000),))
    for run in (second, third):
        sender.transfers.on_acked(run)
    runs = sender.send_all()
    assert [run.offset for run in runs] == [0, 1_000, 2_000]
    for run in runs:
        sender.transfers.on_acked(run)
    assert sender.told() == [TransferSent(ID, 1), TransferAcked(ID, 1)]


def test_a_pace_of_an_unknown_priority_is_that_of_a_normal_one() -> None:
    sender = Sender()
    sender.start(1, BIG)
    sender.start(2, BIG)
    sender.transfers.set_pace(1, 0, 77)
    runs = [run for _ in range(400) if (run := sender.send()) is not None]
    assert 0.4 <= sum(run.stream == 1 for run in runs) / len(runs) <= 0.6
    sender.transfers.set_pace(9, 0, 1)  # not there any more

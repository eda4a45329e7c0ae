import pytest

from udpchat.config import SECOND
from udpchat.files.events import Phase, Progress
from udpchat.files.local_ports import Direction, Transfer
from udpchat.ui.cli.progress import LONG_SILENCE, Board, Meter, progress_line

MB = 1_000_000


def progress(
    done: int, size: int = 10 * MB, phase: Phase = Phase.RUNNING, *, number: int = 0, name: str = "f", members: int = 0
) -> Progress:
    transfer = Transfer(bytes(16), Direction.UPLOAD, b"", "", name, number=number)
    return Progress(1, name, done, size, transfer, phase, members, members // 2)


def test_a_meter_shows_speed_and_time_left_over_the_last_seconds() -> None:
    meter = Meter()
    assert meter.text(0, 10 * MB, 0) == ""
    assert meter.text(1 * MB, 10 * MB, SECOND) == "1.0 MB/s, 9.00 s left"
    meter.text(2 * MB, 10 * MB, 5 * SECOND)
    assert meter.text(6 * MB, 10 * MB, 6 * SECOND) == "4.0 MB/s, 1.00 s left"  # the slow start has left the window


def test_a_meter_whose_bytes_went_back_begins_anew() -> None:
    meter = Meter()
    meter.text(5 * MB, 10 * MB, 0)
    assert meter.text(3 * MB, 10 * MB, SECOND) == ""
    assert meter.text(4 * MB, 10 * MB, 2 * SECOND) == "1.0 MB/s, 6.00 s left"


@pytest.mark.parametrize(
    ("shown", "line"),
    [
        (progress(0), "f   0% of 10.0 MB"),
        (progress(4_300_000, number=2), "[2] f  43% of 10.0 MB"),
        (progress(5 * MB, members=300), "f  50% of 10.0 MB, 150 of 300 members"),
        (progress(0, 0), "f 100% of 0 B"),
        (progress(0, phase=Phase.QUEUED), "f   0% of 10.0 MB, queued: others go first"),
        (progress(0, phase=Phase.CHECKING), "f   0% of 10.0 MB, checking what is there"),
        (progress(0, phase=Phase.WAITING), "f   0% of 10.0 MB, waiting: the connection is lost"),
        (progress(0, phase=Phase.PAUSED), "f   0% of 10.0 MB, paused"),
        (progress(0, name="a\x1b[2J"), "a<U+001B>[2J   0% of 10.0 MB"),
    ],
)
def test_a_line_says_how_far_and_what_is_waited_for(shown: Progress, line: str) -> None:
    assert progress_line(shown) == line


class Paper:
    """What a person reads: lines, or one that is rewritten."""

    def __init__(self, *, has_status: bool) -> None:
        self.as_json = False
        self.is_interactive = not has_status
        self.shows_status = has_status
        self.lines: list[str] = []

    def show(self, text: str) -> None:
        self.lines.append(text)

    status = emit = log = show


def test_a_person_reads_a_line_a_tenth_and_no_more_than_one_a_second() -> None:
    paper, now = Paper(has_status=False), 0
    board = Board(paper, lambda: now)
    shown = board.begin()
    for tenth in range(100):  # ten seconds, a percent each tenth of one
        now = tenth * SECOND // 10
        shown.show(progress(tenth * MB // 10))
    assert 8 <= len(paper.lines) <= 10
    count = len(paper.lines)
    now += LONG_SILENCE + SECOND
    shown.show(progress(99 * MB // 10))
    assert len(paper.lines) == count + 1


def test_what_an_earlier_run_carried_is_no_speed_of_this_one() -> None:
    paper, now = Paper(has_status=True), 0
    board = Board(paper, lambda: now)
    first, second = board.begin(), board.begin()
    first.show(progress(0, phase=Phase.CHECKING))
    second.show(progress(0, phase=Phase.CHECKING))
    first.show(progress(6 * MB))
    second.show(progress(8 * MB))
    now = SECOND
    second.show(progress(9 * MB))
    assert paper.lines[-1] == "0 of 2 done; 75% of 20.0 MB, 1.0 MB/s, 5.00 s left"


def test_a_transfer_without_a_byte_for_some_time_is_stalled() -> None:
    meter = Meter()
    meter.text(0, 10 * MB, 0)
    for second in range(1, 5):
        assert meter.text(MB, 10 * MB, second * SECOND) != "stalled"
    assert meter.text(MB, 10 * MB, 6 * SECOND) == "stalled"
    assert meter.text(2 * MB, 10 * MB, 7 * SECOND) != "stalled"


def test_a_transfer_that_is_only_to_be_stored_is_not_stalled() -> None:
    meter = Meter()
    for second in range(20):
        assert meter.text(10 * MB, 10 * MB, second * SECOND) == ""


def test_where_nobody_types_a_line_says_that_a_transfer_goes_on() -> None:
    paper = Paper(has_status=True)
    shown = Board(paper, lambda: 0, tells_resumed=True).begin()
    for phase in (Phase.RUNNING, Phase.PAUSED, Phase.PAUSED, Phase.QUEUED, Phase.RUNNING):
        shown.show(progress(0, phase=phase, number=2))
    assert [line for line in paper.lines if line.endswith("goes on")] == ["[2] f goes on"]


def test_waiting_in_the_queue_is_said_once() -> None:
    paper, now = Paper(has_status=False), 0
    board = Board(paper, lambda: now)
    shown = board.begin()
    for second in range(60):
        now = second * SECOND
        shown.show(progress(0, phase=Phase.QUEUED, number=3))
    assert paper.lines == ["  [3] f   0% of 10.0 MB, queued: others go first"]


def test_several_transfers_share_one_line_that_counts_those_that_are_done() -> None:
    paper, now = Paper(has_status=True), 0
    board = Board(paper, lambda: now)
    first, second = board.begin(), board.begin()
    first.show(progress(0))
    first.show(progress(10 * MB))
    first.end()
    now = SECOND
    second.show(progress(5 * MB, name="g"))
    assert paper.lines[-1].startswith("1 of 2 done; 75% of 20.0 MB")

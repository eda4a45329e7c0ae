"""How transfers are shown on their way: a line that is rewritten where that can be, lines now and then elsewhere."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

from udpchat.config import SECOND
from udpchat.files.events import Phase, Progress
from udpchat.ui.cli.objects import event_line
from udpchat.ui.cli.render import duration_text, share_text, size_text, speed_text, visible

LINE_INTERVAL: Final = 1 * SECOND  # between two lines about one transfer, at least
LONG_SILENCE: Final = 10 * SECOND  # after which there is a line even when little was done
LINE_SHARE: Final = 10  # tenths of a file that deserve a line
SPEED_WINDOW: Final = 3 * SECOND  # over which a speed is measured
STALLED: Final = 5 * SECOND  # without a byte, after which that is said


class Meter:
    """The speed of something over its last seconds, and how long it will still take."""

    __slots__ = ("_moved_at", "_samples")

    def __init__(self) -> None:
        self._samples: deque[tuple[int, int]] = deque()  # (now, bytes done)
        self._moved_at = 0  # [us]

    def text(self, done: int, size: int, now: int) -> str:
        """ "11.2 MB/s, 9.00 s left", "stalled" after a while without a byte; empty before that. now: [us]."""
        if self._samples and done < self._samples[-1][1]:  # damaged bytes were given up
            self._samples.clear()
        if not self._samples or done != self._samples[-1][1]:
            self._moved_at = now
        self._samples.append((now, done))
        while self._samples[-1][0] - self._samples[0][0] > SPEED_WINDOW:
            self._samples.popleft()
        since, before = self._samples[0]
        gained, elapsed = done - before, now - since
        if gained <= 0 or elapsed <= 0:
            return "stalled" if now - self._moved_at >= STALLED and done < size else ""
        left = max(size - done, 0) * elapsed // gained
        return f"{speed_text(gained, elapsed)}, {duration_text(left)} left"


@dataclass(slots=True)
class _Amount:
    """Of some transfers: how many, bytes that have arrived, that they have, that moved while they were shown."""

    count: int = 0
    done: int = 0
    size: int = 0
    moved: int = 0

    def add(self, other: _Amount) -> None:
        self.count += other.count
        self.done += other.done
        self.size += other.size
        self.moved += other.moved


class _Row:
    """One transfer as it was shown last."""

    __slots__ = ("_before", "amount", "meter")

    def __init__(self) -> None:
        self.meter = Meter()
        self.amount = _Amount()
        self._before: int | None = None  # bytes that were there when it began to run

    def take(self, progress: Progress) -> None:
        """Something was done."""
        if self._before is None and progress.phase is Phase.RUNNING:
            self._before = progress.done
        moved = progress.done - self._before if self._before is not None else 0
        self.amount = _Amount(0, progress.done, progress.size, moved)


class Outlet(Protocol):
    """Where it is shown; a `Terminal` is one."""

    as_json: bool
    is_interactive: bool
    shows_status: bool

    def show(self, text: str) -> None:
        """A line for people."""
        ...

    def log(self, text: str) -> None:
        """A line for people beside whatever stdout carries."""
        ...

    def status(self, text: str) -> None:
        """A line that the next one replaces."""
        ...

    def emit(self, line: str) -> None:
        """A JSON object."""
        ...


class Board:
    """The transfers of one command or session that somebody waits for. Shows each, or all in one line.

    tells_resumed: a line says that one goes on which rested; where nobody types, another program has let it.
    """

    def __init__(
        self, terminal: Outlet, clock: Callable[[], int] | None = None, *, tells_resumed: bool = False
    ) -> None:
        """clock: monotonic [us]."""
        self._terminal = terminal
        self._tells_resumed = tells_resumed
        self._clock = clock or _now
        self._rows: dict[int, _Row] = {}  # of those that run, by the number of `begin`
        self._all = Meter()
        self._begun = 0
        self._ended = _Amount()

    def begin(self) -> Shown:
        """Another transfer begins."""
        self._begun += 1
        return Shown(self, self._begun)

    def show(self, number: int, progress: Progress) -> str:
        """Something was done on a transfer; its line."""
        now = self._clock()
        row = self._rows.setdefault(number, _Row())
        row.take(progress)
        speed = row.meter.text(progress.done, progress.size, now) if progress.phase is Phase.RUNNING else ""
        line = progress_line(progress, speed)
        if self._terminal.shows_status:
            self._terminal.status(line if self._begun == 1 else self._summary(now))
        return line

    def end(self, number: int) -> None:
        """A transfer has ended."""
        self._ended.count += 1
        if (row := self._rows.pop(number, None)) is not None:
            self._ended.add(row.amount)

    def write(self, text: str) -> None:
        """A line about one of them, where lines are written."""
        self._terminal.show(text)

    def tell_resumed(self, progress: Progress) -> None:
        """One that rested does so no more."""
        if self._tells_resumed:
            self._terminal.log(f"[{progress.transfer.number}] {visible(progress.file_name)} goes on")

    @property
    def writes_lines(self) -> bool:
        """A person reads here, and no line is rewritten."""
        return self._terminal.is_interactive and not self._terminal.shows_status

    def emit(self, progress: Progress) -> bool:
        """The object for programs; whether that was all that is to be done."""
        if self._terminal.as_json:
            self._terminal.emit(event_line(progress))
        return self._terminal.as_json

    def now(self) -> int:
        """Monotonic time [us]."""
        return self._clock()

    def _summary(self, now: int) -> str:
        total = replace(self._ended)
        for row in self._rows.values():
            total.add(row.amount)
        # What earlier runs have carried is no speed of this one.
        speed = self._all.text(total.moved, total.moved + total.size - total.done, now)
        how = f"{share_text(total.done, total.size)} of {size_text(total.size)}{f', {speed}' if speed else ''}"
        return f"{total.count} of {self._begun} done; {how}"


class Shown:
    """One transfer on a board."""

    def __init__(self, board: Board, number: int) -> None:
        self._board = board
        self._number = number
        self._told_at = board.now()
        self._next_share = 0
        self._has_queued = False
        self._rests = False

    def show(self, progress: Progress) -> None:
        """Something was done."""
        if self._board.emit(progress):
            return
        was_resting, self._rests = self._rests, progress.phase is Phase.PAUSED
        if was_resting and not self._rests:
            self._board.tell_resumed(progress)
        line = self._board.show(self._number, progress)
        now = self._board.now()
        if self._board.writes_lines and self._is_worth_a_line(progress, now):
            self._told_at = now
            self._next_share = LINE_SHARE * progress.done // max(progress.size, 1) + 1
            self._board.write(f"  {line}")

    def end(self) -> None:
        """It has ended."""
        self._board.end(self._number)

    def _is_worth_a_line(self, progress: Progress, now: int) -> bool:
        if progress.phase is Phase.QUEUED:  # said once: nothing happens until others are done
            is_news, self._has_queued = not self._has_queued, True
            return is_news
        if progress.phase in (Phase.PAUSED, Phase.WAITING):  # said when it began
            return False
        silence = now - self._told_at
        if silence < LINE_INTERVAL:
            return False
        return silence >= LONG_SILENCE or LINE_SHARE * progress.done >= self._next_share * progress.size


def progress_line(progress: Progress, speed: str = "") -> str:
    """How far a transfer is: "[2] plan.pdf 43% of 1.2 GB, 12 of 300 members, 11.2 MB/s, 58 s left"."""
    number = f"[{progress.transfer.number}] " if progress.transfer.number else ""
    share = f"{share_text(progress.done, progress.size):>4} of {size_text(progress.size)}"
    members = f"{progress.members_done} of {progress.members} members" if progress.members else ""
    how = phase_text(progress)
    parts = [f"{number}{visible(progress.file_name)} {share}", members, speed, how]
    return ", ".join(part for part in parts if part)


def phase_text(progress: Progress) -> str:
    """What a transfer waits for; empty while it runs."""
    match progress.phase:
        case Phase.QUEUED:
            return "queued: others go first"
        case Phase.CHECKING:
            return "checking what is there"
        case Phase.WAITING if progress.transfer.is_elsewhere:
            return "another program of yours is at it"
        case Phase.WAITING:
            return "waiting: the connection is lost"
        case Phase.PAUSED:
            return "paused"
        case _:
            return ""


def _now() -> int:
    return time.monotonic_ns() // 1_000

"""What became of our own lines: sent, stored at the server, delivered to all, read."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from udpchat.chat.events import Answered, ReceiptCame
from udpchat.protocol.members import fold
from udpchat.ui.cli.render import clock_time, visible
from udpchat.wire.numbers import ReceiptState

KEPT: Final = 100  # of the newest lines
SHOWN: Final = 10  # by /status
MAX_PLACES: Final = 512  # rooms and people whose receipts are remembered
EXCERPT: Final = 40  # characters of a line that a receipt repeats


class Mark(IntEnum):
    """How far a line has come."""

    SENT = 0  # on its way, or kept until the connection is back
    STORED = 1
    DELIVERED = 2
    READ = 3
    REFUSED = 4


@dataclass(slots=True)
class OwnLine:
    """A line we said. room: empty when it is private, for `nick`. waits: the recipient was not here."""

    text: str
    room: str
    nick: str
    mark: Mark = Mark.SENT
    sequence: int = 0
    sent_at: int = 0
    waits: bool = False

    @property
    def excerpt(self) -> str:
        """Its beginning."""
        shown = visible(self.text)
        return shown if len(shown) <= EXCERPT else f"{shown[: EXCERPT - 3]}..."


class OwnLines:
    """The newest lines we said. A receipt may be heard of before the answer: then it counts when that comes."""

    def __init__(self) -> None:
        self._lines: deque[OwnLine] = deque(maxlen=KEPT)
        self._reached: dict[tuple[bool, str], dict[Mark, int]] = {}  # (is a room, folded name) -> sequences

    def add(self, text: str, *, room: str = "", nick: str = "") -> OwnLine:
        """A line is sent."""
        line = OwnLine(text, room, nick)
        self._lines.append(line)
        return line

    def on_stored(self, line: OwnLine, answered: Answered) -> None:
        """The server has a line."""
        line.sequence, line.sent_at, line.waits = answered.sequence, answered.sent_at, answered.waits
        line.mark = Mark.STORED
        reached = self._reached.get(_place(line), {})
        for mark in (Mark.DELIVERED, Mark.READ):
            if 0 < line.sequence <= reached.get(mark, 0):
                line.mark = mark

    def on_refused(self, line: OwnLine) -> None:
        """The server does not want a line, or nobody will send it any more."""
        line.mark = Mark.REFUSED

    def on_receipt(self, receipt: ReceiptCame) -> list[OwnLine]:
        """Lines have come further; those of which that is news, oldest first."""
        mark = Mark.READ if receipt.state is ReceiptState.READ else Mark.DELIVERED
        place = (bool(receipt.room), fold(receipt.room or receipt.nick))
        self._remember(place, mark, receipt.sequence)
        news = [
            line
            for line in self._lines
            if Mark.STORED <= line.mark < mark and line.sequence <= receipt.sequence and _place(line) == place
        ]
        for line in news:
            line.mark = mark
        return news

    def status(self) -> list[OwnLine]:
        """The newest lines, oldest first."""
        return list(self._lines)[-SHOWN:]

    def _remember(self, place: tuple[bool, str], mark: Mark, sequence: int) -> None:
        reached = self._reached.pop(place, {})
        reached[mark] = max(reached.get(mark, 0), sequence)
        self._reached[place] = reached
        while len(self._reached) > MAX_PLACES:
            del self._reached[next(iter(self._reached))]


def status_table(lines: list[OwnLine]) -> list[str]:
    """How far lines have come, one each."""
    return [_status(line) for line in lines] or ["you have said nothing yet"]


def news_text(line: OwnLine) -> str:
    """A private line was delivered late, or read."""
    how = "has read" if line.mark is Mark.READ else "has got"
    return f"{visible(line.nick)} {how}: {line.excerpt}"


def _status(line: OwnLine) -> str:
    mark = "waits" if line.mark is Mark.STORED and line.waits else line.mark.name.lower()
    at = clock_time(line.sent_at) if line.sent_at else "        "
    where = f"#{visible(line.room)}" if line.room else f"@{visible(line.nick)}"
    return f"{mark:<9}  {at}  {where}  {line.excerpt}"


def _place(line: OwnLine) -> tuple[bool, str]:
    return bool(line.room), fold(line.room or line.nick)

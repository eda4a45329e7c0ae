"""What was said in a room, when, and in which order everybody must hear it. Times are microseconds of one clock."""

from __future__ import annotations

import time
from array import array
from dataclasses import dataclass, field

NEVER = 1 << 62  # a deadline that does not come
TEXT_SIZE = 60  # bytes of a line
NUMBER_SIZE = 8  # digits that begin it: its number
FILLING = "x"


def clock() -> int:
    """Now: the clock of speakers and listeners, who are in one process."""
    return time.monotonic_ns() // 1_000


class RoomError(Exception):
    """The server ended a session, refused what was asked, or lost, repeated or reordered a line."""


def text_of(number: int) -> str:
    """The text of a line."""
    return f"{number:0{NUMBER_SIZE}d} ".ljust(TEXT_SIZE, FILLING)


def number_of(text: str) -> int:
    """Which line a text is. RoomError when it is none of ours."""
    digits = text[:NUMBER_SIZE]
    if not digits.isdecimal() or text != text_of(int(digits)):
        raise RoomError(f"nobody said {text!r}")
    return int(digits)


def times() -> array[int]:
    """No times yet."""
    return array("q")


@dataclass(slots=True)
class Place:
    """A line at its place in the order. sequence: the server's. raw: its bytes, once somebody has read them as such."""

    number: int
    sequence: int
    said_at: int
    raw: bytes = b""


@dataclass(slots=True)
class Order:
    """The lines said, and the order in which the first who heard them heard them: all others must hear the same.

    said_at, speakers: by number of a line. delays: from the call of the speaker to the ear of a recipient; those of
    members without a short cut are in full_delays.
    """

    said_at: array[int] = field(default_factory=times)
    speakers: array[int] = field(default_factory=times)
    places: list[Place] = field(default_factory=list)
    delays: array[int] = field(default_factory=times)
    full_delays: array[int] = field(default_factory=times)
    _settled: set[int] = field(default_factory=set)

    @property
    def said(self) -> int:
        """Lines so far."""
        return len(self.said_at)

    def say(self, speaker: int, now: int) -> str:
        """The next line, which this one says now."""
        self.said_at.append(now)
        self.speakers.append(speaker)
        return text_of(self.said - 1)

    def check(self, at: int, text: str, sequence: int, raw: bytes = b"") -> Place:
        """Somebody hears this as the line at that place. RoomError when it belongs elsewhere."""
        if at == len(self.places):
            return self._settle(text, sequence, raw)
        place = self.places[at]
        if (place.number, place.sequence) != (number_of(text), sequence) or (raw and place.raw):
            raise RoomError(f"line {at} is {text!r} ({sequence}) for one and {place} for another")
        place.raw = raw
        return place

    def _settle(self, text: str, sequence: int, raw: bytes) -> Place:
        number = number_of(text)
        if number >= self.said or number in self._settled:
            raise RoomError(f"line {number} was heard twice, or before it was said")
        if self.places and sequence <= self.places[-1].sequence:
            raise RoomError(f"line {number} has sequence {sequence}, after {self.places[-1].sequence}")
        self._settled.add(number)
        self.places.append(Place(number, sequence, self.said_at[number], raw))
        return self.places[-1]

    def is_late(self, limit: int) -> bool:
        """What was heard last took longer than that."""
        return any(delay > limit for delay in (*self.delays[-1:], *self.full_delays[-1:]))

    def forget_delays(self) -> None:
        """The figures begin now."""
        del self.delays[:], self.full_delays[:]

"""All who are in a room, run by one thread: who speaks when, who hears, and whose timer has ended."""

from __future__ import annotations

import select
from collections.abc import Sequence
from heapq import heappop, heappush
from socket import socket
from typing import Protocol

from tests.benchmarks.room_order import NEVER, Order, RoomError, clock
from udpchat.config import MILLISECOND, SECOND

JOINING_AT_ONCE = 16
JOINING = 120 * SECOND  # for all together, and
JOINING_EACH = 50 * MILLISECOND  # more for each: thousands wait for one another
LATE = 3 * SECOND  # a line that takes longer ends the talk: that is far more than the server can do
CATCHING_UP = 120 * SECOND  # until all have heard all
LOOK = 10 * MILLISECOND  # between two looks at whether they have


class Person(Protocol):
    """A client on a socket of its own. deadline: when to call `wake`. reads: calls that brought something."""

    number: int
    deadline: int
    reads: int
    is_in: bool
    socket: socket

    @property
    def heard(self) -> int:
        """Lines so far, its own included."""

    def say(self) -> None:
        """Say the next line."""

    def hear(self) -> None:
        """The socket is readable."""

    def wake(self) -> None:
        """The deadline has passed; for the first time: come in."""

    def leave(self) -> None:
        """Go, and give the socket back."""


class Crowd:
    """Runs people; each one's number is its place among them."""

    def __init__(self, people: Sequence[Person], order: Order) -> None:
        self.people = people
        self._order = order
        self._poll = select.epoll()
        self._by_file: dict[int, Person] = {}
        self._heap: list[tuple[int, int]] = []  # deadline, number
        self._scheduled = [NEVER] * len(people)

    @property
    def reads(self) -> int:
        """Calls that brought something to anybody."""
        return sum(person.reads for person in self.people)

    def enter(self) -> None:
        """Let all come in, a few at a time. RoomError when that takes too long."""
        end = clock() + JOINING + JOINING_EACH * len(self.people)
        joining: list[Person] = []
        for person in self.people:
            while len(joining) >= JOINING_AT_ONCE:
                joining = self._wait_for(joining, end)
            self._poll.register(person.socket, select.EPOLLIN)
            self._by_file[person.socket.fileno()] = person
            person.wake()
            self._schedule(person)
            joining.append(person)
        while joining:
            joining = self._wait_for(joining, end)

    def _wait_for(self, joining: list[Person], end: int) -> list[Person]:
        self._turn(min(clock() + LOOK, end))
        joining = [person for person in joining if not person.is_in]
        if joining and clock() >= end:
            raise RoomError(f"member {joining[0].number} of {len(self.people)} could not come in")
        return joining

    def talk(self, speakers: int, rate: float, seconds: float) -> tuple[int, int]:
        """The first so many take turns to say `rate` lines a second; how many they said, and in how long [us].

        It ends early when lines take very long.
        """
        began = now = clock()
        end, said, interval = began + int(seconds * SECOND), 0, SECOND / rate
        while now < end and not self._order.is_late(LATE):
            while began + said * interval <= now:
                person = self.people[said % speakers]
                person.say()
                self._schedule(person)
                said += 1
            self._turn(min(end, began + int(said * interval)))
            now = clock()
        return said, now - began

    def catch_up(self) -> None:
        """Wait until everybody has heard all that was said. RoomError when somebody does not."""
        end, said = clock() + CATCHING_UP, self._order.said
        while behind := [person for person in self.people if person.heard < said]:
            if clock() >= end:
                missing = sum(said - person.heard for person in behind)
                raise RoomError(f"{missing} deliveries are missing, at {len(behind)} of {len(self.people)}")
            self._turn(clock() + LOOK)

    def rest(self, duration: int) -> None:
        """Nobody speaks for so long [us]."""
        end = clock() + duration
        while clock() < end:
            self._turn(end)

    def leave(self) -> None:
        """All go home."""
        for person in self.people:
            person.leave()
        self._poll.close()

    def _turn(self, until: int) -> None:
        """Wait for what comes next, but not beyond `until`, and act on it."""
        heap, scheduled = self._heap, self._scheduled
        due = min(heap[0][0], until) if heap else until
        for file, _ in self._poll.poll(max(0.0, (due - clock()) / SECOND)):
            person = self._by_file[file]
            person.hear()
            self._schedule(person)
        now = clock()
        while heap and heap[0][0] <= now:
            deadline, number = heappop(heap)
            if scheduled[number] == deadline:
                scheduled[number] = NEVER
                person = self.people[number]
                if person.deadline <= now:
                    person.wake()
                self._schedule(person)

    def _schedule(self, person: Person) -> None:
        # A later deadline is left to the wake-up that is there already: most move on with every packet.
        if person.deadline < self._scheduled[person.number]:
            self._scheduled[person.number] = person.deadline
            heappush(self._heap, (person.deadline, person.number))

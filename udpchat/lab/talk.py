"""Chat beside the files: everybody present says numbered lines at a steady pace; when are they heard?"""

from __future__ import annotations

from udpchat.chat.events import LineSaid
from udpchat.config import SECOND
from udpchat.lab.world import End, World, client


class Talk:
    """Lines said until `stop`. rate: lines a second of each of the people."""

    def __init__(self, world: World, people: list[End], rate: float) -> None:
        self.sent = 0
        self.delays: list[int] = []  # from the sender's call to the recipient's event [us], in the order of arrival
        self.disorder = 0  # lines that came twice or out of order
        self._world = world
        self._people = people
        self._interval = SECOND / rate
        self._begun = world.network.now
        self._said_at: dict[str, int] = {}
        self._heard: dict[tuple[int, str], int] = {}  # by listener and speaker: the number of the last line
        self._is_over = False
        world.listeners.append(self._on_event)
        for number, person in enumerate(people):
            self._plan(number, person, 0)

    def stop(self) -> None:
        """Nobody says more."""
        self._is_over = True

    @property
    def expected(self) -> int:
        """Deliveries that the lines said so far must make: to everybody but the speaker."""
        return self.sent * (len(self._people) - 1)

    @property
    def is_heard(self) -> bool:
        """Everybody has heard everything that was said."""
        return len(self.delays) >= self.expected

    def _plan(self, number: int, person: End, count: int) -> None:
        # The speakers take turns within an interval.
        at = self._begun + round((count + number / len(self._people)) * self._interval)
        self._world.network.call_at(at, lambda: self._say(number, person, count))

    def _say(self, number: int, person: End, count: int) -> None:
        if self._is_over or not is_talking(person):
            return
        text = f"line {count + 1} of {self._world.nicks[person.address]}"
        client(person).chat.say(text)
        self.sent += 1
        self._said_at[text] = self._world.network.now
        self._plan(number, person, count + 1)

    def _on_event(self, end: End, event: object, now: int) -> None:
        if not isinstance(event, LineSaid) or event.text not in self._said_at or end not in self._people:
            return
        if event.sender == self._world.nicks[end.address]:
            return
        count = int(event.text.split()[1])
        key = (self._people.index(end), event.sender)
        self.disorder += count != self._heard.get(key, 0) + 1
        self._heard[key] = count
        self.delays.append(now - self._said_at[event.text])


def is_talking(end: End) -> bool:
    """A client whose connection is alive."""
    connection = client(end).endpoint.connection
    return connection is not None and connection.is_alive

"""Four people talk while everything breaks; a ledger says who had to hear what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any, Final

import pytest

from tests.scenarios.talk import CONFIG, DEAD, DISK, LINKS
from tests.world import SERVER, End, World, client, seeds
from udpchat.chat.events import (
    AccountChanged,
    Answered,
    Disconnected,
    Joined,
    JoinRefused,
    LineSaid,
    PrivateSaid,
    Reconnecting,
    Refusal,
    RoomList,
)
from udpchat.chat.ports import FindMessages, Message, Query
from udpchat.config import LOBBY, MILLISECOND, SECOND
from udpchat.errors import ErrorCode
from udpchat.protocol.ports import perform
from udpchat.sim.disk import DiskSpec
from udpchat.sim.link import LinkSpec

PEOPLE: Final = ("annabel", "benedict", "carl", "dora")
ACCOUNTS: Final = PEOPLE[:2]  # the others are guests
CELLAR: Final = "cellar"  # dora is not in it
PATIENCE: Final = 120.0  # virtual seconds for all to be well again


class Day:
    """One run.

    heard: what each person's applications were told, over all their starts. stored: acknowledged texts, with their
    sequence. refused: texts that their sender was told not to be stored, on one and the same connection.
    """

    def __init__(self, seed: int, link: LinkSpec, interval: int) -> None:
        self.world = World(seed, link, CONFIG, DISK)
        self.random = Random(f"day {seed}")
        self.link = link
        self.heard: dict[str, list[tuple[int, str]]] = {nick: [] for nick in PEOPLE}
        self.acknowledged: dict[str, int] = {}
        self.refused: set[str] = set()
        self.said: dict[str, tuple[str, str, str]] = {}  # by text: sender, room, recipient
        self._ends: dict[str, End] = {}
        self._tickets: dict[str, bytes] = {}
        self._open: dict[tuple[str, int], str] = {}  # texts that are not answered, by sender and request
        self._repeated: set[str] = set()
        self._interval = interval
        self.is_talking = True
        self.world.listeners.append(self._on_event)

    # -- people --------------------------------------------------------------------------------------------------------

    def come(self, nick: str) -> None:
        """A client starts, knowing what its journal says."""
        number = len(self.world.nicks)
        key = bytes(31) + bytes([PEOPLE.index(nick)])
        end = self.world.add_client(nick, identity=key, address=(f"10.0.1.{number + 1}", 40_000), patience=None)
        self._ends[nick] = end
        me = client(end).chat.me
        me.seen = self.heard[nick][-1][0] if self.heard[nick] else 0
        me.ticket = self._tickets.get(nick, b"")

    def _on_event(self, end: End, event: Any, now: int) -> None:
        nick = next((nick for nick, each in self._ends.items() if each is end), None)
        if nick is None:
            return
        match event:
            case LineSaid(sequence, _, _, _, text) | PrivateSaid(sequence, _, _, _, text):
                self.heard[nick].append((sequence, text))
            case Answered(request_id, sequence) if text := self._open.pop((nick, request_id), ""):
                self.acknowledged[text] = sequence
            case Refusal(request_id) if text := self._open.pop((nick, request_id), ""):
                if text not in self._repeated:
                    self.refused.add(text)
            case Reconnecting():
                # What is said again and then refused may have been stored the first time.
                self._repeated |= {text for (sender, _), text in self._open.items() if sender == nick}
            case Disconnected(code) | JoinRefused(code) if code != ErrorCode.NO_ERROR:
                # The server or its disk went down before this client had joined: somebody starts it again.
                self.world.network.call_at(now + SECOND, lambda: self._start_again(nick, end))
            case AccountChanged():
                self._tickets[nick] = event.ticket

    def _start_again(self, nick: str, end: End) -> None:
        if self._ends[nick] is end:
            self._kill(nick)
            self.come(nick)

    def prepare(self) -> None:
        """All are here, two have accounts, three are in the cellar."""
        for nick in PEOPLE:
            self.come(nick)
        self._wait(lambda: all(end.told(Joined) for end in self._ends.values()))
        for nick in ACCOUNTS:
            self._do(lambda nick=nick: self._chat(nick).asking.register(nick, "password"))  # type: ignore[misc]
        self._wait(lambda: set(self._tickets) == set(ACCOUNTS))
        self._do(lambda: self._chat("annabel").asking.create_room(CELLAR, ""))
        self._wait(lambda: bool(self._ends["annabel"].told(RoomList)))
        for nick in ("benedict", "carl"):
            self._do(lambda nick=nick: self._chat(nick).asking.enter_room(CELLAR))  # type: ignore[misc]
        self._wait(lambda: all(self._ends[nick].told(RoomList) for nick in ("benedict", "carl")))

    def _chat(self, nick: str) -> Any:
        return client(self._ends[nick]).chat

    def _do(self, verb: Callable[[], object]) -> None:
        self.world.do(verb)
        self.world.network.run_for(MILLISECOND)

    def _wait(self, done: Callable[[], bool]) -> None:
        self.world.run_until(done, PATIENCE)

    # -- talk ----------------------------------------------------------------------------------------------------------

    def talk(self) -> None:
        """Somebody says something now and then."""
        if self.is_talking:
            self._speak()
            self.world.network.call_at(self.world.network.now + self._interval, self.talk)

    def _speak(self) -> None:
        nick = self.random.choice(PEOPLE)
        chat = self._chat(nick)
        others = [other for other in PEOPLE if other != nick]
        kind, other = self.random.randrange(4), self.random.choice(others)
        if not (chat.me.is_in or chat.returning.is_trying):
            return
        text = f"{nick} {len(self.said)}"
        if kind == 0:
            self.said[text] = nick, "", other
            request_id = chat.tell(other, text)
        else:
            room = CELLAR if kind == 1 and nick != "dora" else LOBBY
            self.said[text] = nick, room, ""
            request_id = chat.say(text, room)
        self._open[nick, request_id] = text

    # -- trouble -------------------------------------------------------------------------------------------------------

    def pause(self, low: float = 0.2, high: float = 2.0) -> None:
        self.world.network.run_for(int(self.random.uniform(low, high) * SECOND))

    def crash_server(self) -> None:
        """Power cut at the server."""
        store = self.world.crash_server()
        self.pause()
        self.world.server = self.world.start_server(store)

    def restart_client(self) -> None:
        """A client is killed; what was not acknowledged is forgotten with it."""
        nick = self.random.choice(PEOPLE)
        self._kill(nick)
        self.pause()
        self.come(nick)

    def _kill(self, nick: str) -> None:
        self.world.network.remove(self._ends[nick].address)
        self._open = {key: text for key, text in self._open.items() if key[0] != nick}

    def cut_client(self) -> None:
        """Nothing gets through, for longer than a connection lives, or not."""
        end = self._ends[self.random.choice(PEOPLE)]
        self.world.network.connect(end.address, SERVER, DEAD)
        self.pause(0.5, 7.0)
        self.world.network.connect(end.address, SERVER, self.link)

    def move_client(self) -> None:
        """A client gets another address."""
        end = self._ends[self.random.choice(PEOPLE)]
        host, port = end.address
        self.world.rebind(end, (host, port + 1))

    def leave_and_return(self) -> None:
        """Somebody says goodbye and starts again later."""
        nick = self.random.choice(PEOPLE)
        self._do(self._chat(nick).leave)
        self.pause()
        self._kill(nick)
        self.come(nick)

    def break_disk(self) -> None:
        """The disk fails now and then, or is slow."""
        self.world.server.disk.spec = DiskSpec(delay=100 * MILLISECOND, error=self.random.choice((0.0, 0.3, 1.0)))
        self.pause()
        self.world.server.disk.spec = DISK

    # -- the end -------------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Until all are in, and nothing is on its way."""
        self._wait(lambda: all(self._chat(nick).me.is_in and not self._chat(nick).outbox for nick in PEOPLE))
        self.world.network.run_for(SECOND)
        due = {nick: len(self.due(nick)) for nick in PEOPLE}
        self._wait(lambda: all(len(self.heard[nick]) >= due[nick] for nick in PEOPLE))
        self.world.network.run_for(2 * SECOND)

    def stored(self) -> list[Message]:
        """All that is in the store, found from the sides of all people."""
        members = self.world.server.core.desk.members  # type: ignore[union-attr]
        found: dict[int, Message] = {}
        for session in members:
            request = FindMessages(0, session.person_id, Query(after=1, limit=1_000_000))
            found.update({message.sequence: message for message in perform(self.world.server.store, request)})
        return [found[sequence] for sequence in sorted(found)]

    def due(self, nick: str) -> list[tuple[int, str]]:
        """What somebody has to hear, by the ledger and the order of the store."""
        return [(each.sequence, each.text) for each in self.stored() if nick in self._audience(each.text)]

    def _audience(self, text: str) -> set[str]:
        sender, room, recipient = self.said[text]
        if not room:
            return {sender, recipient}
        return set(PEOPLE) if room == LOBBY else {"annabel", "benedict", "carl"}

    def check(self) -> None:
        """Stored once, told once, in order, to those whom it was for; and what was refused is not there."""
        stored = self.stored()
        assert max(Counter(each.text for each in stored).values()) == 1
        sequences = {each.text: each.sequence for each in stored}
        assert self.acknowledged.items() <= sequences.items()
        assert not self.refused & set(sequences)
        for nick in PEOPLE:
            assert self.heard[nick] == self.due(nick), nick
        for each in stored:
            assert (each.sender, each.room, each.recipient) == self.said[each.text]


TROUBLES: Final = (
    Day.crash_server,
    Day.restart_client,
    Day.cut_client,
    Day.move_client,
    Day.leave_and_return,
    Day.break_disk,
)


def play(
    seed: int, link: LinkSpec, troubles: tuple[Callable[[Day], None], ...] = TROUBLES, interval: int = 60 * MILLISECOND
) -> Day:
    """A day with these troubles, in an order of the seed's."""
    day = Day(seed, link, interval)
    day.prepare()
    day.talk()
    for trouble in day.random.sample(troubles, len(troubles)):
        day.pause(0.2, 1.0)
        trouble(day)
    day.pause(0.2, 1.0)
    day.is_talking = False
    day.settle()
    day.check()
    return day


@pytest.mark.parametrize("name", LINKS)
def test_every_message_is_stored_once_and_told_once_and_in_order_and_the_seed_repeats_the_run(name: str) -> None:
    for seed in seeds(1):
        day = play(seed, LINKS[name])
        assert len(day.acknowledged) > len(day.said) // 2
        if seed % 3 == 0:
            again = play(seed, LINKS[name])
            assert again.world.network.trace_hash() == day.world.network.trace_hash(), f"seed {seed}"


def test_a_hundred_lines_a_second_survive_it_when_either_end_is_killed_again_and_again() -> None:
    kills = (Day.crash_server, Day.restart_client) * 3
    day = play(1, LINKS["clean"], kills, interval=10 * MILLISECOND)
    assert len(day.acknowledged) > 500

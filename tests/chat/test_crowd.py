"""A crowd that comes, waits, logs in, leaves and is lost, all at once: in the end everybody knows who is here."""

from __future__ import annotations

from functools import partial
from random import Random

import pytest

from tests.chat.people import LOSSY, NO_FLAGS, PASSWORD, add, core, here, key_of, make_account, rest
from tests.world import End, World, client, seeds
from udpchat.chat.events import AccountChanged, Joined, UserChanged
from udpchat.config import MILLISECOND, Config
from udpchat.sim.disk import DiskSpec
from udpchat.wire.numbers import Change, JoinFlag

PEOPLE = 12
PLACES = 6
COMING = {Change.JOINED}
GOING = {Change.LEFT, Change.LOST, Change.KICKED, Change.BANNED}


class Crowd:
    """People of a seed, and what they do. lost: ends whose connection nobody ended; the server learns of it later."""

    def __init__(self, seed: int) -> None:
        self.random = Random(f"crowd {seed}")
        self.world = World(seed, LOSSY, Config(max_users=PLACES, idle_timeout=5_000_000, keep_alive=1_000_000))
        self.world.server.disk.spec = DiskSpec(delay=40 * MILLISECOND)
        for number in range(0, PEOPLE, 3):
            make_account(self.world, f"person{number}")
        self.ends: list[End] = []

    def act(self) -> None:
        """Somebody does something."""
        kind = self.random.choice(["come", "come", "come", "log in", "leave", "vanish", "kick"])
        number = self.random.randrange(PEOPLE)
        if kind == "come":
            flags = self.random.choice([NO_FLAGS, JoinFlag.WAIT, JoinFlag.WAIT, JoinFlag.VISITOR])
            self.ends.append(add(self.world, f"person{number}", key_of(number), flags=flags))
        elif kind == "kick":
            verb = core(self.world).chat.administration.kick
            self.world.do(partial(verb, f"person{number}", "", ""))
        elif self.ends:
            self._act(kind, self.random.choice(self.ends))

    def _act(self, kind: str, end: End) -> None:
        chat = client(end).chat
        connection = client(end).endpoint.connection
        if connection is None or not connection.is_alive:
            return
        if kind == "log in":
            nick = f"person{self.random.randrange(0, PEOPLE, 3)}"
            self.world.do(partial(chat.asking.login, nick, PASSWORD))
            self.world.do(partial(chat.join, nick))
        elif kind == "leave":
            self.world.do(chat.leave)
        else:
            self.world.network.remove(end.address)
            self.ends.remove(end)

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self.act()
            self.world.network.run_for(self.random.randrange(300) * MILLISECOND)
        rest(self.world, 12)


def view(end: End, all_here: list[str]) -> set[str]:
    """Who is here, as somebody who is still here was told, with those that were here before; each is told once."""
    at = max(place for place, event in enumerate(end.events) if isinstance(event, Joined))
    known, ours = {end.events[at].nick: True}, end.events[at].nick
    for event in end.events[at:]:
        if isinstance(event, UserChanged) and event.change in COMING:
            assert not known.get(event.nick), f"{event.nick} came twice"
            known[event.nick] = True
        elif isinstance(event, UserChanged) and event.change in GOING:
            assert known.get(event.nick, True), f"{event.nick} went twice"
            known[event.nick] = False
        elif isinstance(event, AccountChanged):  # nobody is told of a change of their own
            known[ours], ours = False, event.nick
            known[ours] = True
    before = {nick for nick in all_here if nick not in known}
    return before | {nick for nick, is_here in known.items() if is_here}


def play(seed: int) -> Crowd:
    crowd = Crowd(seed)
    crowd.run(60)
    return crowd


@pytest.mark.parametrize("seed", seeds(1)[:4])
def test_in_the_end_everybody_knows_who_is_here(seed: int) -> None:
    crowd = play(seed)
    world, present = crowd.world, here(crowd.world)
    members = core(world).desk.members
    assert len(set(present)) == len(present) <= PLACES
    assert core(world).chat.reception.queue_length == 0 or len(present) == PLACES
    checked = 0
    for end in crowd.ends:
        session = members.find(client(end).chat.me.connection_id)
        if session is not None and not session.is_visitor:
            checked += 1
            assert view(end, present) == set(present)
            last = [event for event in end.told(UserChanged) if not event.room]
            assert not last or last[-1].user_count == len(present)
    assert checked == len(present) > 0


def test_a_crowd_of_the_same_seed_does_the_same_again() -> None:
    first, again = play(1), play(1)
    assert first.world.server.events == again.world.server.events
    assert [end.events for end in first.ends] == [end.events for end in again.ends]

"""A capture played again to one end alone, made anew from the same seed: does it answer the same, to the byte?

The end gets what the capture says it received, at the recorded times. Its own timers and its disk run in virtual time,
and its user does what the experiment says; the other end is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from udpchat.capture.reader import Captured
from udpchat.chat.events import Joined
from udpchat.lab.content import deposit, make_content
from udpchat.lab.endings import nickname
from udpchat.lab.experiment import Experiment
from udpchat.lab.recording import CLIENT_SIDE, SERVER_SIDE
from udpchat.lab.run import AGENT, EPOCH, FILE_NAME
from udpchat.lab.world import SERVER, End, Setting, World, client
from udpchat.protocol.datagrams import Address
from udpchat.sim.link import LinkSpec
from udpchat.sim.trace import Happening


class Sent(NamedTuple):
    """A datagram that an end sent. us: virtual time."""

    us: int
    data: bytes


class Replay(NamedTuple):
    """recorded: what the end sent when the capture was made. again: what it sends now. end: how it is left."""

    recorded: list[Sent]
    again: list[Sent]
    end: End


def replay_server(capture: Sequence[Captured], experiment: Experiment) -> Replay:
    """The server of a capture."""
    world = _world(experiment)
    if experiment.direction == "down":
        deposit(world.server.store, FILE_NAME, make_content(experiment, world.random))
    return _play(world, world.server, capture, SERVER_SIDE)


def replay_client(capture: Sequence[Captured], experiment: Experiment) -> Replay:
    """The only client of a capture, that sends or fetches the file as soon as it is in."""
    world = _world(experiment)
    world.network.remove(SERVER)
    end = world.add_client(nickname(0))
    end.store.local[FILE_NAME] = make_content(experiment, world.random)
    files = client(end).files
    verb: Callable[[str], Any] = files.put if experiment.direction == "up" else files.get

    def on_event(_: End, event: object, now: int) -> None:
        if isinstance(event, Joined):
            world.do(partial(verb, FILE_NAME))

    world.listeners.append(on_event)
    return _play(world, end, capture, CLIENT_SIDE)


def _world(experiment: Experiment) -> World:
    """The world of the experiment, in which no link leads anywhere."""
    setting = Setting(wall=EPOCH, agent=AGENT)
    return World(experiment.seed, LinkSpec(), experiment.config, setting=setting)


def _play(world: World, end: End, capture: Sequence[Captured], side: int) -> Replay:
    network, place, again = world.network, end.address, list[Sent]()

    def on_datagram(happening: Happening, now: int, source: Address, destination: Address, data: bytes) -> None:
        if happening is Happening.SENT and source == place:
            again.append(Sent(now, data))

    network.tap(on_datagram)
    for left, each in _arrivals(capture, side):
        network.call_at(left, partial(network.inject, each.data, each.source, place, each.us - EPOCH))
    seen = [each for each in capture if each.interface == side]
    network.run_for(seen[-1].us - EPOCH)
    recorded = [Sent(each.us - EPOCH, each.data) for each in seen if each.outbound]
    return Replay(recorded, again, end)


def _arrivals(capture: Sequence[Captured], side: int) -> Iterator[tuple[int, Captured]]:
    """What arrived at a side, with the virtual time at which the other had sent it.

    A network that is told of an arrival then, and no sooner, decides as the recorded one did whether it comes before a
    timer that ends in the same microsecond.
    """
    left_at: dict[bytes, int] = {}
    left = 0
    for each in capture:
        if each.interface != side and each.outbound:
            left_at[each.data] = each.us - EPOCH
        elif each.interface == side and not each.outbound:
            left = left_at.get(each.data, left)  # one that was damaged on its way is unknown
            yield left, each

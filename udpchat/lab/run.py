"""Runs an experiment: who joins, sends, talks and moves when, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from udpchat.chat.events import Joined
from udpchat.config import SECOND
from udpchat.files.events import Downloaded, Uploaded
from udpchat.lab.content import deposit, make_content
from udpchat.lab.endings import ENDINGS, digest, missing_words, nickname
from udpchat.lab.experiment import Experiment, Outcome, limit
from udpchat.lab.figures import percentile
from udpchat.lab.looking import FileWatch, RoundTrips, Sampler, watch_also
from udpchat.lab.recording import Recording
from udpchat.lab.talk import Talk
from udpchat.lab.world import CLIENT_PORT, SERVER, End, Fitting, Setting, World, client, connections
from udpchat.protocol.connection import Connection
from udpchat.protocol.datagrams import Address
from udpchat.sim.link import LinkCounters

EPOCH: Final = 978_307_200 * SECOND  # 2001-01-01, when every experiment begins
AGENT: Final = "udpchat lab"  # without a version: captures stay the same when the program gets another
FILE_NAME: Final = "file"
CHAT_PATIENCE: Final = 60 * SECOND  # after the files, for lines that were not heard
STALL: Final = 600 * SECOND  # without a packet of a file, after which none is expected: connections die sooner
PORTS: Final = 20_000  # that a client moves through


def run_experiment(
    experiment: Experiment, *, recording: Recording | None = None, keylog: Callable[[str], None] | None = None
) -> Outcome:
    """Play it from the first HELLO to the last byte. recording: takes all datagrams; keylog: the lines of all keys."""
    return Run(experiment, recording, keylog).play()


class Run:
    """One experiment on its way."""

    def __init__(
        self, experiment: Experiment, recording: Recording | None, keylog: Callable[[str], None] | None
    ) -> None:
        self._experiment = experiment
        self._recording = recording
        self._files = FileWatch()
        self._world = World(
            experiment.seed,
            experiment.link,
            experiment.config,
            keylog=keylog,
            setting=Setting(wall=EPOCH, agent=AGENT, fit=self._fit, checked=False),
        )
        if recording is not None:
            recording.attach(self._world.network)
        self._people: list[End] = []
        self._endings: dict[int, Any] = {}  # how it ended for each of the people, by place
        self._joined_after: int | None = None
        self._sampler: Sampler | None = None
        self._talk: Talk | None = None

    def play(self) -> Outcome:
        """From the first HELLO to the last byte."""
        experiment, network = self._experiment, self._world.network
        self._world.listeners.append(self._on_event)
        self._gather()
        trips = RoundTrips(self._people[0].address, 2 * experiment.link.delay)
        network.tap(trips)
        everybody = len(self._people)
        deadline = experiment.patience
        network.run_until(lambda: self._count_joined() >= everybody, deadline)
        network.untap(trips)
        if self._count_joined() >= everybody and not self._endings:
            self._begin()
            self._wait(deadline)
            if (talk := self._talk) is not None:
                talk.stop()
                network.run_until(lambda: talk.is_heard, CHAT_PATIENCE)
        outcome = self._conclude(trips.count)
        if experiment.rejoin and outcome.is_complete:
            self._rejoin()
        return outcome

    def _wait(self, deadline: int) -> None:
        """Until the last file has arrived or failed, nothing of the files is sent any more, or the time is over."""
        network, sent = self._world.network, -1
        while not self._is_over() and network.now < deadline and self._files.sent > sent:
            sent = self._files.sent
            network.run_until(self._is_over, min(STALL, deadline - network.now))

    def _is_over(self) -> bool:
        """Every file has arrived or failed."""
        return all(place in self._endings for place in range(self._experiment.clients))

    def _rejoin(self) -> None:
        """The first of the people leaves and comes back, with the address token that saves the cookie trip."""
        world, first = self._world, self._people[0]
        world.do(client(first).chat.leave)
        world.run_until(lambda: client(first).endpoint.is_over)
        world.network.remove(first.address)
        token = first.told(Joined)[0].token
        self._people[0] = world.add_client(nickname(0), token=token, address=first.address)
        world.join(self._people[0])

    # -- the course of it ----------------------------------------------------------------------------------------------

    def _gather(self) -> None:
        present = max(self._experiment.clients, 2 if self._experiment.chat else 1)
        self._people = [self._world.add_client(nickname(number)) for number in range(present)]

    def _begin(self) -> None:
        experiment, world = self._experiment, self._world
        if experiment.direction == "down":
            deposit(world.server.store, FILE_NAME, make_content(experiment, world.random))
        for person in self._people[: experiment.clients]:
            if experiment.direction == "up":
                person.store.local[FILE_NAME] = make_content(experiment, world.random)
                world.do(partial(client(person).files.put, FILE_NAME))
            else:
                world.do(partial(client(person).files.get, FILE_NAME))
        if experiment.sample:
            self._sample()
        if experiment.chat:
            self._talk = Talk(world, self._people, experiment.chat)
        if experiment.rebind:
            for person in self._people:
                self._plan_move(person)

    def _sample(self) -> None:
        first, network = self._people[0], self._world.network
        way = (first.address, SERVER) if self._experiment.direction == "up" else (SERVER, first.address)
        self._sampler = Sampler(self._sender(first), network.link(*way), self._experiment.sample)
        network.observe(self._sampler)

    def _plan_move(self, person: End) -> None:
        network = self._world.network
        network.call_at(network.now + self._experiment.rebind, lambda: self._move(person))

    def _move(self, person: End) -> None:
        if not self._is_over():
            host, port = person.address
            self._world.rebind(person, (host, CLIENT_PORT + (port - CLIENT_PORT + 1) % PORTS))
            self._plan_move(person)

    def _on_event(self, end: End, event: object, now: int) -> None:
        if end is self._world.server:
            return
        place = self._people.index(end)
        if isinstance(event, Joined) and place == 0 and self._joined_after is None:
            self._joined_after = now
        if isinstance(event, ENDINGS):
            self._endings.setdefault(place, event)

    def _count_joined(self) -> int:
        return sum(bool(end.told(Joined)) or place in self._endings for place, end in enumerate(self._people))

    def _fit(self, address: Address) -> Fitting:
        """Who sends files is watched, and everybody is recorded when there is a recording."""
        fitting = self._recording.fitting(address) if self._recording is not None else Fitting()
        if (address == SERVER) is (self._experiment.direction == "up"):
            return fitting
        return fitting._replace(watch=watch_also(fitting.watch, self._files))

    def _sender(self, person: End) -> Connection:
        """The connection on which a person's file is sent."""
        connection = client(person).endpoint.connection
        if self._experiment.direction == "up" and connection is not None:
            return connection
        ours = connection.connection_id if connection is not None else b""
        return next(each for each in connections(self._world.server.core.endpoint) if each.connection_id == ours)

    # -- what came of it -----------------------------------------------------------------------------------------------

    def _conclude(self, round_trips: int) -> Outcome:
        experiment, world = self._experiment, self._world
        arrived = [ending for ending in self._endings.values() if isinstance(ending, (Uploaded, Downloaded))]
        size = sum(ending.size for ending in arrived)
        duration = self._duration(arrived) if len(arrived) == experiment.clients else None
        most = limit(experiment.link)
        up, down = self._counters()
        recoveries = [each.transmitter.recovery for each in self._senders()]
        talk = self._talk
        delays = talk.delays if talk is not None else []
        first = self._endings.get(0)
        return Outcome(
            seed=experiment.seed,
            missing=tuple(missing_words(self._people, experiment.clients, self._endings, talk)),
            bytes=size,
            duration=duration,
            goodput=size * SECOND / duration if duration else None,
            limit=most * experiment.clients if most is not None else None,
            datagrams=up.received + down.received,
            udp_bytes=up.received_bytes + down.received_bytes,
            retransmitted=self._files.repeated,
            lost=sum(each.counters.lost_packets for each in recoveries),
            spurious=sum(each.counters.spurious_losses for each in recoveries),
            probe_timeouts=sum(each.counters.probe_timeouts for each in recoveries),
            queue_drops=up.queue_full + down.queue_full,
            dropped=up.dropped + down.dropped,
            round_trips=round_trips if self._joined_after is not None else None,
            joined_after=self._joined_after,
            chat_sent=talk.expected if talk is not None else 0,
            chat_delivered=len(delays),
            chat_p50=percentile(delays, 0.5),
            chat_p99=percentile(delays, 0.99),
            md5_sent=digest(first, "md5_sent", "md5_offered"),
            md5_stored=digest(first, "md5_stored"),
            trace=world.network.trace_hash(),
            new_packets=tuple(self._files.new),
            samples=tuple(self._sampler.samples) if self._sampler is not None else (),
        )

    def _duration(self, arrived: list[Any]) -> int:
        began = self._files.first
        if began is None:  # an empty file has no DATA
            began = min(ending.started for ending in arrived)
        return int(max(ending.finished for ending in arrived) - began)

    def _senders(self) -> list[Connection]:
        if self._experiment.direction == "down":
            return list(connections(self._world.server.core.endpoint))
        return [each for person in self._people for each in connections(person.core.endpoint)]

    def _counters(self) -> tuple[LinkCounters, LinkCounters]:
        """Of all links, up and down."""
        up, down = LinkCounters(), LinkCounters()
        for person in self._people:
            up.add(self._world.network.link(person.address, SERVER).counters)
            down.add(self._world.network.link(SERVER, person.address).counters)
        return up, down

"""A server and its clients in one process, in virtual time. The seed decides everything: keys, numbers, losses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Final, NamedTuple

from udpchat.chat.events import Connected, Joined, JoinRefused
from udpchat.config import DEFAULT_PORT, SECOND, Config
from udpchat.crypto.identity import Identity
from udpchat.crypto.keys import ServerKeys
from udpchat.errors import UsageError
from udpchat.net.hosts import AGENT, ClientCore, ServerCore, make_client, make_server
from udpchat.protocol.connection import Connection
from udpchat.protocol.datagrams import Address
from udpchat.protocol.endpoint import ServerEndpoint
from udpchat.protocol.ports import StoreRequest
from udpchat.protocol.service import Host
from udpchat.protocol.watch import Watch
from udpchat.sim import station
from udpchat.sim.disk import DelayedStore, DiskSpec
from udpchat.sim.link import LinkSpec
from udpchat.sim.network import Network
from udpchat.sim.trace import SimulationError
from udpchat.store.memory import MemoryStore

SERVER: Final[Address] = ("10.0.0.1", DEFAULT_PORT)
CLIENT_PORT: Final = 40_000
WALL: Final = 1_700_000_000 * SECOND  # the wall clock when virtual time is 0
FAST_DISK: Final = DiskSpec(delay=0)

Listener = Callable[["End", Any, int], None]  # (end, event, now)


class Fitting(NamedTuple):
    """What is put round the core of an end.

    watch: looks on at its connections. wrap: what the network is to drive in place of the host; both may be None.
    """

    watch: Watch | None = None
    wrap: Callable[[Host], Any] | None = None


Fit = Callable[[Address], Fitting]  # asked for each end


def no_fitting(_: Address) -> Fitting:
    """The core alone."""
    return Fitting()


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a world is like beside its link and its configuration.

    wall: the wall clock when virtual time is 0 [us]. agent: as clients name their program. fit: what is put round each
    core. checked: the rules of connections are checked at every step.
    """

    wall: int = WALL
    agent: str = AGENT
    fit: Fit = no_fitting
    checked: bool = True


PLAIN_SETTING: Final = Setting()


class End:
    """One host in the simulated network: its core, its disk and what it told the application.

    events, heard_at: all but store requests, and when they came. address: as the others see it.
    """

    def __init__(
        self,
        world: World,
        core: ServerCore | ClientCore,
        address: Address,
        disk: DiskSpec,
        store: MemoryStore | None = None,
    ) -> None:
        self.core = core
        self.address = address
        self.events: list[Any] = []
        self.heard_at: list[int] = []
        self.store = store or MemoryStore(
            clock=lambda: world.setting.wall + world.network.now, random_bytes=world.stream().randbytes
        )
        self.disk = DelayedStore(self.store, world.network, disk, address[0])
        self.driven: Any = core.host  # what the network drives: the host, or what is wrapped round it
        self._world = world

    def on_event(self, _: object, event: Any, now: int) -> None:
        """A store request is performed; everything else is kept, and told to who listens."""
        if isinstance(event, StoreRequest):
            self.disk.submit(event, self.driven.complete)
            return
        self.events.append(event)
        self.heard_at.append(now)
        if isinstance(event, Connected) and isinstance(self.core, ClientCore):
            self.core.chat.join(self._world.nicks[self.address])
        for listener in self._world.listeners:
            listener(self, event, now)

    def told(self, kind: type) -> list[Any]:
        """Events of one class."""
        return [event for event in self.events if isinstance(event, kind)]


class World:
    """A network with a server in it, and the clients that are added.

    keylog: takes the lines of the server's key log. listeners: told every event of every end.
    """

    def __init__(
        self,
        seed: int,
        link: LinkSpec,
        config: Config | None = None,
        disk: DiskSpec = FAST_DISK,
        keylog: Callable[[str], None] | None = None,
        setting: Setting = PLAIN_SETTING,
    ) -> None:
        self.random = Random(f"world {seed}")
        self.network = Network(seed, link, checked=setting.checked)
        self.config = config or Config()
        self.nicks: dict[Address, str] = {}
        self.listeners: list[Listener] = []
        self.setting = setting
        self._streams = 0
        self._disk = disk
        self._keylog = keylog
        self.keys = ServerKeys.from_master(self.random.randbytes(32))
        self.server = self.start_server()

    def stream(self) -> Random:
        """Random numbers for one core or store: what it draws moves no other, so that an end can be replayed alone."""
        self._streams += 1
        return Random(f"world {self.network.seed} stream {self._streams}")

    def crash_server(self) -> MemoryStore:
        """The server dies, without a word; what was not durable is lost. Its store, for the one that follows."""
        self.network.remove(SERVER)
        self.server.disk.crash()
        self.server.store.crash()
        return self.server.store

    def start_server(self, store: MemoryStore | None = None) -> End:
        """A server at its address; an earlier one must have been removed. store: of an earlier one."""
        fitting, random = self.setting.fit(SERVER), self.stream()
        core = make_server(
            self.config,
            self.keys,
            random.randbytes,
            wall_offset=self.setting.wall,
            keylog=self._keylog,
            watch=fitting.watch,
        )
        return self._add(core, SERVER, fitting, store)

    def add_client(
        self,
        nick: str,
        config: Config | None = None,
        identity: bytes | None = None,
        token: bytes = b"",
        address: Address | None = None,
        patience: int | None = 0,
        store: MemoryStore | None = None,
    ) -> End:
        """A client that connects and joins under a nickname. patience: how long it tries to come back [us]."""
        address = address or (f"10.0.1.{len(self.nicks) + 1}", CLIENT_PORT)
        self.nicks[address] = nick
        fitting, random = self.setting.fit(address), self.stream()
        core = make_client(
            SERVER,
            config or self.config,
            Identity(identity or random.randbytes(32)),
            random.randbytes,
            self.network.now,
            token=token,
            watch=fitting.watch,
            agent=self.setting.agent,
            patience=patience,
        )
        return self._add(core, address, fitting, store)

    def _add(
        self, core: ServerCore | ClientCore, address: Address, fitting: Fitting, store: MemoryStore | None = None
    ) -> End:
        end = End(self, core, address, self._disk, store)
        if fitting.wrap is not None:
            end.driven = fitting.wrap(core.host)
        driven: station.End = end.driven
        self.network.add(driven, address, end.on_event)
        return end

    def rebind(self, end: End, new: Address) -> None:
        """Give a client another public address, as a NAT does."""
        self.network.rebind(end.address, new)
        self.nicks[new] = self.nicks.pop(end.address)
        end.address = new

    def run_until(self, done: Callable[[], bool], seconds: float = 60.0) -> None:
        """Let time pass until done; SimulationError after so many virtual seconds."""
        if not self.network.run_until(done, int(seconds * SECOND)):
            raise SimulationError(f"not done after {seconds} virtual seconds, SIM_SEED={self.network.seed}")

    def do(self, verb: Callable[[], Any]) -> None:
        """Let an application act now."""
        self.network.call_at(self.network.now, lambda: (verb(), None)[1])

    def join(self, *ends: End) -> None:
        """Wait until all of them are in, or were refused."""
        self.run_until(lambda: all(end.told(Joined) or end.told(JoinRefused) for end in ends))


def connections(endpoint: Any) -> Iterator[Connection]:
    """All connections of either kind of endpoint."""
    if isinstance(endpoint, ServerEndpoint):
        yield from endpoint.connections.values()
    elif endpoint.connection is not None:
        yield endpoint.connection


def client(end: End) -> ClientCore:
    """The core of a client end."""
    if not isinstance(end.core, ClientCore):
        raise UsageError("this end is the server")
    return end.core

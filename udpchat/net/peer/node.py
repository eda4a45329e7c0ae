"""The running part of a node: one socket, one core, one store. It is made anew when its address or its name changes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

from udpchat.capture.rotation import CaptureTarget
from udpchat.config import MIN_FREE_SPACE, Config
from udpchat.crypto.identity import Identity, fingerprint, fingerprint_bytes
from udpchat.crypto.keys import ServerKeys, derive
from udpchat.errors import StorageError
from udpchat.net.capturing import open_capture, tap_between, tapped
from udpchat.net.descriptors import allow_many_files
from udpchat.net.driver import Driver
from udpchat.net.home import wall_clock
from udpchat.net.hosts import PeerCore, make_peer
from udpchat.net.interfaces import chosen_interfaces, own_interfaces
from udpchat.net.keylog import open_keylog
from udpchat.net.peer.notes import SERVER
from udpchat.net.server import Server
from udpchat.net.sockets import listen
from udpchat.peers.settings import PeerConfig
from udpchat.protocol.ports import Store, StoreRequest
from udpchat.store.lock import FolderLock
from udpchat.store.quotas import Limits
from udpchat.store.secrets import IDENTITY_KEY, MASTER_SECRET, read_or_create_secret
from udpchat.store.server import ServerStore
from udpchat.store.shared import Share
from udpchat.store.trouble import storage_error

VISITOR_KEY: Final = "visitor.key"  # from which come the identities of commands that visit the node of their user
VISITS: Final = "visits"  # folder in which each of these commands holds its number
MOST_VISITS: Final = 16  # commands at once: nodes take one connection of an identity


class OpenStore(Protocol):
    """Opens the storage of a node. StorageError."""

    def __call__(self, folder: Path, config: PeerConfig) -> Store:
        """folder: of the node's server."""
        ...


@dataclass(frozen=True, slots=True)
class Means:
    """What a node runs with, beside what its user configures.

    home: folder of keys, trust and transfers. transport: of all connections. open_store: its storage. is_guest: it runs
    for one command, beside the node of that home or instead of it, on any port and without anything on disk. visit: the
    number of the command among those that run now, whose identity it has; None: the node's own.
    """

    home: Path
    transport: Config
    open_store: OpenStore
    is_guest: bool = False
    visit: int | None = None
    keylog: Path | None = None
    capture: CaptureTarget | None = None

    def identity(self) -> Identity:
        """Who the node is to others."""
        if self.visit is not None:
            return self._visitor(self.visit)
        return Identity(read_or_create_secret(self.home, IDENTITY_KEY, os.urandom))

    def visitors(self) -> frozenset[bytes]:
        """Public keys of the commands that visit this node."""
        return frozenset(self._visitor(visit).public for visit in range(MOST_VISITS))

    def _visitor(self, visit: int) -> Identity:
        secret = read_or_create_secret(self.home, VISITOR_KEY, os.urandom)
        return Identity(derive(secret, f"visitor {visit}"))

    def keys(self) -> ServerKeys:
        """Of the node's server; of a guest nobody will see them again."""
        if self.is_guest:
            return ServerKeys.from_master(os.urandom(32))
        return ServerKeys.from_master(read_or_create_secret(self.home / SERVER, MASTER_SECRET, os.urandom))


def open_server_store(folder: Path, config: PeerConfig) -> Store:
    """The storage of a node that stays, and the folder that it shares."""
    share = Share(Path(config.share), config.name) if config.share else None
    return ServerStore(
        folder, clock=wall_clock, random_bytes=os.urandom, limits=Limits(spare=MIN_FREE_SPACE), share=share
    )


def open_no_store(folder: Path, config: PeerConfig) -> Store:  # noqa: ARG001 - an OpenStore
    """Of a node that has nothing to keep."""
    from udpchat.store.memory import MemoryStore  # noqa: PLC0415 - only commands beside a node need it

    return MemoryStore(clock=wall_clock, random_bytes=os.urandom)


class Allowed(frozenset[bytes]):
    """Identities by their keys or by their fingerprints, those of commands of the user himself included."""

    def __contains__(self, identity: object) -> bool:
        return isinstance(identity, bytes) and (
            super().__contains__(identity) or super().__contains__(fingerprint_bytes(identity))
        )


class Node:
    """One run of it. server: what chat clients see, and its events; core: searches, neighbours, dials."""

    def __init__(self, config: PeerConfig, means: Means) -> None:
        transport = replace(
            means.transport,
            max_ttl=config.max_ttl,
            max_neighbours=config.max_neighbours,
            is_read_only=config.is_read_only,
        )
        allow_many_files()
        folder, keys, self.identity = means.home / SERVER, means.keys(), means.identity()
        with ExitStack() as opened:  # what is open when something fails
            store = means.open_store(folder, config)
            opened.callback(store.close)
            logs = opened.enter_context(ExitStack())
            log = open_keylog(means.keylog, logs)
            record = open_capture(means.capture, ("server",), logs)
            host = listening_host(config)
            sockets = listen(host, config.port, portable=transport.portable)
            opened.pop_all()
        offset = wall_clock() - Driver.now()
        tap = tap_between(record, sockets, offset)
        port = sockets[0].address[1]
        core = make_peer(
            config.name,
            port,
            transport,
            keys,
            self.identity,
            os.urandom,
            wall_offset=offset,
            keylog=log,
            watch=tap.watch if tap else None,
        )
        self.core: PeerCore = core
        self._driver: Driver | None = None

        def start(on_event: Callable[[Any], None], on_failure: Callable[[Exception], None]) -> Driver:
            self._driver = Driver(tapped(core.host, tap), sockets, store, on_event, on_failure)
            return self._driver

        self.server = Server(core.server, keys, start, host, logs)
        self.key = b"" if transport.plaintext else keys.static_public
        self.allow(config, means)

    @property
    def key_shown(self) -> str:
        """Fingerprint of the server's key; empty in plaintext mode."""
        return fingerprint(self.key) if self.key else ""

    def act(self) -> None:
        """Something was asked of the core: hand out what it has to say."""
        assert self._driver is not None
        self._driver.act()

    def allow(self, config: PeerConfig, means: Means) -> None:
        """Take only these as neighbours that dial us."""
        keys = [bytes.fromhex(key.replace("-", "")) for key in config.allow]
        self.core.peers.allow(Allowed([*keys, *means.visitors()]) if keys else None)

    async def ask(self, request: StoreRequest) -> Any:
        """What storage answers. StorageError."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def on_answer(result: Any, now: int) -> None:  # noqa: ARG001 - an Answer
            if not answer.done():
                answer.set_result(result)

        self.core.server.desk.ask(request, on_answer)
        self.act()
        result = await answer
        if isinstance(result, StorageError):
            raise result
        return result

    async def close(self) -> None:
        """Part from all neighbours, and stop."""
        for address in self.core.host.dialled:
            self.core.host.hang_up(address)
        await self.server.close()


def hold_visit(home: Path) -> tuple[int, FolderLock]:
    """A number for a command, which no other has while the lock is held. StorageError when there are too many."""
    for visit in range(MOST_VISITS):
        folder = home / VISITS / str(visit)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return visit, FolderLock(folder)
        except StorageError:
            continue  # another command has it
        except OSError as error:
            raise storage_error(error, f"use the folder {folder}") from error
    raise StorageError(f"{MOST_VISITS} commands ask this node already; wait for one to end")


def listening_host(config: PeerConfig) -> str:
    """The address to listen on; empty: all. InterfaceError."""
    if not config.interface:
        return config.host
    interface = chosen_interfaces(config.interface, own_interfaces())[0]
    address = interface.address(is_ipv6=False) or interface.address(is_ipv6=True)
    return str(address)


def own_hosts() -> tuple[str, ...]:
    """All addresses of this machine."""
    return tuple(str(address) for interface in own_interfaces() for address in interface.addresses)

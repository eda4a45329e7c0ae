"""Bare connections that fill one line together: no services, no disks, and files of zeros as long as one likes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from udpchat.arq.congestion.bbr import Bbr
from udpchat.config import DEFAULT_PORT, MIB, MILLISECOND, SECOND, Config
from udpchat.crypto.keys import ServerKeys
from udpchat.protocol.connection import Connection
from udpchat.protocol.datagrams import Address
from udpchat.protocol.endpoint import ClientEndpoint, ServerEndpoint
from udpchat.protocol.events import ConnectionEvent, ConnectionOpened, DataReceived
from udpchat.sim.link import FULL_PACKET, Link, LinkSpec
from udpchat.sim.network import Network

SERVER: Address = ("10.0.0.1", DEFAULT_PORT)
FIRST: Address = ("10.0.1.1", 40_000)
BIN = 100 * MILLISECOND  # in which arriving bytes are added up
ENDLESS = 1 << 40  # bytes: more than any run sends
PAYLOAD = 1_420  # file bytes in the largest packet (docs/testing.md, limit)


class OneLine(Network):
    """All clients are behind one line to the server, and one back."""

    def link(self, source: Address, destination: Address) -> Link:
        """The common line of a direction; the first client is there from the start."""
        return super().link(FIRST, SERVER) if destination == SERVER else super().link(SERVER, FIRST)


class Zeros:
    """A file without an end."""

    def read_into(self, offset: int, view: memoryview) -> int:
        """Leave the view as it is."""
        return len(view)


@dataclass(frozen=True, slots=True)
class Sharer:
    """One transfer: its client, and what to ask of the scheduler."""

    client: int
    rate: int = 0
    priority: int = 1


class Sharing:
    """A server and clients on one line, each sending; what arrived of each transfer, in bins.

    seed: decides everything, also when each client begins, within `spread` us. sharers: the transfers.
    """

    def __init__(
        self, seed: int, spec: LinkSpec, sharers: list[Sharer], config: Config | None = None, spread: int = SECOND
    ) -> None:
        self.arrived: list[dict[int, int]] = [{} for _ in sharers]  # bin -> bytes
        self.network = OneLine(seed, spec)
        self.clients: dict[int, ClientEndpoint] = {}
        self._sharers = sharers
        self._spec = spec
        self._config = config or Config(plaintext=True, receive_window=16 * MIB)
        self._whose: dict[tuple[bytes, int], int] = {}
        random = self._random = Random(f"sharing {seed}")
        self.server = ServerEndpoint(self._config, ServerKeys.from_master(random.randbytes(32)), random.randbytes)
        self.network.add(self.server, SERVER, self._on_event)
        starts = [0, *sorted(random.randrange(spread) for _ in {sharer.client for sharer in sharers})][:-1]
        for number, start in zip(sorted({sharer.client for sharer in sharers}), starts, strict=True):
            self.network.call_at(start, lambda number=number: self._enter(number))  # type: ignore[misc]

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.network.run_for(int(seconds * SECOND))

    def connection(self, number: int) -> Connection:
        """The connection of a client."""
        found = self.clients[number].connection
        assert found is not None
        return found

    def shares(self, start: float, stop: float) -> list[float]:
        """What each transfer had of all that arrived between two times [s]."""
        sizes = [self._between(index, start, stop) for index in range(len(self._sharers))]
        total = sum(sizes)
        return [size / total for size in sizes] if total else sizes

    def used(self, start: float, stop: float) -> float:
        """All that arrived between two times [s], as part of what the line could carry."""
        sizes = sum(self._between(index, start, stop) for index in range(len(self._sharers)))
        spec = self._spec
        return sizes / ((stop - start) * spec.rate * (1 - spec.loss) * PAYLOAD / FULL_PACKET)

    def windows(self, start: float, stop: float, span: float, step: float) -> Iterator[list[float]]:
        """The shares in each window of span s that fits between two times [s]."""
        at = start
        while at + span <= stop + 1e-9:
            yield self.shares(at, at + span)
            at += step

    def _between(self, index: int, start: float, stop: float) -> float:
        first, last = round(start * SECOND) // BIN, round(stop * SECOND) // BIN
        arrived = self.arrived[index]
        return sum(arrived.get(at, 0) for at in range(first, last))

    def _enter(self, number: int) -> None:
        address = (f"10.0.1.{number + 1}", 40_000)
        client = ClientEndpoint(SERVER, self._config, self._random.randbytes, self.network.now)
        self.clients[number] = client
        self.network.add(client, address, self._on_event)

    def _on_event(self, end: object, event: ConnectionEvent, now: int) -> None:
        match event:
            case ConnectionOpened() if isinstance(end, ClientEndpoint):
                self.network.call_at(now, lambda: self._begin(end))
            case DataReceived(connection_id, transfer_id, _, data):
                arrived = self.arrived[self._whose[connection_id, transfer_id]]
                arrived[now // BIN] = arrived.get(now // BIN, 0) + len(data)

    def _begin(self, end: ClientEndpoint) -> None:
        near = end.connection
        assert near is not None
        far = self.server.find(near.connection_id)
        assert far is not None
        number = next(number for number, client in self.clients.items() if client is end)
        end.find(near.connection_id)
        for index, sharer in enumerate(self._sharers):
            if sharer.client == number:
                self._whose[near.connection_id, index + 1] = index
                far.receiver.expect(index + 1, ENDLESS, ENDLESS)
                near.send_transfer(index + 1, ENDLESS, Zeros(), ENDLESS)
                near.transmitter.transfers.set_pace(index + 1, sharer.rate, sharer.priority)


def believed(connection: Connection) -> tuple[str, int, int]:
    """State, bandwidth [bytes/s] and smallest RTT [us] of a connection with the default controller."""
    recovery = connection.transmitter.recovery
    assert isinstance(recovery.controller, Bbr)
    return recovery.controller.state, recovery.controller.bandwidth, recovery.rtt.min_rtt

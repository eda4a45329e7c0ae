"""A node of a peer network on one socket: its server, and a client for each neighbour that it dials."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from udpchat.errors import UsageError
from udpchat.peers.dial import Dial
from udpchat.peers.roster import NO_KEY
from udpchat.protocol.connection import Connection
from udpchat.protocol.datagrams import Address, Burst
from udpchat.protocol.endpoint import ClientEndpoint
from udpchat.protocol.service import Host
from udpchat.wire.numbers import Flag

FLAGS_AT: Final = 5  # low byte of the flags in a datagram
AT_ONCE: Final = 0  # a deadline that has passed


class CallEndpoint(ClientEndpoint):
    """The endpoint of a client that shares its socket: `on_used` is told when there may be something to send."""

    on_used: Callable[[], None]

    def find(self, connection_id: bytes) -> Connection | None:
        """See `ClientEndpoint`."""
        self.on_used()
        return super().find(connection_id)


@dataclass(slots=True)
class Call:
    """A neighbour that is dialled, and the host of that client. due: its deadline, as it was after its last step."""

    dial: Dial
    host: Host
    endpoint: CallEndpoint
    due: int | None = AT_ONCE


MakeCall = Callable[[Address, bytes, int], Call]  # address, expected key of the server, now


class PeerHost:
    """The five methods for all of them. One UDP port: what servers say goes to the client that dialled their address.

    All events and store requests are those of the server's desk.
    """

    def __init__(self, server: Host, make_call: MakeCall) -> None:
        self.server = server
        self._make_call = make_call
        self._calls: dict[Address, Call] = {}
        self._ready: dict[Address, Call] = {}  # those that may have something to send

    # -- verbs ---------------------------------------------------------------------------------------------------------

    def dial(self, address: Address, now: int, expected_key: bytes = NO_KEY) -> None:
        """Want a node as a neighbour, from now on and for ever; answered by NeighbourCame or DialFailed.

        address: as numbers. expected_key: static public key of its server; NO_KEY: whichever it shows.
        """
        if address in self._calls:
            raise UsageError("{} port {} is dialled already".format(*address))
        call = self._calls[address] = self._make_call(address, expected_key, now)
        call.endpoint.on_used = lambda: self._use(address, call)
        self._use(address, call)

    def hang_up(self, address: Address) -> None:
        """Want it no more. UsageError when it is not dialled."""
        call = self._calls.get(address)
        if call is None:
            raise UsageError("{} port {} is not dialled".format(*address))
        call.dial.hang_up()
        self._use(address, call)

    @property
    def dialled(self) -> tuple[Address, ...]:
        """Where the nodes are that are wanted as neighbours."""
        return tuple(address for address, call in self._calls.items() if not call.dial.is_over)

    # -- the contract --------------------------------------------------------------------------------------------------

    def receive_burst(self, burst: Burst, now: int) -> None:
        """Datagrams from one address: of a server that we dialled, or of a client; perhaps both, of another node."""
        call = self._calls.get(burst.address)
        if call is None:
            self.server.receive_burst(burst, now)
            return
        self._use(burst.address, call)
        directions = {_is_from_server(datagram) for datagram in burst.datagrams()}
        if len(directions) > 1:
            for direction in (True, False):
                host = call.host if direction else self.server
                host.receive_burst(_only(burst, is_from_server=direction), now)
        elif directions:
            (call.host if directions.pop() else self.server).receive_burst(burst, now)

    def handle_timeout(self, now: int) -> None:
        """Act on every deadline that has passed."""
        for address, call in list(self._calls.items()):
            if call.due is not None and call.due <= now:
                self._use(address, call)
                call.host.handle_timeout(now)
        self.server.handle_timeout(now)

    def next_event(self) -> Any:
        """A store request or an event for the application; None when there is none."""
        return self.server.next_event()

    def datagrams_to_send(self, now: int) -> Iterator[Burst]:
        """All that may go out now; what clients have to say first, for it is little."""
        while self._ready:
            address, call = next(iter(self._ready.items()))
            yield from call.host.datagrams_to_send(now)
            call.due = call.host.next_timeout()
            del self._ready[address]
            if call.dial.is_over:
                del self._calls[address]
        yield from self.server.datagrams_to_send(now)

    def next_timeout(self) -> int | None:
        """When `handle_timeout` has something to do; in the past when an event or a datagram is waiting."""
        if self._ready:
            return AT_ONCE
        deadlines = [call.due for call in self._calls.values()]
        return min((at for at in (self.server.next_timeout(), *deadlines) if at is not None), default=None)

    def complete(self, request_id: int, result: Any, now: int) -> None:
        """Bring back what storage answered."""
        self.server.complete(request_id, result, now)

    def on_too_large(self, burst: Burst) -> None:
        """The system refused datagrams of this size (EMSGSIZE)."""
        for call in self._calls.values():
            call.host.on_too_large(burst)
        self.server.on_too_large(burst)

    def check_invariants(self) -> None:
        """AssertionError when a rule is broken that must hold after every step: for simulations and tests."""
        for call in self._calls.values():
            call.host.check_invariants()
        self.server.check_invariants()

    def _use(self, address: Address, call: Call) -> None:
        if self._calls.get(address) is call:
            self._ready[address] = call


def _is_from_server(datagram: memoryview) -> bool:
    return len(datagram) > FLAGS_AT and bool(datagram[FLAGS_AT] & Flag.FROM_SERVER)


def _only(burst: Burst, *, is_from_server: bool) -> Burst:
    """The datagrams of one direction: still of one size, but for the last."""
    chosen = [datagram for datagram in burst.datagrams() if _is_from_server(datagram) is is_from_server]
    return Burst(burst.address, memoryview(b"".join(chosen)), burst.segment_size)

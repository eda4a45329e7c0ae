"""A node has one UDP port: for clients, for nodes that dial it, and for those that it dials."""

from __future__ import annotations

import pytest

from tests.peers.web import Web, address_of
from udpchat.chat.events import Joined
from udpchat.config import Config
from udpchat.crypto.identity import Identity
from udpchat.crypto.keys import ServerKeys
from udpchat.net.hosts import make_client, make_peer
from udpchat.protocol.datagrams import Burst
from udpchat.protocol.ports import StoreRequest, perform
from udpchat.store.memory import MemoryStore

STEP = 20_000  # us


def test_a_chat_client_and_a_neighbour_use_the_same_port() -> None:
    web = Web(1, 2, [(0, 1)]).knit()
    core = make_client(address_of(1), Config(), Identity(b"p" * 32), web.stream().randbytes, web.network.now)
    told: list[object] = []
    web.network.add(core.host, ("10.9.0.1", 5), lambda _, event, __: told.append(event))
    web.rest(0.5)
    core.chat.join("paula")
    web.network.settle()
    web.until(lambda: any(isinstance(event, Joined) for event in told))
    assert len(web.nodes[1].core.roster) == 1


class Loose:
    """A node whose datagrams somebody carries by hand. Without keys, two that dial one another keep both links."""

    def __init__(self, number: int, web: Web) -> None:
        keys, identity = ServerKeys.from_master(bytes([number]) * 32), Identity(bytes([number]) * 32)
        self.address = (f"10.0.0.{number}", 1)
        self.core = make_peer(f"n{number}", 1, Config(plaintext=True), keys, identity, web.stream().randbytes)
        self._store = MemoryStore(clock=lambda: 0, random_bytes=web.stream().randbytes)

    def drain(self, now: int) -> None:
        host = self.core.host
        while (event := host.next_event()) is not None:
            if isinstance(event, StoreRequest) and event.request_id:
                host.complete(event.request_id, perform(self._store, event), now)

    def send(self, now: int, *, merge: bool) -> list[Burst]:
        """All that it has to say; merged as an offloading kernel does it: equal sizes, the last may be shorter."""
        self.drain(now)
        groups: list[list[bytes]] = []
        for burst in self.core.host.datagrams_to_send(now):
            for data in map(bytes, burst.datagrams()):
                if merge and groups and len(groups[-1][-1]) == len(groups[-1][0]) >= len(data):
                    groups[-1].append(data)
                else:
                    groups.append([data])
        return [Burst(self.address, memoryview(bytearray(b"".join(group))), len(group[0])) for group in groups]

    def take(self, burst: Burst, now: int) -> None:
        self.core.host.receive_burst(burst, now)
        self.drain(now)


@pytest.mark.parametrize("merge", [False, True])
def test_a_burst_with_datagrams_of_both_directions_reaches_both(merge: bool) -> None:
    """Two nodes that are client and server of one another send all from one address."""
    web, mixed = Web(3, 0, []), 0
    ends = Loose(1, web), Loose(2, web)
    for here, there in (ends, ends[::-1]):
        here.core.host.dial(there.address, 0)
    for now in range(0, 60 * STEP, STEP):
        for here, there in (ends, ends[::-1]):
            for burst in here.send(now, merge=merge):
                mixed += len({datagram[5] & 1 for datagram in burst.datagrams()}) > 1
                there.take(burst, now)
            here.core.host.handle_timeout(now)
    assert [len(end.core.roster) for end in ends] == [2, 2]
    assert bool(mixed) is merge

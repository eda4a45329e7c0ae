"""Many connections of one server: whose turn it is, and when they are woken."""

from __future__ import annotations

from itertools import islice
from random import Random

import pytest

from udpchat.chat.events import Connected
from udpchat.config import MILLISECOND, Config
from udpchat.crypto.identity import Identity
from udpchat.crypto.keys import ServerKeys
from udpchat.net.hosts import ClientCore, make_client, make_server
from udpchat.protocol.connection import Connection
from udpchat.protocol.datagrams import Address, Burst
from udpchat.wire.records import Notice, encode_record

SERVER: Address = ("10.0.0.1", 27272)


class Asked(Connection):
    """Counts how often it was asked for something to send."""

    asked = 0

    def lone_message(self, now: int) -> Burst | None:
        self.asked += 1
        return super().lone_message(now)


class Crowd:
    """A server and clients that are connected to it; what the server sends is taken by the test."""

    def __init__(self, count: int) -> None:
        random = Random(f"crowd {count}")
        self.now = 0
        self.server = make_server(Config(), ServerKeys.from_master(random.randbytes(32)), random.randbytes)
        self.clients: dict[Address, ClientCore] = {}
        for number in range(count):
            identity = Identity(random.randbytes(32))
            self.clients["10.0.1.1", 1 + number] = make_client(SERVER, Config(), identity, random.randbytes, 0)
        for _ in range(60):
            self.exchange(self.take(), 5 * MILLISECOND)
        self.take()
        self.connections: list[Connection] = []
        for client in self.clients.values():
            assert client.endpoint.connection is not None
            self.connections.append(self.server.endpoint.connections[client.endpoint.connection.connection_id])

    def take(self, count: int | None = None) -> list[tuple[Address, bytes]]:
        """At most so many bursts of the server, which is then asked no more."""
        self.server.host.handle_timeout(self.now)
        bursts = islice(self.server.host.datagrams_to_send(self.now), count)
        return [(burst.address, bytes(burst.data)) for burst in bursts]

    def exchange(self, sent: list[tuple[Address, bytes]], step: int) -> None:
        """What the server sent arrives, and the answers of the clients come back."""
        self.now += step
        for address, data in sent:
            self.clients[address].host.receive_burst(Burst(SERVER, memoryview(data), len(data)), self.now)
        for address, client in self.clients.items():
            client.host.handle_timeout(self.now)
            while (event := client.host.next_event()) is not None:
                if isinstance(event, Connected):
                    client.chat.join(f"member{address[1]}")
            for burst in client.host.datagrams_to_send(self.now):
                answer = bytes(burst.data)
                self.server.host.receive_burst(Burst(address, memoryview(answer), burst.segment_size), self.now)
                while self.server.host.next_event() is not None:
                    pass

    def say(self, text: str, connections: list[Connection]) -> None:
        """A record to these."""
        encoded = encode_record(Notice(0, text))
        for each in connections:
            found = self.server.endpoint.find(each.connection_id)
            assert found is each
            found.send_encoded(encoded)


@pytest.mark.parametrize("quota", [1, 3, 8, None])
def test_a_line_goes_to_each_once_and_in_turn_however_few_datagrams_are_taken_at_a_time(quota: int | None) -> None:
    crowd = Crowd(20)
    crowd.say("hello", crowd.connections)
    sent: list[tuple[Address, bytes]] = []
    while taken := crowd.take(quota):
        sent += taken
    assert [address for address, _ in sent] == [each.address for each in crowd.connections]
    crowd.server.host.check_invariants()


def test_taking_one_datagram_at_a_time_asks_no_connection_twice() -> None:
    crowd = Crowd(20)
    for each in crowd.connections:
        each.__class__ = Asked
    crowd.say("hello", crowd.connections)
    while crowd.take(1):
        pass
    assert [each.asked for each in crowd.connections if isinstance(each, Asked)] == [1] * 20


def test_who_has_much_to_say_waits_for_the_others_after_each_burst() -> None:
    crowd = Crowd(4)
    crowd.say("x" * 4_000, crowd.connections[:2])
    crowd.say("hello", crowd.connections[2:])
    turns = [address[1] for address, _ in crowd.take()]
    assert turns == [1, 2, 3, 4, 1, 2, 1, 2]


def test_when_all_have_acknowledged_a_line_nobody_is_woken_for_it() -> None:
    crowd = Crowd(10)
    for _ in range(40):
        crowd.exchange(crowd.take(), 25 * MILLISECOND)
    at_rest = crowd.server.endpoint.next_timeout()
    crowd.say("hello", crowd.connections)
    sent = crowd.take()
    soon = crowd.server.endpoint.next_timeout()
    assert soon is not None
    assert soon < crowd.now + 100 * MILLISECOND, "a line that is not acknowledged is sent again"
    crowd.exchange(sent, 300)
    assert crowd.server.endpoint.next_timeout() == at_rest

"""A sealed or plaintext session that somebody watches, and the packets that she forges from what she saw."""

from __future__ import annotations

from collections import Counter

from scapy.packet import Packet

from tests.captures.layers import BODIES, UDPCHAT, element
from tests.captures.serving import Attacker, Running, Wire
from udpchat.net.client import Client
from udpchat.wire.numbers import PacketType
from udpchat.wire.schema import protocol_schema

EVE = "127.0.0.66"  # another host, as far as the server knows
RANGE = element(protocol_schema().packet("ACK").clear[-1].items)
UNSENT = 2**40  # a packet number that nobody comes to


class Scene:
    """anna is in a session whose datagrams eve could watch; eve speaks from a place of her own."""

    def __init__(self, running: Running, wire: Wire, anna: Client, eve: Attacker) -> None:
        self.running, self.wire, self.anna, self.eve = running, wire, anna, eve
        self.seen = UDPCHAT(next(packet for packet in wire.sent if packet[3] == PacketType.MSG))
        self._drops = running.drops()

    async def new_drops(self) -> Counter[str]:
        """What was dropped since the scene began, once all is looked at; nobody was answered."""
        assert await self.eve.answers() == []
        return self.running.drops() - self._drops

    async def assert_well(self) -> None:
        """Nothing has changed for anna."""
        assert self.running.places() == [self.wire.home]
        await self.anna.say("still here")
        assert self.running.nicks() == ["anna"]


def changed(seen: UDPCHAT, **fields: object) -> bytes:
    """The packet with other values in its header."""
    packet = seen.copy()
    for name, value in fields.items():
        packet.setfieldval(name, value)
    return bytes(packet)


def fresh(seen: UDPCHAT, body: Packet) -> bytes:
    """A new packet of the same session, with a checksum for a trailer."""
    return bytes(UDPCHAT(flags=seen.flags, connection_id=seen.connection_id, packet_number=UNSENT) / body)


def forged_ack(*runs: tuple[int, int], largest: int = UNSENT) -> Packet:
    ranges = [RANGE(start=start, stop=stop) for start, stop in runs]
    return BODIES["ACK"](largest=largest, received=1, window=2**32 - 1, ranges=ranges)

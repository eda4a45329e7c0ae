"""The worked example of docs/protocol.md, section 6: made by the real endpoints, and rewritten by

python tests/protocol/test_worked_example.py
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from udpchat.chat.events import Connected
from udpchat.config import Config
from udpchat.crypto.identity import Identity
from udpchat.crypto.keylog import LoggedKey, parse_line
from udpchat.crypto.keys import ServerKeys, public_key
from udpchat.crypto.noise import NoiseInitiator
from udpchat.crypto.traffic_keys import DirectionKey
from udpchat.net.hosts import ClientCore, ServerCore, make_client, make_server
from udpchat.protocol.datagrams import Address, Burst
from udpchat.protocol.handshake import prologue
from udpchat.protocol.ports import StoreRequest, perform
from udpchat.store.memory import MemoryStore
from udpchat.wire.codec import Reply, decode
from udpchat.wire.numbers import PacketType
from udpchat.wire.records import Join, Welcome, decode_record

DOCUMENT = Path(__file__).parents[2] / "docs" / "protocol.md"
START, END = "<!-- generated:example -->", "<!-- /generated -->"

SERVER: Address = ("10.0.0.1", 27272)
CLIENT: Address = ("10.0.0.2", 40_000)
HOP = 1_000  # us from one end to the other
WALL = 1_767_225_600_000_000  # 2026-01-01, in us
MASTER = bytes(range(32))

ATTEMPT_ID = bytes.fromhex("a0a1a2a3a4a5a6a7")
CLIENT_EPHEMERAL = bytes(range(0x20, 0x40))
SERVER_EPHEMERAL = bytes(range(0x40, 0x60))
IDENTITY = bytes(range(0x60, 0x80))
CLIENT_ID = bytes(range(0x80, 0x90))


class Dice:
    """Randomness out of a list for each size; zero bytes where the example does not depend on it."""

    def __init__(self, *values: bytes) -> None:
        self._values: dict[int, list[bytes]] = defaultdict(list)
        for value in values:
            self._values[len(value)].append(value)

    def __call__(self, size: int) -> bytes:
        values = self._values[size]
        return values.pop(0) if values else bytes(size)


class Exchange:
    """The datagrams of a join, in the order in which they were sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.keys: list[LoggedKey] = []
        dice = Dice(ATTEMPT_ID, CLIENT_EPHEMERAL, CLIENT_ID)
        self.client = make_client(SERVER, Config(), Identity(IDENTITY), dice, 0, keylog=self._on_key)
        self.server_keys = ServerKeys.from_master(MASTER)
        self.server = make_server(
            Config(), self.server_keys, Dice(b"\xb0\xb1\xb2\xb3\xb4", SERVER_EPHEMERAL), wall_offset=WALL
        )
        self._store = MemoryStore(clock=lambda: WALL, random_bytes=bytes)
        for turn in range(4):
            self._send(self.client, self.server, CLIENT, 2 * turn * HOP)
            self._send(self.server, self.client, SERVER, (2 * turn + 1) * HOP)

    def _on_key(self, line: str) -> None:
        self.keys.append(parse_line(line))

    def _send(self, source: ClientCore | ServerCore, to: ClientCore | ServerCore, address: Address, now: int) -> None:
        for burst in source.host.datagrams_to_send(now):
            for datagram in burst.datagrams():
                copy = bytes(datagram)
                self.sent.append(copy)
                to.host.receive_burst(Burst(address, memoryview(copy), len(copy)), now + HOP)
                self._act(to, now + HOP)

    def _act(self, core: ClientCore | ServerCore, now: int) -> None:
        """Let the client join once it is connected, and the server's storage answer at once."""
        while (event := core.host.next_event()) is not None:
            if isinstance(event, Connected) and isinstance(core, ClientCore):
                core.chat.join("ann")
            elif isinstance(event, StoreRequest):
                result = perform(self._store, event)
                if event.request_id:
                    core.host.complete(event.request_id, result, now)

    def first(self, packet_type: PacketType, sender: int) -> bytes:
        """The first packet of a type from the client (0) or the server (1)."""
        return next(datagram for datagram in self.sent if datagram[3] == packet_type and datagram[5] & 1 == sender)

    def key(self, direction: str) -> LoggedKey:
        """The key of a direction."""
        return next(key for key in self.keys if key.direction == direction)

    def opened(self, datagram: bytes) -> tuple[bytes, bytes, bytes]:
        """Nonce, associated data and plaintext of a sealed packet."""
        packet = decode(datagram)
        logged = self.key("server" if datagram[5] & 1 else "client")
        key, plain = DirectionKey(logged.key, logged.iv), bytearray(len(packet.sealed) - 16)
        nonce = key.nonce(packet.header.packet_number)
        key.cipher.decrypt_into(nonce, packet.sealed, packet.associated, memoryview(plain))
        return nonce, bytes(packet.associated), bytes(plain)


def hexes(data: bytes, width: int = 32) -> Iterator[str]:
    """Lines of hex, long runs of zero bytes in words."""
    for piece in re.split(rb"(\x00{48,})", data):
        if len(piece) >= 48 and not piece.strip(b"\x00"):
            yield f"[{len(piece)} zero bytes]"
        else:
            yield from (piece[at : at + width].hex() for at in range(0, len(piece), width))


def block(*lines: str) -> str:
    return "\n".join(["```", *lines, "```", ""])


def value(name: str, data: bytes) -> list[str]:
    return [f"{name if not at else '':<26}{line}".rstrip() for at, line in enumerate(hexes(data))]


def datagram_block(datagram: bytes) -> str:
    return block(*hexes(datagram))


def sealed_part(exchange: Exchange, title: str, datagram: bytes) -> Iterator[str]:
    nonce, associated, plain = exchange.opened(datagram)
    yield f"**{title}, {len(datagram)} bytes**\n"
    lines = [f"  {line}" for line in hexes(datagram)]
    yield block(*value("nonce", nonce), *value("associated data", associated), *value("plaintext", plain), *lines)


def example() -> str:
    """Section 6, from the first value to the last datagram."""
    exchange = Exchange()
    hellos = [datagram for datagram in exchange.sent if datagram[3] == PacketType.HELLO]
    reply = exchange.first(PacketType.REPLY, 1)
    message = decode(reply).clear
    assert isinstance(message, Reply)
    start = prologue(ATTEMPT_ID, sealed=True)
    noise = NoiseInitiator(start, CLIENT_EPHEMERAL)
    noise.write_hello()
    params = noise.read_reply(message.noise)
    client_secret, server_secret = noise.split()
    parts = [
        "**What the ends start with**\n",
        block(
            *value("attempt id", ATTEMPT_ID),
            *value("client ephemeral private", CLIENT_EPHEMERAL),
            *value("client ephemeral public", noise.ephemeral_public),
            *value("server static private", exchange.server_keys.static_private),
            *value("server static public", exchange.server_keys.static_public),
            *value("server ephemeral private", SERVER_EPHEMERAL),
            *value("server ephemeral public", public_key(SERVER_EPHEMERAL)),
            *value("cookie secret", exchange.server_keys.cookie_secret),
            *value("identity private", IDENTITY),
            *value("identity public", Identity(IDENTITY).public),
            *value("client_id", CLIENT_ID),
        ),
        f"**HELLO without a cookie, {len(hellos[0])} bytes**\n",
        datagram_block(hellos[0]),
        "**COOKIE, 61 bytes** (the server's clock is at 1 ms)\n",
        datagram_block(exchange.first(PacketType.COOKIE, 1)),
        f"**HELLO with the cookie, {len(hellos[1])} bytes**\n",
        datagram_block(hellos[1]),
        f"**REPLY, {len(reply)} bytes**\n",
        datagram_block(reply),
        "**What both ends know now**\n",
        block(
            *value("prologue", start),
            *value("params", params),
            *value("handshake hash", noise.handshake_hash),
            *value("client_secret", client_secret),
            *value("server_secret", server_secret),
            *value("client key, epoch 0", exchange.key("client").key),
            *value("client iv, epoch 0", exchange.key("client").iv),
            *value("server key, epoch 0", exchange.key("server").key),
            *value("server iv, epoch 0", exchange.key("server").iv),
        ),
        *sealed_part(exchange, 'MSG number 0 of the client: JOIN as "ann"', exchange.first(PacketType.MSG, 0)),
        *sealed_part(
            exchange,
            "ACK of it and of a PROBE behind it, number 0 of the server",
            exchange.first(PacketType.ACK, 1),
        ),
        *sealed_part(exchange, "MSG number 1 of the server: WELCOME", exchange.first(PacketType.MSG, 1)),
    ]
    return "\n".join(parts)


def test_the_worked_example_of_the_document_is_what_the_endpoints_do() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    written = text.partition(START)[2].partition(END)[0].strip()
    assert written == example().strip(), "stale: run python tests/protocol/test_worked_example.py"


def test_the_join_of_the_example_is_signed_for_its_handshake_and_welcomed() -> None:
    exchange = Exchange()
    _, _, join = exchange.opened(exchange.first(PacketType.MSG, 0))
    record = decode_record(join[4], join[9:])
    assert isinstance(record, Join)
    assert (record.nick, record.identity, record.client_id) == ("ann", Identity(IDENTITY).public, CLIENT_ID)
    _, _, welcome = exchange.opened(exchange.first(PacketType.MSG, 1))
    assert isinstance(decode_record(welcome[4], welcome[9:]), Welcome)


def main() -> None:
    """Write the example into the document."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    after = rest.partition(END)[2]
    DOCUMENT.write_text(f"{before}{START}\n\n{example().strip()}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()

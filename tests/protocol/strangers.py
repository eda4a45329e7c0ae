"""A server endpoint and datagrams made by hand."""

from __future__ import annotations

from random import Random

from udpchat.config import Config
from udpchat.crypto.keys import ServerKeys
from udpchat.crypto.noise import NoiseInitiator
from udpchat.protocol.datagrams import Address, Burst
from udpchat.protocol.endpoint import ServerEndpoint
from udpchat.wire.codec import Cookie, Hello, Reply, Version, decode, encode_handshake
from udpchat.wire.numbers import Flag, PacketType

HOME: Address = ("10.0.1.1", 40_000)
ATTEMPT = b"attempt1"


def endpoint(config: Config | None = None, seed: int = 1) -> ServerEndpoint:
    """A server; the same seed gives the same keys."""
    random = Random(seed)
    return ServerEndpoint(config or Config(), ServerKeys.from_master(random.randbytes(32)), random.randbytes)


def ephemeral(number: int = 1) -> bytes:
    """A client's ephemeral public key."""
    return NoiseInitiator(b"", bytes([number % 256]) * 31 + b"\x01").ephemeral_public


def hello(cookie: bytes = b"", attempt: bytes = ATTEMPT, key: bytes | None = None, flags: int = Flag.SEALED) -> bytes:
    """A HELLO datagram."""
    return encode_handshake(PacketType.HELLO, flags, attempt, 0, Hello(key or ephemeral(), 1, cookie))


def answers(
    server: ServerEndpoint, datagram: bytes, now: int = 0, address: Address = HOME
) -> list[tuple[Address, bytes]]:
    """What the server sends when this datagram has come: (address, datagram)."""
    server.receive_burst(Burst(address, memoryview(bytearray(datagram)), len(datagram)), now)
    while server.next_event() is not None:
        pass
    return [(burst.address, bytes(burst.data)) for burst in server.datagrams_to_send(now)]


def cookie_for(server: ServerEndpoint, now: int = 0, address: Address = HOME, attempt: bytes = ATTEMPT) -> bytes:
    """The cookie that a HELLO without one brings."""
    ((_, answer),) = answers(server, hello(attempt=attempt), now, address)
    clear = decode(answer).clear
    assert isinstance(clear, Cookie)
    return clear.cookie


def kind(found: list[tuple[Address, bytes]]) -> type | None:
    """What a single answer is; None when there is none."""
    if not found:
        return None
    ((_, datagram),) = found
    clear = decode(datagram).clear
    assert isinstance(clear, Cookie | Reply | Version)
    return type(clear)


def tick(server: ServerEndpoint, until: int) -> list[bytes]:
    """Let time pass; all that the server sends meanwhile."""
    sent: list[bytes] = []
    for _ in range(10_000):
        deadline = server.next_timeout()
        if deadline is None or deadline > until:
            return sent
        server.handle_timeout(deadline)
        sent += [bytes(burst.data) for burst in server.datagrams_to_send(deadline)]
    raise AssertionError("the server does not come to rest")

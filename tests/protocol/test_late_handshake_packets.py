"""Packets of the handshake that carry the id of a connection: they must not reach what is done with sealed packets."""

from random import Random

import pytest

from udpchat.config import Config
from udpchat.crypto.keylog import parse_line
from udpchat.crypto.keys import ServerKeys
from udpchat.crypto.plain import checksum_trailer
from udpchat.crypto.traffic_keys import DirectionKey
from udpchat.protocol.datagrams import Address, Burst
from udpchat.protocol.endpoint import ClientEndpoint, ServerEndpoint
from udpchat.wire.codec import Clear, Cookie, Hello, Reply, Version, encode_associated, encode_handshake
from udpchat.wire.numbers import Flag, PacketType

SERVER: Address = ("10.0.0.1", 27272)
CLIENT: Address = ("10.0.0.2", 40_000)
LATER = 10_000  # us
LATE: list[tuple[PacketType, Clear | None]] = [
    (PacketType.HELLO, Hello(bytes(32), 0)),
    (PacketType.COOKIE, Cookie(b"cookie")),
    (PacketType.REPLY, Reply(b"noise")),
    (PacketType.VERSION, Version(1, 1, 1)),
    (PacketType.RESET, None),
]


def burst(address: Address, datagram: bytes) -> Burst:
    return Burst(address, memoryview(datagram), len(datagram))


def connected(config: Config) -> tuple[ServerEndpoint, bytes, list[str]]:
    """A server after the handshake with a client, the connection id, and the client's key log. 10 ms have passed."""
    random, keys = Random(7), list[str]()
    server = ServerEndpoint(config, ServerKeys.from_master(random.randbytes(32)), random.randbytes)
    client = ClientEndpoint(SERVER, config, random.randbytes, 0, keylog=keys.append)
    for now in range(0, LATER, 1_000):
        for sent in client.datagrams_to_send(now):
            server.receive_burst(burst(CLIENT, bytes(sent.data)), now)
        for sent in server.datagrams_to_send(now):
            client.receive_burst(burst(SERVER, bytes(sent.data)), now)
    assert client.connection is not None
    return server, client.connection.connection_id, keys


def sealed(keys: list[str], packet_type: PacketType, clear: Clear | None) -> bytes:
    """A packet under the client's key."""
    logged = next(parse_line(line) for line in keys if " client " in line)
    key, number, trailer = DirectionKey(logged.key, logged.iv), 500, bytearray(16)
    associated = encode_associated(packet_type, Flag.SEALED, logged.connection_id, number, clear, 0)
    key.cipher.encrypt_into(key.nonce(number), b"", associated, memoryview(trailer))
    return associated + trailer


def is_dropped(server: ServerEndpoint, connection_id: bytes, datagram: bytes) -> bool:
    """Whether this is a counted drop that leaves the connection as it was."""
    server.receive_burst(burst(CLIENT, datagram), LATER)
    connection = server.find(connection_id)
    return connection is not None and connection.is_alive and connection.receiver.drops["unexpected"] == 1


@pytest.mark.parametrize(("packet_type", "clear"), LATE)
def test_a_late_handshake_packet_of_a_plaintext_connection_is_a_counted_drop(
    packet_type: PacketType, clear: Clear | None
) -> None:
    server, connection_id, _ = connected(Config(plaintext=True))
    if clear is not None:
        datagram = encode_handshake(packet_type, 0, connection_id, 500, clear)
    else:
        associated = encode_associated(packet_type, 0, connection_id, 500, None, 0)
        datagram = associated + checksum_trailer(associated)
    assert is_dropped(server, connection_id, datagram)


@pytest.mark.parametrize(("packet_type", "clear"), LATE)
def test_a_handshake_packet_that_a_peer_has_sealed_is_a_counted_drop(
    packet_type: PacketType, clear: Clear | None
) -> None:
    server, connection_id, keys = connected(Config())
    assert is_dropped(server, connection_id, sealed(keys, packet_type, clear))

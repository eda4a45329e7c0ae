"""A server that has sent its REPLY says nothing more until the client has spoken under the new keys."""

from random import Random

from udpchat.config import HALF_OPEN_TIMEOUT, MILLISECOND, Config
from udpchat.crypto.keys import ServerKeys
from udpchat.protocol.datagrams import Address, Burst
from udpchat.protocol.endpoint import ClientEndpoint, ServerEndpoint
from udpchat.wire.numbers import PacketType

SERVER: Address = ("10.0.0.1", 27272)
CLIENT: Address = ("10.0.0.2", 40_000)


def test_a_half_open_connection_gets_its_reply_and_then_silence() -> None:
    random = Random(11)
    server = ServerEndpoint(Config(), ServerKeys.from_master(random.randbytes(32)), random.randbytes)
    client = ClientEndpoint(SERVER, Config(), random.randbytes, 0)
    answers: list[bytes] = []
    for now in (0, MILLISECOND):
        for sent in client.datagrams_to_send(now):
            server.receive_burst(Burst(CLIENT, sent.data, len(sent.data)), now)
        for answer in server.datagrams_to_send(now):
            answers.append(bytes(answer.data))
            client.receive_burst(Burst(SERVER, answer.data, len(answer.data)), now)
    for now in range(0, 2 * HALF_OPEN_TIMEOUT, 50 * MILLISECOND):
        server.handle_timeout(now)
        answers += [bytes(answer.data) for answer in server.datagrams_to_send(now)]
    assert [datagram[3] for datagram in answers] == [PacketType.COOKIE, PacketType.REPLY]
    assert not server.connections

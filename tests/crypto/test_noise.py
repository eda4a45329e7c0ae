from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from udpchat.crypto.keys import public_key
from udpchat.crypto.noise import HELLO_OVERHEAD, MAX_MESSAGE, REPLY_OVERHEAD, NoiseInitiator, NoiseResponder
from udpchat.errors import AuthenticationError, UsageError

# Transcript of Noise_NX_25519_ChaChaPoly_BLAKE2s recorded with noiseprotocol 0.3.1 from PyPI, both halves its own;
# dissononce 0.34.3 makes the same two messages and the same hash. The private keys are the SHA-256 of
# "udpchat noise test, initiator ephemeral", "... responder ephemeral" and "... responder static".
PROLOGUE = b"udpchat test prologue"
INITIATOR_EPHEMERAL = bytes.fromhex("c5f606caa9ac62f0fc4a525605966ff18738993df6885b64090ac925c0eca732")
RESPONDER_EPHEMERAL = bytes.fromhex("01331bb3fc9afb2e12607aac5a89f7c6f2a205c5ae581169496bd58c749f92d7")
RESPONDER_STATIC = bytes.fromhex("b4068658e91f36c67cc5b6fb233c17b60549848e47dfd55f76067fc3d43a369f")
HELLO_PAYLOAD = b"hello payload"
REPLY_PAYLOAD = b"reply payload"
HELLO = bytes.fromhex("cc355724faf5e52dbb0947a75d60939886e8cdc34a9842650b1ed8af7970e74d68656c6c6f207061796c6f6164")
REPLY = bytes.fromhex(
    "4bc9e377d14cf1248ec3706b016e075cf92d2ad4e77fd793cede4f093a236c36d73d0f136f831620858b961af6662b79f620e4803fac7774"
    "b904494d34716e1ebd50abde37918704ed53f4f10088ce983de272c8c93a3d81b99874ee0b061e8d927111e6ce08f2569fec92dedf"
)
HANDSHAKE_HASH = bytes.fromhex("8eeeddb1ff72bf21fdac3415637133b93f74f0e300b45ee5e431ee734270d46a")
CLIENT_TO_SERVER = bytes.fromhex("eedfbefa19c5828911aa3d36c3ae55d1e404a5140585dcb7a504eecab4f1feb4")
SERVER_TO_CLIENT = bytes.fromhex("55454317fa4e4aac2bbd19f803f85b65e73b2c202a2e4f080b99658247fe2536")

# Encodings of points of small order on Curve25519 (RFC 7748 section 6.1): with them every shared secret is zero.
LOW_ORDER = [
    bytes(32),
    (1).to_bytes(32, "little"),
    (2**255 - 20).to_bytes(32, "little"),
    (2**255 - 19).to_bytes(32, "little"),
]


def initiator(prologue: bytes = PROLOGUE) -> NoiseInitiator:
    return NoiseInitiator(prologue, INITIATOR_EPHEMERAL)


def responder(prologue: bytes = PROLOGUE) -> NoiseResponder:
    return NoiseResponder(prologue, RESPONDER_STATIC, RESPONDER_EPHEMERAL)


def waiting_initiator() -> NoiseInitiator:
    client = initiator()
    client.write_hello(HELLO_PAYLOAD)
    return client


def test_initiator_repeats_the_recorded_transcript() -> None:
    client = initiator()
    assert client.write_hello(HELLO_PAYLOAD) == HELLO
    assert client.read_reply(REPLY) == REPLY_PAYLOAD
    assert client.handshake_hash == HANDSHAKE_HASH
    assert client.server_public == public_key(RESPONDER_STATIC)
    assert client.split() == (CLIENT_TO_SERVER, SERVER_TO_CLIENT)


def test_responder_repeats_the_recorded_transcript() -> None:
    server = responder()
    assert server.read_hello(HELLO) == HELLO_PAYLOAD
    assert server.write_reply(REPLY_PAYLOAD) == REPLY
    assert server.handshake_hash == HANDSHAKE_HASH
    assert server.split() == (CLIENT_TO_SERVER, SERVER_TO_CLIENT)


def test_message_1_is_the_ephemeral_key_and_the_payload() -> None:
    client = initiator()
    assert client.write_hello() == client.ephemeral_public == HELLO[:32]


@settings(max_examples=25, deadline=None)
@given(
    keys=st.lists(st.binary(min_size=32, max_size=32), min_size=3, max_size=3),
    prologue=st.binary(max_size=40),
    payloads=st.tuples(st.binary(max_size=200), st.binary(max_size=200)),
)
def test_both_ends_agree_whatever_the_keys_and_payloads(
    keys: list[bytes], prologue: bytes, payloads: tuple[bytes, bytes]
) -> None:
    client, server = NoiseInitiator(prologue, keys[0]), NoiseResponder(prologue, keys[1], keys[2])
    assert server.read_hello(client.write_hello(payloads[0])) == payloads[0]
    assert client.read_reply(server.write_reply(payloads[1])) == payloads[1]
    assert client.split() == server.split()
    assert client.handshake_hash == server.handshake_hash
    assert client.server_public == public_key(keys[1])


def test_reply_with_any_byte_changed_is_refused() -> None:
    client = waiting_initiator()
    for at in range(len(REPLY)):
        with pytest.raises(AuthenticationError):
            client.read_reply(REPLY[:at] + bytes([REPLY[at] ^ 0x80]) + REPLY[at + 1 :])


def test_reply_of_any_other_length_is_refused() -> None:
    client = waiting_initiator()
    for size in range(len(REPLY)):
        with pytest.raises(AuthenticationError):
            client.read_reply(REPLY[:size])
    for longer in (REPLY + b"\0", REPLY + bytes(MAX_MESSAGE)):
        with pytest.raises(AuthenticationError):
            client.read_reply(longer)


def test_true_reply_is_read_after_forged_ones() -> None:
    client = waiting_initiator()
    forger = NoiseResponder(PROLOGUE, bytes(32), bytes(range(32)))
    forger.read_hello(HELLO)
    for forged in (REPLY[:-1] + b"\0", bytes(len(REPLY)), b"", forger.write_reply(b"")[:-1] + b"\0"):
        with pytest.raises(AuthenticationError):
            client.read_reply(forged)
    assert client.read_reply(REPLY) == REPLY_PAYLOAD
    assert client.split() == (CLIENT_TO_SERVER, SERVER_TO_CLIENT)


@pytest.mark.parametrize("point", LOW_ORDER)
def test_public_key_of_low_order_is_refused_by_both_ends(point: bytes) -> None:
    with pytest.raises(AuthenticationError, match="low order"):
        responder().read_hello(point + HELLO_PAYLOAD)
    with pytest.raises(AuthenticationError, match="low order"):
        waiting_initiator().read_reply(point + REPLY[32:])


@pytest.mark.parametrize("size", [0, HELLO_OVERHEAD - 1, MAX_MESSAGE + 1])
def test_hello_of_an_impossible_length_is_refused(size: int) -> None:
    with pytest.raises(AuthenticationError):
        responder().read_hello(bytes(size))


def test_other_prologue_makes_the_reply_fail() -> None:
    client, server = waiting_initiator(), responder(b"another")
    server.read_hello(HELLO)
    with pytest.raises(AuthenticationError):
        client.read_reply(server.write_reply())


def test_hello_changed_on_the_way_makes_the_reply_fail() -> None:
    client, server = waiting_initiator(), responder()
    server.read_hello(HELLO + b"more")
    with pytest.raises(AuthenticationError):
        client.read_reply(server.write_reply())


def test_steps_out_of_order_are_our_mistake() -> None:
    client, server = initiator(), responder()
    steps: list[Callable[[], object]] = [
        client.split,
        server.split,
        server.write_reply,
        lambda: client.read_reply(REPLY),
        lambda: client.server_public,
        lambda: client.handshake_hash,
        lambda: server.handshake_hash,
    ]
    for step in steps:
        with pytest.raises(UsageError):
            step()


def test_steps_taken_twice_are_our_mistake() -> None:
    client, server = initiator(), responder()
    server.read_hello(client.write_hello())
    reply = server.write_reply()
    client.read_reply(reply)
    steps: list[Callable[[], object]] = [
        client.write_hello,
        server.write_reply,
        lambda: client.read_reply(reply),
        lambda: server.read_hello(HELLO),
    ]
    for step in steps:
        with pytest.raises(UsageError):
            step()


def test_keys_of_another_size_are_our_mistake() -> None:
    with pytest.raises(UsageError):
        NoiseInitiator(PROLOGUE, bytes(31))
    with pytest.raises(UsageError):
        NoiseResponder(PROLOGUE, bytes(33), bytes(32))


def test_payload_fills_a_noise_message_and_no_more() -> None:
    server = responder()
    server.read_hello(HELLO)
    with pytest.raises(UsageError):
        server.write_reply(bytes(MAX_MESSAGE - REPLY_OVERHEAD + 1))
    assert len(server.write_reply(bytes(MAX_MESSAGE - REPLY_OVERHEAD))) == MAX_MESSAGE
    with pytest.raises(UsageError):
        initiator().write_hello(bytes(MAX_MESSAGE - HELLO_OVERHEAD + 1))

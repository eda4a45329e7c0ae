"""One packet at a time, and what holds for both protections."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from udpchat.crypto.sealing import PlainProtection, Protection, SealedProtection, checksum_trailer
from udpchat.errors import AuthenticationError, UsageError

CLIENT_SECRET = bytes(range(32))
SERVER_SECRET = bytes(range(32, 64))
CLEAR = b"a clear part of 24 bytes"
BODY = b"chat"

Pair = Callable[[], tuple[Protection, Protection]]


def sealed_pair() -> tuple[Protection, Protection]:
    return SealedProtection(CLIENT_SECRET, SERVER_SECRET), SealedProtection(SERVER_SECRET, CLIENT_SECRET)


def plain_pair() -> tuple[Protection, Protection]:
    return PlainProtection(), PlainProtection()


both = pytest.mark.parametrize("pair", [sealed_pair, plain_pair])


def seal(protection: Protection, packet_number: int, body: bytes = BODY, clear: bytes = CLEAR) -> bytes:
    out = bytearray(len(body) + 16)
    protection.seal_into(packet_number, body, clear, memoryview(out))
    return bytes(out)


def unseal(protection: Protection, packet_number: int, phase: int, sealed: bytes, clear: bytes = CLEAR) -> bytes:
    out = bytearray(max(0, len(sealed) - 16))
    protection.open_into(packet_number, phase, sealed, clear, memoryview(out))
    return bytes(out)


@both
@settings(max_examples=30)
@given(number=st.integers(0, 2**53 - 1), body=st.binary(max_size=100), clear=st.binary(max_size=100))
def test_what_one_end_seals_the_other_opens(pair: Pair, number: int, body: bytes, clear: bytes) -> None:
    client, server = pair()
    for sender, receiver in ((client, server), (server, client)):
        assert unseal(receiver, number, 0, seal(sender, number, body, clear), clear) == body


@both
def test_every_flipped_bit_of_a_packet_is_noticed(pair: Pair) -> None:
    client, server = pair()
    packet = CLEAR + seal(client, 7)
    for bit in range(8 * len(packet)):
        damaged = bytearray(packet)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(AuthenticationError):
            unseal(server, 7, 0, bytes(damaged[len(CLEAR) :]), bytes(damaged[: len(CLEAR)]))
    assert unseal(server, 7, 0, packet[len(CLEAR) :]) == BODY


@both
@pytest.mark.parametrize("size", range(len(BODY) + 16))
def test_shortened_packet_is_refused(pair: Pair, size: int) -> None:
    client, server = pair()
    with pytest.raises(AuthenticationError):
        unseal(server, 7, 0, seal(client, 7)[:size])


@both
def test_buffer_of_another_size_is_our_mistake(pair: Pair) -> None:
    client, server = pair()
    sealed = seal(client, 0)
    for wrong in (-1, 1):
        with pytest.raises((ValueError, UsageError)):
            client.seal_into(0, BODY, CLEAR, memoryview(bytearray(len(sealed) + wrong)))
        with pytest.raises((ValueError, UsageError)):
            server.open_into(0, 0, sealed, CLEAR, memoryview(bytearray(len(BODY) + wrong)))


def test_sealed_body_is_not_on_the_wire() -> None:
    client, _ = sealed_pair()
    assert BODY not in seal(client, 0)


def test_packet_number_is_authenticated() -> None:
    client, server = sealed_pair()
    with pytest.raises(AuthenticationError):
        unseal(server, 8, 0, seal(client, 7))


def test_own_packet_thrown_back_is_refused() -> None:
    client, _ = sealed_pair()
    with pytest.raises(AuthenticationError):
        unseal(client, 7, 0, seal(client, 7))


def test_plain_packet_is_refused_by_a_sealed_session_and_the_reverse() -> None:
    sealed_client, sealed_server = sealed_pair()
    plain_client, plain_server = plain_pair()
    with pytest.raises(AuthenticationError):
        unseal(sealed_server, 7, 0, seal(plain_client, 7))
    with pytest.raises(AuthenticationError):
        unseal(plain_server, 7, 0, seal(sealed_client, 7))


def test_plain_trailer_is_the_crc_of_the_packet_and_zero_bytes() -> None:
    # The CRC-32 of "123456789" is cbf43926 (the check value of every CRC catalogue).
    out = bytearray(5 + 16)
    PlainProtection().seal_into(0, b"56789", b"1234", memoryview(out))
    assert out == b"56789" + bytes.fromhex("cbf43926") + bytes(12)
    assert checksum_trailer(b"123456789") == out[5:]


def test_plain_packet_that_claims_a_key_phase_is_refused() -> None:
    client, server = plain_pair()
    with pytest.raises(AuthenticationError):
        unseal(server, 7, 1, seal(client, 7))


def test_plain_session_never_asks_for_a_key_update() -> None:
    client, _ = plain_pair()
    seal(client, 0)
    client.forget_previous()
    assert (client.key_phase, client.packets_sealed) == (0, 0)
    assert (client.send_key_behind, client.may_update, client.holds_previous) == (False, False, False)
    with pytest.raises(UsageError):
        client.update_send_key()

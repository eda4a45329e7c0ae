"""What a server says to those it does not know: little, never more than came in, and without remembering them."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from tests.protocol.strangers import ATTEMPT, HOME, answers, cookie_for, endpoint, ephemeral, hello, kind, tick
from tests.wire.examples import PACKETS
from udpchat.config import COOKIE_LIFETIME, HALF_OPEN_TIMEOUT, HELLO_SIZE, MILLISECOND, SECOND, Config
from udpchat.crypto.connection_ids import ConnectionIds
from udpchat.crypto.keys import ServerKeys
from udpchat.crypto.plain import checksum_trailer
from udpchat.wire.codec import Cookie, Reply, Version, decode
from udpchat.wire.numbers import Flag, PacketType
from udpchat.wire.packets import VERSION

STRANGER = ("10.9.9.9", 999)


def test_hello_without_a_cookie_brings_a_smaller_cookie_and_no_state() -> None:
    server = endpoint()
    ((address, answer),) = answers(server, hello())
    assert (address, type(decode(answer).clear)) == (HOME, Cookie)
    assert len(answer) <= 64
    assert not server.connections


def test_a_cookie_is_good_until_its_lifetime_ends() -> None:
    for age, expected in ((0, Reply), (COOKIE_LIFETIME, Reply), (COOKIE_LIFETIME + MILLISECOND, Cookie)):
        server = endpoint()
        cookie = cookie_for(server, now=SECOND)
        assert kind(answers(server, hello(cookie), SECOND + age)) is expected


@pytest.mark.parametrize(
    ("change", "address"),
    [
        (hello, ("10.0.1.2", 40_000)),
        (hello, ("10.0.1.1", 40_001)),
        (lambda cookie: hello(cookie, attempt=b"attempt2"), HOME),
        (lambda cookie: hello(cookie, key=ephemeral(2)), HOME),
        (lambda cookie: hello(cookie[:-1]), HOME),
        (lambda cookie: hello(cookie + b"\0"), HOME),
        (lambda cookie: hello(bytes([cookie[0] ^ 1]) + cookie[1:]), HOME),
        (lambda cookie: hello(cookie[:-1] + bytes([cookie[-1] ^ 1])), HOME),
    ],
)
def test_a_cookie_for_another_hello_brings_only_a_new_cookie(
    change: Callable[[bytes], bytes], address: tuple[str, int]
) -> None:
    server = endpoint()
    assert kind(answers(server, change(cookie_for(server)), address=address)) is Cookie
    assert not server.connections


def test_a_repeated_hello_gets_the_same_reply_again() -> None:
    server = endpoint()
    datagram = hello(cookie_for(server))
    first = answers(server, datagram)
    assert kind(first) is Reply
    assert answers(server, datagram, SECOND) == first
    assert len(server.connections) == 1


def test_a_hello_with_another_key_for_a_running_attempt_is_dropped() -> None:
    server = endpoint()
    answers(server, hello(cookie_for(server)))
    assert answers(server, hello(key=ephemeral(2))) == []
    assert server.drops["other-ephemeral"] == 1


def test_a_half_open_connection_says_nothing_by_itself_and_is_forgotten() -> None:
    server = endpoint()
    answers(server, hello(cookie_for(server)))
    assert tick(server, HALF_OPEN_TIMEOUT - 1) == []
    assert len(server.connections) == 1
    assert tick(server, HALF_OPEN_TIMEOUT) == []
    assert not server.connections
    assert server.next_event() is None


def _attempts(server_config: Config, count: int, hosts: int = 1) -> tuple[int, dict[str, int]]:
    """Connections after so many attempts, from one host or several, and the drops."""
    server = endpoint(server_config)
    for number in range(count):
        address, attempt = (f"10.0.1.{number % hosts}", 40_000 + number), number.to_bytes(8, "big")
        answers(server, hello(cookie_for(server, address=address, attempt=attempt), attempt), address=address)
        server.check_invariants()
    return len(server.connections), dict(server.drops)


@pytest.mark.parametrize("attempts", [2, 3, 4])
def test_half_open_connections_are_capped(attempts: int) -> None:
    refused = {"half-open-limit": 1} if attempts > 3 else {}
    assert _attempts(Config(max_half_open=3), attempts) == (min(attempts, 3), refused)


@pytest.mark.parametrize("attempts", [2, 3, 4])
def test_connections_are_capped(attempts: int) -> None:
    refused = {"connection-limit": 1} if attempts > 3 else {}
    assert _attempts(Config(max_connections=3), attempts, hosts=4) == (min(attempts, 3), refused)


@pytest.mark.parametrize("attempts", [2, 3, 4])
def test_connections_from_one_host_are_capped(attempts: int) -> None:
    refused = {"connection-limit": 1} if attempts > 3 else {}
    assert _attempts(Config(max_per_address=3), attempts) == (min(attempts, 3), refused)
    assert _attempts(Config(max_per_address=3), attempts, hosts=2) == (attempts, {})


@pytest.mark.parametrize("attempts", [2, 3, 4])
def test_joins_of_one_host_in_a_second_are_capped(attempts: int) -> None:
    refused = {"join-limit": 1} if attempts > 3 else {}
    assert _attempts(Config(max_joins_per_second=3), attempts) == (min(attempts, 3), refused)


def test_a_connection_that_is_forgotten_makes_room_for_another() -> None:
    server = endpoint(Config(max_half_open=1, max_per_address=1))
    answers(server, hello(cookie_for(server)))
    tick(server, HALF_OPEN_TIMEOUT)
    cookie = cookie_for(server, HALF_OPEN_TIMEOUT)
    assert kind(answers(server, hello(cookie), HALF_OPEN_TIMEOUT)) is Reply


@pytest.mark.parametrize("key", [bytes(32), b"\x01" + bytes(31), b"\xed" + b"\xff" * 30 + b"\x7f"])
def test_a_low_order_key_is_a_counted_drop(key: bytes) -> None:
    server = endpoint()
    ((_, answer),) = answers(server, hello(key=key))
    clear = decode(answer).clear
    assert isinstance(clear, Cookie)
    assert answers(server, hello(clear.cookie, key=key)) == []
    assert (server.drops["bad-ephemeral"], len(server.connections)) == (1, 0)


@pytest.mark.parametrize("version", [0, VERSION + 1, 255])
def test_hello_of_another_version_brings_one_smaller_version_packet(version: int) -> None:
    server = endpoint()
    datagram = bytearray(hello())
    datagram[2] = version
    ((_, answer),) = answers(server, bytes(datagram))
    assert decode(answer).clear == Version(VERSION, VERSION, 1)
    assert decode(answer).header.connection_id == ATTEMPT
    assert len(answer) < len(datagram)
    assert not server.connections


@pytest.mark.parametrize("plaintext", [False, True])
def test_hello_of_the_other_mode_brings_a_version_packet(plaintext: bool) -> None:
    server = endpoint(Config(plaintext=plaintext))
    ((_, answer),) = answers(server, hello(flags=Flag.SEALED if plaintext else 0))
    assert decode(answer).clear == Version(VERSION, VERSION, 2 if plaintext else 1)


def _reset_target(server_seed: int = 1) -> bytes:
    """A connection id that carries the server's check."""
    keys = ServerKeys.from_master(Random(server_seed).randbytes(32))
    return ConnectionIds(keys.connection_id_key).make(b"12345")


def test_a_packet_of_a_forgotten_connection_brings_a_smaller_reset_at_a_limited_rate() -> None:
    server = endpoint()
    packet = bytes.fromhex("554301130004 0018") + _reset_target() + bytes(8) + bytes(24) + bytes(16)
    ((_, reset),) = answers(server, packet)
    assert decode(reset).header.packet_type is PacketType.RESET
    assert len(reset) < len(packet)
    assert answers(server, packet, now=SECOND - 1) == [], "one per second and source"
    assert len(answers(server, packet, now=SECOND)) == 1
    brought = sum(len(answers(server, packet, 5 * SECOND, (f"10.0.2.{host}", 1))) for host in range(100))
    assert brought == Config().max_resets_per_second


def test_a_reset_brings_no_reset() -> None:
    server = endpoint()
    reset = bytes.fromhex("554301050001 0000") + _reset_target() + bytes(8) + bytes(16)
    assert answers(server, reset) == []


def _prefixes() -> list[bytes]:
    whole = hello()
    return [whole[:size] for size in range(0, HELLO_SIZE, 7)] + [whole, whole + b"\0"]


def _garbage() -> list[bytes]:
    random = Random(5)
    found = [random.randbytes(random.choice((0, 1, 39, 40, 41, 64, 1200, 1472))) for _ in range(1_000)]
    for _ in range(1_000):  # our magic and version, a known type, the rest noise
        body = random.randbytes(random.choice((0, 24, 1160)))
        head = bytes.fromhex("554301") + bytes([random.choice(list(PacketType))]) + random.randbytes(2)
        datagram = head + len(body).to_bytes(2, "big") + random.randbytes(8) + bytes(8) + body
        found.append(datagram + (checksum_trailer(datagram) if random.random() < 0.5 else random.randbytes(16)))
    return found


@pytest.mark.parametrize(
    "datagrams",
    [[example.datagram for example in PACKETS], _prefixes(), _garbage()],
    ids=["every type", "prefixes of HELLO", "garbage"],
)
def test_strangers_get_no_more_than_they_send(datagrams: list[bytes]) -> None:
    server = endpoint()
    for number, datagram in enumerate(datagrams):
        sent = answers(server, datagram, number * 10, STRANGER)
        assert all(address == STRANGER for address, _ in sent)
        assert sum(len(answer) for _, answer in sent) <= len(datagram)
        if len(datagram) < HELLO_SIZE:
            assert sent == [], "a short datagram brings nothing but a RESET, and these ids are not the server's"
    assert tick(server, 60 * SECOND) == []
    assert not server.connections


def test_every_drop_has_a_reason() -> None:
    server = endpoint()
    silent = sum(not answers(server, datagram, 0, STRANGER) for datagram in _garbage())
    assert sum(server.drops.values()) == silent

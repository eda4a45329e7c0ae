"""Joining through a network that loses, damages and forges."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.protocol.pair import CLIENT, SERVER, Channel, Datagrams, Pair, one
from tests.protocol.strangers import cookie_for, endpoint
from tests.world import World, seeds
from udpchat.chat.events import Disconnected, Joined
from udpchat.config import HANDSHAKE_TIMEOUT, MILLISECOND, SECOND, Config
from udpchat.crypto.plain import checksum_trailer
from udpchat.protocol.endpoint import ClientEndpoint
from udpchat.sim.link import LinkSpec
from udpchat.wire.codec import Cookie, Reply, Version, decode, encode_handshake
from udpchat.wire.numbers import Flag, PacketType
from udpchat.wire.packets import VERSION

DELAY = 20 * MILLISECOND
CLEAN = LinkSpec(delay=DELAY)


def joined(pair: Pair) -> bool:
    return any(isinstance(event, Joined) for event in pair.client.told)


class Dropping:
    """Loses the datagrams with these numbers, counted from 0."""

    def __init__(self, *lost: int) -> None:
        self._lost = lost
        self._seen = 0

    def __call__(self, datagrams: Datagrams) -> Datagrams:
        first, self._seen = self._seen, self._seen + len(datagrams)
        return [each for number, each in enumerate(datagrams, first) if number not in self._lost]


@pytest.mark.parametrize("plaintext", [False, True])
def test_fifty_of_fifty_join_within_15_s_at_30_percent_loss_each_way(plaintext: bool) -> None:
    for seed in seeds(1):
        world = World(seed, LinkSpec(delay=DELAY, loss=0.3), Config(plaintext=plaintext))
        ends = [world.add_client(f"user{number}") for number in range(50)]
        world.run_until(lambda ends=ends: all(end.told(Joined) for end in ends), 15)  # type: ignore[misc]


@pytest.mark.parametrize("lost", [(0,), (0, 1, 2), *[(number,) for number in range(1, 10)]], ids=str)
@pytest.mark.parametrize("way", ["up", "down", "both"])
def test_joining_survives_the_loss_of_single_packets(lost: tuple[int, ...], way: str) -> None:
    pair = Pair(1, Config())
    up: Channel = Dropping(*lost) if way != "down" else list
    down: Channel = Dropping(*lost) if way != "up" else list
    pair.until(lambda: joined(pair), up, down)
    assert pair.now <= (5 if len(lost) > 1 else 2) * SECOND


def test_everything_is_lost_until_the_client_gives_up_with_words_for_the_user() -> None:
    world = World(1, LinkSpec(delay=DELAY, loss=1.0))
    end = world.add_client("anna")
    world.run_until(lambda: bool(end.told(Disconnected)), 16)
    assert world.network.now == HANDSHAKE_TIMEOUT
    (event,) = end.told(Disconnected)
    assert "10.0.0.1 port 27272" in event.reason
    assert "firewall" in event.reason


def test_hello_is_repeated_at_growing_intervals() -> None:
    endpoint_alone = ClientEndpoint(SERVER, Config(), bytes, 0)
    times, now = [], 0
    while now < HANDSHAKE_TIMEOUT:
        times += [now for _ in endpoint_alone.datagrams_to_send(now)]
        now = endpoint_alone.next_timeout() or HANDSHAKE_TIMEOUT
        endpoint_alone.handle_timeout(now)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps[:4] == [300_000, 450_000, 675_000, 1_000_000]
    assert set(gaps[4:]) == {SECOND}


def _time_to_join(world: World, token: bytes = b"") -> tuple[int, bytes]:
    start, host = world.network.now, ("10.0.3.3", 50_000 + len(world.nicks))
    end = world.add_client(f"anna{len(world.nicks)}", token=token, address=host)
    world.join(end)
    return end.heard_at[end.events.index(end.told(Joined)[0])] - start, end.told(Joined)[0].token


def test_the_first_join_takes_three_round_trips_a_later_one_two_and_a_token_works_once() -> None:
    world = World(1, CLEAN)
    first, token = _time_to_join(world)
    second, other = _time_to_join(world, token)
    again, _ = _time_to_join(world, token)
    later, _ = _time_to_join(world, other)
    slack = 2 * MILLISECOND
    for taken, round_trips in ((first, 3), (second, 2), (again, 3), (later, 2)):
        assert 0 <= taken - round_trips * 2 * DELAY <= slack


def test_a_token_of_another_host_costs_only_the_cookie_trip() -> None:
    world = World(1, CLEAN)
    _, token = _time_to_join(world)
    end = world.add_client("ben", token=token)
    world.join(end)
    assert end.told(Joined)


def _forged(attempt: bytes) -> list[bytes]:
    flags = Flag.FROM_SERVER | Flag.SEALED
    return [
        encode_handshake(PacketType.REPLY, flags, attempt, 0, Reply(bytes(96))),
        encode_handshake(PacketType.REPLY, flags, attempt, 0, Reply(b"")),
        encode_handshake(PacketType.REPLY, flags, b"another!", 0, Reply(bytes(96))),
        encode_handshake(PacketType.COOKIE, flags, attempt, 0, Cookie(bytes(20))),
        encode_handshake(PacketType.COOKIE, flags, attempt, 0, Cookie(bytes(255))),
        encode_handshake(PacketType.VERSION, flags, attempt, 0, Version(9, 9, 0)),
        bytes(1_200),
        b"",
    ]


def test_forged_answers_do_not_end_an_attempt() -> None:
    pair = Pair(1, Config())

    def down(datagrams: Datagrams) -> Datagrams:
        found = datagrams
        if not joined(pair) and pair.now < 100 * MILLISECOND:
            attempt = pair.hello_attempt
            found = [*_forged(attempt), *datagrams, *_forged(attempt)]
        return found

    pair.until(lambda: joined(pair), down=down)
    assert pair.now <= SECOND


def test_a_lost_reply_is_repeated_and_opens_one_connection() -> None:
    pair = Pair(1, Config())

    def down(datagrams: Datagrams) -> Datagrams:
        return [each for each in datagrams if pair.now > SECOND or each[3] != PacketType.REPLY]

    pair.until(lambda: joined(pair), down=down)
    assert len(pair.server.core.endpoint.connections) == 1  # type: ignore[union-attr]


def test_a_replayed_hello_does_not_touch_the_session() -> None:
    pair = Pair(1, Config())
    hellos: Datagrams = []

    def up(datagrams: Datagrams) -> Datagrams:
        hellos.extend(each for each in datagrams if each[3] == PacketType.HELLO)
        return datagrams

    pair.until(lambda: joined(pair), up)
    far, near = pair.connected()
    for datagram in hellos * 3:
        pair.server.receive([one(datagram, CLIENT)], pair.now)
    for _ in range(20):
        pair.round()
    assert pair.connected() == (far, near)
    assert far.is_alive
    assert near.is_alive
    pair.user.chat.say("still here")
    pair.until(lambda: any("still here" in str(event) for event in pair.client.told))


def _refusal(client_config: Config, server_config: Config, down: Channel = list) -> str:
    pair = Pair(1, client_config, server_config=server_config)
    pair.until(lambda: any(isinstance(event, Disconnected) for event in pair.client.told), down=down)
    assert pair.now <= 2 * SECOND
    (event,) = [event for event in pair.client.told if isinstance(event, Disconnected)]
    assert isinstance(event.reason, str)
    return event.reason


def test_a_mode_mismatch_is_one_clear_refusal() -> None:
    assert "leave out --plaintext" in _refusal(Config(plaintext=True), Config())
    assert "add --plaintext" in _refusal(Config(), Config(plaintext=True))


@pytest.mark.parametrize(
    ("lowest", "highest", "who"),
    [(VERSION + 1, VERSION + 3, "update this program"), (0, VERSION - 1, "update the server")],
)
@pytest.mark.parametrize("header_version", [VERSION, VERSION + 1])
def test_an_unknown_version_says_which_side_to_update(lowest: int, highest: int, who: str, header_version: int) -> None:
    def down(datagrams: Datagrams) -> Datagrams:
        return [_version_answer(each, lowest, highest, header_version) for each in datagrams]

    assert who in _refusal(Config(), Config(), down)


def _version_answer(datagram: bytes, lowest: int, highest: int, header_version: int) -> bytes:
    attempt = decode(datagram).header.connection_id
    flags = Flag.FROM_SERVER | Flag.SEALED
    answer = bytearray(encode_handshake(PacketType.VERSION, flags, attempt, 0, Version(lowest, highest, 3)))
    answer[2] = header_version
    if header_version != VERSION:
        answer[-16:] = checksum_trailer(bytes(answer[:-16]))
    return bytes(answer)


def test_an_attempt_that_gets_ever_new_cookies_does_not_loop() -> None:
    server = endpoint()
    attempt_endpoint = ClientEndpoint(SERVER, Config(), bytes, 0)
    (first,) = attempt_endpoint.datagrams_to_send(0)
    attempt = decode(first.data).header.connection_id
    flags = Flag.FROM_SERVER | Flag.SEALED
    cookie = encode_handshake(PacketType.COOKIE, flags, attempt, 0, Cookie(cookie_for(server)))
    answered = 0
    for _ in range(10):
        attempt_endpoint.receive_burst(one(cookie, SERVER), 1_000)
        answered += len(list(attempt_endpoint.datagrams_to_send(1_000)))
    assert answered == 1, "the same cookie is answered once"

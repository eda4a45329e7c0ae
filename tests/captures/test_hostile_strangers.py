"""What strangers forge with scapy and send to a running server: a counted drop or a clear word, and no user notices."""

from __future__ import annotations

from random import Random

import pytest

from tests.captures.layers import BODIES, UDPCHAT
from tests.captures.scene import EVE, Scene, changed
from tests.captures.serving import PADDING, attacker, hello
from udpchat.config import Config
from udpchat.wire.numbers import Flag, PacketType

ATTEMPT = b"attempt!"
BATCH = 50  # datagrams that any receive buffer has room for
RNG = Random(4)
HELLO = hello(ATTEMPT)
FROM_STRANGERS = {
    "nothing": (b"", "not-ours"),
    "one byte": (b"U", "not-ours"),
    "a header alone": (HELLO[:24], "not-ours"),
    "noise": (RNG.randbytes(1_200), "not-ours"),
    "noise of the largest size": (RNG.randbytes(65_507), "not-ours"),
    "other magic": (changed(UDPCHAT(HELLO), magic=0x4355), "not-ours"),
    "our magic and noise": (b"UC" + RNG.randbytes(998), "unknown-connection"),
    "a HELLO of 1,199 bytes": (
        bytes(UDPCHAT(flags=4, connection_id=ATTEMPT) / BODIES["HELLO"](ephemeral=bytes(32), padding=PADDING[1:])),
        "malformed",
    ),
    "a HELLO cut off": (HELLO[:900], "bad-length"),
    "a HELLO with bytes behind it": (HELLO + bytes(64), "bad-length"),
    "a HELLO that claims 65,535 bytes": (changed(UDPCHAT(HELLO), body_length=65_535), "bad-length"),
    "a HELLO that claims none": (changed(UDPCHAT(HELLO), body_length=0), "bad-length"),
    "a HELLO with a wrong checksum": (changed(UDPCHAT(HELLO), trailer=bytes(16)), "not-authentic"),
    "a HELLO from a server": (
        hello(ATTEMPT, flags=Flag.SEALED | Flag.FROM_SERVER),
        "unexpected",
    ),
    "a HELLO with unknown flags": (hello(ATTEMPT, flags=0x8004), "bad-flags"),
    "a HELLO with a number beyond 2^53": (changed(UDPCHAT(HELLO), packet_number=2**53), "bad-packet-number"),
    "a HELLO whose cookie ends behind it": (HELLO[:60] + b"\xff" + bytes(10) + HELLO[71:], "not-authentic"),
    "a short HELLO of another version": (changed(UDPCHAT(HELLO[:100]), version=2), "short-hello"),
    **{
        f"{name} of nobody": (
            bytes(UDPCHAT(flags=4, connection_id=b"notthere", packet_number=1) / BODIES[name]()),
            "unknown-connection",
        )
        for name in BODIES
        if name != "HELLO"
    },
    "an unknown type": (bytes(UDPCHAT(type=99, connection_id=b"notthere")), "unknown-connection"),
}


@pytest.mark.parametrize("what", FROM_STRANGERS)
async def test_what_strangers_send_is_a_counted_drop_without_an_answer(scene: Scene, what: str) -> None:
    datagram, reason = FROM_STRANGERS[what]
    scene.eve.send(datagram)
    assert await scene.new_drops() == {reason: 1}
    await scene.assert_well()


async def test_every_prefix_of_a_hello_and_of_a_session_packet_is_a_counted_drop(scene: Scene) -> None:
    pieces = [whole[:size] for whole in (HELLO, bytes(scene.seen)) for size in range(len(whole))]
    for at in range(0, len(pieces), BATCH):
        scene.eve.send(*pieces[at : at + BATCH])
        assert await scene.eve.answers() == []
    assert (await scene.new_drops()).total() == len(pieces)
    await scene.assert_well()


async def test_a_stranger_never_gets_back_more_than_it_sent(scene: Scene) -> None:
    rng, came, went = Random(5), 0, 0
    for name in BODIES:
        packet = UDPCHAT(flags=rng.randrange(8), connection_id=ATTEMPT) / BODIES[name]()
        whole = HELLO if name == "HELLO" else bytes(packet)
        scene.eve.send(whole, *(whole[:24] + rng.randbytes(len(whole) - 24) for _ in range(20)))
        back = sum(map(len, await scene.eve.answers()))
        assert back < 21 * len(whole)
        came, went = came + back, went + 21 * len(whole)
    assert 0 < came < went / 20
    await scene.assert_well()


async def test_a_hello_of_another_version_gets_a_smaller_version_packet(scene: Scene) -> None:
    scene.eve.send(changed(UDPCHAT(HELLO), version=2))
    (answer,) = await scene.eve.answers()
    told = UDPCHAT(answer)
    assert (told.connection_id, told.lowest, told.highest) == (ATTEMPT, 1, 1)
    assert len(answer) < len(HELLO)
    await scene.assert_well()


async def test_a_hello_for_the_other_mode_is_told_which_one_is_spoken(scene: Scene) -> None:
    scene.eve.send(hello(ATTEMPT, flags=0))
    (answer,) = await scene.eve.answers()
    assert str(UDPCHAT(answer).modes) == "SEALED"
    await scene.assert_well()


async def test_a_flood_of_hellos_gets_cookies_and_leaves_nothing_behind(scene: Scene) -> None:
    came = went = 0
    for host in range(1, 9):
        with attacker(scene.running.address, f"127.0.1.{host}") as flooder:
            for batch in range(4):
                flood = [hello(bytes([host, batch, number]) + b"flood") for number in range(25)]
                flooder.send(*flood)
                answers = await flooder.answers()
                assert {answer[3] for answer in answers} == {PacketType.COOKIE}
                went += sum(map(len, flood))
                came += sum(map(len, answers))
    assert came < went / 10
    assert not scene.running.core.endpoint.acceptor.half_open
    await scene.assert_well()


@pytest.mark.parametrize("scene", [Config(max_half_open=8)], indirect=True, ids=["8 half open"])
async def test_a_flood_of_hellos_with_valid_cookies_fills_only_the_places_for_half_open_connections(
    scene: Scene,
) -> None:
    attempts = [bytes([number]) + b"attempt" for number in range(20)]
    scene.eve.send(*(hello(attempt) for attempt in attempts))
    cookies = {answer.connection_id: answer.cookie for answer in map(UDPCHAT, await scene.eve.answers())}
    scene.eve.send(*(hello(attempt, cookies[attempt]) for attempt in attempts))
    answers = await scene.eve.answers()
    assert [answer[3] for answer in answers] == [PacketType.REPLY] * 8
    assert scene.running.drops()["half-open-limit"] == 12
    assert scene.running.nicks() == ["anna"]
    await scene.anna.say("still here")


async def test_a_cookie_is_good_only_for_the_address_and_the_attempt_that_it_was_made_for(scene: Scene) -> None:
    scene.eve.send(hello(ATTEMPT))
    (answer,) = await scene.eve.answers()
    cookie = UDPCHAT(answer).cookie
    with attacker(scene.running.address, EVE) as other:
        other.send(hello(ATTEMPT, cookie))
        assert [answer[3] for answer in await other.answers()] == [PacketType.COOKIE]
    scene.eve.send(hello(b"another!", cookie), hello(ATTEMPT, cookie[:-1] + bytes([cookie[-1] ^ 1])))
    assert [answer[3] for answer in await scene.eve.answers()] == [PacketType.COOKIE] * 2
    await scene.assert_well()

"""What who has watched a session forges with scapy: a counted drop, or in plaintext a close with its code."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.captures.layers import BODIES, UDPCHAT
from tests.captures.scene import UNSENT, Scene, changed, forged_ack, fresh
from tests.net.party import Party, until
from tests.tools import require_root
from udpchat.chat.events import Disconnected
from udpchat.config import Config
from udpchat.errors import ErrorCode
from udpchat.wire.numbers import PacketType

PLAIN = Config(plaintext=True)

Forge = Callable[[UDPCHAT], bytes]  # from a packet of a session

plaintext = pytest.mark.parametrize("scene", [PLAIN], indirect=True, ids=["plaintext"])


# -- who has watched a sealed session ----------------------------------------------------------------------------------

ON_A_SEALED_SESSION: dict[str, tuple[Forge, str]] = {
    "a packet again": (bytes, "duplicate"),
    "a packet cut off": (lambda seen: bytes(seen)[:-1], "bad-length"),
    "a packet without its trailer": (lambda seen: bytes(seen)[:-16], "bad-length"),
    "a packet with bytes behind it": (lambda seen: bytes(seen) + b"more", "bad-length"),
    "a packet that claims 65,535 bytes": (lambda seen: changed(seen, body_length=65_535), "bad-length"),
    "a packet of another version": (lambda seen: changed(seen, version=9), "unknown-version"),
    "a packet of an unknown type": (lambda seen: changed(seen, type=15), "unknown-type"),
    "a packet of the handshake": (lambda seen: fresh(seen, BODIES["COOKIE"](cookie=b"x")), "unexpected"),
    "a packet with unknown flags": (lambda seen: changed(seen, flags=0x0104), "bad-flags"),
    "a packet in the server's name": (lambda seen: changed(seen, flags=5), "wrong-direction"),
    "a packet with a number beyond 2^53": (lambda seen: changed(seen, packet_number=2**53), "bad-packet-number"),
    "a packet with a new number": (lambda seen: changed(seen, packet_number=UNSENT), "not-authentic"),
    "a packet with a new tag": (
        lambda seen: changed(seen, packet_number=UNSENT, trailer=bytes(16)),
        "not-authentic",
    ),
    "a packet of the next key": (lambda seen: changed(seen, packet_number=UNSENT, flags=6), "not-authentic"),
    "a packet that says it is not sealed": (
        lambda seen: changed(seen, packet_number=UNSENT, flags=0),
        "wrong-direction",
    ),
    "an ACK of what was never sent": (lambda seen: fresh(seen, forged_ack((0, UNSENT + 1))), "not-authentic"),
    "an ACK with a range that runs backwards": (
        lambda seen: fresh(seen, forged_ack((9, 5), largest=4)),
        "malformed",
    ),
    "an ACK without ranges": (lambda seen: fresh(seen, forged_ack()), "malformed"),
    "an ACK that claims 255 ranges": (
        lambda seen: fresh(seen, BODIES["ACK"](largest=9, ranges_count=255)),
        "malformed",
    ),
    "a CLOSE": (lambda seen: fresh(seen, BODIES["CLOSE"](code="NO_ERROR", reason="bye")), "not-authentic"),
    "a CHALLENGE": (lambda seen: fresh(seen, BODIES["CHALLENGE"](nonce=b"12345678")), "not-authentic"),
    "DATA beyond 2^53": (lambda seen: fresh(seen, BODIES["DATA"](offset=2**53, chunk=b"x")), "malformed"),
}


@pytest.mark.parametrize("what", ON_A_SEALED_SESSION)
async def test_what_a_watcher_forges_from_an_address_of_its_own_is_a_counted_drop(scene: Scene, what: str) -> None:
    forge, reason = ON_A_SEALED_SESSION[what]
    scene.eve.send(forge(scene.seen))
    assert await scene.new_drops() == {reason: 1}
    await scene.assert_well()


@pytest.mark.root
@pytest.mark.parametrize("what", ON_A_SEALED_SESSION)
async def test_what_a_watcher_forges_in_the_name_of_the_clients_address_is_a_counted_drop(
    scene: Scene, what: str
) -> None:
    require_root()
    forge, reason = ON_A_SEALED_SESSION[what]
    scene.eve.spoof(scene.wire.home, forge(scene.seen))
    assert await scene.new_drops() == {reason: 1}
    await scene.assert_well()


async def test_all_packets_of_a_session_played_again_from_elsewhere_move_nobody(scene: Scene) -> None:
    played = [packet for packet in scene.wire.sent if packet[3] >= PacketType.DATA]
    scene.eve.send(*played)
    assert await scene.new_drops() == {"duplicate": len(played)}
    await scene.assert_well()


async def test_what_belonged_to_a_session_that_has_ended_is_answered_by_a_smaller_reset(
    scene: Scene, party: Party
) -> None:
    bob = await party.dial(*scene.running.address, "bob")
    connection_id = scene.seen.connection_id
    scene.running.server.kick("anna")
    await until(scene.anna.events(), Disconnected)
    while connection_id in scene.running.core.endpoint.connections:
        await bob.say("is she gone?")
    await scene.eve.answers()
    scene.eve.send(bytes(scene.seen), bytes(scene.seen))
    (reset,) = await scene.eve.answers()  # one in a second for each address
    assert (reset[3], reset[8:16], len(reset)) == (PacketType.RESET, connection_id, 40)
    assert scene.running.drops()["reset-limit"] == 1


# -- plaintext: anybody can read and forge, as the documents say -------------------------------------------------------

IN_ANNAS_NAME: dict[str, tuple[Forge, ErrorCode]] = {
    "an ACK of what was never sent": (
        lambda seen: fresh(seen, forged_ack((UNSENT, UNSENT + 1))),
        ErrorCode.ACK_OF_UNSENT_PACKET,
    ),
    "a channel that does not exist": (
        lambda seen: fresh(seen, BODIES["MSG"](channel=7, content=b"x")),
        ErrorCode.PROTOCOL_VIOLATION,
    ),
    "a record of 2 MiB": (
        lambda seen: fresh(seen, BODIES["MSG"](channel=1, content=(2**21).to_bytes(4, "big") + bytes(5))),
        ErrorCode.MALFORMED_RECORD,
    ),
    "a CLOSE that is no text": (
        lambda seen: fresh(seen, BODIES["CLOSE"](code=0, reason=b"\xff\xfe")),
        ErrorCode.MALFORMED_RECORD,
    ),
}


@plaintext
@pytest.mark.parametrize("what", ON_A_SEALED_SESSION)
async def test_in_plaintext_nothing_comes_in_from_another_address(scene: Scene, what: str) -> None:
    forge, _ = ON_A_SEALED_SESSION[what]
    scene.eve.send(forge(scene.seen))
    assert (await scene.new_drops()).total() == 1
    await scene.assert_well()


@plaintext
@pytest.mark.parametrize("what", IN_ANNAS_NAME)
async def test_in_plaintext_a_forgery_in_annas_name_ends_her_session_with_a_word_and_nobody_elses(
    scene: Scene, party: Party, what: str
) -> None:
    forge, code = IN_ANNAS_NAME[what]
    bob = await party.dial(*scene.running.address, "bob", PLAIN)
    told = scene.anna.events()
    scene.wire.inject(forge(scene.seen))
    assert (await until(told, Disconnected)).code == code
    await bob.say("I am still here")
    assert scene.running.nicks() == ["bob"]


@plaintext
@pytest.mark.root
async def test_in_plaintext_the_clients_address_can_be_spoofed_which_is_why_it_is_for_lessons(
    scene: Scene,
) -> None:
    require_root()
    told = scene.anna.events()
    scene.eve.spoof(scene.wire.home, fresh(scene.seen, forged_ack((UNSENT, UNSENT + 1))))
    assert (await until(told, Disconnected)).code == ErrorCode.ACK_OF_UNSENT_PACKET


@plaintext
async def test_in_plaintext_a_wrong_checksum_is_a_counted_drop(scene: Scene) -> None:
    scene.wire.inject(changed(scene.seen, packet_number=UNSENT))
    assert await scene.new_drops() == {"not-authentic": 1}
    await scene.assert_well()

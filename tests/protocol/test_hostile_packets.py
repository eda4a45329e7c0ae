"""Packets of a session that break the rules: a close with its code, or a counted drop, never more."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.protocol.forge import Forger
from tests.protocol.pair import CLIENT, Pair, one
from udpchat.chat.events import Joined, UserChanged
from udpchat.config import CHANNEL_WINDOW, MAX_RECORD, Config
from udpchat.errors import ErrorCode
from udpchat.sim.faults import corrupt_bytes
from udpchat.wire.codec import Ack, Challenge, Close, Data, Message, Response, decode, decode_body, encode_body
from udpchat.wire.numbers import Change, PacketType

PLAIN = Config(plaintext=True)


def closing(answers: list[bytes]) -> int | None:
    """The code of the CLOSE among the answers."""
    for answer in answers:
        packet = decode(answer)
        if packet.header.packet_type is PacketType.CLOSE:
            body = decode_body(PacketType.CLOSE, packet.sealed[:-16])
            assert isinstance(body, Close)
            return body.code
    return None


def ack(largest: int, *ranges: tuple[int, int], window: int = 1 << 20, delay: int = 0, received: int = 1) -> Ack:
    return Ack(largest, 0, delay, received, window, ranges or ((largest, largest + 1),))


def test_ack_of_unsent_packet_closes_the_connection() -> None:
    forger = Forger()
    unsent = forger.server.transmitter.recovery.numbers.next_number
    assert closing(forger.say(PacketType.ACK, ack(unsent))) == ErrorCode.ACK_OF_UNSENT_PACKET
    forger = Forger()
    assert closing(forger.say(PacketType.ACK, ack(unsent - 1))) is None


def test_ack_of_a_skipped_number_closes_the_connection() -> None:
    forger = Forger()
    numbers = forger.server.transmitter.recovery.numbers
    skipped = None
    for _ in range(3_000):
        number = numbers.next_burst(1)
        if numbers.is_skipped(number - 1):
            skipped = number - 1
            break
    assert skipped is not None
    answers = forger.say(PacketType.ACK, ack(skipped + 1, (skipped - 3, skipped + 2)))
    assert closing(answers) == ErrorCode.ACK_OF_UNSENT_PACKET


@given(
    largest=st.integers(0, 2**53 - 1),
    width=st.integers(1, 2**53 - 1),
    delay=st.sampled_from([0, 1, 2**31, 2**32 - 1]),
    arrival=st.sampled_from([0, 1, 2**31, 2**32 - 1]),
    received=st.sampled_from([0, 1, 2**53 - 1]),
    window=st.sampled_from([0, 1, 1_471, 2**31, 2**32 - 1]),
)
@settings(max_examples=60, deadline=None)
def test_any_ack_is_taken_or_closes(
    largest: int, width: int, delay: int, arrival: int, received: int, window: int
) -> None:
    forger = Forger()
    top = forger.server.transmitter.recovery.numbers.next_number
    for each in (largest, top - 1):
        start = max(0, each + 1 - width)
        forger.say(PacketType.ACK, Ack(each, arrival, delay, received, window, ((start, each + 1),)))
    forger.victim.core.host.check_invariants()


@pytest.mark.parametrize(
    ("message", "body", "code"),
    [
        (Message(2, 0), b"x", ErrorCode.PROTOCOL_VIOLATION),
        (Message(255, 0), b"x", ErrorCode.PROTOCOL_VIOLATION),
        (Message(1, CHANNEL_WINDOW), b"x", ErrorCode.FLOW_CONTROL),
        (Message(1, 2**53 - 1), b"x", ErrorCode.FLOW_CONTROL),
        (Message(1, 0), (MAX_RECORD + 1).to_bytes(4, "big") + bytes(5), ErrorCode.MALFORMED_RECORD),
        (Message(1, 0), (2**32 - 1).to_bytes(4, "big") + bytes(5), ErrorCode.MALFORMED_RECORD),
    ],
)
def test_a_message_out_of_bounds_closes_the_connection(message: Message, body: bytes, code: ErrorCode) -> None:
    assert closing(Forger().say(PacketType.MSG, message, body)) == code


@pytest.mark.parametrize("message", [Message(1, CHANNEL_WINDOW - 1), Message(0, 0), Message(1, 0)])
def test_a_message_within_bounds_does_not(message: Message) -> None:
    forger = Forger()
    assert closing(forger.say(PacketType.MSG, message, b"x")) is None
    assert forger.connection.is_alive


def test_pieces_of_a_channel_that_never_meet_are_refused_beyond_a_cap_and_not_acknowledged() -> None:
    forger = Forger()
    for number in range(400):
        forger.say(PacketType.MSG, Message(1, 2 + 2 * number), b"x", 20_000 + number)
    assert forger.connection.is_alive
    assert forger.connection.receiver.drops["channel-full"] == 400 - 256


def test_data_of_an_unknown_transfer_is_a_counted_drop() -> None:
    forger = Forger()
    for transfer_id in (0, 1, 2**31, 2**32 - 1):
        assert closing(forger.data(transfer_id, 0, b"x")) is None
    assert forger.connection.receiver.drops["unknown-transfer"] == 4


@pytest.mark.parametrize(
    ("offset", "length", "is_fine"),
    [(0, 1_000, True), (999, 1, True), (1_000, 0, True), (999, 2, False), (1_000, 1, False), (2**53 - 1, 1, False)],
)
def test_data_beyond_the_credit_closes_the_connection(offset: int, length: int, is_fine: bool) -> None:
    forger = Forger()
    forger.connection.receiver.expect(7, 5_000, 1_000)
    expected = None if is_fine else ErrorCode.FLOW_CONTROL
    assert closing(forger.data(7, offset, bytes(length))) == expected


def test_a_burst_that_runs_over_the_credit_gives_what_its_datagrams_give() -> None:
    told = []
    for whole in (True, False):
        forger = Forger()
        forger.connection.receiver.expect(7, 5_000, 1_000)
        packets = [forger.packet(PacketType.DATA, Data(7, 300 * n), bytes([n]) * 300) for n in range(5)]
        received = []
        for piece in [b"".join(packets)] if whole else packets:
            view = memoryview(bytearray(piece))
            forger.pair.server.core.endpoint.receive_burst(
                one(piece, CLIENT)._replace(data=view, segment_size=len(packets[0])), forger.pair.now
            )
            while (event := forger.pair.server.core.endpoint.next_event()) is not None:
                received.append(bytes(getattr(event, "data", b"")) or type(event).__name__)
        told.append(received)
    assert told[0] == told[1] == [b"\0" * 300, b"\1" * 300, b"\2" * 300, "ConnectionClosed"]


def test_the_first_bytes_of_an_offset_win() -> None:
    forger = Forger()
    forger.connection.receiver.expect(7, 1_000, 1_000)
    received = []
    for offset, chunk in ((100, b"a" * 100), (50, b"b" * 200), (0, b"c" * 400)):
        datagram = forger.packet(PacketType.DATA, Data(7, offset), chunk)
        forger.pair.server.core.endpoint.receive_burst(one(datagram, CLIENT), forger.pair.now)
        while (event := forger.pair.server.core.endpoint.next_event()) is not None:
            received.append((getattr(event, "offset", None), bytes(getattr(event, "data", b""))))
    assert received == [(100, b"a" * 100), (50, b"b" * 50), (200, b"b" * 50), (0, b"c" * 50), (250, b"c" * 150)]


@pytest.mark.parametrize(
    ("packet_type", "body"),
    [
        (PacketType.PING, b""),
        (PacketType.PING, bytes(23)),
        (PacketType.PING, bytes(25)),
        (PacketType.CHALLENGE, bytes(23)),
        (PacketType.RESPONSE, b""),
        (PacketType.CLOSE, b""),
        (PacketType.CLOSE, bytes.fromhex("0000 0005 61")),
        (PacketType.CLOSE, bytes.fromhex("0000 0001 ff")),
    ],
)
def test_a_body_that_cannot_be_read_closes_the_connection(packet_type: PacketType, body: bytes) -> None:
    assert closing(Forger().say(packet_type, None, body)) == ErrorCode.MALFORMED_RECORD


def test_an_unasked_response_and_many_challenges_are_harmless() -> None:
    forger = Forger()
    assert closing(forger.say(PacketType.RESPONSE, None, encode_body(Response(b"8 bytes!")))) is None
    for number in range(1_000):
        answers = forger.say(PacketType.CHALLENGE, None, encode_body(Challenge(number.to_bytes(8, "big"))))
        responses = [answer for answer in answers if decode(answer).header.packet_type is PacketType.RESPONSE]
        assert len(responses) == 1
        assert len(responses[0]) == 64
    assert forger.connection.is_alive


def test_a_close_is_answered_with_one_close_and_its_replay_does_nothing() -> None:
    forger = Forger()
    datagram = forger.packet(PacketType.CLOSE, None, encode_body(Close(ErrorCode.NO_ERROR, "bye")))
    answers = forger.hand_in(datagram)
    assert [decode(answer).header.packet_type for answer in answers] == [PacketType.CLOSE]
    assert len(answers[0]) <= len(datagram)
    assert not forger.server.is_alive
    assert [event.change for event in forger.victim.told if isinstance(event, UserChanged)][-1] is Change.LEFT
    for _ in range(3):
        assert all(len(answer) < len(datagram) for answer in forger.hand_in(datagram))


def test_packet_numbers_at_the_edges() -> None:
    forger = Forger()
    ping = bytes(24)
    assert closing(forger.say(PacketType.PING, None, ping, 2**53 - 1)) is None
    assert forger.connection.receiver.drops["duplicate"] == 0
    forger.say(PacketType.PING, None, ping, 0)
    forger.say(PacketType.PING, None, ping, 2**53 - 1)
    assert forger.connection.receiver.drops["duplicate"] == 2
    beyond = bytearray(forger.packet(PacketType.PING, None, ping))
    beyond[16:24] = (2**53).to_bytes(8, "big")
    forger.hand_in(bytes(beyond))
    assert forger.connection.receiver.drops["bad-packet-number"] == 1


def test_damaged_datagrams_are_refused_and_counted_without_a_trace() -> None:
    for config in (PLAIN, Config()):
        pair, random = Pair(1, config), Random(3)
        pair.until(lambda pair=pair: any(isinstance(event, Joined) for event in pair.client.told))  # type: ignore[misc]
        far, _ = pair.connected()
        genuine: list[bytes] = []

        def keep(datagrams: list[bytes], genuine: list[bytes] = genuine) -> list[bytes]:
            genuine.extend(datagrams)
            return []

        pair.user.chat.say("x" * 300)
        for _ in range(4):
            pair.round(up=keep)
        before, largest = sum(far.receiver.drops.values()), far.receiver.acks.largest
        for number in range(500):
            damaged = corrupt_bytes(genuine[number % len(genuine)], random)
            pair.server.receive([one(damaged, CLIENT)], pair.now)
        endpoint = pair.server.core.endpoint
        dropped = sum(far.receiver.drops.values()) - before + sum(endpoint.drops.values())
        assert dropped == 500
        assert far.receiver.acks.largest == largest
        for datagram in genuine:
            pair.server.receive([one(datagram, CLIENT)], pair.now)
        pair.server.settle(pair.now)  # storage answers
        assert any("x" * 300 in str(event) for event in pair.server.told)


def test_the_replay_of_a_whole_session_has_no_effect() -> None:
    for config in (PLAIN, Config()):
        pair, recorded = Pair(1, config), []

        def up(datagrams: list[bytes]) -> list[bytes]:
            recorded.extend(datagrams)  # noqa: B023
            return datagrams

        pair.until(lambda pair=pair: any(isinstance(event, Joined) for event in pair.client.told), up)  # type: ignore[misc]
        for number in range(5):
            pair.user.chat.say(f"line {number}")
            for _ in range(20):
                pair.round(up)
        told, (far, _) = list(pair.server.told), pair.connected()
        largest = far.receiver.acks.largest
        for address in (CLIENT, ("10.6.6.6", 6)):
            for datagram in recorded:
                before = len(datagram)
                pair.server.receive([one(datagram, address)], pair.now)
                answers = [data for _, data in pair.server.settle(pair.now)]
                assert sum(map(len, answers)) <= before
        assert pair.server.told == told
        assert far.is_alive
        assert (far.address, far.receiver.acks.largest) == (CLIENT, largest)

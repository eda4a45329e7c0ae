"""The two things of which a busy room consists, done briefly: one packet with a line goes out, its ACK comes in.

A line to 500 is 500 times this, and the general way through a connection, made for bursts, losses, moves and files,
takes 36 us for the packet, 52 us for the ACK and 13 us to find that nothing follows it. Here each is refused unless it
is the plain case, and then done in about a third of the time. What holds: the same datagram, the same checks before
anything is believed (number, direction, address, seal), and the same state afterwards, but for controllers, which learn
the RTT and no rate from such an ACK. Tests play both ways side by side.
"""

from __future__ import annotations

from udpchat.errors import AuthenticationError
from udpchat.protocol.datagrams import Address, Burst
from udpchat.protocol.parts import Parts
from udpchat.protocol.writer import KEY_PHASE
from udpchat.wire.codec import LoneAck
from udpchat.wire.hot import LONE_ACK_SIZE


def lone_message(parts: Parts, now: int) -> Burst | None:
    """All that an open connection has to send, when it is one packet of channel 0, new or a copy; else None."""
    path = parts.path
    if (
        not path.is_validated
        or path.response_due is not None
        or parts.protection.holds_previous
        or parts.receiver.acks.next_timeout() is not None
    ):
        return None
    view = parts.transmitter.lone_message(now)
    if view is None:
        return None
    size = len(view)
    path.on_sent(size)
    parts.clock.on_sent(now)
    return Burst(path.address, view, size)


def take_lone_ack(parts: Parts, ack: LoneAck, datagram: memoryview, address: Address, now: int) -> bool:
    """Take in the ACK of a single message by an open connection; False, and nothing is changed, in any other case."""
    receiver, transmitter, protection = parts.receiver, parts.transmitter, parts.protection
    if (
        address != parts.path.address
        or protection.holds_previous
        or not parts.writer.is_from_peer(ack.flags)
        or ack.packet_number <= receiver.acks.largest
        or (run := transmitter.recovery.lone_message(ack.start, ack.stop)) is None
    ):
        return False
    phase = 1 if ack.flags & KEY_PHASE else 0
    try:
        protection.open_into(
            ack.packet_number, phase, datagram[LONE_ACK_SIZE:], datagram[:LONE_ACK_SIZE], parts.scratch[:0]
        )
    except AuthenticationError:
        receiver.drops["not-authentic"] += 1
        return True
    transmitter.on_lone_ack(run, ack.arrival, ack.ack_delay, ack.window, now)
    rtt = transmitter.recovery.rtt
    receiver.on_rtt(rtt.smoothed_rtt, rtt.min_rtt)
    receiver.acks.on_received(ack.packet_number, 1, now, ack_eliciting=False, size=len(datagram))
    parts.clock.on_heard(now, eliciting=False)
    parts.path.on_received(len(datagram))
    return True

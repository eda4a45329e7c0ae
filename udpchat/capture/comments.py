"""The comments of captured packets: what the sender knew, as `key=value` words with one blank between them.

On a packet that was sent:
    sent=first|retransmission|probe|copy   why it was sent (protocol/watch.py, Cause)
    again=812                the packet whose content it repeats, where that is known
    cwnd=14720               congestion window [bytes]
    in_flight=5888           bytes in flight, this packet included unless it is a PROBE, which is never counted
    srtt=20150               smoothed round-trip time [us]; absent before the first measurement
    peer_window=1048576      bytes that the peer takes
    state=cruise             what the congestion controller is doing, in one word
On the ACK that showed it, or, when a timer or a move did, on the next packet sent on the connection:
    lost=812-815,820         packets declared lost
On the next packet sent:
    refused=830              packets that the system did not take, for they are larger than the interface allows
On a packet that a relay or a simulated link got:
    dropped=loss|queue|mtu|blackout|nobody|refused|overflow|unsent
    corrupted=yes            it arrives damaged
    copies=2                 it arrives as often

ACK, CLOSE and the handshake are not counted as in flight, so they have no words of their own. A list of packets is in
ascending order; one that is very long goes on with the next packet.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from udpchat.protocol.watch import Cause

MAX_RANGES: Final = 1_000  # in one comment


def sent_words(
    cause: Cause, window: int, in_flight: int, srtt: int, peer_window: int, state: str, again: int | None = None
) -> str:
    """The words on a packet that was sent. srtt: 0 before the first measurement; all others as in the list above."""
    repeated = "" if again is None else f" again={again}"
    measured = f" srtt={srtt}" if srtt else ""
    word = state.replace(" ", "-")
    head = f"sent={cause.value}{repeated} cwnd={window} in_flight={in_flight}"
    return f"{head}{measured} peer_window={peer_window} state={word}"


def list_words(name: str, ranges: Sequence[tuple[int, int]]) -> str:
    """A list of packets. ranges: half open."""
    told = (str(start) if stop == start + 1 else f"{start}-{stop - 1}" for start, stop in ranges)
    return f"{name}={','.join(told)}"


def link_words(drop: str, copies: int, *, is_corrupted: bool) -> str:
    """What a link did to a packet. drop: why it does not arrive, empty when it does. copies: how often it arrives."""
    words = [f"dropped={drop}"] if drop else []
    if is_corrupted:
        words.append("corrupted=yes")
    if copies > 1:
        words.append(f"copies={copies}")
    return " ".join(words)


def read_comment(comment: str) -> dict[str, str]:
    """The words of a comment by their keys; what is no word of this form is left out, of two with one key the later."""
    pairs = (word.partition("=") for word in comment.split())
    return {key: value for key, equals, value in pairs if equals}

"""Textbook efficiency of the ARQ schemes: the share of the line's time in which new bytes cross it.

Stallings, Data and Computer Communications, appendix on ARQ performance; Bertsekas and Gallager, Data Networks, 2.4.
A packet takes one packet time T to send; `a` is the one-way delay in packet times, so that an ACK that takes no time
of its own comes back 1 + 2a packet times after its packet began. Losses are independent. Every efficiency is for a
sender that always has bytes to send, and lies between 0 and 1.
"""

from __future__ import annotations

from udpchat.errors import UsageError


def propagation_ratio(packet_time: float, rtt: float) -> float:
    """`a`, from the time of a packet on the line and the time from its first bit to the end of its ACK [same unit]."""
    if not 0 < packet_time <= rtt:
        raise UsageError("a packet takes time, and no longer than its round trip")
    return (rtt / packet_time - 1) / 2


def either_lost(data_loss: float, ack_loss: float) -> float:
    """Chance that a packet or its ACK is lost: what stop-and-wait repeats a packet for."""
    _check_share(data_loss)
    _check_share(ack_loss)
    return 1 - (1 - data_loss) * (1 - ack_loss)


def stop_and_wait(packet_time: float, rtt: float, loss: float, timeout: float) -> float:
    """One packet at a time; `loss` of it or its ACK costs one timeout [times in the same unit].

    A packet that gets through at the n-th try cost n - 1 timeouts and one round trip; n is geometric.
    """
    _check_share(loss)
    if not 0 < packet_time <= rtt <= timeout:
        raise UsageError("a timer that ends before the ACK can come repeats everything")
    return packet_time / (rtt + loss / (1 - loss) * timeout)


def go_back_n(window: int, a: float, loss: float) -> float:
    """A window of packets; each loss costs all that was sent after it: a round trip, or a window that is less."""
    _check_window(window, a, loss)
    if window >= 1 + 2 * a:
        return (1 - loss) / (1 + 2 * a * loss)
    return window * (1 - loss) / ((1 + 2 * a) * (1 - loss + window * loss))


def selective_repeat(window: int, a: float, loss: float) -> float:
    """A window of packets; each loss costs itself."""
    _check_window(window, a, loss)
    return min(1.0, window / (1 + 2 * a)) * (1 - loss)


def _check_window(window: int, a: float, loss: float) -> None:
    _check_share(loss)
    if window < 1 or a < 0:
        raise UsageError("a window holds at least one packet, and light does not arrive before it leaves")


def _check_share(loss: float) -> None:
    if not 0 <= loss < 1:
        raise UsageError("a loss is a share below 1: nothing gets through where everything is lost")

"""Faults that a seeded link applies: loss alone or in bursts, and damage to the bytes of a datagram."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

MAX_APPENDED: Final = 16  # bytes that damage may add to a datagram


class LossModel:
    """Which packets are lost.

    probability: mean share of packets lost. burst: mean packets in a row that are lost; up to 1 losses are independent,
    above it the model is Gilbert's (E. N. Gilbert 1960): p = P(good to bad), r = 1/burst, all in the bad state are
    lost, mean loss p/(p+r).
    """

    __slots__ = ("_bad", "_enter", "_leave", "_probability")

    def __init__(self, probability: float, burst: float) -> None:
        self._probability = probability
        self._bad = False
        self._enter = self._leave = 0.0
        if burst > 1 and 0 < probability < 1:
            self._leave = 1 / burst
            self._enter = probability * self._leave / (1 - probability)
            if self._enter > 1:  # so much loss needs longer bursts than were asked for
                self._enter, self._leave = 1.0, (1 - probability) / probability

    def drops(self, draw: float) -> bool:
        """Judge the next packet by one uniform draw from [0, 1)."""
        if not self._enter:
            return draw < self._probability
        if self._bad:
            self._bad = draw >= self._leave
        else:
            self._bad = draw < self._enter
        return self._bad


def corrupt_bytes(data: bytes, random: Random) -> bytes:
    """A damaged copy of a datagram, never equal to it: a bit or byte changed, cut short, lengthened, or tail zeroed."""
    damaged = random.choice(_DAMAGES)(data, random) if data else _append(data, random)
    return damaged if damaged != data else _flip_bit(data, random)


def _flip_bit(data: bytes, random: Random) -> bytes:
    place = random.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << random.randrange(8)]) + data[place + 1 :]


def _change_byte(data: bytes, random: Random) -> bytes:
    place = random.randrange(len(data))
    return data[:place] + bytes([data[place] ^ random.randrange(1, 256)]) + data[place + 1 :]


def _truncate(data: bytes, random: Random) -> bytes:
    return data[: random.randrange(len(data))]


def _append(data: bytes, random: Random) -> bytes:
    return data + random.randbytes(random.randint(1, MAX_APPENDED))


def _zero_tail(data: bytes, random: Random) -> bytes:
    kept = random.randrange(len(data))
    return data[:kept] + bytes(len(data) - kept)


_DAMAGES: Final[tuple[Callable[[bytes, Random], bytes], ...]] = (
    _flip_bit,
    _change_byte,
    _truncate,
    _append,
    _zero_tail,
)

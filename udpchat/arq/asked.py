"""Bytes that a receiver wants once more, and from which packet on it counts what becomes of them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

Piece = tuple[int, int, int]  # start, stop, number of the first packet that counts


class Asked:
    """What was asked for again and has not been acknowledged since.

    Packets that were sent before say nothing about these bytes any more: they arrived, and the receiver lost them.
    Kept as sorted, disjoint pieces: a receiver chooses how many there are, so no step may walk all of them.
    """

    __slots__ = ("_numbers", "_starts", "_stops")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._stops: list[int] = []
        self._numbers: list[int] = []

    def __len__(self) -> int:
        """How many separate pieces are asked for."""
        return len(self._starts)

    def add(self, start: int, stop: int, number: int) -> None:
        """The bytes from start up to stop are asked for; packets from this number on bring them."""
        self._replace(start, stop, [(start, stop, number)])

    def settle(self, start: int, stop: int) -> None:
        """The bytes from start up to stop were acknowledged since."""
        self._replace(start, stop, [])

    def _replace(self, start: int, stop: int, pieces: list[Piece]) -> None:
        starts, stops, numbers = self._starts, self._stops, self._numbers
        if start >= stop:
            return
        low = bisect_left(stops, start)  # the first piece that holds, touches or follows start
        high = bisect_right(starts, stop)  # one past the last piece that begins up to stop
        if low < high:
            if starts[low] < start:
                pieces.insert(0, (starts[low], start, numbers[low]))
            if stops[high - 1] > stop:
                pieces.append((stop, stops[high - 1], numbers[high - 1]))
            pieces = _joined(pieces)
        starts[low:high] = [piece[0] for piece in pieces]
        stops[low:high] = [piece[1] for piece in pieces]
        numbers[low:high] = [piece[2] for piece in pieces]

    def told_by(self, number: int, start: int, stop: int) -> tuple[tuple[int, int], ...]:
        """The parts of the bytes from start up to stop about which the packet of this number says something."""
        starts, stops = self._starts, self._stops
        told = []
        for index in range(bisect_right(stops, start), bisect_left(starts, stop)):
            if number < self._numbers[index]:
                if start < starts[index]:
                    told.append((start, starts[index]))
                start = stops[index]
        if start < stop:
            told.append((start, stop))
        return tuple(told)


def _joined(pieces: list[Piece]) -> list[Piece]:
    """The same with neighbours of one number as one piece."""
    joined: list[Piece] = []
    for start, stop, number in pieces:
        if joined and joined[-1][1:] == (start, number):
            joined[-1] = (joined[-1][0], stop, number)
        else:
            joined.append((start, stop, number))
    return joined

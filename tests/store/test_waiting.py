"""Bytes that wait in memory for the files they belong to."""

from __future__ import annotations

from random import Random

import pytest

from udpchat.config import MIB
from udpchat.files.members import Index, MemberInfo
from udpchat.store.waiting import Waiting, joined, lay_over


def waiting_for(*pieces: tuple[int, int, bytes]) -> Waiting:
    waiting = Waiting()
    for number, offset, data in pieces:
        waiting.add(number, offset, memoryview(data))
    return waiting


def test_pieces_are_copies_in_the_order_in_which_they_came() -> None:
    lent = bytearray(b"first")
    waiting = Waiting()
    waiting.add(7, 4, memoryview(lent))
    lent[:] = b"again"
    waiting.add(7, 0, memoryview(lent))
    waiting.add(3, 0, memoryview(b"x"))
    assert waiting.pieces(7) == ((4, b"first"), (0, b"again"))
    assert (waiting.numbers(), 3 in waiting, 4 in waiting, waiting.pieces(4)) == ([3, 7], True, False, ())


def test_what_is_being_written_still_waits_and_what_comes_meanwhile_stays() -> None:
    waiting = waiting_for((1, 0, b"old"))
    with waiting.taken(1) as pieces:
        assert pieces == [(0, b"old")]
        assert 1 in waiting
        waiting.add(1, 3, memoryview(b"new"))
        assert waiting.pieces(1) == ((0, b"old"), (3, b"new"))
    assert waiting.pieces(1) == ((3, b"new"),)
    with waiting.taken(1):
        pass
    assert (1 in waiting, waiting.numbers()) == (False, [])


def test_what_could_not_be_written_goes_on_waiting_before_what_came_meanwhile() -> None:
    waiting = waiting_for((1, 0, b"old"))

    def write() -> None:
        with waiting.taken(1):
            waiting.add(1, 0, memoryview(b"new"))
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        write()
    assert waiting.pieces(1) == ((0, b"old"), (0, b"new"))


def test_runs_lie_where_the_members_lie() -> None:
    index = Index((MemberInfo("a", 10), MemberInfo("d", 0), MemberInfo("b", 10), MemberInfo("c", 10)))
    waiting = waiting_for((0, 8, b"12"), (2, 0, b"123"), (2, 5, b"4"), (3, 0, b"9"))
    assert waiting.runs([0, 2], index) == ((8, 13), (15, 16))


def test_joined_pieces_are_few_and_the_same_bytes() -> None:
    data = Random(1).randbytes(3 * MIB)
    pieces = [(at, data[at : at + 60_000]) for at in range(0, len(data), 60_000)]
    few = list(joined([*pieces, (0, b"apart")]))
    assert len(few) == 4
    assert max(len(piece) for _, piece in few) < 2 * MIB
    target = bytearray(len(data))
    for offset, piece in few:
        target[offset : offset + len(piece)] = piece
    assert bytes(target) == b"apart" + data[5:]


@pytest.mark.parametrize(
    ("pieces", "count", "expected"),
    [
        ([], 4, b"file"),
        ([], 0, b""),
        ([(100, b"ABCDEFGH")], 0, b"ABCDEFGH"),
        ([(104, b"EF"), (106, b"GH")], 4, b"fileEFGH"),
        ([(90, b"0123456789AB"), (101, b"x")], 4, b"Axle"),
        ([(105, b"FGHI")], 4, b"file"),  # a gap between
        ([(0, b"far"), (300, b"away")], 2, b"fi"),
    ],
)
def test_pieces_are_seen_where_the_file_is_older(pieces: list[tuple[int, bytes]], count: int, expected: bytes) -> None:
    view = memoryview(bytearray(b"file----"))
    assert bytes(view[: lay_over(pieces, 100, view, count)]) == expected

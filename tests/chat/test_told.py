"""What a client has told is told once, also when it is another person by then."""

from __future__ import annotations

import pytest

from udpchat.chat.told import Told


def test_what_was_told_to_one_person_is_not_told_to_the_next() -> None:
    told = Told()
    assert [told.add(sequence) for sequence in (3, 5, 9)] == [True] * 3
    told.change()
    assert [sequence for sequence in range(2, 11) if told.add(sequence)] == [2, 4, 6, 7, 8, 10]
    told.change()
    assert not any(told.add(sequence) for sequence in range(2, 11))
    assert told.add(11)


def test_sequences_of_other_data_are_other_messages() -> None:
    told = Told()
    told.add(3)
    told.change()
    told.forget()
    assert told.add(3)


@pytest.mark.parametrize(("count", "is_known"), [(3, True), (4, True), (5, False)])
def test_so_many_are_remembered_and_the_newest_ones(
    count: int, is_known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("udpchat.chat.told.MAX_TOLD", 4)
    told = Told()
    for sequence in range(count):
        told.add(sequence)
    told.change()
    assert not told.add(count - 1)
    assert told.add(0) != is_known

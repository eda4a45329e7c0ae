"""Answers that verbs wait for: which of them are worth asking the server whether it is still there."""

from __future__ import annotations

from udpchat.net.answers import Answers


async def test_an_answer_that_does_not_count_is_not_waited_for_and_comes_all_the_same() -> None:
    answers = Answers()
    assert not answers.is_any_expected()
    answers.expect(1)
    assert answers.is_any_expected()
    assert not answers.is_any_expected(but={1, 7})
    answers.expect(2)
    assert answers.is_any_expected(but={1, 7})
    answers.resolve(1, "came")
    assert await answers.wait(1) == "came"

"""Lines to a crowd leave in rounds: nothing is lost, doubled or turned round by it, and few people never wait."""

from random import Random

import pytest

from udpchat.chat.ports import Message
from udpchat.chat.rounds import COST, MIN_CROWD, Rounds
from udpchat.config import MILLISECOND


def message(sequence: int, room: str = "lobby") -> Message:
    return Message(sequence, 0, 1, "anna", room, 0, "", "hi")


def test_a_line_to_few_people_never_waits() -> None:
    rounds = Rounds()
    assert all(rounds.offer(message(number), MIN_CROWD - 1, 0) for number in range(100))
    assert rounds.next_timeout() is None


def test_what_is_said_in_a_crowd_while_a_round_is_under_way_goes_out_together_after_it() -> None:
    rounds = Rounds()
    assert rounds.offer(message(1), 500, 0)
    assert not rounds.offer(message(2), 500, 10 * MILLISECOND)
    assert not rounds.offer(message(3), 500, 20 * MILLISECOND)
    assert rounds.next_timeout() == 500 * COST
    assert list(rounds.take_due(500 * COST - 1)) == []
    assert [each.sequence for each in rounds.take_due(500 * COST)] == [2, 3]
    rounds.round_of(500, 500 * COST)
    assert rounds.next_timeout() is None
    assert not rounds.offer(message(4), 500, 500 * COST + 1)


def test_a_slow_pace_is_not_slowed() -> None:
    rounds = Rounds()
    assert all(rounds.offer(message(number), 500, number * 500 * COST) for number in range(50))


def test_a_private_message_waits_behind_a_line_that_waits() -> None:
    rounds = Rounds()
    assert rounds.offer(message(1), 500, 0)
    assert not rounds.offer(message(2), 500, 1)
    assert not rounds.offer(message(3, room=""), 2, 2)
    assert [each.sequence for each in rounds.take_due(500 * COST)] == [2, 3]


@pytest.mark.parametrize("seed", range(20))
def test_every_message_goes_out_once_in_its_order_whatever_the_pace(seed: int) -> None:
    random, rounds, now = Random(seed), Rounds(), 0
    out: list[int] = []
    for sequence in range(1, 300):
        now += random.randint(0, 60 * MILLISECOND)
        if (due := rounds.next_timeout()) is not None and due <= now:
            out += [each.sequence for each in rounds.take_due(now)]
            rounds.round_of(500, now)
        if rounds.offer(message(sequence), random.choice((2, 50, 100, 500)), now):
            out.append(sequence)
    out += [each.sequence for each in rounds.take_due(now + 500 * COST)]
    assert out == list(range(1, 300))

"""The address of the peer as a small machine."""

from __future__ import annotations

from udpchat.protocol.path import AMPLIFICATION, UNLIMITED, Path

HOME, NEW, OTHER = ("10.0.0.1", 1), ("10.0.0.1", 2), ("10.0.0.9", 1)
NONCE = b"8 bytes!"


def moved(to: tuple[str, int] = NEW) -> Path:
    """A path that has just moved at 1,000, with an interval of 100."""
    path = Path(HOME, is_validated=True, may_move=True)
    path.move(to, NONCE, 1_000, 100)
    return path


def test_a_move_makes_a_challenge_due_and_a_budget_of_three_times_what_came() -> None:
    path = moved()
    assert (path.address, path.is_validated, path.challenge_due, path.budget()) == (NEW, False, True, 0)
    path.on_received(500)
    path.on_sent(200)
    assert path.budget() == AMPLIFICATION * 500 - 200


def test_the_answer_to_the_challenge_lifts_the_limit() -> None:
    path = moved()
    assert path.on_response(NONCE, NEW)
    assert (path.is_validated, path.budget(), path.deadline) == (True, UNLIMITED, None)
    assert not path.on_response(NONCE, NEW), "once is enough"


def test_an_answer_from_elsewhere_or_with_another_nonce_proves_nothing() -> None:
    path = moved()
    assert not path.on_response(NONCE, HOME)
    assert not path.on_response(NONCE, OTHER)
    assert not path.on_response(b"another!", NEW)
    assert not path.is_validated


def test_the_challenge_goes_out_three_times_then_the_proved_address_is_taken_again() -> None:
    path, challenges = moved(), 0
    for now in range(1_000, 1_400, 10):
        challenges += path.challenge_due
        path.challenge_due = False
        went_back = path.on_timeout(now)
        assert went_back is (now == 1_300)
        if went_back:
            break
    assert challenges == 3
    assert (path.address, path.is_validated) == (HOME, True)


def test_only_another_host_is_another_path() -> None:
    path = Path(HOME, is_validated=True, may_move=True)
    assert path.move(NEW, NONCE, 0, 100) is False
    assert path.move(OTHER, NONCE, 0, 100) is True
    assert path.move(HOME, NONCE, 0, 100) is True
    assert path.is_validated, "back where it was proved"


def test_an_unproved_address_is_never_what_is_gone_back_to() -> None:
    path = moved()
    path.move(OTHER, NONCE, 1_050, 100)
    for now in (1_150, 1_250, 1_350):
        path.on_timeout(now)
    assert (path.address, path.is_validated) == (HOME, True)

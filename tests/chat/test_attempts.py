"""How long somebody waits after wrong passwords."""

from __future__ import annotations

import pytest

from udpchat.chat.attempts import HOUR, MAX_REGISTRATIONS, MAX_TRACKED, PATIENCE, Attempts, Limiter, Registrations
from udpchat.config import LOGIN_DELAY, MAX_FAILED_LOGINS, MAX_LOGIN_DELAY, SECOND


def fail_patiently(limiter: Limiter, key: str, count: int, now: int = 0) -> int:
    """Make so many mistakes, each as soon as it is taken. When the last was made."""
    for _ in range(count):
        now += limiter.wait(key, now)
        limiter.failed(key, now)
    return now


@pytest.mark.parametrize(
    ("mistakes", "seconds"),
    [(0, 0), (1, 1), (2, 2), (3, 4), (4, 8), (9, 256), (10, 512), (11, 900), (12, 900), (40, 900)],
)
def test_each_mistake_doubles_the_wait_up_to_a_quarter_of_an_hour(mistakes: int, seconds: int) -> None:
    limiter = Limiter()
    for _ in range(mistakes):
        limiter.failed("anna", 0)
    assert limiter.wait("anna", 0) == seconds * SECOND
    assert (LOGIN_DELAY, MAX_LOGIN_DELAY) == (SECOND, 900 * SECOND)


@pytest.mark.parametrize(("after", "wait"), [(0, 2), (1, 1), (2, 0), (3, 0)])
def test_the_wait_passes(after: int, wait: int) -> None:
    limiter = Limiter()
    limiter.failed("anna", 0)
    limiter.failed("anna", 0)
    assert limiter.wait("anna", after * SECOND) == wait * SECOND


def test_one_who_was_right_starts_anew() -> None:
    limiter = Limiter()
    now = fail_patiently(limiter, "anna", 6)
    limiter.forget("anna")
    assert limiter.wait("anna", now) == 0
    limiter.failed("anna", now)
    assert limiter.wait("anna", now) == LOGIN_DELAY


def test_mistakes_with_one_name_do_not_slow_another_down() -> None:
    limiter = Limiter()
    fail_patiently(limiter, "anna", 5)
    assert limiter.wait("ben", 0) == 0


@pytest.mark.parametrize(("age", "wait"), [(HOUR - 1, 1), (HOUR, 0), (2 * HOUR, 0)])
def test_only_so_many_mistakes_an_hour_are_taken(age: int, wait: int) -> None:
    limiter = Limiter(MAX_FAILED_LOGINS)
    for _ in range(MAX_FAILED_LOGINS):
        assert limiter.wait("anna", 0) == 0
        limiter.failed("anna", 0)
    assert limiter.wait("anna", age) == wait


def test_after_an_hour_without_mistakes_nothing_is_remembered() -> None:
    limiter = Limiter()
    now = fail_patiently(limiter, "anna", 8)
    assert limiter.wait("anna", now + HOUR) == 0
    assert len(limiter) == 0
    limiter.failed("anna", now + HOUR)
    assert limiter.wait("anna", now + HOUR) == LOGIN_DELAY


@pytest.mark.parametrize("names", [MAX_TRACKED - 1, MAX_TRACKED, MAX_TRACKED + 1])
def test_the_table_is_bounded_and_forgets_who_failed_longest_ago(names: int) -> None:
    limiter = Limiter()
    for number in range(names):
        limiter.failed(f"name {number}", number)
    assert len(limiter) == min(names, MAX_TRACKED)
    is_known = limiter.wait("name 0", 0) > 0
    assert is_known == (names <= MAX_TRACKED)
    assert limiter.wait(f"name {names - 1}", names - 1) == LOGIN_DELAY


@pytest.mark.parametrize(("mistakes", "wait"), [(1, 0), (PATIENCE, 0), (PATIENCE + 1, 1), (PATIENCE + 3, 4)])
def test_an_address_is_let_off_its_first_mistakes_for_a_class_sits_behind_it(mistakes: int, wait: int) -> None:
    attempts = Attempts()
    for number in range(mistakes):
        attempts.failed(f"pupil {number}", "192.0.2.1", 0)
    assert attempts.wait("teacher", "192.0.2.1", 0) == wait * SECOND
    assert attempts.wait("teacher", "192.0.2.2", 0) == 0


@pytest.mark.parametrize(("mistakes", "wait"), [(1, 1), (3, 4), (4, 8), (20, 8)])
def test_an_account_that_is_guessed_from_anywhere_is_slowed_down_a_little_for_strangers(
    mistakes: int, wait: int
) -> None:
    attempts = Attempts()
    for number in range(mistakes):
        attempts.failed("anna", f"192.0.2.{number}", 0)
    assert attempts.wait("anna", "198.51.100.1", 0) == wait * SECOND
    assert attempts.wait("ben", "198.51.100.1", 0) == 0


def test_what_others_guess_costs_nothing_where_the_password_was_right_before() -> None:
    attempts = Attempts()
    attempts.succeeded("anna", "198.51.100.1")
    for number in range(MAX_FAILED_LOGINS):
        attempts.failed("anna", f"192.0.2.{number}", 0)
    assert attempts.wait("anna", "198.51.100.1", 0) == 0
    assert attempts.wait("anna", "198.51.100.2", 0) == HOUR
    attempts.failed("anna", "198.51.100.1", 0)
    assert attempts.wait("anna", "198.51.100.1", 0) == LOGIN_DELAY


def test_who_guesses_waits_longer_than_who_is_guessed() -> None:
    attempts = Attempts()
    for _ in range(8):
        attempts.failed("anna", "192.0.2.1", 0)
    assert attempts.wait("anna", "192.0.2.1", 0) == 128 * SECOND
    assert attempts.wait("anna", "192.0.2.2", 0) == 8 * SECOND


def test_being_right_with_one_account_does_not_pay_for_guessing_others() -> None:
    attempts = Attempts()
    for number in range(PATIENCE + 4):
        attempts.failed(f"victim {number}", "192.0.2.1", 0)
        attempts.succeeded("mallory", "192.0.2.1")
    assert attempts.wait("anybody", "192.0.2.1", 0) == 8 * SECOND


@pytest.mark.parametrize("count", [MAX_TRACKED - 1, MAX_TRACKED, MAX_TRACKED + 1])
def test_the_table_of_who_was_right_is_bounded(count: int) -> None:
    attempts = Attempts()
    for number in range(count):
        attempts.succeeded(f"name {number}", "192.0.2.1")
    assert attempts.is_known("name 0", "192.0.2.1") == (count <= MAX_TRACKED)
    assert attempts.is_known(f"name {count - 1}", "192.0.2.1")


@pytest.mark.parametrize(("count", "is_taken"), [(MAX_REGISTRATIONS - 1, True), (MAX_REGISTRATIONS, False)])
def test_so_many_accounts_an_hour_are_registered_from_one_address(count: int, is_taken: bool) -> None:
    registrations = Registrations()
    for number in range(count):
        registrations.taken("192.0.2.1", number)
    assert (registrations.wait("192.0.2.1", count) == 0) == is_taken
    assert registrations.wait("192.0.2.2", count) == 0
    assert registrations.wait("192.0.2.1", HOUR) == 0

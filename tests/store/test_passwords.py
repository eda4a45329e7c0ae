from __future__ import annotations

import re
from random import Random

import pytest

from udpchat.config import MAX_PASSWORD
from udpchat.errors import StorageError, UsageError
from udpchat.store.passwords import Passwords


@pytest.fixture
def passwords() -> Passwords:
    return Passwords(Random(1).randbytes)


def test_password_is_kept_as_argon2id_with_its_cost_and_a_salt_of_its_own(passwords: Passwords) -> None:
    first, second = passwords.hash("correct horse"), passwords.hash("correct horse")
    for each in (first, second):
        assert re.fullmatch(r"\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}", each)
        assert passwords.verify("correct horse", each)
        assert not passwords.verify("correct  horse", each)
    assert first != second


def test_letters_are_the_same_however_a_keyboard_writes_them(passwords: Passwords) -> None:
    assert passwords.verify("cafe\u0301", passwords.hash("caf\u00e9"))


def test_nobody_has_a_password(passwords: Passwords) -> None:
    assert not passwords.verify("", "")
    assert not passwords.verify("correct horse", "")


def test_hash_of_another_program_with_other_costs_is_understood(passwords: Passwords) -> None:
    # From src/test.c of the reference implementation, github.com/P-H-C/phc-winner-argon2.
    kept = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
    assert passwords.verify("password", kept)
    assert not passwords.verify("Password", kept)


@pytest.mark.parametrize("kept", ["plain", "$argon2id$v=19$m=19456", "$2b$12$abcdefghijklmnopqrstuv"])
def test_damaged_hash_is_told(passwords: Passwords, kept: str) -> None:
    with pytest.raises(StorageError, match="damaged"):
        passwords.verify("correct horse", kept)


def test_password_has_a_limit(passwords: Passwords) -> None:
    longest = "x" * MAX_PASSWORD
    assert passwords.verify(longest, passwords.hash(longest))
    with pytest.raises(UsageError):
        passwords.hash(f"{longest}x")

"""How often a password may be wrong: after each mistake one has to wait, and longer every time."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from udpchat.config import LOGIN_DELAY, MAX_FAILED_LOGINS, MAX_LOGIN_DELAY, SECOND

HOUR: Final = 3_600 * SECOND
MAX_TRACKED: Final = 4_096  # names, and as many addresses; beyond that the one that failed longest ago is forgotten
MAX_STRANGERS_DELAY: Final = (
    8 * SECOND
)  # after mistakes of others, until they are 100 an hour: an owner on a new machine gets in between two
MAX_REGISTRATIONS: Final = 10  # of accounts in an hour, from one address
PATIENCE: Final = 20  # mistakes an hour from one address before it waits too: a class behind one NAT mistypes


@dataclass(slots=True)
class Failures:
    """Mistakes of the last hour. in_a_row: since an hour without any."""

    times: deque[int] = field(default_factory=deque)
    in_a_row: int = 0

    def forget(self, now: int) -> None:
        """Drop what is older than an hour."""
        while self.times and self.times[0] <= now - HOUR:
            self.times.popleft()
        if not self.times:
            self.in_a_row = 0


class Limiter:
    """Mistakes by key. Times are those of `now` [us].

    patience: so many in a row cost nothing. longest: delay after one [us]. hourly: so many are taken in an hour.
    """

    def __init__(self, patience: int = 0, *, longest: int = MAX_LOGIN_DELAY, hourly: int = MAX_FAILED_LOGINS) -> None:
        self._patience = patience
        self._longest = longest
        self._hourly = hourly
        self._failures: dict[str, Failures] = {}  # the one that failed last at the end

    def __len__(self) -> int:
        return len(self._failures)

    def wait(self, key: str, now: int) -> int:
        """How long until the next attempt is taken [us]; 0: it may be made."""
        failures = self._failures.get(key)
        if failures is None:
            return 0
        failures.forget(now)
        if not failures.times:
            del self._failures[key]
            return 0
        until = now
        if failures.in_a_row > self._patience:
            doublings = min(failures.in_a_row - self._patience - 1, 32)
            until = failures.times[-1] + min(LOGIN_DELAY << doublings, self._longest)
        if len(failures.times) >= self._hourly:
            until = max(until, failures.times[-self._hourly] + HOUR)
        return max(0, until - now)

    def failed(self, key: str, now: int) -> None:
        """A mistake was made."""
        failures = self._failures.pop(key, None) or Failures()
        failures.forget(now)
        failures.times.append(now)
        failures.in_a_row += 1
        self._failures[key] = failures
        if len(self._failures) > MAX_TRACKED:
            del self._failures[next(iter(self._failures))]

    def forget(self, key: str) -> None:
        """There was no mistake."""
        self._failures.pop(key, None)


class Attempts:
    """Wrong passwords: by account and address together, by account from strange addresses, and by address.

    An address from which the password was right once is not slowed down by what others guess, so that nobody locks
    somebody else out. An address alone is let off its first mistakes, an account is not.
    """

    def __init__(self) -> None:
        self._pairs = Limiter()
        self._strangers = Limiter(longest=MAX_STRANGERS_DELAY)  # by account
        self._hosts = Limiter(PATIENCE)
        self._known: dict[
            tuple[str, str], None
        ] = {}  # account and address of those who were right, the last at the end

    def wait(self, account: str, host: str, now: int) -> int:
        """How long until a password for this account (folded name) from this host is looked at [us]; 0: now."""
        others = 0 if self.is_known(account, host) else self._strangers.wait(account, now)
        return max(self._pairs.wait(_pair(account, host), now), others, self._hosts.wait(host, now))

    def is_known(self, account: str, host: str) -> bool:
        """Whether the password of this account was right from this host before."""
        return (account, host) in self._known

    def failed(self, account: str, host: str, now: int) -> None:
        """The password was wrong, or there is no such account."""
        self._pairs.failed(_pair(account, host), now)
        self._hosts.failed(host, now)
        if not self.is_known(account, host):
            self._strangers.failed(account, now)

    def succeeded(self, account: str, host: str) -> None:
        """The password was right. It says nothing of the others at that address, so their mistakes stay."""
        self._pairs.forget(_pair(account, host))
        self._known.pop((account, host), None)
        self._known[account, host] = None
        if len(self._known) > MAX_TRACKED:
            del self._known[next(iter(self._known))]


class Registrations:
    """Accounts that were registered, by address."""

    def __init__(self) -> None:
        self._hosts = Limiter(MAX_REGISTRATIONS, hourly=MAX_REGISTRATIONS)

    def wait(self, host: str, now: int) -> int:
        """How long until another one from this host is taken [us]; 0: now."""
        return self._hosts.wait(host, now)

    def taken(self, host: str, now: int) -> None:
        """One is made."""
        self._hosts.failed(host, now)


def _pair(account: str, host: str) -> str:
    return f"{account}\n{host}"

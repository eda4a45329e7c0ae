"""Accounts: a nickname with a password. Registering, logging in, changing the password."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from udpchat.chat.attempts import MAX_REGISTRATIONS, Attempts, Registrations
from udpchat.chat.events import AccountHappened
from udpchat.chat.hall import Hall, Seat
from udpchat.chat.lookalikes import is_reserved
from udpchat.chat.names import normal
from udpchat.chat.ports import (
    AccountSecret,
    AddAccount,
    AddTicket,
    FindAccount,
    HashPassword,
    Person,
    SetPassword,
    VerifyPassword,
)
from udpchat.chat.presence import person_flags
from udpchat.chat.reception import TICKET_SIZE, Reception, hash_ticket
from udpchat.chat.text import nick_fault
from udpchat.config import MAX_HASHING, MAX_PASSWORD, SECOND
from udpchat.errors import ErrorCode, StorageError
from udpchat.protocol.events import RecordReceived
from udpchat.protocol.members import fold
from udpchat.protocol.ports import Result, StoreRequest
from udpchat.wire.numbers import Outcome
from udpchat.wire.records import Account, Login, Password, Register

MAX_HASHING_HOST: Final = 4  # of MAX_HASHING, for one address: the others must get theirs checked too
NO_SECRET: Final = ""  # the hash of an account that is not there
HAPPENED: Final = {
    Outcome.REGISTERED: "registered",
    Outcome.LOGGED_IN: "logged in",
    Outcome.PASSWORD_CHANGED: "password changed",
}


@dataclass(slots=True, eq=False)
class Task:
    """A request about an account that is under way; one a connection. ticket: that the asker is to get, or empty."""

    received: RecordReceived
    outcome: Outcome
    nick: str
    host: str
    identity: bytes
    ticket: bytes = field(repr=False)

    @property
    def connection_id(self) -> bytes:
        """Who asks."""
        return self.received.connection_id


Step = Callable[[Task, Result, int], None]


class Accounts:
    """Who may be which account. random_bytes: for tickets."""

    def __init__(self, hall: Hall, reception: Reception, random_bytes: Callable[[int], bytes]) -> None:
        self._hall = hall
        self._reception = reception
        self._random_bytes = random_bytes
        self._attempts = Attempts()
        self._registrations = Registrations()
        self._tasks: dict[bytes, Task] = {}  # by connection
        self._hashing: Counter[str] = Counter()  # by address: passwords, also for connections that are gone

    def on_closed(self, connection_id: bytes) -> None:
        """A connection is over: nobody waits for its answer."""
        self._tasks.pop(connection_id, None)

    # -- registering ---------------------------------------------------------------------------------------------------

    def on_register(self, received: RecordReceived, record: Register, now: int) -> None:
        """REGISTER: make a nickname an account."""
        nick, password = normal(record.nick), normal(record.password)
        former = self._reception.account_of(received.connection_id)
        if former is not None:
            text = f"you are logged in as {former.nick}; an account is registered by a guest"
            self._refuse(received, ErrorCode.NOT_ALLOWED, text)
        elif not self._reception.identity_of(received.connection_id):
            self._refuse(received, ErrorCode.NOT_JOINED, "join first: an account is registered by a key")
        elif self._takes(received, nick, password) and self._is_long_enough(received, nick, password):
            if is_reserved(nick):
                self._refuse(received, ErrorCode.NICK_NOT_ALLOWED, f"the nickname {nick} is kept for the administrator")
            elif not self._reception.is_free(nick, received.connection_id):
                self._refuse(received, ErrorCode.NICK_IN_USE, f"the nickname {nick} is in use: choose another")
            elif wait := self._registrations.wait(self._reception.host_of(received.connection_id), now):
                self._refuse(received, ErrorCode.TRY_LATER, _too_many_registrations(wait))
            else:
                task = self._start(received, Outcome.REGISTERED, nick, now)
                self._ask(task, FindAccount(0, nick), partial(self._on_name_looked_up, password))

    def _on_name_looked_up(self, password: str, task: Task, secret: AccountSecret | None, now: int) -> None:
        if secret is not None:
            text = f"there is an account {secret.person.nick} already: log in, or choose another name"
            self._end(task, now, StorageError(text, ErrorCode.NAME_TAKEN))
        elif wait := self._registrations.wait(task.host, now):
            self._end(task, now, StorageError(_too_many_registrations(wait), ErrorCode.TRY_LATER))
        else:
            self._registrations.taken(task.host, now)
            self._hash(task, HashPassword(0, password), self._on_hashed)

    def _on_hashed(self, task: Task, password_hash: str, now: int) -> None:
        if not self._reception.is_free(task.nick, task.connection_id):
            text = f"the nickname {task.nick} is in use now: choose another"
            self._end(task, now, StorageError(text, ErrorCode.NICK_IN_USE))
            return
        ticket, at = hash_ticket(task.ticket), self._hall.wall(now)
        self._ask(task, AddAccount(0, task.identity, task.nick, password_hash, ticket, at), self._become)

    # -- logging in ----------------------------------------------------------------------------------------------------

    def on_login(self, received: RecordReceived, record: Login, now: int) -> None:
        """LOGIN: be an account from now on."""
        nick, password = normal(record.nick), normal(record.password)
        if self._takes(received, nick, password) and self._may_try(received, nick, now):
            task = self._start(received, Outcome.LOGGED_IN, nick, now)
            self._ask(task, FindAccount(0, nick), partial(self._verify, password, self._on_right_login))

    def _verify(self, password: str, then: Step, task: Task, secret: AccountSecret | None, _: int) -> None:
        password_hash = NO_SECRET if secret is None else secret.password_hash
        step = partial(self._on_verified, secret, then)
        self._hash(task, VerifyPassword(0, password, password_hash), step)  # takes as long when there is no account

    def _on_verified(self, secret: AccountSecret | None, then: Step, task: Task, is_right: object, now: int) -> None:
        if secret is not None and is_right is True:
            self._attempts.succeeded(fold(task.nick), task.host)
            then(task, secret.person, now)
            return
        self._attempts.failed(fold(task.nick), task.host, now)
        if secret is None:
            text = f"there is no account {task.nick}: register it, or look at the spelling"
            self._end(task, now, StorageError(text, ErrorCode.UNKNOWN_ACCOUNT))
        else:
            self._end(task, now, StorageError("the password is wrong", ErrorCode.WRONG_PASSWORD))

    def _on_right_login(self, task: Task, person: Person, now: int) -> None:
        if not task.ticket:
            self._become(task, person, now)
            return
        request = AddTicket(0, person.person_id, task.identity, hash_ticket(task.ticket), self._hall.wall(now))
        self._ask(task, request, lambda task, _, at: self._become(task, person, at))

    def _become(self, task: Task, person: Person, now: int) -> None:
        """The connection is this account from now on, unless it is banned."""

        def then(error: StorageError | None) -> None:
            if error is not None:
                self._end(task, now, error)
            else:
                self._answer(task, person, now)

        self._reception.logged_in(task.connection_id, person, now, then)

    # -- another password ----------------------------------------------------------------------------------------------

    def on_password(self, received: RecordReceived, seat: Seat, record: Password, now: int) -> None:  # noqa: ARG002 - as all
        """PASSWORD: change the password of the asker's account."""
        old, new = normal(record.old), normal(record.new)
        person = self._reception.account_of(received.connection_id)
        if person is None:
            self._refuse(received, ErrorCode.LOGIN_REQUIRED, "you have no account here: register, or log in first")
        elif (
            self._takes(received, person.nick, old)
            and self._takes(received, person.nick, new)
            and self._is_long_enough(received, "", new)
            and self._may_try(received, person.nick, now)
        ):
            task = self._start(received, Outcome.PASSWORD_CHANGED, person.nick, now)
            self._ask(task, FindAccount(0, person.nick), partial(self._verify, old, partial(self._on_old_right, new)))

    def _on_old_right(self, new: str, task: Task, person: Person, _: int) -> None:
        self._hash(task, HashPassword(0, new), partial(self._set_password, person))

    def _set_password(self, person: Person, task: Task, password_hash: str, now: int) -> None:
        ticket, at = hash_ticket(task.ticket), self._hall.wall(now)
        request = SetPassword(0, person.person_id, password_hash, task.identity, ticket, at)
        self._ask(task, request, lambda task, _, when: self._answer(task, person, when))

    # -- what is taken -------------------------------------------------------------------------------------------------

    def _takes(self, received: RecordReceived, nick: str, password: str) -> bool:
        """Whether this may be looked at; it was refused when not."""
        if self._hall.config.plaintext:
            text = "this server's sessions are not sealed: it takes no passwords"
            self._refuse(received, ErrorCode.NOT_IN_PLAINTEXT, text)
        elif (fault := nick_fault(nick)) is not None:
            self._refuse(received, ErrorCode.NICK_NOT_ALLOWED, fault)
        elif len(password.encode()) > MAX_PASSWORD:
            self._refuse(received, ErrorCode.TEXT_NOT_ALLOWED, f"a password has at most {MAX_PASSWORD} bytes")
        elif received.connection_id in self._tasks:
            self._refuse(received, ErrorCode.TRY_LATER, "your last request about an account is not answered yet")
        elif self._is_busy(self._reception.host_of(received.connection_id)):
            text = "the server is busy with other passwords: try again in a second"
            self._refuse(received, ErrorCode.TRY_LATER, text)
        else:
            return True
        return False

    def _is_busy(self, host: str) -> bool:
        """Whether nobody's password is looked at now, or none from this address."""
        from_host = sum(task.host == host for task in self._tasks.values())
        return (
            max(len(self._tasks), self._hashing.total()) >= MAX_HASHING
            or max(from_host, self._hashing[host]) >= MAX_HASHING_HOST
        )

    def _is_long_enough(self, received: RecordReceived, nick: str, password: str) -> bool:
        """Whether name (empty: not asked for) and password keep to the policy; it was refused when not."""
        name_size, size = self._hall.config.min_account_name, self._hall.config.min_password
        if 0 < len(nick) < name_size:
            text = f"too short: the name of an account has {name_size} characters or more, its password {size} or more"
        elif len(password) < size:
            text = f"too short: a password has at least {size} characters"
        else:
            return True
        self._refuse(received, ErrorCode.TOO_SHORT, text)
        return False

    def _may_try(self, received: RecordReceived, nick: str, now: int) -> bool:
        """Whether a password may be tried now; it was refused when not."""
        account, host = fold(nick), self._reception.host_of(received.connection_id)
        wait, is_known = self._attempts.wait(account, host, now), self._attempts.is_known(account, host)
        others = [task for task in self._tasks.values() if fold(task.nick) == account]
        if wait > 0:
            text = f"too many wrong passwords: try again in {_seconds(wait)}"
        elif any(task.host == host or not is_known for task in others):
            text = f"somebody else is logging in as {nick} right now: try again in a second"  # one guess at a time
        else:
            return True
        self._refuse(received, ErrorCode.TRY_LATER, text)
        return False

    # -- requests that are under way -----------------------------------------------------------------------------------

    def _start(self, received: RecordReceived, outcome: Outcome, nick: str, now: int) -> Task:
        connection_id = received.connection_id
        identity, host = self._reception.identity_of(connection_id), self._reception.host_of(connection_id)
        ticket = self._random_bytes(TICKET_SIZE) if identity else b""  # a ticket is bound to a key
        task = self._tasks[connection_id] = Task(received, outcome, nick, host, identity, ticket)
        self._reception.set_busy(connection_id, now, is_busy=True)
        return task

    def _ask(self, task: Task, request: StoreRequest, step: Step) -> None:
        """Ask storage, and go on with step when the connection is still there."""
        self._hall.desk.ask(request, lambda result, now: self._go_on(task, step, result, now))

    def _hash(self, task: Task, request: StoreRequest, step: Step) -> None:
        """The same for what takes a tenth of a second of a processor."""
        self._hashing[task.host] += 1

        def answer(result: Result, now: int) -> None:
            self._hashing[task.host] -= 1
            if not self._hashing[task.host]:
                del self._hashing[task.host]
            self._go_on(task, step, result, now)

        self._hall.desk.ask(request, answer)

    def _go_on(self, task: Task, step: Step, result: Result, now: int) -> None:
        if self._tasks.get(task.connection_id) is not task:
            return
        if isinstance(result, StorageError):
            self._end(task, now, result)
        else:
            step(task, result, now)

    def _answer(self, task: Task, person: Person, now: int) -> None:
        seat = self._hall.find(task.connection_id)
        flags = person_flags(person) if seat is None else self._reception.flags_of(seat)
        self._end(task, now, None)
        account = Account(task.outcome, flags, task.ticket, person.nick)
        self._hall.desk.send(task.connection_id, account, task.received.request_id)
        self._tell(task, HAPPENED[task.outcome])

    def _end(self, task: Task, now: int, error: StorageError | None) -> None:
        """It is over; the asker is told when it was in vain."""
        self._tasks.pop(task.connection_id, None)
        self._reception.set_busy(task.connection_id, now, is_busy=False)
        if error is not None:
            self._refuse(task.received, error.code, error.text)
            self._tell(task, f"refused: {error.text}")

    def _refuse(self, received: RecordReceived, code: ErrorCode, text: str) -> None:
        self._hall.refuse(received, code, text)

    def _tell(self, task: Task, text: str) -> None:
        self._hall.desk.tell(AccountHappened(task.nick, self._hall.address_of(task.connection_id), text))


def _seconds(time: int) -> str:
    """A time in words. time: [us]."""
    seconds = -(-time // SECOND)
    return f"{seconds} second" if seconds == 1 else f"{seconds} seconds"


def _too_many_registrations(wait: int) -> str:
    return f"{MAX_REGISTRATIONS} accounts were registered from your address in an hour: try again in {_seconds(wait)}"

"""The commands about accounts. What is typed as a password is neither shown nor told."""

from __future__ import annotations

from typing import Final

from udpchat.chat.events import AccountChanged
from udpchat.errors import ErrorCode, RefusedError
from udpchat.ui.cli.line_session import LineSession
from udpchat.ui.cli.render import visible
from udpchat.wire.numbers import Outcome

_OUTCOMES: Final = {
    Outcome.REGISTERED: "registered: {nick} is your account now",
    Outcome.LOGGED_IN: "logged in as {nick}",
    Outcome.PASSWORD_CHANGED: "the password of {nick} is changed; other machines must log in anew",
}


async def register(session: LineSession) -> None:
    """Make the nickname an account."""
    _check_sealed(session)
    nick = session.client.nick
    password = await session.passwords.wanted(f"password for the new account {visible(nick)}")
    if password:
        _tell(session, await session.client.register(nick, password))
    else:
        session.done("nothing was registered", "register")


async def login(session: LineSession, nick: str = "") -> None:
    """Log in to an account."""
    _check_sealed(session)
    name = nick or session.client.nick
    password = await session.passwords.present(f"password of {visible(name)}: ")
    if password:
        _tell(session, await session.client.login(name, password))
    else:
        session.done("nobody has logged in", "login")


async def password(session: LineSession) -> None:
    """Change the password."""
    _check_sealed(session)
    old = await session.passwords.present("the password you have: ")
    new = await session.passwords.replacement("the new one") if old else None
    if old and new:
        _tell(session, await session.client.change_password(old, new))
    else:
        session.done("the password stays as it is", "password")


def _tell(session: LineSession, changed: AccountChanged) -> None:
    text = _OUTCOMES[changed.outcome].format(nick=visible(changed.nick))
    session.answer([text], "account", outcome=changed.outcome, nick=changed.nick, flags=changed.flags)


def _check_sealed(session: LineSession) -> None:
    """Before anybody types a password. RefusedError."""
    if not session.client.server_fingerprint:
        text = "this session is not sealed, so no password is sent over it; connect without --plaintext"
        raise RefusedError(ErrorCode.NOT_IN_PLAINTEXT, text)

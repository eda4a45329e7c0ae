"""How the commands of a client join: the options, the nickname, the password, what a person is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from udpchat.config import MAX_NICK
from udpchat.crypto.identity import fingerprint
from udpchat.errors import ErrorCode, HandshakeError, RefusedError
from udpchat.net.client import Client
from udpchat.net.home import Home
from udpchat.net.joining import AskPassword, connect
from udpchat.ui.cli.capturing import capture_target
from udpchat.ui.cli.client_options import ChatOptions, ClientOptions, default_nick
from udpchat.ui.cli.exits import CommandError, ExitCode, error_text, refusal_code
from udpchat.ui.cli.options import HostPort
from udpchat.ui.cli.passwords import NO_SOURCE, Passwords
from udpchat.ui.cli.render import visible
from udpchat.ui.cli.terminal import Terminal

MAX_NUMBER: Final = 99  # behind a default nickname that is in use
NOT_THIS_NICK: Final = {
    *(ErrorCode.NICK_IN_USE, ErrorCode.NICK_NOT_ALLOWED, ErrorCode.NICK_REGISTERED),
    *(ErrorCode.LOGIN_REQUIRED, ErrorCode.UNKNOWN_ACCOUNT),
}
ASKED_AGAIN: Final = {ErrorCode.WRONG_PASSWORD, ErrorCode.TRY_LATER, ErrorCode.TOO_SHORT}  # for the same nickname
NEEDS_PASSWORD: Final = {ErrorCode.NICK_REGISTERED, ErrorCode.LOGIN_REQUIRED}
TAKEN: Final = {ErrorCode.NICK_IN_USE, ErrorCode.NICK_REGISTERED}


class KeyNotice:
    """Says, once, that a server's key was not known before: when a password is asked for, else after joining."""

    def __init__(self, server: HostPort, options: ClientOptions, terminal: Terminal) -> None:
        self._server = server
        self._trust = Home(options.home).trust
        self._terminal = terminal
        self._known = {pin.key for pin in self._trust.pins()}

    def tell(self) -> None:
        """Say it, if it is so and was not said."""
        for pin in self._trust.pins():
            if pin.key not in self._known:
                self._known.add(pin.key)
                self._terminal.log(
                    f"first contact with {visible(str(self._server))}: its key {fingerprint(pin.key)} is trusted from "
                    "now on; compare it with what the server shows"
                )


async def join_to_talk(server: HostPort, options: ChatOptions, terminal: Terminal) -> Client:
    """Join; a person whose nickname or password cannot be is asked again. The errors of `join`."""
    nick, notice = options.name, KeyNotice(server, options, terminal)
    patience = options.patience(terminal.is_interactive)
    while True:
        try:
            return await join(
                server, options, terminal, nick=nick, folder=options.to, reconnect=patience, notice=notice
            )
        except RefusedError as error:
            if not terminal.is_interactive:
                raise
            if error.code in ASKED_AGAIN and not _passwords(options, terminal).is_given:
                terminal.show(error_text(error))
                continue
            if error.code not in NOT_THIS_NICK:
                raise
            terminal.show(error_text(error))
        answer = await terminal.next_line("another nickname: ")
        if answer is None:
            raise CommandError(ExitCode.NICKNAME, "no nickname, so nobody joined")
        nick = answer.strip() or nick


async def join(
    server: HostPort,
    options: ClientOptions,
    terminal: Terminal,
    *,
    nick: str | None = None,
    folder: Path | None = None,
    fetches: bool = True,
    reconnect: float | None = 0.0,
    notice: KeyNotice | None = None,
) -> Client:
    """Join a server as the options say. The errors of `connect`; one that the network has is a HandshakeError.

    fetches: the server may have to send files, and is told how when the user said so. nick: instead of the one in the
    options. folder: for downloads. reconnect: how long to try to come back [s], None for ever. notice: of who has tried
    before. When nobody chose a nickname and nobody can be asked, one that is taken gets a number.
    """
    chosen = nick or options.name
    notice = notice or KeyNotice(server, options, terminal)
    ask = _asker(options, terminal, notice)
    for number in range(1, MAX_NUMBER):
        name = chosen or _numbered(default_nick(), number)
        try:
            client = await _connect(server, options, terminal, ask, name, folder, reconnect)
        except RefusedError as error:
            if error.code in NEEDS_PASSWORD and chosen and ask is None:
                raise CommandError(refusal_code(error.code), f"{error.text}; {NO_SOURCE}") from error
            if error.code not in TAKEN or chosen or terminal.is_interactive or number == MAX_NUMBER - 1:
                raise
        else:
            _tell_about_keys(notice, options, terminal)
            return await _tuned(client, options) if fetches and options.is_tuned else client
    raise AssertionError("the loop above returns or raises")


async def _connect(
    server: HostPort,
    options: ClientOptions,
    terminal: Terminal,
    ask: AskPassword | None,
    nick: str,
    folder: Path | None,
    reconnect: float | None,
) -> Client:
    chat = options if isinstance(options, ChatOptions) else None  # else a command that does one thing
    try:
        return await connect(
            server.host,
            server.port,
            nick=nick,
            config=options.config(),
            folder=folder,
            home=options.home,
            strict=options.strict,
            server_key=options.server_key,
            keylog=options.keylog,
            capture=capture_target(options.capture, options.capture_limit),
            visitor=chat is None,
            wait=chat is not None and chat.waits(terminal.is_interactive),
            on_queue=terminal.event if chat is not None else None,
            password=ask,
            register=chat is not None and chat.register,
            reconnect=reconnect,
            journal=chat.log if chat is not None else None,
            interface=options.interface,
        )
    except OSError as error:
        raise HandshakeError(f"cannot reach {server}: {error.strerror or error}") from error


def _passwords(options: ClientOptions, terminal: Terminal) -> Passwords:
    return Passwords(terminal, options.password_file)


def _asker(options: ClientOptions, terminal: Terminal, notice: KeyNotice) -> AskPassword | None:
    """What answers when the server wants a password; None where there is none to be had."""
    passwords = _passwords(options, terminal)
    if not passwords.is_given and not terminal.is_interactive:
        return None

    async def ask(nick: str) -> str | None:
        notice.tell()
        if isinstance(options, ChatOptions) and options.register:
            return await passwords.wanted(f"password of the account {visible(nick)}")
        return await passwords.present(f"password of {visible(nick)} (Enter for another nickname): ")

    return ask


async def _tuned(client: Client, options: ClientOptions) -> Client:
    """Tell the server how to send us files."""
    try:
        await client.tune(options.config())
    except BaseException:
        await client.close()
        raise
    return client


def _tell_about_keys(notice: KeyNotice, options: ClientOptions, terminal: Terminal) -> None:
    if options.plaintext:
        terminal.log("PLAINTEXT: whoever sees the network reads, and can change, all that is said and sent")
    else:
        notice.tell()
    if options.keylog is not None:
        terminal.log(f"KEY LOG: whoever reads {visible(str(options.keylog))} reads this session")


def _numbered(nick: str, number: int) -> str:
    return nick if number == 1 else f"{nick[: MAX_NICK - 3]}-{number}"

"""Joining a server: find it, connect, check its key, take a nickname or log in."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from udpchat.capture.rotation import CaptureTarget
from udpchat.chat.events import Joined
from udpchat.config import DEFAULT_PORT, SECOND, Config
from udpchat.crypto.identity import Identity
from udpchat.errors import ErrorCode, HandshakeError, RefusedError
from udpchat.net.capturing import open_capture, tap_between, tapped
from udpchat.net.client import Client
from udpchat.net.driver import Driver
from udpchat.net.home import Home, wall_clock
from udpchat.net.hosts import make_client
from udpchat.net.interfaces import chosen_interfaces, own_interfaces
from udpchat.net.journal import Journal
from udpchat.net.keylog import open_keylog
from udpchat.net.remembering import Remembering
from udpchat.net.session import OnQueue, Surroundings
from udpchat.net.sockets import DatagramSocket, dial
from udpchat.protocol.datagrams import Address
from udpchat.store.local import LocalStore
from udpchat.wire.numbers import JoinFlag, UserFlag

AskPassword = Callable[[str], Awaitable[str | None]]  # account name -> its password; None to give up

NEEDS_LOGIN = {ErrorCode.NICK_REGISTERED, ErrorCode.LOGIN_REQUIRED}


async def connect(  # noqa: PLR0913 - each has a name, and most a default
    host: str,
    port: int = DEFAULT_PORT,
    *,
    nick: str,
    config: Config | None = None,
    folder: Path | None = None,
    home: Path | None = None,
    strict: bool = False,
    server_key: str | None = None,
    keylog: Path | None = None,
    capture: CaptureTarget | None = None,
    visitor: bool = False,
    wait: bool = False,
    on_queue: OnQueue | None = None,
    password: AskPassword | None = None,
    register: bool = False,
    reconnect: float | None = 0.0,
    journal: Path | None = None,
    interface: str = "",
    pins: bool = True,
) -> Client:
    """Join a server under a nickname.

    folder: where downloads go, the current one by default. home: our key and the known servers', platformdirs' choice
    by default. strict: refuse a server that was never seen before. server_key: fingerprint or hex of the key it must
    have. visitor: for one command, unseen by the others, beside a session of ours that stays. wait: when the server is
    full, wait for a place. password: asked when the nickname is an account's and no ticket is at hand, or the server
    wants an account. register: make that account when there is none. reconnect: seconds to go on trying to
    come back after a loss, None for ever. journal: a file that gets every message received. interface: name or address
    of the only one to go through. pins: False: `server_key` is all that counts, and no server is remembered.
    HandshakeError, ServerKeyError, RefusedError, StorageError; InterfaceError when there is no such interface.
    """
    config = config or Config()
    dialer = HostDialer(host, port, config, interface)
    place = Home(home)
    starting = Starting(config, place, folder or Path.cwd(), reconnect, visitor=visitor, wait=wait)
    client = await _start(dialer, starting, keylog=keylog, capture=capture, journal=journal)
    try:
        key, shown = await client.opened(), shown_place(host, port)
        if not config.plaintext:
            client.is_new_key = place.check_server(shown, key, strict=strict, expected=server_key, pins=pins)
        joined = await _join(client, nick, on_queue, password, register=register)
        place.keep_token(dialer.address, joined.token)
        if pins:
            place.keep_use(shown, client.server_public, wall_clock())
    except BaseException:
        await client.close()
        raise
    return client


async def _join(
    client: Client, nick: str, on_queue: OnQueue | None, password: AskPassword | None, *, register: bool
) -> Joined:
    """Join; when that takes an account, or one is wanted, register or log in."""
    try:
        joined = await client.join(nick, on_queue)
    except RefusedError as error:
        secret = await _secret(client, nick, password) if error.code in NEEDS_LOGIN else None
        if secret is None:
            raise
        await _log_in(client, nick, secret, register=register)
        return await client.join(nick, on_queue)
    secret = await _secret(client, nick, password) if register and not joined.flags & UserFlag.ACCOUNT else None
    if secret is not None:
        await _log_in(client, nick, secret, register=True)
    return joined


async def _secret(client: Client, nick: str, password: AskPassword | None) -> str | None:
    """The password of an account; None when there is none to be had, or the session is not sealed."""
    return await password(nick) if password is not None and client.server_public else None


async def _log_in(client: Client, nick: str, secret: str, *, register: bool) -> None:
    if not (register and await _made_account(client, nick, secret)):
        await client.login(nick, secret)


async def _made_account(client: Client, nick: str, secret: str) -> bool:
    """Make a nickname an account, and be it; False when it is one."""
    try:
        await client.register(nick, secret)
    except RefusedError as error:
        if error.code in (ErrorCode.NAME_TAKEN, ErrorCode.NICK_IN_USE):  # by its owner, perhaps
            return False
        raise
    return True


@dataclass(frozen=True, slots=True)
class Starting:
    """How a client is to be. reconnect: seconds, or None for ever."""

    config: Config
    home: Home
    folder: Path
    reconnect: float | None
    visitor: bool
    wait: bool

    @property
    def flags(self) -> JoinFlag:
        """What JOIN says."""
        return (JoinFlag.VISITOR if self.visitor else JoinFlag(0)) | (JoinFlag.WAIT if self.wait else JoinFlag(0))

    @property
    def patience(self) -> int | None:
        """How long to try to come back [us]."""
        return None if self.reconnect is None else int(self.reconnect * SECOND)


class HostDialer:
    """Finds the server by the name that the user gave. interface: see `connect`."""

    def __init__(self, host: str, port: int, config: Config, interface: str = "") -> None:
        self.address: Address = ("", 0)
        self._host = host
        self._port = port
        self._config = config
        self._interface = interface

    async def dial(self) -> tuple[Address, DatagramSocket]:
        """See `Dialer`."""
        self.address = await _resolve(self._host, self._port)
        return self.address, _dial(self.address, self._interface, portable=self._config.portable)


async def _start(
    dialer: HostDialer,
    starting: Starting,
    *,
    keylog: Path | None,
    capture: CaptureTarget | None,
    journal: Path | None,
) -> Client:
    """A client whose handshake is under way."""
    config, home = starting.config, starting.home
    identity = Identity(home.identity())
    address, source = await dialer.dial()
    with ExitStack() as opened:  # what is open when something fails
        opened.callback(source.close)
        logs = opened.enter_context(ExitStack())
        log = open_keylog(keylog, logs)
        record = open_capture(capture, ("client",), logs)
        memory = Remembering(home, Journal(journal) if journal is not None else None, is_visitor=starting.visitor)
        opened.callback(memory.close)
        store = LocalStore(starting.folder, clock=wall_clock, home=home.folder)
        opened.pop_all()
    now, sockets = Driver.now(), [source]
    tap = tap_between(record, sockets, wall_clock() - now)
    core = make_client(
        address,
        config,
        identity,
        os.urandom,
        now,
        token=b"" if config.plaintext else home.take_token(address),
        keylog=log,
        watch=tap.watch if tap else None,
        patience=starting.patience,
    )
    core.chat.me.flags = starting.flags
    return Client(
        core,
        lambda *listeners: Driver(tapped(core.host, tap), sockets, store, *listeners),
        Surroundings(memory, dialer, logs, starting.folder.absolute()),
    )


def shown_place(host: str, port: int) -> str:
    """A server as a user would type it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def _resolve(host: str, port: int) -> Address:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a name"
        raise HandshakeError(f"cannot find the host {host}: {reason}") from error
    place = found[0][4]
    zone = f"%{place[3]}" if len(place) == 4 and place[3] else ""  # an IPv6 address that neighbours alone can use
    return f"{place[0]}{zone}", int(place[1])


def _dial(address: Address, interface: str, *, portable: bool) -> DatagramSocket:
    try:
        through = chosen_interfaces(interface, own_interfaces())[0] if interface else None
        return dial(address, through, portable=portable)
    except OSError as error:
        text = f"cannot reach {address[0]}: {error.strerror}; is this machine connected to that network?"
        raise HandshakeError(text) from error

"""Joining a server: find it, connect, check its key, take a nickname."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import ExitStack
from pathlib import Path

from udpchat.capture.rotation import CaptureTarget
from udpchat.config import DEFAULT_PORT, Config
from udpchat.crypto.identity import Identity
from udpchat.errors import HandshakeError
from udpchat.net.capturing import open_capture, tap_between, tapped
from udpchat.net.client import Client
from udpchat.net.driver import Driver
from udpchat.net.home import Home, wall_clock
from udpchat.net.hosts import make_client
from udpchat.net.keylog import open_keylog
from udpchat.net.sockets import DatagramSocket, dial
from udpchat.protocol.datagrams import Address
from udpchat.store.local import LocalStore


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
    one_shot: bool = False,
) -> Client:
    """Join a server under a nickname.

    folder: where downloads go, the current one by default. home: our key and the known servers', platformdirs' choice
    by default. strict: refuse a server that was never seen before. server_key: fingerprint or hex of the key it must
    have. one_shot: come as another person, so that a session of ours that is open stays so.
    HandshakeError, ServerKeyError, RefusedError, StorageError.
    """
    config = config or Config()
    address = await _resolve(host, port)
    place = Home(home)
    identity = Identity(place.identity(one_shot=one_shot))
    token = b"" if config.plaintext else place.take_token(address)
    client = _start(address, config, identity, token, folder or Path.cwd(), keylog, capture)
    try:
        server_public = await client.opened()
        if not config.plaintext:
            shown = shown_place(host, port)
            client.is_new_key = place.check_server(shown, server_public, strict=strict, expected=server_key)
            client.server_public = server_public
        if token := (await client.join(nick)).token:
            place.keep_token(address, token)
    except BaseException:
        await client.close()
        raise
    return client


def _start(
    address: Address,
    config: Config,
    identity: Identity,
    token: bytes,
    folder: Path,
    keylog: Path | None,
    capture: CaptureTarget | None,
) -> Client:
    """A client whose handshake is under way."""
    with ExitStack() as opened:  # what is open when something fails
        source = _dial(address, portable=config.portable)
        opened.callback(source.close)
        logs = opened.enter_context(ExitStack())
        log = open_keylog(keylog, logs)
        record = open_capture(capture, ("client",), logs)
        store = LocalStore(folder, clock=wall_clock)
        opened.pop_all()
    now = Driver.now()
    tap = tap_between(record, [source], wall_clock() - now)
    watch = tap.watch if tap else None
    core = make_client(address, config, identity, os.urandom, now, token=token, keylog=log, watch=watch)
    return Client(core, lambda *listeners: Driver(tapped(core.host, tap), [source], store, *listeners), logs)


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
    return str(place[0]), int(place[1])


def _dial(address: Address, *, portable: bool) -> DatagramSocket:
    try:
        return dial(address, portable=portable)
    except OSError as error:
        text = f"cannot reach {address[0]}: {error.strerror}; is this machine connected to that network?"
        raise HandshakeError(text) from error

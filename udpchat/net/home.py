"""What a client keeps on disk: its key, the servers it trusts, what they gave it, how far it has read."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_path

from udpchat.crypto.identity import fingerprint
from udpchat.errors import ServerKeyError
from udpchat.net.keepsakes import Keepsakes
from udpchat.protocol.datagrams import Address
from udpchat.protocol.members import fold
from udpchat.store.secrets import IDENTITY_KEY, read_or_create_secret
from udpchat.store.trust import Status, TrustFile

TRUST_FILE = "known_servers.json"


def wall_clock() -> int:
    """Time since 1970 [us]."""
    return time.time_ns() // 1_000


@dataclass(frozen=True, slots=True)
class KnownServer:
    """A server that we had a session with, or whose key the user trusts.

    place: "host:port" where it was used last; empty when no address of it is known. key: empty in plaintext.
    last_used: wall clock since 1970 [us].
    """

    place: str
    key: bytes
    last_used: int


class Home:
    """A folder of the user. StorageError when it cannot be used."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or user_data_path("udpchat", appauthor=False)
        self.trust = TrustFile(self.folder / TRUST_FILE)
        self._tokens = Keepsakes(self.folder / "tokens.json")
        self._tickets = Keepsakes(self.folder / "tickets.json")
        self._seen = Keepsakes(self.folder / "seen.json")
        self._used = Keepsakes(self.folder / "used.json")

    def identity(self) -> bytes:
        """Our private Ed25519 key, made when there is none."""
        return read_or_create_secret(self.folder, IDENTITY_KEY, os.urandom)

    def check_server(self, place: str, key: bytes, *, strict: bool, expected: str | None, pins: bool = True) -> bool:
        """Trust a server's key or raise ServerKeyError; True when it was pinned just now.

        place: "host:port" as the user gave it. expected: fingerprint or hex of the only key that is right. pins: False:
        only that counts.
        """
        shown = fingerprint(key)
        if expected is not None and expected.lower().replace(":", "-") not in (shown, key.hex()):
            raise ServerKeyError(
                f"{place} has the key {shown}, not {expected}: this is another server; nothing was sent"
            )
        if not pins:
            return False
        verdict = self.trust.check(place, key)
        if verdict.status is Status.CHANGED:
            before = fingerprint(verdict.expected or b"")
            raise ServerKeyError(
                f"the key of {place} has changed: it was {before}, now it is {shown}. Either the server was set up "
                f"anew, or somebody is in between; nothing was sent. If you know why: udpchat trust forget {place}"
            )
        if verdict.status is Status.NEW and strict and expected is None:
            raise ServerKeyError(
                f"{place} was never seen before; its key is {shown}. If that is right: "
                f"udpchat trust add {place} {key.hex()}"
            )
        if verdict.status is Status.KNOWN and any(place in pin.addresses for pin in self.trust.pins()):
            return False
        self.trust.add(place, key, wall_clock())
        return verdict.status is Status.NEW

    # -- the servers that we know ------------------------------------------------------------------------------------

    def keep_use(self, place: str, key: bytes, now: int) -> None:
        """A session with a server began. place: "host:port"; key: empty in plaintext; now: wall clock [us]."""
        self._used.keep(key.hex() or place, f"{now} {place}")

    def known_servers(self) -> tuple[KnownServer, ...]:
        """The servers whose keys are pinned, and those we met in plaintext; the one used last first. StorageError."""
        pinned = {pin.key.hex(): pin for pin in self.trust.pins()}
        used = {name: _parse_use(value) for name, value in self._used.all().items()}
        found = []
        for key, pin in pinned.items():
            at, place = used.get(key, (0, ""))
            last = place if place in pin.addresses else next(reversed(pin.addresses), "")
            found.append(KnownServer(last, pin.key, at or pin.first_seen))
        found += [KnownServer(place, b"", at) for name, (at, place) in used.items() if name == place]
        return tuple(sorted(found, key=lambda server: -server.last_used))

    # -- what saves work the next time ---------------------------------------------------------------------------------

    def take_token(self, server: Address) -> bytes:
        """The address token for a server, which is used up by this; empty when there is none."""
        return _from_hex(self._tokens.take(_key(server)))

    def keep_token(self, server: Address, token: bytes) -> None:
        """Keep an address token for the next time; nothing when it is empty."""
        if token:
            self._tokens.keep(_key(server), token.hex())

    def ticket(self, server: bytes, nick: str) -> bytes:
        """The ticket of an account; empty when there is none. server: its public key, here and below."""
        return _from_hex(self._tickets.find(_account(server, nick)))

    def keep_ticket(self, server: bytes, nick: str, ticket: bytes) -> None:
        """Keep the ticket of a login."""
        self._tickets.keep(_account(server, nick), ticket.hex())

    def seen(self, server: bytes, nick: str) -> int:
        """Sequence of the newest message that was shown under a nickname; 0 when none was."""
        kept = self._seen.find(_account(server, nick))
        return int(kept) if kept.isdecimal() else 0

    def keep_seen(self, server: bytes, nick: str, sequence: int) -> None:
        """Remember how far we are."""
        self._seen.keep(_account(server, nick), str(sequence))


def _from_hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def _parse_use(text: str) -> tuple[int, str]:
    """When, and where; what is damaged was never."""
    at, _, place = text.partition(" ")
    return (int(at), place) if re.fullmatch(r"\d{1,17}", at, re.ASCII) else (0, "")


def _account(server: bytes, nick: str) -> str:
    return f"{server.hex()} {fold(nick)}"


def _key(server: Address) -> str:
    return f"{server[0]} {server[1]}"

"""What a client keeps on disk: its key, the servers it trusts, what they gave it, how far it has read."""

from __future__ import annotations

import os
import time
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


class Home:
    """A folder of the user. StorageError when it cannot be used."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or user_data_path("udpchat", appauthor=False)
        self.trust = TrustFile(self.folder / TRUST_FILE)
        self._tokens = Keepsakes(self.folder / "tokens.json")
        self._tickets = Keepsakes(self.folder / "tickets.json")
        self._seen = Keepsakes(self.folder / "seen.json")

    def identity(self) -> bytes:
        """Our private Ed25519 key, made when there is none."""
        return read_or_create_secret(self.folder, IDENTITY_KEY, os.urandom)

    def check_server(self, place: str, key: bytes, *, strict: bool, expected: str | None) -> bool:
        """Trust a server's key or raise ServerKeyError; True when it was pinned just now.

        place: "host:port" as the user gave it. expected: fingerprint or hex of the only key that is right.
        """
        shown = fingerprint(key)
        if expected is not None and expected.lower().replace(":", "-") not in (shown, key.hex()):
            raise ServerKeyError(
                f"{place} has the key {shown}, not {expected}: this is another server; nothing was sent"
            )
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

    # -- what saves work the next time ---------------------------------------------------------------------------------

    def take_token(self, server: Address) -> bytes:
        """The address token for a server, which is used up by this; empty when there is none."""
        return _from_hex(self._tokens.take(_key(server)))

    def keep_token(self, server: Address, token: bytes) -> None:
        """Keep an address token for the next time."""
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


def _account(server: bytes, nick: str) -> str:
    return f"{server.hex()} {fold(nick)}"


def _key(server: Address) -> str:
    return f"{server[0]} {server[1]}"

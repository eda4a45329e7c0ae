"""What a client keeps on disk: its key, the servers it trusts, their address tokens."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from platformdirs import user_data_path

from udpchat.crypto.identity import fingerprint
from udpchat.crypto.keys import SECRET_SIZE
from udpchat.errors import ServerKeyError
from udpchat.protocol.datagrams import Address
from udpchat.store.secrets import IDENTITY_KEY, read_or_create_secret
from udpchat.store.trust import Status, TrustFile

TRUST_FILE = "known_servers.json"
TOKEN_FILE = "tokens.json"
MAX_TOKENS = 1_000


def wall_clock() -> int:
    """Time since 1970 [us]."""
    return time.time_ns() // 1_000


class Home:
    """A folder of the user. StorageError when it cannot be used."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or user_data_path("udpchat", appauthor=False)
        self.trust = TrustFile(self.folder / TRUST_FILE)

    def identity(self, *, one_shot: bool) -> bytes:
        """Our private Ed25519 key, made when there is none.

        one_shot: a new one that is not kept, so that commands take over neither a running client's session nor that of
        one another.
        """
        if one_shot:
            return os.urandom(SECRET_SIZE)
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

    # -- address tokens: worth a round trip, so trouble with their file is no trouble ----------------------------------

    def take_token(self, server: Address) -> bytes:
        """The token for a server, which is used up by this; empty when there is none."""
        tokens = self._read_tokens()
        try:
            token = bytes.fromhex(tokens.pop(_key(server), ""))
        except ValueError:
            return b""
        if token:
            self._write_tokens(tokens)
        return token

    def keep_token(self, server: Address, token: bytes) -> None:
        """Keep a token for the next time."""
        tokens = self._read_tokens()
        tokens.pop(_key(server), None)
        tokens[_key(server)] = token.hex()
        self._write_tokens(dict(list(tokens.items())[-MAX_TOKENS:]))

    def _read_tokens(self) -> dict[str, str]:
        try:
            content = json.loads((self.folder / TOKEN_FILE).read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return {str(key): str(value) for key, value in content.items()} if isinstance(content, dict) else {}

    def _write_tokens(self, tokens: dict[str, str]) -> None:
        draft = self.folder / f"{TOKEN_FILE}.{os.getpid()}"
        try:
            fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                json.dump(tokens, file)
            draft.replace(self.folder / TOKEN_FILE)
        except OSError:
            draft.unlink(missing_ok=True)


def _key(server: Address) -> str:
    return f"{server[0]} {server[1]}"

"""The servers a client knows: their keys, pinned when they were first met, and where they were seen."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Final

from udpchat.errors import StorageError
from udpchat.store.folders import Folder
from udpchat.store.trouble import storage_error

MAX_PINS: Final = 10_000
MAX_ADDRESSES: Final = 64  # of one server
_FILE_LIMIT: Final = 16 * 1_048_576  # bytes
_FORMAT: Final = 1


class Status(Enum):
    """What the pins say about a server."""

    NEW = "new"  # nothing is known about the address, nor about the key
    KNOWN = "known"
    CHANGED = "changed"  # the address is pinned to another key


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the pins say; expected: the key that the address is pinned to, when it changed."""

    status: Status
    expected: bytes | None = None


@dataclass(frozen=True, slots=True)
class Pin:
    """A server that is trusted. key: its public key. first_seen: wall clock since 1970 [us]."""

    key: bytes
    addresses: tuple[str, ...]
    first_seen: int


class TrustFile:
    """The pins in a file, which is read at every call and replaced as a whole. StorageError when it is damaged."""

    __slots__ = ("_path",)

    def __init__(self, path: Path) -> None:
        self._path = path

    def pins(self) -> tuple[Pin, ...]:
        """All pins, in the order in which they were made."""
        try:
            folder = Folder(self._path.parent, follow=True)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise storage_error(error, f"read {self._path}") from error
        try:
            data = folder.read_whole(self._path.name, _FILE_LIMIT)
        except OSError as error:
            raise storage_error(error, f"read {self._path}") from error
        finally:
            folder.close()
        return () if data is None else self._parse(data)

    def check(self, address: str, key: bytes) -> Verdict:
        """What the pins say about a server that shows key at address ("host:port"). Changes nothing.

        A key that is pinned is known wherever it appears, but not at an address that is pinned to another key: one
        trusted server may not pose as another.
        """
        pins = self.pins()
        for pin in pins:
            if address in pin.addresses and pin.key != key:
                return Verdict(Status.CHANGED, pin.key)
        return Verdict(Status.KNOWN if any(pin.key == key for pin in pins) else Status.NEW)

    def add(self, address: str, key: bytes, now: int) -> None:
        """Pin key, seen at address, which belongs to no other key from now on. now: wall clock since 1970 [us]."""
        pins = [replace(pin, addresses=_without(pin.addresses, address)) for pin in self.pins()]
        mine = next((pin for pin in pins if pin.key == key), None)
        if mine is None:
            if len(pins) >= MAX_PINS:
                raise StorageError(f"{self._path} holds {MAX_PINS} servers; forget some with: udpchat trust forget")
            pins.append(Pin(key, (address,), now))
        else:
            pins[pins.index(mine)] = replace(mine, addresses=(*mine.addresses, address)[-MAX_ADDRESSES:])
        self._save(pins)

    def forget(self, what: str) -> tuple[Pin, ...]:
        """Remove the pins that were seen at an address, or whose key (in hex) is what; the pins removed."""
        pins = self.pins()
        gone = tuple(pin for pin in pins if what in pin.addresses or what.lower() == pin.key.hex())
        if gone:
            self._save([pin for pin in pins if pin not in gone])
        return gone

    def _save(self, pins: list[Pin]) -> None:
        servers = [
            {"key": pin.key.hex(), "addresses": list(pin.addresses), "first_seen": pin.first_seen} for pin in pins
        ]
        data = json.dumps({"format": _FORMAT, "servers": servers}, indent=2) + "\n"
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder = Folder(self._path.parent, follow=True)
            try:
                folder.write_whole(self._path.name, data.encode())
            finally:
                folder.close()
        except OSError as error:
            raise storage_error(error, f"write {self._path}") from error

    def _parse(self, data: bytes) -> tuple[Pin, ...]:
        try:
            content = json.loads(data)
            if content["format"] != _FORMAT:
                raise StorageError(f"{self._path} was written by another version of udpchat; update this one")
            return tuple(
                Pin(bytes.fromhex(server["key"]), tuple(map(str, server["addresses"])), int(server["first_seen"]))
                for server in content["servers"]
            )
        except (ValueError, TypeError, KeyError) as error:
            # Starting anew would make every changed key look like a first meeting.
            text = f"{self._path} is damaged ({error}); repair it, or move it away and check every server's key again"
            raise StorageError(text) from error


def _without(addresses: tuple[str, ...], address: str) -> tuple[str, ...]:
    return tuple(known for known in addresses if known != address)

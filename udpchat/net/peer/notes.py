"""What a running node leaves on disk for other programs of its user: where it is, and who its neighbours are."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from udpchat.errors import StorageError
from udpchat.store.folders import Folder
from udpchat.store.lock import FolderLock
from udpchat.store.trouble import storage_error

NOTE: Final = "node.json"
SERVER: Final = "server"  # folder of the node's server in its home
MAX_NOTE: Final = 1_048_576
_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class PeerInfo:
    """A neighbour, or a node that is wanted as one.

    host: as the configuration names it. is_neighbour: it is one now. is_dialled: by us. key: static public key of its
    server, identity: of a node that dialled us; both empty when they are not known. rtt: of the connection [us]. text:
    why it is none.
    """

    name: str
    host: str
    port: int
    is_neighbour: bool
    is_dialled: bool
    key: bytes = b""
    identity: bytes = b""
    rtt: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """Where a node of this user is. key: static public key of its server, empty in plaintext."""

    name: str
    host: str
    port: int
    key: bytes
    is_plaintext: bool
    peers: tuple[PeerInfo, ...] = ()


def write_note(home: Path, note: Note) -> None:
    """Leave it there, in place of the last. StorageError."""
    data = json.dumps({"format": _FORMAT, **_plain(note)}, indent=1) + "\n"
    try:
        folder = Folder(home, follow=True)
        try:
            folder.write_whole(NOTE, data.encode())
        finally:
            folder.close()
    except OSError as error:
        raise storage_error(error, f"write {home / NOTE}") from error


def remove_note(home: Path) -> None:
    """The node is going."""
    (home / NOTE).unlink(missing_ok=True)


def read_note(home: Path) -> Note | None:
    """What the running node has left; None when none runs. StorageError."""
    try:
        with open(home / NOTE, "rb") as file:
            data = file.read(MAX_NOTE)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise storage_error(error, f"read {home / NOTE}") from error
    if not _is_running(home):
        return None  # it was killed
    try:
        content = json.loads(data)
        if content.pop("format") != _FORMAT:
            raise StorageError(f"the node of {home} is of another version of udpchat; update this one")
        peers = tuple(
            PeerInfo(**{**peer, "key": bytes.fromhex(peer["key"]), "identity": bytes.fromhex(peer["identity"])})
            for peer in content.pop("peers")
        )
        return Note(**{**content, "key": bytes.fromhex(content["key"])}, peers=peers)
    except (ValueError, TypeError, KeyError) as error:
        raise StorageError(f"{home / NOTE} is damaged ({error}); stop the node and start it again") from error


def _is_running(home: Path) -> bool:
    """A node holds the folder of its server as long as it lives."""
    try:
        FolderLock(home / SERVER).release()
    except StorageError:
        return True
    except OSError:
        return False
    return False


def _plain(value: Note) -> dict[str, object]:
    content = asdict(value)
    content["key"] = value.key.hex()
    content["peers"] = [
        {**asdict(peer), "key": peer.key.hex(), "identity": peer.identity.hex()} for peer in value.peers
    ]
    return content

"""What the user of a node is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from udpchat.net.peer.fetch import HolderChosen, HolderFailed
from udpchat.net.server import ServerEvent
from udpchat.peers.events import DialFailed, NeighbourCame, NeighbourGone
from udpchat.peers.ports import ShareScanned
from udpchat.peers.settings import PeerConfig


@dataclass(frozen=True, slots=True)
class KeyPinned:
    """A neighbour showed its key for the first time, which it is known by from now on."""

    place: str
    key: bytes


@dataclass(frozen=True, slots=True)
class ConfigApplied:
    """The node runs with another configuration from now on."""

    config: PeerConfig


@dataclass(frozen=True, slots=True)
class ConfigBroken:
    """The file was changed and cannot be used; the node runs as before. lines: what is wrong with it."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShareUnread:
    """The shared folder cannot be read; what is known of it is still shared, as far as it is there."""

    text: str


PeerEvent: TypeAlias = (
    NeighbourCame
    | NeighbourGone
    | DialFailed
    | KeyPinned
    | ConfigApplied
    | ConfigBroken
    | ShareScanned
    | ShareUnread
    | HolderChosen
    | HolderFailed
    | ServerEvent
)

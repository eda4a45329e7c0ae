"""The configuration of a node, and what a file gave before it was checked. Pure: files are read in store/."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from udpchat.config import DEFAULT_PORT, Config
from udpchat.errors import UdpchatError

DEFAULT_TTL: Final = Config().max_ttl
DEFAULT_NEIGHBOURS: Final = Config().max_neighbours


def shown_place(host: str, port: int) -> str:
    """An address as people write it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@dataclass(frozen=True, slots=True)
class NeighbourConfig:
    """A node that ours keeps a connection to. name: for people. key: fingerprint or hex of the only key that is right.

    Without a key, the one that it shows at the first meeting is pinned.
    """

    host: str
    port: int = DEFAULT_PORT
    name: str = ""
    key: str = ""

    @property
    def place(self) -> str:
        """Where it is, as people write it."""
        return shown_place(self.host, self.port)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerConfig:
    """What a node is told.

    host: address to listen on; interface: or the network interface whose address that is; both empty: all addresses.
    share: absolute path of the folder that is shared; empty: nothing is. ttl: links that our own queries travel.
    is_read_only: nobody may upload to this node. max_ttl: links that queries of others travel on from here at most.
    allow: fingerprints or hex of the identity keys that may be neighbours; empty: anybody may. client_port: of older
    files; everything goes over one port here.
    """

    name: str
    host: str = ""
    interface: str = ""
    port: int = DEFAULT_PORT
    client_port: int = 0
    share: str = ""
    ttl: int = DEFAULT_TTL
    is_read_only: bool = True
    max_ttl: int = DEFAULT_TTL
    max_neighbours: int = DEFAULT_NEIGHBOURS
    neighbours: tuple[NeighbourConfig, ...] = ()
    allow: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Given:
    """A value as a file has it. line: its number, 0 when there is none; key: as the file calls it."""

    value: object
    line: int
    key: str


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a configuration, and what to do. line: 0 when it is about no line; key: empty, no key."""

    line: int
    key: str
    text: str

    def __str__(self) -> str:
        return ", ".join(([f"line {self.line}"] if self.line else []) + ([self.key] if self.key else []) + [self.text])


class PeerConfigError(UdpchatError):
    """A configuration that no node can have. path: of its file; faults: all of them, in the order of the lines."""

    def __init__(self, path: str, faults: Iterable[Fault]) -> None:
        self.path = path
        self.faults = tuple(sorted(dict.fromkeys(faults), key=lambda fault: fault.line))
        super().__init__("; ".join(self.lines))

    @property
    def lines(self) -> list[str]:
        """The faults for people, one a line."""
        return [f"{self.path}, {fault}" if fault.line else f"{self.path}: {fault}" for fault in self.faults]


@dataclass(frozen=True, slots=True)
class DraftNeighbour:
    """A neighbour as a file has it. address: host and perhaps port; port: when the file has it beside."""

    address: Given
    port: Given | None = None
    name: Given | None = None
    key: Given | None = None


@dataclass(slots=True)
class Draft:
    """What was read from a file. values: by the names of the fields of PeerConfig. faults: what was found so far.

    default_name: of the node, when nobody named it.
    """

    values: dict[str, Given] = field(default_factory=dict)
    neighbours: list[DraftNeighbour] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    default_name: str = ""

"""Servers for a person to choose from: those that were found on the network, and those that we know."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from udpchat.chat.lookalikes import looks
from udpchat.crypto.identity import fingerprint
from udpchat.net.discovery.sightings import FoundServer, Spot
from udpchat.net.home import KnownServer
from udpchat.store.trust import Pin
from udpchat.ui.cli.objects import as_line
from udpchat.ui.cli.options import HostPort, parse_host_port
from udpchat.ui.cli.render import clock_time, user_count_text, visible
from udpchat.wire.packets import VERSION


@dataclass(frozen=True, slots=True)
class ListedServer:
    """A server in a list.

    found: what it says of itself; None when it is not seen now. known: what we know of it; of one that was found only
    because it claims a key, or an address in plaintext, that we know. warnings: for people.
    """

    found: FoundServer | None
    known: KnownServer | None
    warnings: tuple[str, ...] = ()

    @property
    def place(self) -> HostPort | None:
        """Where it is, or was; None when no address of it is known."""
        if self.found is not None:
            return HostPort(self.found.spots[0].host, self.found.spots[0].port)
        return parse_host_port(self.known.place) if self.known is not None and self.known.place else None

    @property
    def is_sealed(self) -> bool:
        """It takes sealed sessions, others do plaintext."""
        return self.found.announcement.is_sealed if self.found is not None else self.known_key != b""

    @property
    def known_key(self) -> bytes:
        """Its key as we know it; empty when we do not."""
        return self.known.key if self.known is not None else b""

    @property
    def fingerprint(self) -> str:
        """Of its key: of the one we know, else of the one that it says it has."""
        if self.known_key:
            return fingerprint(self.known_key)
        return self.found.announcement.fingerprint if self.found is not None else ""

    @property
    def shown_name(self) -> str:
        """What it calls itself, safe on a terminal, in quotes: it is a claim."""
        name = self.found.announcement.name if self.found is not None else ""
        return f'"{visible(name)}"' if name else "(no name)"

    def speaks(self, *, plaintext: bool) -> bool:
        """It was found, and sessions of this kind and of our protocol version can be had there."""
        said = self.found.announcement if self.found is not None else None
        return said is not None and said.version == VERSION and said.is_sealed != plaintext


def listed_servers(
    found: Iterable[FoundServer], known: Sequence[KnownServer], pins: Sequence[Pin]
) -> list[ListedServer]:
    """Those that were found in their order, then the others that we know, the one used last first."""
    by_fingerprint = {fingerprint(server.key): server for server in known if server.key}
    by_place = {server.place: server for server in known if not server.key}
    pinned = {address: fingerprint(pin.key) for pin in pins for address in pin.addresses}
    rows: list[ListedServer] = []
    by_look: dict[str, str] = {}  # how a name looks, and the first that looks so
    for server in found:
        said = server.announcement
        ours = by_fingerprint.get(said.fingerprint)
        if ours is None and not said.is_sealed:
            ours = next((by_place[str(spot)] for spot in server.spots if str(spot) in by_place), None)
        rows.append(ListedServer(server, ours, tuple(_warnings(server, pinned, by_look))))
    seen = {id(row.known) for row in rows}
    return rows + [ListedServer(None, server) for server in known if id(server) not in seen]


def server_table(rows: Sequence[ListedServer], *, numbered: bool = False) -> list[str]:
    """The list for people."""
    shown = []
    for number, row in enumerate(rows, 1):
        first, *others = _found_lines(row, row.found) if row.found is not None else _known_lines(row)
        mark = f"{number:>3}  " if numbered else ""
        shown += [f"{mark}{first}", *(f"{' ' * len(mark)}    {line}" for line in others)]
    return shown


def server_line(row: ListedServer) -> str:
    """The same as a JSON object."""
    place, found = row.place, row.found
    said = found.announcement if found is not None else None
    spots: tuple[Spot, ...] = found.spots if found is not None else ()
    return as_line(
        "server",
        name=said.name if said is not None else "",
        host=place.host if place is not None else "",
        port=place.port if place is not None else 0,
        addresses=spots,
        interfaces=found.interfaces if found is not None else (),
        users=said.users if said is not None else 0,
        version=said.version if said is not None else 0,
        is_sealed=row.is_sealed,
        fingerprint=row.fingerprint,
        is_found=found is not None,
        is_near=found is not None and found.is_near,
        is_known=row.known is not None,
        last_used=row.known.last_used if row.known is not None else 0,
        warnings=row.warnings,
    )


def _warnings(server: FoundServer, pinned: dict[str, str], by_look: dict[str, str]) -> Iterable[str]:
    """What a person should know before choosing it. by_look: of the names before this one; this one is added."""
    said, first = server.announcement, server.spots[0]
    if said.version != VERSION:
        yield f"speaks protocol version {said.version}, this program {VERSION}"
    if not said.is_sealed:
        yield "PLAINTEXT: nothing is sealed there, and it takes --plaintext to join"
    elif not said.fingerprint:
        yield "it does not say what key it has"
    if not server.is_near:
        yield f"{first.host} is no address of this network"
    before = pinned.get(str(first))
    if before is not None and said.is_sealed and before != said.fingerprint:
        yield f"another server is trusted at this address: {before}"
    shapes = sorted(looks(said.name)) if said.name else []
    other = next((by_look[shape] for shape in shapes if shape in by_look), None)
    if other is not None:
        yield "another server has the same name" if other == said.name else f"looks like {visible(other)}"
    for shape in shapes:
        by_look.setdefault(shape, said.name)


def _found_lines(row: ListedServer, found: FoundServer) -> Iterable[str]:
    said, first = found.announcement, found.spots[0]
    yield f"{row.shown_name} at {visible(str(first))} on {visible(first.interface)}; {user_count_text(said.users)}"
    if row.is_sealed and row.fingerprint:
        yield f"key {row.fingerprint} ({'known' if row.known is not None else 'not known yet'})"
    others = [f"{visible(str(spot))} on {visible(spot.interface)}" for spot in found.spots[1:]]
    if others:
        yield f"also at {', '.join(others)}"
    yield from (f"note: {warning}" for warning in row.warnings)


def _known_lines(row: ListedServer) -> Iterable[str]:
    used = clock_time(row.known.last_used) if row.known is not None else ""
    yield f"{visible(str(row.place)) if row.place else '(no address)'}, not seen now, used last {used}"
    yield f"key {row.fingerprint}" if row.is_sealed else "PLAINTEXT"

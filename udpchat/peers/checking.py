"""From what a file says to a configuration: every value is checked, and all faults are told at once. Pure."""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Final

from udpchat.config import DEFAULT_PORT, MAX_TTL
from udpchat.peers.roster import name_fault
from udpchat.peers.settings import (
    DEFAULT_NEIGHBOURS,
    DEFAULT_TTL,
    Draft,
    DraftNeighbour,
    Fault,
    Given,
    NeighbourConfig,
    PeerConfig,
)

MAX_PORT: Final = 65_535
MOST_NEIGHBOURS: Final = 1_024  # that a file may name or allow

_HOST: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?")
_KEY: Final = re.compile(r"[0-9a-f]{64}|[0-9a-f]{4}(-[0-9a-f]{4}){7}")
_YES: Final = {"yes": True, "true": True, "on": True, "1": True, "no": False, "false": False, "off": False, "0": False}
EVERYWHERE: Final = ("", "0.0.0.0", "::")  # hosts that mean all addresses


def nearest(word: str, known: Iterable[str]) -> str:
    """What to say of a word that is none of the known ones."""
    names = list(known)
    near = difflib.get_close_matches(word.lower(), names, n=1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"


def normal_host(host: str) -> str:
    """The same text for the same address, however it is written."""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).compressed
    except ValueError:
        return "127.0.0.1" if host.lower() == "localhost" else host.lower()


def parse_place(text: str) -> tuple[str, int | None] | None:
    """Host and port of "host", "host:port", "::1" or "[::1]:5", None for a port that is not named; None: no address."""
    if bracketed := re.fullmatch(r"\[([^\[\]]+)\](?::(\d{1,5}))?", text, re.ASCII):
        host, port = bracketed[1], bracketed[2]
    elif text.count(":") > 1:
        host, port = text, None
    else:
        host, colon, rest = text.partition(":")
        port = rest if colon else None
    if not is_host(host) or (port is not None and not is_port(port)):
        return None
    return host, None if port is None else int(port)


def is_host(text: str) -> bool:
    """Whether this can be an address or a name of a machine."""
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        is_number = re.fullmatch(r"[0-9.]*", text, re.ASCII) is not None  # 10.0.0 and 10.0.0.300 are no names
        return len(text) <= 253 and not is_number and _HOST.fullmatch(text) is not None
    return True


def is_port(text: str) -> bool:
    """Whether this is a port that can be sent to."""
    return re.fullmatch(r"\d{1,5}", text, re.ASCII) is not None and 1 <= int(text) <= MAX_PORT


class Checker:
    """Reads the values of one draft. faults: what was wrong so far."""

    def __init__(self, draft: Draft, own_hosts: Collection[str]) -> None:
        self._values = draft.values
        self._draft = draft
        self._own = {normal_host(host) for host in own_hosts}
        self.faults = list(draft.faults)

    def config(self) -> PeerConfig:
        """The configuration; worth something when there are no faults."""
        if {"host", "interface"} <= self._values.keys():
            given = self._values["interface"]
            self._wrong(given, "contradicts host: leave one of the two out")
        max_ttl = self._number("max_ttl", DEFAULT_TTL, 1, MAX_TTL)
        config = PeerConfig(
            name=self._name(),
            host=self._host(),
            interface=self._text("interface"),
            port=self._number("port", DEFAULT_PORT, 1, MAX_PORT),
            client_port=self._number("client_port", 0, 1, MAX_PORT),
            share=self._text("share"),
            ttl=self._number("ttl", min(DEFAULT_TTL, max_ttl), 1, MAX_TTL),
            is_read_only=self._switch("is_read_only", default=True),
            max_ttl=max_ttl,
            max_neighbours=self._number("max_neighbours", DEFAULT_NEIGHBOURS, 1, MOST_NEIGHBOURS),
            allow=self._allowed(),
        )
        if config.ttl > max_ttl and "max_ttl" in self._values:
            self._wrong(self._values["ttl"], f"is more than the limit of {max_ttl} that this file sets for all queries")
        neighbours = self._neighbours(config)
        return replace(config, neighbours=neighbours, max_ttl=max(max_ttl, config.ttl))

    # -- the node ------------------------------------------------------------------------------------------------------

    def _name(self) -> str:
        name, given = self._text("name") or self._draft.default_name, self._values.get("name")
        if given is not None:
            if isinstance(given.value, str) and (fault := name_fault(name)) is not None:
                self._wrong(given, fault)
        elif not name and not self.faults:  # a file that cannot be read is told of already
            self.faults.append(Fault(0, "[node] name", "is missing; a node has a name, which its neighbours see"))
        return name

    def _host(self) -> str:
        host = self._text("host")
        if host and not is_host(host):
            self._wrong(self._values["host"], f"{host!r} is no address; write for example 10.0.0.5, or leave it empty")
        elif host and self._own and not self._may_be_own(host):
            text = f"{host} is no address of this machine; it has {', '.join(sorted(self._own))}, or leave it empty"
            self._wrong(self._values["host"], text)
        return host

    def _may_be_own(self, host: str) -> bool:
        found = normal_host(host)
        is_name = not re.fullmatch(r"[0-9.]+|.*:.*", found)  # whatever it stands for
        return is_name or host in EVERYWHERE or found in self._own or found.startswith("127.") or found == "::1"

    def _allowed(self) -> tuple[str, ...]:
        given = self._values.get("allow")
        if given is None:
            return ()
        listed = given.value
        if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
            self._wrong(given, 'is a list of keys; write for example keys = ["7f3a-91c2-..."]')
            return ()
        keys = [each.strip().lower().replace(":", "-") for each in listed]
        for key in keys:
            if not _KEY.fullmatch(key):
                self._wrong(given, f"{key!r} is no key: it has 64 hexadecimal digits, or is a fingerprint of 8 groups")
        return tuple(dict.fromkeys(keys))

    # -- neighbours ----------------------------------------------------------------------------------------------------

    def _neighbours(self, config: PeerConfig) -> tuple[NeighbourConfig, ...]:
        found: dict[tuple[str, int], NeighbourConfig] = {}
        names: dict[str, NeighbourConfig] = {}
        for draft in self._draft.neighbours:
            if (neighbour := self._neighbour(draft)) is None:
                continue
            place = normal_host(neighbour.host), neighbour.port
            if place[1] == config.port and self._means_us(place[0], config):
                text = f"{neighbour.place} is this node itself; name the address of another node, or remove it"
                self._wrong(draft.address, text)
            elif place in found:
                self._wrong(draft.address, f"{neighbour.place} is named twice; remove one of the two")
            elif neighbour.name and neighbour.name.lower() in names:
                self._wrong(draft.name or draft.address, f"two neighbours are called {neighbour.name}; rename one")
            found.setdefault(place, neighbour)
            if neighbour.name:
                names.setdefault(neighbour.name.lower(), neighbour)
        if len(found) > config.max_neighbours:
            text = f"{len(found)} neighbours are more than the {config.max_neighbours} that this node may have"
            self._wrong(self._draft.neighbours[-1].address, f"{text}; remove some, or raise the limit")
        return tuple(found.values())

    def _means_us(self, host: str, config: PeerConfig) -> bool:
        if config.host not in EVERYWHERE:
            return host == normal_host(config.host)
        return host in self._own or host.startswith("127.") or host == "::1"

    def _neighbour(self, draft: DraftNeighbour) -> NeighbourConfig | None:
        address = draft.address
        place = parse_place(address.value.strip()) if isinstance(address.value, str) else None
        if place is None:
            text = f"{address.value!r} is no address; write for example 10.0.0.5:{DEFAULT_PORT}, or [fe80::5]:27272"
            self._wrong(address, text)
            return None
        host, port = place
        if draft.port is not None:
            beside = self._as_number(draft.port, 1, MAX_PORT)
            if port is not None and beside != port:
                self._wrong(draft.port, f"contradicts the port {port} in {address.key}; leave one of the two out")
            port = beside
        key = self._as_text(draft.key).lower().replace(":", "-")
        if draft.key is not None and key and not _KEY.fullmatch(key):
            text = f"{key!r} is no key: it has 64 hexadecimal digits, or is a fingerprint of 8 groups"
            self._wrong(draft.key, f"{text}; the other node shows it when it starts")
        name = self._as_text(draft.name)
        if draft.name is not None and name and (fault := name_fault(name)) is not None:
            self._wrong(draft.name, fault)
        return NeighbourConfig(host, DEFAULT_PORT if port is None else port, name, key)

    # -- values --------------------------------------------------------------------------------------------------------

    def _wrong(self, given: Given, text: str) -> None:
        self.faults.append(Fault(given.line, given.key, text))

    def _text(self, name: str) -> str:
        return self._as_text(self._values.get(name))

    def _as_text(self, given: Given | None) -> str:
        if given is None:
            return ""
        if not isinstance(given.value, str):
            self._wrong(given, f'{given.value!r} is no text; write it in quotes: "{given.value}"')
            return ""
        if "\0" in given.value:
            self._wrong(given, "has a NUL character in it; write it anew")
        return given.value.strip()

    def _number(self, name: str, default: int, least: int, most: int) -> int:
        given = self._values.get(name)
        return default if given is None else self._as_number(given, least, most)

    def _as_number(self, given: Given, least: int, most: int) -> int:
        value = given.value
        if isinstance(value, str) and re.fullmatch(r"-?\d{1,9}", value.strip(), re.ASCII):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self._wrong(given, f"{given.value!r} is not from {least} to {most}")
            return least
        return value

    def _switch(self, name: str, *, default: bool) -> bool:
        given = self._values.get(name)
        if given is None:
            return default
        value = _YES.get(given.value.strip().lower()) if isinstance(given.value, str) else given.value
        if not isinstance(value, bool):
            self._wrong(given, f"{given.value!r} is neither true nor false")
            return default
        return value

"""The configuration of a node as older systems have it, in two forms of ini files: read, and changed line by line.

One node: `[Peer-0]` with ID, ip_addr, port_number, share_dir and ttl, and `[Netpeers]` with lists of its neighbours.
All nodes: several `[Peer-N]` with ip_addr, server_port, client_port, share_dir and peer_list, one of which is ours.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Collection, Sequence
from typing import Final

from udpchat.peers.checking import nearest, normal_host
from udpchat.peers.settings import Draft, DraftNeighbour, Fault, Given, NeighbourConfig
from udpchat.store.peer_lines import LineIndex

NETPEERS: Final = "Netpeers"
LISTS: Final = ("peer_id", "peer_addr", "peer_ports")
PEER: Final = re.compile(r"peer[-_ ]?(\d{1,9})", re.IGNORECASE)

_ONE: Final = {"ip_addr": "host", "port_number": "port", "share_dir": "share", "ttl": "ttl"}
_MANY: Final = {
    "ip_addr": "host",
    "server_port": "port",
    "client_port": "client_port",
    "share_dir": "share",
    "ttl": "ttl",
}
_SEPARATORS: Final = re.compile(r"[\s,;/]+")


def looks_like_ini(text: str) -> bool:
    """Whether this is one of the older forms: TOML has no section of these names."""
    sections = LineIndex(text, is_ini=True).sections
    return any(PEER.fullmatch(each.section) or each.section.lower() == NETPEERS.lower() for each in sections)


class IniForm:
    """A configuration in one of the older forms. node: the number of ours, when the user said it."""

    def __init__(self, text: str, node: int | None, own_hosts: Collection[str]) -> None:
        self._text = text
        self._node = node
        self._own = {normal_host(host) for host in own_hosts} | {"::1"}
        self._index = LineIndex(text, is_ini=True)
        self._parser = configparser.ConfigParser(
            strict=False, interpolation=None, inline_comment_prefixes=(";", "#"), default_section=""
        )
        self._faults = [
            Fault(each.number, _shown(each.section, each.key), "stands there twice; remove one of the two")
            for each in self._index.repeated()
        ]
        try:
            self._parser.read_string(text)
        except configparser.MissingSectionHeaderError as error:
            self._faults.append(Fault(error.lineno, "", "stands in no section; write [Peer-0] above it"))
        except configparser.ParsingError as error:
            self._faults += [Fault(number, "", "is no KEY = VALUE; mend or remove it") for number, _ in error.errors]
        self._peers = {
            int(found[1]): section for section in self._parser.sections() if (found := PEER.fullmatch(section))
        }
        self._netpeers = next((each for each in self._parser.sections() if each.lower() == NETPEERS.lower()), "")
        self._mine = ""  # our section, once it is known

    @property
    def name(self) -> str:
        """What this form is called."""
        return "ini with [Netpeers]" if self._netpeers else "ini with [Peer-N]"

    def draft(self) -> Draft:
        """What it says, with the faults of its form."""
        draft = Draft(faults=list(self._faults))
        self._check_sections(draft)
        number = self._choose(draft)
        if number is None:
            return draft
        self._mine = self._peers[number]
        draft.default_name = f"peer-{number}"
        known = _ONE if self._netpeers else _MANY
        for section in [self._mine] if self._netpeers else self._peers.values():
            self._check_keys(section, (*known, "id", *(() if self._netpeers else ("peer_list",))), draft)
        for key, field in known.items():
            if (given := self._given(self._mine, key)) is not None:
                draft.values[field] = given
        self._check_id(number, draft)
        if self._netpeers:
            self._read_lists(draft)
        else:
            self._check_twins(draft)
            self._read_peer_list(number, draft)
        return draft

    def changed(self, field: str, value: object) -> str:
        """The text with another value of a field of PeerConfig; None takes it out. KeyError: this form has none."""
        keys = _ONE if self._netpeers else _MANY
        key = next((key for key, name in keys.items() if name == field), None)
        if key is None:
            raise KeyError(field)
        return self._with_value(self._text, self._mine, key, None if value is None else str(value))

    def with_neighbours(self, removed: Collection[int], added: Sequence[NeighbourConfig]) -> str:
        """The text without some neighbours, by their places in it from 0 on, and with others behind them.

        KeyError: a new one has no section, where the form has one for each node.
        """
        if not self._netpeers:
            kept = [each for place, each in enumerate(self._list(self._mine, "peer_list")) if place not in removed]
            kept += [str(self._section_of(each)) for each in added]
            return self._with_value(self._text, self._mine, "peer_list", ", ".join(kept))
        ids, hosts, ports = (
            [each for place, each in enumerate(self._list(self._netpeers, key)) if place not in removed]
            for key in LISTS
        )
        taken = {int(each) for each in ids if each.isdecimal()} | set(self._peers)
        for neighbour in added:
            named = PEER.fullmatch(neighbour.name)
            number = int(named[1]) if named and int(named[1]) not in taken else max(taken) + 1
            taken.add(number)
            ids, hosts, ports = [*ids, str(number)], [*hosts, neighbour.host], [*ports, str(neighbour.port)]
        text = self._text
        for key, values in zip(LISTS, (ids, hosts, ports), strict=True):
            text = self._with_value(text, self._netpeers, key, ", ".join(values))
        return text

    def section_address(self, number: int) -> tuple[str, int] | None:
        """Where another node of this file is; None when it has no such section."""
        if self._netpeers or number not in self._peers:
            return None
        section = self._parser[self._peers[number]]
        host, port = section.get("ip_addr", ""), section.get("server_port", "")
        return (host, int(port)) if port.isdecimal() else None

    # -- which node is ours --------------------------------------------------------------------------------------------

    def _choose(self, draft: Draft) -> int | None:
        if not self._peers:
            if not draft.faults:
                draft.faults.append(Fault(0, "[Peer-N]", "is missing: no section says which node this is"))
            return None
        if self._netpeers and len(self._peers) > 1:
            lines = [self._index.line(section) for section in self._peers.values()]
            text = "contradicts [Netpeers]: with that there is one [Peer-N] section, that of this node"
            draft.faults += [Fault(line, f"[Peer-{each}]", text) for each, line in zip(self._peers, lines, strict=True)]
            return None
        if self._node is not None and not self._netpeers:
            if self._node not in self._peers:
                there = ", ".join(map(str, sorted(self._peers)))
                draft.faults.append(Fault(0, f"[Peer-{self._node}]", f"is missing; with --id one of {there}"))
                return None
            return self._node
        if len(self._peers) == 1:
            return next(iter(self._peers))
        mine = [number for number, section in self._peers.items() if self._is_ours(section)]
        if len(mine) == 1:
            return mine[0]
        which = ", ".join(map(str, sorted(mine or self._peers)))
        why = "have an address of this machine" if mine else "are there, and none has an address of this machine"
        draft.faults.append(Fault(0, "[Peer-N]", f"{which} {why}; say with --id which of them this node is"))
        return None

    def _is_ours(self, section: str) -> bool:
        host = normal_host(self._parser[section].get("ip_addr", ""))
        return host in self._own or host.startswith("127.")

    # -- reading -------------------------------------------------------------------------------------------------------

    def _check_sections(self, draft: Draft) -> None:
        for each in self._index.sections:
            if each.turn and (PEER.fullmatch(each.section) or each.section == self._netpeers):
                text = "stands there twice; give each node a number of its own"
                draft.faults.append(Fault(each.number, f"[{each.section}]", text))
        for section in self._parser.sections():
            if section != self._netpeers and section not in self._peers.values():
                hint = nearest(section, ("peer-0", "netpeers"))
                is_twin = PEER.fullmatch(section) is not None  # Peer-1 and peer_1
                text = "has the number of another section" if is_twin else f"is no section; {hint}"
                draft.faults.append(Fault(self._index.line(section), f"[{section}]", text))

    def _check_keys(self, section: str, known: Collection[str], draft: Draft) -> None:
        other = set(_MANY if self._netpeers else _ONE) | ({"peer_list"} if self._netpeers else set())
        for key in self._parser[section]:
            if key in known:
                continue
            if key in other:
                belongs = "several [Peer-N] sections" if self._netpeers else "[Netpeers]"
                text = f"belongs to the other form, the one with {belongs}; {nearest(key, known)}"
            else:
                text = f"is not known; {nearest(key, known)}"
            draft.faults.append(self._fault(section, key, text))

    def _check_id(self, number: int, draft: Draft) -> None:
        given = self._given(self._mine, "id")
        if given is not None:
            value = str(given.value)
            if not value.isdecimal():
                draft.faults.append(Fault(given.line, given.key, f"{value!r} is no number; write that of this node"))
            elif not self._netpeers and int(value) != number:
                draft.faults.append(Fault(given.line, given.key, f"contradicts its section, [{self._mine}]"))
            else:
                draft.default_name = f"peer-{int(value)}"
                number = int(value)
        if self._netpeers and self._node not in (None, number):
            line = given.line if given is not None else self._index.line(self._mine)
            draft.faults.append(Fault(line, _shown(self._mine, "ID"), f"is {number}, and --id says {self._node}"))

    def _check_twins(self, draft: Draft) -> None:
        """Two nodes of one file with one address."""
        places: dict[tuple[str, str], str] = {}
        for section in self._peers.values():
            inside = self._parser[section]
            place = normal_host(inside.get("ip_addr", "")), inside.get("server_port", "")
            if all(place) and place in places:
                text = f"{inside['ip_addr']}:{place[1]} is the address of [{places[place]}] too; change one"
                draft.faults.append(self._fault(section, "server_port", text))
            places.setdefault(place, section)

    def _read_lists(self, draft: Draft) -> None:
        self._check_keys(self._netpeers, LISTS, draft)
        ids, hosts, ports = (self._list(self._netpeers, key) for key in LISTS)
        if not len(ids) == len(hosts) == len(ports):
            text = f"names {len(ids)} nodes, peer_addr {len(hosts)} and peer_ports {len(ports)}; write as many of each"
            draft.faults.append(self._fault(self._netpeers, LISTS[0], text))
            return
        mine = draft.default_name.partition("-")[2]
        for place, number in enumerate(ids):
            if number in ids[:place]:
                draft.faults.append(self._fault(self._netpeers, LISTS[0], f"{number} stands there twice; remove one"))
                continue
            if number == mine:
                text = f"{number} is this node itself; name other nodes only"
                draft.faults.append(self._fault(self._netpeers, LISTS[0], text))
            draft.neighbours.append(
                DraftNeighbour(
                    self._as_given(self._netpeers, LISTS[1], hosts[place]),
                    self._as_given(self._netpeers, LISTS[2], ports[place]),
                    self._as_given(self._netpeers, LISTS[0], f"peer-{number}"),
                )
            )

    def _read_peer_list(self, mine: int, draft: Draft) -> None:
        listed = self._list(self._mine, "peer_list")
        for place, each in enumerate(listed):
            found = PEER.fullmatch(each)
            number = int(found[1]) if found else int(each) if each.isdecimal() else None
            text = ""
            if number is None or number not in self._peers:
                there = ", ".join(str(other) for other in sorted(self._peers) if other != mine) or "no others"
                text = f"{each} is no node of this file; there are {there}"
            elif each in listed[:place]:
                text = f"{each} stands there twice; remove one"
            elif number == mine:
                text = f"{each} is this node itself; name other nodes only"
            if text or number is None:
                draft.faults.append(self._fault(self._mine, "peer_list", text))
                continue
            section = self._peers[number]
            address, port = self._given(section, "ip_addr"), self._given(section, "server_port")
            if address is None or port is None:
                missing = "ip_addr" if address is None else "server_port"
                draft.faults.append(Fault(self._index.line(section), _shown(section, missing), "is missing; write it"))
                continue
            draft.neighbours.append(
                DraftNeighbour(address, port, self._as_given(self._mine, "peer_list", f"peer-{number}"))
            )

    def _list(self, section: str, key: str) -> list[str]:
        value = self._parser[section].get(key, "") if section else ""
        return [each for each in _SEPARATORS.split(value.strip("[]() \t")) if each]

    def _given(self, section: str, key: str) -> Given | None:
        value = self._parser[section].get(key)
        return None if value is None else self._as_given(section, key, value.strip().strip("\"'"))

    def _as_given(self, section: str, key: str, value: str) -> Given:
        return Given(value, self._index.line(section, key), _shown(section, key))

    def _fault(self, section: str, key: str, text: str) -> Fault:
        return Fault(self._index.line(section, key), _shown(section, key), text)

    # -- changing ------------------------------------------------------------------------------------------------------

    def _section_of(self, neighbour: NeighbourConfig) -> int:
        wanted = normal_host(neighbour.host), neighbour.port
        for number in self._peers:
            place = self.section_address(number)
            if place is not None and (normal_host(place[0]), place[1]) == wanted:
                return number
        raise KeyError(neighbour.place)

    @staticmethod
    def _with_value(text: str, section: str, key: str, value: str | None) -> str:
        """The text with one key changed; all other lines, and the comment behind the value, stay."""
        index, lines = LineIndex(text, is_ini=True), text.splitlines(keepends=True)
        found = index.find(section, key)
        if found is None:
            if value is not None:
                at = max([each.last for each in index.keys if each.section == section] or [index.line(section)])
                if at and not lines[at - 1].endswith("\n"):
                    lines[at - 1] += "\n"
                lines.insert(at, f"{key} = {value}\n")
            return "".join(lines)
        line = lines[found.number - 1]
        head, tail = _around_value(line)
        lines[found.number - 1 : found.last] = [] if value is None else [f"{head}{value}{tail}"]
        return "".join(lines)


def _around_value(line: str) -> tuple[str, str]:
    """What stands before and behind the value of a line."""
    match = re.fullmatch(r"([^=:]*[=:][ \t]*)(.*?)((?:[ \t]+[;#].*)?\s*)", line, re.DOTALL)
    assert match is not None  # the index found a key there
    return match[1] if match[1].endswith((" ", "\t")) else f"{match[1]} ", match[3]


def _shown(section: str, key: str) -> str:
    return f"[{section}] {key}" if key else f"[{section}]"

"""The configuration of a node in TOML: read, and changed in place, so that the comments stay."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

import tomlkit
from tomlkit.exceptions import ParseError, TOMLKitError
from tomlkit.items import AbstractTable, AoT, Array

from udpchat.peers.checking import nearest
from udpchat.peers.settings import Draft, DraftNeighbour, Fault, Given, NeighbourConfig
from udpchat.store.peer_lines import LineIndex

_NODE: Final = {  # key of [node] -> field of PeerConfig
    "name": "name",
    "host": "host",
    "interface": "interface",
    "port": "port",
    "share": "share",
    "ttl": "ttl",
    "read_only": "is_read_only",
}
_LIMITS: Final = {"ttl": "max_ttl", "neighbours": "max_neighbours"}
_ALLOW: Final = {"keys": "allow"}
_SECTIONS: Final = {"node": _NODE, "limits": _LIMITS, "allow": _ALLOW}
_NEIGHBOUR: Final = ("address", "name", "key")
_PLACES: Final = {field: (section, key) for section, keys in _SECTIONS.items() for key, field in keys.items()}
_ONE_OF: Final = {"host": "interface", "interface": "host"}  # who says one takes the other back


class TomlForm:
    """A configuration in our own form."""

    name = "TOML"

    def __init__(self, text: str) -> None:
        self._text = text
        self._index = LineIndex(text, is_ini=False)

    def draft(self) -> Draft:
        """What it says, with the faults of its form."""
        draft = Draft()
        for each in self._index.repeated():
            shown = _shown(each.section, each.key)
            draft.faults.append(Fault(each.number, shown, "stands there twice; remove one of the two"))
        try:
            content: dict[str, Any] = tomlkit.parse(self._text).unwrap()
        except TOMLKitError as error:
            if not draft.faults:  # what stands there twice is an error as well
                draft.faults.append(_syntax_fault(error))
            return draft
        self._read(content, draft)
        return draft

    def changed(self, field: str, value: object) -> str:
        """The text with another value of a field of PeerConfig; None takes it out. KeyError: no such field."""
        document = tomlkit.parse(self._text)
        section, key = _PLACES[field]
        table = _table(document, section)
        if value is None:
            table.pop(key, None)
        else:
            table[key] = value
            table.pop(_ONE_OF.get(key, ""), None)
        return tomlkit.dumps(document)

    def with_neighbours(self, removed: Collection[int], added: Sequence[NeighbourConfig]) -> str:
        """The text without some neighbours, by their places in it from 0 on, and with others behind them."""
        document = tomlkit.parse(self._text)
        if "neighbour" not in document:
            document.append("neighbour", tomlkit.aot())
        tables = document["neighbour"]
        assert isinstance(tables, (AoT, Array))  # the text was checked before it is changed
        for place in sorted(removed, reverse=True):
            del tables[place]
        for neighbour in added:
            if isinstance(tables, AoT) and len(tables) and not tables[-1].as_string().endswith("\n\n"):
                tables[-1].add(tomlkit.nl())
            tables.append(_filled(tomlkit.table() if isinstance(tables, AoT) else tomlkit.inline_table(), neighbour))
        if not len(tables):
            document.remove("neighbour")
        return tomlkit.dumps(document)

    # -- reading -------------------------------------------------------------------------------------------------------

    def _read(self, content: dict[str, Any], draft: Draft) -> None:
        sections = (*_SECTIONS, "neighbour")
        for section, inside in content.items():
            if section == "neighbour":
                self._read_neighbours(inside, draft)
            elif section not in _SECTIONS:
                what = "is no section" if isinstance(inside, dict) else "stands in no section"
                hint = nearest(section, sections) if isinstance(inside, dict) else self._home_of(section)
                line = self._index.line(section) or self._index.line("", section)
                draft.faults.append(
                    Fault(line, f"[{section}]" if isinstance(inside, dict) else section, f"{what}; {hint}")
                )
            elif not isinstance(inside, dict):
                fault = f"is a section: write [{section}] on a line of its own, and its keys below"
                draft.faults.append(Fault(self._index.line("", section), section, fault))
            else:
                self._read_section(section, inside, draft)

    def _read_section(self, section: str, inside: dict[str, Any], draft: Draft) -> None:
        known = _SECTIONS[section]
        for key, value in inside.items():
            line, shown = self._index.line(section, key), _shown(section, key)
            if key in known:
                draft.values[known[key]] = Given(value, line, shown)
            else:
                draft.faults.append(Fault(line, shown, f"is not known; {nearest(key, known)}"))

    def _read_neighbours(self, inside: object, draft: Draft) -> None:
        if not isinstance(inside, list) or not all(isinstance(each, dict) for each in inside):
            line = self._index.line("neighbour")
            draft.faults.append(
                Fault(line, "[neighbour]", "write [[neighbour]] above each neighbour, in double brackets")
            )
            return
        for turn, table in enumerate(inside):
            for key in table:
                if key not in _NEIGHBOUR:
                    line, shown = self._index.line("neighbour", key, turn), _shown("[neighbour]", key)
                    draft.faults.append(Fault(line, shown, f"is not known; {nearest(key, _NEIGHBOUR)}"))
            if "address" not in table:
                line = self._index.line("neighbour", turn=turn)
                draft.faults.append(
                    Fault(line, "[[neighbour]]", 'has no address; write address = "HOST:PORT" below it')
                )
                continue
            found = {
                key: Given(table[key], self._index.line("neighbour", key, turn), _shown("[neighbour]", key))
                for key in _NEIGHBOUR
                if key in table
            }
            draft.neighbours.append(DraftNeighbour(found["address"], None, found.get("name"), found.get("key")))

    def _home_of(self, key: str) -> str:
        """Where a key without a section belongs."""
        section = next((name for name, keys in _SECTIONS.items() if key in keys), "")
        return f"write [{section}] on a line above it" if section else f"the sections are {', '.join(_SECTIONS)}"


def _table(document: tomlkit.TOMLDocument, section: str) -> AbstractTable:
    if section not in document:
        document.append(section, tomlkit.table())
    found = document[section]
    assert isinstance(found, AbstractTable)  # the text was checked before it is changed
    return found


def _filled(table: AbstractTable, neighbour: NeighbourConfig) -> AbstractTable:
    table["address"] = neighbour.place
    if neighbour.name:
        table["name"] = neighbour.name
    if neighbour.key:
        table["key"] = neighbour.key
    return table


def _shown(section: str, key: str) -> str:
    return f"[{section}] {key}" if section else key


def _syntax_fault(error: TOMLKitError) -> Fault:
    what = str(error).partition(" at line ")[0]
    if not isinstance(error, ParseError):
        return Fault(0, "", f"is no TOML: {what}")
    advice = "text is written in quotes, a list in [brackets]"
    return Fault(error.line, "", f"is no TOML here, at column {error.col + 1}: {what}; {advice}")

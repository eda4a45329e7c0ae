"""Where in a configuration file everything stands: which line has which key of which section."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_SECTION: Final = re.compile(r"\s*\[\[?\s*(\"[^\"]*\"|'[^']*'|[^\[\]]+?)\s*\]\]?\s*(?:[#;].*)?")
_TOML_KEY: Final = re.compile(r"\s*(\"[^\"]*\"|'[^']*'|[A-Za-z0-9_.-]+)\s*=")
_INI_KEY: Final = re.compile(r"([^\s#;\[=:][^=:]*?)\s*[=:]")
_INSIDE: Final = re.compile(r"\s+[^#;\s]")  # a line that goes on with the value before it


@dataclass(frozen=True, slots=True)
class KeyLine:
    """A key of a section. number: of its line, from 1 on; last: of the last line of its value.

    turn: how many sections of that name come before, from 0 on.
    """

    section: str
    turn: int
    key: str
    number: int
    last: int


@dataclass(frozen=True, slots=True)
class SectionLine:
    """A section. number: of its line, from 1 on."""

    section: str
    turn: int
    number: int


class LineIndex:
    """The lines of a text. Names are compared without case."""

    def __init__(self, text: str, *, is_ini: bool) -> None:
        self.sections: list[SectionLine] = []
        self.keys: list[KeyLine] = []
        pattern = _INI_KEY if is_ini else _TOML_KEY
        section, turn = "", 0
        for number, line in enumerate(text.splitlines(), start=1):
            if header := _SECTION.fullmatch(line):
                section = header[1].strip("\"'")
                turn = sum(each.section.lower() == section.lower() for each in self.sections)
                self.sections.append(SectionLine(section, turn, number))
            elif found := pattern.match(line):
                self.keys.append(KeyLine(section, turn, found[1].strip("\"'"), number, number))
            elif is_ini and self.keys and _INSIDE.match(line) and self.keys[-1].last == number - 1:
                last = self.keys.pop()
                self.keys.append(KeyLine(last.section, last.turn, last.key, last.number, number))

    def find(self, section: str, key: str, turn: int = 0) -> KeyLine | None:
        """The first line of a key; None when it has none of its own."""
        wanted = section.lower(), key.lower(), turn
        return next((each for each in self.keys if (each.section.lower(), each.key.lower(), each.turn) == wanted), None)

    def line(self, section: str, key: str = "", turn: int = 0) -> int:
        """The number of a line: of the key, else of its section, else 0."""
        if key and (found := self.find(section, key, turn)) is not None:
            return found.number
        wanted = section.lower(), turn
        return next((each.number for each in self.sections if (each.section.lower(), each.turn) == wanted), 0)

    def repeated(self) -> list[KeyLine]:
        """The keys that stand in their section once more."""
        seen: set[tuple[str, int, str]] = set()
        found = []
        for each in self.keys:
            name = each.section.lower(), each.turn, each.key.lower()
            if name in seen:
                found.append(each)
            seen.add(name)
        return found

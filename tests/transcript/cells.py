"""What a terminal shows: enough of one to read a screen as a person does."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_PIECE: Final = re.compile(r"\x1b\[(?P<values>[?\d;]*)(?P<final>[@-~])|\x1b[=>]|(?P<character>[^\x1b])", re.DOTALL)
_BEGUN: Final = re.compile(r"\x1b(?:\[[?\d;]*)?\Z")


class Cells:
    """The rows of a terminal that is as wide and as long as it needs to be. Colours are passed over.

    A sequence that is not known is a fault of the program that sent it: ValueError.
    """

    def __init__(self) -> None:
        self._rows: list[list[str]] = [[]]
        self._row = 0
        self._column = 0
        self.feeds = 0  # lines that were ended
        self._rest = ""  # of a sequence that has not come whole

    @property
    def row(self) -> int:
        """Where the cursor is."""
        return self._row

    @property
    def current(self) -> str:
        """The row of the cursor, up to the cursor."""
        return "".join(self._rows[self._row][: self._column])

    def finished(self, since: int) -> list[str]:
        """The rows above the cursor, from a row on."""
        return ["".join(row).rstrip() for row in self._rows[since : self._row]]

    def feed(self, text: str) -> None:
        """Show what a program has written."""
        text = self._rest + text
        begun = _BEGUN.search(text)
        self._rest = text[begun.start() :] if begun else ""
        text = text[: len(text) - len(self._rest)]
        at = 0
        while at < len(text):
            piece = _PIECE.match(text, at)
            if piece is None:
                raise ValueError(f"a sequence that is not ours: {text[at : at + 20]!r}")
            at = piece.end()
            if piece["character"]:
                self._write(piece["character"])
            elif piece["final"]:
                self._obey(piece["final"], piece["values"])

    def _write(self, character: str) -> None:
        match character:
            case "\r":
                self._column = 0
            case "\n":
                self._row += 1
                self.feeds += 1
                if self._row == len(self._rows):
                    self._rows.append([])
            case "\b":
                self._column = max(self._column - 1, 0)
            case "\a":
                pass
            case _ if character < " " or character == "\x7f":
                raise ValueError(f"a control character: {character!r}")
            case _:
                self._put(character)

    def _put(self, character: str) -> None:
        row = self._rows[self._row]
        if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me"):
            if 0 < self._column <= len(row):
                row[self._column - 1] += character
            return
        wide = unicodedata.east_asian_width(character) in "WF"
        row.extend(" " * (self._column - len(row)))
        row[self._column : self._column + 1 + wide] = [character, *([""] * wide)]
        self._column += 1 + wide

    def _obey(self, final: str, values: str) -> None:
        row = self._rows[self._row]
        count = int(values) if values.isdigit() else 1
        match final:
            case "m" | "h" | "l":
                pass
            case "A":
                self._row = max(self._row - count, 0)
            case "C":
                self._column += count
            case "K" if values in ("", "0"):
                del row[self._column :]
            case "J" if values in ("", "0"):
                del row[self._column :]
                del self._rows[self._row + 1 :]
            case "P":
                del row[self._column : self._column + count]
            case "@":
                row[self._column : self._column] = " " * count
            case _:
                raise ValueError(f"a sequence that is not ours: ESC [{values}{final}")

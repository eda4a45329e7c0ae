"""What the Tab key offers: commands, and whatever their arguments are the names of."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from udpchat.protocol.members import fold
from udpchat.ui.cli.commands import Completes, Dialect, Verb
from udpchat.ui.cli.history_filters import FILTERS
from udpchat.ui.cli.render import visible
from udpchat.wire.numbers import Priority

if sys.platform != "win32":
    import readline

Names: TypeAlias = Callable[[str], Iterable[str]]  # what is typed of a name -> names

MAX_OFFERED: Final = 200  # candidates for one word
MAX_WORDS: Final = 100  # of a line that are looked at
_DELIMITERS: Final = " \t"
_KINDS: Final = {
    Completes.PLACE: (Completes.ROOM, Completes.NICK),
    Completes.ROOM_OR_FILE: (Completes.ROOM, Completes.FILE),
}


class Completer:
    """Completes lines of one dialect. names: what there is of each kind, asked for when Tab is pressed."""

    def __init__(self, dialect: Dialect, names: Mapping[Completes, Names]) -> None:
        self._dialect = dialect
        self._names = names

    def candidates(self, line: str) -> list[str]:
        """What the line could become, as whole lines."""
        found = [typed for typed in self._starts() if line and typed.startswith(line.lower())]
        for typed, (alias, meant) in self._dialect.aliases.items():
            if alias.takes and line.lower().startswith(f"{typed} "):
                return found + self._named(line, len(typed) + 1, meant.arguments[0].completes)
        name, space, rest = line.partition(" ")
        slash = self._dialect.slash
        verb = self._dialect.verbs.get(name[len(slash) :].lower()) if name.startswith(slash) else None
        if space and verb is not None:
            return found + self._argument(line, verb, rest)
        return found or self._spoken(line)

    def _starts(self) -> list[str]:
        return [*(f"{self._dialect.slash}{name}" for name in self._dialect.verbs), *self._dialect.aliases]

    def _argument(self, line: str, verb: Verb, rest: str) -> list[str]:
        if not verb.arguments:
            return []
        if verb.is_free or verb.takes_filters:
            return self._free(line, verb)
        is_rest = verb.arguments[-1].is_rest
        if not is_rest and rest.count('"') % 2:  # inside quotes
            start = line.rindex('"')
            number = len(rest[: rest.rindex('"')].split())
            return self._quoted(line[:start], line[start + 1 :], verb, number)
        number, word = _last_argument(rest, len(verb.arguments) if is_rest else MAX_WORDS)
        before = line[: len(line) - len(word)]
        if is_rest:
            return self._named(line, len(before), verb.arguments[number].completes)
        return self._quoted(before, word, verb, number)

    def _quoted(self, before: str, word: str, verb: Verb, number: int) -> list[str]:
        """An argument that is one word, or several in quotes."""
        if number >= len(verb.arguments):
            return []
        names = self._named(word, 0, verb.arguments[number].completes)
        return [before + (f'"{name}"' if " " in name else name) for name in names]

    def _free(self, line: str, verb: Verb) -> list[str]:
        start = line.rindex(" ") + 1
        word = line[start:]
        name, colon, _ = word.partition(":")
        if colon and verb.takes_filters and name.lower() in ("from", "to"):
            return self._named(line, start + len(name) + 1, Completes.NICK)
        may_filter = verb.takes_filters and word
        filters = [f"{line[:start]}{each}:" for each in FILTERS if may_filter and each.startswith(word.lower())]
        return filters + self._named(line, start, verb.arguments[0].completes)

    def _spoken(self, line: str) -> list[str]:
        """A nickname in a line of chat."""
        start = line.rfind(" ") + 1
        return self._named(line, start, Completes.NICK) if line[start:] else []

    def _named(self, line: str, start: int, kind: Completes) -> list[str]:
        word = line[start:]
        match kind:
            case Completes.NOTHING:
                found: Iterable[str] = ()
            case Completes.PATH:
                found = local_paths(word)
            case Completes.PATHS:
                return self._paths(line, start)
            case Completes.COMMAND:
                found = self._dialect.verbs
            case Completes.PRIORITY:
                found = [priority.name.lower() for priority in Priority]
            case _:
                found = [name for each in _KINDS.get(kind, (kind,)) for name in self._ask(each, word)]
        # A name that would be shown otherwise than it is could do anything on the way to the screen.
        fits = (name for name in found if fold(name).startswith(fold(word)) and visible(name) == name)
        return [line[:start] + name for name, _ in zip(fits, range(MAX_OFFERED), strict=False)]

    def _paths(self, line: str, start: int) -> list[str]:
        """One path with its spaces; or the last of several, or whom they are for."""
        if found := self._named(line, start, Completes.PATH):
            return found
        last = line.rindex(" ") + 1
        if last <= start:
            return []
        word = line[last:]
        if word.startswith("to:"):
            return self._named(line, last + len("to:"), Completes.NICK)
        if word.startswith("#"):
            return self._named(line, last + 1, Completes.ROOM)
        return [line[:last] + (f'"{name}"' if " " in name else name) for name in self._named(word, 0, Completes.PATH)]

    def _ask(self, kind: Completes, word: str) -> Iterable[str]:
        return self._names[kind](word) if kind in self._names else ()


def _last_argument(rest: str, most: int) -> tuple[int, str]:
    """The number, from 0 on, of the argument that is being typed, and what there is of it; the last one has spaces."""
    number, word = 0, rest.lstrip(" ")
    while number + 1 < most and " " in word:
        number, word = number + 1, word.partition(" ")[2].lstrip(" ")
    return number, word


def local_paths(typed: str) -> list[str]:
    """Files and folders of this machine whose path begins so; folders end in a slash."""
    folder, _, start = typed.rpartition("/")
    place = Path(os.path.expanduser(folder + "/")) if "/" in typed else Path()
    prefix = f"{folder}/" if "/" in typed else ""
    try:
        inside = sorted(place.iterdir())
    except (OSError, ValueError):
        return []
    fits = [each for each in inside if each.name.startswith(start) and (start or not each.name.startswith("."))]
    return [f"{prefix}{each.name}{'/' if each.is_dir() else ''}" for each in fits]


def install(completer: Completer) -> None:
    """Let the Tab key offer what the completer has."""
    if sys.platform == "win32":
        return
    offered: list[str] = []

    def complete(text: str, state: int) -> str | None:  # noqa: ARG001 - the whole line says more
        if state == 0:
            start, line = readline.get_begidx(), readline.get_line_buffer()[: readline.get_endidx()]
            # Only what follows the last space is replaced, though a name may have spaces before it.
            offered[:] = [whole[start:] for whole in completer.candidates(line) if whole[:start] == line[:start]]
            if len(offered) == 1 and not offered[0].endswith(("/", ":")):
                offered[0] += " "
        return offered[state] if state < len(offered) else None

    readline.set_completer(complete)
    readline.set_completer_delims(_DELIMITERS)
    is_editline = "libedit" in (readline.__doc__ or "")
    readline.parse_and_bind("bind ^I rl_complete" if is_editline else "tab: complete")

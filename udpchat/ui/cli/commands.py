"""What is typed at a running client or server: text, or a command that begins with a slash."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_ELSEWHERE: Final = {  # what other programs call them
    **dict.fromkeys(("exit", "bye", "q", "leave", "disconnect"), "quit"),
    **dict.fromkeys(("names", "who", "list"), "users"),
    **dict.fromkeys(("ls", "dir"), "files"),
    **dict.fromkeys(("upload", "send"), "put"),
    "download": "get",
    **dict.fromkeys(("tell", "whisper", "query"), "msg"),
    "?": "help",
}
_WORD: Final = re.compile(r'"([^"]*)"|(\S+)')


@dataclass(frozen=True, slots=True)
class Verb:
    """A command. usage: its arguments as help shows them; least, most: how many words it takes.

    takes_rest: the last argument is the rest of the line, spaces included.
    """

    usage: str
    help: str
    least: int = 0
    most: int = 0
    takes_rest: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """A line of chat."""

    text: str


@dataclass(frozen=True, slots=True)
class Command:
    """A command with its arguments. name: without the slash."""

    name: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mistake:
    """A line that is no command; text says why, and what to type instead."""

    text: str


CLIENT_VERBS: Final[Mapping[str, Verb]] = {
    "users": Verb("/users", "who is here"),
    "count": Verb("/count", "how many are here"),
    "msg": Verb("/msg NICK TEXT", "say something to one person", 2, 2, takes_rest=True),
    "files": Verb("/files", "what files the server has"),
    "put": Verb("/put PATH", "upload a file", 1, 1, takes_rest=True),
    "get": Verb("/get NAME [DEST]", 'download a file, into the folder DEST; "..." round names with spaces', 1, 2),
    "stats": Verb("/stats", "round-trip time, window, losses, speed"),
    "help": Verb("/help", "this list"),
    "quit": Verb("/quit", "leave"),
}

SERVER_VERBS: Final[Mapping[str, Verb]] = {
    "users": Verb("/users", "who is here"),
    "say": Verb("/say TEXT", "tell everybody something", 1, 1, takes_rest=True),
    "kick": Verb("/kick NICK", "end somebody's session", 1, 1),
    "files": Verb("/files", "what files there are"),
    "help": Verb("/help", "this list"),
    "quit": Verb("/quit", "say goodbye and stop"),
}


def parse_line(line: str, verbs: Mapping[str, Verb]) -> Text | Command | Mistake | None:
    """What a typed line asks for; None when it is empty. Two slashes begin a text that starts with one."""
    line = line.strip()
    if not line:
        return None
    if not line.startswith("/"):
        return Text(line)
    if line.startswith("//"):
        return Text(line[1:])
    name, _, rest = line[1:].partition(" ")
    verb = verbs.get(name.lower())
    if verb is None:
        return Mistake(_unknown(name, verbs))
    arguments = _split_rest(rest, verb.most) if verb.takes_rest else _words(rest)
    if not verb.least <= len(arguments) <= verb.most:
        return Mistake(f"write {verb.usage}: {verb.help}")
    return Command(name.lower(), arguments)


def unquoted(path: str) -> str:
    """A path as it was meant: without the quotes that a terminal puts round a file dropped on it."""
    return path[1:-1] if re.fullmatch(r"'[^']+'|\"[^\"]+\"", path) else path


def help_lines(verbs: Mapping[str, Verb]) -> list[str]:
    """All commands, one per line."""
    width = max(len(verb.usage) for verb in verbs.values())
    return [f"{verb.usage:<{width}}  {verb.help}" for verb in verbs.values()]


def _unknown(name: str, verbs: Mapping[str, Verb]) -> str:
    wanted = _ELSEWHERE.get(name.lower(), name.lower())
    near = difflib.get_close_matches(wanted, verbs, n=1)
    hint = f"did you mean {verbs[near[0]].usage}?" if near else "/help lists the commands"
    return f"there is no command /{name}; {hint} (write //{name} to say it)"


def _words(rest: str) -> tuple[str, ...]:
    return tuple(match[1] if match[2] is None else match[2] for match in _WORD.finditer(rest))


def _split_rest(rest: str, count: int) -> tuple[str, ...]:
    """At most count words, the last with all that follows."""
    return tuple(word.strip() for word in rest.split(maxsplit=count - 1) if word.strip())

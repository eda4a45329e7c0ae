"""What a typed line asks for, and what help says; from the table in commands.py."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from udpchat.chat.text import nick_fault
from udpchat.ui.cli.commands import Alias, Dialect, Verb

_WORD: Final = re.compile(r'"([^"]*)"|(\S+)')


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
class Question:
    """A command whose argument is asked for: the next line is it, as typed."""

    name: str
    prompt: str


@dataclass(frozen=True, slots=True)
class Mistake:
    """A line that is no command; text says why, and what to type instead."""

    text: str


def parse_line(line: str, dialect: Dialect) -> Text | Command | Question | Mistake | None:
    """What a typed line asks for; None when it is empty. Two slashes begin a text that starts with one."""
    line = line.strip()
    if not line:
        return None
    if dialect.is_bare:
        return _by_alias(line, dialect) or _by_name(f"/{line.removeprefix('/')}", dialect)
    if line.startswith("//"):
        return Text(line[1:])
    if (found := _by_alias(line, dialect)) is not None:
        return found
    if line.startswith("/"):
        return _by_name(line, dialect)
    if (slip := _slip(line, dialect)) is not None:
        return slip
    return _private(line) if dialect.tilde else Text(line)


def unquoted(path: str) -> str:
    """A path as it was meant: without the quotes that a terminal puts round a file dropped on it."""
    return path[1:-1] if re.fullmatch(r"'[^']+'|\"[^\"]+\"", path) else path


def help_lines(dialect: Dialect, about: str = "") -> list[str]:
    """All commands, one per line; or all about one of them."""
    if about:
        return _help_about(about, dialect)
    width = max(len(dialect.usage(verb)) for verb in dialect.verbs.values())
    return [f"{dialect.usage(verb):<{width}}  {_help(verb, dialect)}" for verb in dialect.verbs.values()]


def table_rows(dialect: Dialect) -> list[str]:
    """The table of docs/cli.md."""
    rows = ["| typed | does | also typed as |", "| --- | --- | --- |"]
    for verb in dialect.verbs.values():
        aliases = ", ".join(f"`{alias.shown}`" + (" (`--menu`)" if alias.in_menu else "") for alias in verb.aliases)
        usage, text = dialect.usage(verb).replace("|", "\\|"), _help(verb, dialect).replace("|", "\\|")
        rows.append(f"| `{usage}` | {text} | {aliases} |")
    return rows


def _by_alias(line: str, dialect: Dialect) -> Command | Question | Mistake | None:
    for typed, (alias, verb) in dialect.aliases.items():
        if line[: len(typed)].lower() != typed:
            continue
        rest = line[len(typed) :]
        if rest and not (rest[0].isspace() and alias.takes):
            continue
        return _aliased(alias, verb, rest.strip())
    return None


def _aliased(alias: Alias, verb: Verb, rest: str) -> Command | Question | Mistake | None:
    if rest and alias.in_menu:  # in a menu the words stand alone; a line that begins with one is a line
        return None
    if rest or not alias.takes:
        return Command(verb.name, (rest,) if rest else _nothing(verb))
    return Question(verb.name, alias.asks) if alias.asks else Mistake(f"write {alias.shown}: {verb.help}")


def _by_name(line: str, dialect: Dialect) -> Command | Mistake:
    name, rest = (*re.split(r"\s", line[1:], maxsplit=1), "")[:2]
    verb = dialect.verbs.get(name.lower())
    if verb is None:
        return _unknown(line, dialect)
    if verb.is_free:
        return Command(verb.name, (rest.strip(),))
    takes_rest = bool(verb.arguments) and verb.arguments[-1].is_rest
    most = len(verb.arguments)
    least = sum(not argument.is_optional for argument in verb.arguments)
    arguments = _split_rest(rest, most) if takes_rest else _words(rest)
    if not least <= len(arguments) <= most:
        return Mistake(f"write {dialect.usage(verb)}: {verb.help}{_longer(verb.name, dialect)}")
    return Command(verb.name, arguments)


def _private(line: str) -> Text | Command | Mistake:
    """TEXT~NICK. What follows the last tilde and cannot be a nickname is text: a path, or ~ for about."""
    text, tilde, nick = line.rpartition("~")
    if not tilde or nick_fault(nick) is not None:
        return Text(line)
    return Command("msg", (nick, text.strip())) if text.strip() else Mistake("write TEXT~NICK: a private line")


def _slip(line: str, dialect: Dialect) -> Mistake | None:
    """A single word that is nearly one of the old commands is hardly meant for everybody."""
    if not line.startswith("!") or len(line.split()) > 1:
        return None
    near = difflib.get_close_matches(line.lower(), [typed for typed in dialect.aliases if typed.startswith("!")], n=1)
    if not near:
        return None
    alias, _ = dialect.aliases[near[0]]
    return Mistake(f"there is no command {line}; did you mean {alias.shown}? (write /say {line} to say it)")


def _unknown(line: str, dialect: Dialect) -> Mistake:
    name = line.split(maxsplit=1)[0].lower()
    verb = _nearest(name.removeprefix("/"), dialect)
    help_ = f"{dialect.slash}help lists the commands"
    hint = f"did you mean {dialect.usage(verb)}?" if verb is not None else help_
    if dialect.is_bare:
        return Mistake(f"there is no command {name[1:]}; {hint}")
    return Mistake(f"there is no command {name}; {hint} (write /{line.split(maxsplit=1)[0]} to say it)")


def _longer(name: str, dialect: Dialect) -> str:
    """The commands of older systems that begin with the same word."""
    found = [alias.shown for typed, (alias, _) in dialect.aliases.items() if typed.startswith(f"/{name} ")]
    return f"; or {', '.join(found)}" if found else ""


def _nearest(name: str, dialect: Dialect) -> Verb | None:
    """The command that was meant, by its name, what another system or another program calls it, or one like it."""
    known: dict[str, Verb] = {}
    for verb in dialect.verbs.values():
        for word in (*verb.elsewhere, *(alias.typed.lstrip("/!") for alias in verb.aliases), verb.name):
            known[word] = verb
    near = difflib.get_close_matches(name, known, n=1)
    return known[near[0]] if near else None


def _help_about(about: str, dialect: Dialect) -> list[str]:
    name = about.lower().lstrip("/!")
    verb = dialect.verbs.get(name) or _nearest(name, dialect)
    if verb is None:
        return [f"there is no command {dialect.slash}{name}; {dialect.slash}help lists the commands"]
    lines = [f"{dialect.usage(verb)}  {_help(verb, dialect)}"]
    if verb.aliases:
        aliases = (alias.shown + (" (with --menu)" if alias.in_menu else "") for alias in verb.aliases)
        lines.append(f"also: {', '.join(aliases)}")
    return lines


def _help(verb: Verb, dialect: Dialect) -> str:
    return f"{verb.help} (administrators)" if verb.for_admins and not dialect.is_admins else verb.help


def _nothing(verb: Verb) -> tuple[str, ...]:
    return ("",) if verb.is_free else ()


def _words(rest: str) -> tuple[str, ...]:
    return tuple(match[1] if match[2] is None else match[2] for match in _WORD.finditer(rest))


def _split_rest(rest: str, count: int) -> tuple[str, ...]:
    """At most count words, the last with all that follows."""
    words: Sequence[str] = rest.split(maxsplit=count - 1)
    return tuple(word.strip() for word in words if word.strip())

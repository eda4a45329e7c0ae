"""What a person wants to send: paths as they are typed or dropped, to whom; and whether they can be sent."""

from __future__ import annotations

import os
import re
import shlex
import stat
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from udpchat.errors import StorageError
from udpchat.store.trouble import storage_error
from udpchat.ui.cli.exits import CommandError, ExitCode
from udpchat.ui.cli.parsing import unquoted

_FOR: Final = re.compile(r"(?P<paths>.*\S)\s+(?:to:(?P<nick>\S+)|#(?P<room>\S+))", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Sending:
    """Paths, and whom they are for: a room, or one person. Both empty: nobody was named."""

    paths: tuple[Path, ...]
    room: str = ""
    to: str = ""


def parse_sending(text: str) -> Sending:
    """PATH... [to:NICK | #ROOM] as typed. A path with spaces needs quotes or backslashes only where there are several.

    What is there is meant: the whole text when there is such a file, then without what says whom it is for.
    """
    if _is_there(local_path(text)):
        return Sending((local_path(text),))
    if found := _FOR.fullmatch(text):
        nick = (found["nick"] or "").removeprefix("@")
        return Sending(parse_paths(found["paths"]), found["room"] or "", nick)
    return Sending(parse_paths(text))


def parse_paths(text: str) -> tuple[Path, ...]:
    """One path as it is typed, or dropped on the terminal; or several. What is not there is one path: as typed."""
    for whole in (text, unquoted(text)):
        if _is_there(local_path(whole)):
            return (local_path(whole),)
    words = [local_path(word) for word in _words(text)]
    return tuple(words) if any(_is_there(word) for word in words) else (local_path(unquoted(text)),)


def check_sources(paths: Iterable[Path]) -> None:
    """Raise unless all of these can be sent: before anybody is connected to. StorageError, CommandError."""
    seen: set[Path] = set()
    for path in paths:
        check_source(path)
        place = path.resolve()
        if place in seen:
            raise CommandError(ExitCode.USAGE, f"{path} is named twice")
        seen.add(place)


def check_source(path: Path) -> None:
    """Raise StorageError unless this is a file or folder that can be read. What is in a folder is looked at later."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            if not path.resolve().name:
                raise StorageError(f"{path} is all of this disk; name the folders in it that you want to send")
            os.scandir(path).close()
        elif stat.S_ISREG(mode):
            path.open("rb").close()
        else:
            raise StorageError(f"{path} is {_kind(mode)}; only files and folders can be sent")
    except ValueError as error:
        raise StorageError(f"{path} is no name of a file") from error
    except OSError as error:
        raise storage_error(error, f"read {path}") from error


def named_path(text: str) -> Path:
    """A path that a command was given. CommandError for nothing at all, which would be the current folder."""
    if not text:
        raise CommandError(ExitCode.USAGE, "an empty name is no file; write . for the current folder")
    return Path(text)


def local_path(text: str) -> Path:
    """A path as it was typed, with ~ for one's home; what is there under just that name is meant."""
    try:
        return Path(text) if _is_there(Path(text)) else Path(text).expanduser()
    except RuntimeError:  # "~nobody"
        return Path(text)


def _words(text: str) -> list[str]:
    """As a shell splits them; backslashes separate folders where they do."""
    if sys.platform == "win32":
        return [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', text)]
    try:
        return shlex.split(text)
    except ValueError:  # a quote that does not end
        return text.split()


def _is_there(path: Path) -> bool:
    try:
        return os.path.lexists(path)
    except ValueError:
        return False


def _kind(mode: int) -> str:
    kinds = (
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISBLK, "a device"),
        (stat.S_ISCHR, "a device"),
    )
    return next((name for test, name in kinds if test(mode)), "no file")

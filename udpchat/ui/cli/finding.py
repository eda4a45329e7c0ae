"""Which file of the server is meant by what was typed: a name, an id, a folder, a path inside a folder."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from udpchat.errors import ErrorCode, RefusedError
from udpchat.files.members import WHOLE, MemberInfo
from udpchat.files.ports import FileEntry
from udpchat.files.stored_ports import NO_FILE_ID
from udpchat.net.client import Client
from udpchat.protocol.members import fold
from udpchat.ui.cli.file_words import is_private
from udpchat.wire.numbers import FileState

ID: Final = re.compile(r"[0-9a-fA-F]{8,32}")  # the beginning of an id, or all of it
LISTS: Final = "/files"  # what lists the files of the server, where commands are typed
SHELL_LISTS: Final = "udpchat ls"  # and in a shell
FILE_WORDS: Final = ("upload", "download", "list")  # behind /file, as older systems have it


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be fetched: a file by its name, or by its id; of a folder one member, or WHOLE."""

    name: str
    file_id: bytes = NO_FILE_ID
    member: int = WHOLE


async def wanted(client: Client, typed: str, *, lists: str = LISTS) -> Wanted:
    """What a name, an id or FOLDER/path means. RefusedError; a plain name is not looked up here.

    lists: the command that the text of an error advises, here and below.
    """
    name = typed.rstrip("/")
    if not name:
        raise RefusedError(ErrorCode.UNKNOWN_FILE, f"no name was given; {lists} lists what there is")
    if "/" not in name and not ID.fullmatch(name):
        return Wanted(name)
    files = await client.files()
    folder, slash, path = name.partition("/")
    entry = find_file(files, name if not slash or _named(files, name) else folder, lists=lists)
    if not slash or entry.file_name == name:
        return Wanted(entry.file_name, entry.file_id)
    members = await members_of(client, entry)
    return Wanted(path.rpartition("/")[2], entry.file_id, _find_member(entry, members, path, lists))


async def find_one(client: Client, typed: str, *, is_unique: bool = False, lists: str = LISTS) -> FileEntry:
    """The file of the server that a name or an id means. RefusedError."""
    return find_file(await client.files(), typed.rstrip("/"), is_unique=is_unique, lists=lists)


def find_file(files: Sequence[FileEntry], typed: str, *, is_unique: bool = False, lists: str = LISTS) -> FileEntry:
    """The newest file of a name, or the one whose id begins so. RefusedError.

    is_unique: when several have the name, none of them: what is done cannot be undone.
    """
    named = _named(files, typed)
    if len(named) > 1 and is_unique:
        ids = ", ".join(f"{entry.file_id.hex()[:8]} of {entry.owner_nick}" for entry in named)
        raise RefusedError(ErrorCode.UNKNOWN_FILE, f"{len(named)} files are called {typed}; name one by its id: {ids}")
    if named:
        return named[-1]
    by_id = [entry for entry in files if ID.fullmatch(typed) and entry.file_id.hex().startswith(typed.lower())]
    if len(by_id) == 1:
        return by_id[0]
    if by_id:
        raise RefusedError(ErrorCode.UNKNOWN_FILE, f"several ids begin with {typed}; write more of it")
    raise RefusedError(ErrorCode.UNKNOWN_FILE, unknown_text(typed, (entry.file_name for entry in files), lists))


async def offers(client: Client) -> list[FileEntry]:
    """What is offered to us and was neither fetched nor declined, oldest first."""
    return [
        entry
        for entry in await client.files()
        if is_private(entry)
        and entry.state in (FileState.STORED, FileState.DELIVERED)
        and fold(entry.recipient) == fold(client.nick)
    ]


async def members_of(client: Client, entry: FileEntry) -> tuple[MemberInfo, ...]:
    """What is in a folder. RefusedError when it is none."""
    if not entry.is_folder:
        raise RefusedError(ErrorCode.UNKNOWN_FILE, f"{entry.file_name} is a file; only in folders there is something")
    return await client.members(entry.file_id)


def find_members(entry: FileEntry, members: Sequence[MemberInfo], path: str, *, lists: str = LISTS) -> list[MemberInfo]:
    """What is below a path inside a folder; everything when the path is empty. RefusedError."""
    if not path:
        return list(members)
    below = [member for member in members if member.path == path or member.path.startswith(f"{path}/")]
    if not below:
        raise RefusedError(ErrorCode.UNKNOWN_FILE, _no_member(entry, members, path, lists))
    return below


def unknown_text(typed: str, names: Iterable[str], lists: str = LISTS) -> str:
    """There is no such file, and which was perhaps meant."""
    word = typed.partition(" ")[0].lower()
    near = difflib.get_close_matches(typed, list(dict.fromkeys(names)), n=1)
    if near:
        hint = f"did you mean {near[0]}?"
    elif lists == LISTS and (old := difflib.get_close_matches(word, FILE_WORDS, n=1)):
        hint = f"did you mean /file {old[0]}?"
    else:
        hint = f"{lists} lists what there is"
    return f"there is no file {typed}; {hint}"


def _named(files: Iterable[FileEntry], name: str) -> list[FileEntry]:
    return [entry for entry in files if entry.file_name == name]


def _find_member(entry: FileEntry, members: Sequence[MemberInfo], path: str, lists: str) -> int:
    for number, member in enumerate(members):
        if member.path == path:
            if member.is_directory:
                text = f"{path} is a folder inside {entry.file_name}; fetch its files one by one, or all of it"
                raise RefusedError(ErrorCode.UNKNOWN_FILE, text)
            return number
    raise RefusedError(ErrorCode.UNKNOWN_FILE, _no_member(entry, members, path, lists))


def _no_member(entry: FileEntry, members: Sequence[MemberInfo], path: str, lists: str) -> str:
    near = difflib.get_close_matches(path, [member.path for member in members], n=1)
    hint = f"did you mean {near[0]}?" if near else f"{_listing(entry, lists)} lists what is there"
    return f"there is no {path} in the folder {entry.file_name}; {hint}"


def _listing(entry: FileEntry, lists: str) -> str:
    """The command that lists a folder."""
    return f"{lists} {'' if lists == LISTS else 'HOST '}{entry.file_name}/"

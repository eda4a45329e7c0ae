"""The commands about files that somebody offers to us, and about looking at files."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from udpchat.errors import ErrorCode, RefusedError, UdpchatError
from udpchat.files.members import WHOLE
from udpchat.files.ports import FileEntry
from udpchat.files.stored_ports import NO_FILE_ID
from udpchat.protocol.members import fold
from udpchat.ui.cli.exits import CommandError, ExitCode
from udpchat.ui.cli.file_words import PROGRAM_TYPES, facts_text
from udpchat.ui.cli.finding import Wanted, find_file, find_one, offers, wanted
from udpchat.ui.cli.line_session import LineSession
from udpchat.ui.cli.opening import SURE, check_harmless, check_name, copy_here, open_path, program_text
from udpchat.ui.cli.parsing import unquoted
from udpchat.ui.cli.render import visible
from udpchat.ui.cli.transfers import tell_error
from udpchat.wire.numbers import FileFlag, FileState


async def accept(session: LineSession, whose: str = "") -> None:
    """Fetch what somebody offers."""
    for entry in _chosen(await offers(session.client), unquoted(whose), session.client.nick):
        session.under_way.begin(session.files.carrier.download(Wanted(entry.file_name, entry.file_id)))


async def decline(session: LineSession, whose: str = "") -> None:
    """Say that one does not want it."""
    for entry in _chosen(await offers(session.client), unquoted(whose), session.client.nick):
        await session.client.mark(entry.file_id, FileState.DECLINED)
        text = f"{visible(entry.owner_nick)} is told that you do not want {visible(entry.file_name)}"
        session.done(text, "decline", entry.file_name)


async def open_file(session: LineSession, text: str) -> None:
    """Look at a file, with the program that this system has for it. A file that has the whole text as name is meant."""
    name, space, word = unquoted(text).rpartition(" ")
    is_sure = bool(space and name.strip()) and word.lower() == SURE
    if is_sure and any(each.file_name == unquoted(text) for each in await session.client.files()):
        is_sure = False
    chosen = unquoted(name.strip()) if is_sure else unquoted(text)
    session.under_way.begin(_open(session, chosen, is_sure=is_sure))


def _chosen(offered: Sequence[FileEntry], whose: str, me: str) -> Sequence[FileEntry]:
    """Those of a person, or the one of a name or id; without a word the only one there is. RefusedError."""
    if not offered:
        raise RefusedError(ErrorCode.UNKNOWN_FILE, f"nobody offers anything to you, {me}; /files lists what there is")
    if not whose and len(offered) > 1:
        listed = ", ".join(f'"{entry.file_name}" of {entry.owner_nick} ({facts_text(entry)})' for entry in offered)
        raise RefusedError(ErrorCode.UNKNOWN_FILE, f"several are offered, write the name or the sender too: {listed}")
    if not whose:
        return offered
    nick = fold(whose.removeprefix("@"))
    of_person = [entry for entry in offered if fold(entry.owner_nick) == nick]
    return of_person or [find_file(offered, whose.rstrip("/"))]


async def _open(session: LineSession, name: str, *, is_sure: bool) -> ExitCode:
    try:
        found = await wanted(session.client, name)
        entry = await find_one(session.client, found.file_id.hex() if found.file_id != NO_FILE_ID else found.name)
        path = await _fetched(session, entry, Wanted(found.name, entry.file_id, found.member), is_sure=is_sure)
        await asyncio.to_thread(check_harmless, path, is_sure=is_sure)
        await asyncio.to_thread(open_path, path)
        if found.member == WHOLE and fold(entry.owner_nick) != fold(session.client.nick):
            await session.client.mark(entry.file_id, FileState.OPENED)
    except (UdpchatError, CommandError, OSError) as error:
        return tell_error(session.terminal, "open", name, error, tells_loss=True)
    session.done(f"opened {visible(path)}", "open", path)
    return ExitCode.OK


async def _fetched(session: LineSession, entry: FileEntry, found: Wanted, *, is_sure: bool) -> str:
    """Where a file is on this disk; it is fetched when it is not there. A program is not fetched to be opened."""
    check_name(found.name, entry.media.name if found.member == WHOLE else "", is_sure=is_sure)
    if found.member == WHOLE:
        if entry.flags & FileFlag.EXECUTABLE or entry.media.name in PROGRAM_TYPES:
            raise CommandError(ExitCode.LOCAL_FILE, program_text(entry.file_name))
        kept = session.files.where(entry)
        if path := await asyncio.to_thread(copy_here, entry, kept[0] if kept else "", session.folder or Path()):
            return path
    return (await session.files.carrier.fetch(found)).path

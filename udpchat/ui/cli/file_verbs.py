"""The commands about files, at the server and here."""

from __future__ import annotations

import asyncio
from pathlib import Path

from udpchat.errors import ErrorCode, RefusedError
from udpchat.ui.cli.file_tables import file_details, file_table, member_table
from udpchat.ui.cli.finding import find_members, find_one, members_of, wanted
from udpchat.ui.cli.line_session import LineSession
from udpchat.ui.cli.local_files import list_local, local_table
from udpchat.ui.cli.parsing import unquoted
from udpchat.ui.cli.render import visible
from udpchat.ui.cli.sending import show_stats
from udpchat.ui.cli.sources import Sending, check_sources, local_path, parse_paths, parse_sending
from udpchat.ui.cli.transfers import make_folder


async def files(session: LineSession, place: str = "") -> None:
    """The server's files, those of a room, or what is in a folder."""
    typed = unquoted(place)
    if typed.endswith("/"):
        name, _, below = typed.strip("/").partition("/")
        entry = await find_one(session.client, name)
        members = find_members(entry, await members_of(session.client, entry), below)
        session.answer(member_table(members), "members", file=entry, members=members)
        return
    found = await session.client.files(typed.removeprefix("#"))
    session.answer(file_table(found), "files", files=found)


async def file(session: LineSession, name: str) -> None:
    """All about one file."""
    entry = await find_one(session.client, unquoted(name))
    try:
        marks = await session.client.marks(entry.file_id)
    except RefusedError as error:
        if error.code != ErrorCode.NOT_ALLOWED:
            raise
        marks = ()  # who has it is its owner's business
    lines = file_details(entry, marks, session.files.where(entry))
    session.answer(lines, "file_details", file=entry, marks=marks)


async def lls(session: LineSession) -> None:
    """The files here."""
    found, is_all = await asyncio.to_thread(list_local, session.folder or Path())
    session.answer(local_table(found, is_all=is_all), "local_files", files=found, is_all=is_all)


async def put(session: LineSession, text: str) -> None:
    """Upload files and folders."""
    sending = parse_sending(text)
    _begin(session, Sending(sending.paths, sending.room or session.room, sending.to))


async def send(session: LineSession, nick: str, text: str) -> None:
    """Offer files and folders to one person."""
    _begin(session, Sending(parse_paths(text), session.room, nick.removeprefix("@")))


async def get(session: LineSession, name: str, folder: str = "") -> None:
    """Download a file, a folder, or one file of a folder. What has the whole text as its name is meant: "a (2).bin"."""
    whole = f"{name} {folder}"
    if folder and any(each.file_name == whole for each in await session.client.files()):
        name, folder = whole, ""
    place = local_path(folder) if folder else None
    if place is not None:
        make_folder(place)
    found = await wanted(session.client, name)
    session.under_way.begin(session.files.carrier.download(found, place))


async def delete(session: LineSession, name: str) -> None:
    """Remove a file of the server."""
    entry = await find_one(session.client, unquoted(name), is_unique=True)
    await session.client.delete_file(entry.file_id)
    session.done(f"deleted {visible(entry.file_name)}", "delete", entry.file_name)


async def stats(session: LineSession) -> None:
    """The path, and the transfers that run."""
    lines, line = await show_stats(session.client)
    for each in lines:
        session.terminal.show(each)
    session.terminal.emit(line)


def _begin(session: LineSession, sending: Sending) -> None:
    check_sources(sending.paths)
    for path in sending.paths:
        session.under_way.begin(session.files.carrier.upload(path, room=sending.room, to=sending.to))

"""The commands about files, at the server and here."""

from __future__ import annotations

import asyncio
from pathlib import Path

from udpchat.ui.cli.line_session import LineSession
from udpchat.ui.cli.local_files import list_local, local_table
from udpchat.ui.cli.parsing import unquoted
from udpchat.ui.cli.sending import show_stats
from udpchat.ui.cli.tables import file_table
from udpchat.ui.cli.transfers import download, upload


async def files(session: LineSession) -> None:
    """The server's files."""
    found = await session.client.files()
    session.answer(file_table(found), "files", files=found)


async def lls(session: LineSession) -> None:
    """The files here."""
    found, is_all = await asyncio.to_thread(list_local, session.folder or Path())
    session.answer(local_table(found, is_all=is_all), "local_files", files=found, is_all=is_all)


async def put(session: LineSession, path: str) -> None:
    """Upload a file."""
    session.under_way.begin(
        upload(session.client, session.terminal, _existing(path), room=session.room, tells_loss=True)
    )


async def get(session: LineSession, name: str, folder: str = "") -> None:
    """Download a file."""
    place = local_path(folder) if folder else None
    session.under_way.begin(download(session.client, session.terminal, name, place, tells_loss=True))


async def stats(session: LineSession) -> None:
    """The path, and the transfers that run."""
    lines, line = await show_stats(session.client)
    for each in lines:
        session.terminal.show(each)
    session.terminal.emit(line)


def local_path(text: str) -> Path:
    """A path as it was typed, with ~ for one's home."""
    try:
        return Path(text).expanduser()
    except RuntimeError:  # "~nobody"
        return Path(text)


def _existing(text: str) -> Path:
    """A path as it was typed when there is such a file; else without the quotes of a file dropped on the terminal."""
    typed = Path(text)
    try:
        is_there = typed.exists()
    except (OSError, ValueError):
        is_there = False
    return typed if is_there else local_path(unquoted(text))

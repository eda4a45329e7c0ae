"""The commands that look back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from udpchat.chat.ports import Query
from udpchat.ui.cli.history_filters import Asked, FilterError, parse_history, placed
from udpchat.ui.cli.history_pages import newest_messages
from udpchat.ui.cli.line_session import LineSession, Page
from udpchat.ui.cli.objects import event_object
from udpchat.ui.cli.render import visible
from udpchat.ui.cli.tables import HistoryPages


async def history(session: LineSession, arguments: str) -> None:
    """What was said, of a room or with somebody."""
    await _show_asked(session, "history", arguments, has_place=True)


async def search(session: LineSession, arguments: str) -> None:
    """What was said with some words."""
    await _show_asked(session, "search", arguments, has_place=False)


async def more(session: LineSession) -> None:
    """What was said before what was shown last."""
    if session.page is None:
        session.fail("more", "", "there is nothing to go on with; write /history first")
        return
    await _show(session, session.page)


def nothing_text(query: Query) -> str:
    """What a person is told when nothing was found."""
    if not query.nick:
        return "nothing was found"
    nick = visible(query.nick)
    return f"nothing was found: no room that you can look into is called {nick}, and no private line with {nick} fits"


async def _show_asked(session: LineSession, command: str, arguments: str, *, has_place: bool) -> None:
    try:
        asked: Asked = parse_history(arguments, datetime.now().astimezone(), has_place=has_place)
    except FilterError as error:
        session.fail(command, arguments, str(error))
        return
    needs_rooms = asked.place and asked.place[0] not in "#@"
    rooms = [room.room for room in await session.client.rooms()] if needs_rooms else []
    await _show(session, (placed(asked.query, asked.place, rooms), asked.limit))


async def _show(session: LineSession, page: Page) -> None:
    query, limit = page
    found = await newest_messages(session.client.history, query, limit)
    lines = HistoryPages(session.terminal.narrator.said).lines(found)
    is_full = len(found) == limit
    if not found:
        lines = ["nothing was said before that" if query.before else nothing_text(query)]
    elif is_full:
        lines.append("/more shows what was said before")
    session.page = (replace(query, before=found[0].sequence), limit) if is_full else None
    session.answer(lines, "history", messages=[event_object(message) for message in found])

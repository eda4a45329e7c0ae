"""`udpchat history`: what was said, for reading and for keeping."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import typer

from udpchat.chat.ports import Query
from udpchat.net.client import Client
from udpchat.ui.cli.client_options import ClientOptions, HostArgument
from udpchat.ui.cli.exits import CommandError, ExitCode
from udpchat.ui.cli.grouping import grouped
from udpchat.ui.cli.history_filters import LINES, MAX_LINES, FilterError, checked, parse_time, placed
from udpchat.ui.cli.history_pages import all_messages, newest_messages
from udpchat.ui.cli.history_verbs import nothing_text
from udpchat.ui.cli.objects import event_line
from udpchat.ui.cli.running import run
from udpchat.ui.cli.sentences import MessageEvent
from udpchat.ui.cli.tables import HistoryPages
from udpchat.ui.cli.terminal import Terminal
from udpchat.ui.cli.visiting import joined

_TIMES = "as 2026-11-20, 2026-11-20T18:30, 18:30, 10m, 2h or 3d"


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryOptions(ClientOptions):
    """What the user asks of the history."""

    sender: Annotated[str, typer.Option("--from", metavar="NICK", help="What this user said.", show_default=False)] = ""
    recipient: Annotated[
        str, typer.Option("--to", metavar="NICK", help="Private lines to this user.", show_default=False)
    ] = ""
    since: Annotated[str, typer.Option(metavar="TIME", help=f"Not before this time, {_TIMES}.", show_default=False)] = (
        ""
    )
    until: Annotated[str, typer.Option(metavar="TIME", help="Before this time.", show_default=False)] = ""
    search: Annotated[str, typer.Option(metavar="WORDS", help="With these words.", show_default=False)] = ""
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=MAX_LINES, help="The newest so many.")] = LINES
    everything: Annotated[bool, typer.Option("--all", help="All of them, oldest first, however many.")] = False

    def query(self, now: datetime) -> Query:
        """The question without its place. CommandError."""
        try:
            return checked(
                Query(
                    sender=self.sender,
                    recipient=self.recipient,
                    words=self.search,
                    sent_from=parse_time(self.since, now) if self.since else 0,
                    sent_until=parse_time(self.until, now, is_end=True) if self.until else 0,
                )
            )
        except FilterError as error:
            raise CommandError(ExitCode.USAGE, str(error)) from error


@grouped(HistoryOptions)
def history(
    server: HostArgument,
    what: Annotated[str, typer.Argument(metavar="[ROOM|NICK]", show_default=False)] = "",
    *,
    options: HistoryOptions,
) -> None:
    """Show what was said: in a room, or in private with a user; everything you may see when neither is named."""

    async def work(client: Client, terminal: Terminal) -> ExitCode:
        needs_rooms = what and what[0] not in "#@"
        rooms = [room.room for room in await client.rooms()] if needs_rooms else []
        query = placed(options.query(datetime.now().astimezone()), what, rooms)
        found = all_messages(client.history, query) if options.everything else _newest(client, query, options.limit)
        await _show(found, terminal, query)
        return ExitCode.OK

    async def checked_first() -> ExitCode:
        options.query(datetime.now().astimezone())
        return await joined(server, options, work)

    run("udpchat history", checked_first())


async def _newest(client: Client, query: Query, limit: int) -> AsyncIterator[MessageEvent]:
    for message in await newest_messages(client.history, query, limit):
        yield message


async def _show(messages: AsyncIterator[MessageEvent], terminal: Terminal, query: Query) -> None:
    pages = HistoryPages(terminal.narrator.said)
    is_empty = True
    async for message in messages:
        is_empty = False
        terminal.emit(event_line(message))
        for line in pages.lines([message]):
            terminal.show(line)
    if is_empty:
        terminal.log(nothing_text(query))

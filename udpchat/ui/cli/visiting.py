"""How a command visits a server: join, do its work, come back after a loss, leave."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any, Final, TypeAlias

from udpchat.chat.events import Reconnecting, Returned
from udpchat.config import PARALLEL_TRANSFERS
from udpchat.errors import ConnectionLostError, ErrorCode
from udpchat.files.events import TransferResting
from udpchat.files.local_ports import Transfer
from udpchat.net.client import Client
from udpchat.net.watchdog import FellSilent, HeardAgain
from udpchat.ui.cli.client_options import ClientOptions
from udpchat.ui.cli.exits import ExitCode
from udpchat.ui.cli.file_sentences import resting_text
from udpchat.ui.cli.joining import join
from udpchat.ui.cli.objects import event_line
from udpchat.ui.cli.options import HostPort
from udpchat.ui.cli.render import duration_text, visible
from udpchat.ui.cli.sentences import link_happening
from udpchat.ui.cli.terminal import Terminal

Work: TypeAlias = Callable[[Client, Terminal], Awaitable[ExitCode]]
Patience: TypeAlias = Callable[[bool], float | None]  # whether a person sits there -> seconds

AT_ONCE: Final = 2 * PARALLEL_TRANSFERS  # of what a command was given: one more batch waits in the client's queue


async def joined(
    server: HostPort,
    options: ClientOptions,
    work: Work,
    folder: Path | None = None,
    *,
    fetches: bool = False,
    patience: Patience | None = None,
) -> ExitCode:
    """Join, do the work, leave. ConnectionLostError when the session ended meanwhile.

    patience: how long to try to come back after a loss [s], None for ever; not at all when it is left out.
    """
    with Terminal(as_json=options.as_json, has_prompt=False) as terminal:
        reconnect = patience(terminal.is_interactive) if patience is not None else 0.0
        client = await join(server, options, terminal, folder=folder, fetches=fetches, reconnect=reconnect)
        news = asyncio.create_task(_tell_news(client, terminal))
        try:
            code = await work(client, terminal)
            if code is ExitCode.CONNECTION_LOST and not terminal.as_json:
                text = "the connection to the server was lost; try again: what was begun goes on where it ended"
                raise ConnectionLostError(ErrorCode.NO_ERROR, text)
            return code
        except asyncio.CancelledError:  # our user, or the system, wants us to end
            news.cancel()
            for transfer in await client.rest_all():
                _tell_kept(transfer, terminal)
            raise
        finally:
            news.cancel()
            await client.close()


async def all_of(works: Iterable[Coroutine[Any, Any, ExitCode]]) -> ExitCode:
    """Do these, some at once, begun in this order; the exit code of the first in it that failed."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(work: Coroutine[Any, Any, ExitCode]) -> ExitCode:
        async with room:
            return await work

    waiting = list(works)
    tasks = [asyncio.create_task(one(work)) for work in waiting]
    try:
        codes = await asyncio.gather(*tasks)
    finally:  # what still runs is given up, and what was not begun ends in order
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for work in waiting:
            work.close()
    return next((code for code in codes if code is not ExitCode.OK), ExitCode.OK)


def _tell_kept(transfer: Transfer, terminal: Terminal) -> None:
    event = TransferResting(0, transfer, transfer.text)
    terminal.emit(event_line(event))
    if not terminal.as_json:
        how = f"the same command lets it go on, udpchat transfers cancel {transfer.number} gives it up"
        terminal.log(f"{resting_text(event)}: what has arrived is kept; {how}")


async def _tell_news(client: Client, terminal: Terminal) -> None:
    async for event in client.events():
        match event:
            case Reconnecting(attempt=1, reason=reason):
                terminal.emit(event_line(event))
                if not terminal.as_json:
                    why = f" ({visible(reason)})" if reason else ""
                    terminal.log(f"connection lost{why}; trying to come back")
            case Returned(away_for=away_for):
                terminal.emit(event_line(event))
                if not terminal.as_json:
                    terminal.log(f"connected again after {duration_text(away_for)}")
            case FellSilent() | HeardAgain():
                terminal.emit(event_line(event))
                if not terminal.as_json:
                    terminal.log(link_happening(event))
            case TransferResting(transfer=transfer):
                terminal.emit(event_line(event))
                if not terminal.as_json:
                    how = f"; udpchat transfers resume {transfer.number} lets it go on"
                    terminal.log(resting_text(event) + ("" if event.is_tried_again else how))
            case _:
                pass

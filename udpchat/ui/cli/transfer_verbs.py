"""The commands about transfers that run, wait or are paused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import typer

from udpchat.config import SECOND
from udpchat.errors import ErrorCode, RefusedError
from udpchat.ui.cli.exits import CommandError, ExitCode
from udpchat.ui.cli.file_tables import transfer_table
from udpchat.ui.cli.line_session import LineSession
from udpchat.ui.cli.options import parse_priority, parse_rate
from udpchat.ui.cli.render import speed_text
from udpchat.ui.cli.sending import transfer_rates

ALL: Final = "all"
Parsed = TypeVar("Parsed")


async def transfers(session: LineSession) -> None:
    """All transfers of ours with this server."""
    rates = await transfer_rates(session.client)
    found = session.client.transfers()
    session.answer(transfer_table(found, rates), "transfers", transfers=found)


async def pause(session: LineSession, number: str) -> None:
    """Let a transfer rest until /resume."""
    _each(session, "pause", number, session.client.pause, "")  # that it is paused comes as an event


async def resume(session: LineSession, number: str) -> None:
    """Let a transfer go on."""
    _each(session, "resume", number, session.client.resume, "goes on")


async def cancel(session: LineSession, number: str) -> None:
    """Give a transfer up; what has come of it is removed."""
    _each(session, "cancel", number, session.client.cancel, "")  # that comes from who waits for it, or as an event


async def limit(session: LineSession, number: str, rate: str) -> None:
    """How fast a transfer may be."""
    chosen = _parsed(parse_rate, rate)
    how = f"at most {speed_text(chosen, SECOND)}" if chosen else "as fast as it can"
    _each(session, "limit", number, lambda each: session.client.set_rate(each, chosen), f"goes on {how}")


async def priority(session: LineSession, number: str, word: str) -> None:
    """Which transfers go before others."""
    chosen = _parsed(parse_priority, word)
    text = f"has {chosen.name.lower()} priority"
    _each(session, "priority", number, lambda each: session.client.set_priority(each, chosen), text)


async def first(session: LineSession, number: str) -> None:
    """Put a transfer before all that wait."""
    _each(session, "first", number, session.client.move_first, "goes before the others")


def parse_number(text: str, lists: str = "/transfers") -> int:
    """The number of a transfer. RefusedError, which says what lists them."""
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise RefusedError(ErrorCode.UNKNOWN_TRANSFER, f"{text} is no number of a transfer; {lists} lists them")
    return int(text)


def _each(session: LineSession, command: str, typed: str, act: Callable[[int], None], text: str) -> None:
    """Do it with one transfer, or with all. RefusedError."""
    if typed.lower() == ALL:
        numbers = [each.transfer.number for each in session.client.transfers()]
        if not numbers:
            raise RefusedError(ErrorCode.UNKNOWN_TRANSFER, "there are no transfers")
    else:
        numbers = [parse_number(typed)]
    for number in numbers:
        act(number)
        session.answer([f"[{number}] {text}"] if text else [], "done", command=command, argument=str(number))


def _parsed(parse: Callable[[str], Parsed], text: str) -> Parsed:
    try:
        return parse(text)
    except typer.BadParameter as error:
        raise CommandError(ExitCode.USAGE, error.message) from None

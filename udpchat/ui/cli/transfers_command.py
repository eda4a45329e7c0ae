"""`udpchat transfers`: the unfinished transfers of this user, whichever programs are at them; no server is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from udpchat.config import SECOND
from udpchat.errors import ErrorCode, RefusedError, StorageError
from udpchat.files.local_ports import Direction, Transfer, Wish
from udpchat.net.home import Home
from udpchat.store.transfers import TransferBook
from udpchat.store.trust import Pin
from udpchat.ui.cli.client_options import HomeOption
from udpchat.ui.cli.exits import CommandError, ExitCode
from udpchat.ui.cli.file_tables import unfinished_line
from udpchat.ui.cli.objects import event_line
from udpchat.ui.cli.options import JsonOption, convert, parse_priority, parse_rate
from udpchat.ui.cli.render import speed_text
from udpchat.ui.cli.transfer_verbs import ALL, parse_number
from udpchat.wire.numbers import Priority

transfers = typer.Typer(
    invoke_without_command=True, help="Your unfinished transfers: list, pause, resume, cancel, limit, order."
)

NumbersArgument = Annotated[list[str], typer.Argument(metavar="N|all", show_default=False)]
NumberArgument = Annotated[str, typer.Argument(metavar="N|all", show_default=False)]


@transfers.callback()
def _transfers(context: typer.Context, *, home: HomeOption = None, as_json: JsonOption = False) -> None:
    if context.invoked_subcommand is None:
        list_all(home=home, as_json=as_json)


@transfers.command("list")
def list_all(*, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List them: number, direction, how far, what becomes of them, name, server."""
    folder = Home(home)
    with open_book(folder) as book:
        found = book.list()
    servers = {pin.key: _place(pin) for pin in folder.trust.pins()}
    for each in found:
        print(event_line(each) if as_json else unfinished_line(each, servers.get(each.server, "")))
    if not found and not as_json:
        print("no unfinished transfers")


@transfers.command()
def pause(numbers: NumbersArgument, *, home: HomeOption = None) -> None:
    """Let transfers rest, also those that run in another program."""
    _each(home, numbers, lambda book, number: book.set_wish(number, Wish.PAUSE), "is paused")


@transfers.command()
def resume(numbers: NumbersArgument, *, home: HomeOption = None) -> None:
    """Let transfers go on: at once where a program is at them, else when udpchat client meets their server."""
    text = "goes on where a program is at it, else when udpchat client is at its server or the same command is given"
    _each(home, numbers, lambda book, number: book.set_wish(number, Wish.RUN), text)


@transfers.command()
def cancel(numbers: NumbersArgument, *, home: HomeOption = None) -> None:
    """Give transfers up. What has come of them is removed at both ends."""
    _each(home, numbers, lambda book, number: book.set_wish(number, Wish.CANCEL), cancelled_text)


@transfers.command()
def limit(
    number: NumberArgument,
    rate: Annotated[int, typer.Argument(parser=convert(parse_rate), metavar="RATE", show_default=False)],
    *,
    home: HomeOption = None,
) -> None:
    """Let a transfer go at most so fast, such as 20mbit or 2MB/s; 0 is any speed."""
    how = f"goes at most {speed_text(rate, SECOND)}" if rate else "goes as fast as it can"
    _each(home, [number], lambda book, each: book.set_rate(each, rate), how)


@transfers.command()
def priority(
    number: NumberArgument,
    word: Annotated[Priority, typer.Argument(parser=convert(parse_priority), metavar="WORD", show_default=False)],
    *,
    home: HomeOption = None,
) -> None:
    """Say whether a transfer goes before others: low, normal or high."""
    _each(home, [number], lambda book, each: book.set_priority(each, word), f"has {word.name.lower()} priority")


@transfers.command()
def first(number: Annotated[str, typer.Argument(metavar="N", show_default=False)], *, home: HomeOption = None) -> None:
    """Put a transfer before all that wait."""
    _each(home, [number], lambda book, each: book.move_first(each), "goes before the others")


@contextmanager
def open_book(home: Home) -> Iterator[TransferBook]:
    """The list of this user. A number that is none is a CommandError; StorageError for the disk."""
    try:
        with closing(TransferBook(home.folder)) as book:
            yield book
    except StorageError as error:
        if error.code == ErrorCode.UNKNOWN_TRANSFER:
            raise CommandError(ExitCode.REFUSED, error.text) from error
        raise


def _each(
    home: Path | None,
    typed: list[str],
    act: Callable[[TransferBook, int], None],
    text: str | Callable[[Transfer], str],
) -> None:
    with open_book(Home(home)) as book:
        known = {each.number: each for each in book.list()}
        for number in _numbers(typed, known):
            act(book, number)
            print(f"[{number}] {text if isinstance(text, str) else text(known[number])}")


def _numbers(typed: list[str], known: dict[int, Transfer]) -> list[int]:
    """What the numbers mean; CommandError when there is none of them, before anything is done."""
    if [each.lower() for each in typed] == [ALL]:
        if not known:
            raise CommandError(ExitCode.REFUSED, "there are no unfinished transfers")
        return list(known)
    try:
        numbers = list(dict.fromkeys(parse_number(each, "udpchat transfers") for each in typed))
    except RefusedError as error:
        raise CommandError(ExitCode.USAGE, error.text) from None
    for number in numbers:
        if number not in known:
            raise CommandError(ExitCode.REFUSED, f"there is no transfer {number}; udpchat transfers lists them")
    return numbers


def cancelled_text(transfer: Transfer) -> str:
    """transfer: as it was before."""
    if transfer.is_elsewhere:
        return "is cancelled by the program that is at it"
    if transfer.direction is Direction.DOWNLOAD:
        return "is cancelled; what had arrived is removed"
    return "is cancelled; what the server has of it is removed as soon as udpchat client is at that server"


def _place(pin: Pin) -> str:
    return pin.addresses[0] if pin.addresses else ""

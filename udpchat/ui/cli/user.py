"""`udpchat user`: the accounts of a data folder, also while a server runs on it."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from udpchat.chat.text import nick_fault
from udpchat.config import Config
from udpchat.errors import StorageError
from udpchat.net.home import wall_clock
from udpchat.store.accounts import AccountBook
from udpchat.ui.cli.exits import CommandError, ExitCode, refusal_code
from udpchat.ui.cli.objects import event_line
from udpchat.ui.cli.options import JsonOption
from udpchat.ui.cli.passwords import PasswordFileOption, Passwords
from udpchat.ui.cli.render import visible
from udpchat.ui.cli.running import run
from udpchat.ui.cli.server_options import DataOption, data_folder, make_data_folder
from udpchat.ui.cli.tables import person_table
from udpchat.ui.cli.terminal import Terminal

user = typer.Typer(no_args_is_help=True, help="The accounts of a server's data folder.")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]


@user.command()
def add(
    name: NameArgument,
    *,
    admin: Annotated[bool, typer.Option("--admin", help="May kick, ban and announce.")] = False,
    data: DataOption = None,
    password_file: PasswordFileOption = None,
) -> None:
    """Make an account. The password comes from a prompt, --password-file or UDPCHAT_PASSWORD."""

    async def work(terminal: Terminal) -> None:
        _check_name(name)
        folder = data_folder(data)
        make_data_folder(folder)
        password = _check_password(await Passwords(terminal, password_file).wanted(f"password for {visible(name)}"))
        with open_book(folder) as book:
            book.add(name, password, admin)
        terminal.show(f"{visible(name)} has an account now" + (", as an administrator" if admin else ""))

    _run("udpchat user add", work)


@user.command("list")
def list_people(*, data: DataOption = None, as_json: JsonOption = False) -> None:
    """List the accounts: name, administrator or not, when they were here last."""

    async def work(terminal: Terminal) -> None:
        with open_book(_existing(data)) as book:
            people = book.list()
        if not as_json:
            for line in person_table(people):
                terminal.show(line)
        for person in people:
            terminal.emit(event_line(person))

    _run("udpchat user list", work, as_json=as_json)


@user.command()
def remove(name: NameArgument, *, data: DataOption = None) -> None:
    """Remove an account. What its owner has said stays; the name is free again."""

    async def work(terminal: Terminal) -> None:
        with open_book(_existing(data)) as book:
            book.remove(name)
        terminal.show(f"the account {visible(name)} is gone")

    _run("udpchat user remove", work)


@user.command()
def passwd(name: NameArgument, *, data: DataOption = None, password_file: PasswordFileOption = None) -> None:
    """Give an account another password. Its owner must log in anew everywhere."""

    async def work(terminal: Terminal) -> None:
        with open_book(_existing(data)) as book:
            typed = await Passwords(terminal, password_file).wanted(f"new password for {visible(name)}")
            password = _check_password(typed)
            book.set_password(name, password)
        terminal.show(f"{visible(name)} has another password now")

    _run("udpchat user passwd", work)


@user.command()
def admin(
    name: NameArgument,
    *,
    revoke: Annotated[bool, typer.Option("--revoke", help="No administrator any more.")] = False,
    data: DataOption = None,
) -> None:
    """Let an account kick, ban and announce; from its next login on."""

    async def work(terminal: Terminal) -> None:
        with open_book(_existing(data)) as book:
            book.set_admin(name, not revoke)
        terminal.show(f"{visible(name)} is {'no administrator any more' if revoke else 'an administrator now'}")

    _run("udpchat user admin", work)


@contextmanager
def open_book(folder: Path) -> Iterator[AccountBook]:
    """The accounts of a data folder. A name that is taken or unknown is a CommandError; StorageError for the disk."""
    try:
        with closing(AccountBook(folder, clock=wall_clock, random_bytes=os.urandom)) as book:
            yield book
    except StorageError as error:
        code = refusal_code(error.code)
        if code in (ExitCode.NICKNAME, ExitCode.ACCOUNT):
            raise CommandError(code, error.text) from error
        raise


def _run(command: str, work: Callable[[Terminal], Coroutine[Any, Any, None]], *, as_json: bool = False) -> None:
    with Terminal(as_json=as_json) as terminal:
        run(command, work(terminal), terminal)


def _existing(data: Path | None) -> Path:
    """The data folder, which is not made by looking. StorageError."""
    folder = data_folder(data)
    if not folder.is_dir():
        raise StorageError(f"there is no data folder {folder}; name the server's with --data")
    return folder


def _check_name(name: str) -> None:
    least = Config().min_account_name
    fault = nick_fault(name) or (f"an account's name has at least {least} characters" if len(name) < least else None)
    if fault is not None:
        raise CommandError(ExitCode.USAGE, fault)


def _check_password(password: str | None) -> str:
    least = Config().min_password
    if not password:
        raise CommandError(ExitCode.ACCOUNT, "no password, so nothing was changed")
    if len(password) < least:
        raise CommandError(ExitCode.ACCOUNT, f"a password has at least {least} characters")
    return password

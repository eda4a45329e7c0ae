"""Where passwords come from: a file, the environment, or a person who types them unseen. Never an argument."""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from udpchat.config import MAX_PASSWORD
from udpchat.errors import StorageError
from udpchat.store.trouble import storage_error
from udpchat.ui.cli.exits import CommandError, ExitCode
from udpchat.ui.cli.terminal import Terminal

PASSWORD: Final = "UDPCHAT_PASSWORD"
NEW_PASSWORD: Final = "UDPCHAT_NEW_PASSWORD"
NO_SOURCE: Final = (
    f"a password is needed, and nobody can be asked here: set {PASSWORD}, or name a file with --password-file"
)

PasswordFileOption = Annotated[
    Path | None,
    typer.Option(
        "--password-file",
        metavar="FILE",
        help="Read your password from the first line of FILE, which nobody else may read.",
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True)
class Passwords:
    """The passwords of one command. file: what --password-file names."""

    terminal: Terminal
    file: Path | None = None

    @property
    def is_given(self) -> bool:
        """The password is in a file or the environment, so that asking again would give the same."""
        return self.file is not None or bool(os.environ.get(PASSWORD))

    async def present(self, prompt: str) -> str | None:
        """The password that somebody has; None when a person gives up. StorageError, CommandError."""
        given = self._given()
        if given is not None:
            return given
        return (await self._typed(prompt, NO_SOURCE)) or None

    async def wanted(self, prompt: str) -> str | None:
        """A password for a new account: twice from a person."""
        given = self._given()
        return given if given is not None else await self._typed_twice(prompt, NO_SOURCE)

    async def replacement(self, prompt: str) -> str | None:
        """The password that comes in the place of another: from its own variable, or twice from a person."""
        if given := os.environ.get(NEW_PASSWORD):
            return _checked(given, NEW_PASSWORD)
        trouble = f"a new password is needed, and nobody can be asked here: set {NEW_PASSWORD}"
        return await self._typed_twice(prompt, trouble)

    def _given(self) -> str | None:
        if self.file is not None:
            return read_password_file(self.file)
        given = os.environ.get(PASSWORD)
        return _checked(given, PASSWORD) if given else None

    async def _typed(self, prompt: str, trouble: str) -> str | None:
        if not self.terminal.is_interactive:
            raise CommandError(ExitCode.ACCOUNT, trouble)
        return await self.terminal.next_secret(prompt)

    async def _typed_twice(self, prompt: str, trouble: str) -> str | None:
        while first := await self._typed(f"{prompt}: ", trouble):
            second = await self._typed("once more: ", trouble)
            if second is None or first == second:
                return second
            self.terminal.show("these two differ; try again, or press Enter to give up")
        return None


def read_password_file(path: Path) -> str:
    """The first line of a file that only its owner may read. StorageError, which never tells what is in it."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(MAX_PASSWORD + 3)
    except (OSError, ValueError) as error:
        raise (
            storage_error(error, f"read {path}")
            if isinstance(error, OSError)
            else StorageError(f"{path} is no name of a file")
        ) from error
    if sys.platform != "win32" and stat.S_ISREG(mode) and mode & 0o077:
        raise StorageError(f"others may read {path}, so it is no place for a password; first: chmod 600 {path}")
    try:
        line = content.split(b"\n")[0].rstrip(b"\r").decode()
    except UnicodeDecodeError:
        raise StorageError(f"{path} is no text in UTF-8, so no password is read from it") from None
    if not line:
        raise StorageError(f"{path} is empty, or its first line is")
    return _checked(line, str(path))


def _checked(password: str, source: str) -> str:
    if len(password.encode("utf-8", "surrogateescape")) > MAX_PASSWORD:
        raise StorageError(f"the password in {source} has more than {MAX_PASSWORD} bytes")
    try:
        password.encode()
    except UnicodeEncodeError:
        raise StorageError(f"the password in {source} is no text in UTF-8") from None
    return password

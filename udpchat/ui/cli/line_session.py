"""What a session at the keyboard, or of a script, knows and can do; the commands are functions of it."""

from __future__ import annotations

from pathlib import Path
from typing import Final, TypeAlias

from udpchat.chat.events import PrivateSaid, ReceiptCame
from udpchat.chat.ports import Query
from udpchat.chat.text import text_fault
from udpchat.config import LOBBY
from udpchat.errors import ConnectionLostError, UdpchatError
from udpchat.net.client import Client
from udpchat.protocol.members import fold
from udpchat.ui.cli.commands import Dialect
from udpchat.ui.cli.exits import CommandError, ExitCode
from udpchat.ui.cli.objects import as_line
from udpchat.ui.cli.own_files import OwnFiles
from udpchat.ui.cli.own_lines import Mark, OwnLine, OwnLines, news_text
from udpchat.ui.cli.passwords import Passwords
from udpchat.ui.cli.render import visible
from udpchat.ui.cli.terminal import Terminal
from udpchat.ui.cli.transfers import tell_error
from udpchat.ui.cli.under_way import UnderWay

MAX_UNREAD: Final = 1_024  # people whose private lines were not read yet
MENU: Final = "[u]pload [d]ownload [c]hat ls ls-l [q]uit"

Page: TypeAlias = tuple[Query, int]  # what /more goes on with, and how many lines


class LineSession:
    """One session. room: where plain lines go. partner: whom /reply answers. page: of the history that was shown."""

    def __init__(
        self, client: Client, terminal: Terminal, dialect: Dialect, passwords: Passwords, folder: Path | None
    ) -> None:
        self.client = client
        self.terminal = terminal
        self.dialect = dialect
        self.passwords = passwords
        self.folder = folder
        self.room = LOBBY
        self.partner = ""
        self.page: Page | None = None
        self.own = OwnLines()
        self.files = OwnFiles(client, terminal)
        self.under_way = UnderWay(keeps_result=not terminal.is_interactive)
        self._unread: dict[str, tuple[str, int]] = {}  # by folded nickname: nickname, newest sequence

    def prompt(self, mark: str = "") -> str:
        """What stands before a line that is typed. mark: a word after the nickname."""
        room = "" if fold(self.room) == LOBBY else f" #{visible(self.room)}"
        menu = f" {MENU}" if self.dialect.menu else ""
        return f"{visible(self.client.nick)}{room}{f' [{mark}]' if mark else ''}{menu}> "

    # -- answers to commands -------------------------------------------------------------------------------------------

    def answer(self, lines: list[str], event: str, /, **values: object) -> None:
        """Show what was asked for: lines for people, an object for programs."""
        for line in lines:
            self.terminal.show(line)
        self.terminal.emit(as_line(event, **values))

    def done(self, text: str, command: str, argument: str = "") -> None:
        """Say that a command is done."""
        self.answer([text], "done", command=command, argument=argument)

    def fail(self, command: str, argument: str, text: str) -> None:
        """Say that what was typed cannot be."""
        code = ExitCode.USAGE
        self.terminal.log(visible(text))
        self.terminal.emit(as_line("error", command=command, argument=argument, exit_code=int(code), text=text))
        self.under_way.note(code)

    def tell_error(self, command: str, argument: str, error: UdpchatError | CommandError) -> ExitCode:
        """Say what went wrong with a command; its exit code."""
        # After a loss the session may go on, so whoever asked meanwhile is told that nothing came of it.
        if isinstance(error, ConnectionLostError):
            error = ConnectionLostError(error.code, f"{error.text}; try it again when the connection is back")
        return tell_error(self.terminal, command, argument, error, tells_loss=True)

    # -- lines ---------------------------------------------------------------------------------------------------------

    async def say(self, text: str) -> None:
        """Say a line where plain lines go."""
        if self._may_say("say", text):
            await self._send("say", self.own.add(text, room=self.room))

    async def tell(self, nick: str, text: str) -> None:
        """Say a line to one person."""
        if not self._may_say("msg", text):
            return
        self.partner = self.partner or nick
        await self._send("msg", self.own.add(text, nick=nick))

    def on_private(self, event: PrivateSaid) -> None:
        """A private line was shown."""
        if fold(event.sender) == fold(self.client.nick):
            return
        self.partner = event.sender
        if len(self._unread) < MAX_UNREAD or fold(event.sender) in self._unread:
            self._unread[fold(event.sender)] = (event.sender, event.sequence)

    def on_receipt(self, receipt: ReceiptCame) -> list[str]:
        """Lines of ours have come further; what a person wants to be told of it."""
        news = self.own.on_receipt(receipt)
        return [news_text(line) for line in news if line.nick and (line.waits or line.mark is Mark.READ)]

    def read(self, nick: str = "") -> bool:
        """Tell one, or all, that their private lines were read; False when there are none that were not.

        While the connection is lost they stay unread, for nobody could be told.
        """
        if not self.client.is_connected:
            return False
        read = [key for key in self._unread if not nick or key == fold(nick)]
        for key in read:
            self.client.mark_read(*self._unread.pop(key))
        return bool(read)

    def _may_say(self, command: str, text: str) -> bool:
        fault = text_fault(text)
        if fault is not None:
            self.fail(command, text, fault)
        return fault is None

    async def _send(self, command: str, line: OwnLine) -> None:
        await self.under_way.send(self._delivered(command, line))

    async def _delivered(self, command: str, line: OwnLine) -> ExitCode:
        client = self.client
        try:
            answered = await (client.tell(line.nick, line.text) if line.nick else client.say(line.text, line.room))
        except ConnectionLostError as error:
            self.own.on_refused(line)
            lost = ConnectionLostError(error.code, f"the server has not acknowledged it: {error.text}")
            return tell_error(self.terminal, command, line.text, lost, tells_loss=True)
        except UdpchatError as error:
            self.own.on_refused(line)
            return self.tell_error(command, line.nick or line.text, error)
        self.own.on_stored(line, answered)
        if line.nick:
            said = as_line(
                "said", sequence=line.sequence, sent_at=line.sent_at, text=line.text, waits=line.waits, to=line.nick
            )
            self.terminal.emit(said)
        if line.waits:
            text = f"{visible(line.nick)} is not here; your line waits for the next login"
            self.terminal.show(self.terminal.narrator.quiet(text))
        return ExitCode.OK

"""A session at the keyboard or from a script: what is typed is done, what happens is shown."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from udpchat.chat.events import Disconnected, FileSaid, PrivateSaid, ReceiptCame, Reconnecting
from udpchat.errors import ConnectionLostError, ErrorCode, UdpchatError
from udpchat.files.events import Downloaded, FileMarked, Phase, TransfersAdopted, Uploaded
from udpchat.files.local_ports import Transfer
from udpchat.net.session import ClientEvent
from udpchat.protocol.members import fold
from udpchat.ui.cli import account_verbs, chat_verbs, file_verbs, history_verbs, offer_verbs, transfer_verbs
from udpchat.ui.cli.commands import CLIENT_VERBS
from udpchat.ui.cli.completion import Completer
from udpchat.ui.cli.exits import CommandError, ExitCode
from udpchat.ui.cli.file_tables import adopted_text
from udpchat.ui.cli.known_names import KnownNames
from udpchat.ui.cli.line_session import LineSession
from udpchat.ui.cli.objects import event_line
from udpchat.ui.cli.parsing import Command, Mistake, Question, Text, help_lines, parse_line
from udpchat.wire.numbers import FileState

Handler = Callable[..., Awaitable[None]]

TELLING: Final = 1.0  # seconds in which the lines that were lost with the session are named
LEAVING: Final = 5.0  # seconds that /quit waits for the server to acknowledge the last lines


async def show_help(session: LineSession, about: str = "") -> None:
    """The commands."""
    lines = help_lines(session.dialect, about)
    session.answer(lines, "help", text=lines)


HANDLERS: Final[dict[str, Handler]] = {
    "help": show_help,
    **{
        verb.__name__: verb
        for verb in (
            *(chat_verbs.users, chat_verbs.accounts, chat_verbs.seen, chat_verbs.count, chat_verbs.status),
            *(chat_verbs.say, chat_verbs.msg, chat_verbs.reply, chat_verbs.read, chat_verbs.away, chat_verbs.back),
            *(chat_verbs.rooms, chat_verbs.create, chat_verbs.join, chat_verbs.leave, chat_verbs.room),
            *(chat_verbs.topic, chat_verbs.kick, chat_verbs.ban, chat_verbs.unban, chat_verbs.bans),
            *(chat_verbs.announce, account_verbs.register, account_verbs.login, account_verbs.password),
            *(history_verbs.history, history_verbs.search, history_verbs.more),
            *(file_verbs.files, file_verbs.file, file_verbs.lls, file_verbs.put, file_verbs.send, file_verbs.get),
            *(file_verbs.delete, file_verbs.stats, offer_verbs.accept, offer_verbs.decline),
            *(transfer_verbs.transfers, transfer_verbs.pause, transfer_verbs.resume, transfer_verbs.cancel),
            *(transfer_verbs.limit, transfer_verbs.priority, transfer_verbs.first),
        )
    },
    "open": offer_verbs.open_file,
}
assert set(HANDLERS) | {"quit"} == set(CLIENT_VERBS)

LEAVE: Final = Command("quit")
ACCOUNT_WORDS: Final = {"login", "register", "password"}  # what follows them might be a password


class LineClient:
    """Runs one session. mark: a word in the prompt."""

    def __init__(self, session: LineSession, *, mark: str = "") -> None:
        self._session = session
        self._mark = mark
        self._has_been_warned = False
        self._lost: Disconnected | None = None  # how the session ended, once it has

    async def run(self) -> ExitCode:
        """Until the input ends, /quit is typed, or the session is over; the exit code.

        ConnectionLostError when the session ended before the user did.
        """
        news = asyncio.create_task(self._show_news())
        typing = asyncio.create_task(self._read_lines())
        try:
            await asyncio.wait({news, typing}, return_when=asyncio.FIRST_COMPLETED)
            # The input may end in the very moment in which the session does: that was no leaving.
            if news.done() or self._lost is not None:
                await self._tell_lines_lost()
                lost = self._lost or news.result()
                raise ConnectionLostError(lost.code, lost.reason or "the connection ended")
            typing.result()
            return self._session.under_way.result
        finally:
            for task in (news, typing):
                task.cancel()
            self._session.under_way.give_up()

    async def _tell_lines_lost(self) -> None:
        """Every line that the server has not acknowledged is told of by its own task, before the end is."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TELLING):
                await self._session.under_way.lines_sent()

    # -- what happens --------------------------------------------------------------------------------------------------

    async def _show_news(self) -> Disconnected:
        lost = Disconnected(ErrorCode.NO_ERROR, "", remote=False)
        async for event in self._session.client.events():
            if isinstance(event, Disconnected):
                self._lost = lost = event
                self._session.terminal.emit(event_line(event))
            else:
                self._show(event)
        return lost

    def _show(self, event: ClientEvent) -> None:
        terminal = self._session.terminal
        match event:
            case ReceiptCame():
                terminal.emit(event_line(event))
                for text in self._session.on_receipt(event):
                    terminal.show(terminal.narrator.quiet(text))
            case Reconnecting(attempt=attempt) if attempt > 1:  # told once
                terminal.emit(event_line(event))
            case PrivateSaid():
                terminal.event(event)
                self._session.on_private(event)
            case FileSaid() if self._is_offer(event) and not terminal.as_json:
                terminal.show(terminal.narrator.offer(event))
            case FileMarked(state=FileState.DELIVERED):  # what people want to know is that it is whole
                terminal.emit(event_line(event))
            case Uploaded() | Downloaded():
                self._session.files.keep(event)
                terminal.event(event)
            case TransfersAdopted(transfers=transfers):
                self._tell_adopted(transfers)
            case _:
                terminal.event(event)

    def _is_offer(self, event: FileSaid) -> bool:
        me = fold(self._session.client.nick)
        return fold(event.recipient) == me != fold(event.sender)

    # -- what is typed -------------------------------------------------------------------------------------------------

    async def _read_lines(self) -> None:
        session = self._session
        terminal = session.terminal
        await self._adopt()
        await self._look_round()
        while (line := await terminal.next_line(prompt := session.prompt(self._mark))) is not None:
            if terminal.is_interactive:  # whoever types has seen what was shown
                session.read()
            typed = parse_line(line, session.dialect)
            if typed != LEAVE:  # who goes on after the warning is warned anew
                self._has_been_warned = False
            match typed:
                case Text(text):
                    if session.client.is_connected:  # else it comes back much later, and stays to be seen
                        terminal.take_back(prompt, line)
                    await session.say(text)
                case Command(LEAVE.name):
                    if self._may_leave():
                        await self._last_lines()
                        return
                case Command() as command:
                    await self._do(command)
                case Question(name, question):
                    await self._ask(name, question)
                case Mistake(text):
                    session.fail("input", _without_secrets(line), text)
        # A script's last lines and transfers are done before it leaves; what was paused is written down.
        await session.under_way.all_done(self._is_resting)

    def _is_resting(self) -> bool:
        """All transfers that are waited for were paused."""
        return all(each.phase is Phase.PAUSED for each in self._session.client.transfers() if each.request_id)

    async def _adopt(self) -> None:
        """What earlier runs did not finish goes on; how it ends is an event."""
        session = self._session
        try:
            adopted = await session.client.adopt_transfers()
        except UdpchatError as error:
            session.tell_error("transfers", "", error)
            return
        self._tell_adopted(adopted)

    def _tell_adopted(self, adopted: Sequence[Transfer]) -> None:
        if adopted:
            self._session.answer([adopted_text(each) for each in adopted], "adopted", transfers=adopted)

    async def _look_round(self) -> None:
        """Before a person types: who is here, for names that look alike; and what the Tab key offers."""
        session = self._session
        if not session.terminal.is_interactive:
            return
        names = KnownNames(session.client, asyncio.get_running_loop())
        session.terminal.complete_with(Completer(session.dialect, names.by_kind))
        try:
            session.terminal.narrator.learn(await session.client.users(), session.client.nick)
        except UdpchatError as error:
            session.tell_error("users", "", error)

    async def _ask(self, name: str, question: str) -> None:
        answer = await self._session.terminal.next_line(question)
        if answer is not None and answer.strip():
            await self._do(Command(name, (answer.strip(),)))

    async def _do(self, command: Command) -> None:
        try:
            await HANDLERS[command.name](self._session, *command.arguments)
        except (UdpchatError, CommandError) as error:
            argument = command.arguments[0] if command.arguments else ""
            self._session.under_way.note(self._session.tell_error(command.name, argument, error))

    def _may_leave(self) -> bool:
        """Whether /quit is meant: a person with something under way is asked; the next /quit is meant."""
        under_way, terminal = self._session.under_way, self._session.terminal
        waiting = 0 if self._session.client.is_connected else under_way.lines
        if self._has_been_warned or not terminal.is_interactive or not (under_way.transfers or waiting):
            return True
        self._has_been_warned = True
        if under_way.transfers:
            count = _counted(under_way.transfers, "transfer")
            terminal.show(f"{count} under way; /quit once more leaves: they go on when you come back")
        if waiting:
            terminal.show(f"{_counted(waiting, 'line')} not sent yet; /quit once more gives that up")
        return False

    async def _last_lines(self) -> None:
        """What was said before /quit still goes out; a script waits for it, a person not for long."""
        under_way = self._session.under_way
        if not self._session.terminal.is_interactive:
            await under_way.lines_sent()
        elif self._session.client.is_connected:
            try:
                async with asyncio.timeout(LEAVING):
                    await under_way.lines_sent()
            except TimeoutError:
                self._session.terminal.show(f"{_counted(under_way.lines, 'line')} not acknowledged")


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"


def _without_secrets(line: str) -> str:
    """What was typed wrongly, for the log of a script: of commands about accounts only the command."""
    word = line.split(maxsplit=1)[0]
    return word if word.lower().lstrip("/!") in ACCOUNT_WORDS else line

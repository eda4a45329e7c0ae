"""`udpchat client`: lines are chat, lines with a slash are commands. The same for a person and for a script."""

from __future__ import annotations

from dataclasses import replace

from udpchat.net.client import Client
from udpchat.ui.cli.choosing import Start, choose_server
from udpchat.ui.cli.client_options import ChatOptions, OptionalHostArgument
from udpchat.ui.cli.commands import CLIENT
from udpchat.ui.cli.exits import ExitCode
from udpchat.ui.cli.grouping import grouped
from udpchat.ui.cli.joining import join_to_talk
from udpchat.ui.cli.line_client import LineClient
from udpchat.ui.cli.line_session import LineSession
from udpchat.ui.cli.objects import as_line
from udpchat.ui.cli.options import HostPort
from udpchat.ui.cli.passwords import Passwords
from udpchat.ui.cli.render import user_count_text, visible
from udpchat.ui.cli.running import run
from udpchat.ui.cli.terminal import Terminal
from udpchat.ui.cli.transfers import make_folder


@grouped(ChatOptions)
def client(server: OptionalHostArgument = None, *, options: ChatOptions) -> None:
    """Join a server and talk. /help lists what else can be typed.

    Without HOST the servers of the local network are looked for: the only one is joined, of several one is chosen.
    When stdin is no terminal its lines are sent one after the other; at its end the client waits for what is under way,
    then leaves.
    """
    with Terminal(as_json=options.as_json) as terminal:
        run("udpchat client", _chat(server, options, terminal), terminal)


async def _chat(server: HostPort | None, options: ChatOptions, terminal: Terminal) -> ExitCode:
    if server is not None:
        return await talk(server, options, terminal)
    chosen = await choose_server(options, terminal)
    return ExitCode.OK if isinstance(chosen, Start) else await talk(*chosen, terminal)


async def talk(server: HostPort, options: ChatOptions, terminal: Terminal) -> ExitCode:
    """Join, and stay until one side ends it."""
    if options.to is not None:
        make_folder(options.to)
    joined = await join_to_talk(server, options, terminal)
    try:
        terminal.show(_welcome(joined, server))
        terminal.emit(
            as_line(
                "joined",
                host=server.host,
                port=server.port,
                nick=joined.nick,
                user_count=joined.user_count,
                flags=joined.flags,
                server_fingerprint=joined.server_fingerprint,
                is_new_key=joined.is_new_key,
                is_plaintext=options.plaintext,
            )
        )
        dialect = replace(CLIENT, menu=options.menu, tilde=options.tilde)
        session = LineSession(joined, terminal, dialect, Passwords(terminal, options.password_file), options.to)
        return await LineClient(session, mark="PLAINTEXT" if options.plaintext else "").run()
    finally:
        terminal.emit(as_line("counters", **joined.counters()))
        await joined.close()


def _welcome(joined: Client, server: HostPort) -> str:
    sealed = f"sealed, server key {joined.server_fingerprint}" if joined.server_fingerprint else "PLAINTEXT"
    here = user_count_text(joined.user_count)
    return f"joined {visible(str(server))} as {visible(joined.nick)} ({sealed}); {here}; /help lists the commands"

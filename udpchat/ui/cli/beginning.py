"""`udpchat` alone: joins the only server of the local network, or offers what there is, or starts one."""

from __future__ import annotations

from udpchat.ui.cli.choosing import Start, choose_server
from udpchat.ui.cli.client import talk
from udpchat.ui.cli.client_options import ChatOptions
from udpchat.ui.cli.exits import ExitCode
from udpchat.ui.cli.running import run
from udpchat.ui.cli.server import keep_serving
from udpchat.ui.cli.server_options import ServerOptions
from udpchat.ui.cli.terminal import Terminal


def begin() -> bool:
    """Find a server and join it, or start one; False where nobody sits who could be asked."""
    with Terminal(as_json=False) as terminal:
        if not terminal.is_interactive:
            return False
        run("udpchat", _begin(terminal), terminal)
    return True


async def _begin(terminal: Terminal) -> ExitCode:
    chosen = await choose_server(ChatOptions(), terminal, may_start=True)
    if isinstance(chosen, Start):
        return await keep_serving(ServerOptions(), terminal)
    return await talk(*chosen, terminal)

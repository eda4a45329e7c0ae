"""Runs the coroutine of a command: signals end it, and every error becomes one line and an exit code."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import traceback
from collections.abc import Coroutine
from typing import Any

import typer

from udpchat.net.loop import make_loop
from udpchat.ui.cli.exits import ExitCode, Interrupted, error_text, exit_code
from udpchat.ui.cli.terminal import Terminal


def run(
    command: str,
    work: Coroutine[Any, Any, ExitCode | None],
    terminal: Terminal | None = None,
    *,
    has_children: bool = False,
) -> None:
    """Do the work; raises typer.Exit with the exit code that it returns, or that its error has.

    Ctrl-C and SIGTERM cancel the work, which can say goodbye in a `finally`. terminal: given back before anything is
    said about an error. has_children: the work starts processes.
    """
    try:
        with asyncio.Runner(loop_factory=None if has_children else make_loop) as runner:
            code = runner.run(_until_signal(work))
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - no traceback ever reaches a user
        if terminal is not None:
            terminal.close()
        code = report(command, error)
    raise typer.Exit(code or ExitCode.OK)


def report(command: str, error: BaseException) -> ExitCode:
    """Tell the user on stderr; the exit code."""
    if isinstance(error, BrokenPipeError):  # whoever read our output has gone: nobody is left to be told
        _forget_stdout()
        return ExitCode.FAILED
    if os.environ.get("UDPCHAT_DEBUG"):
        traceback.print_exception(error, file=sys.stderr)
    print(f"{command}: {error_text(error)}", file=sys.stderr, flush=True)
    return exit_code(error)


async def _until_signal(work: Coroutine[Any, Any, ExitCode | None]) -> ExitCode | None:
    task = asyncio.ensure_future(work)
    is_interrupted = False

    def stop() -> None:
        nonlocal is_interrupted
        is_interrupted = True
        task.cancel()

    if sys.platform != "win32":
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop)
    try:
        return await task
    except asyncio.CancelledError:
        if is_interrupted:
            raise Interrupted from None
        raise


def _forget_stdout() -> None:
    # Otherwise the interpreter fails once more when it flushes stdout at its end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

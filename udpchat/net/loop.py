"""The event loop that the transport runs best on."""

from __future__ import annotations

import asyncio
import selectors
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


def make_loop() -> asyncio.AbstractEventLoop:
    """A loop for programs that watch few descriptors, none above 1,023: a server or a client, not a relay.

    epoll rounds its timeout up to 1 ms, select is exact to 0.1 ms, and pacing works in grains of 1 ms. On Windows only
    the selector loop has add_reader for UDP sockets.
    """
    if sys.platform == "win32":
        return asyncio.SelectorEventLoop()
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


def run(main: Coroutine[Any, Any, Result], *, debug: bool | None = None) -> Result:
    """As `asyncio.run`, on such a loop."""
    with asyncio.Runner(debug=debug, loop_factory=make_loop) as runner:
        return runner.run(main)

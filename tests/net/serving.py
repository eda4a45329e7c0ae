"""A server process for tests: `python -m tests.net.serving FOLDER PORT [POINT VICTIM client|both]` prints its port.

POINT: a failpoint such as "linked:2", at which the process whose id is in the file VICTIM is killed, or both are.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from udpchat.config import MIB, Config
from udpchat.net.loop import run
from udpchat.net.server import serve
from udpchat.store import failpoints

LOCALHOST = "127.0.0.1"


class Assassin:
    """Kills another process when a point is reached for the count-th time; when it is to die too, then this one."""

    def __init__(self, setting: str, victim: Path, *, dies_too: bool) -> None:
        self._point, _, count = setting.partition(":")
        self._left = int(count or 1)
        self._victim = victim
        self._dies_too = dies_too

    def __call__(self, name: str) -> None:
        self._left -= name == self._point
        if name == self._point and self._left == 0:
            os.kill(int(self._victim.read_text()), signal.SIGKILL)
            if self._dies_too:
                os.kill(os.getpid(), signal.SIGKILL)


async def _serve(folder: Path, port: int) -> None:
    server = await serve(LOCALHOST, port, data=folder, config=Config(sync_interval=MIB))
    print("listening", server.address[1], flush=True)
    async for _ in server.events():
        continue


def main(arguments: list[str]) -> None:
    if len(arguments) > 2:
        setting, victim, both = arguments[2:]
        failpoints.set_hook(Assassin(setting, Path(victim), dies_too=both == "both"))
    run(_serve(Path(arguments[0]), int(arguments[1])))


if __name__ == "__main__":
    main(sys.argv[1:])

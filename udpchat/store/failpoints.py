"""Named places where a test may end the program, to prove that nothing is lost there.

    part-created  an empty part is on the disk and in the journal
    synced        the bytes of a part are durable, the journal does not say so yet
    journalled    the journal says so
    verified      the MD5 fits, the file is durable and the journal knows its future name
    linked        the file has its name, the list of files does not show it yet
    committed     the list shows it, nobody was told
    replied       the uploader was told; reached by whoever sends the answer

    members-written  a group of members of a folder is in the journal, nobody was told
    checked          a slice of an unfinished file was read back, nobody was told
    repaired         damaged blocks are out of the journal, nobody was told

    chat-written    lines of chat are in a transaction that is not committed yet
    chat-committed  they are durable, nobody was told

UDPCHAT_FAILPOINT=linked:2 kills the process (SIGKILL) when "linked" is reached for the second time.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Final

POINTS: Final = ("part-created", "synced", "journalled", "verified", "linked", "committed", "replied")
CARE_POINTS: Final = ("members-written", "checked", "repaired")  # not on the way of every file
CHAT_POINTS: Final = ("chat-written", "chat-committed")
ALL_POINTS: Final = POINTS + CARE_POINTS + CHAT_POINTS
VARIABLE: Final = "UDPCHAT_FAILPOINT"

Hook = Callable[[str], None]


class Killer:
    """A hook that kills this process when a point is reached for the count-th time."""

    __slots__ = ("_left", "_point")

    def __init__(self, point: str, count: int) -> None:
        self._point = point
        self._left = count

    def __call__(self, name: str) -> None:
        """Count, and kill when it is time."""
        if name != self._point:
            return
        self._left -= 1
        if self._left == 0:
            kill = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows ends a process the hard way on either
            os.kill(os.getpid(), kill)


def parse(setting: str) -> Hook | None:
    """The hook that a setting like "linked" or "linked:2" asks for. ValueError when there is no such point."""
    if not setting:
        return None
    point, _, count = setting.partition(":")
    if point not in ALL_POINTS or (count and not (count.isdecimal() and int(count) > 0)):
        points = ", ".join(ALL_POINTS)
        raise ValueError(f"{VARIABLE}={setting}: expected one of {points}, then perhaps :2 for the second time")
    return Killer(point, int(count or 1))


_hook: Hook | None = parse(os.environ.get(VARIABLE, ""))


def set_hook(hook: Hook | None) -> Hook | None:
    """Call hook(name) at every point from now on, or nothing when it is None; the hook that was there before."""
    global _hook
    previous, _hook = _hook, hook
    return previous


def reach(name: str) -> None:
    """Say that a point is reached."""
    if _hook is not None:
        _hook(name)

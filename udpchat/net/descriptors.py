"""How many files this process may have open: systems begin low, for programs that use select()."""

from __future__ import annotations

import sys
from typing import Final

WANTED: Final = 65_536  # twice what 2,048 connections with 16 downloads each come to


def allow_many_files(wanted: int = WANTED) -> int:
    """Raise the soft limit of open files towards wanted, as far as the system lets us; how many there may be then.

    Windows has no such limit: wanted is the answer.
    """
    if sys.platform == "win32":
        return wanted
    import resource  # noqa: PLC0415 - POSIX only

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted if soft == resource.RLIM_INFINITY else soft
    target = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
    except (OSError, ValueError):  # macOS has one more limit that it does not tell of
        return soft
    return target

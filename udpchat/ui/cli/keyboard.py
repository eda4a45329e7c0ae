"""Reading what a person types at a terminal: lines with editing, and lines that are not shown."""

from __future__ import annotations

import contextlib
import getpass
import os
import sys
import threading
from typing import Any, Final

if sys.platform != "win32":
    import readline
    import termios

CLEAR: Final = "\r\x1b[K"
_HAS_MARKS: Final = sys.platform != "win32" and "libedit" not in (readline.__doc__ or "")
_HAS_HOOK: Final = sys.platform != "win32" and hasattr(readline, "set_pre_input_hook")

MAX_SECRET: Final = 4_096  # bytes; terminals give no longer line


def read_typed(prompt: str, screen: threading.Lock) -> str | None:
    """The next line; None at the end of the input. It can be edited, and completed, while it is typed.

    screen: held until the prompt is there, or news would be written into the middle of it.
    """
    # News may have put the prompt there already, between the question for a line and this.
    clear = f"\x01{CLEAR}\x02" if _HAS_MARKS else ""  # marked as taking no room, for whoever counts columns
    try:
        with contextlib.ExitStack() as drawing:
            if _HAS_HOOK:
                drawing.enter_context(screen)
                readline.set_pre_input_hook(drawing.close)
            return input(f"{clear}{prompt}")
    except (EOFError, OSError, UnicodeDecodeError):
        return None


def read_secret(prompt: str, screen: threading.Lock) -> str | None:
    """The next line, which is not shown; None at the end of the input. screen: as of `read_typed`.

    When the program is ended meanwhile it is Terminal.close that makes the terminal show again what is typed.
    """
    if sys.platform == "win32":
        try:
            return getpass.getpass(prompt)
        except (EOFError, OSError, KeyboardInterrupt):
            return None
    before = terminal_modes()
    if before is None:
        return None
    try:
        _hide(before)
        with screen:
            sys.stdout.write(f"{CLEAR}{prompt}")
            sys.stdout.flush()
        line = os.read(0, MAX_SECRET)
        sys.stdout.write("\n")
        sys.stdout.flush()
        return line.decode().rstrip("\r\n") if line else None
    except (OSError, UnicodeDecodeError):
        return None
    finally:
        restore_modes(before)


def typed_so_far() -> str:
    """The line that is being typed."""
    return readline.get_line_buffer() if sys.platform != "win32" else ""


def terminal_modes() -> list[Any] | None:
    """How the terminal is set; None where that cannot be said."""
    if sys.platform == "win32":
        return None
    try:
        return termios.tcgetattr(0)
    except termios.error:
        return None


def restore_modes(modes: list[Any]) -> None:
    """Set the terminal as it was."""
    if sys.platform != "win32":
        with contextlib.suppress(termios.error):
            termios.tcsetattr(0, termios.TCSADRAIN, modes)


def _hide(modes: list[Any]) -> None:
    if sys.platform != "win32":
        hidden = [*modes]
        hidden[3] = (modes[3] & ~termios.ECHO) | termios.ICANON
        termios.tcsetattr(0, termios.TCSADRAIN, hidden)

"""Exit codes, and the one line that a person gets for an error."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from udpchat.errors import (
    CaptureError,
    ConnectionLostError,
    ErrorCode,
    HandshakeError,
    RefusedError,
    ServerKeyError,
    StorageError,
    UdpchatError,
)
from udpchat.net.interfaces import InterfaceError
from udpchat.ui.cli.render import visible


class ExitCode(IntEnum):
    """What every command ends with (docs/cli.md, section "Exit codes")."""

    OK = 0
    FAILED = 1  # the demo was not intact, or something that has no other number
    USAGE = 2  # a wrong option or argument, or an address or port that cannot be used
    NO_SERVER = 3  # the name is not known, nobody answers, another version or mode
    SERVER_KEY = 4  # the server's key is not the one that is trusted
    NICKNAME = 5  # the nickname is in use, is that of an account, or is not allowed
    SERVER_FULL = 6
    REFUSED = 7  # the server said no: no such file, user or room, no space, a ban; or there is no such transfer
    CONNECTION_LOST = 8  # the server went away, or ended the session
    LOCAL_FILE = 9  # a file or folder of this machine: missing, unreadable, full, in use
    ACCOUNT = 10  # a wrong password, an unknown account, an account is required, too many attempts
    CANCELLED = 11  # the transfer was, here or by another program of this user
    UNDECIDED = 12  # servers were found, and which one is meant has to be said
    INTERRUPTED = 130  # Ctrl-C or SIGTERM before it was done


_REFUSALS: Final = {
    ErrorCode.NICK_IN_USE: ExitCode.NICKNAME,
    ErrorCode.NICK_NOT_ALLOWED: ExitCode.NICKNAME,
    ErrorCode.NICK_REGISTERED: ExitCode.NICKNAME,
    ErrorCode.NAME_TAKEN: ExitCode.NICKNAME,
    ErrorCode.SERVER_FULL: ExitCode.SERVER_FULL,
    ErrorCode.CANCELLED: ExitCode.CANCELLED,
    **dict.fromkeys((ErrorCode.IDLE_TIMEOUT, ErrorCode.SHUTTING_DOWN, ErrorCode.KICKED), ExitCode.CONNECTION_LOST),
    **dict.fromkeys(
        (
            *(ErrorCode.LOGIN_REQUIRED, ErrorCode.WRONG_PASSWORD, ErrorCode.UNKNOWN_ACCOUNT),
            *(ErrorCode.TOO_SHORT, ErrorCode.TRY_LATER, ErrorCode.NOT_IN_PLAINTEXT),
        ),
        ExitCode.ACCOUNT,
    ),
}


class CommandError(Exception):
    """A command ends here. code: its exit code; the message is for the user."""

    def __init__(self, code: ExitCode, text: str) -> None:
        super().__init__(text)
        self.code = code


class Interrupted(CommandError):  # noqa: N818 - it is what happened, not a fault
    """Ctrl-C or SIGTERM came."""

    def __init__(self) -> None:
        super().__init__(ExitCode.INTERRUPTED, "interrupted")


def exit_code(error: BaseException) -> ExitCode:
    """The exit code that an error has."""
    match error:
        case CommandError():
            return error.code
        case ServerKeyError():
            return ExitCode.SERVER_KEY
        case HandshakeError():
            return ExitCode.USAGE if isinstance(error, InterfaceError) else ExitCode.NO_SERVER
        case RefusedError():
            return refusal_code(error.code)
        case ConnectionLostError():
            return ExitCode.CONNECTION_LOST
        case StorageError() | CaptureError() | OSError():
            return ExitCode.LOCAL_FILE
        case KeyboardInterrupt():
            return ExitCode.INTERRUPTED
        case _:
            return ExitCode.FAILED


def refusal_code(code: int) -> ExitCode:
    """The exit code of what the server refused under an error code of the wire."""
    return (
        _REFUSALS.get(ErrorCode(code), ExitCode.REFUSED) if code in ErrorCode.__members__.values() else ExitCode.REFUSED
    )


def error_text(error: BaseException) -> str:
    """What went wrong, in one line that is safe on a terminal."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        return visible(f"{place}{error.strerror}")
    if isinstance(error, (UdpchatError, CommandError)):
        return visible(str(error)) or type(error).__name__
    return visible(f"internal error: {type(error).__name__}: {error}; set UDPCHAT_DEBUG=1 to see where")

import errno

import pytest

from udpchat.errors import (
    ConnectionLostError,
    DecodeError,
    ErrorCode,
    HandshakeError,
    RefusedError,
    ServerKeyError,
    StorageError,
    UsageError,
)
from udpchat.net.interfaces import InterfaceError
from udpchat.ui.cli.exits import CommandError, ExitCode, Interrupted, error_text, exit_code, refusal_code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (HandshakeError("nobody answers"), ExitCode.NO_SERVER),
        (ServerKeyError("changed"), ExitCode.SERVER_KEY),
        (InterfaceError("no interface is called that"), ExitCode.USAGE),
        (RefusedError(ErrorCode.NICK_IN_USE, "in use"), ExitCode.NICKNAME),
        (RefusedError(ErrorCode.NICK_NOT_ALLOWED, "no"), ExitCode.NICKNAME),
        (RefusedError(ErrorCode.SERVER_FULL, "full"), ExitCode.SERVER_FULL),
        (RefusedError(ErrorCode.UNKNOWN_FILE, "no such file"), ExitCode.REFUSED),
        (RefusedError(ErrorCode.NICK_REGISTERED, "log in"), ExitCode.NICKNAME),
        (RefusedError(ErrorCode.LOGIN_REQUIRED, "log in"), ExitCode.ACCOUNT),
        (RefusedError(ErrorCode.WRONG_PASSWORD, "wrong"), ExitCode.ACCOUNT),
        (RefusedError(ErrorCode.TRY_LATER, "in 8 s"), ExitCode.ACCOUNT),
        (RefusedError(ErrorCode.BANNED, "banned"), ExitCode.REFUSED),
        (RefusedError(ErrorCode.QUOTA_EXCEEDED, "too much"), ExitCode.REFUSED),
        (RefusedError(ErrorCode.UNKNOWN_TRANSFER, "no such number"), ExitCode.REFUSED),
        (RefusedError(ErrorCode.CANCELLED, "cancelled"), ExitCode.CANCELLED),
        (StorageError("changed", ErrorCode.SOURCE_CHANGED), ExitCode.LOCAL_FILE),
        (ConnectionLostError(ErrorCode.BANNED, "banned"), ExitCode.CONNECTION_LOST),
        (RefusedError(60_000, "a code of a later version"), ExitCode.REFUSED),
        (ConnectionLostError(ErrorCode.KICKED, "kicked"), ExitCode.CONNECTION_LOST),
        (StorageError("disk full"), ExitCode.LOCAL_FILE),
        (OSError(errno.EIO, "broken"), ExitCode.LOCAL_FILE),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
        (Interrupted(), ExitCode.INTERRUPTED),
        (CommandError(ExitCode.USAGE, "wrong"), ExitCode.USAGE),
        (UsageError("ours"), ExitCode.FAILED),
        (DecodeError("ours"), ExitCode.FAILED),
        (ZeroDivisionError("ours"), ExitCode.FAILED),
    ],
)
def test_every_error_has_its_exit_code(error: BaseException, code: ExitCode) -> None:
    assert exit_code(error) is code
    assert len(error_text(error).splitlines()) == 1


@pytest.mark.parametrize("code", list(ErrorCode))
def test_every_refusal_of_the_protocol_fails(code: ErrorCode) -> None:
    assert refusal_code(code) is not ExitCode.OK


def test_a_refusal_in_hostile_words_is_safe() -> None:
    assert error_text(RefusedError(1, "no\x1b[2J\nroot# ")) == "no<U+001B>[2J<U+000A>root# "


def test_our_own_mistake_says_how_to_see_more() -> None:
    assert error_text(KeyError("x")) == "internal error: KeyError: 'x'; set UDPCHAT_DEBUG=1 to see where"

import os
import sys
from pathlib import Path

import pytest

from udpchat.config import MAX_PASSWORD
from udpchat.errors import StorageError
from udpchat.ui.cli.exits import CommandError, ExitCode
from udpchat.ui.cli.passwords import Passwords, read_password_file
from udpchat.ui.cli.terminal import Terminal

SECRET = "korrekt Pferd 饭"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UDPCHAT_PASSWORD", raising=False)
    monkeypatch.delenv("UDPCHAT_NEW_PASSWORD", raising=False)


@pytest.fixture
def terminal() -> Terminal:
    return Terminal(as_json=True)


def write(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\nanother line\n"])
def test_the_first_line_of_a_file_is_the_password(tmp_path: Path, end: str) -> None:
    assert read_password_file(write(tmp_path / "p", f"{SECRET}{end}".encode())) == SECRET


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_a_file_that_others_may_touch_is_refused_with_what_to_do(tmp_path: Path, mode: int) -> None:
    with pytest.raises(StorageError, match="chmod 600") as caught:
        read_password_file(write(tmp_path / "p", SECRET.encode(), mode))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\nsecond", "is empty, or its first line is"),
        (b"\xff\xfe", "no text in UTF-8"),
        (b"x" * (MAX_PASSWORD + 1), f"more than {MAX_PASSWORD} bytes"),
    ],
)
def test_a_file_without_a_password_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(StorageError, match=words):
        read_password_file(write(tmp_path / "p", content))


def test_the_longest_password_is_read(tmp_path: Path) -> None:
    assert len(read_password_file(write(tmp_path / "p", b"x" * MAX_PASSWORD + b"\r\n"))) == MAX_PASSWORD


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file"):
        read_password_file(tmp_path / "missing")


async def test_a_file_comes_before_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, terminal: Terminal
) -> None:
    monkeypatch.setenv("UDPCHAT_PASSWORD", "from the environment")
    assert await Passwords(terminal).present("password: ") == "from the environment"
    passwords = Passwords(terminal, write(tmp_path / "p", SECRET.encode()))
    assert await passwords.present("password: ") == SECRET
    assert await passwords.wanted("password") == SECRET
    assert passwords.is_given


async def test_the_new_password_has_a_variable_of_its_own(monkeypatch: pytest.MonkeyPatch, terminal: Terminal) -> None:
    monkeypatch.setenv("UDPCHAT_PASSWORD", "the old one")
    with pytest.raises(CommandError, match="set UDPCHAT_NEW_PASSWORD"):
        await Passwords(terminal).replacement("the new one")
    monkeypatch.setenv("UDPCHAT_NEW_PASSWORD", SECRET)
    assert await Passwords(terminal).replacement("the new one") == SECRET


async def test_a_script_without_any_is_told_where_to_put_it(terminal: Terminal) -> None:
    with pytest.raises(CommandError, match="set UDPCHAT_PASSWORD, or name a file with --password-file") as caught:
        await Passwords(terminal).present("password: ")
    assert caught.value.code is ExitCode.ACCOUNT
    with pytest.raises(CommandError):
        await Passwords(terminal).wanted("password")


@pytest.mark.skipif(sys.platform == "win32", reason="the environment of POSIX is bytes")
async def test_an_environment_that_is_no_text_is_refused(monkeypatch: pytest.MonkeyPatch, terminal: Terminal) -> None:
    monkeypatch.setenv("UDPCHAT_PASSWORD", os.fsdecode(b"\xff\xfe"))
    with pytest.raises(StorageError, match="UDPCHAT_PASSWORD is no text"):
        await Passwords(terminal).present("password: ")


def test_what_holds_passwords_shows_none_of_them(tmp_path: Path, terminal: Terminal) -> None:
    assert SECRET not in repr(Passwords(terminal, write(tmp_path / "p", SECRET.encode())))

"""`udpchat user` in this process: what it does to a data folder, and what it refuses."""

import json
import sys
from pathlib import Path

import pytest

from tests.ui.test_main import outcome
from udpchat.ui.cli.exits import ExitCode

SECRET = "korrekt Pferd"


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UDPCHAT_PASSWORD", SECRET)


class Shell:
    """Types `udpchat user`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        self.folder = folder
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        return outcome(self._monkeypatch, self._capsys, "user", *arguments, "--data", str(self.folder))


@pytest.fixture
def user(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Shell:
    return Shell(monkeypatch, capsys, tmp_path / "data")


def test_accounts_are_added_listed_and_removed(user: Shell) -> None:
    assert user("add", "annabel", "--admin") == (ExitCode.OK, "annabel has an account now, as an administrator\n", "")
    assert user("add", "benjamin")[0] == ExitCode.OK
    _, output, _ = user("list", "--json")
    listed = [json.loads(line) for line in output.splitlines()]
    assert [(each["nick"], each["is_admin"], each["last_seen"]) for each in listed] == [
        ("annabel", True, 0),
        ("benjamin", False, 0),
    ]
    assert SECRET not in output
    assert user("list")[1].splitlines() == ["annabel (administrator), never here", "benjamin, never here"]
    assert user("remove", "Annabel")[0] == ExitCode.OK
    assert user("list")[1].splitlines() == ["benjamin, never here"]
    assert user("add", "annabel")[0] == ExitCode.OK


def test_an_account_becomes_an_administrator_and_is_one_no_more(user: Shell) -> None:
    assert user("add", "annabel")[0] == ExitCode.OK
    assert user("admin", "Annabel") == (ExitCode.OK, "Annabel is an administrator now\n", "")
    assert user("list")[1].splitlines() == ["annabel (administrator), never here"]
    assert user("admin", "annabel", "--revoke")[0] == ExitCode.OK
    assert user("list")[1].splitlines() == ["annabel, never here"]
    assert user("admin", "nobody-known")[0] == ExitCode.ACCOUNT


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_a_password_is_changed_from_a_file(user: Shell, tmp_path: Path) -> None:
    user("add", "annabel")
    path = tmp_path / "password"
    path.write_text("another one\n")
    path.chmod(0o600)
    assert user("passwd", "annabel", "--password-file", str(path))[0] == ExitCode.OK
    path.chmod(0o644)
    code, output, errors = user("passwd", "annabel", "--password-file", str(path))
    assert (code, output) == (ExitCode.LOCAL_FILE, "")
    assert "chmod 600" in errors


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("add", "anna"), ExitCode.USAGE, "an account's name has at least 6 characters"),
        (("add", "two words"), ExitCode.USAGE, "only visible characters and no spaces"),
        (("add", "/annabel"), ExitCode.USAGE, "cannot start with /"),
        (("add", "BENJAMIN"), ExitCode.NICKNAME, "there is an account"),
        (("remove", "nobody"), ExitCode.ACCOUNT, "there is no account nobody"),
        (("passwd", "nobody"), ExitCode.ACCOUNT, "there is no account nobody"),
    ],
)
def test_what_cannot_be_is_one_clear_line(user: Shell, arguments: tuple[str, ...], code: ExitCode, words: str) -> None:
    user("add", "benjamin")
    found, output, errors = user(*arguments)
    assert (found, output) == (code, "")
    assert words in errors
    assert len(errors.splitlines()) == 1


@pytest.mark.parametrize("given", ["", "short"])
def test_a_password_that_is_missing_or_short_is_refused(
    user: Shell, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("UDPCHAT_PASSWORD", given)
    code, output, errors = user("add", "annabel")
    assert (code, output) == (ExitCode.ACCOUNT, "")
    assert "at least 6 characters" in errors or "--password-file" in errors


def test_looking_makes_no_data_folder(user: Shell) -> None:
    for command in (("list",), ("remove", "annabel"), ("passwd", "annabel")):
        code, _, errors = user(*command)
        assert code == ExitCode.LOCAL_FILE
        assert "there is no data folder" in errors
    assert not user.folder.exists()

import os
import socket
import sys
from pathlib import Path

import pytest

from udpchat.errors import StorageError
from udpchat.ui.cli.exits import CommandError
from udpchat.ui.cli.sources import Sending, check_source, check_sources, named_path, parse_paths, parse_sending

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="names and things of POSIX")
NAMES = ("a", "b", "two words", "Bob's", "#1", "to:ben", "a b to:ben", 'my "own" \\ name', "ü 饭")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in NAMES:
        (tmp_path / name).write_text(name)
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("a", ["a"]),
        ("two words", ["two words"]),
        ("'two words'", ["two words"]),  # as terminals drop it
        ("two\\ words", ["two words"]),
        ('"two words" a', ["two words", "a"]),
        ("two\\ words b", ["two words", "b"]),
        ("a b", ["a", "b"]),
        ("Bob's", ["Bob's"]),
        ("Bob's a", ["Bob's", "a"]),  # a quote that does not end is a letter
        ('my "own" \\ name', ['my "own" \\ name']),
        ("ü 饭", ["ü 饭"]),
        ("folder/", ["folder"]),
        ("a missing", ["a", "missing"]),
        ("not there", ["not there"]),
        ("'not there'", ["not there"]),
        ("a\0b", ["a\0b"]),
    ],
)
def test_what_is_there_is_meant(here: Path, typed: str, names: list[str]) -> None:
    assert [str(path) for path in parse_paths(typed)] == names


@pytest.mark.parametrize(
    ("typed", "sending"),
    [
        ("a to:ben", Sending((Path("a"),), to="ben")),
        ("a b to:@ben", Sending((Path("a"), Path("b")), to="ben")),
        ("two words #games", Sending((Path("two words"),), room="games")),
        ("a", Sending((Path("a"),))),
        ("#1", Sending((Path("#1"),))),
        ("to:ben", Sending((Path("to:ben"),))),
        ("a b to:ben", Sending((Path("a b to:ben"),))),  # a file of just that name
        ("not there to:ben", Sending((Path("not there"),), to="ben")),
    ],
)
def test_whom_it_is_for_stands_behind_the_paths(here: Path, typed: str, sending: Sending) -> None:
    assert parse_sending(typed) == sending


def test_a_tilde_is_ones_home(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(here))
    assert parse_paths("~/a") == (here / "a",)
    assert parse_paths("~nobody-of-that-name/a") == (Path("~nobody-of-that-name/a"),)


def test_files_and_folders_can_be_sent(here: Path) -> None:
    (here / "link").symlink_to(here / "a")
    check_sources([Path("a"), Path("folder"), Path("b"), Path(".")])
    check_source(Path("link"))


@pytest.mark.parametrize("twice", [["a", "a"], ["folder", "folder/"], ["a", "./a"], ["a", "link"]])
def test_what_is_named_twice_is_refused(here: Path, twice: list[str]) -> None:
    (here / "link").symlink_to(here / "a")
    with pytest.raises(CommandError, match="is named twice"):
        check_sources([Path(name) for name in twice])


def test_what_is_no_file_is_refused_with_what_it_is(here: Path) -> None:
    os.mkfifo(here / "pipe")
    (here / "dangling").symlink_to(here / "missing")
    with socket.socket(socket.AF_UNIX) as end:
        end.bind("socket")
        refused = {
            "pipe": "pipe is a pipe; only files and folders can be sent",
            "socket": "socket is a socket",
            "/dev/null": "/dev/null is a device",
            "missing": "cannot read missing: No such file",
            "dangling": "cannot read dangling: No such file",
            "a\0b": "is no name of a file",
            "x" * 300: "the name is too long",
            "/": "/ is all of this disk",
        }
        for name, words in refused.items():
            with pytest.raises(StorageError, match=words):
                check_source(Path(name))


@pytest.mark.skipif(sys.platform != "win32" and os.geteuid() == 0, reason="root reads everything")
@pytest.mark.parametrize("name", ["a", "folder"])
def test_what_cannot_be_read_is_refused(here: Path, name: str) -> None:
    (here / name).chmod(0)
    with pytest.raises(StorageError, match="Permission denied; check its permissions"):
        check_source(here / name)
    (here / name).chmod(0o700)


def test_an_empty_name_does_not_send_the_current_folder() -> None:
    assert named_path(".") == Path()
    with pytest.raises(CommandError, match=r"write \. for the current folder"):
        named_path("")


def test_a_file_whose_name_begins_with_a_tilde_is_meant_before_a_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert parse_paths("~") == (tmp_path / "home",)
    Path("~").touch()
    assert parse_paths("~") == (Path("~"),)

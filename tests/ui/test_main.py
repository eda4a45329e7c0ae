"""What ends a command before it does anything: in this process, so that many cases are cheap."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from udpchat.chat.text import nick_fault
from udpchat.errors import StorageError
from udpchat.ui.cli.client_options import default_nick
from udpchat.ui.cli.exits import ExitCode
from udpchat.ui.cli.main import main
from udpchat.ui.cli.sources import check_source
from udpchat.version import __version__


def outcome(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, str, str]:
    """Exit code, stdout, stderr of a command."""
    monkeypatch.setattr(sys, "argv", ["udpchat", *arguments])
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit) as ended:
        main()
    output, errors = capsys.readouterr()
    code = ended.value.code
    return (code if isinstance(code, int) else 0), output, errors


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["put", "{folder}/missing.txt", "127.0.0.1:1"], ExitCode.LOCAL_FILE, "No such file or directory"),
        (["put", "/dev/null", "127.0.0.1:1"], ExitCode.LOCAL_FILE, "/dev/null is a device; only files and folders"),
        (["put", "", "127.0.0.1:1"], ExitCode.USAGE, "an empty name is no file; write . for the current folder"),
        (["put", "/", "127.0.0.1:1"], ExitCode.LOCAL_FILE, "/ is all of this disk"),
        (["put", "{folder}", "{folder}/", "127.0.0.1:1"], ExitCode.USAGE, "is named twice"),
        (
            ["put", "{folder}/file", "127.0.0.1:1", "--room", "a", "--to", "b"],
            ExitCode.USAGE,
            "leave out --room or --to",
        ),
        (["transfers", "pause", "2", "--home", "{folder}/home"], ExitCode.REFUSED, "there is no transfer 2"),
        (
            ["transfers", "pause", "all", "--home", "{folder}/home"],
            ExitCode.REFUSED,
            "there are no unfinished transfers",
        ),
        (["transfers", "cancel", "x", "--home", "{folder}/home"], ExitCode.USAGE, "; udpchat transfers lists them"),
        (["transfers", "first", "0x1", "--home", "{folder}/home"], ExitCode.USAGE, "0x1 is no number of a transfer"),
        (["demo", "--file", "{folder}"], ExitCode.LOCAL_FILE, "is a folder"),
        (["get", "x", "127.0.0.1:1", "--to", "{folder}/file"], ExitCode.LOCAL_FILE, "is no folder"),
        (["say", "hi", "no..where"], ExitCode.NO_SERVER, "cannot find the host no..where"),
        (["say", " ", "127.0.0.1:1"], ExitCode.USAGE, "a line cannot be empty"),
        (["history", "127.0.0.1:1", "--since", "soon"], ExitCode.USAGE, "soon is no time; write for example"),
        (["history", "127.0.0.1:1", "--since", "1h", "--until", "2h"], ExitCode.USAGE, "is not later than since:"),
        (["client", "127.0.0.1:1", "--keylog", "{folder}"], ExitCode.LOCAL_FILE, "cannot write the key log"),
        (["client", "127.0.0.1:1", "--home", "{folder}/file"], ExitCode.LOCAL_FILE, "{folder}/file"),
        (["server", "--data", "{folder}/file"], ExitCode.LOCAL_FILE, "{folder}/file"),
        (["server", "--host", "192.0.2.77", "--data", "{folder}/d"], ExitCode.USAGE, "not an address of this machine"),
        (["say", "hi", "127.0.0.1:1", "--capture", "{folder}/no/a"], ExitCode.LOCAL_FILE, "cannot write the capture"),
        (["put", "{folder}/file", "127.0.0.1:1", "--capture", "{folder}"], ExitCode.LOCAL_FILE, "name a file in"),
        (["server", "--data", "{folder}/d", "--capture", "/dev/null"], ExitCode.LOCAL_FILE, "it is not a file"),
        (["demo", "--capture", "{folder}/no/a"], ExitCode.LOCAL_FILE, "cannot write the capture {folder}/no/a"),
        (["servers", "--interface", "no0"], ExitCode.USAGE, "no interface has the name or the address no0; there are:"),
        (["client", "--interface", "no0"], ExitCode.USAGE, "no interface has the name or the address no0; there are:"),
        (
            ["say", "hi", "127.0.0.1:1", "--interface", "no0"],
            ExitCode.USAGE,
            "no interface has the name or the address",
        ),
        (
            ["server", "--interface", "no0", "--data", "{folder}/d"],
            ExitCode.USAGE,
            "no interface has the name or the address no0; there are:",
        ),
        (
            ["server", "--interface", "127.0.0.1", "--host", "192.0.2.77", "--data", "{folder}/d"],
            ExitCode.USAGE,
            "192.0.2.77 is no address of 127.0.0.1; leave out --host or --interface",
        ),
        (["trust", "add", "127.0.0.1", "abc", "--home", "{folder}/h"], ExitCode.USAGE, "64 hex digits"),
        (["trust", "forget", "127.0.0.1", "--home", "{folder}/h"], ExitCode.REFUSED, "nothing is trusted under"),
    ],
)
def test_bad_input_is_one_clear_line_with_its_exit_code(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    arguments: list[str],
    code: ExitCode,
    words: str,
) -> None:
    (tmp_path / "file").write_text("in the way")
    own = [] if arguments[0] in ("trust", "server", "demo") or "--home" in arguments else ["--home", "{folder}/home"]
    given = [each.format(folder=tmp_path) for each in [*arguments, *own]]
    found, output, errors = outcome(monkeypatch, capsys, *given)
    assert found == code, errors
    assert output == ""
    assert len(errors.splitlines()) == 1
    assert words.format(folder=tmp_path) in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["client", "127.0.0.1:x"], "is not a port"),
        (["client", "127.0.0.1", "--congestion", "vegas"], "vegas"),
        (["client", "127.0.0.1", "--max-datagram", "100"], "1200"),
        (["demo", "--loss", "5"], "did you mean 5%"),
        (["server", "--max-users", "0"], "--max-users"),
        (["server", "--capture", "a.pcapng", "--capture-limit", "3k"], "write at least 1M"),
        (["sever"], "No such command"),
        (["put", "127.0.0.1"], "Missing argument"),
        (["put", "x", "127.0.0.1:1", "--limit", "20"], "no unit of rate"),
        (["get", "x", "127.0.0.1:1", "--priority", "urgent"], "write low, normal or high"),
        (["transfers", "limit", "1", "fast"], "is not a rate"),
        (["server", "--quota", "lots"], "is not a size"),
        (["server", "--name", "a\u202eb"], "only characters that can be seen"),
        (["server", "--name", ""], "1 to 40 characters"),
        (["servers", "--wait", "0"], "--wait"),
        (["server", "--keep-files", "-1"], "--keep-files"),
    ],
)
def test_a_wrong_option_or_argument_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    code, output, errors = outcome(monkeypatch, capsys, *arguments)
    assert (code, output) == (ExitCode.USAGE, "")
    assert words in errors


def test_udpchat_alone_tells_a_script_what_there_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, output, errors = outcome(monkeypatch, capsys)
    assert (code, errors) == (ExitCode.USAGE, "")
    assert "servers" in output


def test_who_does_not_look_for_servers_does_not_wait_for_the_library_that_does() -> None:
    check = "import sys, udpchat.ui.cli.main; print(sorted({'zeroconf', 'ifaddr', 'matplotlib'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", check], check=True, capture_output=True).stdout == b"[]\n"


def test_the_version_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome(monkeypatch, capsys, "--version") == (0, f"udpchat {__version__}\n", "")


def test_a_port_in_use_is_told_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = str(taken.getsockname()[1])
        arguments = ("server", "--host", "127.0.0.1", "--port", port, "--data", str(tmp_path))
        code, output, errors = outcome(monkeypatch, capsys, *arguments)
    assert (code, output) == (ExitCode.USAGE, "")
    assert errors == (
        f"udpchat server: 127.0.0.1 port {port} is in use; stop the other program or choose another port with --port\n"
    )


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "x" * 5_000, "missing"])
def test_no_name_that_is_typed_is_more_than_a_storage_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(StorageError):
        check_source(tmp_path / name)


@pytest.mark.parametrize(
    ("account", "nick"),
    [("anna", "anna"), ("Ann Smith", "AnnSmith"), ("/root", "guest"), ("", "guest"), ("x" * 50, "x" * 32)],
)
def test_the_default_nickname_is_always_allowed(monkeypatch: pytest.MonkeyPatch, account: str, nick: str) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: account)
    assert default_nick() == nick
    assert nick_fault(default_nick()) is None

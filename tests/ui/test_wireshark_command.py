"""`udpchat wireshark`: what it prints and how it ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import udpchat
from tests.tools import require_tool
from udpchat.ui.cli.exits import ExitCode

ROOT = Path(udpchat.__file__).parent.parent


def run(*arguments: str, home: Path, path: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config"), "PYTHONPATH": str(ROOT)}
    environment["PATH"] = "/usr/bin:/bin" if path is None else path
    command = [sys.executable, "-m", "udpchat", "wireshark", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)


def test_the_path_is_all_that_is_printed(tmp_path: Path) -> None:
    done = run("path", home=tmp_path)
    assert done.returncode == ExitCode.OK
    assert done.stdout == f"{ROOT / 'udpchat' / 'wireshark' / 'udpchat.lua'}\n"
    assert not done.stderr


def test_what_was_installed_is_loaded_by_tshark_and_can_be_removed(tmp_path: Path) -> None:
    tshark = require_tool("tshark")
    done = run("install", home=tmp_path)
    assert done.returncode == ExitCode.OK, done.stderr
    assert "Ctrl+Shift+L" in done.stdout
    environment = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / ".config")}
    fields = subprocess.run(
        [tshark, "-G", "fields"], capture_output=True, text=True, timeout=60, check=True, env=environment
    )
    assert "\tudpchat.data.offset\t" in fields.stdout
    assert "Lua" not in fields.stderr
    removed = run("uninstall", home=tmp_path)
    assert removed.returncode == ExitCode.OK
    assert removed.stdout.count("removed ") == 4
    assert run("uninstall", home=tmp_path).returncode == ExitCode.REFUSED


def test_without_tshark_the_usual_folders_are_taken_and_that_is_said(tmp_path: Path) -> None:
    done = run("install", home=tmp_path, path=str(tmp_path))
    assert done.returncode == ExitCode.OK, done.stderr
    assert "neither tshark nor wireshark" in done.stderr
    assert (tmp_path / ".config" / "wireshark" / "profiles" / "udpchat" / "colorfilters").is_file()


def test_a_file_that_is_not_ours_is_one_line_and_the_code_of_files(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "udpchat.lua").write_text("-- mine\n")
    done = run("install", "--to", str(tmp_path), home=tmp_path)
    assert done.returncode == ExitCode.LOCAL_FILE
    assert done.stderr.count("\n") == 1
    assert "move it away" in done.stderr


def test_a_folder_that_cannot_be_written_is_one_line_and_the_code_of_files(tmp_path: Path) -> None:
    (tmp_path / "plugins").write_text("")  # root may write everywhere, but not below a file
    done = run("install", "--to", str(tmp_path), home=tmp_path)
    assert done.returncode == ExitCode.LOCAL_FILE
    assert done.stderr.count("\n") == 1

"""`udpchat bundle`: what is in the folder, that it installs where there is no network, and what it refuses."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import udpchat
from tests.net.hosts import Hosts, lonely_host
from udpchat.ui.cli.exits import ExitCode
from udpchat.version import __version__

ROOT = Path(udpchat.__file__).parent.parent
OWN = f"wheels/udpchat-{__version__}-py3-none-any.whl"
NO_PIP = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull}


def run(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **NO_PIP, **variables}
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment)


def bundle(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "-m", "udpchat", "bundle", *arguments, PYTHONPATH=str(ROOT), **variables)


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "for the others"
    done = bundle(str(folder))
    assert done.returncode == ExitCode.OK, done.stderr
    assert "sh install.sh" in done.stdout
    return folder


@pytest.fixture
def alone() -> Iterator[Hosts]:
    with lonely_host() as hosts:
        yield hosts


def test_a_bundle_for_this_machine_needs_no_network_and_its_sums_are_right(made: Path) -> None:
    wheels = {path.name.split("-")[0] for path in (made / "wheels").iterdir()}
    assert {"udpchat", "cryptography", "construct", "rich", "typer", "zeroconf", "cffi", "markdown_it_py"} <= wheels
    assert not {"pytest", "hypothesis", "scapy", "mypy"} & wheels
    listed = (made / "SHA256SUMS").read_text().splitlines()
    files = {path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()}
    assert {line.partition("  ")[2] for line in listed} == files - {"SHA256SUMS"}
    assert run("sh", "-c", f"cd '{made}' && sha256sum --quiet -c SHA256SUMS").returncode == 0
    assert [path.name for path in made.parent.iterdir()] == [made.name]


def test_no_word_in_the_scripts_waits_to_be_filled_in(made: Path) -> None:
    for name in ("README.txt", "install.sh", "install.cmd", "install.py"):
        assert "@" not in (made / name).read_text("utf-8").replace('"$@"', "").replace("@echo off", ""), name
    assert b"\r\n" in (made / "install.cmd").read_bytes()
    assert b"\r" not in (made / "install.sh").read_bytes()


def test_the_wheel_of_a_checkout_has_all_its_sources_and_its_requirements(made: Path) -> None:
    found = contents(made / OWN)
    for path in (ROOT / "udpchat").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert found[path.relative_to(ROOT).as_posix()] == path.read_bytes()
    info = f"udpchat-{__version__}.dist-info"
    assert b"Requires-Dist: construct==2.10.70\n" in found[f"{info}/METADATA"]
    assert b"udpchat = udpchat.ui.cli.main:main" in found[f"{info}/entry_points.txt"]
    assert f"{info}/licenses/LICENSE" in found


@pytest.mark.root
def test_a_bundle_installs_without_a_network_runs_there_and_makes_the_next(
    made: Path, alone: Hosts, tmp_path: Path
) -> None:
    home = {"HOME": str(tmp_path), "PYTHONPATH": "", "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    program = str(tmp_path / "there" / "bin" / "udpchat")
    with alone.on(0):
        installed = run("sh", str(made / "install.sh"), str(tmp_path / "there"), **home)
        assert installed.returncode == 0, installed.stderr
        assert program in installed.stdout
        assert run(program, "--version", **home).stdout == f"udpchat {__version__}\n"
        demo = run(program, "demo", "--size", "200k", **home)
        assert demo.returncode == ExitCode.OK, demo.stdout + demo.stderr
        again = run(program, "bundle", str(tmp_path / "next"), **home)
        assert again.returncode == ExitCode.OK, again.stderr
    first, second = contents(made / OWN), contents(tmp_path / "next" / OWN)
    record = f"udpchat-{__version__}.dist-info/RECORD"
    assert sorted(first.pop(record).split()) == sorted(second.pop(record).split())
    assert first == second
    names = [sorted(path.name for path in (each / "wheels").iterdir()) for each in (made, tmp_path / "next")]
    assert names[0] == names[1]


def test_a_damaged_bundle_installs_nothing(made: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(made), str(copy)], check=True)
    with (copy / OWN).open("ab") as wheel:
        wheel.write(b"x")
    done = run(sys.executable, str(copy / "install.py"), str(tmp_path / "there"))
    assert done.returncode == 1
    assert done.stderr == f"{OWN} is damaged: copy the bundle again\n"
    assert not (tmp_path / "there").exists()


def test_the_installer_leaves_a_folder_of_something_else_alone(made: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    done = run(sys.executable, str(made / "install.py"), str(tmp_path))
    assert done.returncode == 1
    assert "no installation of udpchat" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_installation_that_fails_leaves_nothing_behind(made: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(made), str(copy)], check=True)
    gone = next((copy / "wheels").glob("rich-*"))
    gone.unlink()
    sums = (copy / "SHA256SUMS").read_text().splitlines(keepends=True)
    (copy / "SHA256SUMS").write_text("".join(line for line in sums if gone.name not in line))
    done = run(sys.executable, str(copy / "install.py"), str(tmp_path / "there"))
    assert done.returncode == 1
    assert "udpchat was not installed" in done.stderr
    assert not (tmp_path / "there").exists()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    done = bundle(str(tmp_path))
    assert done.returncode == ExitCode.LOCAL_FILE
    assert done.stderr == f"udpchat: {tmp_path} is there already: name a folder that is not, or is empty\n"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_wheels_that_cannot_be_had_are_one_line_and_nothing_is_left(tmp_path: Path) -> None:
    done = bundle(str(tmp_path / "new"), "--platform", "windows")
    assert done.returncode == ExitCode.FAILED
    assert "pip could not get the wheels for windows with Python 3." in done.stderr
    assert "PIP_FIND_LINKS" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_python_without_pip_is_told_what_to_install(tmp_path: Path) -> None:
    hidden = "import sys; sys.modules['pip'] = None; from udpchat.ui.cli.main import main; main()"
    command = [sys.executable, "-c", hidden, "bundle", str(tmp_path / "new"), "--platform", "windows"]
    done = run(*command, PYTHONPATH=str(ROOT))
    assert done.returncode == ExitCode.FAILED
    assert "no pip" in done.stderr
    assert "ensurepip" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("option", "value"), [("--platform", "amiga"), ("--python", "3.9"), ("--python", "three")])
def test_a_system_or_python_that_cannot_be_is_a_usage_error(option: str, value: str, tmp_path: Path) -> None:
    done = bundle(str(tmp_path / "new"), option, value)
    assert done.returncode == ExitCode.USAGE
    assert value in done.stderr
    assert not list(tmp_path.iterdir())

"""`udpchat doctor` as a process."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.ui.processes import do, objects, serve
from udpchat.ui.cli.exits import ExitCode
from udpchat.ui.cli.main import make_app

QUICK = ("--seconds", "1", "--interface", "lo")  # nothing leaves this machine


async def doctor(folder: Path, *arguments: str) -> tuple[int, dict[str, dict[str, Any]], dict[str, Any]]:
    """The exit code, the checks by name, the diagnosis."""
    code, output, errors = await do("doctor", *arguments, *QUICK, "--json", "--home", str(folder / "doctor"))
    assert errors == ""
    *checks, diagnosis = objects(output)
    assert {check["event"] for check in checks} == {"check"}
    assert diagnosis["event"] == "diagnosis"
    assert diagnosis["exit_code"] == code
    return code, {check["name"]: check for check in checks}, diagnosis


async def test_a_server_is_found_well(tmp_path: Path) -> None:
    server = await serve(tmp_path)
    code, checks, diagnosis = await doctor(tmp_path, server.place, "--name", "anna")
    await server.stop()
    assert code == ExitCode.OK, checks
    assert (diagnosis["host"], diagnosis["port"]) == ("127.0.0.1", server.listening["port"])
    assert checks["port"]["values"]["reach"] == "open"
    assert checks["key"]["values"]["fingerprint"] == server.listening["fingerprint"]
    assert checks["join"]["found"] == "it lets us in as anna"
    assert checks["rtt"]["values"]["samples"] > 0
    assert checks["loss up"]["values"]["lost"] == checks["loss down"]["values"]["lost"] == 0


async def test_a_closed_port_has_an_exit_code_of_its_own(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    code, checks, _ = await doctor(tmp_path, f"127.0.0.1:{port}")
    assert code == ExitCode.NO_SERVER
    assert checks["port"]["values"]["reach"] == "closed"


def test_a_taken_port_is_a_failure_that_names_another(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("0.0.0.0", 0))
        port = str(other.getsockname()[1])
        result = CliRunner().invoke(make_app("doctor"), ["doctor", "--port", port, *QUICK, "--home", str(tmp_path)])
    assert result.exit_code == ExitCode.FAILED
    assert "it is no udpchat server" in result.stdout
    assert "-> end that program, or take another port: udpchat server --port" in result.stdout
    assert result.stdout.splitlines()[-1] == "something is wrong: see the lines that begin with fail"


@pytest.mark.parametrize(
    ("arguments", "words"), [(["--interface", "nope0"], "nope0"), (["127.0.0.1", "--port", "5"], "HOST:PORT")]
)
def test_a_wrong_option_is_told(arguments: list[str], words: str) -> None:
    result = CliRunner().invoke(make_app("doctor"), ["doctor", *arguments])
    assert (result.exit_code, result.stdout) == (ExitCode.USAGE, "")
    assert words in result.stderr

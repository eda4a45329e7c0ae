"""docs/deployment.md: its backup, taken of a server that runs, is a server again; its unit is one."""

from __future__ import annotations

import asyncio
import re
import subprocess
from pathlib import Path

import udpchat
from tests.tools import require_tool
from tests.ui.processes import Running, do, objects, serve

DOCUMENT = (Path(udpchat.__file__).parent.parent / "docs" / "deployment.md").read_text("utf-8")


def block(name: str) -> str:
    found = re.search(rf"<!-- {name} -->\n```\w+\n(.*?)```\n<!-- end -->", DOCUMENT, re.DOTALL)
    assert found is not None
    return found[1]


async def test_a_backup_of_a_running_server_is_the_same_server_with_its_lines_and_files(
    server: Running, tmp_path: Path
) -> None:
    require_tool("sqlite3")
    (tmp_path / "plan.txt").write_text("the plan")
    for arguments in (("put", str(tmp_path / "plan.txt")), ("say", "hello")):
        code, _, errors = await do(*arguments, server.place, *server.home())
        assert code == 0, errors
    copy = tmp_path / "restored" / "data"
    copy.parent.mkdir()
    script = block("backup").replace("/var/lib/udpchat", str(tmp_path / "data"))
    script = re.sub(r"^copy=.*", f"copy='{copy}'", script, flags=re.MULTILINE)
    await asyncio.to_thread(subprocess.run, ["sh", "-c", script], check=True)
    await server.stop()
    restored = await serve(copy.parent)
    assert restored.listening["key"] == server.listening["key"]
    code, _, errors = await do("get", "plan.txt", restored.place, *server.home(), "--to", str(tmp_path / "got"))
    assert code == 0, errors
    assert (tmp_path / "got" / "plan.txt").read_text() == "the plan"
    _, output, _ = await do("history", restored.place, *server.home(), "--json")
    assert "hello" in [found.get("text") for found in objects(output)]
    code, _, errors = await restored.stop()
    assert (code, errors) == (0, "saying goodbye\n")  # and no word of anything missing


def test_systemd_finds_no_fault_in_the_unit(tmp_path: Path) -> None:
    analyze = require_tool("systemd-analyze")
    unit = tmp_path / "udpchat.service"
    unit.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", block("service"), flags=re.MULTILINE))
    done = subprocess.run([analyze, "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_starts_the_server_with_options_that_it_has() -> None:
    commands = re.findall(r"^ExecStart=/opt/udpchat/bin/udpchat server (.*)", DOCUMENT, re.MULTILINE)
    reference = (Path(udpchat.__file__).parent.parent / "docs" / "cli.md").read_text("utf-8")
    assert len(commands) == 2
    for option in {each for command in commands for each in re.findall(r"--[a-z-]+", command)}:
        assert f"`{option}" in reference, option

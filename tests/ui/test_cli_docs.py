import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer

import udpchat
from udpchat.ui.cli.exits import ExitCode
from udpchat.ui.cli.main import app
from udpchat.ui.cli.objects import NAMES

DOCUMENT = (Path(udpchat.__file__).parent.parent / "docs" / "cli.md").read_text("utf-8")
SOURCES = Path(udpchat.__file__).parent / "ui" / "cli"
SHARED = "Options of every client command"
CLIENTS = {"client", "put", "get", "ls", "say"}


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every command with its options, those of `trust list` and its like as those of `trust`."""
    root = typer.main.get_command(app)
    assert hasattr(root, "commands")
    for name, command in root.commands.items():
        below = list(getattr(command, "commands", {}).values()) or [command]
        yield name, [text for each in below for text in options(each)]


def options(command: click.Command) -> list[str]:
    return [text for parameter in command.params for text in parameter.opts if text.startswith("--")]


def section(start: str) -> str:
    found = re.search(rf"^## `?{start}\b.*?(?=^## |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert found, f"docs/cli.md has no section {start}"
    return found[0]


@pytest.mark.parametrize(("name", "found"), list(commands()), ids=lambda value: value if isinstance(value, str) else "")
def test_every_option_is_documented_with_its_command(name: str, found: list[str]) -> None:
    text = section(f"udpchat {name}") + (section(SHARED) if name in CLIENTS else "")
    assert found or name == "trust"
    for option in found:
        assert re.search(rf"{option}\b", text), f"{option} of udpchat {name} is not in docs/cli.md"


@pytest.mark.parametrize(("name", "found"), list(commands()), ids=lambda value: value if isinstance(value, str) else "")
def test_every_documented_option_exists(name: str, found: list[str]) -> None:
    documented = set(re.findall(r"--[a-z][a-z-]+", section(f"udpchat {name}")))
    assert documented <= set(found)


def test_the_exit_codes_are_those_of_the_program() -> None:
    rows = re.findall(r"^\| (\d+) \| ([A-Z_]+) \|", section("Exit codes"), re.MULTILINE)
    assert [(int(code), name) for code, name in rows] == [(code.value, code.name) for code in ExitCode]


def test_every_json_object_is_documented() -> None:
    printed = {name for path in SOURCES.glob("*.py") for name in re.findall(r'as_line\(\s*"(\w+)"', path.read_text())}
    documented = re.findall(r"^\| `(?!event)(\w+)` \|", section("JSON objects"), re.MULTILINE)
    assert set(documented) == printed | set(NAMES.values())
    assert len(documented) == len(set(documented))


def test_every_typed_command_is_documented() -> None:
    client, server = section("udpchat client"), section("udpchat server")
    for verb in ("/users", "/count", "/msg NICK TEXT", "/files", "/put PATH", "/get NAME [DEST]", "/help", "/quit"):
        assert f"`{verb}`" in client
    for verb in ("/users", "/say TEXT", "/kick NICK", "/files", "/help", "/quit"):
        assert f"`{verb}`" in server

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer

import udpchat
from udpchat.ui.cli.commands import CLIENT, SERVER, Dialect
from udpchat.ui.cli.exits import ExitCode
from udpchat.ui.cli.main import make_app
from udpchat.ui.cli.objects import NAMES
from udpchat.ui.cli.parsing import table_rows
from udpchat.ui.cli.peer.commands import PEER

DOCUMENT = (Path(udpchat.__file__).parent.parent / "docs" / "cli.md").read_text("utf-8")
SOURCES = Path(udpchat.__file__).parent / "ui" / "cli"
SHARED = "Options of every client command"
CLIENTS = {"client", "put", "get", "ls", "rm", "say", "history"}


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every command with its options, those of `trust list` and its like as those of `trust`."""
    root = typer.main.get_command(make_app())
    assert hasattr(root, "commands")
    for name, command in root.commands.items():
        below = [command, *getattr(command, "commands", {}).values()]
        yield name, [text for each in below for text in options(each)]


def options(command: click.Command) -> list[str]:
    return [
        text
        for parameter in command.params
        for text in (*parameter.opts, *parameter.secondary_opts)
        if text.startswith("--")
    ]


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
    source = "\n".join(path.read_text() for path in SOURCES.rglob("*.py"))
    printed = set(re.findall(r'(?:as_line\(|\.answer\([^"]*?)\s*"(\w+)"', source))
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| ", section("JSON objects"), re.MULTILINE)
    documented = [name for row in rows for name in re.findall(r"\w+", row) if name != "event"]
    assert set(documented) == printed | set(NAMES.values())
    assert len(documented) == len(set(documented))


@pytest.mark.parametrize(("name", "dialect"), [("client", CLIENT), ("server", SERVER), ("peer", PEER)])
def test_the_tables_of_typed_commands_are_those_of_the_program(name: str, dialect: Dialect) -> None:
    found = re.search(rf"<!-- {name} commands -->\n(.*?)\n<!-- end -->", section(f"udpchat {name}"), re.DOTALL)
    assert found is not None
    assert found[1].splitlines() == table_rows(dialect)

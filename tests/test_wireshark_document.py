"""What docs/wireshark.md shows is what the commands in it print; what it names is there.

After a change of captures/ or of the dissector, `python -m tests.test_wireshark_document` writes the results anew; the
sentences around them are for people to check, with the help of the tests below.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.pictures import FOLDER, PICTURES, Picture
from tests.tools import require_tool
from tests.wireshark.tshark import known_fields

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "wireshark.md"
TEXT: Final = PAGE.read_text(encoding="utf-8")
EXAMPLE: Final = re.compile(r"```sh\n(?P<commands>[^`]*?)```\n\n```text\n(?P<result>.*?)```", re.DOTALL)
INSTALL: Final = "udpchat wireshark install"
PROGRAMS: Final = ("tshark ", "udpchat ")
LONGEST: Final = 20  # lines of a result
LARGEST: Final = 150_000  # bytes of a picture
HARMLESS: Final = "Running as user"


@dataclass(frozen=True, slots=True)
class Example:
    """Commands and the result that is shown below them. line: of the page."""

    line: int
    commands: str
    result: str


def examples(text: str) -> list[Example]:
    return [
        Example(text.count("\n", 0, found.start()) + 1, found["commands"], found["result"])
        for found in EXAMPLE.finditer(text)
    ]


def prepare(home: Path) -> None:
    """A home folder with a `udpchat` that is this package, and the dissector installed."""
    program = home / "bin" / "udpchat"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m udpchat "$@"\n')
    program.chmod(0o755)
    run(INSTALL, home)


def run(commands: str, home: Path) -> str:
    """What commands print in the folder of the checkout, with ~ for the home. Fails on any word of trouble."""
    foreign = {"XDG_CONFIG_HOME", "XDG_DATA_HOME", "WIRESHARK_CONFIG_DIR", "WIRESHARK_PLUGIN_DIR"}
    environment = {name: value for name, value in os.environ.items() if name not in foreign}
    path = f"{home / 'bin'}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        ["sh", "-ec", commands],
        cwd=ROOT,
        env=environment | {"HOME": str(home), "PATH": path, "TZ": "UTC", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=60,
    )
    words = [line for line in done.stderr.splitlines() if line and not line.startswith((HARMLESS, "root runs this"))]
    assert not words, "\n".join(words)
    assert done.returncode == 0
    shown = done.stdout.replace(str(home), "~")
    return "".join(f"{line.rstrip()}\n" for line in shown.splitlines()).strip("\n") + "\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require_tool("tshark")
    folder = tmp_path_factory.mktemp("home")
    prepare(folder)
    return folder


# -- what the page shows ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("example", examples(TEXT), ids=lambda example: f"line-{example.line}")
def test_the_result_on_the_page_is_what_the_commands_print(example: Example, home: Path) -> None:
    assert run(example.commands, home) == example.result


def test_every_example_is_of_our_programs_and_short() -> None:
    found = examples(TEXT)
    assert INSTALL in TEXT
    assert len(found) == TEXT.count("```text\n")
    for example in found:
        assert all(line.startswith(PROGRAMS) for line in example.commands.splitlines())
        assert 0 < example.result.count("\n") <= LONGEST, example.line


# -- what the sentences name ------------------------------------------------------------------------------------------


def lessons() -> Iterator[tuple[str, str]]:
    """Title and text of each lesson."""
    for part in re.split(r"^### (?=4\.)", TEXT, flags=re.MULTILINE)[1:]:
        title, _, text = part.partition("\n")
        yield title, text


def prose(text: str) -> str:
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


@pytest.mark.parametrize(("title", "text"), list(lessons()), ids=[title for title, _ in lessons()])
def test_frames_and_packets_that_a_lesson_names_are_in_its_results(title: str, text: str) -> None:
    rows = [line.split("\t") for example in examples(text) for line in example.result.splitlines()]
    listed = re.findall(r"\b[Ff]rames? (\d+(?:(?:, | and |, and | to )\d+\b(?! \w*s\b))*)", prose(text))
    named = {number for numbers in listed for number in re.findall(r"\d+", numbers)}
    named.update(re.findall(r"#(\d+)", prose(text)))
    assert named <= {number for row in rows for cell in row for number in cell.split(",")}, title


def test_every_capture_has_its_place_on_the_page() -> None:
    captures = {path.name for path in (ROOT / "captures").glob("*.pcapng")}
    assert captures == set(re.findall(r"captures/([\w-]+\.pcapng)", TEXT))


def test_every_field_on_the_page_is_one_of_the_dissector(tmp_path: Path) -> None:
    named = set(re.findall(r"\budpchat(?:\.[a-z_0-9]+)+", TEXT))
    preferences = set(re.findall(r"-o \"?(udpchat\.\w+):", TEXT))
    files = {name for name in named if name.endswith(".pcapng")}
    known = set(known_fields(tmp_path))
    assert named - preferences - files <= known
    findings = {name for name in known if name.startswith("udpchat.analysis.") and not name.endswith(".expert")}
    assert findings <= named


def test_every_example_of_a_filter_is_one(home: Path) -> None:
    filters = re.findall(r"^\| `udpchat\.analysis\..*\| `([^|`]+(?:\|\|[^|`]+)*)` \|$", TEXT, re.MULTILINE)
    assert len(filters) == TEXT.count("\n| `udpchat.analysis.")
    joined = " || ".join(f"({each})" for each in filters)
    run(f"tshark -2 -r captures/clean-seed1.pcapng -Y '{joined}'", home)


# -- pictures of all pages --------------------------------------------------------------------------------------------


def pages() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md")))


def test_every_picture_of_the_pages_is_there_and_can_be_made_anew() -> None:
    shown = set(re.findall(r"\(pictures/([^)]+)\)", pages()))
    assert shown == {picture.name for picture in PICTURES}
    assert all(0 < (FOLDER / name).stat().st_size < LARGEST for name in shown)


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_the_pages_say_how_a_picture_is_made(picture: Picture) -> None:
    lines = pages().splitlines()
    assert all(command in lines for command in picture.commands)


# -- anew -------------------------------------------------------------------------------------------------------------


def main() -> None:
    """Write the results on the page anew."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        prepare(home)

        def renew(found: re.Match[str]) -> str:
            return f"```sh\n{found['commands']}```\n\n```text\n{run(found['commands'], home)}```"

        PAGE.write_text(EXAMPLE.sub(renew, TEXT), encoding="utf-8")


if __name__ == "__main__":
    main()

"""What docs/lab.md shows is what the commands in it print: they run in virtual time, so it is the same everywhere.

After a change of what is simulated, `python -m tests.test_lab_document --update` writes the results anew; the sentences
around them are for people to check.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "lab.md"
TEXT: Final = PAGE.read_text(encoding="utf-8")
EXAMPLE: Final = re.compile(r"```(?P<kind>sh|python)\n(?P<code>[^`]*?)```\n\n```text\n(?P<result>.*?)```", re.DOTALL)
LONGEST: Final = 20  # lines of a result
IN_REAL_TIME: Final = re.compile(r"^udpchat (?:server|client|relay|demo|put|get)\b", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Example:
    """Commands or a program, and the result that is shown below. line: of the page."""

    line: int
    kind: str
    code: str
    result: str


def examples(text: str) -> list[Example]:
    return [
        Example(text.count("\n", 0, found.start()) + 1, found["kind"], found["code"], found["result"])
        for found in EXAMPLE.finditer(text)
    ]


def run(kind: str, code: str, folder: Path) -> str:
    """What commands of a shell or a Python program print, in an empty folder. Fails on any word of trouble."""
    bin_folder, work = folder / "bin", folder / "work"
    bin_folder.mkdir()
    work.mkdir()
    for name, words in (("udpchat", "-m udpchat "), ("python", "")):
        program = bin_folder / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words}"$@"\n')
        program.chmod(0o755)
    path = f"{bin_folder}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-ec", code] if kind == "sh" else [sys.executable, "-c", code],
        cwd=work,
        env=os.environ | {"HOME": str(work), "PATH": path, "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=60,
    )
    assert not done.stderr, done.stderr
    assert done.returncode == 0
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())


@pytest.mark.parametrize("example", examples(TEXT), ids=lambda example: f"line-{example.line}")
def test_the_result_on_the_page_is_what_the_commands_print(example: Example, tmp_path: Path) -> None:
    assert run(example.kind, example.code, tmp_path) == example.result


def test_every_result_belongs_to_an_example_and_is_short() -> None:
    found = examples(TEXT)
    assert len(found) == TEXT.count("```text\n") > 0
    assert all(0 < example.result.count("\n") <= LONGEST for example in found)


def test_no_example_needs_a_socket_or_a_clock() -> None:
    assert not [example.line for example in examples(TEXT) if IN_REAL_TIME.search(example.code)]


def renewed(found: re.Match[str]) -> str:
    """An example of the page with the result that it has today."""
    with tempfile.TemporaryDirectory() as folder:
        result = run(found["kind"], found["code"], Path(folder))
    return f"```{found['kind']}\n{found['code']}```\n\n```text\n{result}```"


if __name__ == "__main__":
    if sys.argv[1:] != ["--update"]:
        sys.exit("usage: python -m tests.test_lab_document --update")
    PAGE.write_text(EXAMPLE.sub(renewed, TEXT), encoding="utf-8")

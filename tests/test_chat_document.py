"""What docs/chat.md shows is what real servers and clients show: the session is played again and compared.

After a change of what people see, `python -m tests.chat_session --update` writes the transcripts anew; the sentences
around them are for people to check.
"""

from __future__ import annotations

import re
import sys
from typing import Final

import pytest

from tests.chat_session import BLOCK, PAGE, PARTS, on_page, perform
from udpchat.ui.cli.commands import CLIENT, SERVER

TEXT: Final = PAGE.read_text(encoding="utf-8")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals and signals of POSIX")


@pytest.mark.parametrize("part", PARTS)
async def test_the_transcript_on_the_page_is_what_the_screens_show(part: str) -> None:
    played, shown = await perform(part), on_page(TEXT, part)
    assert played.keys() == shown.keys()
    for scene, text in played.items():
        assert text.splitlines() == shown[scene].splitlines(), scene


def test_every_block_of_the_page_is_of_the_session() -> None:
    shown = [(found["part"], found["scene"]) for found in BLOCK.finditer(TEXT)]
    assert len(shown) == len(set(shown)) == TEXT.count("```text\n")
    assert {part for part, _ in shown} == set(PARTS)


def test_every_command_that_the_page_names_is_one() -> None:
    prose = BLOCK.sub("", TEXT)
    known = {f"/{name}" for dialect in (CLIENT, SERVER) for name in dialect.verbs}
    known |= {alias.split()[0] for dialect in (CLIENT, SERVER) for alias in dialect.aliases}
    assert {typed.split()[0] for typed in re.findall(r"`([/!][a-z][^`]*)`", prose)} <= known


def test_no_password_and_no_machine_is_on_the_page() -> None:
    assert not re.search(r"sentence|/tmp/|udpchat-\w{8}", TEXT)

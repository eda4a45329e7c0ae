"""What docs/chat.md, files.md and peers.md show is what real programs show: each session is played and compared.

After a change of what people see, `python -m tests.chat_session --update`, and the same with files_session and
peers_session, write the transcripts anew; the sentences around them are for people to check.
"""

from __future__ import annotations

import re
import sys
from typing import Final

import pytest

from tests.chat_session import PAGE as CHAT
from tests.files_session import PAGE as FILES
from tests.peers_session import PAGE as PEERS
from tests.transcript.page import Page
from udpchat.ui.cli.commands import CLIENT, SERVER

PAGES: Final = (CHAT, FILES, PEERS)
PARTS: Final = [(page, part) for page in PAGES for part in page.parts]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals and signals of POSIX")


@pytest.mark.parametrize(("page", "part"), PARTS, ids=lambda value: value if isinstance(value, str) else value.name)
async def test_the_transcript_on_the_page_is_what_the_screens_show(page: Page, part: str) -> None:
    played, shown = await page.perform(part), page.shown(part)
    assert played.keys() == shown.keys()
    for scene, text in played.items():
        assert text.splitlines() == shown[scene].splitlines(), scene


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_of_a_page_is_of_its_session(page: Page) -> None:
    shown = page.blocks()
    assert len(shown) == len(set(shown)) == page.text.count("```text\n")
    assert {part for part, _ in shown} == set(page.parts)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_a_page_names_is_one(page: Page) -> None:
    known = {f"/{name}" for dialect in (CLIENT, SERVER) for name in dialect.verbs}
    known |= {alias.split()[0] for dialect in (CLIENT, SERVER) for alias in dialect.aliases}
    assert {typed.split()[0] for typed in re.findall(r"`([/!][a-z][^`]*)`", page.prose)} <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_password_and_no_machine_is_on_a_page(page: Page) -> None:
    assert not re.search(r"sentence|/tmp/|udpchat-\w{8}", page.text)

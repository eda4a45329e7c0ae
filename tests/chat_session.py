"""Real servers and clients talk; what is on their screens is the transcript in docs/chat.md.

`python -m tests.chat_session` prints it, `python -m tests.chat_session talking limits` parts of it, and
`python -m tests.chat_session --update` writes it into the page.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

from tests.transcript import accounts, coming_back, commands, history, limits, talking
from tests.transcript.stage import Stage

PAGE: Final = Path(__file__).parents[1] / "docs" / "chat.md"
PARTS: Final[Mapping[str, Callable[[Stage], Awaitable[None]]]] = {
    "talking": talking.play,
    "accounts": accounts.play,
    "history": history.play,
    "limits": limits.play,
    "commands": commands.play,
    "coming_back": coming_back.play,
}
BLOCK: Final = re.compile(r"<!-- transcript (?P<part>\w+) (?P<scene>\w+) -->\n```text\n(?P<text>.*?)```", re.DOTALL)


async def perform(part: str) -> dict[str, str]:
    """Play a part of the session: the transcript of each of its scenes. StageError."""
    with tempfile.TemporaryDirectory(prefix="udpchat-") as folder:
        stage = Stage(Path(folder))
        try:
            await PARTS[part](stage)
        finally:
            await stage.close()
    return {scene.name: scene.text() for scene in stage.scenes}


def on_page(page: str, part: str) -> dict[str, str]:
    """The transcripts of a part that the page shows, by scene."""
    return {found["scene"]: found["text"] for found in BLOCK.finditer(page) if found["part"] == part}


def renewed(page: str, part: str, scenes: Mapping[str, str]) -> str:
    """The page with the transcripts of a part as they are now."""

    def renew(found: re.Match[str]) -> str:
        if found["part"] != part:
            return found[0]
        return f"<!-- transcript {part} {found['scene']} -->\n```text\n{scenes[found['scene']]}```"

    return BLOCK.sub(renew, page)


def main() -> None:
    """Play, and print or write."""
    parser = argparse.ArgumentParser(prog="python -m tests.chat_session", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--update", action="store_true", help=f"write into docs/{PAGE.name}")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(PARTS):
        sys.exit(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    for part in arguments.parts or PARTS:
        scenes = asyncio.run(perform(part))
        if arguments.update:
            PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8"), part, scenes), encoding="utf-8")
        else:
            for name, text in scenes.items():
                print(f"== {name}\n{text}")


if __name__ == "__main__":
    main()

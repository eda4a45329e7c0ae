"""A page of docs/ with transcripts: what real servers and clients show when its session is played."""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.transcript.stage import Stage

DOCS: Final = Path(__file__).parents[2] / "docs"
BLOCK: Final = re.compile(r"<!-- transcript (?P<part>\w+) (?P<scene>\w+) -->\n```text\n(?P<text>.*?)```", re.DOTALL)


@dataclass(frozen=True)
class Page:
    """One page. name: of its file. parts: of the session, each with what plays it."""

    name: str
    parts: Mapping[str, Callable[[Stage], Awaitable[None]]]

    @property
    def text(self) -> str:
        """The page as it is."""
        return (DOCS / self.name).read_text(encoding="utf-8")

    @property
    def prose(self) -> str:
        """What is not a transcript."""
        return BLOCK.sub("", self.text)

    async def perform(self, part: str) -> dict[str, str]:
        """Play a part of the session: the transcript of each of its scenes. StageError."""
        with tempfile.TemporaryDirectory(prefix="udpchat-") as folder:
            stage = Stage(Path(folder))
            try:
                await self.parts[part](stage)
            finally:
                await stage.close()
        return {scene.name: scene.text() for scene in stage.scenes}

    def shown(self, part: str) -> dict[str, str]:
        """The transcripts of a part that the page shows, by scene."""
        return {found["scene"]: found["text"] for found in BLOCK.finditer(self.text) if found["part"] == part}

    def blocks(self) -> list[tuple[str, str]]:
        """Part and scene of each transcript."""
        return [(found["part"], found["scene"]) for found in BLOCK.finditer(self.text)]

    def renew(self, part: str, scenes: Mapping[str, str]) -> None:
        """Write the transcripts of a part as they are now."""

        def renewed(found: re.Match[str]) -> str:
            if found["part"] != part:
                return found[0]
            return f"<!-- transcript {part} {found['scene']} -->\n```text\n{scenes[found['scene']]}```"

        (DOCS / self.name).write_text(BLOCK.sub(renewed, self.text), encoding="utf-8")


def main(page: Page, program: str, description: str | None) -> None:
    """Play, and print or write, as the arguments of the command say."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=description)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(page.parts)}; all by default")
    parser.add_argument("--update", action="store_true", help=f"write into docs/{page.name}")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(page.parts):
        sys.exit(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(page.parts)}")
    for part in arguments.parts or page.parts:
        scenes = asyncio.run(page.perform(part))
        if arguments.update:
            page.renew(part, scenes)
        else:
            for name, text in scenes.items():
                print(f"== {name}\n{text}")

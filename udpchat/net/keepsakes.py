"""Small JSON files in which a client remembers things by name. Trouble with them is no trouble: they save work only."""

from __future__ import annotations

import json
import os
from pathlib import Path

MAX_KEPT = 1_000  # entries of one file; the oldest go first


class Keepsakes:
    """Text by name, in a file that only its user may read. What cannot be read is not there."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def find(self, name: str) -> str:
        """What is kept under a name; empty when nothing is."""
        return self._read().get(name, "")

    def all(self) -> dict[str, str]:
        """Everything that is kept, by name, in the order in which it was kept."""
        return self._read()

    def take(self, name: str) -> str:
        """The same, and keep it no more."""
        kept = self._read()
        value = kept.pop(name, "")
        if value:
            self._write(kept)
        return value

    def keep(self, name: str, value: str) -> None:
        """Keep something under a name, instead of what was kept before."""
        kept = self._read()
        kept.pop(name, None)
        kept[name] = value
        self._write(dict(list(kept.items())[-MAX_KEPT:]))

    def _read(self) -> dict[str, str]:
        try:
            content = json.loads(self._path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return {str(key): str(value) for key, value in content.items()} if isinstance(content, dict) else {}

    def _write(self, kept: dict[str, str]) -> None:
        draft = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        try:
            fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                json.dump(kept, file)
            draft.replace(self._path)
        except OSError:
            draft.unlink(missing_ok=True)

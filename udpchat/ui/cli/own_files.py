"""The files that a session has carried: what carries them, and where they are on this disk."""

from __future__ import annotations

from typing import Final

from udpchat.files.events import Downloaded, Uploaded
from udpchat.files.ports import FileEntry
from udpchat.net.client import Client
from udpchat.ui.cli.terminal import Terminal
from udpchat.ui.cli.transfers import Carrier

MAX_KEPT: Final = 4_096  # files whose place is remembered


class OwnFiles:
    """The transfers of one session."""

    def __init__(self, client: Client, terminal: Terminal) -> None:
        self.carrier = Carrier(client, terminal, tells_loss=True, keep=self.keep)
        self._here: dict[bytes, tuple[str, bytes]] = {}  # file id -> path, empty for what we sent, and MD5

    def keep(self, done: Uploaded | Downloaded) -> None:
        """A transfer is done."""
        while len(self._here) >= MAX_KEPT:
            del self._here[next(iter(self._here))]
        if isinstance(done, Uploaded):
            self._here[done.file_id] = ("", done.md5_sent)
        else:
            self._here[done.file_id] = (done.path, done.md5_stored)

    def where(self, entry: FileEntry) -> tuple[str, bytes] | None:
        """Path and MD5 of what we have of a file of the server; the path is empty for one that we sent."""
        found = self._here.get(entry.file_id)
        return found if found is not None and found[1] == entry.md5 else None

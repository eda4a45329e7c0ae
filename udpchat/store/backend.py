"""What differs between the parts of a server and those of a client."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from udpchat.files.members import Index, MemberInfo
from udpchat.files.ports import CreatePart, FileEntry
from udpchat.store.part_rows import JournalEntry
from udpchat.store.partfile import Part


class Backend(Protocol):
    """Where parts lie and what is written down about them. Runs in the worker thread; may raise what disks raise."""

    def open_part(self, request: CreatePart) -> Part | FileEntry:
        """A new part, the one that was there, or the file it became."""
        ...

    def reopen(self, part_id: bytes) -> Part | FileEntry:
        """A part that is not open, or the file it became. StorageError (UNKNOWN_TRANSFER) when there is none."""
        ...

    def add_members(self, part: Part, first: int, members: Sequence[MemberInfo]) -> Index | None:
        """Write members down, see `take_members`, and be ready for their bytes; the index once all are known."""
        ...

    def journal(self, part: Part, entry: JournalEntry) -> None:
        """Write down what is durable."""
        ...

    def commit(self, part: Part, entry: JournalEntry, md5: bytes) -> FileEntry:
        """Make a verified, durable part a file. Closes the part. entry: to be written down first."""
        ...

    def discard(self, part_id: bytes) -> None:
        """Forget a part and its bytes; files stay."""
        ...

"""The files of experiments, and how one comes to be at the server before anybody asks for it."""

from __future__ import annotations

from random import Random
from typing import Final

from udpchat.config import LOBBY
from udpchat.errors import StorageError
from udpchat.files.ports import CommitPart, CreatePart, DigestSource, WritePart
from udpchat.files.stored_ports import NoteAnnounced
from udpchat.lab.experiment import Experiment
from udpchat.protocol.ports import perform
from udpchat.store.memory import MemoryStore
from udpchat.store.memory_sources import MemorySource

PART: Final = bytes(16)
OWNER: Final = bytes(32)
LINE: Final = "line %9d of a file that was made to be looked at in a capture\n"


def make_content(experiment: Experiment, random: Random) -> bytes:
    """Numbered lines, or bytes that the seed of the random numbers decides."""
    size = experiment.size
    if not experiment.text:
        return random.randbytes(size)
    lines = size // len(LINE % 0) + 1
    return "".join(LINE % number for number in range(lines)).encode("ascii")[:size]


def deposit(store: MemoryStore, name: str, data: bytes) -> None:
    """Put a file for the lobby into a store, past all connections. StorageError."""
    perform(store, CreatePart(0, PART, OWNER, "lab", name, len(data), room=LOBBY))
    perform(store, WritePart(PART, 0, memoryview(data)))
    md5 = perform(store, DigestSource(0, MemorySource(name, data)))
    result = perform(store, CommitPart(0, PART, md5 if isinstance(md5, bytes) else b""))
    if isinstance(result, StorageError):
        raise result
    perform(store, NoteAnnounced(0, (result.file_id,)))  # nobody is told of it

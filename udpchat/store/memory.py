"""Storage without a disk, for simulations and tests: the same answers, and a `crash` that loses what was not synced."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from udpchat.protocol.ports import Job, Result, StoreRequest
from udpchat.store.chat_rules import ChatLimits
from udpchat.store.memory_chat import Handler, MemoryChat
from udpchat.store.memory_files import CAPACITY, MemoryFiles
from udpchat.store.memory_local import LocalContent, MemoryLocal
from udpchat.store.memory_parts import MemoryPart, MemoryParts
from udpchat.store.memory_shared import MemoryShared
from udpchat.store.memory_sources import source_handlers
from udpchat.store.quotas import Limits


class MemoryStore:
    """Performs all requests, of servers and of clients.

    clock: wall clock since 1970 [us]. random_bytes: for file ids and salts. local: the files and folders of the user,
    by path; may be changed. transfers: what else a user has, see `MemoryLocal`. shared: what a node shares.
    """

    __slots__ = ("_files", "_handlers", "_parts", "local", "shared", "transfers")

    def __init__(
        self,
        *,
        clock: Callable[[], int],
        random_bytes: Callable[[int], bytes],
        local: Mapping[str, LocalContent] | None = None,
        capacity: int = CAPACITY,
        limits: Limits | None = None,
        chat_limits: ChatLimits | None = None,
    ) -> None:
        self._parts: dict[bytes, MemoryPart] = {}
        self._files = MemoryFiles(self._parts, clock, random_bytes, limits or Limits(), capacity)
        self.transfers = MemoryLocal(local or {}, clock, lambda part_id: self._files.committed(part_id) is not None)
        self.local = self.transfers.files
        self.shared = MemoryShared()
        parts = MemoryParts(self._parts, self._files, clock)
        self._handlers: dict[type, Handler] = {
            **parts.handlers(),
            **self._files.handlers(),
            **self.transfers.handlers(),
            **source_handlers(),
            **self.shared.handlers(),
            **MemoryChat(clock, random_bytes, chat_limits).handlers(),
        }

    def submit(self, request: StoreRequest) -> Result | Job:
        """See `udpchat.protocol.ports.Store`."""
        return self._handlers[type(request)](request)

    def close(self) -> None:
        """Nothing is held."""

    def crash(self) -> None:
        """Forget what was not synced, as a power cut does. Jobs that are on their way must not be finished after it.

        What was answered stays: chat, stored files, transfers that were written down.
        """
        for part in self._parts.values():
            part.reset()

    def damage(self, file_id: bytes, offset: int) -> None:
        """Flip a bit of a stored file, or of a part by its id, as a bad disk does. KeyError when there is none."""
        part = self._parts.get(file_id)
        data = self._files.content(file_id) if part is None else part.data
        data[offset] ^= 1

    def cut(self, file_id: bytes, size: int) -> None:
        """Shorten a stored file, as a bad disk does. KeyError when there is none."""
        del self._files.content(file_id)[size:]

    def content(self, file_id: bytes) -> bytes:
        """The bytes of a stored file, for those who check what arrived. KeyError when there is none."""
        return bytes(self._files.content(file_id))

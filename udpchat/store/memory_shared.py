"""What a node shares, in memory: for simulations and tests."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from udpchat.peers.patterns import matcher
from udpchat.peers.ports import ScanShare, SearchShared, SharedFile, ShareScanned
from udpchat.protocol.ports import Job, Lane
from udpchat.store.memory_chat import Handler


class MemoryShared:
    """Files that are shared, in order. files: may be changed."""

    def __init__(self, files: Iterable[SharedFile] = ()) -> None:
        self.files = list(files)

    def handlers(self) -> dict[type, Handler]:
        """What is done about each request."""
        return {SearchShared: self._search, ScanShare: self._scan}

    def _search(self, request: SearchShared) -> Job:
        is_meant = matcher(request.kind, request.pattern)
        files = tuple(self.files)
        return Job(
            run=lambda: tuple(islice(filter(is_meant, files), request.limit)),
            finish=lambda found: found,
            lane=Lane.SEARCHING,
        )

    def _scan(self, request: ScanShare) -> ShareScanned:  # noqa: ARG002 - a Handler
        return ShareScanned(is_done=True, files=len(self.files))

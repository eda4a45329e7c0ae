"""One transfer of ours as the client sees it: what is written down of it, who waits for it, what is done about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from udpchat.errors import ErrorCode
from udpchat.files.events import Downloaded, Phase, Progress, Uploaded
from udpchat.files.local_ports import Direction, LocalFile, Transfer, Wish
from udpchat.wire.numbers import FileFlag

# After these nothing of what has arrived is of use; after all others a later try may do better, and it is kept.
FINAL: Final = frozenset(
    {
        ErrorCode.CANCELLED,
        ErrorCode.SOURCE_CHANGED,
        ErrorCode.DIGEST_MISMATCH,
        ErrorCode.NAME_NOT_ALLOWED,
        ErrorCode.TOO_LARGE,
        ErrorCode.INCOMPLETE,
        ErrorCode.DECLINED,
        ErrorCode.PROTOCOL_VIOLATION,
    }
)

DISK_TROUBLE: Final = frozenset({ErrorCode.NO_SPACE, ErrorCode.STORAGE_FAILED})  # of either end


class Run(Protocol):
    """A transfer while something is done about it on one connection: an upload or a download."""

    @property
    def transfer_id(self) -> int:
        """Its number on the connection; 0 while it has none."""
        ...

    @property
    def phase(self) -> Phase:
        """CHECKING until bytes may travel, then RUNNING."""
        ...

    @property
    def done(self) -> int:
        """Bytes that have arrived."""
        ...

    @property
    def members(self) -> tuple[int, int]:
        """Of a folder: how many members it has, and how many of them have arrived; 0 when that is not known."""
        ...

    @property
    def is_committing(self) -> bool:
        """It is too late to give it up: how it ends will be told."""
        ...

    def begin(self) -> None:
        """Ask the server."""
        ...

    def lose(self) -> None:
        """The connection is gone: keep what has arrived."""
        ...

    def rest(self) -> None:
        """Go no further on this connection, and keep what has arrived at both ends."""
        ...

    def drop(self, code: int, text: str) -> None:
        """It is over: tell the server, and remove what has arrived here."""
        ...

    def set_pace(self) -> None:
        """Its rate or priority is another now."""
        ...


@dataclass(slots=True, eq=False)
class Task:
    """A transfer. transfer: as it is written down. request_id: of the verb that waits for it, or 0.

    file: what is to be sent, while it is open and nothing is done yet. done: bytes that had arrived when it ran last.
    resumed: bytes that were there already when it began last; earlier: when it began first, None before that. started:
    `now` when it began first [us]. has_begun: something of it is, or may be, on the other side's disk or ours.
    is_changed: by us, since storage was asked for the list of transfers last. is_opening: an OPEN of it is not
    answered. is_over: it was given up.
    """

    transfer: Transfer
    request_id: int = 0
    phase: Phase = Phase.QUEUED
    file: LocalFile | None = None
    run: Run | None = None
    done: int = 0
    size: int = 0
    resumed: int = 0
    earlier: int | None = None
    started: int | None = None
    has_begun: bool = False
    is_changed: bool = False
    is_opening: bool = False
    is_over: bool = False

    @property
    def part_id(self) -> bytes:
        """The name of its part, at the server or here."""
        return self.transfer.part_id

    @property
    def is_upload(self) -> bool:
        """It goes to the server."""
        return self.transfer.direction is Direction.UPLOAD

    @property
    def is_active(self) -> bool:
        """It takes one of the places of its direction."""
        return self.phase in (Phase.CHECKING, Phase.RUNNING)

    @property
    def rank(self) -> tuple[int, int, int]:
        """Who has the least goes first."""
        return -self.transfer.priority, self.transfer.place, self.transfer.number

    def go_on_from(self, present: Iterable[tuple[int, int]]) -> None:
        """It begins, on this connection, where these bytes are there already."""
        self.resumed = sum(stop - start for start, stop in present)
        if self.earlier is None:
            self.earlier = self.resumed

    def change(self, **changes: Any) -> None:
        """Something of what is written down is different now."""
        self.transfer = replace(self.transfer, **changes)

    def progress(self) -> Progress:
        """How far it is."""
        done, phase, members = self.done, self.phase, (0, 0)
        if self.run is not None and self.is_active:
            done, phase, members = self.run.done, self.run.phase, self.run.members
        transfer = self.transfer
        return Progress(self.request_id, transfer.file_name, done, transfer.size, transfer, phase, *members)


class Ends(Protocol):
    """Who is told how a transfer goes on."""

    def on_finished(self, task: Task, event: Uploaded | Downloaded) -> None:
        """It is whole and stored."""
        ...

    def on_failed(self, task: Task, code: int, text: str, *, is_said: bool = False) -> None:
        """It does not go on, here and now. is_said: by the server."""
        ...

    def on_stored(self, task: Task, md5: bytes, transfer_id: int) -> None:
        """It is stored here, and the server is to hear of it: on the connection that stands, where it has that number.

        transfer_id: 0 when that connection was lost meanwhile.
        """
        ...

    def on_unsettled(self, task: Task) -> None:
        """It was being stored when its connection was lost, and could not be: it is to be begun again."""
        ...

    def on_opened_late(self, task: Task) -> None:
        """It had ended here before the server answered its OPEN: only now can be removed what that has made."""
        ...

    def on_learned(self, task: Task) -> None:
        """What is written down of it has changed."""
        ...


def new_transfer(
    direction: Direction, part_id: bytes, server: bytes, path: str, file_name: str, **fields: Any
) -> Transfer:
    """A transfer that nobody has begun; fields: as in `Transfer`."""
    return Transfer(part_id, direction, server, path, file_name, wish=Wish.RUN, **fields)


def is_folder(flags: int) -> bool:
    """Many files, with an index."""
    return bool(flags & FileFlag.FOLDER)

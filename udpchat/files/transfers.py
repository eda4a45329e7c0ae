"""All transfers of a client: which of them run, how they end, what is written down of them."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import nsmallest
from typing import TypeVar

from udpchat.config import PARALLEL_TRANSFERS
from udpchat.errors import ErrorCode, StorageError
from udpchat.files.events import Downloaded, Phase, Progress, TransferFailed, TransferResting, Uploaded
from udpchat.files.exchange import Exchange
from udpchat.files.fetching import Fetching
from udpchat.files.leftovers import Leftovers
from udpchat.files.local_ports import (
    Direction,
    EndTransfer,
    LocalFile,
    OpenLocal,
    SaveTransfer,
    Transfer,
    Wish,
)
from udpchat.files.ports import AbortPart, CloseSource, PartFailed
from udpchat.files.putting import Putting
from udpchat.files.tasks import DISK_TROUBLE, FINAL, Task
from udpchat.files.turned_away import TurnedAway
from udpchat.wire.records import Member

PAUSED = "paused"
CANCELLED = "cancelled"
CHANGED_SINCE = "has changed since its upload began; what the server has of it is removed: send it again"

AnyRun = TypeVar("AnyRun", Putting, Fetching)


class Transfers:
    """Runs at most PARALLEL_TRANSFERS each way, the others wait. owner: our public key. See `tasks.Ends`."""

    def __init__(self, exchange: Exchange, owner: bytes) -> None:
        self._exchange = exchange
        self.leftovers = Leftovers(exchange)
        self._owner = owner
        self._tasks: dict[bytes, Task] = {}  # by part id
        self._begun: list[Task] = []  # those that run, and some that ran; there may be thousands that wait
        self._turned_away = TurnedAway()

    def __iter__(self) -> Iterator[Task]:
        return iter(list(self._tasks.values()))

    def __len__(self) -> int:
        return len(self._tasks)

    def is_known(self, part_id: bytes) -> bool:
        """It is one of ours, or what is left of one."""
        return part_id in self._tasks or part_id in self.leftovers

    def known(self) -> frozenset[bytes]:
        """Part ids of all of ours, and of what is left of some."""
        return frozenset((*self._tasks, *self.leftovers))

    def find(self, part_id: bytes) -> Task | None:
        """The transfer of this part."""
        return self._tasks.get(part_id)

    def progress(self) -> list[Progress]:
        """How far each is, in the order in which they go."""
        return [task.progress() for task in sorted(self._tasks.values(), key=_rank)]

    def run_of(self, transfer_id: int, kind: type[AnyRun]) -> AnyRun | None:
        """What is done about a transfer of the connection."""
        for task in self._begun:
            run = task.run
            if isinstance(run, kind) and run.transfer_id == transfer_id and transfer_id:
                return run
        return None

    def fetching_of(self, member: Member, request_id: int) -> Fetching | None:
        """The download that a member belongs to, by the request when it comes before the offer."""
        if (fetching := self.run_of(member.transfer_id, Fetching)) is not None:
            return fetching
        runs = (task.run for task in self._begun)
        return next((run for run in runs if isinstance(run, Fetching) and run.awaits(request_id)), None)

    def task_of(self, transfer_id: int) -> Task | None:
        """The transfer that has this number on the connection."""
        found = (task for task in self._begun if task.run is not None and task.run.transfer_id == transfer_id)
        return next(found, None) if transfer_id else None

    def save(self, task: Task) -> None:
        """Write down what has changed."""
        self._exchange.ask(SaveTransfer(task.transfer))

    # -- which of them run ---------------------------------------------------------------------------------------------

    def add(self, task: Task) -> None:
        """A transfer that is written down, and ours."""
        self._tasks[task.part_id] = task
        if task.transfer.wish is Wish.PAUSE:
            task.phase = Phase.PAUSED
        else:
            task.phase = Phase.QUEUED if self._exchange.is_in else Phase.WAITING
        self.pump()
        self.release_file(task)

    def pump(self) -> None:
        """Begin what may begin."""
        if not self._exchange.is_in:
            return
        self._begun = [task for task in self._begun if task.is_active and self._tasks.get(task.part_id) is task]
        for direction in Direction:
            free = PARALLEL_TRANSFERS - sum(task.transfer.direction is direction for task in self._begun)
            if free <= 0:
                continue
            waiting = (
                task
                for task in self._tasks.values()
                if task.phase is Phase.QUEUED and task.transfer.direction is direction
            )
            for task in nsmallest(free, waiting, key=_rank):
                self._begin(task)

    def _begin(self, task: Task) -> None:
        task.phase = Phase.CHECKING
        self._begun.append(task)
        if not task.is_upload:
            task.run = Fetching(self._exchange, self, task, self._owner)
            task.run.begin()
        elif task.file is not None:
            file, task.file = task.file, None
            task.run = Putting(self._exchange, self, task, file)
            task.run.begin()
        else:
            self._exchange.ask(OpenLocal(0, task.transfer.path), lambda result, _: self._on_local(task, result))

    def _on_local(self, task: Task, result: LocalFile | StorageError) -> None:
        is_wanted = self._tasks.get(task.part_id) is task and task.phase is Phase.CHECKING and task.run is None
        if isinstance(result, StorageError):
            if is_wanted:
                self.on_failed(task, result.code, result.text)
        elif not is_wanted:
            self._exchange.ask(CloseSource(result.source))
        elif result.mark != task.transfer.mark:
            self._exchange.ask(CloseSource(result.source))
            self.on_failed(task, ErrorCode.SOURCE_CHANGED, f"{task.transfer.path} {CHANGED_SINCE}")
        else:
            task.run = Putting(self._exchange, self, task, result)
            task.run.begin()

    def release_file(self, task: Task) -> None:
        """Who waits keeps no file open: there may be thousands."""
        if task.file is not None:
            self._exchange.ask(CloseSource(task.file.source))
            task.file = None

    # -- the connection ------------------------------------------------------------------------------------------------

    def on_in(self) -> None:
        """We have joined, or are back."""
        for task in self._tasks.values():
            if task.phase is Phase.WAITING and task.run is None:
                task.phase = Phase.QUEUED
        self.leftovers.on_in()
        self.pump()

    def on_lost(self) -> None:
        """The connection is over; what is being stored just now is stored all the same."""
        for task in self:
            if task.run is not None:
                is_committing = isinstance(task.run, Fetching) and task.run.is_committing
                task.run.lose()
                if not is_committing:
                    task.run = None
            if task.phase is not Phase.PAUSED:
                task.phase = Phase.WAITING
            task.is_opening = False
        self._turned_away.on_lost()
        self.leftovers.on_lost()

    def on_part_failed(self, failed: PartFailed) -> None:
        """The disk refused bytes of a download."""
        task = self._tasks.get(failed.part_id)
        if task is not None and isinstance(task.run, Fetching):
            task.run.on_storage_failed(failed.error)

    # -- time ----------------------------------------------------------------------------------------------------------

    def next_timeout(self) -> int | None:
        """When there is something to try again."""
        found = (self.leftovers.next_timeout(), self._turned_away.next_timeout())
        return min((at for at in found if at is not None), default=None)

    def handle_timeout(self, now: int) -> None:
        """Try again what there was no room for, and tell the server what it could not hear before."""
        self.leftovers.handle_timeout(now)
        due = [task for task in self._turned_away.due(now) if task.phase is Phase.WAITING]
        for task in due:
            task.phase = Phase.QUEUED
        if due:
            self.pump()

    # -- how they end; see `tasks.Ends` --------------------------------------------------------------------------------

    def on_finished(self, task: Task, event: Uploaded | Downloaded) -> None:
        """See `Ends`."""
        if self._remove(task):
            if task.is_upload:  # a download is written down until the server has heard that it is stored here
                self._exchange.ask(EndTransfer(task.part_id))
            self._exchange.tell(event)
            self._turned_away.hasten(task)
            self.pump()

    def on_failed(self, task: Task, code: int, text: str, *, is_said: bool = False) -> None:
        """See `Ends`. What a later try may do better rests until the user wants that."""
        if self._tasks.get(task.part_id) is not task:
            return
        if code == ErrorCode.TOO_MANY_TRANSFERS:
            self._turn_away(task, text)
            return
        is_remote = is_said and code in DISK_TROUBLE
        if is_remote:  # its words are about "the disk", which is not ours
            text = f"the server says: {text}"
        elif code == ErrorCode.NO_SPACE:
            text = f"on this machine: {text}"
        is_gone = code == ErrorCode.UNKNOWN_FILE and not task.is_upload
        if task.has_begun and code not in FINAL and not is_gone:
            self._stop(task, Phase.PAUSED)
            task.change(wish=Wish.PAUSE, text=text)
            task.is_changed = True
            self.save(task)
            self._tell_failed(task, code, text, is_remote=is_remote, number=task.transfer.number)
            self.pump()
        else:
            self._end(task, code, text, is_remote=is_remote)

    def _turn_away(self, task: Task, text: str) -> None:
        self._stop(task, Phase.WAITING)
        if self._turned_away.add(task):
            self._exchange.tell(TransferResting(task.request_id, task.transfer, text, is_tried_again=True))
        self.pump()

    def on_stored(self, task: Task, md5: bytes, transfer_id: int) -> None:
        """See `Ends`."""
        self.leftovers.confirm(task.transfer, md5, transfer_id)

    def on_unsettled(self, task: Task) -> None:
        """See `Ends`."""
        if self._tasks.get(task.part_id) is task and task.phase is Phase.WAITING:
            task.run = None
            task.phase = Phase.QUEUED if self._exchange.is_in else Phase.WAITING
            self.pump()

    def on_opened_late(self, task: Task) -> None:
        """See `Ends`."""
        self.leftovers.remove(task.transfer)

    def on_learned(self, task: Task) -> None:
        """See `Ends`."""
        self.save(task)

    def rest(self, task: Task) -> None:
        """The user wants it to pause: what has arrived is kept at both ends."""
        self._stop(task, Phase.PAUSED)
        task.change(wish=Wish.PAUSE, text=PAUSED)
        task.is_changed = True
        self.save(task)
        self._exchange.tell(TransferResting(task.request_id, task.transfer, PAUSED))
        self.pump()

    def go_on(self, task: Task) -> None:
        """The user wants it to go on."""
        task.change(wish=Wish.RUN, text="")
        task.is_changed = True
        self.save(task)
        if task.run is None and task.phase in (Phase.PAUSED, Phase.WAITING):
            self._turned_away.forget(task.part_id)
            task.phase = Phase.QUEUED if self._exchange.is_in else Phase.WAITING
        self.pump()

    def give_up(self, task: Task) -> None:
        """The user wants nothing of it any more, at neither end."""
        self._end(task, ErrorCode.CANCELLED, CANCELLED)

    def discard(self, transfer: Transfer, *, is_opening: bool = False) -> None:
        """One that is written down, that nobody is at, and that is to be given up.

        is_opening: the server has not answered its OPEN, and would not find what it is just making.
        """
        if transfer.direction is Direction.UPLOAD:
            self.leftovers.remove(transfer, is_opening=is_opening)
        else:
            self._exchange.ask(AbortPart(0, transfer.part_id), lambda _result, _now: None)
            self._exchange.ask(EndTransfer(transfer.part_id))

    def _stop(self, task: Task, phase: Phase) -> None:
        run, task.run, task.phase = task.run, None, phase
        if run is not None:
            run.rest()
        self.release_file(task)
        task.change(done=task.done)

    def _end(self, task: Task, code: int, text: str, *, is_remote: bool = False) -> None:
        if not self._remove(task):
            return
        task.is_over = True
        run, task.run = task.run, None
        if run is not None:
            run.drop(code, text)
        self.release_file(task)
        if task.has_begun:
            self.discard(task.transfer, is_opening=task.is_opening)
        else:
            self._exchange.ask(EndTransfer(task.part_id))
        self._tell_failed(task, code, text, is_remote=is_remote)
        self.pump()

    def _tell_failed(self, task: Task, code: int, text: str, *, is_remote: bool, number: int = 0) -> None:
        request_id, task.request_id = task.request_id, 0
        self._exchange.tell(TransferFailed(request_id, "", task.transfer.file_name, code, text, is_remote, number))

    def _remove(self, task: Task) -> bool:
        if self._tasks.get(task.part_id) is not task:
            return False
        del self._tasks[task.part_id]
        self._turned_away.forget(task.part_id)
        return True


def _rank(task: Task) -> tuple[int, int, int]:
    return task.rank

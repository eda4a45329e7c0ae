"""What the user wants of transfers: new ones, and what is to become of those that are under way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from udpchat.config import SECOND
from udpchat.errors import ErrorCode, RefusedError, StorageError
from udpchat.files.events import Progress, TransferFailed, TransfersAdopted
from udpchat.files.exchange import Exchange
from udpchat.files.fetching import Fetching
from udpchat.files.intake import Intake, Wanted, close
from udpchat.files.local_ports import ClaimTransfer, Direction, ListTransfers, Transfer, Wish
from udpchat.files.tasks import Task
from udpchat.files.transfers import PAUSED, Transfers
from udpchat.wire.numbers import Priority

TICK = 1 * SECOND  # between two looks at what other programs wish, and two times that progress is written down
REST = 5 * SECOND  # between two looks at what other programs leave behind, while we have no transfer
ORPHANED = 5 * SECOND  # nobody is at a transfer before a running program takes it: its command may be given again
ELSEWHERE = "another program of yours is at this transfer; it goes on there"
PAUSED_ELSEWHERE = "another program of yours has this transfer, and it is paused: udpchat transfers resume {number}"
LATE = "it is too late for that: all has arrived, and it is just being stored"

_Target: TypeAlias = tuple[Direction, bytes, str, str, str]


@dataclass(slots=True)
class _Adoption:
    """Transfers of earlier runs that are being claimed. waiting: how many storage has not answered."""

    request_id: int
    waiting: int = 0
    adopted: list[Transfer] = field(default_factory=list)


class Wishes:
    """Takes new transfers in, does what the user wants of old ones, and looks at what other programs write down."""

    def __init__(self, exchange: Exchange, transfers: Transfers, random_bytes: Callable[[int], bytes]) -> None:
        self._exchange = exchange
        self._transfers = transfers
        self._random_bytes = random_bytes
        self._intake = Intake(exchange, self._on_claimed, self._on_refused)
        self._tick_at: int | None = None
        self._is_listing = False
        self._fresh: dict[_Target, Transfer] = {}  # uploads that began since storage was asked for the list
        self._is_heir = False  # what other programs leave behind is ours
        self._orphans: dict[bytes, int] = {}  # part ids to be inherited, and since when nobody is there [us]
        self._is_ending = False  # what is just being written down rests, too

    # -- new ones ------------------------------------------------------------------------------------------------------

    def begin(self, draft: Transfer, rate: int | None = None, priority: Priority | None = None) -> int:
        """A new transfer, or the rest of one that was not finished; the request id.

        rate, priority: None: as that one has it, or 0 and NORMAL.
        """
        request_id = self._exchange.new_id()
        given = {"rate": rate, "priority": priority}
        pace: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        self._intake.add(Wanted(request_id, replace(draft, part_id=self._random_bytes(16), **pace), pace))
        return request_id

    def go_on(self) -> None:
        """It is known now which server we are at."""
        self._intake.go_on()

    def open_requests(self) -> frozenset[int]:
        """Verbs that asked for a transfer and wait for its end; connections come and go meanwhile."""
        return frozenset(task.request_id for task in self._transfers) | self._intake.open_requests()

    def progress(self) -> list[Progress]:
        """How far all are, in the order in which they go."""
        return self._transfers.progress() + self._intake.progress()

    def progress_of(self, request_id: int) -> Progress | None:
        """How far the transfer is that a verb waits for; None before it is written down, and when it has ended."""
        return next((task.progress() for task in self._transfers if task.request_id == request_id), None)

    def _on_claimed(self, wanted: Wanted, claimed: Transfer) -> None:
        self._tick_soon()
        task = self._transfers.find(claimed.part_id)
        if claimed.is_elsewhere:
            text = PAUSED_ELSEWHERE.format(number=claimed.number) if claimed.wish is Wish.PAUSE else ELSEWHERE
            self._refuse(wanted, ErrorCode.TOO_MANY_TRANSFERS, text)
        elif task is not None:
            self._join(wanted, task)
        else:
            self._add(wanted, claimed)

    def _add(self, wanted: Wanted, claimed: Transfer) -> None:
        is_new = claimed.part_id == wanted.draft.part_id
        changes = {} if is_new else wanted.pace
        wish, text = (Wish.PAUSE, PAUSED) if self._is_ending else (Wish.RUN, "")
        task = Task(replace(claimed, wish=wish, text=text, **changes), wanted.request_id, file=wanted.file)
        task.done, task.has_begun = claimed.done, not is_new
        if task.transfer != claimed:
            self._transfers.save(task)
        self._transfers.add(task)
        if task.is_upload and is_new:
            self._fresh[_target(task.transfer)] = task.transfer

    def _join(self, wanted: Wanted, task: Task) -> None:
        """It is under way here already: an adopted one may be waited for, once."""
        if task.request_id:
            text = f"{task.transfer.file_name} is under way already, as transfer {task.transfer.number}"
            self._refuse(wanted, ErrorCode.TOO_MANY_TRANSFERS, text)
            return
        close(self._exchange, wanted)
        task.request_id = wanted.request_id
        task.change(**wanted.pace)
        self._transfers.go_on(task)

    def _on_refused(self, wanted: Wanted, error: StorageError) -> None:
        self._refuse(wanted, error.code, error.text)

    def _refuse(self, wanted: Wanted, code: int, text: str) -> None:
        close(self._exchange, wanted)
        name = wanted.draft.file_name or wanted.draft.path
        self._exchange.tell(TransferFailed(wanted.request_id, "", name, code, text))

    # -- those of earlier runs -----------------------------------------------------------------------------------------

    def adopt(self) -> int:
        """Go on with the transfers with this server that no program is at; answered by TransfersAdopted.

        From now on also with those whose program dies while we run, of which a TransfersAdopted of no request tells.
        """
        adoption = _Adoption(self._exchange.new_id())
        ours = self._transfers.known()  # one of these may end until the list is here, and is in it all the same

        def on_listed(rows: tuple[Transfer, ...] | StorageError, now: int) -> None:  # noqa: ARG001 - an Answer
            for row in () if isinstance(rows, StorageError) else rows:
                if row.server == self._exchange.server and row.part_id not in ours and self._is_free(row):
                    self._adopt(adoption, row)
            self._adopted(adoption)
            self._is_heir = True
            self._tick_soon()

        self._exchange.ask(ListTransfers(0, self._exchange.server), on_listed)
        return adoption.request_id

    def _inherit(self, free: list[Transfer], now: int) -> None:
        """Take transfers that no program is at: for some time, and not those that their user has paused."""
        adoption = _Adoption(0)
        heirless = [row for row in free if row.wish is Wish.RUN]
        self._orphans = {row.part_id: self._orphans.get(row.part_id, now) for row in heirless}
        if self._orphans:  # looked at each second, else it takes much longer than it has to
            self._tick_at = now + TICK if self._tick_at is None else min(self._tick_at, now + TICK)
        for row in free:
            is_due = row.wish is Wish.RUN and now - self._orphans[row.part_id] >= ORPHANED
            if is_due or row.wish is Wish.CANCEL:
                self._adopt(adoption, row)

    def _is_free(self, row: Transfer) -> bool:
        """Nobody is at it, neither another program nor we."""
        return not row.is_elsewhere and not self._transfers.is_known(row.part_id)

    def _adopt(self, adoption: _Adoption, row: Transfer) -> None:
        if row.wish is Wish.CANCEL:
            self._transfers.discard(row)
            return

        def on_claimed(claimed: Transfer | StorageError, now: int) -> None:  # noqa: ARG001 - an Answer
            adoption.waiting -= 1
            if isinstance(claimed, Transfer) and self._is_free(claimed):
                adoption.adopted.append(claimed)
                self._tick_soon()
                self._transfers.add(Task(claimed, done=claimed.done, has_begun=True))
            self._adopted(adoption)

        adoption.waiting += 1
        self._exchange.ask(ClaimTransfer(0, row), on_claimed)

    def _adopted(self, adoption: _Adoption) -> None:
        if not adoption.waiting and (adoption.request_id or adoption.adopted):
            self._exchange.tell(TransfersAdopted(adoption.request_id, tuple(adoption.adopted)))

    # -- what is to become of them -------------------------------------------------------------------------------------

    def pause(self, number: int) -> None:
        """Let a transfer rest; RefusedError when there is no such number, here and below, or it is too late."""
        task = self._task(number)
        self._check_not_late(task, of_uploads=False)
        if task.transfer.wish is not Wish.PAUSE:
            self._transfers.rest(task)

    def resume(self, number: int) -> None:
        """Let a transfer go on."""
        self._transfers.go_on(self._task(number))

    def cancel(self, number: int) -> None:
        """Give a transfer up, at both ends."""
        task = self._task(number)
        self._check_not_late(task, of_uploads=True)
        self._transfers.give_up(task)

    def rest_all(self) -> None:
        """Our user ends this program: what it is at is not for another one to go on with, but for who wants that."""
        self._is_ending = True
        self._intake.drop()
        for task in sorted(self._transfers, key=lambda each: each.is_active):  # else those that wait begin meanwhile
            is_late = isinstance(task.run, Fetching) and task.run.is_committing
            if task.transfer.wish is Wish.RUN and not is_late:
                self._transfers.rest(task)

    @property
    def is_claiming(self) -> bool:
        """Something is just being written down."""
        return bool(len(self._intake))

    def set_rate(self, number: int, rate: int) -> None:
        """Let a transfer have so many bytes a second at most, 0 any number."""
        if rate < 0:
            raise RefusedError(ErrorCode.NOT_ALLOWED, "a rate is not negative")
        self._change(self._task(number), rate=rate)

    def set_priority(self, number: int, priority: Priority) -> None:
        """Let a transfer go before others, or after them."""
        self._change(self._task(number), priority=priority)

    def move_first(self, number: int) -> None:
        """Let a transfer go before all of its priority that wait."""
        task = self._task(number)
        self._change(task, place=min(each.transfer.place for each in self._transfers) - 1)

    def _change(self, task: Task, **changes: int) -> None:
        task.is_changed = True
        task.change(**changes)
        self._transfers.save(task)
        if task.run is not None:
            task.run.set_pace()
        self._transfers.pump()

    def _task(self, number: int) -> Task:
        for task in self._transfers:
            if task.transfer.number == number and number:
                return task
        raise RefusedError(ErrorCode.UNKNOWN_TRANSFER, f"there is no transfer {number} here; /transfers shows all")

    @staticmethod
    def _check_not_late(task: Task, *, of_uploads: bool) -> None:
        run = task.run
        if run is not None and run.is_committing and (of_uploads or isinstance(run, Fetching)):
            raise RefusedError(ErrorCode.NOT_ALLOWED, LATE)

    # -- what other programs wish --------------------------------------------------------------------------------------

    def next_timeout(self) -> int | None:
        """When to look."""
        return self._tick_at

    def handle_timeout(self, now: int) -> None:
        """Write progress down, and see what other programs have written."""
        if self._tick_at is None or now < self._tick_at:
            return
        is_busy = bool(len(self._transfers) or self._fresh)
        if not is_busy and not self._is_heir:
            self._tick_at = None
            return
        self._tick_at = now + (TICK if is_busy else REST)
        self.save_progress()
        if not self._is_listing:
            self._is_listing = True
            for task in self._transfers:
                task.is_changed = False
            ours = self._transfers.known()  # as in `adopt`
            self._exchange.ask(
                ListTransfers(0, self._exchange.server), lambda rows, now: self._on_listed(rows, ours, now)
            )

    def save_progress(self) -> None:
        """Write down how far all are."""
        for task in self._transfers:
            if (done := task.progress().done) != task.transfer.done:
                task.change(done=done)
                self._transfers.save(task)

    def _tick_soon(self) -> None:
        if self._tick_at is None or not len(self._transfers):
            self._tick_at = 0

    def _on_listed(self, rows: tuple[Transfer, ...] | StorageError, ours: frozenset[bytes], now: int) -> None:
        self._is_listing = False
        fresh, self._fresh = self._fresh, {}
        free: list[Transfer] = []
        for row in () if isinstance(rows, StorageError) else rows:
            task = self._transfers.find(row.part_id)
            if task is not None and not task.is_changed:
                self._follow(task, row)
            elif task is None and not row.is_elsewhere and _is_outdated(row, fresh.get(_target(row))):
                self._transfers.discard(row)
            elif self._is_heir and row.part_id not in ours and self._is_free(row):
                free.append(row)
        self._inherit(free, now)

    def _follow(self, task: Task, row: Transfer) -> None:
        """Do as another program has written down."""
        ours = task.transfer
        paces = (row.rate, row.priority, row.place)
        if paces != (ours.rate, ours.priority, ours.place):
            task.change(rate=row.rate, priority=row.priority, place=row.place)
            if task.run is not None:
                task.run.set_pace()
        is_late = task.run is not None and task.run.is_committing
        if row.wish is ours.wish or is_late:
            return
        if row.wish is Wish.CANCEL:
            self._transfers.give_up(task)
        elif row.wish is Wish.PAUSE:
            self._transfers.rest(task)
        else:
            self._transfers.go_on(task)


def _target(transfer: Transfer) -> _Target:
    """What is sent, and where."""
    return transfer.direction, transfer.server, transfer.path, transfer.room, transfer.to


def _is_outdated(row: Transfer, new: Transfer | None) -> bool:
    """The same file was sent to the same place before it changed: nobody goes on with that."""
    return new is not None and row.part_id != new.part_id and row.mark != new.mark

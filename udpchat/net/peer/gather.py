"""Fetching one file from several holders at once, each block checked as it lands."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from udpchat.chat.events import Disconnected
from udpchat.config import BLOCK_SIZE, HOLDERS_AT_ONCE, SECOND
from udpchat.errors import ConnectionLostError, ErrorCode, RefusedError, StorageError, UdpchatError
from udpchat.files.blocks import HASH_SIZE, block_root
from udpchat.files.events import Downloaded, Phase, Progress
from udpchat.files.local_ports import Wish
from udpchat.files.pieces import BlockCame, HashesCame, PiecesEnded, PiecesOffered
from udpchat.files.ports import FileEntry
from udpchat.net.client import PROGRESS_INTERVAL, Client
from udpchat.net.driver import Driver
from udpchat.net.peer.assembly import Assembly
from udpchat.net.peer.search import Found
from udpchat.peers.gathering import Gathering
from udpchat.peers.ports import NO_ROOT

LEAST_SIZE: Final = 4 * BLOCK_SIZE  # bytes: of less there is nothing to share out
TURN: Final = 0.1  # seconds between two looks at who is silent and who has nothing to do
MUTE: Final = 1.0  # seconds in which a holder says nothing, though it owes something, while others give
ALONE: Final = 2.5  # the same, when nobody gives anything
ROUNDS: Final = 4  # round trips in which a holder says nothing, when these take longer
WISHES: Final = 1.0  # seconds between two looks at what the user wants

GIVING: Final = "giver"  # name of the tasks in which holders give


class WrongBytesError(UdpchatError):
    """A holder served other bytes than it had named."""


@dataclass(slots=True, eq=False)
class Giver:
    """A holder that we have a session with. heard: bytes of its socket, and since when there were no more.

    given: bytes of the file that came from it first; blocks: which. task: in which it gives.
    """

    holder: Found
    client: Client
    number: int
    task: asyncio.Task[None]
    transfer_id: int = 0
    heard: int = -1
    since: float = 0.0
    given: int = 0
    blocks: set[int] = field(default_factory=set)


Meet = Callable[[Found], Awaitable[Client]]
Fail = Callable[[Found, UdpchatError], None]
Choose = Callable[[Found, int], None]


def can_be_shared_out(holders: Sequence[Found]) -> bool:
    """Whether a content is worth to be fetched from several at once, and every block of it can be checked."""
    first = holders[0] if holders else None
    if first is None or first.is_folder or first.root == NO_ROOT or first.size < LEAST_SIZE:
        return False
    return len(different(holders)) > 1


def different(holders: Sequence[Found]) -> list[Found]:
    """Holders of the content of the first, each node once."""
    nodes = {(each.key, each.host, each.port): each for each in reversed(holders) if each.content == holders[0].content}
    return [each for each in holders if nodes.get((each.key, each.host, each.port)) is each]


class Gatherer:
    """One file on its way from several holders. waiting: holders of it; who is asked, or failed, is taken out.

    meet: connects to a holder. choose, fail: told of each that gives, with its round trip [us], and that does not.
    """

    def __init__(self, assembly: Assembly, waiting: list[Found], meet: Meet, choose: Choose, fail: Fail) -> None:
        self.givers: list[Giver] = []
        self.gone: list[Giver] = []
        self.lost: list[Found] = []  # gave, and are not there any more
        self._assembly = assembly
        self._content = waiting[0]
        self._waiting = waiting
        self._tell = (meet, choose, fail)
        self._plan: Gathering | None = None
        self._hashes = _Hashes()
        self._tasks: set[asyncio.Task[None]] = set()
        self._opening = asyncio.Lock()
        self._over: asyncio.Future[FileEntry | None] = asyncio.get_running_loop().create_future()
        self._is_paused = self._is_given_up = False
        self._met = 0

    async def run(self, progress: Callable[[Progress], None] | None = None) -> Downloaded | None:
        """Fetch it; None when nobody is left that gives it. StorageError, RefusedError(CANCELLED)."""
        started = Driver.now()
        try:
            await self._assembly.claim()
            self._fill()
            for look in (self._turn, self._watch_wishes, lambda: self._report(progress)):
                self._start(look())
            entry = await self._over
            if entry is None:
                return None
            for giver in self.givers:
                giver.client.end_pieces(giver.transfer_id, entry.md5)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            if self._is_given_up:
                await self._assembly.drop()
        return self._downloaded(entry, started)

    def _downloaded(self, entry: FileEntry, started: int) -> Downloaded:
        content = self._content
        resumed = max(0, content.size - sum(giver.given for giver in (*self.givers, *self.gone)))
        return Downloaded(
            0,
            entry.file_name,
            entry.size,
            content.md5,
            entry.md5,
            entry.path,
            started,
            Driver.now(),
            content.file_id,
            resumed=resumed,
            earlier=resumed,
        )

    # -- holders -------------------------------------------------------------------------------------------------------

    def _fill(self) -> None:
        """Let as many holders give as may."""
        serving = sum(task.get_name() == GIVING for task in self._tasks)
        while self._waiting and serving < HOLDERS_AT_ONCE:
            self._start(self._serve(self._waiting.pop(0)), GIVING)
            serving += 1
        if not serving and not self._hashes.is_committing and not self._over.done():
            self._over.set_result(None)

    def _start(self, work: Awaitable[None], name: str = "") -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        task.set_name(name)
        self._tasks.add(task)
        task.add_done_callback(self._on_ended)

    def _on_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._over.done():
            return
        if not task.cancelled() and (error := task.exception()) is not None:
            self._over.set_exception(error)
        elif task.get_name() == GIVING:
            self._fill()

    async def _serve(self, holder: Found) -> None:
        """Let one holder give until all is here; who fails is named, and its blocks are for the others."""
        meet, choose, fail = self._tell
        giver = None
        try:
            client = await meet(holder)
            self._met += 1
            task = asyncio.current_task()
            assert task is not None
            giver = Giver(holder, client, self._met, task, since=_time())
            offered = await client.open_pieces(holder.file_id, holder.size)
            if (offered.size, offered.md5, offered.root) != (holder.size, holder.md5, holder.root):
                raise WrongBytesError(f"{holder.place} offers another content than it had named")
            giver.transfer_id = offered.transfer_id
            await self._open(offered)
            choose(holder, client.stats().smoothed_rtt)
            await self._take_from(giver)
        except StorageError:
            raise  # of our disk
        except UdpchatError as error:
            if isinstance(error, ConnectionLostError) and giver is not None and giver.given:
                self.lost.append(holder)
            fail(holder, error)
        finally:
            if giver is not None:
                self._leave(giver)
                await giver.client.close()

    async def _open(self, offered: PiecesOffered) -> None:
        async with self._opening:
            if self._plan is not None or self._over.done():
                return
            missing = await self._assembly.open(offered)
            if isinstance(missing, FileEntry):
                await self._assembly.forget()
                self._over.set_result(missing)
            else:
                self._plan = Gathering(missing)

    def _leave(self, giver: Giver) -> None:
        if giver not in self.givers or self._over.done():  # who is there at the end is told of it
            return
        self.givers.remove(giver)
        self.gone.append(giver)
        if self._plan is not None:
            self._plan.leave(giver.number)
        if self._hashes.giver is giver:
            self._hashes.giver = None
        self._ask_all()

    async def _take_from(self, giver: Giver) -> None:
        if self._plan is None:
            return
        self.givers.append(giver)
        self._plan.join(giver.number)
        self._ask_all()
        events: AsyncIterator[object] = giver.client.events()
        async for event in events:
            match event:
                case BlockCame(_, number, data):
                    self._on_block(giver, number, data)
                case HashesCame(_, hashes):
                    self._on_hashes(giver, hashes)
                case PiecesEnded(_, code, text):
                    raise RefusedError(code, text)
                case Disconnected(code, reason):
                    raise ConnectionLostError(code, reason)
        raise ConnectionLostError(ErrorCode.NO_ERROR, "the connection was closed")

    # -- blocks --------------------------------------------------------------------------------------------------------

    def _on_block(self, giver: Giver, number: int, data: bytearray) -> None:
        plan = self._plan
        if plan is None or self._over.done():
            return
        if self._hashes.known and not self._hashes.fits(number, data):
            raise self._wrong(giver, number)
        if plan.on_block(giver.number, number, Driver.now()):
            self._assembly.write(number, data)
            giver.given += len(data)
            giver.blocks.add(number)
        self._ask(giver)
        if self._assembly.is_sync_due:
            self._start(self._assembly.sync())
        self._go_on()

    @staticmethod
    def _wrong(giver: Giver, number: int) -> WrongBytesError:
        return WrongBytesError(f"{giver.holder.place} served wrong bytes: block {number} is not what it had named")

    def _ask_all(self) -> None:
        for giver in self.givers:
            self._ask(giver)

    def _ask(self, giver: Giver) -> None:
        """Let a holder have enough to do."""
        if self._plan is None or self._over.done() or self._is_paused or giver not in self.givers:
            return
        if not self._hashes.known and self._hashes.giver is None:
            self._hashes.giver = giver
            giver.client.want_hashes(giver.transfer_id)
        if self._assembly.is_behind or not giver.client.is_connected:
            return
        rtt = giver.client.counters().get("smoothed_rtt", 0)
        if numbers := self._plan.next_blocks(giver.number, Driver.now(), rtt):
            giver.client.want_blocks(giver.transfer_id, numbers)

    def _on_hashes(self, giver: Giver, hashes: bytes) -> None:
        """The hashes must be those of the root that was named; then what came before is compared with them."""
        if self._hashes.known:
            return
        if block_root(giver.holder.size, hashes) != giver.holder.root:
            raise WrongBytesError(f"{giver.holder.place} served hashes of other blocks than it had named")
        self._hashes.known = hashes
        self._start(self._compare())

    async def _compare(self) -> None:
        """Compare what was here before the hashes were."""
        plan, hashes = self._plan, self._hashes
        assert plan is not None
        wrong = set(await self._assembly.compare(hashes.known))
        plan.reopen(wrong)
        hashes.is_compared = True
        for giver in list(self.givers):
            if came := sorted(giver.blocks & wrong):
                giver.blocks -= wrong
                self._expel(giver, self._wrong(giver, came[0]))
        self._ask_all()
        self._go_on()

    def _expel(self, giver: Giver, error: UdpchatError) -> None:
        """A holder is asked no more."""
        if isinstance(error, ConnectionLostError) and giver.given:
            self.lost.append(giver.holder)
        self._tell[2](giver.holder, error)
        self._leave(giver)
        giver.task.cancel()

    def _go_on(self) -> None:
        """When all is here, and was compared, it becomes a file."""
        plan, hashes = self._plan, self._hashes
        if plan is None or not plan.is_complete or not hashes.is_compared or hashes.is_committing or self._over.done():
            return
        hashes.is_committing = True
        self._start(self._commit(plan))

    async def _commit(self, plan: Gathering) -> None:
        hashes = self._hashes
        try:
            result = await self._assembly.commit(hashes.known)
        finally:
            hashes.is_committing = False
        if isinstance(result, FileEntry):
            if not self._over.done():
                self._over.set_result(result)
            return
        plan.reopen(result)
        self._ask_all()
        self._fill()

    # -- time ----------------------------------------------------------------------------------------------------------

    async def _turn(self) -> None:
        while True:
            await asyncio.sleep(TURN)
            now = _time()
            for giver in self.givers:
                received = giver.client.counters()["socket_received_bytes"]
                owes = self._plan is not None and self._plan.owed(giver.number)
                if received != giver.heard or not (owes or self._hashes.giver is giver):
                    giver.heard, giver.since = received, now
            for giver in list(self.givers):
                if now - giver.since > (limit := self._patience(giver, now)):
                    text = f"nothing was heard of it for {limit:.1f} s"
                    self._expel(giver, ConnectionLostError(ErrorCode.IDLE_TIMEOUT, text))
            self._ask_all()

    def _patience(self, giver: Giver, now: float) -> float:
        """Seconds of silence after which a holder is left."""
        assert self._plan is not None
        do_others = any(each is not giver and each.given and now - each.since < 3 * TURN for each in self.givers)
        if not (do_others and self._plan.owed(giver.number)):
            return ALONE
        return max(MUTE, ROUNDS * giver.client.counters().get("smoothed_rtt", 0) / SECOND)

    async def _watch_wishes(self) -> None:
        while True:
            await asyncio.sleep(WISHES)
            if self._plan is None:
                continue
            wish = await self._assembly.wish()
            self._is_paused = wish is Wish.PAUSE
            if wish is Wish.CANCEL and not self._hashes.is_committing and not self._over.done():
                self._is_given_up = True
                self._over.set_exception(RefusedError(ErrorCode.CANCELLED, "cancelled"))

    async def _report(self, progress: Callable[[Progress], None] | None) -> None:
        while progress is not None:
            await asyncio.sleep(PROGRESS_INTERVAL)
            transfer = self._assembly.transfer
            if transfer is not None and self._plan is not None:
                phase = Phase.PAUSED if self._is_paused else Phase.RUNNING
                name, size = self._content.file_name.rpartition("/")[2], self._content.size
                progress(Progress(0, name, self._assembly.done, size, transfer, phase))


@dataclass(slots=True)
class _Hashes:
    """Of all blocks. known: empty until they have come; giver: who was asked for them.

    is_compared: what came before is what they say. is_committing: it is being made a file.
    """

    known: bytes = b""
    giver: Giver | None = None
    is_compared: bool = False
    is_committing: bool = False

    def fits(self, number: int, data: bytearray) -> bool:
        """A block is what it should be."""
        return hashlib.sha256(data).digest() == self.known[number * HASH_SIZE : (number + 1) * HASH_SIZE]


def _time() -> float:
    return asyncio.get_running_loop().time()

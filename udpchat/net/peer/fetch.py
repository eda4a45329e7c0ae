"""Fetching from a holder directly, as a client of it, and from the next one when that one fails."""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from udpchat.config import BLOCK_SIZE, Config
from udpchat.errors import (
    ConnectionLostError,
    ErrorCode,
    HandshakeError,
    RefusedError,
    StorageError,
    UdpchatError,
)
from udpchat.files.blocks import block_root
from udpchat.files.events import Downloaded, Progress
from udpchat.files.local_ports import Direction, Transfer
from udpchat.net.client import Client
from udpchat.net.joining import connect
from udpchat.net.peer.assembly import Assembly, Wanted
from udpchat.net.peer.gather import Gatherer, WrongBytesError, can_be_shared_out, different
from udpchat.net.peer.search import Found
from udpchat.peers.ports import NO_ROOT
from udpchat.peers.roster import NO_KEY
from udpchat.store.transfers import TransferBook

SILENCE: Final = 2.5  # seconds in which a holder says nothing, though it was asked, after which another is tried
LOOK: Final = 0.5  # seconds between two looks at that
PATIENCE: Final = 60.0  # seconds to come back to the only holder
MEETING: Final = 4.0  # seconds in which a holder lets us in, when there are others
MOST_TRIED: Final = 16  # holders of one content: whoever makes hits up must not keep us busy, nor us knock everywhere
AT_ONCE: Final = 4  # holders that are as near as one another, whose round-trip times are compared
OWN_DISK: Final = frozenset({ErrorCode.STORAGE_FAILED, ErrorCode.NO_SPACE})  # no other holder would help


@dataclass(frozen=True, slots=True)
class HolderFailed:
    """A holder did not give what it has. is_wrong: it served other bytes than it had named."""

    holder: Found
    text: str
    is_wrong: bool


@dataclass(frozen=True, slots=True)
class HolderChosen:
    """What is wanted comes from this holder. rtt: to it [us]. resumed: some of it was here already."""

    holder: Found
    rtt: int


@dataclass(frozen=True, slots=True)
class HolderGave:
    """One of several holders of a file that is here now. size: bytes of it that came from there."""

    holder: Found
    size: int


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was wanted is here, whole. holder: that gave the most, or the last of it. failed: holders that did not.

    gave: each of several that gave it at once; of one alone nothing.
    """

    downloaded: Downloaded
    holder: Found
    failed: tuple[HolderFailed, ...] = ()
    gave: tuple[HolderGave, ...] = ()


class NoHolderError(RefusedError):
    """Nobody gives what is wanted; the text says who was tried. failed: each of them."""

    def __init__(self, text: str, failed: tuple[HolderFailed, ...] = ()) -> None:
        super().__init__(ErrorCode.UNKNOWN_FILE, text)
        self.failed = failed


class AmbiguousNameError(RefusedError):
    """Several contents have the name that was wanted. choices: each with its holders, the nearest first."""

    def __init__(self, name: str, choices: Sequence[Sequence[Found]]) -> None:
        hashes = ", ".join(sorted({each[0].md5.hex() for each in choices}))
        text = f"{len(choices)} different files are called {name}; name one by its MD5: {hashes}"
        super().__init__(ErrorCode.UNKNOWN_FILE, text)
        self.choices = choices


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches for one user. home: of keys and unfinished transfers. nick: under which holders see us.

    tell: told how it goes with the holders.
    """

    home: Path
    config: Config
    nick: str
    tell: Callable[[HolderChosen | HolderFailed], None]

    async def fetch(
        self, holders: Sequence[Found], folder: Path, progress: Callable[[Progress], None] | None = None
    ) -> Fetched:
        """Fetch one content into a folder. holders: of it, the nearest first.

        NoHolderError: none gave it; what has arrived is kept. StorageError: this machine's disk.
        """
        failed: list[HolderFailed] = []
        waiting, has_begun = await asyncio.to_thread(self._in_order, holders, folder)
        if can_be_shared_out(waiting):
            fetched, waiting = await self._gather(waiting, failed, folder, progress)
            if fetched is not None:
                return fetched
        while waiting:
            holder, client = await self._meet(waiting, failed, is_race=not (has_begun or failed))
            if client is None:
                continue
            try:
                downloaded = await self._take(client, holder, folder, progress, has_others=bool(waiting))
                await asyncio.to_thread(check_content, downloaded, holder)
            except StorageError as error:
                if error.code in OWN_DISK:
                    raise
                self._fail(failed, holder, error)
            except UdpchatError as error:
                if isinstance(error, RefusedError) and error.code == ErrorCode.CANCELLED:
                    raise
                self._fail(failed, holder, error)
            else:
                return Fetched(downloaded, holder, tuple(failed))
            finally:
                await client.close()
            if waiting:
                await asyncio.to_thread(self._hand_over, holder, waiting[0], folder)
        raise NoHolderError(_failed_text(failed), tuple(failed))

    # -- which holder --------------------------------------------------------------------------------------------------

    def _in_order(self, holders: Sequence[Found], folder: Path) -> tuple[list[Found], bool]:
        """The nearest first, but for one that has given us a part of it already; whether there is one."""
        with closing(TransferBook(self.home)) as book:
            rows = {(row.server, row.file_id) for row in book.list() if _is_into(row, folder)}
        begun = [each for each in holders if (_server(each), each.file_id) in rows]
        others = [each for each in holders if each not in begun]
        nearest = sorted(others, key=lambda each: (each.hops, each.waited))
        return (begun + nearest)[:MOST_TRIED], bool(begun)

    async def _meet(
        self, waiting: list[Found], failed: list[HolderFailed], *, is_race: bool
    ) -> tuple[Found, Client | None]:
        """Connect to the next holder, which is taken from those that wait.

        is_race: of the nearest, the one with the shortest round trip.
        """
        best = [each for each in waiting if each.hops == waiting[0].hops][:AT_ONCE] if is_race else waiting[:1]
        met = await asyncio.gather(*(self._connect(each, has_others=len(waiting) > 1) for each in best))
        clients = {each: client for each, client in zip(best, met, strict=True) if isinstance(client, Client)}
        for each, client in zip(best, met, strict=True):
            if isinstance(client, UdpchatError):
                waiting.remove(each)
                self._fail(failed, each, client)
        if not clients:
            return best[0], None
        chosen = min(clients, key=lambda each: clients[each].stats().smoothed_rtt)
        waiting.remove(chosen)
        await asyncio.gather(*(client.close() for each, client in clients.items() if each is not chosen))
        self.tell(HolderChosen(chosen, clients[chosen].stats().smoothed_rtt))
        return chosen, clients[chosen]

    async def _connect(self, holder: Found, *, has_others: bool) -> Client | UdpchatError:
        """A session with a holder, whose key must be the one that was told of it."""
        key = "" if self.config.plaintext or holder.key == NO_KEY else holder.key.hex()
        if not key and not self.config.plaintext:
            return HandshakeError(f"{holder.place} is a node in plaintext mode, and this one is not")
        if not _is_one_place(holder.host):
            return HandshakeError(f"{holder.host} is no address of a node")
        try:
            async with asyncio.timeout(MEETING if has_others else None):
                return await connect(
                    holder.host,
                    holder.port,
                    nick=self.nick,
                    config=self.config,
                    home=self.home,
                    server_key=key or None,
                    pins=False,
                    visitor=True,
                    reconnect=0.0 if has_others else PATIENCE,
                )
        except TimeoutError:
            return HandshakeError(f"no answer in {MEETING:.0f} s")
        except (HandshakeError, RefusedError, ConnectionLostError) as error:
            return error

    def _fail(self, failed: list[HolderFailed], holder: Found, error: UdpchatError) -> None:
        is_wrong = isinstance(error, WrongBytesError) or getattr(error, "code", 0) == ErrorCode.DIGEST_MISMATCH
        failed.append(HolderFailed(holder, str(error), is_wrong))
        self.tell(failed[-1])

    # -- several at once -----------------------------------------------------------------------------------------------

    async def _gather(
        self,
        holders: list[Found],
        failed: list[HolderFailed],
        folder: Path,
        progress: Callable[[Progress], None] | None,
    ) -> tuple[Fetched | None, list[Found]]:
        """Fetch a file from several holders; when none is left, the one to be waited for, which gave some of it."""
        first = holders[0]
        name = first.file_name.rpartition("/")[2]
        wanted = Wanted(_server(first), first.file_id, name, first.size, first.md5, folder, self.nick)
        assembly = await asyncio.to_thread(Assembly, self.home, wanted)
        gatherer = Gatherer(
            assembly,
            different(holders),
            self._met,
            lambda holder, rtt: self.tell(HolderChosen(holder, rtt)),
            lambda holder, error: self._fail(failed, holder, error),
        )
        try:
            downloaded = await gatherer.run(progress)
        finally:
            await assembly.close()
        if downloaded is None:
            await asyncio.to_thread(self._hand_over, first, (gatherer.lost or [first])[-1], folder)
            return None, gatherer.lost[-1:]
        gave = [HolderGave(each.holder, each.given) for each in (*gatherer.gone, *gatherer.givers) if each.given]
        most = max(gave, key=lambda each: each.size).holder if gave else first
        return Fetched(downloaded, most, tuple(failed), tuple(gave)), []

    async def _met(self, holder: Found) -> Client:
        client = await self._connect(holder, has_others=True)
        if isinstance(client, UdpchatError):
            raise client
        return client

    # -- the bytes -----------------------------------------------------------------------------------------------------

    async def _take(
        self,
        client: Client,
        holder: Found,
        folder: Path,
        progress: Callable[[Progress], None] | None,
        *,
        has_others: bool,
    ) -> Downloaded:
        name = holder.file_name.rpartition("/")[2]
        download = asyncio.ensure_future(client.get(name, folder, progress, file_id=holder.file_id))
        if not has_others:
            return await _cancelled_with(download)
        silence = asyncio.ensure_future(_silent(client))
        try:
            await asyncio.wait({download, silence}, return_when=asyncio.FIRST_COMPLETED)
            if download.done():
                return download.result()
            raise ConnectionLostError(ErrorCode.IDLE_TIMEOUT, f"nothing was heard of it for {SILENCE} s")
        finally:
            for task in (download, silence):
                task.cancel()
            await asyncio.gather(download, silence, return_exceptions=True)

    def _hand_over(self, old: Found, new: Found, folder: Path) -> None:
        """What one holder gave, the next one of the same content goes on with."""
        if old.content != new.content:
            return
        with closing(TransferBook(self.home)) as book:
            rows = [row for row in book.list() if _is_into(row, folder)]
            for row in rows:
                if (row.server, row.file_id) == (_server(old), old.file_id):
                    book.move(row.number, _server(new), new.file_id)


def check_content(downloaded: Downloaded, holder: Found) -> None:
    """WrongBytesError when what has arrived is not what its holder had named; it is removed then."""
    path = Path(downloaded.path)
    wrong = ""
    if downloaded.size != holder.size:
        wrong = f"{downloaded.size} bytes, and it had named {holder.size}"
    elif downloaded.md5_stored != holder.md5:
        wrong = f"the MD5 {downloaded.md5_stored.hex()}, and it had named {holder.md5.hex()}"
    elif holder.root != NO_ROOT and not holder.is_folder and root_of(path) != holder.root:
        wrong = "the right MD5, but other blocks than it had named: it was made to look the same"
    if not wrong:
        return
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"{path} has wrong content and cannot be removed: {error.strerror}") from error
    raise WrongBytesError(f"{holder.place} served wrong bytes: {wrong}; they are removed")


def root_of(path: Path) -> bytes:
    """The block root of a file of this machine. StorageError."""
    hashes, size = bytearray(), 0
    try:
        with open(path, "rb") as file:
            while block := file.read(BLOCK_SIZE):
                size += len(block)
                hashes += hashlib.sha256(block).digest()
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from error
    return block_root(size, bytes(hashes))


async def _cancelled_with(download: asyncio.Future[Downloaded]) -> Downloaded:
    try:
        return await download
    finally:
        download.cancel()


async def _silent(client: Client) -> None:
    """Returns when a holder says nothing any more; after a second of silence the client asks it."""
    loop = asyncio.get_running_loop()
    heard, since = -1, loop.time()
    while loop.time() - since < SILENCE:
        received = client.counters()["socket_received_bytes"]
        if received != heard:
            heard, since = received, loop.time()
        await asyncio.sleep(LOOK)


def _is_one_place(host: str) -> bool:
    """Whether something that a node has told can be the address of one machine."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return not (address.is_multicast or address.is_unspecified)


def _server(holder: Found) -> bytes:
    """As transfers are written down: a server by its key or, in plaintext, by where it is."""
    return f"{holder.host} {holder.port}".encode() if holder.key == NO_KEY else holder.key


def _is_into(row: Transfer, folder: Path) -> bool:
    return row.direction is Direction.DOWNLOAD and row.path == str(folder) and not row.is_elsewhere


def _failed_text(failed: Sequence[HolderFailed]) -> str:
    if not failed:
        return "no node has it"
    tried = "; ".join(f"{each.holder.place}: {each.text}" for each in failed)
    return f"no node gave it ({tried}); what has arrived is kept: the same once more goes on from there"

"""A file that comes from several nodes at once, over loopback."""

import asyncio
import hashlib
import os
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.net.peering import LIMIT, LOCALHOST, Neighbourhood, neighbour, neighbourhood, told
from udpchat.config import MIB, Config
from udpchat.errors import ErrorCode, RefusedError
from udpchat.files.events import Progress
from udpchat.files.local_ports import Wish
from udpchat.files.ports import CloseSource, HashBlocks
from udpchat.files.stored_ports import OpenStored, Stored
from udpchat.net.peer.api import Peer, start_peer
from udpchat.net.peer.node import open_server_store
from udpchat.net.peer.search import Found
from udpchat.peers.ports import SharedFile, ShareScanned
from udpchat.peers.settings import PeerConfig
from udpchat.protocol.ports import Job, Source, StoreRequest
from udpchat.store.transfers import TransferBook

DATA = Random(9).randbytes(16 * MIB + 17)
SLOW = Config(file_rate=6 * MIB)  # of each giver, so that there is a middle of a transfer
NAMES = ("one", "two", "three")


async def three(place: Neighbourhood, data: bytes = DATA) -> tuple[Peer, list[Peer]]:
    """One who asks, and three who have the same."""
    givers = [await place.start_giver(name, {"big.bin": data}, transport=SLOW) for name in NAMES]
    return await asker_of(place, *givers), givers


async def asker_of(place: Neighbourhood, *givers: Peer) -> Peer:
    asker = await place.start("asker", *(neighbour(giver) for giver in givers))
    await asker.linked(10)
    return asker


async def found_by(peer: Peer) -> list[Found]:
    return [each async for each in peer.search("big.bin", wait=0.4)]


def left_over(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if name.startswith(".")]


class TransferBookOf:
    """The unfinished transfers of a node's user."""

    def __init__(self, peer: Peer) -> None:
        self._book = TransferBook(peer.home)

    def __enter__(self) -> TransferBook:
        return self._book

    def __exit__(self, *_: object) -> None:
        self._book.close()


def damage(folder: Path) -> None:
    (part,) = [path for path in folder.rglob("*") if path.is_file() and path.name.startswith(".")]
    with open(part, "r+b") as file:
        file.seek(3 * MIB)
        file.write(b"damaged")


async def test_a_file_comes_from_all_of_its_holders(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as place:
        asker, givers = await three(place)
        seen: list[Progress] = []
        fetched = await asker.get("big.bin", tmp_path, seen.append)
        assert (tmp_path / "big.bin").read_bytes() == DATA
        assert fetched.downloaded.md5_stored == hashlib.md5(DATA).digest()
        assert {each.holder.key for each in fetched.gave} == {giver.key for giver in givers}
        assert sum(each.size for each in fetched.gave) == len(DATA)
        assert fetched.failed == ()
        assert [each.done for each in seen] == sorted(each.done for each in seen)
        assert not left_over(tmp_path)
        with TransferBookOf(asker) as book:
            assert book.list() == ()


async def test_a_holder_that_dies_costs_only_what_it_owed(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as place:
        asker, givers = await three(place)
        dying: list[asyncio.Task[None]] = []

        def progress(seen: Progress) -> None:
            if seen.done > 4 * MIB and not dying:
                dying.append(asyncio.create_task(givers[0].close()))

        key = givers[0].key
        fetched = await asker.get("big.bin", tmp_path, progress)
        assert (tmp_path / "big.bin").read_bytes() == DATA
        assert [each.holder.key for each in fetched.failed] == [key]
        assert not fetched.failed[0].is_wrong
        assert sum(each.size for each in fetched.gave) == len(DATA)
        await asyncio.gather(*dying)


async def test_a_holder_that_has_another_content_than_it_named_gives_nothing(tmp_path: Path) -> None:
    wrong = bytearray(DATA)
    for start in range(0, len(wrong), MIB):
        wrong[start] ^= 1
    truth: list[SharedFile] = []

    def lie(file: SharedFile) -> SharedFile:
        return replace(file, md5=truth[0].md5, root=truth[0].root) if truth else file

    async with neighbourhood(tmp_path) as place:
        honest = [await place.start_giver(name, {"big.bin": DATA}, transport=SLOW) for name in NAMES[:2]]
        liar = await place.start_giver("liar", {"big.bin": bytes(wrong)}, lies=lie)
        asker = await asker_of(place, *honest, liar)
        right = next(each for each in await found_by(asker) if each.key == honest[0].key)
        truth.append(SharedFile("big.bin", right.size, right.md5, right.root))
        fetched = await asker.get("big.bin", tmp_path)
        assert (tmp_path / "big.bin").read_bytes() == DATA
        (failed,) = fetched.failed
        assert (failed.holder.key, failed.is_wrong) == (liar.key, True)
        assert {each.holder.key for each in fetched.gave} == {giver.key for giver in honest}


class SpoiltSource:
    """A file that is read wrongly when it is sent."""

    def __init__(self, inner: Source) -> None:
        self.inner = inner

    @property
    def size(self) -> int:
        return self.inner.size

    def read_into(self, offset: int, view: memoryview) -> int:
        length = self.inner.read_into(offset, view)
        view[0] ^= 1
        return length

    def close(self) -> None:
        self.inner.close()


class SpoilingStore:
    """The storage of a node that says what is true of its files, and sends other bytes."""

    def __init__(self, folder: Path, config: PeerConfig) -> None:
        self._inner = open_server_store(folder, config)

    def submit(self, request: StoreRequest) -> Any:
        if isinstance(request, HashBlocks | CloseSource) and isinstance(request.source, SpoiltSource):
            request = replace(request, source=request.source.inner)
        answer = self._inner.submit(request)
        if not isinstance(request, OpenStored):
            return answer
        return Job(answer.run, lambda found: self._spoilt(answer.finish(found)), answer.lane)

    @staticmethod
    def _spoilt(answer: Stored) -> Stored:
        return replace(answer, source=SpoiltSource(answer.source))

    def close(self) -> None:
        self._inner.close()


async def test_a_holder_of_wrong_bytes_is_named_and_none_of_them_stays(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as place:
        honest = [await place.start_giver(name, {"big.bin": DATA}, transport=SLOW) for name in NAMES[:2]]
        config = PeerConfig(name="liar", host=LOCALHOST, port=0, share=str(tmp_path / "goods of one"))
        async with await start_peer(config, tmp_path / "liar", transport=SLOW, open_store=SpoilingStore) as liar:
            await told(liar, ShareScanned)
            asker = await asker_of(place, *honest, liar)
            fetched = await asker.get("big.bin", tmp_path)
            assert (tmp_path / "big.bin").read_bytes() == DATA
            (failed,) = fetched.failed
            assert (failed.holder.key, failed.is_wrong) == (liar.key, True)
            assert "served wrong bytes: block" in failed.text
            assert sum(each.size for each in fetched.gave if each.holder.key != liar.key) >= 15 * MIB


async def test_the_last_holder_goes_on_alone(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as place:
        asker, givers = await three(place)
        dying: list[asyncio.Task[None]] = []

        def progress(seen: Progress) -> None:
            if seen.done > 3 * MIB and not dying:
                dying.extend(asyncio.create_task(giver.close()) for giver in givers[:2])

        key = givers[2].key
        fetched = await asker.get("big.bin", tmp_path, progress)
        assert (tmp_path / "big.bin").read_bytes() == DATA
        assert (fetched.holder.key, len(fetched.failed)) == (key, 2)
        await asyncio.gather(*dying)


async def test_what_has_arrived_is_gone_on_with(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as place:
        asker, _ = await three(place)
        enough = asyncio.Event()

        def progress(seen: Progress) -> None:
            if seen.done > 8 * MIB:
                enough.set()

        first = asyncio.create_task(asker.get("big.bin", tmp_path, progress))
        await asyncio.wait_for(enough.wait(), LIMIT)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        with TransferBookOf(asker) as book:
            assert [(row.file_name, row.done > 8 * MIB) for row in book.list()] == [("big.bin", True)]
        fetched = await asker.get("big.bin", tmp_path)
        assert (tmp_path / "big.bin").read_bytes() == DATA
        assert fetched.downloaded.resumed > 8 * MIB
        assert sum(each.size for each in fetched.gave) < 9 * MIB
        assert not left_over(tmp_path)


async def test_bytes_of_an_earlier_run_that_are_wrong_are_fetched_again(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as place:
        asker, _ = await three(place)
        enough = asyncio.Event()

        def progress(seen: Progress) -> None:
            if seen.done > 8 * MIB:
                enough.set()

        first = asyncio.create_task(asker.get("big.bin", tmp_path, progress))
        await asyncio.wait_for(enough.wait(), LIMIT)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        damage(tmp_path)
        fetched = await asker.get("big.bin", tmp_path)
        assert (tmp_path / "big.bin").read_bytes() == DATA
        assert fetched.failed == ()


async def test_the_user_may_give_it_up(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as place:
        asker, _ = await three(place)

        def progress(seen: Progress) -> None:
            if seen.done > 2 * MIB:
                with TransferBookOf(asker) as book:
                    book.set_wish(seen.transfer.number, Wish.CANCEL)

        with pytest.raises(RefusedError) as refused:
            await asker.get("big.bin", tmp_path, progress)
        assert refused.value.code == ErrorCode.CANCELLED
        assert not left_over(tmp_path)
        assert not (tmp_path / "big.bin").exists()
        with TransferBookOf(asker) as book:
            assert book.list() == ()

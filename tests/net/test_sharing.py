"""What lies in the folder of a node, fetched by an ordinary client over loopback."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from random import Random

import pytest

from tests.net.peering import LIMIT, Neighbourhood, neighbourhood, told
from udpchat.config import MIB, Config
from udpchat.errors import ErrorCode, RefusedError, StorageError
from udpchat.files.events import FileRemoved, Progress
from udpchat.net.client import Client
from udpchat.net.joining import connect
from udpchat.net.peer.api import Peer

SLOW = Config(file_rate=4 * MIB)  # so that there is a middle of a transfer
GOODS = {"album/a.bin": Random(1).randbytes(5 * MIB), "album/disc 2/b.bin": b"two", "c.txt": b"three"}


async def visit(place: Neighbourhood, peer: Peer) -> Client:
    return await connect(*peer.address, nick="ben", home=place.folder / "ben", server_key=peer.key.hex())


async def test_a_client_lists_searches_and_fetches_what_a_node_shares(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as place:
        peer = await place.start_giver("atlas", GOODS)
        client = await visit(place, peer)
        listed = {entry.file_name: entry for entry in await client.files()}
        assert set(listed) == {"album", "disc 2", "a.bin", "b.bin", "c.txt"}
        assert {entry.owner_nick for entry in listed.values()} == {"atlas"}
        assert [member.path for member in await client.members(listed["album"].file_id)] == [
            *("a.bin", "disc 2", "disc 2/b.bin"),
        ]
        got = await client.get("album", tmp_path, file_id=listed["album"].file_id)
        assert got.md5_stored == listed["album"].md5
        assert (tmp_path / "album" / "a.bin").read_bytes() == GOODS["album/a.bin"]
        assert (tmp_path / "album" / "disc 2" / "b.bin").read_bytes() == b"two"
        await client.get("c.txt", tmp_path)
        assert (tmp_path / "c.txt").read_bytes() == b"three"
        await client.get("b.bin", tmp_path, file_id=listed["album"].file_id, member=2)
        assert (tmp_path / "b.bin").read_bytes() == b"two"
        with pytest.raises(RefusedError, match=r"shares|only the owner") as refused:
            await client.delete_file(listed["c.txt"].file_id)
        assert refused.value.code == ErrorCode.NOT_ALLOWED
        await client.close()


async def test_a_file_that_changed_without_a_trace_is_not_taken_for_what_was_named(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as place, asyncio.timeout(LIMIT):
        peer = await place.start_giver("atlas", GOODS)
        client = await visit(place, peer)
        file = tmp_path / "goods of atlas" / "c.txt"
        status = file.stat()
        file.write_bytes(b"THREE")
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
        with pytest.raises(StorageError, match="atlas has changed it and left its time as it was") as refused:
            await client.get("c.txt", tmp_path)
        assert refused.value.code == ErrorCode.DIGEST_MISMATCH
        await told(peer, FileRemoved)
        assert "c.txt" not in {entry.file_name for entry in await client.files()}
        assert file.read_bytes() == b"THREE"
        await client.close()


@pytest.mark.parametrize("name", ["album", "a.bin"])
async def test_who_fetches_what_changes_meanwhile_is_told_so(tmp_path: Path, name: str) -> None:
    async with neighbourhood(tmp_path) as place, asyncio.timeout(LIMIT):
        peer = await place.start_giver("atlas", GOODS, transport=SLOW)
        client = await visit(place, peer)
        file = tmp_path / "goods of atlas" / "album" / "a.bin"
        status = file.stat()

        def change(progress: Progress) -> None:
            if progress.done > MIB and file.stat().st_mtime_ns == status.st_mtime_ns:
                with open(file, "r+b") as opened:
                    opened.write(b"changed")
                os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000))

        for _ in range(2):  # while it is sent, and before it is sent
            with pytest.raises(StorageError, match="has changed since it was read for sharing") as refused:
                await client.get(name, tmp_path, change)
            assert refused.value.code == ErrorCode.SOURCE_CHANGED
            assert not {name, "album"} & set(os.listdir(tmp_path))
        await client.close()

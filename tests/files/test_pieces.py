"""Blocks of a file, asked for one by one."""

from __future__ import annotations

import hashlib
from random import Random

import pytest

from tests.files.shop import CLEAN, act, get, open_shop, put
from tests.files.test_strange_servers import ID, StrangeWorld, failure, of_server, offer, strange_shop
from tests.world import End, World, client
from udpchat.config import MIB, SECOND, Config
from udpchat.errors import ErrorCode
from udpchat.files.blocks import block_root
from udpchat.files.events import FileDelivered
from udpchat.files.pieces import BlockCame, HashesCame, PiecesEnded, PiecesOffered
from udpchat.sim.link import LinkSpec
from udpchat.wire.records import Blocks, Cancel, Fetch, Record, WantBlocks

DATA = Random(3).randbytes(3 * MIB + 5)
HASHES = [hashlib.sha256(DATA[start : start + MIB]).digest() for start in range(0, len(DATA), MIB)]
LOSSY = LinkSpec(delay=CLEAN.delay, loss=0.05)


def opened(world: World, end: End, file_id: bytes, size: int) -> PiecesOffered:
    request_id = act(world, lambda: client(end).files.pieces.open(file_id, size))
    world.run_until(lambda: any(each.request_id == request_id for each in end.told(PiecesOffered)), 10)
    offered: PiecesOffered = end.told(PiecesOffered)[-1]
    return offered


def shop_with_file(link: LinkSpec = CLEAN) -> tuple[World, End, PiecesOffered]:
    world, (anna,) = open_shop("anna", link=link, config=Config())
    stored = put(world, anna, DATA)
    return world, anna, opened(world, anna, stored.file_id, len(DATA))


def test_what_is_offered_is_what_the_server_stores() -> None:
    _, _, offered = shop_with_file()
    assert (offered.file_name, offered.size) == ("a.bin", len(DATA))
    assert (offered.md5, offered.root) == (hashlib.md5(DATA).digest(), block_root(len(DATA), b"".join(HASHES)))


@pytest.mark.parametrize("link", [CLEAN, LOSSY], ids=["clean", "lossy"])
def test_only_the_blocks_that_were_asked_for_come(link: LinkSpec) -> None:
    world, anna, offered = shop_with_file(link)
    world.do(lambda: client(anna).files.pieces.want(offered.transfer_id, (3, 1)))
    world.run_until(lambda: len(anna.told(BlockCame)) == 2, 60)
    world.network.run_for(SECOND)
    came = {event.number: bytes(event.data) for event in anna.told(BlockCame)}
    assert came == {1: DATA[MIB : 2 * MIB], 3: DATA[3 * MIB :]}
    assert not client(anna).files.pieces.is_waiting


def test_a_block_can_be_asked_for_twice_and_while_others_come() -> None:
    world, anna, offered = shop_with_file(LOSSY)
    world.do(lambda: client(anna).files.pieces.want(offered.transfer_id, (0, 1)))
    world.do(lambda: client(anna).files.pieces.want(offered.transfer_id, (2,)))
    world.run_until(lambda: len(anna.told(BlockCame)) == 3, 60)
    world.do(lambda: client(anna).files.pieces.want(offered.transfer_id, (1,)))
    world.run_until(lambda: len(anna.told(BlockCame)) == 4, 60)
    assert sorted(event.number for event in anna.told(BlockCame)) == [0, 1, 1, 2]
    for event in anna.told(BlockCame):
        assert bytes(event.data) == DATA[event.number * MIB :][:MIB]


def test_the_hashes_come_while_blocks_do() -> None:
    world, anna, offered = shop_with_file()
    world.do(lambda: client(anna).files.pieces.want(offered.transfer_id, (0,)))
    world.do(lambda: client(anna).files.pieces.want_hashes(offered.transfer_id))
    world.run_until(lambda: bool(anna.told(HashesCame) and anna.told(BlockCame)), 60)
    assert anna.told(HashesCame) == [HashesCame(offered.transfer_id, b"".join(HASHES))]


def test_the_server_hears_that_the_file_is_here_and_gives_it_once_more() -> None:
    world, anna, offered = shop_with_file()
    world.do(lambda: client(anna).files.pieces.end(offered.transfer_id, offered.md5))
    world.run_until(lambda: bool(world.server.told(FileDelivered)), 10)
    assert world.server.told(FileDelivered)[-1].md5_received == offered.md5
    assert get(world, anna).md5_stored == offered.md5


def test_a_file_that_is_not_there_is_refused() -> None:
    world, (anna,) = open_shop("anna")
    request_id = act(world, lambda: client(anna).files.pieces.open(bytes(15) + b"x", 5))
    assert failure(world, anna, request_id).code == ErrorCode.UNKNOWN_FILE


def strange(*answers: tuple[type, Record]) -> tuple[StrangeWorld, End, PiecesOffered]:
    world, anna = strange_shop()
    size = 2 * MIB
    world.strange.answer(Fetch, (offer(size=size),))
    offered = opened(world, anna, ID, size)
    for kind, answer in answers:
        world.strange.answer(kind, (answer,))
    return world, anna, offered


def test_a_folder_under_the_id_of_a_file_is_nonsense() -> None:
    world, anna = strange_shop()
    world.strange.answer(Fetch, (offer(size=5, members=1),))
    request_id = act(world, lambda: client(anna).files.pieces.open(ID, 5))
    assert failure(world, anna, request_id).code == ErrorCode.PROTOCOL_VIOLATION


@pytest.mark.parametrize(
    ("first", "hashes"), [(1, bytes(32)), (0, bytes(31)), (0, b""), (0, bytes(96))], ids=["gap", "odd", "none", "many"]
)
def test_hashes_that_cannot_be_end_it(first: int, hashes: bytes) -> None:
    world, anna, offered = strange((WantBlocks, Blocks(offer().transfer_id, first, hashes)))
    world.do(lambda: client(anna).files.pieces.want_hashes(offered.transfer_id))
    world.run_until(lambda: bool(anna.told(PiecesEnded)), 10)
    assert anna.told(PiecesEnded)[-1].code == ErrorCode.DIGEST_MISMATCH
    assert not anna.told(HashesCame)


def test_a_cancel_and_a_lost_connection_are_told() -> None:
    world, anna, offered = strange()
    record = Cancel(offered.transfer_id, ErrorCode.SOURCE_CHANGED, "it has changed")
    world.do(lambda: of_server(world).send_record(record, 0))
    world.run_until(lambda: bool(anna.told(PiecesEnded)), 10)
    assert anna.told(PiecesEnded) == [PiecesEnded(offered.transfer_id, ErrorCode.SOURCE_CHANGED, "it has changed")]
    again = opened(world, anna, ID, 2 * MIB)
    world.do(client(anna).chat.leave)
    world.run_until(lambda: len(anna.told(PiecesEnded)) == 2, 10)
    assert anna.told(PiecesEnded)[-1].transfer_id == again.transfer_id

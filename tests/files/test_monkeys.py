"""Whatever a client says about files, in whatever order: the server answers or ignores it, and serves the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final

import pytest

from tests.chat.speaker import wait
from tests.files.trader import Bytes, Trader, come, market, md5_of
from tests.world import World, seeds
from udpchat.config import MIB, MILLISECOND, Config
from udpchat.errors import ErrorCode
from udpchat.sim.disk import DiskSpec
from udpchat.wire.numbers import JoinFlag
from udpchat.wire.records import (
    Blocks,
    Cancel,
    Commit,
    Committed,
    Credit,
    DeleteFile,
    Fetch,
    File,
    ListFiles,
    ListMembers,
    ListStates,
    Mark,
    Member,
    Missing,
    Open,
    Pace,
    Received,
    Record,
    WantBlocks,
)

STEPS: Final = 150
NAMES: Final = ("a.bin", "b.bin", "", "folder", "../x", "x" * 300)
PEOPLE: Final = ("", "", "", "anna", "ben", "nobody")
ROOMS: Final = ("", "lobby", "nowhere")
PATHS: Final = ("a", "b", "sub", "sub/c", "..", "/", "a")
SIZES: Final = (0, 1, 1_000, 70_000, 2**53 - 1)
NUMBERS: Final = (0, 1, 2, 2**32 - 1)


class Monkey:
    """Says anything, and some of it makes sense."""

    def __init__(self, who: Trader, random: Random) -> None:
        self.who = who
        self._random = random
        self._makers: tuple[Callable[[], Record], ...] = (
            lambda: Open(self._id(), self._size(), 0, self._pick(NUMBERS[:3]), self._pick(range(16)), *self._place()),
            lambda: Commit(self._id(), self._pick((bytes(16), md5_of(b""), md5_of(bytes(1_000))))),
            lambda: Member(
                self._transfer(), self._pick(NUMBERS), self._size(), 0, bytes(16), self._flag(), self._path()
            ),
            lambda: Blocks(self._transfer(), self._pick(NUMBERS), bytes(self._pick((0, 31, 32, 64)))),
            lambda: Cancel(self._transfer(), 71, "no"),
            lambda: Fetch(self._file(), self._pick(NUMBERS), self._pick(range(16)), self._pick(NAMES), self._ranges()),
            lambda: Credit(self._transfer(), self._size()),
            lambda: Missing(self._transfer(), self._ranges()),
            lambda: WantBlocks(self._transfer()),
            lambda: Pace(self._transfer(), self._size(), self._pick(range(5))),
            lambda: Received(self._transfer(), bytes(16)),
            lambda: ListFiles(self._pick(ROOMS)),
            lambda: ListMembers(self._file()),
            lambda: ListStates(self._file()),
            lambda: Mark(self._file(), self._pick(range(8))),
            lambda: DeleteFile(self._file()),
        )

    def act(self) -> None:
        """One thing more."""
        if self._random.random() < 0.15:
            self._send_bytes()
        else:
            self.who.send(self._pick(self._makers)())

    def _send_bytes(self) -> None:
        transfer_id, size = self._pick((1, 2, 3)), self._pick(SIZES[:4])
        transfers = self.who.link.transmitter.transfers
        transfers.stop(transfer_id)
        limit = self._pick((0, 1_000, size))
        self.who.world.do(lambda: self.who.link.send_transfer(transfer_id, size, Bytes(bytes(size)), limit))

    def _pick(self, among: Sequence[Any]) -> Any:
        return self._random.choice(among)

    def _id(self) -> bytes:
        return bytes(15) + bytes([self._pick(range(4))])

    def _file(self) -> bytes:
        """A file that is there, mostly."""
        known = [record.file_id for heard in self.who.records if isinstance(record := heard.record, File | Committed)]
        return bytes(self._pick([bytes(16), self._id(), *known[-5:]]))

    def _transfer(self) -> int:
        return int(self._pick((0, 1, 2, 3, 4, 2**31 + 1, 2**31 + 2, 2**31 + 3, 2**32 - 1)))

    def _size(self) -> int:
        return int(self._pick(SIZES))

    def _flag(self) -> int:
        return int(self._pick((0, 0, 1, 2, 255)))

    def _path(self) -> str:
        return str(self._pick(PATHS))

    def _place(self) -> tuple[str, str, str]:
        return self._pick(NAMES), self._pick(ROOMS), self._pick(PEOPLE)

    def _ranges(self) -> tuple[tuple[int, int], ...]:
        return tuple(self._pick(((), ((0, 10),), ((5, 6), (500, 2**53 - 1)), ((999, 1_001),))))


@pytest.mark.parametrize("seed", seeds(1))
@pytest.mark.parametrize("disk", [DiskSpec(delay=0), DiskSpec(delay=30 * MILLISECOND, error=0.1)], ids=["well", "ill"])
def test_monkeys_break_nothing(seed: int, disk: DiskSpec) -> None:
    world, people = market("anna", "ben", "zoe", config=Config(file_rate=10 * MIB), seed=seed)
    zoe, random = people.pop(), Random(f"monkeys {seed}")
    monkeys = [Monkey(who, random) for who in people]
    world.server.disk.spec = disk
    for _ in range(STEPS):
        monkey = random.choice(monkeys)
        if monkey.who.closed is not None:  # for more bytes than there was credit
            assert monkey.who.closed[0] == ErrorCode.FLOW_CONTROL
            monkey.who = come_back(world, monkey.who)
        monkey.act()
        world.network.run_for(random.choice((0, 0, MILLISECOND, 40 * MILLISECOND)))
    wait(world, 5)
    world.server.disk.spec = DiskSpec(delay=0)
    data = world.random.randbytes(10_000)
    committed = zoe.upload(data, "zoe.bin")
    again = come(world, "again")
    assert again.download("", committed.file_id) == data
    assert all(file.file_id != bytes(16) for file in zoe.files())


def come_back(world: World, who: Trader) -> Trader:
    """The same person once more, as a visitor: the nickname may not be free yet."""
    return come(world, who.nick, key=who.key, flags=JoinFlag.VISITOR)

"""Files carried through trouble in the simulated network: ends that die, addresses that change, people who pause."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.world import SERVER, End, World, client
from udpchat.arq.ranges import RangeSet
from udpchat.chat.events import Disconnected, Joined
from udpchat.config import KIB, MILLISECOND, SECOND, Config
from udpchat.crypto.identity import Identity
from udpchat.errors import ErrorCode, RefusedError
from udpchat.files.events import Downloaded, Phase, TransferFailed, TransfersAdopted, Uploaded
from udpchat.files.ports import CreatePart, PartCreated
from udpchat.protocol.datagrams import Address
from udpchat.protocol.ports import perform
from udpchat.sim.disk import DiskSpec
from udpchat.sim.link import LinkSpec
from udpchat.sim.trace import Happening
from udpchat.store.memory_local import LocalContent, index_of
from udpchat.wire.hot import DATA_HEADERS_SIZE, TRAILER_SIZE
from udpchat.wire.numbers import PacketType

CREDIT = 128 * KIB  # of the worlds here
TYPE_AT, CONNECTION_AT, TRANSFER_AT, OFFSET_AT = 3, slice(8, 16), slice(24, 28), slice(28, 36)
LINK = LinkSpec(rate=2_500_000, delay=10 * MILLISECOND)
DISK = DiskSpec(delay=2 * MILLISECOND)
SURE = DiskSpec(delay=0)
RESTED = (ErrorCode.STORAGE_FAILED, ErrorCode.TOO_MANY_TRANSFERS)  # what a simulated disk brings


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What is carried, and through what. troubles: one after the other, see the methods of `Carrying`."""

    seed: int
    is_upload: bool
    is_folder: bool = False
    size: int = 1_500 * KIB
    link: LinkSpec = LINK
    disk: DiskSpec = DISK
    troubles: tuple[str, ...] = ()
    trouble_at: float | None = None  # share of the bytes that have arrived when the troubles begin; None: by the seed
    credit: int = CREDIT


@dataclass(slots=True)
class Outcome:
    """What came of it. sent: DATA bytes that left; arrived: those that came, each counted once on a connection."""

    trace: str
    sent: int
    arrived: int
    size: int
    done: Uploaded | Downloaded
    refusals: list[int] = field(default_factory=list)


class Counter:
    """Counts the file bytes of one direction as they pass."""

    def __init__(self, world: World, *, is_upload: bool) -> None:
        self.sent = 0
        self._is_upload = is_upload
        self._seen: dict[tuple[bytes, bytes], RangeSet] = {}  # by connection and transfer
        world.network.tap(self._on_datagram)

    @property
    def arrived(self) -> int:
        """Bytes that were not there on their connection before."""
        return sum(runs.total for runs in self._seen.values())

    def _on_datagram(self, happening: Happening, _now: int, _from: Address, destination: Address, data: bytes) -> None:
        if data[TYPE_AT] != PacketType.DATA or (destination == SERVER) is not self._is_upload:
            return
        length = len(data) - DATA_HEADERS_SIZE - TRAILER_SIZE
        if happening is Happening.SENT:
            self.sent += length
        elif happening is Happening.DELIVERED:
            offset = int.from_bytes(data[OFFSET_AT], "big")
            runs = self._seen.setdefault((data[CONNECTION_AT], data[TRANSFER_AT]), RangeSet())
            runs.add(offset, offset + length)


class Carrying:
    """One errand of anna's; ben is at the server as well, and has no trouble."""

    def __init__(self, errand: Errand) -> None:
        self.errand = errand
        config = Config(transfer_credit=errand.credit, sync_interval=errand.credit // 4)
        self.world = World(errand.seed, errand.link, config, errand.disk)
        self.random = Random(f"errand {errand}")
        self.content = self._make_content()
        self.refusals: list[int] = []
        self._key = self.random.randbytes(32)
        self._asked = 0  # request id of anna's verb
        self._part_id = b""
        self._moves = 0
        self.anna = self._enter()
        self.ben = self.world.add_client("ben", patience=None)
        self.world.join(self.anna, self.ben)
        if not errand.is_upload:
            self._give(self.ben)

    def run(self) -> Outcome:
        """Carry it; everything that must hold is asserted."""
        errand, world = self.errand, self.world
        counter = Counter(world, is_upload=errand.is_upload)
        self.begin()
        length = errand.size / (errand.link.rate or 12_500_000) + 0.3
        for trouble in errand.troubles:
            if errand.trouble_at is None:
                self._wait(self.random.uniform(0.05, length / len(errand.troubles)))
            else:
                self._until(lambda: self._share() >= (errand.trouble_at or 0))
            if self._end() is None:
                getattr(self, f"trouble_{trouble}")()
        done = self.finish()
        sent, arrived = counter.sent, counter.arrived
        self.check(done)
        world.network.run_for(2 * SECOND)
        assert not client(self.anna).files.progress()
        return Outcome(world.network.trace_hash(), sent, arrived, done.size, done, self.refusals)

    # -- people --------------------------------------------------------------------------------------------------------

    def _make_content(self) -> LocalContent:
        if not self.errand.is_folder:
            return self.random.randbytes(self.errand.size)
        files = {"empty": b"", "nothing in it/": b"", "sub/one": b"1"}
        left = self.errand.size - 1
        while left > 0:
            length = min(left, self.random.choice((1, 700, 4_096, 200_000)))
            files[f"sub/{len(files) % 7}/{len(files)} é.bin"] = self.random.randbytes(length)
            left -= length
        return files

    def _enter(self, store: Any = None) -> End:
        self._moves += 1
        address = (f"10.0.2.{self._moves}", 40_000)
        return self.world.add_client("anna", identity=self._key, address=address, patience=None, store=store)

    def _give(self, end: End) -> None:
        """A whole upload of the content, by somebody without trouble."""
        end.store.local["goods"] = self.content
        disk, end.disk.spec = end.disk.spec, SURE
        server, self.world.server.disk.spec = self.world.server.disk.spec, SURE
        self.world.do(lambda: client(end).files.put("goods"))
        self._until(lambda: bool(end.told(Uploaded)))
        end.disk.spec, self.world.server.disk.spec = disk, server

    def begin(self) -> None:
        """Anna asks for it, or asks again."""
        files = client(self.anna).files
        if self.errand.is_upload:
            self.anna.store.local["goods"] = self.content

        def verb() -> None:
            self._asked = files.put("goods") if self.errand.is_upload else files.get("goods", "here")

        self._asked = -1
        self.world.do(verb)

    def _adopt(self) -> None:
        """Anna's program is started again, and goes on by itself with what is written down."""
        anna = self.anna
        self.world.do(client(anna).files.wishes.adopt)
        self._until(lambda: bool(anna.told(TransfersAdopted)))
        adopted = anna.told(TransfersAdopted)[-1].transfers
        self._asked = 0
        if not adopted:  # it had not been written down yet
            self.begin()

    def _end(self) -> Uploaded | Downloaded | TransferFailed | None:
        found = [
            event
            for kind in (Uploaded, Downloaded, TransferFailed)
            for event in self.anna.told(kind)
            if event.request_id == self._asked
        ]
        for each in client(self.anna).files.progress():
            self._part_id = each.transfer.part_id or self._part_id
        return found[-1] if found else None

    def _share(self) -> float:
        found = client(self.anna).files.progress()
        return found[0].done / self.errand.size if found else float(self._end() is not None)

    def finish(self) -> Uploaded | Downloaded:
        """Wait for the end; when her disk fails, or the server's, anna tries again."""
        for _ in range(200):
            self._until(lambda: self._end() is not None)
            end = self._end()
            if not isinstance(end, TransferFailed):
                assert end is not None
                return end
            assert end.code in RESTED, end
            self.refusals.append(end.code)
            self._wait(0.1)
            self.begin()
        raise AssertionError("the disk fails for ever")

    def _wait(self, seconds: float) -> None:
        """Let time pass, watching for the part's name."""
        for _ in range(10):
            self.world.network.run_for(int(seconds * SECOND / 10))
            self._end()

    def _until(self, done: Any) -> None:
        self.world.run_until(done, 600)

    # -- troubles ------------------------------------------------------------------------------------------------------

    def trouble_server(self) -> None:
        """The server's machine loses its power, and comes back."""
        store = self.world.crash_server()
        self._wait(self.random.uniform(0.1, 2))
        self.world.server = self.world.start_server(store)

    def trouble_client(self) -> None:
        """So does anna's; then she asks again, or lets what is written down go on."""
        anna = self.anna
        self.world.network.remove(anna.address)
        anna.disk.crash()
        anna.store.crash()
        self._wait(self.random.uniform(0.1, 2))
        self.anna = self._enter(anna.store)
        self._until(lambda: bool(self.anna.told(Joined)))
        self._adopt() if self.random.random() < 0.5 else self.begin()

    def trouble_both(self) -> None:
        """Both at once."""
        store = self.world.crash_server()
        anna = self.anna
        self.world.network.remove(anna.address)
        anna.disk.crash()
        anna.store.crash()
        self._wait(self.random.uniform(0.1, 2))
        self.world.server = self.world.start_server(store)
        self.anna = self._enter(anna.store)
        self._until(lambda: bool(self.anna.told(Joined)))
        self._adopt() if self.random.random() < 0.5 else self.begin()

    def trouble_address(self) -> None:
        """A NAT gives her another address."""
        self._moves += 1
        self.world.rebind(self.anna, (f"10.0.2.{self._moves}", 40_001))

    def trouble_outage(self) -> None:
        """The cable is pulled for longer than a connection lives."""
        spec, address = self.errand.link, self.anna.address
        dead = LinkSpec(rate=spec.rate, delay=spec.delay, loss=1.0)
        self.world.network.connect(address, SERVER, dead)
        self._wait(self.random.uniform(40, 70))
        self.world.network.connect(address, SERVER, spec)

    def trouble_pause(self) -> None:
        """She lets it rest for a while."""
        files = client(self.anna).files
        running = [each for each in files.progress() if each.phase is not Phase.CHECKING and each.transfer.number]
        if not running:
            return
        number = running[0].transfer.number
        paused: list[bool] = []

        def pause() -> None:
            try:
                files.wishes.pause(number)
            except RefusedError as error:  # it has ended meanwhile, or is about to
                if error.code not in (ErrorCode.UNKNOWN_TRANSFER, ErrorCode.NOT_ALLOWED):
                    raise
                return
            paused.append(True)

        self.world.do(pause)
        self._wait(self.random.uniform(0.1, 1))
        if paused:
            before = client(self.anna).files.progress()
            assert [each.phase for each in before] == [Phase.PAUSED]
            self.world.do(lambda: files.wishes.resume(number))

    # -- what must be true ---------------------------------------------------------------------------------------------

    def check(self, done: Uploaded | Downloaded) -> None:
        """It is what was sent, byte for byte."""
        expected = self.bytes_of()
        assert not self.anna.told(Disconnected)
        if isinstance(done, Uploaded):
            assert done.md5_sent == done.md5_stored
            assert self.world.server.store.content(done.file_id) == expected
        else:
            assert done.md5_offered == done.md5_stored
            owner = Identity(self._key).public
            request = CreatePart(1, self._part_id, owner, "", "goods", done.size)
            created = perform(self.anna.store, request)
            assert isinstance(created, PartCreated)
            assert created.committed is not None
            assert self.anna.store.content(created.committed.file_id) == expected

    def bytes_of(self) -> bytes:
        """The content as one row of bytes."""
        content = self.content
        if isinstance(content, bytes):
            return content
        return b"".join(content[member.path] for member in index_of(content) if not member.is_directory)

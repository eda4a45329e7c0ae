import asyncio
import errno
import socket
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from udpchat.files.stored_ports import ListFiles, Viewer
from udpchat.net import driver as driver_module
from udpchat.net.driver import BURSTS_IN, BURSTS_OUT, TURN_BYTES, Driver
from udpchat.net.sockets import DatagramSocket
from udpchat.protocol.datagrams import Address, Burst
from udpchat.protocol.ports import Job, Result, StoreRequest

LOCALHOST = "127.0.0.1"
GUARD = 10  # seconds
EVERYTHING = Viewer(1, frozenset())


class Script:
    """A core that does what a test says."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.timeouts: list[int] = []
        self.too_large: list[int] = []
        self.completed: list[tuple[int, Any]] = []
        self.events: deque[Any] = deque()
        self.to_send: deque[Burst] = deque()
        self.deadline: int | None = None
        self.on_timeout: Callable[[int], None] = lambda _: None
        self.on_receive: Callable[[bytes], None] = lambda _: None

    def receive_burst(self, burst: Burst, now: int) -> None:
        for datagram in burst.datagrams():
            self.received.append(bytes(datagram))
            self.on_receive(bytes(datagram))

    def handle_timeout(self, now: int) -> None:
        self.timeouts.append(now)
        self.on_timeout(now)

    def next_event(self) -> Any:
        return self.events.popleft() if self.events else None

    def datagrams_to_send(self, now: int) -> Iterator[Burst]:
        while self.to_send:
            yield self.to_send.popleft()

    def next_timeout(self) -> int | None:
        return self.deadline

    def complete(self, request_id: int, result: Any, now: int) -> None:
        self.completed.append((request_id, result))

    def on_too_large(self, burst: Burst) -> None:
        self.too_large.append(burst.segment_size)

    def check_invariants(self) -> None:
        """It has none."""


class Shelf:
    """A store whose jobs are given by the test."""

    def __init__(self, work: Callable[[], object] = lambda: ()) -> None:
        self.is_closed = False
        self._work = work

    def submit(self, request: StoreRequest) -> Result | Job:
        return Job(self._work, lambda outcome: outcome)

    def close(self) -> None:
        self.is_closed = True


class Crowded(socket.socket):
    """A socket that has no room at first."""

    refusals = 0
    error = errno.EAGAIN

    def _refuse(self) -> None:
        if self.refusals:
            self.refusals -= 1
            raise OSError(self.error, "no room")

    def sendmsg(self, *args: Any) -> int:
        self._refuse()
        return super().sendmsg(*args)

    def sendto(self, *args: Any) -> int:
        self._refuse()
        return super().sendto(*args)


class Rig:
    """A driver on a loopback socket, and a socket beside it."""

    def __init__(self, *, portable: bool = False, work: Callable[[], object] = lambda: ()) -> None:
        self.core, self.store = Script(), Shelf(work)
        self.told: list[Any] = []
        self.failure: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        self.raw = Crowded(socket.AF_INET, socket.SOCK_DGRAM)
        self.raw.bind((LOCALHOST, 0))
        self.other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.other.bind((LOCALHOST, 0))
        self.other.setblocking(False)
        sockets = [DatagramSocket(self.raw, portable=portable)]
        self.driver = Driver(self.core, sockets, self.store, self.told.append, self.failure.set_result)

    @property
    def place(self) -> Address:
        host, port = self.other.getsockname()
        return host, port

    async def hear(self, count: int) -> list[bytes]:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(GUARD):
            return [await loop.sock_recv(self.other, 65_535) for _ in range(count)]

    def bursts(self, count: int) -> list[bytes]:
        """Queue bursts of three datagrams; the datagrams."""
        datagrams = []
        for number in range(count):
            parts = [bytes([number, part]) * 100 for part in range(3)]
            self.core.to_send.append(Burst(self.place, memoryview(b"".join(parts)), 200))
            datagrams += parts
        return datagrams

    async def close(self) -> None:
        await self.driver.close()
        self.other.close()


@pytest.mark.parametrize("is_portable", [False, True])
@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ENOBUFS])
@pytest.mark.parametrize("refusals", [1, 7])
async def test_what_there_was_no_room_for_is_sent_once_and_in_order(
    is_portable: bool, number: int, refusals: int
) -> None:
    rig = Rig(portable=is_portable)
    rig.raw.refusals, rig.raw.error = refusals, number
    datagrams = rig.bursts(20)
    rig.driver.act()
    assert await rig.hear(len(datagrams)) == datagrams
    with pytest.raises(BlockingIOError):
        rig.other.recv(10)
    assert rig.driver.datagram_bytes[1] == sum(map(len, datagrams))
    await rig.close()


async def test_deadlines_pass_while_there_is_no_room() -> None:
    rig = Rig()
    rig.raw.refusals = 1_000_000
    rig.bursts(1)
    passed = asyncio.Event()
    rig.core.on_timeout = lambda _: passed.set()
    rig.driver.act()
    async with asyncio.timeout(GUARD):
        await passed.wait()
    await rig.close()


async def test_deadlines_pass_and_datagrams_come_in_while_there_is_always_more_to_send() -> None:
    rig = Rig()
    burst = Burst(rig.place, memoryview(b"x" * 100), 100)
    rig.core.to_send.extend([burst] * BURSTS_OUT * 3)
    done = asyncio.Event()

    def refill(_: int) -> None:
        rig.core.to_send.extend([burst] * BURSTS_OUT * 2)
        if rig.core.received and len(rig.core.timeouts) > 5:
            done.set()

    rig.core.on_timeout = refill
    rig.other.sendto(b"are you there?", rig.driver.sockets[0].address)
    rig.driver.act()
    async with asyncio.timeout(GUARD):
        await done.wait()
    assert rig.core.received == [b"are you there?"]
    await rig.close()


async def test_what_has_arrived_is_read_before_a_deadline_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver_module, "MAX_LAG", GUARD)  # however slow this machine is
    rig = Rig()
    passed = asyncio.Event()
    count = 3 * BURSTS_IN + 1

    def check(_: int) -> None:
        assert len(rig.core.received) == count, "a timer ended whose answer lay in the socket"
        rig.core.deadline = None
        passed.set()

    rig.core.on_timeout = check
    for number in range(count):
        rig.other.sendto(number.to_bytes(2, "big"), rig.driver.sockets[0].address)
    rig.core.deadline = 0
    rig.driver.act()
    async with asyncio.timeout(GUARD):
        await passed.wait()
    assert rig.core.received == [number.to_bytes(2, "big") for number in range(count)]
    await rig.close()


async def test_no_flood_keeps_deadlines_from_passing() -> None:
    rig = Rig()
    passed = asyncio.Event()
    address = rig.driver.sockets[0].address

    def feed(datagram: bytes) -> None:
        rig.other.sendto(datagram, address)

    def enough(_: int) -> None:
        rig.core.deadline, rig.core.on_receive = None, lambda _: None
        passed.set()

    rig.core.on_receive, rig.core.on_timeout, rig.core.deadline = feed, enough, 0
    for number in range(2 * BURSTS_IN):
        feed(bytes([number % 256]))
    rig.driver.act()
    async with asyncio.timeout(GUARD):
        await passed.wait()
    await rig.close()


@pytest.mark.parametrize("size", [100, 60_000])
async def test_a_turn_ends_after_so_many_bursts_or_bytes_and_the_next_goes_on(size: int) -> None:
    rig = Rig(portable=True)
    burst = Burst(rig.place, memoryview(b"x" * size), size)
    bursts = min(BURSTS_OUT, -(-TURN_BYTES // size))
    rig.core.to_send.extend([burst] * bursts * 2)
    rig.driver.act()
    assert len(rig.core.to_send) == bursts
    async with asyncio.timeout(GUARD):
        await rig.driver.wait_until(lambda: not rig.core.to_send, GUARD)
    await rig.close()


async def test_a_timeout_is_never_handed_over_before_its_deadline() -> None:
    rig = Rig()
    passed = asyncio.Event()
    asked: list[int] = []

    def again(now: int) -> None:
        rig.core.deadline = now + 333 if len(asked) < 20 else None
        if rig.core.deadline is None:
            passed.set()
        else:
            asked.append(rig.core.deadline)

    rig.core.on_timeout = again
    again(rig.driver.now())
    rig.driver.act()
    async with asyncio.timeout(GUARD):
        await passed.wait()
    assert all(now >= deadline for now, deadline in zip(rig.core.timeouts, asked, strict=True))
    await rig.close()


async def test_datagrams_larger_than_the_interface_takes_are_told_to_the_core() -> None:
    rig = Rig(portable=True)
    rig.raw.refusals, rig.raw.error = 1, errno.EMSGSIZE
    datagrams = rig.bursts(2)
    rig.driver.act()
    assert await rig.hear(3) == datagrams[3:]
    assert rig.core.too_large == [200]
    await rig.close()


@pytest.mark.parametrize("where", ["receive", "timeout", "event", "job"])
async def test_an_internal_error_stops_everything_once(where: str) -> None:
    def bug(_: object = None) -> None:
        raise ZeroDivisionError(where)

    rig = Rig(work=bug)
    match where:
        case "receive":
            rig.core.on_receive = bug
            rig.other.sendto(b"boom", rig.driver.sockets[0].address)
        case "timeout":
            rig.core.on_timeout, rig.core.deadline = bug, 0
        case "event":
            rig.core.next_event = bug  # type: ignore[method-assign]
        case _:
            rig.core.events.append(ListFiles(1, EVERYTHING))
    address = rig.driver.sockets[0].address
    rig.driver.act()
    async with asyncio.timeout(GUARD):
        error = await rig.failure
    assert isinstance(error, ZeroDivisionError)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as successor:
        successor.bind(address)  # its port is free: nobody waits for an answer from it
    rig.driver.act()
    await rig.close()
    assert rig.store.is_closed


async def test_jobs_that_are_on_their_way_are_waited_for_when_it_closes() -> None:
    done: list[str] = []
    rig = Rig(work=lambda: done.append("work"))
    rig.core.events.extend([ListFiles(1, EVERYTHING), ListFiles(2, EVERYTHING)])
    rig.driver.act()
    await rig.close()
    assert done == ["work", "work"]
    assert rig.core.completed == []
    assert rig.store.is_closed

"""The job of `servers_tcp` over UDP: one socket for all clients, and a datagram is a line. Linux only.

Nobody connects and nothing is a stream: the first line of an address lets it in, an empty datagram lets it out, and
what does not fit into a buffer is lost. A client that goes without a word stays: a server for people needs timers.
"""

from __future__ import annotations

import asyncio
import selectors
import socket
from contextlib import suppress
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import TypeAlias

Address: TypeAlias = tuple[str, int]

LONGEST_LINE = 4_096  # bytes; the rest of a longer datagram is cut off
MOST_MEMBERS = 2_000  # addresses; anybody can make them up, so there must be an end
BUFFER = 4 << 20  # bytes asked for what has come and was not read yet; the kernel may grant less
READS = 64  # datagrams of one turn of the loop


class Room:
    """Who is here. Members are replaced, never changed: a speaker's view stays whole."""

    def __init__(self, *, to_all: bool) -> None:
        self._to_all = to_all
        self._members: tuple[Address, ...] = ()
        self._known: set[Address] = set()
        self._lock = Lock()

    def listeners(self, speaker: Address, line: bytes) -> tuple[Address, ...]:
        """Who hears a line; nobody hears the empty one, by which a member leaves."""
        if (speaker in self._known) is not bool(line):
            self._change(speaker, enters=bool(line))
        if not line or speaker not in self._known:
            return ()
        return self._members if self._to_all else (speaker,)

    def _change(self, address: Address, *, enters: bool) -> None:
        with self._lock:
            if enters and len(self._known) < MOST_MEMBERS:
                self._known.add(address)
            elif not enters:
                self._known.discard(address)
            self._members = tuple(self._known)


def listen(host: str) -> socket.socket:
    """A socket on a free port."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    opened.bind((host, 0))
    return opened


def wake(waiting: socket.socket) -> None:
    """Let every thread that waits for a datagram have an empty one that is from nobody."""
    with suppress(OSError):  # "not connected", says Linux, and wakes them nevertheless
        waiting.shutdown(socket.SHUT_RDWR)


class Threads:
    """One client per thread. UDP has no socket per client, so one more thread sorts what comes by its address."""

    def __init__(self, host: str, *, to_all: bool) -> None:
        self._socket = listen(host)
        self.port: int = self._socket.getsockname()[1]
        self._room = Room(to_all=to_all)
        self._queues: dict[Address, SimpleQueue[bytes]] = {}
        self._threads: set[Thread] = set()
        self._sorter = Thread(target=self._sort)
        self._sorter.start()

    def _sort(self) -> None:
        while True:
            line, speaker = self._socket.recvfrom(LONGEST_LINE)
            if speaker is None:
                return
            if line and speaker not in self._queues and len(self._queues) < MOST_MEMBERS:
                self._begin(speaker)
            if speaker in self._queues:
                self._queues[speaker].put(line)
            if not line:
                self._queues.pop(speaker, None)

    def _begin(self, speaker: Address) -> None:
        queue = self._queues[speaker] = SimpleQueue()
        thread = Thread(target=self._attend, args=(speaker, queue))
        self._threads = {each for each in self._threads if each.is_alive()} | {thread}
        thread.start()

    def _attend(self, speaker: Address, queue: SimpleQueue[bytes]) -> None:
        line = b"."
        while line:
            line = queue.get()
            for listener in self._room.listeners(speaker, line):
                self._socket.sendto(line, listener)

    def close(self) -> None:
        """Send everybody home, and wait until they have gone."""
        wake(self._socket)
        self._sorter.join()
        for queue in self._queues.values():
            queue.put(b"")
        for thread in self._threads:
            thread.join()
        self._socket.close()


class Pool:
    """A pool of threads, all waiting at the one socket: the kernel gives each datagram to one of them."""

    def __init__(self, host: str, *, to_all: bool, size: int) -> None:
        self._socket = listen(host)
        self.port: int = self._socket.getsockname()[1]
        self._room = Room(to_all=to_all)
        self._threads = [Thread(target=self._work) for _ in range(size)]
        for thread in self._threads:
            thread.start()

    def _work(self) -> None:
        while True:
            line, speaker = self._socket.recvfrom(LONGEST_LINE)
            if speaker is None:
                return
            for listener in self._room.listeners(speaker, line):
                self._socket.sendto(line, listener)

    def close(self) -> None:
        """Send the workers home."""
        wake(self._socket)
        for thread in self._threads:
            thread.join()
        self._socket.close()


class Loop:
    """An event loop. With one socket there is little to select from: it is a loop around one blocking call."""

    def __init__(self, host: str, *, to_all: bool) -> None:
        self._socket = listen(host)
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]
        self._room = Room(to_all=to_all)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._socket, selectors.EVENT_READ)
        self._is_open = True
        self._thread = Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while self._is_open:
            self._selector.select()
            with suppress(BlockingIOError):  # all that had come is read, or no more goes out: UDP may lose a line
                for _ in range(READS):
                    self._attend(*self._socket.recvfrom(LONGEST_LINE))

    def _attend(self, line: bytes, speaker: Address | None) -> None:
        if speaker is None:
            return
        for listener in self._room.listeners(speaker, line):
            self._socket.sendto(line, listener)

    def close(self) -> None:
        """End the loop."""
        self._is_open = False
        wake(self._socket)
        self._thread.join()
        self._selector.close()
        self._socket.close()


class Asyncio(asyncio.DatagramProtocol):
    """The event loop of the standard library, which does by itself what `Loop` does by hand."""

    def __init__(self, host: str, *, to_all: bool) -> None:
        self._socket = listen(host)
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]
        self._room = Room(to_all=to_all)
        self._began = Event()
        self._thread = Thread(target=asyncio.run, args=(self._run(),))
        self._thread.start()
        self._began.wait()

    async def _run(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self._transport, _ = await self._loop.create_datagram_endpoint(lambda: self, sock=self._socket)
        self._began.set()
        await self._end.wait()
        self._transport.abort()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """A line has come."""
        for listener in self._room.listeners(addr, data):
            self._transport.sendto(data, listener)

    def close(self) -> None:
        """End the loop."""
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

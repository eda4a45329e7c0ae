"""One small job over TCP, served in four ways: a line comes in and goes out to its sender, or to all. Linux only.

`Threads`, `Pool` and `Loop` make the same system calls for a line and differ only in who makes them; `Asyncio` is the
loop of the standard library. To be read side by side, and beside the same four over UDP in `servers_udp`.
"""

from __future__ import annotations

import asyncio
import select
import selectors
import socket
from contextlib import suppress
from threading import Event, Thread

from tests.benchmarks.servers_room import BACKLOG, LONGEST_LINE, Member, Room, listen

MOST_WAITING = 1 << 20  # bytes that one client may leave unread before it is put out
READ, READ_WRITE = selectors.EVENT_READ, selectors.EVENT_READ | selectors.EVENT_WRITE


class Threads:
    """One client per thread: each thread waits for its own client, and the kernel decides who runs."""

    def __init__(self, host: str, *, to_all: bool) -> None:
        self._listener = listen(host)
        self.port: int = self._listener.getsockname()[1]
        self._room = Room(to_all=to_all)
        self._threads: set[Thread] = set()
        self._is_open = True
        self._door = Thread(target=self._welcome)
        self._door.start()

    def _welcome(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                if self._is_open:
                    raise
                return
            thread = Thread(target=self._attend, args=(self._room.enter(connection),))
            self._threads = {each for each in self._threads if each.is_alive()} | {thread}
            thread.start()

    def _attend(self, member: Member) -> None:
        while (lines := member.read()) is not None:
            if lines:
                self._room.say(member, lines)
        self._room.leave(member)

    def close(self) -> None:
        """Send everybody home, and wait until they have gone."""
        self._is_open = False
        self._listener.shutdown(socket.SHUT_RDWR)
        self._door.join()
        self._listener.close()
        self._room.end()
        for thread in self._threads:
            thread.join()


class Pool:
    """A pool of threads, all waiting for any client: epoll gives each ready socket to one of them, once."""

    def __init__(self, host: str, *, to_all: bool, size: int) -> None:
        self._listener = listen(host)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._room = Room(to_all=to_all)
        self._members: dict[int, Member] = {}
        self._once = select.EPOLLIN | select.EPOLLONESHOT
        self._epoll = select.epoll()
        self._epoll.register(self._listener, self._once)
        self._is_open = True
        self._threads = [Thread(target=self._work) for _ in range(size)]
        for thread in self._threads:
            thread.start()

    def _work(self) -> None:
        while True:
            number, _ = self._epoll.poll(maxevents=1)[0]
            if number != self._listener.fileno():
                self._attend(number, self._members[number])
            elif self._is_open:
                self._welcome()
            else:
                self._epoll.modify(self._listener, self._once)  # the next worker has to hear it as well
                return

    def _welcome(self) -> None:
        with suppress(BlockingIOError, ConnectionAbortedError):  # the client has gone again
            connection, _ = self._listener.accept()
            self._members[connection.fileno()] = self._room.enter(connection)
            self._epoll.register(connection, self._once)
        self._epoll.modify(self._listener, self._once)

    def _attend(self, number: int, member: Member) -> None:
        if (lines := member.read()) is not None:
            self._room.say(member, lines)
            self._epoll.modify(number, self._once)
        else:
            del self._members[number]
            self._room.leave(member)

    def close(self) -> None:
        """Send the workers home, then the clients."""
        self._is_open = False
        self._listener.shutdown(socket.SHUT_RDWR)
        self._room.end()
        for thread in self._threads:
            thread.join()
        for member in self._members.values():
            self._room.leave(member)
        self._epoll.close()
        self._listener.close()


class Loop:
    """An event loop: one thread asks the kernel which sockets are ready, and never waits for any single one."""

    def __init__(self, host: str, *, to_all: bool) -> None:
        self._listener = listen(host)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._to_all = to_all
        self._members: set[Member] = set()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, READ)
        self._is_open = True
        self._thread = Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while self._is_open:
            for key, events in self._selector.select():
                member = key.data
                if member is None and self._is_open:
                    self._welcome()
                elif member in self._members and events & selectors.EVENT_WRITE:
                    self._send(member, b"")
                elif member in self._members:
                    self._attend(member)

    def _welcome(self) -> None:
        with suppress(BlockingIOError, ConnectionAbortedError):  # the client has gone again
            connection, _ = self._listener.accept()
            connection.setblocking(False)
            member = Member(connection)
            self._members.add(member)
            self._selector.register(connection, READ, member)

    def _attend(self, member: Member) -> None:
        if (lines := member.read()) is None:
            self._leave(member)
        elif lines:
            for each in tuple(self._members) if self._to_all else (member,):
                self._send(each, lines)

    def _send(self, member: Member, lines: bytes) -> None:
        """What the kernel does not take now waits for its turn: nobody else has to."""
        member.waiting += lines
        try:
            del member.waiting[: member.connection.send(member.waiting)]
        except BlockingIOError:
            pass
        except ConnectionError:
            return self._leave(member)
        if len(member.waiting) > MOST_WAITING:
            return self._leave(member)
        wanted = READ_WRITE if member.waiting else READ
        if self._selector.get_key(member.connection).events != wanted:
            self._selector.modify(member.connection, wanted, member)
        return None

    def _leave(self, member: Member) -> None:
        self._members.remove(member)
        self._selector.unregister(member.connection)
        member.close()

    def close(self) -> None:
        """End the loop, then the connections."""
        self._is_open = False
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        for member in tuple(self._members):
            self._leave(member)
        self._selector.close()
        self._listener.close()


class Asyncio:
    """The event loop of the standard library, which does by itself what `Loop` does by hand."""

    def __init__(self, host: str, *, to_all: bool) -> None:
        self._listener = listen(host)
        self.port: int = self._listener.getsockname()[1]
        self._to_all = to_all
        self.talks: set[Talk] = set()
        self._began = Event()
        self._thread = Thread(target=asyncio.run, args=(self._run(),))
        self._thread.start()
        self._began.wait()

    async def _run(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        server = await self._loop.create_server(lambda: Talk(self), sock=self._listener, backlog=BACKLOG)
        self._began.set()
        await self._end.wait()
        server.close()
        for each in tuple(self.talks):
            each.transport.abort()
        await server.wait_closed()

    def say(self, speaker: Talk, lines: bytes) -> None:
        """Send lines to their sender, or to all."""
        for each in tuple(self.talks) if self._to_all else (speaker,):
            each.transport.write(lines)
            if each.transport.get_write_buffer_size() > MOST_WAITING:
                each.transport.abort()

    def close(self) -> None:
        """End the loop, and all connections with it."""
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()


class Talk(asyncio.Protocol):
    """One connection of `Asyncio`."""

    transport: asyncio.Transport

    def __init__(self, server: Asyncio) -> None:
        self._server = server
        self._started = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come."""
        assert isinstance(transport, asyncio.Transport)
        # asyncio does so only where the socket's protocol is named, and a listener of create_server() names none.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.transport = transport
        self._server.talks.add(self)

    def data_received(self, data: bytes) -> None:
        """Some bytes have come, which need not end with a line."""
        lines, newline, self._started = (self._started + data).rpartition(b"\n")
        if lines or newline:
            self._server.say(self, lines + newline)
        if len(self._started) > LONGEST_LINE:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        self._server.talks.discard(self)

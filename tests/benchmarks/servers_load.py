"""Clients that talk to the servers of `servers_tcp` and `servers_udp`, all in one thread of one process.

All enter with a line of greeting. Then each speaker says a line, waits until it hears that line, and says the next one,
while the others listen. Over UDP, a line that stays away for so long that it must be lost is given up.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections import deque
from dataclasses import dataclass, field

from tests.benchmarks.servers_udp import BUFFER

LINE = 64  # bytes of a line with its newline
PATIENCE = 1.0  # seconds after which a datagram is lost
GREETING = 10.0  # seconds to the answer to the first line
LOOK = 0.25  # seconds between two looks for lines that are
QUIET = 0.3  # seconds of silence after which nothing more will come
CHUNK = 1 << 16  # bytes of one read


class ServerGoneError(Exception):
    """The server does not answer, or has ended a connection while its client was talking."""


@dataclass(slots=True)
class Talk:
    """What was said and heard: lines, lines heard by anybody, and seconds from saying a line to hearing it."""

    said: int = 0
    heard: int = 0
    delays: list[float] = field(default_factory=list)


class Speaker:
    """One client. said_at: seconds; None when it waits for nothing."""

    def __init__(self, connection: socket.socket, number: int) -> None:
        self.connection = connection
        self.said_at: float | None = None
        self._number = number
        self._count = 0
        self._line = b""
        self._started = b""

    def say(self) -> None:
        """Say the next line."""
        self._count += 1
        self._line = f"{self._number} {self._count} ".encode().ljust(LINE - 1, b".") + b"\n"
        self.said_at = time.perf_counter()
        self.connection.sendall(self._line)

    def greet(self) -> None:
        """Say the first line and wait for it: from then on the client is in the room."""
        self.connection.settimeout(GREETING)
        self.say()
        try:
            while not self.hear()[1]:
                pass
        except TimeoutError:
            raise ServerGoneError(f"client {self._number} had no answer to its first line") from None
        self.connection.settimeout(None)
        self.said_at = None

    def hear(self) -> tuple[int, bool]:
        """How many lines have come, and whether the own one is among them."""
        data = self.connection.recv(CHUNK)
        if not data:
            raise ServerGoneError(f"the server has put out client {self._number}")
        data = self._started + data
        whole = len(data) - len(data) % LINE
        self._started = data[whole:]
        return whole // LINE, self.said_at is not None and self._line in data


class Crowd:
    """All clients. pause: seconds from hearing the own line to saying the next one."""

    def __init__(self, transport: str, address: tuple[str, int], count: int, pause: float) -> None:
        self._pause = pause
        self._is_lossy = transport == "udp"
        self._members = [Speaker(_connect(transport, address), number) for number in range(count)]
        self._selector = selectors.DefaultSelector()
        for each in self._members:
            self._selector.register(each.connection, selectors.EVENT_READ, each)
        self._due: deque[tuple[float, Speaker]] = deque()
        self._found = Talk()

    def enter(self) -> None:
        """Let every client into the room, one after the other."""
        for each in self._members:
            each.greet()
        self._calm_down()

    def talk(self, speakers: int, seconds: float) -> Talk:
        """Let the first so many talk for so long, then hear what is still on its way."""
        self._found = Talk()
        began = time.perf_counter()
        self._due.extend((began + self._pause * place / speakers, self._members[place]) for place in range(speakers))
        look_at = began + LOOK
        while (now := time.perf_counter()) < began + seconds:
            self._say(now)
            self._hear(max(0.0, min(self._due[0][0] if self._due else look_at, look_at) - now))
            if now >= look_at:
                look_at = now + LOOK
                self._give_up(now)
        self._calm_down()
        return self._found

    def _calm_down(self) -> None:
        """Hear all that comes until nothing more does."""
        while self._hear(QUIET):
            pass
        self._due.clear()

    def _say(self, now: float) -> None:
        while self._due and self._due[0][0] <= now:
            self._due.popleft()[1].say()
            self._found.said += 1

    def _hear(self, timeout: float) -> int:
        ready = self._selector.select(timeout)
        for key, _ in ready:
            speaker: Speaker = key.data
            count, has_own = speaker.hear()
            self._found.heard += count
            if has_own and speaker.said_at is not None:
                now = time.perf_counter()
                self._found.delays.append(now - speaker.said_at)
                self._next(speaker, now)
        return len(ready)

    def _next(self, speaker: Speaker, now: float) -> None:
        speaker.said_at = None
        self._due.append((now + self._pause, speaker))

    def _give_up(self, now: float) -> None:
        for each in self._members if self._is_lossy else ():
            if each.said_at is not None and now - each.said_at > PATIENCE:
                self._next(each, now)

    def leave(self) -> None:
        """Go home; over UDP somebody has to say so."""
        for each in self._members:
            if self._is_lossy:
                each.connection.send(b"")
            each.connection.close()
        self._selector.close()


def _connect(transport: str, address: tuple[str, int]) -> socket.socket:
    if transport == "tcp":
        connection = socket.create_connection(address)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection
    connection = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    connection.connect(address)
    return connection

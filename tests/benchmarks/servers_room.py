"""What the servers of `servers_tcp` have in common: a client, and a room of clients that threads can share."""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Lock

LONGEST_LINE = 4_096  # bytes; who says a longer one is put out
BACKLOG = 1_024  # clients that may knock at once
CHUNK = 4_096  # bytes of one read


class Member:
    """A client in the room: its socket, the part of a line that has come so far, and what it has yet to be sent."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a line must not wait for the next one
        self.connection = connection
        self.lock = Lock()  # two threads that write to one stream would mix their lines
        self.waiting = bytearray()
        self._started = b""

    def read(self) -> bytes | None:
        """What has come up to the last newline, perhaps nothing; None when the client has gone or must go."""
        try:
            data = self.connection.recv(CHUNK)
        except BlockingIOError:
            return b""
        except ConnectionError:
            return None
        return self.whole_lines(data) if data else None

    def whole_lines(self, data: bytes) -> bytes | None:
        """TCP is a stream: a read may end within a line. None when a line is too long."""
        lines, newline, self._started = (self._started + data).rpartition(b"\n")
        return lines + newline if len(self._started) <= LONGEST_LINE else None

    def write(self, lines: bytes) -> None:
        """Wait until the kernel has taken all."""
        with self.lock, suppress(OSError):  # one who has gone is taken out where it is read from
            self.connection.sendall(lines)

    def close(self) -> None:
        """Give the socket back, but not while another thread writes: its number may belong to the next client."""
        with self.lock:
            self.connection.close()


class Room:
    """Who is here, for servers with threads. Members are replaced, never changed: a speaker's view stays whole."""

    def __init__(self, *, to_all: bool) -> None:
        self._to_all = to_all
        self._members: tuple[Member, ...] = ()
        self._lock = Lock()

    def enter(self, connection: socket.socket) -> Member:
        """Let a client in."""
        member = Member(connection)
        with self._lock:
            self._members = (*self._members, member)
        return member

    def leave(self, member: Member) -> None:
        """Let a client out."""
        with self._lock:
            self._members = tuple(each for each in self._members if each is not member)
        member.close()

    def say(self, speaker: Member, lines: bytes) -> None:
        """Send lines to their sender, or to all."""
        for member in self._members if self._to_all else (speaker,):
            member.write(lines)

    def end(self) -> None:
        """Wake every thread that waits for a client, by ending all connections."""
        for member in self._members:
            with suppress(OSError):  # it has ended already
                member.connection.shutdown(socket.SHUT_RDWR)


def listen(host: str) -> socket.socket:
    """A listener on a free port."""
    return socket.create_server((host, 0), backlog=BACKLOG)

"""The same room over TCP: Debian's ngircd, and members that speak IRC (RFC 2812)."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep

from tests.benchmarks.room_order import NEVER, NUMBER_SIZE, Order, RoomError, clock, text_of
from udpchat.protocol.datagrams import Address

PROGRAM = "ngircd"
INSTALL = f"there is no {PROGRAM} to compare with: install it (apt-get install {PROGRAM}), or ask for --only udpchat"
STARTING = 10.0  # seconds
CHANNEL = "#lobby"
CHUNK = 1 << 16  # bytes of one read
END_OF_NAMES = b"366"  # the last reply to JOIN
REFUSAL = re.compile(rb"^:\S+ [45]\d\d ")
# Penalties would hold back who speaks more than about once a second, a lookup would keep joining people waiting.
CONFIGURATION = """\
[Global]
Name = irc.example.net
Info = room benchmark
Listen = {host}
Ports = {port}
MotdPhrase = none
[Limits]
MaxConnections = 0
MaxConnectionsIP = 0
MaxJoins = 0
MaxNickLength = 16
MaxPenaltyTime = 0
PingTimeout = 3600
[Options]
DNS = no
Ident = no
PAM = no
SyslogFacility = local7
"""


def require_ngircd() -> str:
    """Where the program is. RoomError with a word on how to get it when it is not there."""
    found = shutil.which(PROGRAM, path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin")))
    if found is None:
        raise RoomError(INSTALL)
    return found


@contextmanager
def ngircd(folder: Path, host: str) -> Iterator[tuple[int, Address]]:
    """A server with a configuration of its own; its process and address."""
    program, port = require_ngircd(), _free_port(host)
    configuration = folder / "ngircd.conf"
    configuration.write_text(CONFIGURATION.format(host=host, port=port))
    with (folder / "ngircd.log").open("w+b") as log:
        process = subprocess.Popen([program, "-n", "-f", str(configuration)], stdout=log, stderr=log)
        try:
            _wait_for(process, (host, port), folder / "ngircd.log")
            yield process.pid, (host, port)
        finally:
            process.terminate()
            process.wait()


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _wait_for(process: subprocess.Popen[bytes], address: Address, log: Path) -> None:
    end = monotonic() + STARTING
    while process.poll() is None and monotonic() < end:
        with suppress(ConnectionRefusedError):
            socket.create_connection(address).close()
            return
        sleep(0.05)
    raise RoomError(f"{PROGRAM} did not start: {log.read_text(errors='replace')[-500:]}")


class IrcMember:
    """One who speaks IRC. numbers: of the lines heard, in their order; the server does not send back one's own."""

    def __init__(self, server: Address, number: int, order: Order) -> None:
        self.number = number
        self.deadline = NEVER
        self.reads = 0
        self.is_in = False
        self.socket = socket.create_connection(server)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.numbers: array[int] = array("q")
        self._order = order
        self._own = 0
        self._rest = b""

    @property
    def heard(self) -> int:
        """Lines so far, its own included."""
        return len(self.numbers) + self._own

    def say(self) -> None:
        """Say the next line."""
        self._own += 1
        self._send(f"PRIVMSG {CHANNEL} :{self._order.say(self.number, clock())}")

    def wake(self) -> None:
        """Come in."""
        nick = f"member{self.number}"
        self._send(f"NICK {nick}\r\nUSER {nick} 0 * :{nick}\r\nJOIN {CHANNEL}")

    def hear(self) -> None:
        """The socket is readable."""
        try:
            data = self.socket.recv(CHUNK)
        except BlockingIOError:
            return
        if not data:
            raise RoomError(f"{PROGRAM} has put out member {self.number}")
        self.reads += 1
        now, order = clock(), self._order
        *lines, self._rest = (self._rest + data).split(b"\r\n")
        for line in lines:
            if b" PRIVMSG " in line:
                number = _number(line)
                self.numbers.append(number)
                order.delays.append(now - order.said_at[number])
            else:
                self._on_command(line)

    def leave(self) -> None:
        """Hang up."""
        self.socket.close()

    def _on_command(self, line: bytes) -> None:
        words = line.split(b" ", 2)
        if words[0] == b"PING":
            self._send(f"PONG {words[-1].decode()}")
        elif words[1:2] == [END_OF_NAMES]:
            self.is_in = True
        elif words[0] == b"ERROR" or (REFUSAL.match(line) and words[1] != b"422"):  # 422: there is no motto
            raise RoomError(f"{PROGRAM} to member {self.number}: {line.decode(errors='replace')}")

    def _send(self, text: str) -> None:
        self.socket.sendall(text.encode() + b"\r\n")


def _number(line: bytes) -> int:
    text = line[line.index(b" :") + 2 :]
    if not text.endswith(_FILLING):
        raise RoomError(f"nobody said {text!r}")
    return int(text[:NUMBER_SIZE])


_FILLING = text_of(0)[NUMBER_SIZE:].encode()


def check(members: Sequence[IrcMember], order: Order) -> None:
    """Everybody has heard all lines but their own, once, in one order. RoomError when that is not so."""
    listener = next(member for member in members if member.number not in order.speakers)
    if sorted(listener.numbers) != list(range(order.said)):
        raise RoomError(f"member {listener.number} has not heard every line once")
    for member in members:
        due = array("q", [number for number in listener.numbers if order.speakers[number] != member.number])
        if due != member.numbers:
            raise RoomError(f"member {member.number} has heard other lines, or in another order")

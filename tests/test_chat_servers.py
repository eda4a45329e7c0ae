"""The small servers that `tests/benchmarks/servers.py` compares do what they are compared for."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.benchmarks.servers import HOST, SERVERS, Server, descriptors, hosted, make, measure, parse
from tests.benchmarks.servers_load import Crowd
from tests.benchmarks.servers_room import LONGEST_LINE
from tests.benchmarks.servers_udp import MOST_MEMBERS, Room

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the servers use epoll and /proc")

PATIENCE = 10.0  # seconds, of a machine with much else to do
EVERY = pytest.mark.parametrize(("transport", "way"), SERVERS)
OVER_TCP = pytest.mark.parametrize("way", [way for transport, way in SERVERS if transport == "tcp"])


@contextmanager
def serving(transport: str, way: str, *, to_all: bool = False) -> Iterator[Server]:
    server = make(transport, way, to_all=to_all, pool=3)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def client(transport: str, server: Server) -> Iterator[socket.socket]:
    kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as opened:
        opened.settimeout(PATIENCE)
        opened.connect((HOST, server.port))
        yield opened


@contextmanager
def visited(transport: str, server: Server, count: int) -> Iterator[Crowd]:
    crowd = Crowd(transport, (HOST, server.port), count, 0.0)
    try:
        crowd.enter()
        yield crowd
    finally:
        crowd.leave()


def hear(listener: socket.socket, line: bytes) -> None:
    """Wait for a line, whatever comes before it."""
    heard = b""
    while not heard.endswith(line):
        data = listener.recv(100)
        assert data, "the server has ended the connection"
        heard += data


@EVERY
def test_a_line_comes_back_to_its_sender(transport: str, way: str) -> None:
    with serving(transport, way) as server, client(transport, server) as anna, client(transport, server) as ben:
        for speaker, line in ((anna, b"one\n"), (ben, b"two\n"), (anna, b"three\n")):
            speaker.sendall(line)
            assert speaker.recv(100) == line


@EVERY
def test_a_line_to_all_is_heard_by_all(transport: str, way: str) -> None:
    with (
        serving(transport, way, to_all=True) as server,
        client(transport, server) as anna,
        client(transport, server) as ben,
    ):
        anna.sendall(b"first\n")
        hear(anna, b"first\n")
        ben.sendall(b"second\n")
        hear(ben, b"second\n")
        hear(anna, b"second\n")


@EVERY
def test_who_has_left_hears_nothing_and_the_others_go_on(transport: str, way: str) -> None:
    with serving(transport, way, to_all=True) as server, client(transport, server) as anna:
        with client(transport, server) as ben:
            ben.sendall(b"hello\n")
            hear(ben, b"hello\n")
            if transport == "udp":
                ben.send(b"")
        for line in (b"one\n", b"two\n"):
            anna.sendall(line)
            hear(anna, line)


@EVERY
def test_a_server_that_is_closed_on_its_clients_leaves_no_thread_and_no_descriptor(transport: str, way: str) -> None:
    before = threading.active_count(), descriptors()
    with serving(transport, way, to_all=True) as server:
        crowd = Crowd(transport, (HOST, server.port), 20, 0.0)
        crowd.enter()
    crowd.leave()
    assert (threading.active_count(), descriptors()) == before


@OVER_TCP
def test_a_line_in_pieces_goes_out_whole(way: str) -> None:
    with serving("tcp", way) as server, client("tcp", server) as anna:
        anna.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in (b"whole", b" line\nand", b" more\n"):
            anna.sendall(piece)
        hear(anna, b"whole line\nand more\n")


@OVER_TCP
def test_who_never_ends_a_line_is_put_out(way: str) -> None:
    with serving("tcp", way) as server, client("tcp", server) as anna:
        anna.sendall(b"x" * (LONGEST_LINE + 1))
        try:
            heard = anna.recv(100)
        except ConnectionResetError:  # how a system says it when bytes were left unread
            heard = b""
        assert heard == b""


def test_a_room_over_udp_lets_in_so_many_and_no_more() -> None:
    room = Room(to_all=False)
    members = [("198.51.100.1", port) for port in range(1, MOST_MEMBERS + 2)]
    let_in = [member for member in members if room.listeners(member, b"hello\n")]
    assert let_in == members[:MOST_MEMBERS]
    room.listeners(members[0], b"")
    assert room.listeners(members[-1], b"hello\n") == (members[-1],)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_crowd_hears_every_line(transport: str) -> None:
    with serving(transport, "loop", to_all=True) as server, visited(transport, server, 5) as crowd:
        talk = crowd.talk(2, 0.05)
        assert talk.said > 0
        assert talk.heard == 5 * talk.said
        assert len(talk.delays) == talk.said


def test_a_benchmark_of_a_server_meets_its_targets() -> None:
    line = ["--clients", "3", "--seconds", "0.1", "--job", "all", "--transport", "tcp", "--way", "threads"]
    options = parse(line)
    row = measure(options, "all", "tcp", "threads", 3)
    assert row["ok"], row
    assert (row["threads"], row["left"], row["lost"]) == (5, 0, 0)  # main, door, three clients


@pytest.mark.parametrize("line", [("--clients", "0"), ("--clients", "many"), ("--pool", "0"), ("--seconds", "0")])
def test_an_option_that_makes_no_sense_is_refused(line: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse([*line])
    assert "error:" in capsys.readouterr().err


def test_a_wait_for_a_server_that_does_not_start_ends() -> None:
    with pytest.raises(RuntimeError, match="did not start"), hosted("tcp", "nobody", to_all=False, pool=1):
        pass

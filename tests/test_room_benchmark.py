"""What `tests/benchmarks/room.py` measures with is sound: its short cut, its checks of order, its verdicts."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import pytest

from tests.benchmarks.report import Row
from tests.benchmarks.room_lean import Ear, LeanConnection
from tests.benchmarks.room_order import Order, RoomError, number_of, text_of
from udpchat.config import MILLISECOND, Config
from udpchat.crypto.keys import ServerKeys
from udpchat.protocol.connection import Connection
from udpchat.protocol.datagrams import Address, Burst
from udpchat.protocol.endpoint import ClientEndpoint, ServerEndpoint
from udpchat.protocol.events import RecordReceived
from udpchat.wire.numbers import Change
from udpchat.wire.records import Line, Notice, Presence, Record, encode_record

if sys.platform != "linux":
    pytest.skip("the benchmark uses epoll and /proc", allow_module_level=True)

from tests.benchmarks.room import is_held, is_last, measure, meets_target, parse, saturation
from tests.benchmarks.room_irc import IrcMember, check, require_ngircd

SERVER: Address = ("10.0.0.1", 27272)
CLIENT: Address = ("10.0.1.1", 40_000)
ROW: Row = {"server": "udpchat", "asked": 40.0, "lines_per_s": 40.0, "p99_ms": 80.0, "people_busy": 0.3}


def line(order: Order, sequence: int) -> Line:
    """The next line, said at 0."""
    return Line(sequence, 0, "lobby", "anna", order.say(0, 0))


# -- the order of lines ------------------------------------------------------------------------------------------------


def test_the_number_of_a_line_is_read_from_its_text() -> None:
    assert [number_of(text_of(number)) for number in (0, 7, 12_345_678)] == [0, 7, 12_345_678]


@pytest.mark.parametrize("text", ["", "hello", text_of(5)[:-1], text_of(5) + "x", "x" + text_of(5)[1:]])
def test_a_text_that_nobody_said_has_no_number(text: str) -> None:
    with pytest.raises(RoomError, match="nobody said"):
        number_of(text)


def test_who_hears_lines_in_the_order_of_the_first_is_right() -> None:
    order = Order()
    first, second = order.say(1, 10), order.say(2, 20)
    assert [order.check(0, second, 5).said_at, order.check(1, first, 6).said_at] == [20, 10]
    assert [order.check(0, second, 5).number, order.check(1, first, 6).number] == [1, 0]


@pytest.mark.parametrize(
    ("at", "number", "sequence"),
    [(2, 0, 7), (2, 1, 7), (2, 3, 7), (2, 2, 6), (1, 0, 5), (0, 0, 6), (0, 1, 5)],
    ids=["twice", "again", "not said yet", "sequence falls", "other place", "other sequence", "other line"],
)
def test_a_line_that_is_not_due_is_an_error(at: int, number: int, sequence: int) -> None:
    order = Order()
    texts = [order.say(0, 0) for _ in range(3)]
    order.check(0, texts[0], 5)
    order.check(1, texts[1], 6)
    with pytest.raises(RoomError):
        order.check(at, text_of(number), sequence)


# -- the short cut -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_an_ear_hears_lines_however_the_channel_is_cut(cut: int) -> None:
    order = Order()
    ears = Ear(order), Ear(order)
    records: list[Record] = [
        line(order, 3),
        Presence(Change.JOINED, 2, 0, "ben", "", ""),
        line(order, 4),
        Notice(1, "hello"),
    ]
    stream = b"".join(encode_record(record) for record in records)
    for ear in ears:
        ear.now = 9
        for at in range(0, len(stream), cut):
            ear.feed(stream[at : at + cut])
    assert [(ear.heard, ear.newest, len(ear.others)) for ear in ears] == [(2, 4, 1)] * 2
    assert list(order.delays) == [9] * 4


def test_an_ear_refuses_a_line_that_differs_in_any_byte() -> None:
    order = Order()
    said = line(order, 3)
    Ear(order).feed(encode_record(said))
    with pytest.raises(RoomError):
        Ear(order).feed(encode_record(Line(3, 0, "lobby", "ben", said.text)))


class Ends:
    """A server's connection, and two clients of the same seed and state that hear the same datagrams."""

    def __init__(self, seed: int) -> None:
        self.now = 1_000_000
        self.server = ServerEndpoint(Config(), ServerKeys.from_master(bytes(32)), Random(seed).randbytes)
        self.clients = [ClientEndpoint(SERVER, Config(), Random(seed).randbytes, self.now) for _ in range(2)]
        while self.clients[0].connection is None:
            for datagram in self.exchange([]):
                self.deliver(datagram)
        (self.sender,) = self.server.connections.values()

    def exchange(self, heard: list[bytes]) -> list[bytes]:
        """What the server answers to what both clients send."""
        ordinary, other = ([bytes(each.data) for each in client.datagrams_to_send(self.now)] for client in self.clients)
        assert ordinary == other
        return self.answers([*heard, *ordinary])

    def answers(self, datagrams: list[bytes]) -> list[bytes]:
        """What the server sends when it has got these."""
        for datagram in datagrams:
            self.server.receive_burst(Burst(CLIENT, memoryview(datagram), len(datagram)), self.now)
        self.server.handle_timeout(self.now)
        return [bytes(each.data) for each in self.server.datagrams_to_send(self.now)]

    def deliver(self, datagram: bytes) -> None:
        """Both clients get it."""
        for client in self.clients:
            client.receive_burst(Burst(SERVER, memoryview(datagram), len(datagram)), self.now)

    def say(self, record: Line | Notice) -> None:
        """The server sends a record."""
        connection = self.server.find(self.sender.connection_id)
        assert connection is not None
        connection.send_record(record)


def records_of(client: ClientEndpoint) -> list[object]:
    """What has been told since."""
    events = iter(client.next_event, None)
    return [event.record for event in events if isinstance(event, RecordReceived)]


def shortened(client: ClientEndpoint, ear: Ear) -> LeanConnection:
    """The same client with the short cut."""
    assert isinstance(client.connection, Connection)
    lean = client.connection = LeanConnection.of(client.connection, ear)
    return lean


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("loss", [0.0, 0.3])
def test_the_short_cut_sends_the_same_bytes_as_the_ordinary_core(seed: int, loss: float) -> None:
    ends, random, order = Ends(seed), Random(seed), Order()
    ordinary, client = ends.clients
    ear = Ear(order)
    lean = shortened(client, ear)
    waiting: list[bytes] = []
    short, told, lines = 0, 0, 60
    for sequence in range(1, 400):
        ends.now += random.choice((300, 5 * MILLISECOND, 40 * MILLISECOND))
        for each in ends.clients:
            each.handle_timeout(ends.now)
        waiting += ends.exchange([])
        if sequence <= lines:
            ends.say(line(order, sequence) if random.random() < 0.9 else Notice(sequence, "a word"))
            waiting += ends.answers([])
        waiting = [each for each in waiting if random.random() >= loss for _ in range(1 + (random.random() < loss))]
        random.shuffle(waiting)
        sent: list[bytes] = []
        while waiting and random.random() < 0.7:
            datagram = waiting.pop()
            ordinary.receive_burst(Burst(SERVER, memoryview(datagram), len(datagram)), ends.now)
            by_ordinary = [bytes(each.data) for each in ordinary.datagrams_to_send(ends.now)]
            if lean.take(memoryview(datagram), ends.now):
                short += 1
                ack = lean.answer(ends.now)
                by_lean = [] if ack is None else [bytes(ack)]
            else:
                client.receive_burst(Burst(SERVER, memoryview(datagram), len(datagram)), ends.now)
                by_lean = [bytes(each.data) for each in client.datagrams_to_send(ends.now)]
            assert by_lean == by_ordinary
            sent += by_lean
        waiting += ends.answers(sent)
        heard = records_of(ordinary)
        told += sum(isinstance(record, Line) for record in heard)
        assert [record for record in heard if not isinstance(record, Line)] == records_of(client)
        assert ear.heard == told
    assert (ear.heard, short > 10) == (order.said, True)


# -- members that speak IRC --------------------------------------------------------------------------------------------


@contextmanager
def irc_members(count: int, order: Order) -> Iterator[list[tuple[IrcMember, socket.socket]]]:
    """Members, each with the server's end of its connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        found = []
        for number in range(count):
            member = IrcMember(listener.getsockname(), number, order)
            found.append((member, listener.accept()[0]))
        try:
            yield found
        finally:
            for member, other in found:
                member.leave()
                other.close()


def hear(member: IrcMember, other: socket.socket, *lines: str) -> None:
    """Let a member hear these."""
    data = "".join(f"{each}\r\n" for each in lines).encode()
    other.sendall(data)
    member.socket.setblocking(True)
    reads = member.reads
    member.hear()
    assert member.reads == reads + 1


def said(*numbers: int) -> list[str]:
    """Lines as the server sends them."""
    return [f":member0!~m@host PRIVMSG #lobby :{text_of(number)}" for number in numbers]


def test_irc_members_who_hear_all_but_their_own_in_one_order_are_right() -> None:
    order = Order()
    with irc_members(3, order) as ((anna, at_anna), (ben, at_ben), (carl, at_carl)):
        anna.say()
        ben.say()
        hear(anna, at_anna, *said(1))
        hear(ben, at_ben, *said(0))
        hear(carl, at_carl, *said(1, 0))
        check([anna, ben, carl], order)
        assert [member.heard for member in (anna, ben, carl)] == [2, 2, 2]
        assert len(order.delays) == 4


@pytest.mark.parametrize("numbers", [(0,), (1, 0, 1), (0, 1), (1, 0, 0)], ids=["lost", "repeated", "turned", "twice"])
def test_irc_members_who_hear_something_else_are_found_out(numbers: tuple[int, ...]) -> None:
    order = Order()
    with irc_members(3, order) as ((anna, _), (ben, at_ben), (carl, at_carl)):
        anna.say()
        anna.say()
        hear(ben, at_ben, *said(1, 0))
        hear(carl, at_carl, *said(*numbers))
        with pytest.raises(RoomError):
            check([anna, ben, carl], order)


def test_an_irc_member_comes_in_answers_pings_and_reports_refusals() -> None:
    order = Order()
    with irc_members(1, order) as ((anna, at_anna),):
        anna.wake()
        assert at_anna.recv(4_096).endswith(b"JOIN #lobby\r\n")
        hear(anna, at_anna, ":irc 001 member0 :welcome", ":irc 366 member0 #lobby :End", "PING :irc")
        assert (anna.is_in, at_anna.recv(4_096)) == (True, b"PONG :irc\r\n")
        with pytest.raises(RoomError, match="already in use"):
            hear(anna, at_anna, ":irc 433 * member0 :Nickname already in use")
        at_anna.shutdown(socket.SHUT_RDWR)
        with pytest.raises(RoomError, match="put out"):
            anna.hear()


# -- verdicts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "held"),
    [({}, True), ({"p99_ms": 100.0}, True), ({"p99_ms": 100.1}, False), ({"lines_per_s": 37.0}, False)],
)
def test_a_load_is_held_when_lines_are_fast_and_none_is_held_back(change: Row, held: bool) -> None:
    assert is_held(ROW | change) is held


def test_the_target_is_about_one_row() -> None:
    others = [ROW | {"server": "ngircd"}, ROW | {"asked": 50.0}]
    assert [meets_target(row, 500) for row in (ROW, ROW | {"p99_ms": 101.0}, *others)] == [True, False, None, None]
    assert meets_target(ROW, 100) is None


def test_steps_end_when_the_server_is_far_behind_or_the_people_are_the_limit() -> None:
    rows: list[Row] = [ROW, ROW | {"p99_ms": 1_001.0}, ROW | {"people_busy": 0.96}]
    assert [is_last(row) for row in rows] == [False, True, True]


def test_saturation_is_the_highest_load_that_was_held() -> None:
    steps = ((10, "yes"), (30, "yes"), (20, "no"), (40, "no"))
    rows = [ROW | {"asked": rate, "deliveries_per_s": rate * 500, "busy": 0.5, "held": held} for rate, held in steps]
    assert saturation("udpchat", rows).startswith("udpchat held 30 lines/s, 15000 deliveries/s")
    assert saturation("ngircd", rows) == "ngircd held none of these loads"


@pytest.mark.parametrize("arguments", [["--rates", "0"], ["--rates", "x"], ["--speakers", "500"], ["--seconds", "0"]])
def test_what_cannot_be_measured_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        parse(arguments)


# -- the whole ---------------------------------------------------------------------------------------------------------


def small(*more: str) -> list[str]:
    return ["--sessions", "5", "--speakers", "2", "--ordinary", "2", "--rates", "50", "--seconds", "0.2", *more]


def test_a_small_room_of_udpchat_is_measured() -> None:
    (row,) = measure("udpchat", parse(small()))
    assert (row["server"], row["asked"]) == ("udpchat", 50.0)
    assert float(row["deliveries_per_s"] or 0) > 0


def test_a_small_room_of_ngircd_is_measured() -> None:
    try:
        require_ngircd()
    except RoomError as missing:
        pytest.skip(str(missing))
    (row,) = measure("ngircd", parse(small()))
    assert float(row["deliveries_per_s"] or 0) > 0


def test_a_missing_ngircd_is_told_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(RoomError, match="apt-get install ngircd"):
        require_ngircd()

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

import udpchat
from tests.capture.scripted import CHUNK, ID, Script
from tests.capture.simulated import LOSSY, simulated
from tests.tools import require_tool
from udpchat.capture.analysis import Connection, Vantage
from udpchat.capture.flow import FlowObserver
from udpchat.capture.pcapng import PcapngWriter
from udpchat.capture.reader import read_capture
from udpchat.capture.statistics import CaptureReport, analyse, measured, report
from udpchat.capture.streams import Sent
from udpchat.capture.tolerant import Readable
from udpchat.errors import CaptureError, UsageError
from udpchat.lab.experiment import Direction

DISSECTOR = Path(udpchat.__file__).parent / "wireshark" / "udpchat.lua"
CAPTURES = Path(udpchat.__file__).parent.parent / "captures"


def statistics(readable: Readable, interface: str | None = None) -> CaptureReport:
    return report(readable, analyse(readable), interface)


@pytest.mark.parametrize(("values", "expected"), [([], None), ([5], (1, 5, 5, 5, 5)), ([3, 1, 2], (3, 1, 2, 3, 3))])
def test_round_trips_are_summed_up_by_rank(values: list[int], expected: tuple[int, ...] | None) -> None:
    found = measured(values)
    figures = None if found is None else (found.count, found.least, found.median, found.p95, found.most)
    assert figures == expected


def test_the_95th_percentile_is_what_95_of_100_do_not_exceed() -> None:
    found = measured(range(1, 101))
    assert found is not None
    assert found.p95 == 95


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("direction", ["up", "down"])
def test_the_numbers_are_those_of_the_sender_itself(seed: int, direction: Direction, tmp_path: Path) -> None:
    run = simulated(seed, LOSSY, direction=direction)
    found = statistics(run.readable(tmp_path))
    (transfer,) = found.transfers
    figures, counts = transfer.figures, transfer.figures.counts
    assert figures.interface == ("client" if direction == "up" else "server")
    assert figures.unique == run.outcome.bytes
    assert counts.retransmitted + counts.copies == run.outcome.retransmitted
    sender = next(each for each in found.connections[0].directions if each.from_server is (direction == "down"))
    lost = counts.lost + sum(channel.counts.lost for channel in sender.channels)
    assert lost == run.outcome.lost
    assert run.outcome.goodput is not None
    assert figures.goodput == pytest.approx(run.outcome.goodput, rel=0.1)  # COMMITTED comes after the last ACK


class FlightCheck:
    """Compares the bytes in flight with what the sender says in its comments."""

    def __init__(self) -> None:
        self.compared = 0

    def on_sent(self, sent: Sent, in_flight: int, words: dict[str, str]) -> None:
        if "in_flight" in words and sent.kind.name != "PROBE":
            assert in_flight == int(words["in_flight"]), sent
            self.compared += 1

    def on_acked(self, us: int, sent: Sent, in_flight: int) -> None:
        pass

    def on_lost(self, us: int, sent: Sent, in_flight: int) -> None:
        pass

    def on_round_trip(self, us: int, round_trip: int) -> None:
        pass


@pytest.mark.parametrize("seed", range(3))
def test_bytes_in_flight_are_at_every_packet_those_of_the_sender(seed: int, tmp_path: Path) -> None:
    check = FlightCheck()

    def observe(vantage: Vantage, _: Connection, from_server: bool) -> FlowObserver | None:
        return check if vantage.name == "client" and not from_server else None

    analyse(simulated(seed).readable(tmp_path), observe)
    assert check.compared > 100


def test_sealed_and_plaintext_captures_of_one_seed_have_the_same_numbers(tmp_path: Path) -> None:
    sealed, plain = (
        statistics(simulated(4, plaintext=plaintext).readable(tmp_path)).transfers[0].figures
        for plaintext in (False, True)
    )
    assert sealed.counts == plain.counts
    assert (sealed.unique, sealed.acked, sealed.duration) == (plain.unique, plain.acked, plain.duration)


def test_an_interface_can_be_chosen_by_name_and_number(tmp_path: Path) -> None:
    readable = simulated(2).readable(tmp_path)
    by_name, by_number = statistics(readable, "server"), statistics(readable, "1")
    assert by_name == by_number
    assert by_name.transfers[0].figures.interface == "server"
    assert by_name.transfers[0].figures.counts.packets < statistics(readable).transfers[0].figures.counts.packets


def test_an_interface_that_saw_nothing_is_refused_with_those_that_did(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there are: 0 client, 1 server"):
        statistics(simulated(2).readable(tmp_path), "wlan0")


def test_without_names_the_vantage_point_that_saw_a_packet_first_is_the_sender_s(tmp_path: Path) -> None:
    script = Script()
    for number in range(3):
        script.data(number, number, interface=1)
        script.data(number, number, interface=0)
    assert statistics(script.save(tmp_path / "c.pcapng")).transfers[0].figures.interface == "two"


def test_goodput_is_of_acknowledged_bytes_up_to_the_last_new_ack(tmp_path: Path) -> None:
    script = Script().data(0, 0).data(1, 1)
    script.ack((0, 2)).data(2, 2)
    figures = statistics(script.save(tmp_path / "c.pcapng")).transfers[0].figures
    assert figures.goodput == 2 * CHUNK * 1_000_000 / 2_000
    assert figures.duration == 3_000


def test_a_capture_of_one_direction_has_a_goodput_too(tmp_path: Path) -> None:
    figures = statistics(Script().data(0, 0).data(1, 1).save(tmp_path / "c.pcapng")).transfers[0].figures
    assert (figures.goodput, figures.round_trips) == (2 * CHUNK * 1_000, None)


def test_handshakes_without_a_connection_are_told(tmp_path: Path) -> None:
    found = statistics(Script().handshake(repeated=4).save(tmp_path / "c.pcapng"))
    assert [each.hellos for each in found.unanswered] == [6]
    assert found.connections == ()


def test_a_truncated_capture_is_analysed_up_to_its_last_whole_packet(tmp_path: Path) -> None:
    path = simulated(3).save(tmp_path)
    path.write_bytes(path.read_bytes()[:-100_001])
    found = statistics(Readable(read_capture(path)))
    assert "cut off in the middle of a packet" in found.trouble
    assert found.datagrams > 100


def test_a_capture_that_is_damaged_half_way_is_analysed_up_to_there(tmp_path: Path) -> None:
    path = simulated(3).save(tmp_path)
    path.write_bytes(path.read_bytes()[:100_000] + b"\xff" * 100_000)
    found = statistics(Readable(read_capture(path)))
    assert "is damaged at byte" in found.trouble
    assert found.datagrams > 20


def test_a_capture_without_our_packets_says_what_it_has(tmp_path: Path) -> None:
    readable = Script().put(b"something else").put(b"and more").save(tmp_path / "c.pcapng")
    with pytest.raises(CaptureError, match="holds no udpchat packets: it has 2 packets of other kinds"):
        statistics(readable)


def dissected(path: Path, home: Path) -> dict[tuple[str, str, bool, int], list[str]]:
    """Rows of transfers of `tshark -z udpchat,stat`: by connection, interface, from the server, transfer id."""
    program = require_tool("tshark")
    command = [program, "-X", f"lua_script:{DISSECTOR}", "-r", str(path), "-q", "-z", "udpchat,stat"]
    environment: dict[str, Any] = {"HOME": str(home), "XDG_CONFIG_HOME": str(home), "PATH": "/usr/bin:/bin"}
    result = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert "Lua" not in result.stderr, result.stderr
    rows: dict[tuple[str, str, bool, int], list[str]] = {}
    place = ("", "")
    for line in result.stdout.splitlines():
        if head := re.match(r"connection (\w+),.* interface (\w+)", line):
            place = (head[1], head[2])
        elif row := re.match(r"  (->|<-) transfer (\d+) +(.*)", line):
            rows[*place, row[1] == "<-", int(row[2])] = row[3].split()
    return rows


def without_comments(source: Path, target: Path) -> Path:
    """The dissector takes losses from packets alone; so are ours to be taken."""
    capture = read_capture(source)
    with target.open("wb") as file:
        writer = PcapngWriter(file, [interface.name for interface in capture.interfaces])
        for us, sender, receiver, data, _, interface, _, outbound, _ in capture:
            writer.write(us, sender, receiver, data, interface=interface, outbound=outbound)
    return target


@pytest.mark.parametrize("kind", ["loss10", "reorder", "rebind", "go-back-n", "black-hole", "duplicate", "queue"])
def test_the_dissector_finds_the_same(kind: str, tmp_path: Path) -> None:
    paths = sorted(CAPTURES.glob(f"{kind}-*.pcapng"))
    assert paths
    for path in paths:
        plain = without_comments(path, tmp_path / path.name)
        rows = dissected(plain, tmp_path)
        for transfer in statistics(Readable(read_capture(plain))).transfers:
            figures, counts = transfer.figures, transfer.figures.counts
            row = rows[transfer.connection_id.hex(), figures.interface, figures.from_server, figures.stream]
            told = (figures.unique, counts.packets, counts.retransmitted, counts.lost, counts.duplicates)
            assert [*map(str, (*told, counts.spurious, counts.out_of_order))] == row[:7], path.name


def test_connections_are_told_in_the_order_of_their_first_packet(tmp_path: Path) -> None:
    found = statistics(Script().handshake().data(0, 0).data(1, 1).ack((0, 2)).save(tmp_path / "c.pcapng"))
    (connection,) = found.connections
    assert connection.connection_id == ID
    assert connection.handshake is not None
    assert connection.duration == 6_000
    assert [direction.types for direction in connection.directions] == [{"DATA": 2}, {"ACK": 1}]

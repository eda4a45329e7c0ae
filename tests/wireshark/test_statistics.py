"""The table of `tshark -z udpchat,stat`."""

from __future__ import annotations

from pathlib import Path

from tests.wireshark.analyzing import Step, ack, analyses, data, message, write
from tests.wireshark.recorded import Recorder, record
from tests.wireshark.tshark import tshark
from udpchat.config import MILLISECOND
from udpchat.protocol.datagrams import Address
from udpchat.sim.link import LinkSpec

MOVED: Address = ("10.0.1.9", 41_000)
SIZE = 100_000


def table(capture: Path, *options: str) -> list[str]:
    """Its lines, each with single blanks."""
    return [" ".join(line.split()) for line in tshark(capture, "-q", *options, "-z", "udpchat,stat").splitlines()]


def conversation() -> list[Step]:
    """Ten chunks of which one is lost, one overtaken, one doubled, and one is sent again for nothing."""
    first = [data(number, 100 * number) for number in (0, 1, 3, 2, 4, 5, 6, 7, 8, 9)]
    return [
        *first,
        data(9, 900),
        message(10, 0),
        ack(0, (0, 4), window=1 << 20),
        ack(1, (6, 10), (0, 4)),
        data(11, 500),
        data(12, 900),
        ack(2, (6, 12), (0, 4)),
    ]


def test_there_is_a_line_for_each_transfer_and_channel_and_one_for_each_direction(tmp_path: Path) -> None:
    lines = table(write(tmp_path / "one.pcapng", [conversation()]))
    assert lines[0].startswith("udpchat bytes packets again lost doubled needless overtaken")
    assert lines[1] == "connection 0000000000000001, 10.0.1.1:40000 to 10.0.0.1:27272, interface near"
    assert lines[2].startswith("-> transfer 1 1000 12 2 1 1 1 1 0.016 0.500 1.000 4.500 8.000 1520")
    assert lines[3].startswith("-> channel 0 20 1 0 0 0 0 0 ")
    assert lines[4].startswith("-> all packets 1020 13 2 1 1 1 1 ")
    assert lines[5].startswith("<- all packets 0 3 0 0 0 0 0 ")
    assert lines[6].startswith("RTT: ")
    assert len(lines) == 7


def test_every_connection_and_every_place_of_capture_has_its_own(tmp_path: Path) -> None:
    far = [step._replace(interface=1) for step in conversation()]
    moved = [step._replace(source=MOVED) if not step.from_server else step for step in conversation()]
    lines = table(write(tmp_path / "three.pcapng", [[*conversation(), *far], moved]))
    heads = [line for line in lines if line.startswith("connection")]
    assert [head.rpartition(" ")[2] for head in heads] == ["near", "far", "near"]
    assert heads[2].split(", ")[1].startswith("10.0.1.9:41000 to")
    assert lines[2:6] == lines[7:11] == lines[12:16]


def test_two_passes_give_the_same_table(tmp_path: Path) -> None:
    capture = write(tmp_path / "passes.pcapng", [conversation()])
    assert table(capture) == table(capture, "-2")


def test_a_capture_without_our_packets_says_so(tmp_path: Path) -> None:
    assert table(write(tmp_path / "empty.pcapng", []))[1] == "no packets of a connection"


def test_the_numbers_are_those_of_the_transfer(tmp_path: Path) -> None:
    path = tmp_path / "transfer.pcapng"
    with path.open("wb") as file:
        record(Recorder(file, only=0), 5, LinkSpec(rate=6_000_000, delay=10 * MILLISECOND, loss=0.1), SIZE)
    cells = next(line for line in table(path) if line.startswith("-> transfer")).split()
    sent = analyses(
        path, "udpchat.data.offset", "udpchat.endpoint.sent", "udpchat.flags.from_server", "lost_in", "late"
    )
    uploaded = [each for each in sent if "udpchat.data.offset" in each and "udpchat.endpoint.sent" in each]
    lost = sum("lost_in" in each and "late" not in each for each in uploaded)
    again = sum(each["udpchat.endpoint.sent"] != "first" for each in uploaded)
    assert cells[3:7] == [str(SIZE), str(len(uploaded)), str(again), str(lost)]
    assert 20.0 <= float(cells[12]) <= float(cells[13]) < 40.0

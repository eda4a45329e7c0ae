"""Small conversations for the analysis, packet by packet, many of them in one capture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.wireshark.tshark import CLIENT, SERVER, START, tshark
from udpchat.capture.pcapng import PcapngWriter
from udpchat.config import MIB, MILLISECOND, SECOND
from udpchat.crypto.plain import checksum_trailer
from udpchat.protocol.datagrams import Address
from udpchat.wire.codec import encode_associated, encode_body
from udpchat.wire.numbers import Flag, PacketType
from udpchat.wire.values import Ack, Clear, Data, Message, Ping
from udpchat.wireshark.generate import DISSECTOR_PATH

PREFIX = "udpchat.analysis."
FRAMES = ("retransmission_of", "retransmitted_in", "duplicate_of", "lost_in", "acked_in", "acks_frame")
FRAMES_OF_ACKS = ("duplicate_ack_of",)
FIELDS = (
    *FRAMES,
    *FRAMES_OF_ACKS,
    "duplicate",
    "strange_number",
    "gap",
    "skipped",
    "out_of_order",
    "moved_from",
    "retransmission",
    "retransmission_of_number",
    "cause",
    "rto",
    "spurious",
    "late",
    "ack_rtt",
    "newly_acked",
    "newly_acked_bytes",
    "ack_unseen",
    "duplicate_ack",
    "window_update",
    "window_zero",
    "bytes_in_flight",
    "window_full",
)
OVERHEAD = {PacketType.DATA: 52, PacketType.MSG: 49}  # bytes of a datagram round its content


class Step(NamedTuple):
    """One packet. wait: time since the one before [us]. outbound: as the capture says it. source: its address."""

    packet_type: PacketType
    number: int
    clear: Clear | None = None
    body: bytes = b""
    from_server: bool = False
    wait: int = MILLISECOND
    interface: int = 0
    outbound: bool | None = None
    source: Address | None = None

    def datagram(self, connection_id: bytes) -> bytes:
        """The packet of a plaintext connection."""
        flags = Flag.FROM_SERVER if self.from_server else 0
        covered = encode_associated(self.packet_type, flags, connection_id, self.number, self.clear, len(self.body))
        return covered + self.body + checksum_trailer(covered + self.body)


def data(number: int, offset: int, size: int = 100, transfer: int = 1) -> Step:
    """File bytes from the client."""
    return Step(PacketType.DATA, number, Data(transfer, offset), bytes(size))


def message(number: int, offset: int, size: int = 20) -> Step:
    """Bytes of channel 0 from the client."""
    return Step(PacketType.MSG, number, Message(0, offset), bytes(size))


def ping(number: int) -> Step:
    """A PING from the client."""
    return Step(PacketType.PING, number, None, encode_body(Ping()))


def ack(number: int, *runs: tuple[int, int], window: int = MIB) -> Step:
    """An ACK from the server. runs: first and last number of each, newest first."""
    ranges = tuple((first, last + 1) for first, last in runs)
    clear = Ack(runs[0][1], 0, 0, 1, window, ranges)
    return Step(PacketType.ACK, number, clear, from_server=True)


def write(path: Path, conversations: Iterable[Sequence[Step]], interfaces: Sequence[str] = ("near", "far")) -> Path:
    """A capture of conversations, one after the other, each with a connection id of its own."""
    with path.open("wb") as file:
        writer = PcapngWriter(file, interfaces)
        for index, steps in enumerate(conversations):
            connection_id, now = (index + 1).to_bytes(8, "big"), START + index * SECOND
            for step in steps:
                now += step.wait
                source = step.source or (SERVER if step.from_server else CLIENT)
                destination = CLIENT if step.from_server else SERVER
                datagram = step.datagram(connection_id)
                writer.write(now, source, destination, datagram, interface=step.interface, outbound=step.outbound)
    return path


def analyses(
    capture: Path, *fields: str, passes: int = 2, script: Path = DISSECTOR_PATH, **preferences: str | bool
) -> list[dict[str, str]]:
    """For each packet of a capture the fields that it has, without the prefix of the analysis; "1" for mere marks."""
    names = [field if "." in field else PREFIX + field for field in fields or FIELDS]
    columns = [word for name in names for word in ("-e", name)]
    # With a filter there is a tree on the first pass, too, and so the number of the interface.
    options = ["-Y", "frame", *(["-2"] if passes == 2 else [])]
    text = tshark(capture, *options, "-T", "fields", "-E", "separator=|", *columns, script=script, **preferences)
    return [
        {name.removeprefix(PREFIX): value for name, value in zip(names, line.split("|"), strict=True) if value}
        for line in text.splitlines()
    ]


def analyses_of_each(path: Path, conversations: Sequence[Sequence[Step]]) -> list[list[dict[str, str]]]:
    """The same for each of many conversations; frame numbers count from 1 in each of them."""
    seen = iter(analyses(write(path, conversations)))
    frames, result = 0, []
    for steps in conversations:
        found = [next(seen) for _ in steps]
        result.append([_renumbered(each, frames) for each in found])
        frames += len(steps)
    return result


def _renumbered(found: dict[str, str], frames: int) -> dict[str, str]:
    counted = (*FRAMES, *FRAMES_OF_ACKS)
    return {name: str(int(value) - frames) if name in counted else value for name, value in found.items()}

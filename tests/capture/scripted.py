"""Captures of made-up plaintext connections, packet by packet, for tests of what is found in captures."""

from __future__ import annotations

from pathlib import Path

from udpchat.capture.analysis import Analysis, Connection
from udpchat.capture.flow import Flow
from udpchat.capture.pcapng import Captured, PcapngWriter
from udpchat.capture.reader import read_capture
from udpchat.capture.streams import Stream
from udpchat.capture.tolerant import Readable
from udpchat.crypto.plain import checksum_trailer
from udpchat.protocol.datagrams import Address
from udpchat.wire.codec import (
    Ack,
    Clear,
    Cookie,
    Data,
    Hello,
    Message,
    Params,
    Reply,
    encode_associated,
    encode_handshake,
    encode_params,
)
from udpchat.wire.numbers import FileFlag, Flag, PacketType
from udpchat.wire.records import Offer, Open, Record, encode_record

CLIENT: Address = ("10.0.0.2", 40_000)
SERVER: Address = ("10.0.0.1", 27_272)
ID = b"connect1"
ATTEMPT = b"attempt1"
CHUNK = 1_000  # bytes of every made-up chunk


def plain(kind: PacketType, number: int, clear: Clear | None, body: bytes, *, from_server: bool) -> bytes:
    """A packet of a plaintext connection."""
    flags = int(Flag.FROM_SERVER) if from_server else 0
    packet = encode_associated(kind, flags, ID, number, clear, len(body)) + body
    return packet + checksum_trailer(packet)


class Script:
    """A capture that is written down step by step; `now` moves by 1 ms with each packet unless it is set."""

    def __init__(self) -> None:
        self.now = 1_000_000
        self.packets: list[Captured] = []
        self._offsets = {False: 0, True: 0}

    def put(
        self,
        data: bytes,
        *,
        from_server: bool = False,
        comment: str = "",
        interface: int = 0,
        outbound: bool | None = None,
    ) -> Script:
        """Any datagram."""
        ends = (SERVER, CLIENT) if from_server else (CLIENT, SERVER)
        name = ("one", "two")[interface]
        index = len(self.packets) + 1
        self.packets.append(Captured(self.now, *ends, data, comment, interface, name, outbound, index))
        self.now += 1_000
        return self

    def data(self, number: int, chunk: int, *, comment: str = "", transfer: int = 1, interface: int = 0) -> Script:
        """The chunk with this number, in the packet with that one, to the server."""
        clear = Data(transfer, chunk * CHUNK)
        body = bytes([chunk % 251]) * CHUNK
        packet = plain(PacketType.DATA, number, clear, body, from_server=False)
        return self.put(packet, comment=comment, interface=interface)

    def ack(self, *ranges: tuple[int, int], delay: int = 0, number: int = 0, comment: str = "") -> Script:
        """The server acknowledges packets of the client; ranges newest first."""
        largest = ranges[0][1] - 1
        clear = Ack(largest, 0, delay, 1, 2**20, ranges)
        packet = plain(PacketType.ACK, number or len(self.packets), clear, b"", from_server=True)
        return self.put(packet, from_server=True, comment=comment)

    def record(self, number: int, record: Record, *, from_server: bool, request_id: int = 0) -> Script:
        """A record in a packet of its own."""
        content = encode_record(record, request_id)
        clear = Message(0, self._offsets[from_server])
        self._offsets[from_server] += len(content)
        packet = plain(PacketType.MSG, number, clear, content, from_server=from_server)
        return self.put(packet, from_server=from_server)

    def handshake(self, *, repeated: int = 0) -> Script:
        """HELLO so often, COOKIE, HELLO with it, REPLY."""
        hello = encode_handshake(PacketType.HELLO, 0, ATTEMPT, 0, Hello(bytes(32), 0))
        for _ in range(1 + repeated):
            self.put(hello)
        server = int(Flag.FROM_SERVER)
        self.put(encode_handshake(PacketType.COOKIE, server, ATTEMPT, 0, Cookie(b"c" * 20)), from_server=True)
        self.put(encode_handshake(PacketType.HELLO, 0, ATTEMPT, 0, Hello(bytes(32), 0, b"c" * 20)))
        params = encode_params(Params(ID, bytes(16), 0, 1_472, 60_000_000))
        return self.put(encode_handshake(PacketType.REPLY, server, ATTEMPT, 0, Reply(params)), from_server=True)

    def analysis(self) -> Analysis:
        """What is found in it."""
        analysis = Analysis()
        for captured in self.packets:
            analysis.feed(captured)
        analysis.finish()
        return analysis

    def connection(self) -> Connection:
        """The only connection, at the first vantage point."""
        return self.analysis().vantages[0].connections[ID]

    def flow(self) -> Flow:
        """What the client sent."""
        return self.connection().flows[False]

    def transfer(self, transfer: int = 1) -> Stream:
        """A transfer to the server."""
        return self.flow().streams[PacketType.DATA, transfer]

    def save(self, path: Path, interfaces: tuple[str, ...] = ("one", "two")) -> Readable:
        """The capture as a file."""
        with path.open("wb") as file:
            writer = PcapngWriter(file, interfaces)
            for us, source, destination, data, comment, interface, _, outbound, _ in self.packets:
                writer.write(us, source, destination, data, comment=comment, interface=interface, outbound=outbound)
        return Readable(read_capture(path))


def opening(upload_id: bytes, size: int, name: str, *, members: int = 0) -> Open:
    """OPEN of a file, or of a folder with so many members, for the lobby."""
    return Open(upload_id, size, 0, members, int(FileFlag.FOLDER) if members else 0, name)


def offer(transfer_id: int, size: int, md5: bytes, name: str, *, members: int = 0) -> Offer:
    """OFFER of a file, or of a folder with so many members."""
    flags = int(FileFlag.FOLDER) if members else 0
    return Offer(transfer_id, bytes(16), size, md5, bytes(32), 0, members, flags, "", name)

"""A plaintext session whose client says what the test wants: there is no key, so any packet can be made."""

from __future__ import annotations

from itertools import count

from tests.protocol.pair import CLIENT, SERVER, Pair, Side, one
from udpchat.chat.events import Joined
from udpchat.config import Config
from udpchat.crypto.plain import checksum_trailer
from udpchat.protocol.connection import Connection
from udpchat.wire.codec import Clear, Data, Message, encode_associated
from udpchat.wire.numbers import Flag, PacketType
from udpchat.wire.records import Record, encode_record


class Forger:
    """anna has joined; from now on the test speaks for her client, or for her server."""

    def __init__(self, config: Config | None = None, *, as_server: bool = False) -> None:
        self.pair = Pair(1, config or Config(plaintext=True))
        self.pair.until(lambda: any(isinstance(event, Joined) for event in self.pair.client.told))
        for _ in range(20):
            self.pair.round()
        self.server, self.client = self.pair.connected()
        self.victim: Side = self.pair.client if as_server else self.pair.server
        self.connection: Connection = self.client if as_server else self.server
        self._flags = Flag.FROM_SERVER if as_server else 0
        self._source = SERVER if as_server else CLIENT
        self._numbers = count(10_000)
        self.offset = [channel.acknowledged for channel in self._speaker.transmitter.messages.channels]

    @property
    def _speaker(self) -> Connection:
        return self.client if self.connection is self.server else self.server

    def packet(
        self, packet_type: PacketType, clear: Clear | None, body: bytes = b"", number: int | None = None
    ) -> bytes:
        """A datagram of this session."""
        chosen = next(self._numbers) if number is None else number
        covered = encode_associated(packet_type, self._flags, self.connection.connection_id, chosen, clear, len(body))
        return covered + body + checksum_trailer(covered + body)

    def say(
        self, packet_type: PacketType, clear: Clear | None, body: bytes = b"", number: int | None = None
    ) -> list[bytes]:
        """Hand a packet to the victim; the datagrams that it sends then."""
        return self.hand_in(self.packet(packet_type, clear, body, number))

    def hand_in(self, datagram: bytes) -> list[bytes]:
        """Hand any bytes to the victim; the datagrams that it sends then."""
        self.victim.receive([one(datagram, self._source)], self.pair.now)
        return [
            data[at : at + size] for size, data in self.victim.settle(self.pair.now) for at in range(0, len(data), size)
        ]

    def data(self, transfer_id: int, offset: int, chunk: bytes) -> list[bytes]:
        """A DATA packet."""
        return self.say(PacketType.DATA, Data(transfer_id, offset), chunk)

    def record(self, record: Record, request_id: int = 1, channel: int = 0) -> list[bytes]:
        """A record in the next bytes of a channel."""
        return self.write(encode_record(record, request_id), channel)

    def write(self, encoded: bytes, channel: int = 0) -> list[bytes]:
        """The next bytes of a channel, cut into packets."""
        answers = []
        for at in range(0, len(encoded), 1_000):
            piece = encoded[at : at + 1_000]
            answers += self.say(PacketType.MSG, Message(channel, self.offset[channel]), piece)
            self.offset[channel] += len(piece)
        return answers

    def clean(self) -> None:
        """Forget what the victim has told so far."""
        self.victim.told.clear()

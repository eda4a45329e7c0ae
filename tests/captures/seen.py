"""What a capture holds, read by scapy alone: packets with their comments, and sums over them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from scapy.layers.inet import UDP
from scapy.utils import PcapReader

from tests.captures.layers import UDPCHAT
from udpchat.protocol.datagrams import Address
from udpchat.wire.numbers import Flag, PacketType

SECOND = 1_000_000


class Datagram(NamedTuple):
    """One side of a datagram. us: since 1970. where: name of the interface.

    words: of the comment. whole: with the IP header.
    """

    us: int
    source: Address
    destination: Address
    data: bytes
    packet: Any  # UDPCHAT or None
    where: str
    words: dict[str, str]
    whole: Any

    @property
    def is_sent(self) -> bool:
        """It leaves here."""
        return (self.where == "server") is (self.destination[1] != 27272)

    @property
    def kind(self) -> str:
        """Name of the packet type."""
        return PacketType(self.data[3]).name if self.packet is not None else ""


class Seen:
    """A capture in memory."""

    def __init__(self, path: Path) -> None:
        with PcapReader(str(path)) as reader:
            self.datagrams = [_datagram(whole) for whole in reader]

    def at(self, where: str, *, sent: bool) -> list[Datagram]:
        """Those that one side sent, or received."""
        return [each for each in self.datagrams if each.where == where and each.is_sent is sent]

    @cached_property
    def sent(self) -> list[Datagram]:
        """All that was sent, by whomever."""
        return [each for each in self.datagrams if each.is_sent]

    @cached_property
    def kinds(self) -> Counter[str]:
        """Packets sent, by type."""
        return Counter(each.kind for each in self.sent)

    @cached_property
    def words(self) -> Counter[str]:
        """Words of comments, such as "dropped=loss"; of numbers only the name."""
        return Counter(
            f"{name}={value}" if not value[:1].isdigit() else name
            for each in self.datagrams
            for name, value in each.words.items()
        )

    def dropped(self, kind: str) -> int:
        """Packets of a type that did not arrive."""
        return sum("dropped" in each.words and each.kind == kind for each in self.sent)


def _datagram(whole: Any) -> Datagram:
    us = int(whole.time * SECOND)  # a decimal, so this is exact
    udp = whole[UDP]
    packet = udp.payload if isinstance(udp.payload, UDPCHAT) else None
    words = dict(word.split("=", 1) for comment in whole.comments or () for word in comment.decode().split())
    source, destination = (whole.src, udp.sport), (whole.dst, udp.dport)
    return Datagram(us, source, destination, bytes(udp.payload), packet, whole.sniffed_on, words, whole)


def read_keys(path: Path) -> Keys:
    """The keys of a key log."""
    return Keys(path.read_text().splitlines())


class Keys:
    """The lines of a key log, and what they open."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._keys: dict[tuple[bytes, bool], tuple[bytes, int]] = {}
        for line in lines:
            _, connection_id, direction, epoch, key, iv = line.split()
            if epoch == "0":
                place = bytes.fromhex(connection_id), direction == "server"
                self._keys[place] = bytes.fromhex(key), int(iv, 16)

    def open(self, data: bytes) -> bytes:
        """The whole datagram with its body in the clear; InvalidTag when it is not authentic."""
        packet = UDPCHAT(data)
        key, iv = self._keys[packet.connection_id, bool(packet.flags & Flag.FROM_SERVER)]
        sealed = len(packet.payload.sealed) if "sealed" in packet.payload.fields else 0
        clear = data[: len(data) - 16 - sealed]
        nonce = (iv ^ packet.packet_number).to_bytes(12, "big")
        body = ChaCha20Poly1305(key).decrypt(nonce, data[len(clear) :], clear)
        flags = int(packet.flags) & ~Flag.SEALED
        return clear[:4] + flags.to_bytes(2, "big") + clear[6:] + body + bytes(16)

"""The server's half of the handshake: cookies without state, then a connection for each valid HELLO."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from udpchat.config import HELLO_SIZE, SECOND, Config
from udpchat.crypto.connection_ids import ConnectionIds
from udpchat.crypto.cookies import TOKEN_NONCE_SIZE, AddressTokens, Cookies
from udpchat.crypto.keys import ServerKeys
from udpchat.crypto.noise import KEY_SIZE, REPLY_OVERHEAD, NoiseResponder
from udpchat.errors import AuthenticationError, DecodeError
from udpchat.protocol.assembly import Agreement
from udpchat.protocol.datagrams import Address
from udpchat.protocol.handshake import FEATURES, Finished, plaintext_hash, prologue
from udpchat.wire.codec import (
    Cookie,
    Hello,
    Params,
    Reply,
    UnknownVersionError,
    Version,
    checksum_fits,
    decode,
    encode_handshake,
    encode_params,
    encode_reset,
)
from udpchat.wire.numbers import Flag, Mode, PacketType
from udpchat.wire.packets import VERSION

MAX_SOURCES = 4_096  # addresses whose rate is watched; the oldest is forgotten


@dataclass(frozen=True, slots=True)
class HalfOpen:
    """A REPLY that was sent, kept to be repeated when it got lost."""

    connection_id: bytes
    ephemeral: bytes
    reply: bytes


class RateLimit:
    """At most so many events in a second, for each source."""

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._seen: dict[str, tuple[int, int]] = {}  # source -> (second, events in it)

    def allows(self, source: str, now: int) -> bool:
        """Count one event of source; False when it is one too many."""
        second, seen = self._seen.pop(source, (0, 0))
        seen = seen + 1 if second == now // SECOND else 1
        self._seen[source] = (now // SECOND, seen)
        if len(self._seen) > MAX_SOURCES:
            del self._seen[next(iter(self._seen))]
        return seen <= self._per_second


Answer = bytes | tuple[bytes, Finished]  # a datagram, and the new connection when it is a REPLY


class Acceptor:
    """Answers strangers: with a cookie, a REPLY, a VERSION, a RESET, or not at all; never with more than came in.

    wall_offset: wall clock minus `now` [us]; only address tokens need it.
    """

    def __init__(
        self, config: Config, keys: ServerKeys, random_bytes: Callable[[int], bytes], wall_offset: int = 0
    ) -> None:
        self.ids = ConnectionIds(keys.connection_id_key)
        self.drops: Counter[str] = Counter()
        self.half_open: dict[tuple[bytes, Address], HalfOpen] = {}
        self._config = config
        self._keys = keys
        self._random_bytes = random_bytes
        self._wall_offset = wall_offset
        self._cookies = Cookies(keys.cookie_secret)
        self._tokens = AddressTokens(keys.token_key, config.max_used_tokens)
        self._joins = RateLimit(config.max_joins_per_second)
        self._resets = (RateLimit(1), RateLimit(config.max_resets_per_second))

    def wall_clock(self, now: int) -> int:
        """Time since 1970 [us]."""
        return now + self._wall_offset

    def make_token(self, address: Address, now: int) -> bytes:
        """An address token for a client that was seen at this address."""
        nonce = self._random_bytes(TOKEN_NONCE_SIZE)
        return self._tokens.seal(address[0].encode(), self.wall_clock(now), nonce)

    def reset(self, datagram: memoryview, address: Address, now: int) -> bytes | None:
        """A RESET for a packet of a connection we made but no longer know; None for everything else."""
        connection_id = bytes(datagram[8:16])
        reset = encode_reset(connection_id, self.ids.reset_token(connection_id))
        per_source, in_all = self._resets
        if len(datagram) <= len(reset) or not self.ids.is_ours(connection_id):
            self.drops["unknown-connection"] += 1
            return None
        if not per_source.allows(address[0], now) or not in_all.allows("", now):
            self.drops["reset-limit"] += 1
            return None
        return reset

    def hello(
        self,
        datagram: memoryview,
        address: Address,
        now: int,
        taken: Callable[[bytes], bool],
        has_room: Callable[[str], bool],
    ) -> Answer | None:
        """What a HELLO brings: an answer, or an answer and a new connection, or nothing but a counted drop.

        taken: whether a connection id is in use. has_room: whether there may be one more connection from a host.
        """
        try:
            attempt_id, hello = self._read(datagram)
            if hello is None:
                return self._version(attempt_id)
            return self._admit(attempt_id, hello, address, now, has_room) or self._accept(
                attempt_id, hello, address, taken
            )
        except UnknownVersionError as error:
            if len(datagram) >= HELLO_SIZE:
                return self._version(error.connection_id)
            self.drops["short-hello"] += 1
        except DecodeError as error:
            self.drops[error.reason] += 1
        return None

    def _read(self, datagram: memoryview) -> tuple[bytes, Hello | None]:
        """The attempt id and the HELLO; None when it asks for the other mode."""
        packet = decode(datagram)
        hello = packet.clear
        if not isinstance(hello, Hello) or packet.header.flags & Flag.FROM_SERVER:
            raise DecodeError("unexpected")
        if len(datagram) < HELLO_SIZE:
            raise DecodeError("short-hello")
        if not checksum_fits(datagram):
            raise DecodeError("not-authentic")
        if bool(packet.header.flags & Flag.SEALED) is self._config.plaintext:
            return packet.header.connection_id, None
        return packet.header.connection_id, hello

    def _admit(
        self, attempt_id: bytes, hello: Hello, address: Address, now: int, has_room: Callable[[str], bool]
    ) -> bytes | None:
        """What to answer instead of accepting; None when the client has proved its address and there is room."""
        known = self.half_open.get((attempt_id, address))
        if known is not None:
            if known.ephemeral != hello.ephemeral:
                raise DecodeError("other-ephemeral")
            return known.reply
        host, port = address[0].encode(), address[1]
        place, binding = host + b"|" + str(port).encode(), attempt_id + hello.ephemeral
        proved = self._cookies.check(hello.cookie, place, binding, now) or (
            self._tokens.redeem(hello.cookie, host, self.wall_clock(now))
        )
        if not proved:
            cookie = Cookie(self._cookies.make(place, binding, now))
            return encode_handshake(PacketType.COOKIE, self._flags, attempt_id, 0, cookie)
        if len(self.half_open) >= self._config.max_half_open:
            raise DecodeError("half-open-limit")
        if not has_room(address[0]):
            raise DecodeError("connection-limit")
        if not is_loopback(address[0]) and not self._joins.allows(address[0], now):
            raise DecodeError("join-limit")
        return None

    def _accept(self, attempt_id: bytes, hello: Hello, address: Address, taken: Callable[[bytes], bool]) -> Answer:
        connection_id = self.ids.make(self._random_bytes(5))
        while taken(connection_id):
            connection_id = self.ids.make(self._random_bytes(5))
        config = self._config
        params = Params(
            connection_id=connection_id,
            reset_token=self.ids.reset_token(connection_id),
            features=FEATURES,
            max_datagram=config.max_datagram,
            idle_timeout=config.idle_timeout,
        )
        ephemeral = self._random_bytes(KEY_SIZE)  # in plaintext too: one seed, one sequence of packets, sealed or not
        start = prologue(attempt_id, sealed=not config.plaintext)
        if config.plaintext:
            secrets: tuple[bytes, bytes] | None = None
            message = encode_params(params, padding=REPLY_OVERHEAD)
            digest = plaintext_hash(start, hello.ephemeral, message)
        else:
            responder = NoiseResponder(start, self._keys.static_private, ephemeral)
            try:
                responder.read_hello(hello.ephemeral)
                message = responder.write_reply(encode_params(params))
            except AuthenticationError:
                raise DecodeError("bad-ephemeral") from None
            secrets, digest = responder.split(), responder.handshake_hash
        reply = encode_handshake(PacketType.REPLY, self._flags, attempt_id, 0, Reply(message))
        self.half_open[(attempt_id, address)] = HalfOpen(connection_id, hello.ephemeral, reply)
        agreement = Agreement(connection_id, address, secrets, config.max_datagram)
        return reply, Finished(agreement, b"", digest)

    @property
    def _flags(self) -> int:
        return Flag.FROM_SERVER | (0 if self._config.plaintext else Flag.SEALED)

    def _version(self, attempt_id: bytes) -> bytes:
        modes = Mode.PLAINTEXT if self._config.plaintext else Mode.SEALED
        return encode_handshake(PacketType.VERSION, self._flags, attempt_id, 0, Version(VERSION, VERSION, modes))


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's own."""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False

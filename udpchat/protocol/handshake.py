"""The client's half of the handshake: HELLO until a REPLY fits (docs/protocol.md, "Handshake")."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from udpchat.config import HELLO_FIRST_RETRY, HELLO_LAST_RETRY, SECOND, Config
from udpchat.crypto.noise import NoiseInitiator
from udpchat.errors import AuthenticationError, DecodeError
from udpchat.protocol.assembly import Agreement
from udpchat.protocol.datagrams import Address
from udpchat.wire.codec import (
    Cookie,
    Hello,
    Params,
    Reply,
    UnknownVersionError,
    Version,
    checksum_fits,
    decode,
    decode_params,
    encode_handshake,
)
from udpchat.wire.numbers import Feature, Flag, Mode, PacketType
from udpchat.wire.packets import VERSION

FEATURES = Feature.FILES
REFUSAL_GRACE = 1 * SECOND  # a VERSION may be forged: a true REPLY may still come


def prologue(attempt_id: bytes, *, sealed: bool) -> bytes:
    """What both ends mix into the handshake first, so that nobody can talk them into another version or mode."""
    return b"udpchat handshake" + bytes([VERSION, 1 if sealed else 0]) + attempt_id


def plaintext_hash(start: bytes, ephemeral: bytes, params: bytes) -> bytes:
    """What stands for the handshake hash when nothing is sealed."""
    return hashlib.blake2s(start + ephemeral + params).digest()


@dataclass(frozen=True, slots=True)
class Finished:
    """A handshake that is done. server_key is empty in plaintext mode."""

    agreement: Agreement
    server_key: bytes
    handshake_hash: bytes


class ClientHandshake:
    """Sends HELLO after 300 ms, then at growing intervals, until a REPLY fits or the time is up.

    token: an address token of an earlier session, or empty. `failure` is set, in words for the user, when it is over.
    """

    def __init__(
        self, server: Address, config: Config, random_bytes: Callable[[int], bytes], token: bytes, now: int
    ) -> None:
        self.attempt_id = random_bytes(8)
        self.failure: str | None = None
        self.finished: Finished | None = None
        self._server = server
        self._config = config
        self._private = random_bytes(32)
        self._cookie = token
        self._is_due = True
        self._started = self._sent_at = now
        self._interval = HELLO_FIRST_RETRY
        self._refusal: tuple[int, str] | None = None  # deadline, words

    # -- output --------------------------------------------------------------------------------------------------------

    def datagram_to_send(self, now: int) -> bytes | None:
        """The HELLO that is due now."""
        if not self._is_due or self.failure or self.finished:
            return None
        self._is_due = False
        self._sent_at = now
        hello = Hello(self._ephemeral(), FEATURES, self._cookie)
        flags = 0 if self._config.plaintext else Flag.SEALED
        return encode_handshake(PacketType.HELLO, flags, self.attempt_id, 0, hello)

    def next_timeout(self) -> int | None:
        """When to call `handle_timeout`."""
        if self.failure or self.finished:
            return None
        deadline = min(self._sent_at + self._interval, self._started + self._config.handshake_timeout)
        return deadline if self._refusal is None else min(deadline, self._refusal[0])

    def handle_timeout(self, now: int) -> None:
        """Repeat HELLO, or give up."""
        if self.failure or self.finished:
            return
        if self._refusal is not None and now >= self._refusal[0]:
            self.failure = self._refusal[1]
        elif now >= self._started + self._config.handshake_timeout:
            host, port = self._server[:2]
            self.failure = (
                f"no answer from {host} port {port}: is the server running there, "
                "and does its firewall let UDP through?"
            )
        elif now >= self._sent_at + self._interval:
            self._interval = min(self._interval * 3 // 2, HELLO_LAST_RETRY)
            self._is_due = True

    # -- input ---------------------------------------------------------------------------------------------------------

    def receive_datagram(self, datagram: memoryview, now: int) -> str | None:
        """A datagram from the server; the reason when it was dropped."""
        try:
            if not checksum_fits(datagram):
                return "not-authentic"
            packet = decode(datagram)
            if packet.header.connection_id != self.attempt_id or not packet.header.flags & Flag.FROM_SERVER:
                return "other-attempt"
            match packet.clear:
                case Cookie(cookie):
                    self._on_cookie(cookie)
                case Reply(noise):
                    self._on_reply(noise, now)
                case Version() as version:
                    self._on_version(version, now)
                case _:
                    return "unexpected"
        except UnknownVersionError as error:
            return self._on_other_version(error, datagram, now)
        except DecodeError as error:
            return error.reason
        except AuthenticationError:
            return "not-authentic"
        return None

    def _on_other_version(self, error: UnknownVersionError, datagram: memoryview, now: int) -> str | None:
        """VERSION keeps its layout in all versions: read it as one of ours."""
        if error.packet_type != PacketType.VERSION or error.connection_id != self.attempt_id:
            return error.reason
        try:
            packet = decode(bytes(datagram[:2]) + bytes([VERSION]) + bytes(datagram[3:]))
        except DecodeError as other:
            return other.reason
        if isinstance(packet.clear, Version):
            self._on_version(packet.clear, now)
        return None

    def _on_cookie(self, cookie: bytes) -> None:
        if cookie != self._cookie:
            self._cookie = cookie
            self._is_due = True

    def _on_reply(self, noise: bytes, now: int) -> None:
        start = prologue(self.attempt_id, sealed=not self._config.plaintext)
        if self._config.plaintext:
            params = decode_params(noise)
            digest = plaintext_hash(start, self._ephemeral(), noise)
            self.finished = Finished(self._agree(params, None, now), b"", digest)
            return
        initiator = NoiseInitiator(start, self._private)
        initiator.write_hello()
        params = decode_params(initiator.read_reply(noise))
        agreement = self._agree(params, initiator.split(), now)
        self.finished = Finished(agreement, initiator.server_public, initiator.handshake_hash)

    def _agree(self, params: Params, secrets: tuple[bytes, bytes] | None, now: int) -> Agreement:
        size = min(self._config.max_datagram, params.max_datagram)
        rtt = now - self._sent_at if self._interval == HELLO_FIRST_RETRY else 0
        return Agreement(params.connection_id, self._server, secrets, size, rtt, params.reset_token)

    def _on_version(self, version: Version, now: int) -> None:
        if self._refusal is None and (words := self._explain(version)):
            self._refusal = (now + REFUSAL_GRACE, words)

    def _explain(self, version: Version) -> str | None:
        if not version.lowest <= VERSION <= version.highest:
            speaks = f"the server speaks protocol version {version.lowest} to {version.highest}, this program {VERSION}"
            return f"{speaks}: update {'this program' if version.lowest > VERSION else 'the server'}"
        wanted = Mode.PLAINTEXT if self._config.plaintext else Mode.SEALED
        if version.modes & wanted:
            return None
        if wanted is Mode.PLAINTEXT:
            return "the server takes only sealed sessions: leave out --plaintext"
        return "the server runs in plaintext: nothing would be secret; add --plaintext if that is what you want"

    def _ephemeral(self) -> bytes:
        if self._config.plaintext:
            return self._private
        return NoiseInitiator(b"", self._private).ephemeral_public

"""A client of udpchat, written from docs/protocol.md alone: it imports nothing of this repository.

    python tests/spec_client.py HOST PORT --nick N [--wait] [--register] [--room NAME] [--say TEXT] [--tell NICK TEXT]
                                [--put PATH [--for NICK]] [--get NAME [--member N] --to DIR] [--stop-after BYTES]
                                [--hear N] [--history N] [--plaintext] [--home DIR]

The password of an account is read from the environment, SPEC_CLIENT_PASSWORD.

Section 19 of the document says what a minimal client may leave out; this one leaves most of it out. Numbers in brackets
are sections of the document.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import os
import re
import select
import socket
import sys
import time
import zlib
from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from struct import Struct, pack
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

HEADER, ACK_PART, RANGE = Struct(">HBBHH8sQ"), Struct(">QIIQIB"), Struct(">QQ")
HELLO, COOKIE, REPLY, VERSION, RESET = 1, 2, 3, 4, 5
DATA, MSG, ACK, PING, CHALLENGE, RESPONSE, PROBE, CLOSE = 16, 17, 18, 19, 20, 21, 22, 23
CLEAR_SIZE = {DATA: 12, MSG: 9, PING: 0, CHALLENGE: 0, RESPONSE: 0, PROBE: 0, CLOSE: 0}
FROM_SERVER, KEY_PHASE, SEALED = 1, 2, 4
JOIN, WELCOME, REFUSED, UNSUPPORTED, SAY, SAID, LINE, TELL, PRIVATE = range(1, 10)
FINISHED, QUEUED, REGISTER, LOGIN, ACCOUNT = 13, 15, 16, 17, 19
ROOM, CREATE_ROOM, ENTER_ROOM, SEEN, HISTORY, SHARED = 21, 22, 23, 26, 30, 43
OPEN, OPENED, CREDIT, COMMIT, COMMITTED, CANCEL, LIST_FILES, FILE, FETCH, OFFER, RECEIVED = range(32, 43)
MEMBER, WANT_BLOCKS, BLOCKS, MISSING, PACE, STATE = 46, 48, 49, 50, 51, 53
KNOWN_RECORDS = {*range(1, 59), 64, 65, 66}
MESSAGES = (LINE, PRIVATE, SHARED)
WAIT, WAITS, LOGGED_IN = 2, 1, 2  # a flag of JOIN, a flag of SAID, an outcome
LOGIN_REQUIRED, NICK_REGISTERED, ROOM_EXISTS, UNKNOWN_FILE = 41, 42, 51, 64
FOLDER, EXECUTABLE, INDEXED, WHOLE = 1, 2, 8, 2**32 - 1  # flags of files (17.2), in place of a member's number (17.3)
DIRECTORY, MAX_MEMBERS, MAX_PATH = 1, 100_000, 1_024  # a flag of MEMBER; an index has no more (17.1)

DATAGRAM, WINDOW, MIB = 1_200, 10, 1 << 20
SYNC_INTERVAL, HASHES = 1 << 18, 1_024  # bytes of a download between two fsync; hashes in one BLOCKS (17.7)
CHUNK, FRAGMENT = DATAGRAM - 24 - 12 - 16, DATAGRAM - 24 - 9 - 16
MAX_NUMBER, KEPT_RUNS, PATIENCE, MAX_ACK_DELAY = 2**53 - 1, 256, 1.0, 0.025


class FailedError(Exception):
    """It did not work; the message says why."""


class RefusedError(FailedError):
    """The server said no, with a code."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(f"refused ({code}): {words}")
        self.code = code


class Ranges:
    """Half-open ranges, ascending; those that touch are one."""

    def __init__(self) -> None:
        self.runs: list[tuple[int, int]] = []

    def add(self, start: int, stop: int) -> None:
        runs, first = self.runs, len(self.runs)
        while first and runs[first - 1][1] >= start:
            first -= 1
        last = first
        while last < len(runs) and runs[last][0] <= stop:
            start, stop, last = min(start, runs[last][0]), max(stop, runs[last][1]), last + 1
        runs[first:last] = [(start, stop)]

    def remove(self, start: int, stop: int) -> None:
        before, self.runs = self.runs, []
        for left, right in before:
            self.runs += [(a, b) for a, b in ((left, min(right, start)), (max(left, stop), right)) if a < b]

    def total(self) -> int:
        return sum(stop - start for start, stop in self.runs)

    def covers(self, start: int, stop: int) -> bool:
        return any(left <= start and stop <= right for left, right in reversed(self.runs))


# -- keys (4.5, 5) -----------------------------------------------------------------------------------------------------


def blake2s(data: bytes) -> bytes:
    return hashlib.blake2s(data).digest()


def expand(secret: bytes, info: bytes, length: int) -> bytes:
    block = output = b""
    while len(output) < length:
        block = hmac.digest(secret, block + info + bytes([len(output) // 32 + 1]), "blake2s")
        output += block
    return output[:length]


def hkdf2(chaining_key: bytes, material: bytes) -> tuple[bytes, bytes]:
    both = expand(hmac.digest(chaining_key, material, "blake2s"), b"", 64)
    return both[:32], both[32:]


def read_reply(prologue: bytes, private: X25519PrivateKey, noise: bytes) -> tuple[bytes, bytes, bytes, bytes, bytes]:
    """PARAMS, the server's key, the handshake hash, the secrets of client and server. InvalidTag: a forged REPLY."""
    digest = chaining_key = blake2s(b"Noise_NX_25519_ChaChaPoly_BLAKE2s")
    for said in (prologue, private.public_key().public_bytes_raw(), b"", noise[:32]):
        digest = blake2s(digest + said)
    found, public = [], noise[:32]
    for sealed in (noise[32:80], noise[80:]):
        shared = private.exchange(X25519PublicKey.from_public_bytes(public))
        chaining_key, key = hkdf2(chaining_key, shared)
        public = ChaCha20Poly1305(key).decrypt(bytes(12), sealed, digest)
        found.append(public)
        digest = blake2s(digest + sealed)
    return found[1], found[0], digest, *hkdf2(chaining_key, b"")


class Epoch:
    """A key of one direction."""

    def __init__(self, secret: bytes, number: int = 0) -> None:
        self.secret, self.phase, self.number = secret, number & 1, number
        self.cipher = ChaCha20Poly1305(expand(secret, b"udpchat key", 32))
        self.iv = int.from_bytes(expand(secret, b"udpchat iv", 12), "big")

    def next(self) -> Epoch:
        return Epoch(expand(self.secret, b"udpchat next", 32), self.number + 1)

    def nonce(self, number: int) -> bytes:
        return (self.iv ^ number).to_bytes(12, "big")


class Protection:
    """Seals and opens; without secrets it computes checksums."""

    def __init__(self, secrets: tuple[bytes, bytes] | None) -> None:
        self.is_sealed = secrets is not None
        if secrets is not None:
            self.send, self.receive, self.started = Epoch(secrets[0]), Epoch(secrets[1]), 0
            self.before: Epoch | None = None

    def flags(self) -> int:
        return SEALED | (KEY_PHASE if self.send.phase else 0) if self.is_sealed else 0

    def seal(self, number: int, clear: bytes, body: bytes) -> bytes:
        if not self.is_sealed:
            return clear + body + checksum(clear + body)
        return clear + self.send.cipher.encrypt(self.send.nonce(number), body, clear)

    def open(self, number: int, phase: int, clear: bytes, sealed: bytes) -> bytes:
        if not self.is_sealed:
            if phase or checksum(clear + sealed[:-16]) != sealed[-16:]:
                raise InvalidTag
            return sealed[:-16]
        epoch: Epoch | None = self.receive
        if phase != self.receive.phase:
            epoch = self.receive.next() if number >= self.started else self.before
        if epoch is None:
            raise InvalidTag
        body = epoch.cipher.decrypt(epoch.nonce(number), sealed, clear)
        if epoch.number > self.receive.number:
            self.before, self.receive, self.started = self.receive, epoch, number
            if self.send.number < epoch.number:
                self.send = self.send.next()
        return body


def checksum(covered: bytes) -> bytes:
    return zlib.crc32(covered).to_bytes(4, "big") + bytes(12)


# -- one connection (4, 7, 9 to 13) ------------------------------------------------------------------------------------


class Content(NamedTuple):
    """What a packet carries and another may have to repeat: bytes of a channel, bytes of the upload, or a PING."""

    kind: int
    offset: int = 0
    length: int = 0
    data: bytes = b""
    channel: int = 0


class Member(NamedTuple):
    """A file or directory inside a folder (17.1). modified: wall clock [us]."""

    path: str
    size: int
    modified: int
    flags: int
    md5: bytes = bytes(16)


class Source:
    """The row of bytes of a file or folder of ours (17.1). members: of a folder, None of a file."""

    def __init__(self, path: Path) -> None:
        found = [path]
        self.members: list[Member] | None = None
        if path.is_dir():
            found = [
                each for each in sorted(path.rglob("*")) if (each.is_dir() or each.is_file()) and not each.is_symlink()
            ]
            self.members = [self._member(each, path) for each in found]
        self.files = [each for each in found if each.is_file()]
        self.starts, self.size = [], 0
        for each in self.files:
            self.starts.append(self.size)
            self.size += each.stat().st_size
        self.name, self.modified = path.name, path.stat().st_mtime_ns // 1_000
        self.flags = FOLDER if self.members is not None else EXECUTABLE if os.access(path, os.X_OK) else 0

    @staticmethod
    def _member(path: Path, root: Path) -> Member:
        flags = DIRECTORY if path.is_dir() else EXECUTABLE if os.access(path, os.X_OK) else 0
        size, modified = 0 if path.is_dir() else path.stat().st_size, path.stat().st_mtime_ns // 1_000
        return Member(path.relative_to(root).as_posix(), size, modified, flags)

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of as many files as they lie in."""
        found = bytearray()
        at = max(bisect_right(self.starts, offset) - 1, 0)
        while len(found) < length and at < len(self.files):
            with self.files[at].open("rb") as file:
                file.seek(offset + len(found) - self.starts[at])
                found += file.read(length - len(found))
            at += 1
        if len(found) < length:
            raise FailedError(f"{self.name} has become shorter")
        return bytes(found)

    def md5(self) -> bytes:
        """Of a folder: over the MD5s of its members."""
        digests = [hashlib.md5(each.read_bytes(), usedforsecurity=False).digest() for each in self.files]
        return digests[0] if self.members is None else folder_md5(self.members, iter(digests))

    def block_hashes(self) -> list[bytes]:
        """SHA-256 of each block (17.4)."""
        starts = range(0, self.size, MIB)
        return [hashlib.sha256(self.read(start, min(MIB, self.size - start))).digest() for start in starts]


def folder_md5(members: list[Member], digests: Iterator[bytes]) -> bytes:
    """MD5 of a folder; digests: those of its files, in order (17.1)."""
    nothing = hashlib.md5(b"", usedforsecurity=False).digest()
    all_of_them = b"".join(nothing if member.flags & DIRECTORY else next(digests) for member in members)
    return hashlib.md5(all_of_them, usedforsecurity=False).digest()


class Upload:
    """What is being sent. acked begins with what the server has already. due: when the next chunk may go (17.8)."""

    def __init__(self, source: Source, transfer_id: int, limit: int, present: list[tuple[int, int]]) -> None:
        self.source, self.transfer_id, self.limit, self.next = source, transfer_id, limit, 0
        self.rate, self.due = 0, 0.0
        self.acked = Ranges()
        for start, stop in present:
            self.acked.add(start, stop)

    def next_chunk(self, now: float) -> Content | None:
        """The next bytes that were never sent, below the limit, without those that are there."""
        stop = self.limit
        for left, right in self.acked.runs:
            if left <= self.next < right:
                self.next = right
            elif self.next < left:
                stop = min(stop, left)
                break
        start, stop = self.next, min(stop, self.next + CHUNK)
        if start >= stop or now < self.due:
            return None
        self.next = stop
        self.due = max(self.due, now - 0.1) + (stop - start) / self.rate if self.rate else 0.0
        return Content(DATA, start, stop - start)

    def take_back(self, ranges: list[tuple[int, int]]) -> None:
        """The server does not hold these bytes after all (17.6)."""
        for start, stop in ranges:
            self.acked.remove(start, stop)
            self.next = min(self.next, start)

    def is_sent(self) -> bool:
        """Every byte is acknowledged."""
        return self.source.size == 0 or self.acked.covers(0, self.source.size)


class Link:
    """A connection: `pump` moves packets until something is the case; records arrive at on_record, bytes at on_data."""

    def __init__(self, host: str, port: int, *, plaintext: bool) -> None:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        self.socket = socket.socket(family, kind)
        self.socket.connect(address)  # from now on the system drops what others send (12)
        self.socket.setblocking(False)
        self.mode = 0 if plaintext else SEALED
        self.on_record: Callable[[int, int, bytes], None]
        self.on_data: Callable[[int, int, bytes], None]
        self.upload: Upload | None = None
        self.sender, self.receiver = Sender(), Receiver()
        self.connection_id = self.reset_token = self.server_key = self.handshake_hash = b""
        self.protection = Protection(None)

    def handshake(self) -> None:
        """HELLO until a REPLY fits (4)."""
        attempt, private, cookie = os.urandom(8), X25519PrivateKey.generate(), b""
        ephemeral = private.public_key().public_bytes_raw()
        due = time.monotonic()
        interval, is_repeat, refusal, refused = 0.3, False, "no answer", due + 15.0
        while (now := time.monotonic()) < refused:
            if now >= due:
                hello = (ephemeral + pack(">IB", 1, len(cookie)) + cookie).ljust(DATAGRAM - 40, b"\0")
                covered = HEADER.pack(0x5543, 1, HELLO, self.mode, len(hello), attempt, 0) + hello
                self._send(covered + checksum(covered))
                interval = min(interval * 1.5, 1.0) if is_repeat else interval
                due, is_repeat = now + interval, True
            for datagram in self._receive(min(due, refused) - now):
                if len(datagram) < 40 or datagram[8:16] != attempt or datagram[-16:] != checksum(datagram[:-16]):
                    continue
                kind, body = datagram[3], datagram[24:-16]
                if kind == COOKIE and body[1:] != cookie:
                    cookie, due, is_repeat = body[1:], now, False
                elif kind == VERSION and refusal == "no answer" and not self._suits(body):
                    refusal, refused = f"versions {body[0]} to {body[1]}, modes {body[2]}", now + 1.0
                elif kind == REPLY and self._accept(attempt, private, body[2:]):
                    return
        raise FailedError(f"no connection: {refusal}")

    def _suits(self, version: bytes) -> bool:
        return version[0] <= 1 <= version[1] and bool(version[2] & (1 if self.mode else 2))

    def _accept(self, attempt: bytes, private: X25519PrivateKey, noise: bytes) -> bool:
        prologue = b"udpchat handshake" + bytes([1, 1 if self.mode else 0]) + attempt
        try:
            if self.mode:
                params, self.server_key, digest, *secrets = read_reply(prologue, private, noise)
                self.protection = Protection((secrets[0], secrets[1]))
            else:
                params, digest = noise, blake2s(prologue + private.public_key().public_bytes_raw() + noise)
        except (InvalidTag, ValueError):
            return False
        self.connection_id, self.reset_token, self.handshake_hash = params[:8], params[8:24], digest
        return True

    def pump(self, done: Callable[[], bool]) -> None:
        """Send, receive, repeat what is lost, until done."""
        sender = self.sender
        while not done():
            now = time.monotonic()
            if now > self.receiver.heard + 60.0:
                raise FailedError("the server is silent")
            if now > max(self.receiver.heard, sender.newest) + PATIENCE:  # who waits asks (13.1)
                self.transmit(Content(PING), now)
            for overdue in sender.on_time(now):
                self.transmit(overdue, now)
            while sender.has_room() and (content := self._next_content(now)) is not None:
                self.transmit(content, now)
            paced = self.upload.due if self.upload is not None and self.upload.due > now else now + 1.0
            self._drain(max(0.0, min(sender.deadline(), paced, now + 1.0) - now))

    def _next_content(self, now: float) -> Content | None:
        sender, upload = self.sender, self.upload
        while sender.again:
            content = sender.again.popleft()
            if content.kind != DATA:
                return content
            if upload and not upload.acked.covers(content.offset, content.offset + content.length):
                return content
        # Lost bytes go first and ten packets are in flight, so the channel window (10.2) is never reached.
        return sender.next_fragment() or (upload.next_chunk(now) if upload is not None else None)

    def transmit(self, content: Content, now: float) -> None:
        """A packet that must be acknowledged."""
        if content.kind == DATA:
            if (upload := self.upload) is None:
                return
            body = upload.source.read(content.offset, content.length)
            clear = pack(">IQ", upload.transfer_id, content.offset)
        elif content.kind == MSG:
            body, clear = content.data, pack(">BQ", content.channel, content.offset)
        else:
            body, clear = bytes(24), b""
        self.sender.in_flight[self.send_packet(content.kind, clear, body)] = (now, content)
        self.sender.newest = now

    def send_packet(self, kind: int, clear: bytes, body: bytes) -> int:
        number, flags = self.sender.take_number(), self.protection.flags()
        head = HEADER.pack(0x5543, 1, kind, flags, len(clear) + len(body), self.connection_id, number)
        self._send(self.protection.seal(number, head + clear, body))
        return number

    def close(self) -> None:
        """Say goodbye, three times because nothing tells whether one arrives (13.3)."""
        for _ in range(3):
            self.send_packet(CLOSE, b"", pack(">HH", 0, 7) + b"goodbye")

    def _send(self, datagram: bytes) -> None:
        with suppress(OSError):  # what could not be sent is lost, as on the way
            self.socket.send(datagram)

    def _receive(self, wait: float) -> list[bytes]:
        select.select([self.socket], [], [], max(0.0, wait))
        found: list[bytes] = []
        while len(found) < 64:
            try:
                found.append(self.socket.recv(65_535))
            except BlockingIOError:
                break
            except OSError:  # what ICMP says may be forged
                continue
        return found

    def _drain(self, wait: float) -> None:
        ack_due = False
        for datagram in self._receive(wait):
            ack_due |= self._on_datagram(datagram)
        if ack_due:
            self.send_packet(ACK, self.receiver.ack(), b"")

    def _on_datagram(self, datagram: bytes) -> bool:
        """Take in a datagram in the order of checks (2.3); whether an ACK is due."""
        if len(datagram) < 40:
            return False
        magic, version, kind, flags, length, connection_id, number = HEADER.unpack_from(datagram)
        if kind == RESET and len(datagram) == 40 and hmac.compare_digest(datagram[24:], self.reset_token):
            raise FailedError("the server has restarted")
        clear_size = length if kind == ACK else CLEAR_SIZE.get(kind, MAX_NUMBER)
        if (magic, version, connection_id) != (0x5543, 1, self.connection_id) or flags & ~7 or number > MAX_NUMBER:
            return False
        if len(datagram) != 40 + length or clear_size > length or flags & ~KEY_PHASE != FROM_SERVER | self.mode:
            return False
        if not self.receiver.is_new(number):
            return False
        end = 24 + clear_size
        try:
            body = self.protection.open(number, flags >> 1 & 1, datagram[:end], datagram[end:])
        except InvalidTag:
            return False
        if not self._on_packet(kind, datagram[24:end], body):
            return False
        self.receiver.on_received(number)
        return kind not in (ACK, CLOSE)

    def _on_packet(self, kind: int, clear: bytes, body: bytes) -> bool:
        """Act on an authentic packet; False when it must not be acknowledged."""
        if kind == DATA:
            self.on_data(int.from_bytes(clear[:4], "big"), int.from_bytes(clear[4:], "big"), body)
        elif kind == MSG:
            records = self.receiver.on_message(clear[0], int.from_bytes(clear[1:], "big"), body)
            if records is None:
                return False
            for record in records:
                self.on_record(*record)
        elif kind == ACK:
            for content in self.sender.on_ack(clear):
                if content.kind == DATA and self.upload is not None:
                    self.upload.acked.add(content.offset, content.offset + content.length)
        elif kind == CHALLENGE:
            self.send_packet(RESPONSE, b"", body[:8] + bytes(16))
        elif kind == CLOSE:
            raise FailedError(f"the server closed the connection ({body[1]}): {body[4:].decode(errors='replace')}")
        return True


class Sender:
    """What is in flight, by packet number, and the timers that watch it (7.5, 7.6). Times in seconds."""

    def __init__(self) -> None:
        self.number, self.largest_acked, self.backoff, self.newest = 0, -1, 0, 0.0
        self.in_flight: dict[int, tuple[float, Content]] = {}
        self.again: deque[Content] = deque()
        self.channels, self.offsets = (bytearray(), bytearray()), [0, 0]  # bytes that were never sent, where they stand
        self.smoothed, self.variation, self.latest = 0.1, 0.05, 0.0

    def take_number(self) -> int:
        self.number += 1
        return self.number - 1

    def has_room(self) -> bool:
        return len(self.in_flight) < (1 if self.backoff else WINDOW)

    def next_fragment(self) -> Content | None:
        for number, channel in enumerate(self.channels):
            if data := bytes(channel[:FRAGMENT]):
                del channel[:FRAGMENT]
                self.offsets[number] += len(data)
                return Content(MSG, self.offsets[number] - len(data), len(data), data, number)
        return None

    def on_ack(self, ack: bytes) -> list[Content]:
        """What is newly acknowledged; what is lost goes to `again`."""
        largest, _, delay, _, _, count = ACK_PART.unpack_from(ack)
        ranges = [RANGE.unpack_from(ack, ACK_PART.size + 16 * at) for at in range(count)]
        if largest >= self.number:
            raise FailedError("the server acknowledged what was never sent")
        acked = [number for number in self.in_flight if any(start <= number < stop for start, stop in ranges)]
        if largest in acked and largest > self.largest_acked:
            self._sample(time.monotonic() - self.in_flight[largest][0], min(delay / 1e6, MAX_ACK_DELAY))
        contents = [self.in_flight.pop(number)[1] for number in acked]
        if acked:
            self.backoff, self.largest_acked = 0, max(self.largest_acked, *acked)
        for number in [number for number in self.in_flight if number <= self.largest_acked - 3]:
            self.again.append(self.in_flight.pop(number)[1])
        return contents

    def _sample(self, latest: float, delay: float) -> None:
        if not self.latest:
            self.smoothed, self.variation = latest, latest / 2
        adjusted = latest - delay if latest > delay else latest
        self.variation += (abs(self.smoothed - adjusted) - self.variation) / 4
        self.smoothed += (adjusted - self.smoothed) / 8
        self.latest = latest

    def forget(self, ranges: list[tuple[int, int]]) -> None:
        """Packets with these file bytes that are on their way say nothing of them any more (17.6)."""
        for number, (_, content) in list(self.in_flight.items()):
            stop = content.offset + content.length
            if content.kind == DATA and any(left < stop and content.offset < right for left, right in ranges):
                self.again.append(self.in_flight.pop(number)[1])

    def deadline(self) -> float:
        """When the peer has been silent for too long."""
        timeout = (self.smoothed + max(4 * self.variation, 0.001) + MAX_ACK_DELAY) * 2.0 ** min(self.backoff, 10)
        return self.newest + min(timeout, 3.0) if self.in_flight else float("inf")

    def on_time(self, now: float) -> list[Content]:
        """What is to be sent again at once: the oldest in flight, after a silence."""
        if now < self.deadline():
            return []
        oldest = list(self.in_flight)[: 1 if self.backoff else 2]
        self.backoff += 1
        return [self.in_flight.pop(number)[1] for number in oldest]


class Receiver:
    """What arrived: packet numbers (7.3), and the bytes of both channels in order (9.1)."""

    def __init__(self) -> None:
        self.numbers, self.floor, self.received, self.arrival = Ranges(), 0, 0, 0.0
        self.heard = time.monotonic()
        self.next, self.streams = [0, 0], (bytearray(), bytearray())
        self.pieces: tuple[dict[int, bytes], dict[int, bytes]] = ({}, {})

    def is_new(self, number: int) -> bool:
        return number >= self.floor and not self.numbers.covers(number, number + 1)

    def on_received(self, number: int) -> None:
        now = self.heard = time.monotonic()
        if not self.numbers.runs or number >= self.numbers.runs[-1][1]:
            self.arrival = now
        self.numbers.add(number, number + 1)
        self.received += 1
        if len(self.numbers.runs) > KEPT_RUNS:
            self.floor = self.numbers.runs.pop(0)[1]

    def ack(self) -> bytes:
        runs = self.numbers.runs[: -1 - 64 : -1]
        largest, arrival = runs[0][1] - 1, int(self.arrival * 1e6) % 2**32
        delay = int((time.monotonic() - self.arrival) * 1e6)
        head = ACK_PART.pack(largest, arrival, delay, self.received, MIB, len(runs))
        return head + b"".join(RANGE.pack(*run) for run in runs)

    def on_message(self, channel: int, offset: int, data: bytes) -> list[tuple[int, int, bytes]] | None:
        """The records (type, request id, body) that are complete now; None: no room, do not acknowledge."""
        pieces, stream = self.pieces[channel], self.streams[channel]
        if offset + len(data) > self.next[channel] + MIB:
            raise FailedError("the server sends more than the channel takes")
        if len(pieces) >= KEPT_RUNS and offset > self.next[channel]:
            return None
        if len(data) > len(pieces.get(offset, b"")):
            pieces[offset] = data
        for start in sorted(pieces):
            if start > self.next[channel]:
                break
            fresh = pieces.pop(start)[self.next[channel] - start :]
            stream += fresh
            self.next[channel] += len(fresh)
        records = []
        while len(stream) >= 9 and len(stream) >= 9 + (length := int.from_bytes(stream[:4], "big")):
            records.append((stream[4], int.from_bytes(stream[5:9], "big"), bytes(stream[9 : 9 + length])))
            del stream[: 9 + length]
        return records


# -- what people do with it (9.2, 15 to 17) ----------------------------------------------------------------------------


class Fields:
    """Reads the fields of a record body one after another."""

    def __init__(self, body: bytes) -> None:
        self.body, self.at = body, 0

    def take(self, size: int) -> bytes:
        self.at += size
        if self.at > len(self.body):
            raise FailedError("a record that is too short")
        return self.body[self.at - size : self.at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def text(self, size: int) -> str:
        return self.take(self.number(size)).decode()

    def ranges(self) -> list[tuple[int, int]]:
        return [(self.number(8), self.number(8)) for _ in range(self.number(2))]


def text(value: str, size: int) -> bytes:
    raw = value.encode()
    return len(raw).to_bytes(size, "big") + raw


def read_message(kind: int, fields: Fields) -> tuple[int, str, str, str]:
    """A LINE, PRIVATE or SHARED as sequence, place, sender and text (16.1)."""
    sequence, _ = fields.number(8), fields.number(8)
    if kind == SHARED:
        fields.take(16 + 8 + 16 + 4 + 4 + 4)
        flags, _, room, owner, to = fields.number(1), fields.text(1), fields.text(1), fields.text(1), fields.text(1)
        return sequence, room or f"to {to}", owner, f"{'folder' if flags & FOLDER else 'file'} {fields.text(2)}"
    first, second, said = fields.text(1), fields.text(1), fields.text(2)
    return (sequence, first, second, said) if kind == LINE else (sequence, f"to {second}", first, said)


class Home:
    """What a client keeps (15.1, 15.7, 16.4, 20): its key, and of each server key, ticket and newest message.

    folder: None to keep nothing. server: host and port.
    """

    def __init__(self, folder: Path | None, server: str) -> None:
        self.folder, self.server = folder, re.sub(r"[^\w.]", "_", server)

    def load(self, name: str) -> bytes:
        path = self._path(name)
        return path.read_bytes() if path is not None and path.exists() else b""

    def save(self, name: str, content: bytes) -> None:
        if (path := self._path(name)) is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(content)
            os.replace(f"{path}.new", path)

    def _path(self, name: str) -> Path | None:
        return None if self.folder is None else self.folder / (name if name == "identity" else f"{name} {self.server}")


def safe_name(display: str) -> str:
    """A name for our disk, of one path component."""
    return re.sub(r"[^\w .()+-]", "_", display).lstrip(". ").rstrip(". ")[:80] or "file"


def read_index(answers: list[tuple[int, Fields]], size: int) -> list[Member]:
    """The members of a folder, checked (17.1)."""
    members, seen = [], {""}
    for number, fields in enumerate(fields for kind, fields in answers if kind == MEMBER):
        _, place, length, modified = fields.number(4), fields.number(4), fields.number(8), fields.number(8)
        md5, flags, path = fields.take(16), fields.number(1), fields.text(2)
        is_legal = not {"", ".", ".."} & set(path.split("/")) and "\0" not in path and len(path.encode()) <= MAX_PATH
        has_folder = path.rpartition("/")[0] in seen
        if place != number or not is_legal or not has_folder or path in seen or number >= MAX_MEMBERS:
            raise FailedError(f"the index of the folder is wrong at member {number}")
        seen.add(path)
        members.append(Member(path, length, modified, flags, md5))
    if sum(member.size for member in members) != size:
        raise FailedError("the sizes of the folder do not add up")
    return members


class Download:
    """What is being received: its bytes in a part file, and beside it which of them are durable (17.5)."""

    def __init__(
        self, part: Path, transfer_id: int, file_id: bytes, number: int, present: list[tuple[int, int]]
    ) -> None:
        self.part, self.transfer_id, self.file_id, self.number = part, transfer_id, file_id, number
        self.file = part.open("r+b" if present else "w+b")
        self.received, self.unsaved = Ranges(), 0
        for start, stop in present:
            self.received.add(start, stop)

    def __enter__(self) -> Download:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    @staticmethod
    def _notes(part: Path) -> Path:
        return part.with_name(part.name + ".have")

    @classmethod
    def remembered(cls, part: Path, number: int) -> tuple[bytes, list[tuple[int, int]]]:
        """The file id and the ranges of an earlier try; zero bytes and nothing when there was none."""
        notes = cls._notes(part).read_bytes() if cls._notes(part).exists() and part.exists() else b""
        if len(notes) < 20 or int.from_bytes(notes[16:20], "big") != number:
            return bytes(16), []
        return notes[:16], [RANGE.unpack_from(notes, at) for at in range(20, len(notes), 16)]

    def take(self, offset: int, chunk: bytes) -> None:
        self.file.seek(offset)
        self.file.write(chunk)
        self.received.add(offset, offset + len(chunk))
        self.unsaved += len(chunk)
        if self.unsaved >= SYNC_INTERVAL:
            self.save()

    def save(self) -> None:
        """First the bytes, then that they are there."""
        self.file.flush()
        os.fsync(self.file.fileno())
        self.unsaved = 0
        ranges = b"".join(RANGE.pack(*run) for run in self.received.runs)
        new = self._notes(self.part).with_suffix(".new")
        new.write_bytes(self.file_id + self.number.to_bytes(4, "big") + ranges)
        new.replace(self._notes(self.part))

    def finish(self, wanted: Path, members: list[Member] | None, md5: bytes, root: bytes) -> Path:
        """Compare MD5 and block root, then give the file or folder its name."""
        self.file.flush()
        os.fsync(self.file.fileno())
        source = Source(self.part)
        of_blocks = hashlib.sha256(source.size.to_bytes(8, "big") + b"".join(source.block_hashes())).digest()
        whole = wanted if members is None else self._unpack(wanted, members)
        digests = b"".join(member.md5 for member in members or ())
        found = source.md5() if members is None else hashlib.md5(digests, usedforsecurity=False).digest()
        if found != md5 or (any(root) and of_blocks != root):
            raise FailedError("the MD5 or block root of what came is not that of the offer")
        if members is None:
            self.part.replace(whole)
        else:
            self.part.unlink()
        self._notes(self.part).unlink(missing_ok=True)
        return whole

    def _unpack(self, root: Path, members: list[Member]) -> Path:
        """A tree out of the row of bytes (17.1); each member's MD5 is compared."""
        root.mkdir()
        self.file.seek(0)
        for member in members:
            path = root.joinpath(*(safe_name(part) for part in member.path.split("/")))
            data = self.file.read(member.size)
            if hashlib.md5(data, usedforsecurity=False).digest() != member.md5:
                raise FailedError(f"{member.path} is damaged")
            if member.flags & DIRECTORY:
                path.mkdir()
                continue
            path.write_bytes(data)
            path.chmod(0o755 if member.flags & EXECUTABLE else 0o644)
            os.utime(path, ns=(member.modified * 1_000, member.modified * 1_000))
        return root


class Client:
    """Joins, talks, moves files. A verb returns when the server has answered; FailedError when it refused."""

    def __init__(self, link: Link, home: Home) -> None:
        self.link, self.home, self.last_request = link, home, 0
        self.answers: dict[int, list[tuple[int, Fields]]] = defaultdict(list)
        self.said: list[tuple[str, str, str]] = []  # place, sender, text
        self.newest, self.has_joined = int.from_bytes(home.load("seen"), "big"), False
        self.download: Download | None = None
        self.early: list[tuple[int, bytes]] = []  # about an upload that is not known yet
        self.stop_after = 0  # bytes of a transfer; 0: all
        link.on_record, link.on_data = self._on_record, self._on_data

    def _on_record(self, kind: int, request_id: int, body: bytes) -> None:
        fields = Fields(body)
        if kind not in KNOWN_RECORDS:
            self._write(UNSUPPORTED, request_id, bytes([kind]))
        elif kind in MESSAGES and request_id == 0:
            self._on_message(*read_message(kind, fields))
        elif kind == QUEUED:
            print("waiting, place", fields.number(4))
        elif kind in (CREDIT, MISSING, PACE, WANT_BLOCKS):
            if self.link.upload is None:
                self.early.append((kind, body))  # right behind OPENED, which is still to be looked at
            elif fields.number(4) == self.link.upload.transfer_id:
                self._on_upload(self.link.upload, kind, fields)
        elif kind == STATE and request_id == 0:
            _, state, nick = fields.take(16 + 8), fields.number(1), fields.text(1)
            print("state", state, nick, fields.text(2))
        elif kind == CANCEL:
            fields.take(4)
            raise FailedError(f"transfer cancelled ({fields.number(2)}): {fields.text(2)}")
        elif request_id:
            if kind in (WELCOME, ACCOUNT):
                self._begin_order(kind, Fields(body))
            self.answers[request_id].append((kind, fields))

    def _begin_order(self, kind: int, fields: Fields) -> None:
        """Messages that follow this record in the channel are newer than WELCOME says, or begin anew (16.2)."""
        if kind == ACCOUNT:
            self.newest = 0 if self.has_joined and fields.number(1) == LOGGED_IN else self.newest
            return
        fields.take(4 + 4 + 8)
        self.newest, self.has_joined = fields.number(8), True
        self.home.save("seen", self.newest.to_bytes(8, "big"))

    def _on_message(self, sequence: int, place: str, sender: str, words: str) -> None:
        """Show it, keep that we have it, and only then confirm it (16.3)."""
        if sequence <= self.newest:
            return
        print(f"[{place}] {sender}: {words!r}")
        self.newest = sequence
        self.said.append((place, sender, words))
        self.home.save("seen", sequence.to_bytes(8, "big"))
        self._write(SEEN, 0, pack(">Q", sequence))

    def _on_upload(self, upload: Upload, kind: int, fields: Fields) -> None:
        """What the receiver says of it (17.2, 17.6 to 17.8)."""
        if kind == CREDIT:
            upload.limit = max(upload.limit, fields.number(8))
        elif kind == MISSING:
            ranges = fields.ranges()
            print("missing", sum(stop - start for start, stop in ranges))
            upload.take_back(ranges)
            self.link.sender.forget(ranges)
        elif kind == PACE:
            upload.rate = fields.number(8)
        else:
            print("blocks are wanted")
            hashes = upload.source.block_hashes()
            for first in range(0, len(hashes), HASHES):
                some = b"".join(hashes[first : first + HASHES])
                self._write(BLOCKS, 0, pack(">IIH", upload.transfer_id, first, len(some)) + some, channel=1)

    def _on_data(self, transfer_id: int, offset: int, chunk: bytes) -> None:
        if self.download is not None and self.download.transfer_id == transfer_id:
            self.download.take(offset, chunk)
            if 0 < self.stop_after <= self.download.received.total():
                self.download.save()
                raise FailedError("stopped, as was asked for")

    def _write(self, kind: int, request_id: int, body: bytes, channel: int = 0) -> None:
        self.link.sender.channels[channel].extend(pack(">IBI", len(body), kind, request_id) + body)

    def ask(self, kind: int, body: bytes, last: tuple[int, ...]) -> list[tuple[int, Fields]]:
        """Send a request; its answers up to one of the kinds in last."""
        self.last_request += 1
        request_id, answers = self.last_request, self.answers[self.last_request]
        self._write(kind, request_id, body)
        ends = (*last, REFUSED, UNSUPPORTED)
        self.link.pump(lambda: any(kind in ends for kind, _ in answers))  # MEMBERs may be before or behind (17.3)
        kind, fields = next(answer for answer in answers if answer[0] in ends)
        if kind == REFUSED:
            raise RefusedError(fields.number(2), fields.text(2))
        if kind == UNSUPPORTED:
            raise FailedError("the server is too old for this")
        return answers

    def join(self, identity: Ed25519PrivateKey, nick: str, flags: int, password: str) -> tuple[str, int]:
        """The nickname given, and how many are here; with the password where the nickname is an account's."""
        try:
            return self._join(identity, nick, flags)
        except RefusedError as refusal:
            if not password or refusal.code not in (NICK_REGISTERED, LOGIN_REQUIRED):
                raise
        self.log_in(LOGIN, nick, password)
        return self._join(identity, nick, flags)

    def _join(self, identity: Ed25519PrivateKey, nick: str, flags: int) -> tuple[str, int]:
        client_id, ticket = os.urandom(16), self.home.load("ticket") if self.link.mode else b""
        signature = identity.sign(b"udpchat join v1" + self.link.handshake_hash + client_id)
        join = identity.public_key().public_bytes_raw() + signature + client_id + pack(">IBQ", 1, flags, self.newest)
        join += bytes([len(ticket)]) + ticket + text(nick, 1) + text("spec client", 1)
        fields = self.ask(JOIN, join, (WELCOME,))[-1][1]
        _, count, _ = fields.take(4), fields.number(4), fields.take(8 + 8 + 1)
        fields.take(fields.number(1))
        return fields.text(1), count

    def log_in(self, kind: int, nick: str, password: str) -> None:
        """REGISTER or LOGIN (15.7); the ticket is kept."""
        fields = self.ask(kind, text(nick, 1) + text(password, 2), (ACCOUNT,))[-1][1]
        outcome, _, ticket = fields.number(1), fields.take(1), fields.take(fields.number(1))
        self.home.save("ticket", ticket)
        print("account", fields.text(1), ("", "registered", "logged in")[outcome])

    def enter(self, room: str) -> None:
        """Be a member of a room, which is made when it is not there."""
        try:
            self.ask(CREATE_ROOM, text(room, 1) + text("", 2), (ROOM,))
        except RefusedError as refusal:
            if refusal.code != ROOM_EXISTS:
                raise
            self.ask(ENTER_ROOM, text(room, 1), (ROOM,))

    def say(self, nick: str, room: str, line: str) -> None:
        """Return once the line came back as everybody sees it."""
        self.ask(SAY, os.urandom(16) + text(room, 1) + text(line, 2), (SAID,))
        self.link.pump(lambda: (room, nick, line) in self.said)

    def tell(self, nick: str, line: str) -> bool:
        """Whether the line waits for the next login of an account."""
        said = self.ask(TELL, os.urandom(16) + text(nick, 1) + text(line, 2), (SAID,))[-1][1]
        said.take(16 + 8 + 8)
        return bool(said.number(1) & WAITS)

    def history(self, limit: int) -> list[tuple[int, str, str, str]]:
        """The newest messages that we may see, oldest first (16.7)."""
        nothing = text("", 1) * 4 + text("", 2)  # room, nick, sender, recipient, words
        *found, (_, finished) = self.ask(HISTORY, pack(">QQQQH", 0, 0, 0, 0, limit) + nothing, (FINISHED,))
        if finished.number(4) != len(found):
            raise FailedError("the answer is not complete")
        return [read_message(*record) for record in found]

    def put(self, path: Path, room: str, to: str) -> tuple[str, str]:
        """Name and MD5 of the stored file or folder; goes on where an earlier try ended (17.2, 17.5)."""
        source = Source(path)
        key = f"upload {hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]}"
        upload_id = self.home.load(key) or os.urandom(16)
        self.home.save(key, upload_id)
        members = source.members or []
        opening = upload_id + pack(">QQIB", source.size, source.modified, len(members), source.flags)
        opening += text(source.name, 2) + text(room, 1) + text(to, 1)
        kind, fields = self._last(self.ask(OPEN, opening, (OPENED, COMMITTED)), (OPENED, COMMITTED))
        if kind == OPENED:
            fields = self._send(source, upload_id, fields)
        self.home.save(key, b"")
        _, md5, _ = fields.take(16 + 16), fields.take(16), fields.take(8)
        return fields.text(2), md5.hex()

    def _send(self, source: Source, upload_id: bytes, opened: Fields) -> Fields:
        """From OPENED to COMMITTED."""
        transfer_id, limit, flags, present = opened.number(4), opened.number(8), opened.number(1), opened.ranges()
        upload = self.link.upload = Upload(source, transfer_id, limit, present)
        if upload.acked.runs:
            print("goes on,", upload.acked.total(), "bytes are there")
        early, self.early = self.early, []
        for kind, body in early:
            if (fields := Fields(body)).number(4) == transfer_id:
                self._on_upload(upload, kind, fields)
        for number, member in enumerate(() if flags & INDEXED else source.members or ()):
            body = pack(">IIQQ16sB", transfer_id, number, member.size, member.modified, member.md5, member.flags)
            self._write(MEMBER, 0, body + text(member.path, 2), channel=1)
        self.link.pump(lambda: upload.is_sent() or 0 < self.stop_after <= upload.acked.total())
        if not upload.is_sent():
            raise FailedError("stopped, as was asked for")
        md5 = source.md5()
        _, committed = self._last(self.ask(COMMIT, upload_id + md5, (COMMITTED,)), (COMMITTED,))
        self.link.upload = None
        if committed.body[32:48] != md5:
            raise FailedError("the server stored something else")
        return committed

    def _last(self, answers: list[tuple[int, Fields]], kinds: tuple[int, ...]) -> tuple[int, Fields]:
        return next(answer for answer in answers if answer[0] in kinds)

    def files(self) -> list[tuple[str, int, str]]:
        """Name, size and MD5 of all files that are stored, oldest first (17.12)."""
        found = []
        *files, (_, finished) = self.ask(LIST_FILES, text("", 1), (FINISHED,))
        for _, fields in files:
            _, size, md5, _ = fields.take(16), fields.number(8), fields.take(16), fields.take(8 * 3 + 4 * 6 + 1)
            state, _ = fields.number(1), [fields.text(1) for _ in range(4)]
            found += [(fields.text(2), size, md5.hex())] if state else []
        if finished.number(4) != len(files):
            raise FailedError("the list is not complete")
        return found

    def get(self, name: str, number: int, folder: Path) -> tuple[Path, str]:
        """Path and MD5 of the file or folder as it is on our disk (17.3); goes on where an earlier try ended (17.5)."""
        part = folder / f"{safe_name(name)}.part"
        file_id, present = Download.remembered(part, number)
        if present:
            print("goes on,", sum(stop - start for start, stop in present), "bytes are here")
        try:
            answers = self._fetch(file_id, number, name, present)
        except RefusedError as refusal:
            if refusal.code != UNKNOWN_FILE or not any(file_id):
                raise
            file_id, present = bytes(16), []  # deleted meanwhile: what we have is of no use
            answers = self._fetch(file_id, number, name, present)
        offer = self._last(answers, (OFFER,))[1]
        transfer_id, file_id, size, md5 = offer.number(4), offer.take(16), offer.number(8), offer.take(16)
        root, _, count, flags = offer.take(32), offer.take(8), offer.number(4), offer.number(1)
        _, display = offer.text(1), offer.text(2)
        self.link.pump(lambda: sum(kind == MEMBER for kind, _ in answers) == count)
        members = read_index(answers, size) if flags & FOLDER else None
        with Download(part, transfer_id, file_id, number, present) as download:
            self.download = download
            if size:
                self._write(CREDIT, 0, pack(">IQ", transfer_id, size))
            self.link.pump(lambda: size == 0 or download.received.covers(0, size))
            self.download = None
            whole = download.finish(folder / safe_name(display), members, md5, root)
        self._write(RECEIVED, 0, pack(">I", transfer_id) + md5)
        return whole, md5.hex()

    def _fetch(
        self, file_id: bytes, number: int, name: str, present: list[tuple[int, int]]
    ) -> list[tuple[int, Fields]]:
        ranges = pack(">H", len(present)) + b"".join(RANGE.pack(*run) for run in present)
        return self.ask(FETCH, file_id + pack(">IB", number, 0) + text(name, 2) + ranges, (OFFER,))

    def flush(self) -> None:
        """Wait until the server has all that was said."""
        sender = self.link.sender
        self.link.pump(lambda: not (any(sender.channels) or sender.again or sender.in_flight))


def known_identity(home: Home) -> Ed25519PrivateKey:
    """Our key, made at the first start (15.1)."""
    private = home.load("identity") or os.urandom(32)
    home.save("identity", private)
    return Ed25519PrivateKey.from_private_bytes(private)


def check_server(home: Home, key: bytes) -> None:
    """The server's key must be the one of the first contact (20)."""
    digits = hashlib.sha256(key).hexdigest()[:32]
    print("server", "-".join(digits[at : at + 4] for at in range(0, 32, 4)) if key else "PLAINTEXT")
    if key and home.load("server") not in (b"", key):
        raise FailedError("the server has another key than before; remove what --home has of it if that is right")
    home.save("server", key or home.load("server"))


def main() -> int:
    parser = argparse.ArgumentParser(description="a client written from docs/protocol.md")
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--nick", required=True)
    parser.add_argument("--wait", action="store_true", help="when the server is full, wait for a place")
    parser.add_argument("--register", action="store_true", help="make the nickname an account")
    parser.add_argument("--room", default="lobby")
    parser.add_argument("--say")
    parser.add_argument("--tell", nargs=2, metavar=("NICK", "TEXT"))
    parser.add_argument("--put", type=Path, help="a file or folder, for the room or --for somebody")
    parser.add_argument("--for", dest="recipient", default="", metavar="NICK")
    parser.add_argument("--get")
    parser.add_argument("--member", type=int, default=WHOLE, metavar="N", help="of the folder that --get names")
    parser.add_argument("--stop-after", type=int, default=0, metavar="BYTES", help="give up when so many have arrived")
    parser.add_argument("--to", type=Path, default=Path())
    parser.add_argument("--hear", type=int, default=0, metavar="N", help="stay until so many messages have come")
    parser.add_argument("--history", type=int, metavar="N")
    parser.add_argument(
        "--home", type=Path, help="where our key and what we know of servers is kept; without it nothing is"
    )
    parser.add_argument("--plaintext", action="store_true")
    options = parser.parse_args()
    try:
        home = Home(options.home, f"{options.host} {options.port}")
        identity = known_identity(home)
        link = Link(options.host, options.port, plaintext=options.plaintext)
        link.handshake()
        try:
            check_server(home, link.server_key)
            talk(Client(link, home), identity, options)
        finally:
            link.close()
    except (FailedError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("left")
    return 0


def talk(client: Client, identity: Ed25519PrivateKey, options: argparse.Namespace) -> None:
    """Do what was asked for, in this order."""
    password = os.environ.get("SPEC_CLIENT_PASSWORD", "")
    nick, count = client.join(identity, options.nick, WAIT if options.wait else 0, password)
    print(f"joined as {nick}, {count} here")
    if options.register:
        client.log_in(REGISTER, nick, password)
    if options.room != "lobby":
        client.enter(options.room)
    if options.say is not None:
        client.say(nick, options.room, options.say)
    if options.tell is not None:
        print("told", options.tell[0], "who is not here" if client.tell(*options.tell) else "who is here")
    client.stop_after = options.stop_after
    if options.put is not None:
        print("put", *client.put(options.put, options.room, options.recipient))
        for listed in client.files():
            print("file", *listed)
    if options.get is not None:
        print("got", *client.get(options.get, options.member, options.to))
    client.link.pump(lambda: len(client.said) >= options.hear)
    if options.history is not None:
        for sequence, place, sender, words in client.history(options.history):
            print(f"{sequence} [{place}] {sender}: {words!r}")
    client.flush()


if __name__ == "__main__":
    sys.exit(main())

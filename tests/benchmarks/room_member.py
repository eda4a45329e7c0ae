"""A member of a udpchat room on a socket of its own, cheap enough for one process to be 500 of them."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import Final

from tests.benchmarks.room_lean import Ear, LeanConnection
from tests.benchmarks.room_order import NEVER, Order, RoomError, clock
from udpchat.chat.events import Connected, Disconnected, Joined, JoinRefused, LineSaid, Refusal, SlowedDown
from udpchat.config import SEEN_DELAY, Config
from udpchat.crypto.identity import Identity
from udpchat.errors import UsageError
from udpchat.net.hosts import ClientCore, make_client
from udpchat.protocol.datagrams import Address, Burst
from udpchat.wire.records import Seen

DATAGRAMS_IN: Final = 8  # read from a socket before anything is answered, as the client's driver does
RECEIVE_BUFFER: Final = 1 << 20  # bytes of each socket, asked for
_DATAGRAM: Final = memoryview(bytearray(65_536))  # one for all: what was read is dealt with at once


class Confirmation:
    """When a member tells the server which line it has seen: a while after it came, as clients do."""

    def __init__(self) -> None:
        self.due = NEVER
        self._told = 0

    def on_heard(self, newest: int, now: int) -> None:
        """A line with this sequence has come, now or earlier."""
        if self.due == NEVER and newest > self._told:
            self.due = now + SEEN_DELAY

    def take(self, newest: int, now: int) -> Seen | None:
        """What is to be said now."""
        if now < self.due:
            return None
        self.due, self._told = NEVER, newest
        return Seen(newest)


class Member:
    """The core of a client, with the short cut of room_lean.py or without it.

    deadline: when to `wake`. reads: datagrams that came.
    """

    def __init__(
        self, server: Address, number: int, order: Order, random_bytes: Callable[[int], bytes], *, is_lean: bool
    ) -> None:
        self.number = number
        self.deadline = 0
        self.reads = 0
        self.is_in = False
        self.socket = _connected(server)
        self._server = server
        self._order = order
        self._ear = Ear(order)
        self._lean: LeanConnection | None = None
        self._is_lean = is_lean
        self._confirmation = Confirmation()
        self._random_bytes = random_bytes

    @cached_property
    def _core(self) -> ClientCore:
        """Its time to come in runs from here: from when it is first woken, not from when the last of 5,000 is made."""
        key = Identity(self._random_bytes(32))
        return make_client(self._server, Config(), key, self._random_bytes, clock())

    @property
    def heard(self) -> int:
        """Lines so far, its own included: the server sends them back."""
        return self._ear.heard

    def say(self) -> None:
        """Say the next line."""
        now = clock()
        self._core.chat.say(self._order.say(self.number, now))
        self._flush(now)

    def hear(self) -> None:
        """The socket is readable."""
        lean, now, is_short = self._lean, clock(), self._lean is not None
        for _ in range(DATAGRAMS_IN):
            try:
                size = self.socket.recv_into(_DATAGRAM)
            except BlockingIOError:
                break
            self.reads += 1
            now = clock()
            if lean is not None and lean.take(_DATAGRAM[:size], now):
                if not lean.has_news:
                    continue
                self._core.host.dispatch(now)
            else:
                self._core.host.receive_burst(Burst(self._server, _DATAGRAM[:size], size), now)
            is_short = False
            self._drain(now)
        if lean is not None and is_short:
            self._answer(lean, now)
        else:
            self._flush(now)

    def wake(self) -> None:
        """A deadline has passed."""
        now = max(self.deadline, clock())
        if self._lean is not None and (seen := self._confirmation.take(self._ear.newest, now)) is not None:
            self._lean.send_record(seen)
        self._core.host.handle_timeout(now)
        self._drain(now)
        self._flush(now)

    def leave(self) -> None:
        """Say goodbye, as far as one word may get."""
        with suppress(UsageError):
            self._core.chat.leave()
            for burst in self._core.host.datagrams_to_send(clock()):
                self._send(burst)
        self.socket.close()

    def _answer(self, lean: LeanConnection, now: int) -> None:
        """Acknowledge what came the short way, now or when that is due."""
        if (ack := lean.answer(now)) is not None:
            self._send(Burst(self._server, ack, len(ack)))
        elif (due := lean.receiver.acks.next_timeout()) is not None:
            self.deadline = min(self.deadline, due)
        self._confirm(now)

    def _flush(self, now: int) -> None:
        """Send all that may go, and see when to come back."""
        for burst in self._core.host.datagrams_to_send(now):
            self._send(burst)
        self._drain(now)
        due = self._core.host.next_timeout()
        self.deadline = NEVER if due is None else due
        self._confirm(now)

    def _confirm(self, now: int) -> None:
        if self._lean is not None:  # an ordinary core does it by itself
            self._confirmation.on_heard(self._ear.newest, now)
            self.deadline = min(self.deadline, self._confirmation.due)

    def _send(self, burst: Burst) -> None:
        for datagram in burst.datagrams():
            with suppress(BlockingIOError):  # as lost as if the network had done it, and repeated in the same way
                self.socket.send(datagram)

    def _drain(self, now: int) -> None:
        while (event := self._core.host.next_event()) is not None:
            match event:
                case Connected():
                    self._shorten()
                    self._core.chat.join(f"member{self.number}")
                case Joined():
                    self.is_in = True
                case LineSaid(sequence, _, _, _, text):
                    place = self._order.check(self._ear.heard, text, sequence)
                    self._order.full_delays.append(now - place.said_at)
                    self._ear.heard += 1
                case JoinRefused(_, text) | Refusal(_, _, text) | Disconnected(_, text, _):
                    raise RoomError(f"member {self.number}: {text}")
                case SlowedDown():
                    raise RoomError(f"the server slows member {self.number} down: more speakers are needed")

    def _shorten(self) -> None:
        connection = self._core.endpoint.connection
        if self._is_lean and connection is not None:
            self._lean = self._core.endpoint.connection = LeanConnection.of(connection, self._ear)


def _connected(server: Address) -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    opened.connect(server)
    opened.setblocking(False)
    return opened

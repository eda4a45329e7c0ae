"""Who looks on while an experiment runs: at what senders send, at their state over time, at the handshake."""

from __future__ import annotations

from collections.abc import Sequence

from udpchat.arq.in_flight import Kind, SentRun
from udpchat.lab.experiment import Sample
from udpchat.protocol.connection import Connection
from udpchat.protocol.datagrams import Address
from udpchat.protocol.watch import Cause, Watch, Watcher
from udpchat.sim.link import Link
from udpchat.sim.trace import Happening


class FileWatch:
    """A watcher of one or many connections.

    first: when the first DATA left [us]. repeated: DATA packets sent again. new: (time, how many DATA packets with new
    bytes had left by then), an entry for each burst of them.
    """

    def __init__(self) -> None:
        self.first: int | None = None
        self.repeated = 0
        self.new: list[tuple[int, int]] = []

    @property
    def sent(self) -> int:
        """DATA packets sent so far."""
        return self.repeated + (self.new[-1][1] if self.new else 0)

    def on_sent(self, run: SentRun, cause: Cause) -> None:
        """See `Watcher`."""
        if run.kind is Kind.DATA:
            if self.first is None:
                self.first = run.sent_at
            if cause is Cause.FIRST:
                self.new.append((run.sent_at, run.count + (self.new[-1][1] if self.new else 0)))
            else:
                self.repeated += run.count

    def on_lost(self, runs: Sequence[SentRun]) -> None:
        """See `Watcher`."""


class WatchAll:
    """Several watchers of one connection as one."""

    def __init__(self, watchers: Sequence[Watcher]) -> None:
        self._watchers = watchers

    def on_sent(self, run: SentRun, cause: Cause) -> None:
        """See `Watcher`."""
        for watcher in self._watchers:
            watcher.on_sent(run, cause)

    def on_lost(self, runs: Sequence[SentRun]) -> None:
        """See `Watcher`."""
        for watcher in self._watchers:
            watcher.on_lost(runs)


def watch_also(watch: Watch | None, watcher: Watcher) -> Watch:
    """A watch that does what another does, and tells one more watcher."""
    if watch is None:
        return lambda _: watcher
    return lambda connection: WatchAll((watch(connection), watcher))


class Sampler:
    """Notes the state of a sender at the first step of an end after each interval [us]; nothing is changed by it."""

    def __init__(self, sender: Connection, link: Link, interval: int) -> None:
        self.samples: list[Sample] = []
        self._sender = sender
        self._link = link
        self._interval = interval
        self._due = 0

    def __call__(self, _: object, now: int) -> None:
        """See `Network.observe`."""
        if now < self._due:
            return
        self._due = now + self._interval
        recovery = self._sender.transmitter.recovery
        counters = recovery.counters
        self.samples.append(
            Sample(
                at=now,
                sent=counters.sent_bytes,
                acked=counters.acked_bytes,
                in_flight=recovery.in_flight.bytes_in_flight,
                window=recovery.controller.congestion_window,
                smoothed_rtt=recovery.rtt.smoothed_rtt,
                lost=counters.lost_packets,
                queue=self._link.queued(now),
            )
        )


class RoundTrips:
    """A tap that counts how often a client sent something and then waited until something came.

    least: what comes sooner than this after the sending was no answer to it [us].
    """

    def __init__(self, client: Address, least: int) -> None:
        self._least = least
        self.count = 0
        self._client = client
        self._sent_at: int | None = None  # what waits for something to come

    def __call__(self, happening: Happening, now: int, source: Address, destination: Address, _: bytes) -> None:
        """See `Network.tap`."""
        if happening is Happening.SENT and source == self._client:
            self._sent_at = now if self._sent_at is None else self._sent_at
        elif happening is Happening.DELIVERED and destination == self._client:
            self._hear(now)

    def _hear(self, now: int) -> None:
        if self._sent_at is not None and now - self._sent_at >= self._least:
            self._sent_at = None
            self.count += 1

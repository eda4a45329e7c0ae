"""The numbers of a capture: per connection, and per transfer and direction as its sender saw it.

Of a capture with several vantage points each direction is read where its sender is: at an interface that is called
after it ("client", "server", also "client side"), else where its packets were seen leaving, else where they were seen
first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import Final

from udpchat.capture.analysis import Analysis, Connection, Handshake, Observe, Vantage
from udpchat.capture.flow import Flow
from udpchat.capture.records import Announced
from udpchat.capture.streams import Stream, StreamCounts
from udpchat.capture.tolerant import Readable
from udpchat.config import SECOND
from udpchat.errors import CaptureError, UsageError
from udpchat.protocol.datagrams import Address
from udpchat.wire.numbers import PacketType

_SIDES: Final = {False: "client", True: "server"}  # who sends, by "from the server"
_HIGH: Final = 95  # percentile


@dataclass(frozen=True, slots=True)
class RoundTrips:
    """Round trips [us], without what the receiver held ACKs back."""

    count: int
    least: int
    median: int
    p95: int
    most: int


@dataclass(frozen=True, slots=True)
class StreamReport:
    """A transfer, or a channel of records, in one direction. Sizes are bytes, times microseconds.

    stream: transfer id or channel. unique: bytes, repeats not counted. duration: from its first packet to its last, or
    to the ACK that newly acknowledged the last of it. goodput: acknowledged bytes a second up to that ACK; where no ACK
    was captured, unique bytes a second. share: of the time in which the connection was seen. counts: StreamCounts.
    """

    from_server: bool
    interface: str
    stream: int
    counts: StreamCounts
    unique: int
    acked: int
    first: int
    duration: int
    goodput: float | None
    share: float
    round_trips: RoundTrips | None


@dataclass(frozen=True, slots=True)
class TransferReport:
    """A file on its way. number: its place in the capture, from 1. announced: its name and digests, where readable."""

    number: int
    connection_id: bytes
    figures: StreamReport
    announced: Announced | None


@dataclass(frozen=True, slots=True)
class DirectionReport:
    """All that one end sent. types: packets by type. troubles: duplicates, out of order and the like."""

    from_server: bool
    interface: str
    types: dict[str, int]
    bytes: int
    troubles: dict[str, int]
    channels: tuple[StreamReport, ...]
    round_trips: RoundTrips | None


@dataclass(frozen=True, slots=True)
class ConnectionReport:
    """One connection. first: [us] of its first packet, handshake included. records: by name, when not sealed."""

    connection_id: bytes
    clients: tuple[Address, ...]
    servers: tuple[Address, ...]
    is_sealed: bool
    first: int
    duration: int
    handshake: Handshake | None
    directions: tuple[DirectionReport, ...]
    transfers: tuple[TransferReport, ...]
    records: dict[str, int]
    resets: int


@dataclass(frozen=True, slots=True)
class CaptureReport:
    """A whole capture. skipped: packets that were not analysed, by reason. unanswered: handshakes without connection.

    trouble: why it was not read to its end, in a sentence; empty when it was.
    """

    interfaces: tuple[str, ...]
    datagrams: int
    skipped: dict[str, int]
    trouble: str
    connections: tuple[ConnectionReport, ...]
    unanswered: tuple[Handshake, ...]

    @property
    def transfers(self) -> list[TransferReport]:
        """Those of all connections, by number."""
        return [transfer for connection in self.connections for transfer in connection.transfers]


@dataclass(frozen=True, slots=True)
class View:
    """Where one direction of a connection is read."""

    vantage: Vantage
    connection: Connection
    flow: Flow


def analyse(readable: Readable, observe: Observe | None = None) -> Analysis:
    """Read a capture to its end. CaptureError when there is nothing of this protocol in it."""
    analysis = Analysis(observe)
    for captured in readable:
        analysis.feed(captured)
    analysis.finish()
    if not analysis.vantages:
        raise CaptureError(_nothing_found(readable, analysis))
    return analysis


def _nothing_found(readable: Readable, analysis: Analysis) -> str:
    capture = readable.capture
    others = capture.skipped.total() + analysis.skipped.total()
    what = f"{others} packets of other kinds" if others else "no packets"
    cut = " and ends in the middle of one" if capture.truncated else ""
    return (
        f"{capture.path} holds no udpchat packets: it has {what}{cut}; capture the server's UDP port, or use --capture"
    )


def report(readable: Readable, analysis: Analysis, interface: str | None = None) -> CaptureReport:
    """The numbers of an analysed capture. interface: name or number (from 0) of the only one that is to be read.

    UsageError when there is no such interface.
    """
    vantages = chosen_vantages(analysis, interface)
    connections: list[ConnectionReport] = []
    number = 1
    for connection_id in _connection_ids(vantages):
        found = _connection_report(connection_id, vantages, number)
        connections.append(found)
        number += len(found.transfers)
    return CaptureReport(
        interfaces=tuple(vantage.name or str(vantage.number) for vantage in vantages),
        datagrams=analysis.datagrams,
        skipped=dict(sorted((readable.capture.skipped + analysis.skipped).items())),
        trouble=readable.trouble,
        connections=tuple(connections),
        unanswered=tuple(
            attempt
            for vantage in vantages[:1]
            for attempt in vantage.attempts.values()
            if not any(attempt is found.handshake for found in connections)
        ),
    )


def chosen_vantages(analysis: Analysis, interface: str | None) -> list[Vantage]:
    """All vantage points, or the one that is asked for. UsageError."""
    vantages = list(analysis.vantages.values())
    if interface is None:
        return vantages
    chosen = [vantage for vantage in vantages if interface in (vantage.name, str(vantage.number))]
    if not chosen:
        names = ", ".join(f"{vantage.number} {vantage.name}".strip() for vantage in vantages)
        raise UsageError(f"nothing was captured at an interface {interface}; there are: {names}")
    return chosen[:1]


def sender_view(connection_id: bytes, vantages: Sequence[Vantage], *, from_server: bool) -> View | None:
    """Where a direction is read: nearest to its sender; None when nothing was seen of it."""
    views = [
        View(vantage, connection, flow)
        for vantage in vantages
        if (connection := vantage.connections.get(connection_id)) is not None
        and (flow := connection.flows.get(from_server)) is not None
        and flow.types
    ]
    return min(views, key=lambda view: _distance(view, from_server), default=None)


def _distance(view: View, from_server: bool) -> tuple[bool, bool, int, int]:
    side = _SIDES[from_server]
    directions = view.vantage.directions[from_server]
    is_named = view.vantage.name in (side, f"{side} side")
    is_leaving = directions[True] > directions[False]
    return not is_named, not is_leaving, view.flow.first, view.vantage.number


def _connection_ids(vantages: Iterable[Vantage]) -> list[bytes]:
    firsts: dict[bytes, int] = {}
    for vantage in vantages:
        for connection_id, connection in vantage.connections.items():
            firsts[connection_id] = min(connection.first, firsts.get(connection_id, connection.first))
    return sorted(firsts, key=lambda connection_id: (firsts[connection_id], connection_id))


def _connection_report(connection_id: bytes, vantages: Sequence[Vantage], number: int) -> ConnectionReport:
    seen = [vantage.connections[connection_id] for vantage in vantages if connection_id in vantage.connections]
    views = {
        from_server: view
        for from_server in (False, True)
        if (view := sender_view(connection_id, vantages, from_server=from_server)) is not None
    }
    nearest = views[min(views)].connection if views else seen[0]
    handshake = nearest.handshake or next((each.handshake for each in seen if each.handshake), None)
    first = min(each.first for each in seen) if handshake is None else handshake.first
    duration = max(max(each.last for each in seen) - first, 0)
    transfers: list[TransferReport] = []
    for from_server, view in views.items():
        announced = view.connection.conversation.transfers
        for stream in view.flow.streams.values():
            if stream.key[0] is PacketType.DATA and stream.counts.packets:
                figures = _stream_report(stream, view, from_server, duration)
                place = number + len(transfers)
                transfers.append(TransferReport(place, connection_id, figures, announced.get(stream.key[1])))
    return ConnectionReport(
        connection_id=connection_id,
        clients=tuple(nearest.clients),
        servers=tuple(nearest.servers),
        is_sealed=any(each.is_sealed for each in seen),
        first=first,
        duration=duration,
        handshake=handshake,
        directions=tuple(_direction_report(view, from_server, duration) for from_server, view in views.items()),
        transfers=tuple(transfers),
        records=dict(nearest.conversation.counts),
        resets=max(each.resets for each in seen),
    )


def _direction_report(view: View, from_server: bool, duration: int) -> DirectionReport:
    flow = view.flow
    return DirectionReport(
        from_server=from_server,
        interface=view.vantage.name,
        types={kind.name: count for kind, count in sorted(flow.types.items())},
        bytes=flow.bytes,
        troubles=dict(flow.troubles),
        channels=tuple(
            _stream_report(stream, view, from_server, duration)
            for stream in flow.streams.values()
            if stream.key[0] is PacketType.MSG
        ),
        round_trips=measured([sample for stream in flow.streams.values() for sample in stream.round_trips]),
    )


def _stream_report(stream: Stream, view: View, from_server: bool, whole: int) -> StreamReport:
    end = stream.last if stream.done is None else stream.done
    useful = stream.sent.total if stream.done is None else stream.acked.total
    duration = max(stream.last, end) - stream.first
    return StreamReport(
        from_server=from_server,
        interface=view.vantage.name,
        stream=stream.key[1],
        counts=stream.counts,
        unique=stream.sent.total,
        acked=stream.acked.total,
        first=stream.first,
        duration=duration,
        goodput=useful * SECOND / (end - stream.first) if end > stream.first else None,
        share=min(duration / whole, 1.0) if whole else 1.0,
        round_trips=measured(stream.round_trips),
    )


def measured(samples: Iterable[int]) -> RoundTrips | None:
    """Least, median, 95th percentile (nearest rank) and most of round trips [us]; None without any."""
    ranked = sorted(samples)
    if not ranked:
        return None
    high = -(-len(ranked) * _HIGH // 100) - 1
    return RoundTrips(len(ranked), ranked[0], median_low(ranked), ranked[high], ranked[-1])

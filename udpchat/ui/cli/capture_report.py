"""What `udpchat capture` says: text for people, JSON objects for programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from udpchat.capture.analysis import Handshake
from udpchat.capture.decrypt import Decrypted
from udpchat.capture.extract import Extracted, Reading
from udpchat.capture.records import runs_text
from udpchat.capture.statistics import (
    CaptureReport,
    ConnectionReport,
    DirectionReport,
    RoundTrips,
    StreamReport,
    TransferReport,
)
from udpchat.config import MILLISECOND, SECOND
from udpchat.protocol.datagrams import Address
from udpchat.ui.cli.objects import as_line
from udpchat.ui.cli.options import HostPort
from udpchat.ui.cli.render import duration_text, size_text, visible

_WAYS = {False: "client to server", True: "server to client"}
_CHANNELS = {0: "control and chat", 1: "long answers"}
_REASONS = {
    "no-key": "have no key in the key log",
    "wrong-key-or-damaged": "are not opened by any key: damaged, or the keys are wrong",
}

# -- stats, for people -------------------------------------------------------------------------------------------------


def stats_text(file: Path, report: CaptureReport) -> list[str]:
    """All numbers of a capture."""
    names = ", ".join(visible(name) for name in report.interfaces)
    lines = [f"{visible(str(file))}: {report.datagrams} datagrams, seen at {names}"]
    if report.skipped:
        lines.append(f"not analysed: {_counts_text(report.skipped)}")
    if report.unanswered:
        hellos = sum(handshake.hellos for handshake in report.unanswered)
        lines.append(f"handshakes that led to no connection: {len(report.unanswered)}, with {hellos} HELLO")
    for connection in report.connections:
        lines += ["", *_connection_text(connection)]
        for transfer in connection.transfers:
            lines += ["", *_transfer_text(transfer)]
    return lines


def _connection_text(connection: ConnectionReport) -> list[str]:
    ends = f"{_addresses_text(connection.clients)} to {_addresses_text(connection.servers)}"
    sealed = "sealed" if connection.is_sealed else "PLAINTEXT"
    lines = [
        f"connection {connection.connection_id.hex()}: {ends}, {sealed}, {duration_text(connection.duration)}",
        *([_handshake_text(connection.handshake)] if connection.handshake is not None else []),
    ]
    for direction in connection.directions:
        lines += _direction_text(direction)
    if connection.records:
        lines.append(f"  records: {_counts_text(connection.records)}")
    if connection.resets:
        lines.append(f"  {connection.resets} RESET")
    return lines


def _handshake_text(handshake: Handshake) -> str:
    told = [f"{handshake.hellos} HELLO"]
    if handshake.repeated:
        told.append(f"{handshake.repeated} of them repeated")
    told.append(f"{handshake.cookies} COOKIE")
    if handshake.with_token:
        told.append("with an address token")
    told.append(f"{handshake.replies} REPLY")
    if handshake.refusals:
        told.append(f"{handshake.refusals} VERSION")
    if handshake.replied is not None:
        told.append(f"answered after {_milliseconds(handshake.replied - handshake.first):.1f} ms")
    return f"  handshake: {', '.join(told)}"


def _direction_text(direction: DirectionReport) -> list[str]:
    place = f", as seen at {visible(direction.interface)}" if direction.interface else ""
    packets = sum(direction.types.values())
    lines = [
        f"  {_WAYS[direction.from_server]}{place}: {packets} packets with {size_text(direction.bytes)} "
        f"({_counts_text(direction.types)})"
    ]
    if direction.troubles:
        lines.append(f"    of all packets: {_counts_text(direction.troubles)}")
    for channel in direction.channels:
        counts = channel.counts
        again = counts.retransmitted + counts.copies
        name = _CHANNELS.get(channel.stream, "unknown")
        lines.append(
            f"    channel {channel.stream} ({name}): {counts.packets} packets with {size_text(channel.unique)}, "
            f"{again} sent again, {counts.lost} lost"
        )
    if direction.round_trips is not None:
        lines.append(f"    round trip {_round_trips_text(direction.round_trips)}")
    return lines


def _transfer_text(transfer: TransferReport) -> list[str]:
    figures, announced = transfer.figures, transfer.announced
    counts = figures.counts
    way = "from the server" if figures.from_server else "to the server"
    name = f" {visible(announced.name)}" if announced is not None else ""
    size = f" of {size_text(announced.size)}" if announced is not None and announced.size is not None else ""
    place = f", as seen at {visible(figures.interface)}" if figures.interface else ""
    share = 100 * counts.lost / counts.packets
    copies = f"; {counts.copies} more as a precaution" if counts.copies else ""
    lines = [
        f"transfer {transfer.number}:{name}{size} {way}{place}",
        f"  sent          {counts.packets} packets with {size_text(counts.bytes)}, "
        f"{size_text(figures.unique)} of them different",
        f"  lost          {counts.lost} packets ({share:.1f} %)",
        f"  sent again    {counts.retransmitted} packets, {counts.spurious} of them needlessly{copies}",
        f"  irregular     {counts.duplicates} duplicates, {counts.out_of_order} out of order",
        f"  acknowledged  {size_text(figures.acked)} by {counts.acks} ACKs",
        f"  goodput       {_goodput_text(figures)}",
        f"  in flight     at most {size_text(counts.in_flight)}",
    ]
    if figures.round_trips is not None:
        lines.append(f"  round trip    {_round_trips_text(figures.round_trips)}")
    if announced is not None:
        said = [f"{digest.hex()} {who}" for digest, who in _digests(announced.md5_sent, announced.md5_stored)]
        lines += [f"  MD5           {', '.join(said)}"] if said else []
        lines += [f"  ended         {visible(announced.outcome)}"] if announced.outcome else []
    return lines


def _goodput_text(figures: StreamReport) -> str:
    if figures.goodput is None:
        return "unknown: a single moment was captured"
    share = f"{100 * figures.share:.0f} % of the connection's time"
    return f"{_mbps(figures.goodput):.2f} Mbit/s in {duration_text(figures.duration)}, {share}"


def _round_trips_text(trips: RoundTrips) -> str:
    values = (trips.least, trips.median, trips.p95, trips.most)
    return " / ".join(f"{_milliseconds(value):.2f}" for value in values) + " ms (least, median, 95 %, most)"


def _counts_text(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {visible(name.replace('_', ' '))}" for name, count in counts.items())


def _addresses_text(addresses: Iterable[Address]) -> str:
    return ", then ".join(visible(str(HostPort(*address))) for address in addresses) or "unknown"


def _digests(sent: bytes | None, stored: bytes | None) -> list[tuple[bytes, str]]:
    """Who said which MD5."""
    return [(digest, who) for digest, who in ((sent, "as sent"), (stored, "as stored")) if digest is not None]


# -- stats, for programs -----------------------------------------------------------------------------------------------


def transfer_line(transfer: TransferReport) -> str:
    """One transfer as a JSON object."""
    announced = transfer.announced
    return as_line(
        "transfer",
        number=transfer.number,
        connection_id=transfer.connection_id,
        transfer_id=transfer.figures.stream,
        file_name=announced.name if announced else None,
        size=announced.size if announced else None,
        md5_sent=announced.md5_sent if announced else None,
        md5_stored=announced.md5_stored if announced else None,
        **_figures(transfer.figures),
    )


def connection_line(connection: ConnectionReport) -> str:
    """One connection as a JSON object."""
    handshake = connection.handshake
    return as_line(
        "connection",
        connection_id=connection.connection_id,
        clients=[str(HostPort(*address)) for address in connection.clients],
        servers=[str(HostPort(*address)) for address in connection.servers],
        is_sealed=connection.is_sealed,
        first=connection.first,
        seconds=connection.duration / SECOND,
        handshake=_handshake_values(handshake) if handshake is not None else None,
        directions=[
            {
                "direction": _direction(direction.from_server),
                "interface": direction.interface,
                "types": direction.types,
                "bytes": direction.bytes,
                **direction.troubles,
                "channels": [{"channel": each.stream, **_figures(each)} for each in direction.channels],
                **_round_trip_values(direction.round_trips),
            }
            for direction in connection.directions
        ],
        records=connection.records,
        resets=connection.resets,
    )


def capture_line(report: CaptureReport) -> str:
    """The whole capture as a JSON object."""
    return as_line(
        "capture",
        interfaces=report.interfaces,
        datagrams=report.datagrams,
        skipped=report.skipped,
        connections=len(report.connections),
        transfers=len(report.transfers),
        unanswered=[_handshake_values(handshake) for handshake in report.unanswered],
        trouble=report.trouble or None,
    )


def _figures(figures: StreamReport) -> dict[str, object]:
    counts = figures.counts
    return {
        "direction": _direction(figures.from_server),
        "interface": figures.interface,
        "packets": counts.packets,
        "bytes": counts.bytes,
        "unique_bytes": figures.unique,
        "acked_bytes": figures.acked,
        "retransmitted": counts.retransmitted,
        "copies": counts.copies,
        "lost": counts.lost,
        "dropped": counts.dropped,
        "spurious": counts.spurious,
        "duplicates": counts.duplicates,
        "out_of_order": counts.out_of_order,
        "acks": counts.acks,
        "max_in_flight": counts.in_flight,
        "first": figures.first,
        "seconds": figures.duration / SECOND,
        "share": round(figures.share, 4),
        "goodput_mbps": None if figures.goodput is None else round(_mbps(figures.goodput), 3),
        **_round_trip_values(figures.round_trips),
    }


def _round_trip_values(trips: RoundTrips | None) -> dict[str, object]:
    names = ("rtt_samples", "rtt_min_ms", "rtt_median_ms", "rtt_p95_ms", "rtt_max_ms")
    if trips is None:
        return dict.fromkeys(names)
    times = (trips.least, trips.median, trips.p95, trips.most)
    return dict(zip(names, (trips.count, *map(_milliseconds, times)), strict=True))


def _handshake_values(handshake: Handshake) -> dict[str, object]:
    answered = None if handshake.replied is None else _milliseconds(handshake.replied - handshake.first)
    return {
        "hellos": handshake.hellos,
        "repeated": handshake.repeated,
        "cookies": handshake.cookies,
        "replies": handshake.replies,
        "refusals": handshake.refusals,
        "with_token": handshake.with_token,
        "answered_ms": answered,
    }


def _direction(from_server: bool) -> str:
    return "down" if from_server else "up"


def _mbps(rate: float) -> float:
    return rate * 8 / 1e6


def _milliseconds(duration: int) -> float:
    return duration / MILLISECOND


# -- decrypt and extract -----------------------------------------------------------------------------------------------


def decrypted_text(done: Decrypted, target: Path) -> list[str]:
    """What was opened, copied and left sealed."""
    others = f"; {done.others} others copied as they were" if done.others else ""
    lines = [f"{done.opened} packets opened into {visible(str(target))}{others}"]
    lines += [f"{count} stay sealed: they {_REASONS[reason]}" for reason, count in done.kept.items()]
    if done.left_out:
        lines.append(f"left out, being no UDP datagrams: {_counts_text(done.left_out)}")
    return lines


def extracted_text(extracted: Extracted) -> list[str]:
    """One file or folder: where it is and whether it is what was sent."""
    found = extracted.found
    name = visible(found.name) if found.name else f"transfer {found.transfer_id} of {found.connection_id.hex()}"
    where = f" written to {visible(str(extracted.path))}" if extracted.path is not None else " not written"
    if found.md5 is None:
        size = "of unknown size" if found.size is None else f"of {size_text(found.size)}"
        lines = [f"{name}: INCOMPLETE, {found.seen} bytes {size} were captured;{where}"]
        lines += [f"  missing: bytes {runs_text(found.missing)}"] if found.missing else []
        lines += [f"  the receiver had before: bytes {runs_text(found.present)}"] if found.present else []
        lacks_index = found.is_folder and found.index is None
        return [*lines, "  a folder whose list of files was not captured whole"] if lacks_index else lines
    said = _digests(found.md5_sent, found.md5_stored)
    if not found.is_genuine:
        told = ", ".join(f"{digest.hex()} {who}" for digest, who in said)
        return [f"{name}: MD5 DIFFERS, {found.md5.hex()} here, {told};{where}"]
    compared = " and ".join(who for _, who in said)
    same = f", {compared}" if compared else ", which nobody announced"
    kind = "" if found.index is None else f"folder of {len(found.index)}, "
    return [f"{name}: {kind}{size_text(found.seen)}, MD5 {found.md5.hex()}{same};{where}"]


def reading_text(reading: Reading) -> list[str]:
    """What of the capture could not be used."""
    lines = [f"{count} sealed packets {_REASONS[reason]}" for reason, count in reading.kept.items()]
    if reading.others:
        lines.append(f"packets that were not used: {_counts_text(reading.others)}")
    return lines

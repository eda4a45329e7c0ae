"""What the demo found out: the summary as a JSON object and as text."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from udpchat.config import SECOND
from udpchat.lab.experiment import limit
from udpchat.lab.figures import percentile
from udpchat.sim.link import LinkSpec
from udpchat.ui.cli.demo_chat import Conversation
from udpchat.ui.cli.demo_process import Object


@dataclass(slots=True)
class Summary:
    """Times of the slowest transfer; what is not known is None. The fields are the keys of the JSON object."""

    ok: bool = False
    bytes: int | None = None
    seconds: float | None = None
    goodput_mbps: float | None = None
    limit_mbps: float | None = None
    ratio: float | None = None
    md5_source: str | None = None
    md5_server: str | None = None
    md5_received: str | None = None
    datagrams: int | None = None
    retransmitted: int | None = None
    chat_sent: int = 0
    chat_delivered: int = 0
    chat_p50_ms: float | None = None
    chat_p99_ms: float | None = None

    def as_object(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


def limit_mbps(link: LinkSpec) -> float | None:
    """What the link can carry of a file [Mbit/s]; None when its rate is unlimited."""
    most = limit(link)
    return round(most * 8 / 1e6, 3) if most is not None else None


def add_transfers(summary: Summary, transfers: list[Object], link: LinkSpec) -> None:
    """Figures of the slowest of the objects `uploaded` and `downloaded`."""
    slowest = min(transfers, key=lambda done: done["size"] / max(done["finished"] - done["started"], 1))
    duration = max(slowest["finished"] - slowest["started"], 1)
    goodput = slowest["size"] * 8 / duration  # bits per microsecond are Mbit/s
    summary.bytes = slowest["size"]
    summary.seconds = round(duration / SECOND, 3)
    summary.goodput_mbps = round(goodput, 3)
    summary.limit_mbps = limit_mbps(link)
    if summary.limit_mbps:
        summary.ratio = round(goodput / summary.limit_mbps, 3)


def add_chat(summary: Summary, conversations: list[Conversation]) -> None:
    """Counts and delays of both directions."""
    delays = [delay for each in conversations for delay in each.delays()]
    summary.chat_sent = sum(len(each.sent) for each in conversations)
    summary.chat_delivered = sum(len(each.arrived) for each in conversations)
    summary.chat_p50_ms = _milliseconds(percentile(delays, 0.5))
    summary.chat_p99_ms = _milliseconds(percentile(delays, 0.99))


def add_traffic(summary: Summary, relayed: Object | None, ends: list[Object]) -> None:
    """Datagrams that the relay got from both sides, and packets that the ends sent again."""
    if relayed is not None:
        summary.datagrams = relayed["up"]["received"] + relayed["down"]["received"]
    if ends:
        summary.retransmitted = sum(counters.get("repeated_packets", 0) for counters in ends)


def summary_lines(summary: Summary) -> list[str]:
    """For people."""
    lines = ["everything arrived intact" if summary.ok else "NOT INTACT"]
    if summary.goodput_mbps is not None:
        share = f", {100 * summary.ratio:.0f} % of what the link can carry" if summary.ratio is not None else ""
        lines.append(f"slowest transfer   {summary.goodput_mbps:.1f} Mbit/s in {summary.seconds:.2f} s{share}")
    for name, digest in (
        ("at the source", summary.md5_source),
        ("at the server", summary.md5_server),
        ("as received", summary.md5_received),
    ):
        lines.append(f"MD5 {name:<14} {digest or 'unknown'}")
    if summary.datagrams is not None:
        lines.append(f"datagrams          {summary.datagrams}, of which sent again: {summary.retransmitted}")
    lines.append(f"chat lines         {summary.chat_delivered} of {summary.chat_sent} delivered")
    if summary.chat_p50_ms is not None:
        lines.append(f"chat delay         half within {summary.chat_p50_ms} ms, 99 % within {summary.chat_p99_ms} ms")
    return lines


def link_text(link: LinkSpec) -> str:
    """The link for people."""
    rate = f"{link.rate * 8 / 1e6:g} Mbit/s" if link.rate else "no limit of rate"
    told = [rate, f"{link.delay / 1e3:g} ms each way"]
    shares = {name: 100 * getattr(link, name) for name in ("loss", "duplicate", "reorder", "corrupt")}
    return ", ".join([*told, *(f"{share:g} % {name}" for name, share in shares.items() if share)])


def _milliseconds(duration: int | None) -> float | None:
    return None if duration is None else round(duration / 1_000, 1)

"""What `udpchat simulate` says: text for people, JSON objects for programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from udpchat.config import SECOND
from udpchat.lab.experiment import Experiment, Outcome
from udpchat.lab.figures import spread
from udpchat.ui.cli.demo_report import link_text
from udpchat.ui.cli.objects import as_line
from udpchat.ui.cli.render import duration_text, size_text, visible

_SUMMED: Final = (
    "goodput_mbps",
    "ratio",
    "seconds",
    "udp_per_byte",
    "retransmitted",
    "lost",
    "chat_p50_ms",
    "chat_p99_ms",
)


def experiment_text(experiment: Experiment) -> str:
    """What is about to be done."""
    config = experiment.config
    way = "to the server" if experiment.direction == "up" else "from the server"
    files = size_text(experiment.size)
    if experiment.clients > 1:
        files = f"{experiment.clients} times {files}"
    is_lone = config.arq == "stop-and-wait"  # its window is one packet, whatever was asked for
    window = f", window {config.window}" if config.window and not is_lone else ""
    sealed = ", PLAINTEXT" if config.plaintext else ""
    return f"{files} {way}: {link_text(experiment.link)}; {config.arq}, {config.congestion}{window}{sealed}"


def run_text(outcome: Outcome, *, is_alone: bool) -> list[str]:
    """What came of it: a line, or all that is known when there is a single run."""
    told = "everything arrived intact" if outcome.is_complete else "NOT COMPLETE"
    speed = "nothing"
    if outcome.goodput is not None and outcome.duration is not None:
        share = f", {100 * outcome.ratio:.3g} % of what the link can carry" if outcome.ratio is not None else ""
        speed = f"{_mbps(outcome.goodput):.2f} Mbit/s in {duration_text(outcome.duration)}{share}"
    if not is_alone:
        return [f"seed {outcome.seed}: {told}; {speed}; {outcome.retransmitted} packets sent again"]
    lines = [told, f"goodput            {speed}"]
    if outcome.round_trips is not None and outcome.joined_after is not None:
        lines.append(f"joined after       {outcome.round_trips} round trips, {duration_text(outcome.joined_after)}")
    overhead = outcome.udp_bytes / outcome.bytes if outcome.bytes else None
    each = f", {overhead:.3f} for each byte of the file" if overhead is not None else ""
    lines.append(f"datagrams          {outcome.datagrams} with {size_text(outcome.udp_bytes)}{each}")
    lines.append(
        f"packets            {outcome.retransmitted} sent again; {outcome.lost} declared lost, "
        f"{outcome.spurious} wrongly; {outcome.probe_timeouts} probe timeouts"
    )
    lines.append(f"the link dropped   {outcome.dropped}, of which {outcome.queue_drops} because its queue was full")
    if outcome.chat_sent:
        lines.append(f"chat lines         {outcome.chat_delivered} of {outcome.chat_sent} delivered{_chat(outcome)}")
    lines.append(f"MD5                {outcome.md5_sent or 'unknown'} sent, {outcome.md5_stored or 'unknown'} stored")
    return [*lines, f"trace              {outcome.trace}"]


def summary_text(outcomes: Sequence[Outcome]) -> list[str]:
    """Medians of several runs, with the least and the most."""
    rows = [run_figures(outcome) for outcome in outcomes]
    lines = [f"{sum(outcome.is_complete for outcome in outcomes)} of {len(outcomes)} runs complete"]
    for name in _SUMMED:
        found = spread(_number(row[name]) for row in rows)
        if found is not None:
            lines.append(f"{name:<18} median {found.median:g}, {found.least:g} to {found.most:g}")
    return lines


def missing_text(outcome: Outcome) -> str:
    """What did not arrive, and how to see it again."""
    return visible(f"seed {outcome.seed} shows it again: {'; '.join(outcome.missing)}")


def run_line(experiment: Experiment, outcome: Outcome) -> str:
    """One run as a JSON object."""
    config = experiment.config
    return as_line(
        "run",
        ok=outcome.is_complete,
        missing=list(outcome.missing),
        seed=outcome.seed,
        direction=experiment.direction,
        clients=experiment.clients,
        arq=config.arq,
        window=config.window,
        congestion=config.congestion,
        is_plaintext=config.plaintext,
        **run_figures(outcome),
    )


def summary_line(outcomes: Sequence[Outcome]) -> str:
    """Several runs as a JSON object."""
    rows = [run_figures(outcome) for outcome in outcomes]
    spreads = {name: spread(_number(row[name]) for row in rows) for name in _SUMMED}
    return as_line(
        "summary",
        ok=all(outcome.is_complete for outcome in outcomes),
        runs=len(outcomes),
        complete=sum(outcome.is_complete for outcome in outcomes),
        **{
            name: {"median": found.median, "min": found.least, "max": found.most} if found is not None else None
            for name, found in spreads.items()
        },
    )


def run_figures(outcome: Outcome) -> dict[str, object]:
    """The figures of a run in the units of the JSON objects: Mbit/s, seconds, milliseconds."""
    return {
        "bytes": outcome.bytes,
        "seconds": _rounded(outcome.duration, lambda duration: duration / SECOND, 6),
        "goodput_mbps": _rounded(outcome.goodput, _mbps, 3),
        "limit_mbps": _rounded(outcome.limit, _mbps, 3),
        "ratio": _rounded(outcome.ratio, float, 4),
        "datagrams": outcome.datagrams,
        "udp_bytes": outcome.udp_bytes,
        "udp_per_byte": round(outcome.udp_bytes / outcome.bytes, 4) if outcome.bytes else None,
        "retransmitted": outcome.retransmitted,
        "lost": outcome.lost,
        "spurious": outcome.spurious,
        "probe_timeouts": outcome.probe_timeouts,
        "dropped": outcome.dropped,
        "queue_drops": outcome.queue_drops,
        "round_trips": outcome.round_trips,
        "joined_ms": _rounded(outcome.joined_after, _milliseconds, 3),
        "chat_sent": outcome.chat_sent,
        "chat_delivered": outcome.chat_delivered,
        "chat_p50_ms": _rounded(outcome.chat_p50, _milliseconds, 3),
        "chat_p99_ms": _rounded(outcome.chat_p99, _milliseconds, 3),
        "md5_sent": outcome.md5_sent,
        "md5_stored": outcome.md5_stored,
        "trace": outcome.trace,
    }


def _chat(outcome: Outcome) -> str:
    if outcome.chat_p50 is None or outcome.chat_p99 is None:
        return ""
    return (
        f"; half within {_milliseconds(outcome.chat_p50):.1f} ms, 99 % within {_milliseconds(outcome.chat_p99):.1f} ms"
    )


def _mbps(rate: float) -> float:
    return rate * 8 / 1e6


def _milliseconds(duration: float) -> float:
    return duration / 1_000


def _rounded(value: float | None, convert: Callable[[float], float], digits: int) -> float | None:
    return None if value is None else round(convert(value), digits)


def _number(value: object) -> float | None:
    return value if isinstance(value, (int, float)) else None

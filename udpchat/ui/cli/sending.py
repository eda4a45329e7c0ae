"""The options that say how files are sent: ARQ scheme, window, congestion control. And `/stats`, which shows it."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated, Final

import typer

from udpchat.config import MAX_WINDOW_PACKETS, SECOND
from udpchat.files.events import Phase, Progress
from udpchat.net.client import Client
from udpchat.protocol.stats import PathStats
from udpchat.ui.cli.objects import as_line
from udpchat.ui.cli.progress import progress_line
from udpchat.ui.cli.render import size_text, speed_text

WATCHED: Final = SECOND // 2  # time over which the speed of transfers is taken


class Arq(StrEnum):
    """The ARQ schemes."""

    SELECTIVE_REPEAT = "selective-repeat"
    GO_BACK_N = "go-back-n"
    STOP_AND_WAIT = "stop-and-wait"


class Congestion(StrEnum):
    """The congestion controllers."""

    BBR = "bbr"
    CUBIC = "cubic"
    NEWRENO = "newreno"
    FIXED = "fixed"


ArqOption = Annotated[
    Arq | None,
    typer.Option("--arq", help="How lost file data is repeated; selective-repeat by default.", show_default=False),
]
WindowOption = Annotated[
    int | None,
    typer.Option(
        "--window",
        metavar="N",
        min=0,
        max=MAX_WINDOW_PACKETS,
        help="Packets of file data in flight at most; 0, the default: as many as congestion control says.",
        show_default=False,
    ),
]
CongestionOption = Annotated[
    Congestion | None,
    typer.Option(
        "--congestion", help="Congestion control; bbr by default; fixed keeps --window packets.", show_default=False
    ),
]


def sending_arguments(arq: Arq | None, window: int | None, congestion: Congestion | None) -> tuple[str, ...]:
    """The options again, as another command takes them."""
    given = {"--arq": arq, "--window": window, "--congestion": congestion}
    return tuple(text for name, value in given.items() if value is not None for text in (name, str(value)))


async def transfer_rates(client: Client) -> dict[int, int]:
    """How fast each transfer is now [bytes a second], by its number; taken over a short while."""
    before = {each.transfer.number: each.done for each in client.transfers() if each.phase is Phase.RUNNING}
    if not before:
        return {}
    await asyncio.sleep(WATCHED / SECOND)
    gained = {
        each.transfer.number: each.done - before.get(each.transfer.number, each.done) for each in client.transfers()
    }
    return {number: max(done, 0) * SECOND // WATCHED for number, done in gained.items()}


async def show_stats(client: Client) -> tuple[list[str], str]:
    """What `/stats` shows, as lines for people and as a JSON object."""
    rates = await transfer_rates(client)
    transfers = client.transfers()
    stats = client.stats()
    lines = [*stats_lines(stats), *(_transfer_line(each, rates.get(each.transfer.number, 0)) for each in transfers)]
    running = [
        {
            "file_name": each.file_name,
            "done": each.done,
            "size": each.size,
            "goodput": rates.get(each.transfer.number, 0),
        }
        for each in transfers
    ]
    return lines, as_line("stats", **asdict(stats), transfers=running)


def stats_lines(stats: PathStats) -> list[str]:
    """The path and what this end sends on it."""
    window = f", at most {stats.window} packets" if stats.window else ""
    return [
        f"path     RTT {_ms(stats.smoothed_rtt)}, least {_ms(stats.min_rtt)}, variation {_ms(stats.rttvar)}; "
        f"RTO {_ms(stats.probe_timeout)}; datagrams of {stats.datagram_size} bytes",
        f"sending  {stats.scheme}{window}; {stats.controller} ({stats.state}); congestion window "
        f"{size_text(stats.congestion_window)}, in flight {size_text(stats.bytes_in_flight)}",
        f"packets  {stats.sent} sent, {stats.lost} lost ({stats.loss:.1%}), {stats.spurious} arrived after all, "
        f"{stats.probe_timeouts} probe timeouts",
    ]


def _transfer_line(progress: Progress, rate: int) -> str:
    return progress_line(progress, speed_text(rate, SECOND))


def _ms(time: int) -> str:
    return f"{time / 1_000:.2f} ms"

"""What commands share: parsers for rates, durations, sizes and addresses, and the options that describe a link.

A parser takes the text as typed and answers in the units of the package (bytes, microseconds, bytes per second). It
raises typer.BadParameter, which says what was wrong and shows an example.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from typing import Annotated, Any, Final, NamedTuple, TypeVar

import typer

from udpchat.config import DEFAULT_PORT
from udpchat.sim.link import LinkSpec
from udpchat.wire.numbers import Priority

T = TypeVar("T")

_NUMBER: Final = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*([^\d\s.]*)", re.ASCII)
_MAX_NUMBER: Final = 2**53  # anything larger is a slip of the finger

_RATES: Final = {  # factor to bits per second; multiples of 1000 as on a data sheet
    **dict.fromkeys(("bit", "bps", "bit/s"), 1),
    **dict.fromkeys(("k", "kbit", "kbps", "kbit/s"), 10**3),
    **dict.fromkeys(("m", "mbit", "mbps", "mbit/s"), 10**6),
    **dict.fromkeys(("g", "gbit", "gbps", "gbit/s"), 10**9),
}
_BYTE_RATES: Final = {"B/s": 1, "kB/s": 10**3, "KB/s": 10**3, "MB/s": 10**6, "GB/s": 10**9}
_DURATIONS: Final = {"us": 1, "µs": 1, "ms": 1_000, "s": 1_000_000, "min": 60_000_000, "h": 3_600_000_000}
_SIZES: Final = {
    "": 1,
    "b": 1,
    **dict.fromkeys(("k", "kb"), 10**3),
    **dict.fromkeys(("m", "mb"), 10**6),
    **dict.fromkeys(("g", "gb"), 10**9),
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
}


class HostPort(NamedTuple):
    """A host and a port as a user names them."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Span(NamedTuple):
    """A stretch of time [us], from the start of whatever it is given to."""

    start: int
    length: int


class Pace(NamedTuple):
    """How fast a transfer may be [bytes a second, 0: any], and whether it goes before others; None: as it was."""

    rate: int | None = None
    priority: Priority | None = None


ANY_PACE: Final = Pace()


def parse_rate(text: str) -> int:
    """Bytes per second from "50mbit", "1gbit", "20mbps" (bits) or "5MB/s" (bytes); 0 is unlimited, with any unit."""
    number, unit = _split(text, "a rate", "50mbit or 5MB/s")
    if unit in _BYTE_RATES:
        return round(number * _BYTE_RATES[unit])
    if not number:
        return 0
    factor = _RATES.get(unit.lower())
    if factor is None or "B" in unit:
        raise typer.BadParameter(f"{text!r} has no unit of rate; write for example 50mbit, 800kbit, 1gbit or 5MB/s")
    rate = round(number * factor / 8)
    if number and not rate:
        raise typer.BadParameter(f"{text!r} is less than a byte per second; write for example 800kbit")
    return rate


def parse_priority(text: str) -> Priority:
    """A priority from its word."""
    found = next((each for each in Priority if each.name == text.upper()), None)
    if found is None:
        raise typer.BadParameter(f"{text!r} is not a priority; write low, normal or high")
    return found


def parse_duration(text: str) -> int:
    """Microseconds from "20ms", "1.5s", "250us", "2min" or "1h"; 0 needs no unit."""
    number, unit = _split(text, "a duration", "20ms or 1.5s")
    factor = _DURATIONS.get(unit.lower())
    if factor is None and number:
        raise typer.BadParameter(f"{text!r} needs a unit of time; write for example 20ms, 1.5s or 250us")
    return round(number * (factor or 0))


def parse_probability(text: str) -> float:
    """A share from 0 to 1 from "5%" or "0.05"."""
    number, unit = _split(text, "a probability", "5% or 0.05")
    if unit not in ("", "%"):
        raise typer.BadParameter(f"{text!r} is not a probability; write for example 5% or 0.05")
    share = number / 100 if unit else number
    if share > 1:
        hint = "" if unit else f"; did you mean {text}%?"
        raise typer.BadParameter(f"{text!r} is more than all of them{hint}")
    return share


def parse_size(text: str) -> int:
    """Bytes from "20M", "500k" (powers of 1000), "1GiB" (powers of 1024) or "4096"."""
    number, unit = _split(text, "a size", "20M, 1GiB or 4096")
    factor = _SIZES.get(unit.lower())
    if factor is None:
        raise typer.BadParameter(f"{text!r} has no unit of size; write for example 20M, 1GiB or 4096")
    return round(number * factor)


def parse_port(text: str) -> int:
    """A port from 1 to 65535, or 0 for any free one."""
    if not re.fullmatch(r"\d{1,5}", text, re.ASCII) or int(text) > 65_535:
        raise typer.BadParameter(f"{text!r} is not a port; write a number from 1 to 65535, for example {DEFAULT_PORT}")
    return int(text)


def parse_host_port(text: str) -> HostPort:
    """Host and port from "host", "host:port", "127.0.0.1:1", "[::1]:5" or "::1"; the port is ours by default."""
    bracketed = re.fullmatch(r"\[([^\[\]]*)\](?::(.*))?", text)
    if bracketed:
        host, port = bracketed[1], bracketed[2]
    elif text.count(":") > 1:  # an IPv6 address without brackets has no place for a port
        host, port = text, None
    else:
        host, colon, rest = text.partition(":")
        port = rest if colon else None
    if not host or not host.isprintable() or set(host) & set(" /[]@"):
        raise typer.BadParameter(f"{text!r} is not a host; write for example server.local, 10.0.0.5:27272 or [::1]:5")
    return HostPort(host, DEFAULT_PORT if port is None else parse_port(port))


def parse_span(text: str) -> Span:
    """A stretch of time from "START+LENGTH", for example "5s+2s"."""
    start, plus, length = text.partition("+")
    if not plus:
        raise typer.BadParameter(f"{text!r} is not START+LENGTH; write for example 5s+2s: from second 5 on, for 2 s")
    return Span(parse_duration(start), parse_duration(length))


def convert(parse: Callable[[str], T]) -> Callable[[Any], T]:
    """The parser as typer wants it: it passes defaults, which are values already, through the parser too."""

    @functools.wraps(parse)
    def converted(value: Any) -> T:
        return parse(value) if isinstance(value, str) else value

    return converted


def option(name: str, parse: Callable[[str], Any], metavar: str, text: str) -> Any:
    """An option whose value goes through a parser; the help text says the default itself."""
    return typer.Option(name, parser=convert(parse), metavar=metavar, help=text, show_default=False)


SeedOption = Annotated[int, typer.Option("--seed", help="Seed of all faults: the same seed, the same faults.")]
RebindOption = Annotated[
    int, option("--rebind", parse_duration, "TIME", "Give each client a new port this often, as a restarting NAT does.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, one object per line.")]

_LINK_OPTIONS: Final[dict[str, Any]] = {
    "rate": Annotated[int, option("--rate", parse_rate, "RATE", "Rate of the line, such as 50mbit or 5MB/s.")],
    "delay": Annotated[int, option("--delay", parse_duration, "TIME", "Delay of one direction, such as 20ms.")],
    "jitter": Annotated[int, option("--jitter", parse_duration, "TIME", "Up to this much more delay; order is kept.")],
    "loss": Annotated[float, option("--loss", parse_probability, "SHARE", "Share of packets lost, such as 5%.")],
    "burst": Annotated[float, typer.Option(help="Mean length of a run of losses.", min=1, show_default=False)],
    "queue": Annotated[
        int,
        typer.Option(help="Packets the queue takes; 0 is one bandwidth-delay product.", min=0, show_default=False),
    ],
    "mtu": Annotated[
        int, typer.Option(help="Larger IP packets vanish without a word.", min=0, show_default=False, metavar="BYTES")
    ],
    "mtu_from": Annotated[
        int, option("--mtu-from", parse_duration, "TIME", "When --mtu begins to hold, as on a path that changes.")
    ],
    "duplicate": Annotated[
        float, option("--duplicate", parse_probability, "SHARE", "Share of packets that arrive twice.")
    ],
    "reorder": Annotated[
        float, option("--reorder", parse_probability, "SHARE", "Share of packets that others overtake.")
    ],
    "corrupt": Annotated[
        float, option("--corrupt", parse_probability, "SHARE", "Share of packets that arrive damaged.")
    ],
    "blackouts": Annotated[
        list[Span],
        option("--blackout", parse_span, "START+LENGTH", "Nothing passes for a while, such as 5s+2s; may be repeated."),
    ],
}


def link_options(**defaults: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the link options in place of its parameter `link: LinkSpec`.

    defaults: fields of LinkSpec that differ from those of LinkSpec() when the user says nothing. The delay, the loss
    and all else hold for each direction.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def wrapper(**given: Any) -> None:
            chosen = {name: given.pop(name) for name in _LINK_OPTIONS}
            chosen["blackouts"] = tuple(tuple(span) for span in chosen["blackouts"] or ())
            command(link=LinkSpec(**chosen), **given)

        signature = inspect.signature(command, eval_str=True)
        own = [parameter for name, parameter in signature.parameters.items() if name != "link"]
        unchanged = LinkSpec()
        shared = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                annotation=annotation,
                default=[] if name == "blackouts" else defaults.get(name, getattr(unchanged, name)),
            )
            for name, annotation in _LINK_OPTIONS.items()
        ]
        vars(wrapper)["__signature__"] = signature.replace(parameters=[*own, *shared])
        wrapper.__annotations__ = {parameter.name: parameter.annotation for parameter in [*own, *shared]}
        return wrapper

    return decorate


def _split(text: str, what: str, example: str) -> tuple[float, str]:
    """A number that is not negative, and its unit."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None or float(match[1]) > _MAX_NUMBER:
        raise typer.BadParameter(f"{text!r} is not {what}; write for example {example}")
    return float(match[1]), match[2]

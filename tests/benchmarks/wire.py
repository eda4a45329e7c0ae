"""`python -m tests.benchmarks.wire`: what it costs to simulate, decrypt and dissect. Processor time; needs tshark.

One capture of 20 MB over 100 Mbit/s, 40 ms, 1 % loss, sealed and in plaintext, made by `udpchat simulate`. Targets:
20 MB simulated in 3 s without a capture, 40,000 packets decrypted a second, 250 us for each packet dissected with
analysis. The time of `udpchat --version`, which is that of starting the program, is taken off what is said of packets.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.report import Row, add_json, machine, show
from tests.tools import require_tool
from udpchat.capture.pcapng import read_capture
from udpchat.wireshark.install import dissector_path

LINK = ("--size", "20M", "--rate", "100mbit", "--delay", "20ms")
MOST_SIMULATED = 3.0  # seconds
LEAST_DECRYPTED = 40_000  # packets a second
MOST_DISSECTED = 250.0  # us a packet, beside what tshark needs without us
MICRO = 1e6


def processor_time(*line: str, environment: dict[str, str] | None = None) -> float:
    """Seconds, user and system, that a command takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(line, check=True, capture_output=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def udpchat(*arguments: object) -> float:
    """Processor time of one of our commands."""
    return processor_time(sys.executable, "-m", "udpchat", *map(str, arguments))


def measure(folder: Path, turns: int) -> Iterator[Row]:
    """The best of some turns; what stats and extract take is measured once."""
    start = min(udpchat("--version") for _ in range(turns))
    yield _row("start of the program", 0, start, start, "s")
    simulated = min(udpchat("simulate", *LINK, "--json") for _ in range(turns))
    yield _row("simulate, 20 MB", 0, simulated, simulated, "s", ok=simulated <= MOST_SIMULATED)
    sealed, keylog, plain = folder / "sealed.pcapng", folder / "sealed.keylog", folder / "plain.pcapng"
    udpchat("simulate", *LINK, "--loss", "1%", "--capture", sealed, "--keylog", keylog)
    udpchat("simulate", *LINK, "--loss", "1%", "--capture", plain, "--plaintext")
    count = sum(1 for _ in read_capture(sealed))
    opened = folder / "opened.pcapng"
    took = min(_decrypt(sealed, opened, keylog) for _ in range(turns))
    rate = count / (took - start)
    yield _row("capture decrypt", count, took, rate, "packets/s", ok=rate >= LEAST_DECRYPTED)
    for name in ("stats", "extract"):
        extra = ("--keylog", keylog, "--to", folder) if name == "extract" else ()
        took = udpchat("capture", name, sealed, *extra)
        yield _row(f"capture {name}", count, took, count / (took - start), "packets/s")
    yield from _dissect(plain, sum(1 for _ in read_capture(plain)), folder, turns)


def _decrypt(sealed: Path, opened: Path, keylog: Path) -> float:
    opened.unlink(missing_ok=True)
    return udpchat("capture", "decrypt", sealed, opened, "--keylog", keylog)


def _dissect(capture: Path, count: int, folder: Path, turns: int) -> Iterator[Row]:
    tshark = require_tool("tshark")
    home = {**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    script = f"lua_script:{dissector_path()}"
    ways = {
        "tshark without us": (),
        "dissector": ("-X", script, "-o", "udpchat.analyze:FALSE"),
        "dissector, analysis": ("-X", script),
        "dissector, everything on": (
            "-X",
            script,
            "-o",
            "udpchat.verify_checksum:TRUE",
            "-o",
            "udpchat.reassemble:TRUE",
            "-z",
            "udpchat,stat",
        ),
    }
    base = 0.0
    for name, options in ways.items():
        took = min(processor_time(tshark, *options, "-r", str(capture), environment=home) for _ in range(turns))
        base = base or took
        cost = (took - base) / count * MICRO
        target = cost <= MOST_DISSECTED if options else None
        yield _row(name, count, took, cost if options else took / count * MICRO, "us/packet", ok=target)


def _row(what: str, packets: int, cpu: float, found: float, unit: str, *, ok: bool | None = None) -> Row:
    row: Row = {"what": what, "packets": packets, "cpu_s": cpu, "found": found, "unit": unit}
    return row if ok is None else row | {"ok": ok}


def parse(arguments: list[str]) -> Namespace:
    """The options of the command."""
    parser = ArgumentParser(prog="python -m tests.benchmarks.wire", description=__doc__)
    parser.add_argument("--turns", type=int, default=3, help="runs of each; the best is shown")
    add_json(parser)
    return parser.parse_args(arguments)


def main() -> int:
    """1 when a target was missed, else 0."""
    options = parse(sys.argv[1:])
    with TemporaryDirectory(prefix="udpchat-bench-") as folder:
        rows = list(measure(Path(folder), options.turns))
    return show(rows, options, f"wire: processor time of whole commands. {machine()}")


if __name__ == "__main__":
    sys.exit(main())

"""Two network namespaces joined by a veth pair or by a link emulator, made and removed by the benchmark itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

SENDER, RECEIVER = "198.18.0.1", "198.18.0.2"  # RFC 2544: for benchmarks
READY_TIME = 10.0  # seconds for a program to say that it is ready
FRAME = 1_514

EMULATOR_HELP = (
    "a link emulator is needed, as this kernel may have no netem: a C program that joins the namespaces A and B by a "
    "TAP device each, `emulator A B -r MBIT -d ONE_WAY_MS -l LOSS_PERCENT -q PACKETS -g INTERFACE -s SEED`, says "
    '"ready" on stderr and prints its counters as JSON when it gets SIGTERM. Give its source with --linkem FILE.c or '
    "in the variable UDPCHAT_LINKEM."
)


@dataclass(frozen=True, slots=True)
class Pair:
    """Names of the two namespaces and of the interface in each."""

    sender: str
    receiver: str
    interface: str

    def command(self, namespace: str, *arguments: str) -> list[str]:
        """A command line that runs in a namespace."""
        return ["ip", "netns", "exec", namespace, *arguments]


def require_root() -> None:
    """End the program with a sentence when it may not make namespaces."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        sys.exit("this benchmark makes network namespaces: run it as root")


def build(source: str, folder: Path) -> Path:
    """Compile the emulator."""
    program = folder / "emulator"
    subprocess.run(["gcc", "-O2", "-o", str(program), source], check=True)
    return program


@contextmanager
def veth() -> Iterator[Pair]:
    """Two namespaces joined by a clean veth pair."""
    with _namespaces() as pair:
        peer = ("type", "veth", "peer", "name", pair.interface, "netns", pair.receiver)
        _ip("link", "add", pair.interface, "netns", pair.sender, *peer)
        _address(pair)
        yield pair


@contextmanager
def emulated(program: Path, mbit: float, rtt: float, loss: float, seed: int, queue: int = 0) -> Iterator[Pair]:
    """Two namespaces joined by a link: Mbit/s, round trip [ms], share lost each way. queue: packets, 0 for the usual.

    The queue counts what is on its way as well, as netem's does.
    """
    packets = queue or max(1_000, int(2 * mbit * 1_000 * rtt / 8 / FRAME))
    with _namespaces() as pair:
        numbers = ("-r", f"{mbit}", "-d", f"{rtt / 2}", "-l", f"{loss * 100}", "-q", f"{packets}", "-s", f"{seed}")
        line = [str(program), pair.sender, pair.receiver, *numbers, "-g", pair.interface]
        with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as emulator:
            try:
                assert emulator.stderr is not None
                emulator.stderr.readline()
                _address(pair)
                yield pair
            finally:
                emulator.send_signal(signal.SIGTERM)
                emulator.communicate(timeout=READY_TIME)


@contextmanager
def _namespaces() -> Iterator[Pair]:
    tag = f"uc{os.getpid()}"
    pair = Pair(f"{tag}a", f"{tag}b", f"{tag}l"[:15])
    try:
        for name in (pair.sender, pair.receiver):
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
            settings = ("net.ipv6.conf.all.disable_ipv6=1", "net.ipv4.tcp_no_metrics_save=1")
            subprocess.run(pair.command(name, "sysctl", "-qw", *settings), check=False, stderr=subprocess.DEVNULL)
        yield pair
    finally:
        for name in (pair.sender, pair.receiver):
            subprocess.run(["ip", "netns", "del", name], check=False)


def _address(pair: Pair) -> None:
    for name, address in ((pair.sender, SENDER), (pair.receiver, RECEIVER)):
        _ip("-n", name, "link", "set", pair.interface, "mtu", "1500")
        _ip("-n", name, "addr", "add", f"{address}/24", "dev", pair.interface)
        _ip("-n", name, "link", "set", pair.interface, "up")
    for name, other, address in ((pair.sender, pair.receiver, RECEIVER), (pair.receiver, pair.sender, SENDER)):
        found = subprocess.run(
            pair.command(other, "cat", f"/sys/class/net/{pair.interface}/address"), check=True, capture_output=True
        )
        mac = found.stdout.decode().strip()
        _ip("-n", name, "neigh", "replace", address, "lladdr", mac, "nud", "permanent", "dev", pair.interface)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


@contextmanager
def running(line: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A program that prints READY when it is; killed at the end when it has not ended itself."""
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            until = time.monotonic() + READY_TIME
            while (said := process.stdout.readline().strip()) != "READY":
                if not said and (process.poll() is not None or time.monotonic() > until):
                    raise RuntimeError(f"{line} did not start")
            yield process
        finally:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.5)
            process.kill()


def result(line: list[str], timeout: float) -> dict[str, float]:
    """Run a program; the JSON object that is its last line."""
    done = subprocess.run(line, check=True, capture_output=True, text=True, timeout=timeout)
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


@contextmanager
def scratch(size: int) -> Iterator[tuple[Path, Path]]:
    """A folder in tmpfs, where there is one, and a random file of so many bytes in it."""
    place = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with TemporaryDirectory(prefix="udpchat-bench-", dir=place) as folder:
        file = Path(folder) / "file.bin"
        with file.open("wb") as out:
            for at in range(0, size, 1 << 20):
                out.write(os.urandom(min(1 << 20, size - at)))
        yield Path(folder), file

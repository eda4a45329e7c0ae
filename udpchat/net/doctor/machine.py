"""What a doctor looks at on this machine: sockets, their offload and buffers, the timer, a port. Nothing is changed."""

from __future__ import annotations

import errno
import os
import select
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from udpchat.config import BASE_DATAGRAM, SECOND
from udpchat.net.sockets import (
    BUFFER_SIZE,
    IP_MTU_DISCOVER,
    IPV6_MTU_DISCOVER,
    PMTUDISC_PROBE,
    DatagramSocket,
    dial,
    listen,
)
from udpchat.protocol.datagrams import Burst

LOOPBACKS: Final = ("127.0.0.1", "::1")
TRIAL: Final = 4  # datagrams of a burst that is tried
PATIENCE: Final = 0.2  # seconds for a datagram on its way through the loopback interface
GRAIN: Final = 0.001  # seconds; pacing works in grains of it
SLEEPS: Final = 40
NO_FAMILY: Final = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}


@dataclass(frozen=True, slots=True)
class Loopback:
    """Datagrams that this machine sends to itself. trouble: why none came back; empty when they did.

    is_offloaded: one system call sent all of them; is_merged: and one delivered them. is_whole: nobody on the way may
    cut them into fragments; None where that cannot be read back. granted: bytes of the buffers for receiving and
    sending; asked: for each.
    """

    address: str
    trouble: str = ""
    is_offloaded: bool = False
    is_merged: bool = False
    is_whole: bool | None = None
    granted: tuple[int, int] = (0, 0)
    asked: int = BUFFER_SIZE


@dataclass(frozen=True, slots=True)
class Timing:
    """How late this machine wakes up a program that asked for a millisecond [us]; resolution of its clock [us]."""

    median_late: int
    worst_late: int
    resolution: float


@dataclass(frozen=True, slots=True)
class PortUse:
    """Whether a server could have a port. number: errno of why not, 0 when it could. holder: who has it, if known."""

    port: int
    number: int = 0
    holder: str = ""


def try_loopback(*, portable: bool = False) -> tuple[Loopback, ...]:
    """Send a burst to ourselves by IPv4 and by IPv6. A family that this machine does not have is left out."""
    found = []
    for address in LOOPBACKS:
        try:
            found.append(_try_one(address, portable=portable))
        except OSError as error:
            if error.errno not in NO_FAMILY:
                found.append(Loopback(address, error.strerror or str(error)))
    return tuple(found)


def time_sleeps() -> Timing:
    """Ask for a millisecond some times, as pacing does."""
    late = []
    for _ in range(SLEEPS):
        begun = time.perf_counter()
        select.select([], [], [], GRAIN) if sys.platform != "win32" else time.sleep(GRAIN)
        late.append(max(0, round((time.perf_counter() - begun - GRAIN) * SECOND)))
    return Timing(round(median(late)), max(late), time.get_clock_info("monotonic").resolution * SECOND)


def look_at_port(port: int) -> PortUse:
    """Whether a server could listen there, on all addresses; found out by doing so for a moment."""
    try:
        for each in listen("", port, portable=True):
            each.close()
    except OSError as error:
        number = error.errno or errno.EIO
        return PortUse(port, number, _holder(port) if number == errno.EADDRINUSE else "")
    return PortUse(port)


def link_mtu(interface: str) -> int:
    """The largest IP packet of an interface [bytes]; 0 when the system does not tell."""
    try:
        return int(Path("/sys/class/net", interface, "mtu").read_text("ascii"))
    except (OSError, ValueError):
        return 0


def is_wireless(interface: str) -> bool:
    """Whether it is radio, as far as the system tells."""
    return Path("/sys/class/net", interface, "wireless").exists()


def is_tunnel(interface: str) -> bool:
    """Whether it belongs to a VPN: packets leave in others, through another interface."""
    if Path("/sys/class/net", interface, "tun_flags").exists():
        return True
    return interface.startswith(("tun", "tap", "wg", "utun", "ppp", "tailscale", "zt"))


def _try_one(address: str, *, portable: bool) -> Loopback:
    with ExitStack() as opened:
        (receiver,) = listen(address, 0, portable=portable)
        opened.callback(receiver.close)
        sender = dial((address, receiver.address[1]), portable=portable)
        opened.callback(sender.close)
        burst = Burst(receiver.address, memoryview(bytes(TRIAL * BASE_DATAGRAM)), BASE_DATAGRAM)
        sender.send(burst)
        sizes = [len(came.data) for came in _arrivals(receiver, len(burst.data))]
        return Loopback(
            address,
            trouble="" if sizes else "nothing arrived",
            is_offloaded=sender.has_offload,
            is_merged=receiver.has_offload and bool(sizes) and max(sizes) > BASE_DATAGRAM,
            is_whole=_is_whole(sender),
            granted=(receiver.granted_buffer, _granted_to_send(sender)),
        )


def _arrivals(receiver: DatagramSocket, size: int) -> Iterator[Burst]:
    """What comes, until it is all there or nothing more comes."""
    while size > 0 and select.select([receiver.raw], [], [], PATIENCE)[0]:
        burst = receiver.receive()
        if burst is None:
            return
        size -= len(burst.data)
        yield burst


def _is_whole(sender: DatagramSocket) -> bool | None:
    if sys.platform != "linux":
        return None
    if sender.is_ipv6:
        return sender.raw.getsockopt(socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER) == PMTUDISC_PROBE
    return sender.raw.getsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER) == PMTUDISC_PROBE


def _granted_to_send(sender: DatagramSocket) -> int:
    granted = sender.raw.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
    return granted // 2 if sys.platform == "linux" else granted  # Linux reports its own bookkeeping as well


# -- who has a port (Linux) --------------------------------------------------------------------------------------------


def _holder(port: int) -> str:
    """The program that listens on a UDP port, as "name (process id)"; empty when we may not know."""
    inodes = set(_inodes(port))
    if not inodes:
        return ""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(_is_one_of(link, inodes) for link in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text('utf-8', 'replace').strip()} (process {process.name})"
        except OSError:
            continue  # it has gone, or is somebody else's
    return ""


def _inodes(port: int) -> Iterator[str]:
    """Of the sockets bound to a UDP port (Linux, Documentation/networking/proc_net_tcp)."""
    for table in ("/proc/net/udp", "/proc/net/udp6"):
        try:
            lines = Path(table).read_text("ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            words = line.split()
            if words[1].endswith(f":{port:04X}"):
                yield words[9]


def _is_one_of(link: Path, inodes: set[str]) -> bool:
    try:
        target = os.readlink(link)
    except OSError:
        return False
    return target.startswith("socket:[") and target[8:-1] in inodes

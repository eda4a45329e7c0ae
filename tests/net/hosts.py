"""Machines of their own on this one: network namespaces, joined by a cable when there are two. Needs root."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.tools import require_root, require_tool

CLONE_NEWNET = 0x40000000
CABLE = "cable0"
IPV4 = ("198.18.7.1", "198.18.7.2")
IPV6 = ("fd00:7::1", "fd00:7::2")


@dataclass(frozen=True, slots=True)
class Hosts:
    """Two machines. What a test starts inside `on` runs there, its own sockets too."""

    names: tuple[str, ...]

    @contextmanager
    def on(self, number: int) -> Iterator[None]:
        """Be on a machine for a while."""
        with ExitStack() as opened:
            home = opened.enter_context(Path("/proc/thread-self/ns/net").open("rb"))
            other = opened.enter_context(Path(f"/run/netns/{self.names[number]}").open("rb"))
            _enter(other.fileno())
            try:
                yield
            finally:
                _enter(home.fileno())

    def ip(self, number: int, *arguments: str) -> None:
        """Change the network of a machine."""
        _ip("-n", self.names[number], *arguments)


@contextmanager
def lonely_host() -> Iterator[Hosts]:
    """A machine that has only its loopback."""
    with _made(1) as hosts:
        yield hosts


@contextmanager
def two_hosts() -> Iterator[Hosts]:
    """Two machines on one network, with IPv4 and IPv6."""
    with _made(2) as hosts:
        first, second = hosts.names
        _ip("link", "add", CABLE, "netns", first, "type", "veth", "peer", "name", CABLE, "netns", second)
        for number in (0, 1):
            with hosts.on(number):
                Path(f"/proc/sys/net/ipv6/conf/{CABLE}/accept_dad").write_text("0")  # addresses hold at once
            hosts.ip(number, "addr", "add", f"{IPV4[number]}/24", "brd", "+", "dev", CABLE)
            hosts.ip(number, "addr", "add", f"{IPV6[number]}/64", "dev", CABLE, "nodad")
            hosts.ip(number, "link", "set", CABLE, "up")
        yield hosts


@contextmanager
def _made(count: int) -> Iterator[Hosts]:
    require_root()
    require_tool("ip")
    names = tuple(f"ucn{os.getpid()}-{number}" for number in range(count))
    with ExitStack() as made:
        for name in names:
            _ip("netns", "add", name)
            made.callback(_ip, "netns", "del", name)
            _ip("-n", name, "link", "set", "lo", "up")
        yield Hosts(names)


def _enter(fd: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)

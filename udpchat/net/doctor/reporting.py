"""A socket that also remembers what was said about datagrams that did not arrive: by ICMP, and by the system.

Elsewhere that is noise (RFC 1122 section 4.1.3.3), because anybody can forge it; a doctor shows it to a person.
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
from dataclasses import dataclass
from typing import Final

from udpchat.net.interfaces import Interface
from udpchat.net.sockets import IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, DatagramSocket, bind_to
from udpchat.protocol.datagrams import Address, Burst

# Linux, where the socket module lacks names: linux/in.h, linux/in6.h, linux/errqueue.h.
IP_RECVERR, IPV6_RECVERR, MSG_ERRQUEUE, PMTUDISC_DONT = 11, 25, 0x2000, 0
EXTENDED_ERROR: Final = struct.Struct("=IBBBxII")  # errno, origin, type, code, info (the MTU), data
FROM_LOCAL, FROM_ICMP, FROM_ICMP6 = 1, 2, 3  # origins
# Codes of "destination unreachable" that mean "prohibited" (RFC 1812 section 5.2.7.1, RFC 4443 section 3.1).
PROHIBITED: Final = {FROM_ICMP: {9, 10, 13}, FROM_ICMP6: {1, 5, 6}}
ANCILLARY_SIZE: Final = 512
MAX_REPORTS: Final = 64  # kept; a flood of ICMP tells nothing new


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a datagram. number: an errno. by: address of the machine that said it, empty when it was ours.

    mtu: largest IP packet that passes there [bytes]; 0 when that was not the matter. is_prohibited: somebody on the way
    forbids it.
    """

    number: int
    by: str = ""
    mtu: int = 0
    is_prohibited: bool = False


class ReportingSocket(DatagramSocket):
    """A connected socket; `reports` is what was said about what it sent."""

    def __init__(self, raw: socket.socket, peer: Address, *, may_fragment: bool = False) -> None:
        self.reports: list[Report] = []
        self.local = str(raw.getsockname()[0])
        super().__init__(raw, portable=False, peer=peer)
        self._has_queue = _ask_for_reports(raw)
        if may_fragment:
            _allow_fragments(raw)

    def receive(self) -> Burst | None:
        """See `DatagramSocket`."""
        if self._has_queue:
            self._read_queue()
        return super().receive()

    def _read_queue(self) -> None:
        """What waits there would keep the socket readable."""
        for _ in range(MAX_REPORTS):
            try:
                _, ancillary, _, _ = self.raw.recvmsg(1, ANCILLARY_SIZE, MSG_ERRQUEUE)
            except OSError:
                return  # nothing is left
            for level, kind, data in ancillary:
                if (level, kind) in ((socket.IPPROTO_IP, IP_RECVERR), (socket.IPPROTO_IPV6, IPV6_RECVERR)):
                    self._keep(_parse(data))

    def _note(self, error: OSError) -> None:
        super()._note(error)
        # A system with a queue says the same there, and who said it.
        if error.errno is not None and not (self._has_queue and error.errno == errno.ECONNREFUSED):
            self._keep(Report(error.errno))

    def _keep(self, report: Report) -> None:
        if len(self.reports) < MAX_REPORTS:
            self.reports.append(report)


def open_reporting(
    address: Address, through: Interface | None = None, *, may_fragment: bool = False
) -> ReportingSocket:
    """A socket to one address. through: the only interface it uses. may_fragment: routers may cut what is too large.

    OSError.
    """
    raw = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        if through is not None:
            bind_to(raw, through)
        raw.connect(address)
        return ReportingSocket(raw, address, may_fragment=may_fragment)
    except OSError:
        raw.close()
        raise


def _parse(data: bytes) -> Report:
    number, origin, _, code, info, _ = EXTENDED_ERROR.unpack_from(data)
    mtu = info if number == errno.EMSGSIZE else 0
    by = "" if origin == FROM_LOCAL else _offender(data[EXTENDED_ERROR.size :])
    return Report(number, by, mtu, code in PROHIBITED.get(origin, ()))


def _offender(data: bytes) -> str:
    """The address in a struct sockaddr_in or sockaddr_in6."""
    (family,) = struct.unpack_from("=H", data)
    if family == socket.AF_INET:
        return socket.inet_ntop(socket.AF_INET, data[4:8])
    if family == socket.AF_INET6:
        return socket.inet_ntop(socket.AF_INET6, data[8:24])
    return ""


def _ask_for_reports(raw: socket.socket) -> bool:
    """Linux tells a socket more than errors when it is asked to."""
    if sys.platform != "linux":
        return False
    is_ipv6 = raw.family == socket.AF_INET6
    level, option = (socket.IPPROTO_IPV6, IPV6_RECVERR) if is_ipv6 else (socket.IPPROTO_IP, IP_RECVERR)
    try:
        raw.setsockopt(level, option, 1)
    except OSError:
        return False
    return True


def _allow_fragments(raw: socket.socket) -> None:
    if sys.platform == "linux":
        is_ipv6 = raw.family == socket.AF_INET6
        level, option = (socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER) if is_ipv6 else (socket.IPPROTO_IP, IP_MTU_DISCOVER)
        raw.setsockopt(level, option, PMTUDISC_DONT)

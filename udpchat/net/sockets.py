"""UDP sockets as the transport wants them: unfragmented, well buffered, with offload where the system has it.

Nothing here needs Linux to be imported; what a platform lacks is left out and reported by the socket's attributes.
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
from typing import Final

from udpchat.config import MAX_BURST, MIB
from udpchat.protocol.datagrams import Address, Burst

BUFFER_SIZE: Final = 8 * MIB  # asked for; the system may grant less
ENOUGH_BUFFER: Final = 1 * MIB  # below this the user is told how to raise the limit
RECEIVE_BUFFER: Final = 65_536  # bytes: the largest burst that one call delivers

# Linux, where the socket module lacks names: linux/in.h, linux/in6.h, linux/udp.h.
IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, PMTUDISC_PROBE = 10, 23, 3
SOL_UDP, UDP_SEGMENT, UDP_GRO = 17, 103, 104
# Others: netinet/in.h of macOS, ws2ipdef.h of Windows.
MAC_IP_DONTFRAG, MAC_IPV6_DONTFRAG, WINDOWS_IP_DONTFRAGMENT, WINDOWS_IPV6_DONTFRAG = 28, 62, 14, 14

SEGMENT = struct.Struct("=H")  # payload of the UDP_SEGMENT control message
GRO_SIZE = struct.Struct("=i")  # payload of the UDP_GRO control message
ANCILLARY_SIZE = 64  # bytes for control messages

NO_ROOM = {errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS}
NO_OFFLOAD = {errno.EIO, errno.EINVAL, errno.ENOPROTOOPT, errno.EOPNOTSUPP}


class DatagramSocket:
    """A non-blocking UDP socket that sends and receives bursts.

    has_offload: one system call carries many datagrams (UDP_SEGMENT, UDP_GRO). peer: the only address, when connected.
    """

    def __init__(self, raw: socket.socket, *, portable: bool, peer: Address | None = None) -> None:
        self.raw = raw
        self.peer = peer
        self.has_offload = not portable and _enable_offload(raw)
        self.granted_buffer = _enlarge_buffers(raw)
        self._buffer = memoryview(bytearray(RECEIVE_BUFFER))
        _forbid_fragments(raw)
        raw.setblocking(False)

    @property
    def address(self) -> Address:
        """Where it is bound."""
        name = self.raw.getsockname()
        return name[0], name[1]

    def receive(self) -> Burst | None:
        """What one system call delivers, valid until the next; None when there is nothing.

        What ICMP says about datagrams sent earlier is noise: it is skipped (RFC 1122 section 4.1.3.3).
        """
        while True:
            try:
                if not self.has_offload:
                    size, sender = self.raw.recvfrom_into(self._buffer)
                    return Burst(self.peer or (sender[0], sender[1]), self._buffer[:size], size)
                size, ancillary, _, sender = self.raw.recvmsg_into([self._buffer], ANCILLARY_SIZE)
            except (BlockingIOError, InterruptedError):
                return None
            except OSError as error:
                if error.errno in (errno.EBADF, errno.ENOTSOCK):
                    raise
                continue
            segment = size
            for level, kind, data in ancillary:
                if level == SOL_UDP and kind == UDP_GRO:
                    segment = GRO_SIZE.unpack(data[:4])[0]
            return Burst(self.peer or (sender[0], sender[1]), self._buffer[:size], segment)

    def send(self, burst: Burst) -> bool:
        """Hand a burst to the system; False when it has no room now.

        OSError with EMSGSIZE when a datagram is larger than the interface takes; other errors are the network's.
        """
        if len(burst.data) <= burst.segment_size:
            return self._send_one(burst.data, burst.address)
        if self.has_offload:
            control = [(SOL_UDP, UDP_SEGMENT, SEGMENT.pack(burst.segment_size))]
            try:
                self.raw.sendmsg([burst.data], control, 0, None if self.peer else burst.address)
                return True
            except OSError as error:
                if error.errno in NO_ROOM:
                    return False
                if error.errno not in NO_OFFLOAD:
                    return self._failed(error)
                self.has_offload = False  # this device cannot: one datagram at a time from now on
        return self._send_each(burst)

    def _send_each(self, burst: Burst) -> bool:
        """One datagram a call. When room runs out in the middle the rest is lost on the way, as it may be anywhere."""
        sent_any = False
        for datagram in burst.datagrams():
            if not self._send_one(datagram, burst.address):
                return sent_any
            sent_any = True
        return True

    def _send_one(self, datagram: memoryview, address: Address) -> bool:
        try:
            if self.peer is not None:
                self.raw.send(datagram)
            else:
                self.raw.sendto(datagram, address)
        except OSError as error:
            if error.errno in NO_ROOM:
                return False
            return self._failed(error)
        return True

    @staticmethod
    def _failed(error: OSError) -> bool:
        """A datagram that the network refuses counts as sent and lost, except that it was too large."""
        if error.errno == errno.EMSGSIZE:
            raise error
        return True

    def close(self) -> None:
        """Give it back."""
        self.raw.close()


def listen(host: str, port: int, *, portable: bool) -> list[DatagramSocket]:
    """Sockets of a server: on one address, or, for an empty host, on all IPv4 and IPv6 addresses. OSError."""
    if host:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        return [DatagramSocket(_bind(family, (str(place[0]), port)), portable=portable)]
    sockets = [DatagramSocket(_bind(socket.AF_INET, ("0.0.0.0", port)), portable=portable)]
    if socket.has_dualstack_ipv6() or socket.has_ipv6:
        try:
            raw = _bind(socket.AF_INET6, ("::", sockets[0].address[1]))
        except OSError as error:
            if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                sockets[0].close()
                raise
        else:
            sockets.append(DatagramSocket(raw, portable=portable))
    return sockets


def dial(address: Address, *, portable: bool) -> DatagramSocket:
    """The socket of a client. OSError."""
    raw = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        raw.connect(address)
    except OSError:
        raw.close()
        raise
    return DatagramSocket(raw, portable=portable, peer=address)


def buffer_advice(sockets: list[DatagramSocket]) -> str | None:
    """What the user can do when the system grants too small a receive buffer; None when it is large enough."""
    granted = min(each.granted_buffer for each in sockets)
    if granted >= ENOUGH_BUFFER:
        return None
    advice = f"the system grants only {granted // 1024} KiB of receive buffer; fast transfers will lose packets"
    return f"{advice}; as root: sysctl -w net.core.rmem_max={BUFFER_SIZE}" if sys.platform == "linux" else advice


def _bind(family: socket.AddressFamily | int, place: Address) -> socket.socket:
    raw = socket.socket(family, socket.SOCK_DGRAM)
    try:
        if family == socket.AF_INET6:
            raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        raw.bind(place)
    except OSError:
        raw.close()
        raise
    return raw


def _enable_offload(raw: socket.socket) -> bool:
    if sys.platform != "linux" or not hasattr(raw, "sendmsg"):
        return False
    try:
        raw.setsockopt(SOL_UDP, UDP_GRO, 1)
        raw.setsockopt(SOL_UDP, UDP_SEGMENT, 0)
    except OSError:
        return False
    return True


def _enlarge_buffers(raw: socket.socket) -> int:
    """Ask for large buffers; the receive buffer granted [bytes]."""
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        size = BUFFER_SIZE
        while size > MAX_BURST:
            try:
                raw.setsockopt(socket.SOL_SOCKET, option, size)
                break
            except OSError:
                size //= 2
    granted = raw.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    return granted // 2 if sys.platform == "linux" else granted  # Linux reports its own bookkeeping as well


def _forbid_fragments(raw: socket.socket) -> None:
    """Set the don't-fragment bit and ignore the kernel's idea of the path MTU: we measure it (RFC 8899)."""
    is_ipv6 = raw.family == socket.AF_INET6
    level = socket.IPPROTO_IPV6 if is_ipv6 else socket.IPPROTO_IP
    if sys.platform == "linux":
        raw.setsockopt(level, IPV6_MTU_DISCOVER if is_ipv6 else IP_MTU_DISCOVER, PMTUDISC_PROBE)
    elif sys.platform == "darwin":
        raw.setsockopt(level, MAC_IPV6_DONTFRAG if is_ipv6 else MAC_IP_DONTFRAG, 1)
    elif sys.platform == "win32":
        raw.setsockopt(level, WINDOWS_IPV6_DONTFRAG if is_ipv6 else WINDOWS_IP_DONTFRAGMENT, 1)

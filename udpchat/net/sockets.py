"""UDP sockets as the transport wants them: unfragmented, well buffered, with offload where the system has it.

Nothing here needs Linux to be imported; what a platform lacks is left out and reported by the socket's attributes.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
import sys
from functools import cached_property
from typing import Final, TypeAlias

from udpchat.config import MAX_BURST, MAX_BURST_SEGMENTS, MIB
from udpchat.net.interfaces import Interface
from udpchat.protocol.datagrams import Address, Burst

Place: TypeAlias = tuple[str, int] | tuple[str, int, int, int]  # of the socket module; the last number is a zone

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
GONE = {errno.EBADF, errno.ENOTSOCK}
MAX_NOISE = 64  # reports of ICMP skipped in one call


class DatagramSocket:
    """A non-blocking UDP socket that sends and receives bursts.

    has_offload: one system call sends many datagrams (UDP_SEGMENT). peer: the only address, when connected. refusals:
    how often ICMP said that nobody listens there; only a connected socket is told.
    """

    def __init__(self, raw: socket.socket, *, portable: bool, peer: Address | None = None) -> None:
        self.raw = raw
        self.peer = peer
        self.refusals = 0
        self.is_ipv6 = raw.family == socket.AF_INET6
        self.has_offload = self._merges = not portable and _enable_offload(raw)
        self.granted_buffer = _enlarge_buffers(raw)
        self._buffer = memoryview(bytearray(2 * RECEIVE_BUFFER))  # a burst, and room for a datagram of any size
        self._held: tuple[Address, int, int] | None = None  # a datagram that begins the next burst: where it lies
        _forbid_fragments(raw)
        raw.setblocking(False)

    @cached_property
    def address(self) -> Address:
        """Where it is bound; that does not change."""
        name = self.raw.getsockname()
        return name[0], name[1]

    @property
    def holds_datagram(self) -> bool:
        """The next `receive` brings something that the system no longer knows of."""
        return self._held is not None

    def close(self) -> None:
        """Give it back."""
        self.raw.close()

    # -- in ------------------------------------------------------------------------------------------------------------

    def receive(self) -> Burst | None:
        """A burst, valid until the next; None when there is nothing.

        What ICMP says about datagrams sent earlier is noise: it is counted and skipped (RFC 1122 section 4.1.3.3).
        """
        return self._receive_merged() if self._merges else self._receive_singles()

    def _receive_merged(self) -> Burst | None:
        """What one system call delivers."""
        for _ in range(MAX_NOISE):
            try:
                size, ancillary, _, sender = self.raw.recvmsg_into([self._buffer], ANCILLARY_SIZE)
            except (BlockingIOError, InterruptedError):
                return None
            except OSError as error:
                self._note(error)
                continue
            segment = size
            for level, kind, data in ancillary:
                if level == SOL_UDP and kind == UDP_GRO:
                    segment = GRO_SIZE.unpack(data[:4])[0]
            return Burst(self.peer or _named(sender), self._buffer[:size], segment)
        return None

    def _receive_singles(self) -> Burst | None:
        """Datagrams of one size from one address, put together as the system would: opening them at once is cheaper."""
        buffer, held = self._buffer, self._held
        if held is not None:
            self._held = None
            address, start, segment = held
            buffer[:segment] = buffer[start : start + segment]
        elif (first := self._receive_one(buffer)) is not None:
            address, segment = first
        else:
            return None
        end = segment
        limit = min(MAX_BURST - segment, segment * (MAX_BURST_SEGMENTS - 1))
        while 0 < end <= limit:
            if (following := self._receive_one(buffer[end:])) is None:
                break
            sender, size = following
            if sender != address or not 0 < size <= segment:
                self._held = (sender, end, size)
                break
            end += size
            if size < segment:
                break
        return Burst(address, buffer[:end], segment)

    def _receive_one(self, into: memoryview) -> tuple[Address, int] | None:
        for _ in range(MAX_NOISE):
            try:
                if self.peer is not None:
                    return self.peer, self.raw.recv_into(into)
                size, sender = self.raw.recvfrom_into(into)
            except (BlockingIOError, InterruptedError):
                return None
            except OSError as error:
                self._note(error)
                continue
            return _named(sender), size
        return None

    def _note(self, error: OSError) -> None:
        if error.errno in GONE:
            raise error
        if error.errno == errno.ECONNREFUSED:
            self.refusals += 1

    # -- out -----------------------------------------------------------------------------------------------------------

    def send(self, burst: Burst) -> int:
        """Hand a burst to the system; how many of its bytes it had room for, in whole datagrams.

        OSError with EMSGSIZE when a datagram is larger than the interface takes. What the network refuses for another
        reason counts as sent: it is lost on the way.
        """
        address, data, segment = burst
        if len(data) <= segment:
            return len(data) if self._send_one(data, None if self.peer is not None else _place(address)) else 0
        if not self.has_offload:
            return self._send_each(burst)
        control = [(SOL_UDP, UDP_SEGMENT, SEGMENT.pack(segment))]
        try:
            return self.raw.sendmsg([data], control, 0, None if self.peer else _place(address))
        except OSError as error:
            if error.errno in NO_ROOM:
                return 0
            if error.errno == errno.EMSGSIZE:
                raise
            taken = self._send_each(burst)
            # EINVAL is also what datagrams above the interface's MTU get, but those do not go out one by one either.
            self.has_offload = error.errno not in NO_OFFLOAD
            return taken

    def _send_each(self, burst: Burst) -> int:
        address, taken = None if self.peer is not None else _place(burst.address), 0
        for datagram in burst.datagrams():
            if not self._send_one(datagram, address):
                break
            taken += len(datagram)
        return taken

    def _send_one(self, datagram: memoryview, address: Place | None) -> bool:
        """False when there is no room for it. address: None on a connected socket."""
        try:
            _ = self.raw.send(datagram) if address is None else self.raw.sendto(datagram, address)
        except OSError as error:
            return self._counts_as_sent(error) and self._try_again(datagram, address)
        return True

    def _try_again(self, datagram: memoryview, address: Place | None) -> bool:
        """What ICMP said about an earlier datagram comes up in place of the next one: that deserves a second try."""
        try:
            _ = self.raw.send(datagram) if address is None else self.raw.sendto(datagram, address)
        except OSError as error:
            return self._counts_as_sent(error)
        return True

    def _counts_as_sent(self, error: OSError) -> bool:
        if error.errno in NO_ROOM:
            return False
        if error.errno == errno.EMSGSIZE:
            raise error
        self._note(error)
        return True


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


def dial(address: Address, through: Interface | None = None, *, portable: bool) -> DatagramSocket:
    """The socket of a client. through: the only interface it uses. OSError."""
    raw = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        if through is not None:
            bind_to(raw, through)
        raw.connect(_place(address))
        return DatagramSocket(raw, portable=portable, peer=address)
    except OSError:
        raw.close()
        raise


def buffer_advice(sockets: list[DatagramSocket]) -> str | None:
    """What the user can do when the system grants too small a receive buffer; None when it is large enough."""
    granted = min(each.granted_buffer for each in sockets)
    if granted >= ENOUGH_BUFFER:
        return None
    advice = f"the system grants only {granted // 1024} KiB of receive buffer; fast transfers will lose packets"
    return f"{advice}; as root: sysctl -w net.core.rmem_max={BUFFER_SIZE}" if sys.platform == "linux" else advice


def _named(sender: Place) -> Address:
    """An address as the core has it: with its zone behind the host, for the neighbours that IPv6 knows by that only."""
    if len(sender) == 2 or not sender[3]:
        return sender[0], sender[1]
    return f"{sender[0]}%{sender[3]}", sender[1]


def _place(address: Address) -> Place:
    """An address as the system wants it."""
    if "%" not in address[0]:
        return address
    host, _, zone = address[0].partition("%")
    return host, address[1], 0, int(zone) if zone.isdecimal() else socket.if_nametoindex(zone)


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


def bind_to(raw: socket.socket, through: Interface) -> None:
    """Let a socket use one interface: by its address or, on Linux, where that alone chooses no way, by its name."""
    is_ipv6 = raw.family == socket.AF_INET6
    own = through.address(is_ipv6=is_ipv6)
    if own is None:
        raise OSError(errno.EADDRNOTAVAIL, f"{through.name} has no IPv{6 if is_ipv6 else 4} address")
    if sys.platform == "linux":
        with contextlib.suppress(PermissionError):  # before Linux 5.7 root only; the address has to do then
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, through.name.encode() + b"\0")
            return
    zone = f"%{through.index}" if is_ipv6 and own.is_link_local else ""
    raw.bind(_place((f"{own}{zone}", 0)))


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

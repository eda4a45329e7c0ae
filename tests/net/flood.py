"""A machine that announces what it likes: `python -m tests.net.flood ADDRESS COUNT`, until it is ended.

Each service claims the protocol, and is named so that it comes before honest ones. Between them is plain rubbish.
"""

from __future__ import annotations

import os
import random
import socket
import struct
import sys
import time

GROUP = ("224.0.0.251", 5353)
IN, PTR, SRV, TXT, A = 1, 12, 33, 16, 1
SERVICE = b"\x08_udpchat\x04_udp\x05local\0"
AT_ONCE = 20


def record(name: bytes, kind: int, data: bytes, ttl: int = 120) -> bytes:
    return name + struct.pack("!HHIH", kind, IN, ttl, len(data)) + data


def text(*strings: bytes) -> bytes:
    return b"".join(bytes([len(string)]) + string for string in strings)


def response(records: list[bytes]) -> bytes:
    return struct.pack("!HHHHHH", 0, 0x8400, 0, len(records), 0, 0) + b"".join(records)


def service(label: bytes, address: str, port: int, *strings: bytes) -> list[bytes]:
    """All records of a service."""
    name = bytes([len(label)]) + label + SERVICE
    host = bytes([len(label)]) + label + b"\x05local\0"
    return [
        record(SERVICE, PTR, name),
        record(name, SRV, struct.pack("!HHH", 0, 0, port) + host),
        record(name, TXT, text(*strings)),
        record(host, A, socket.inet_aton(address)),
    ]


def datagrams(count: int) -> list[bytes]:
    """So many services, rubbish between them."""
    rng, made = random.Random(7), []
    for start in range(0, count, AT_ONCE):
        records = []
        for number in range(start, min(start + AT_ONCE, count)):
            name = b"name=\x1b[2J\x07 aaa %d" % number
            records += service(b"!%06d" % number, "198.18.7.9", 1 + number % 65_535, b"v=1", b"mode=sealed", name)
        made.append(response(records))
        made.append(rng.randbytes(300))
        made.append(response(service(b"huge%d" % start, "198.18.7.9", 9, *[b"x=" + b"y" * 250] * 24)))
    return made


def main() -> None:
    address, count = sys.argv[1], int(sys.argv[2])
    made = datagrams(count)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as raw:
        raw.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
        raw.bind((address, 0))
        while True:
            for datagram in made:
                raw.sendto(datagram, GROUP)
            os.write(1, b".")
            time.sleep(0.2)  # so that on a small machine those who have to cope with it get a turn


if __name__ == "__main__":
    main()

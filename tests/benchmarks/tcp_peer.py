"""Kernel TCP, to compare with: `recv HOST PORT FILE` prints READY, `send HOST PORT FILE` prints a JSON object.

The sender gives the file to sendfile, the receiver reads into one buffer and writes; a last byte from the receiver says
that all is written. --md5: both hash, the sender in a thread beside sendfile, and the digests are compared within the
time that counts. --seconds: send for so long, whatever the size.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sys
import threading
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path

BUFFER = 1 << 20
DONE = b"K"
DIGEST_SIZE = 16


def parse(arguments: list[str]) -> Namespace:
    """The options of the command."""
    parser = ArgumentParser(prog="python -m tests.benchmarks.tcp_peer", description=__doc__)
    parser.add_argument("verb", choices=("recv", "send"))
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("--cc", default="cubic", help="congestion control of the kernel")
    parser.add_argument("--md5", action="store_true")
    parser.add_argument("--seconds", type=float, default=0.0)
    return parser.parse_args(arguments)


def receive(options: Namespace) -> None:
    """Take one file, hash it on the way, confirm."""
    digest = hashlib.md5(usedforsecurity=False) if options.md5 else None
    buffer = memoryview(bytearray(BUFFER))
    with socket.create_server((options.host, options.port)) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, options.cc.encode())
        print("READY", flush=True)
        connection, _ = listener.accept()
    with connection, options.file.open("wb", buffering=0) as out:
        total = 0
        while count := connection.recv_into(buffer):
            out.write(buffer[:count])
            total += count
            if digest is not None:
                digest.update(buffer[:count])
        connection.sendall((digest.digest() if digest is not None else b"") + DONE)
    print(json.dumps({"bytes": total}), flush=True)


def send(options: Namespace) -> None:
    """Send one file; seconds until it was confirmed."""
    digests: list[bytes] = []

    def hash_file() -> None:
        with options.file.open("rb") as file:
            digests.append(hashlib.file_digest(file, "md5").digest())

    hasher = threading.Thread(target=hash_file)
    with socket.socket() as connection, options.file.open("rb") as file:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, options.cc.encode())
        began = time.perf_counter()
        if options.md5:
            hasher.start()
        connection.connect((options.host, options.port))
        sent = (
            _pour(connection, file.fileno(), began + options.seconds) if options.seconds else connection.sendfile(file)
        )
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while not answer.endswith(DONE) or len(answer) < (DIGEST_SIZE + 1 if options.md5 else 1):
            if not (more := connection.recv(DIGEST_SIZE + 1)):
                sys.exit("the receiver has gone")
            answer += more
        if options.md5:
            hasher.join()
            if answer[:DIGEST_SIZE] != digests[0]:
                sys.exit("the digests differ")
        seconds = time.perf_counter() - began
    print(json.dumps({"bytes": sent, "seconds": seconds}), flush=True)


def _pour(connection: socket.socket, descriptor: int, until: float) -> int:
    """Send the file again and again until then; bytes sent."""
    size, sent = os.fstat(descriptor).st_size, 0
    while time.perf_counter() < until:
        sent += os.sendfile(connection.fileno(), descriptor, sent % size, min(BUFFER, size - sent % size))
    return sent


def main() -> None:
    """Do what was asked."""
    options = parse(sys.argv[1:])
    receive(options) if options.verb == "recv" else send(options)


if __name__ == "__main__":
    main()

"""What dumpcap takes from the wire during a transfer is what the sender says it sent, read by scapy and by tshark."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from scapy.layers.inet import IP, UDP
from scapy.utils import PcapReader

from tests.captures.readers import codec_reading
from tests.net.party import GUARD, LOCALHOST, Party
from tests.tools import require_root, require_tool
from udpchat.capture.reader import read_capture
from udpchat.capture.rotation import CaptureTarget
from udpchat.config import Config
from udpchat.wire.numbers import PacketType

PORTABLE = Config(portable=True)  # with offload the wire on loopback shows many datagrams as one
MARK = b"nothing comes after this"
READ_SIZE = 65_536
ELICITING = ("DATA", "MSG", "PING", "PROBE")  # the packets that a sender keeps account of


class OnTheWire(NamedTuple):
    """A datagram that dumpcap saw."""

    source_port: int
    destination_port: int
    data: bytes


class Dumpcap:
    """dumpcap at work on the loopback interface."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self._port = port
        self._taken = b""
        self._marked = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    async def stop(self) -> tuple[bytes, str]:
        """All that passed so far, as a file, and what dumpcap says about it.

        Datagrams are captured in their order, so when the last one has come all have.
        """
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as marker:
            marker.sendto(MARK, (LOCALHOST, self._port))
        await self._marked.wait()
        self._process.send_signal(signal.SIGINT)
        await self._reader
        assert self._process.stderr is not None
        log = await self._process.stderr.read()
        return self._taken, log.decode()

    async def _read(self) -> None:
        """Take what comes at once: a pipe that is full would hold dumpcap up."""
        assert self._process.stdout is not None
        while part := await self._process.stdout.read(READ_SIZE):
            self._taken += part
            if MARK in self._taken[-2 * READ_SIZE :]:
                self._marked.set()


@asynccontextmanager
async def dumpcap(port: int) -> AsyncIterator[Dumpcap]:
    """Capture what goes to or from a UDP port of this machine, from here on."""
    process = await asyncio.create_subprocess_exec(
        *(require_tool("dumpcap"), "-q", "-B", "32", "-i", "lo", "-f", f"udp port {port}", "-w", "-"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        said = b""
        while b"File: " not in said:  # said when the capture has begun
            line = await process.stderr.readline()
            assert line, said.decode()
            said += line
        yield Dumpcap(process, port)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def read_by_scapy(path: Path) -> list[OnTheWire]:
    with PcapReader(str(path)) as reader:
        return [OnTheWire(each[UDP].sport, each[UDP].dport, bytes(each[UDP].payload)) for each in reader if IP in each]


def read_by_tshark(path: Path, home: Path) -> list[OnTheWire]:
    fields = [word for name in ("srcport", "dstport", "payload") for word in ("-e", f"udp.{name}")]
    done = subprocess.run(
        [require_tool("tshark"), "-n", "-r", path, "-Y", "udp", "-T", "fields", *fields],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": str(home)},
    )
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    return [OnTheWire(int(source), int(destination), bytes.fromhex(data)) for source, destination, data in rows]


@pytest.mark.root
async def test_a_capture_from_the_wire_agrees_with_the_sender(party: Party, tmp_path: Path) -> None:
    require_root()
    server = await party.serve(PORTABLE)
    port = server.address[1]
    own, wire = tmp_path / "own.pcapng", tmp_path / "wire.pcapng"
    async with asyncio.timeout(GUARD), dumpcap(port) as capture:
        anna = await party.join(server, "anna", PORTABLE, capture=CaptureTarget(own))
        await anna.put(party.file("file.bin", os.urandom(1_500_000)))
        await anna.say("done")
        await party.end(anna)
        taken, log = await capture.stop()
    wire.write_bytes(taken)
    assert "/0 (pcap:0/dumpcap:0" in log, f"dumpcap has lost packets: {log}"

    seen = [each for each in read_by_scapy(wire) if each.data != MARK]
    recorded = list(read_capture(own))
    sent = [each.data for each in seen if each.destination_port == port]
    assert sent == [each.data for each in recorded if each.outbound]
    received = [each.data for each in recorded if not each.outbound]
    assert received == [each.data for each in seen if each.source_port == port][: len(received)]

    kinds = Counter(PacketType(data[3]).name for data in sent)
    eliciting = [data for data in sent if PacketType(data[3]).name in ELICITING]
    counters = anna.counters()
    assert kinds["DATA"] > 1_000
    assert counters["sent_packets"] == len(eliciting)
    assert counters["sent_bytes"] == sum(map(len, eliciting))
    assert all(isinstance(codec_reading(data), dict) for data in sent)
    assert read_by_tshark(wire, tmp_path) == read_by_scapy(wire)

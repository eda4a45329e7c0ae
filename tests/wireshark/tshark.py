"""tshark with our dissector, and captures for it.

tshark exits with 0 when a script fails to load or raises: what it says on standard error is looked at instead.
"""

from __future__ import annotations

import csv
import os
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

from tests.tools import require_tool
from udpchat.capture.pcapng import PcapngWriter
from udpchat.config import SECOND
from udpchat.protocol.datagrams import Address
from udpchat.wireshark.generate import DISSECTOR_PATH

CLIENT: Address = ("10.0.1.1", 40_000)
SERVER: Address = ("10.0.0.1", 27_272)
START = 1_700_000_000 * SECOND  # when our captures begin [us]
TROUBLE = "_ws.lua.error || (udpchat && _ws.malformed)"  # other dissectors may take what is not ours
HARMLESS = ("Running as user",)


class Seen(NamedTuple):
    """A datagram for a capture. us: since its start. interface: number of the place where it was seen."""

    us: int
    source: Address
    destination: Address
    data: bytes
    comment: str = ""
    interface: int = 0


def write_capture(path: Path, seen: Iterable[Seen], interfaces: Sequence[str] = ("wire",)) -> Path:
    """A pcapng file of these datagrams."""
    with path.open("wb") as file:
        writer = PcapngWriter(file, interfaces)
        for us, source, destination, data, comment, interface in seen:
            writer.write(START + us, source, destination, data, comment=comment, interface=interface)
    return path


def capture_of(path: Path, datagrams: Iterable[bytes]) -> Path:
    """A capture of datagrams, 1 ms apart, each from the end that its direction bit says."""
    return write_capture(path, (_one(index, data) for index, data in enumerate(datagrams)))


def _one(index: int, data: bytes) -> Seen:
    from_server = len(data) > 5 and data[5] & 1
    ends = (SERVER, CLIENT) if from_server else (CLIENT, SERVER)
    return Seen(1_000 * index, *ends, data)


def tshark(capture: Path, *arguments: str, script: Path = DISSECTOR_PATH, **preferences: str | bool) -> str:
    """What tshark prints. preferences: of udpchat, by name. Fails on any word of tshark about trouble."""
    options = [word for name, value in preferences.items() for word in ("-o", f"udpchat.{name}:{_text(value)}")]
    return _run(capture.parent, "-X", f"lua_script:{script}", *options, "-r", str(capture), *arguments)


def known_fields(home: Path) -> dict[str, tuple[str, str, str]]:
    """What tshark knows of our fields: title, type and tooltip by filter name."""
    text = _run(home, "-G", "fields", "-X", f"lua_script:{DISSECTOR_PATH}")
    lines = (line.split("\t") for line in text.splitlines() if line.startswith("F\t"))
    return {line[2]: (line[1], line[3], line[7]) for line in lines if line[2].startswith("udpchat.")}


def _run(home: Path, *arguments: str) -> str:
    done = subprocess.run(
        [require_tool("tshark"), *arguments],
        env=os.environ | {"HOME": str(home), "XDG_CONFIG_HOME": str(home), "TZ": "UTC"},
        capture_output=True,
        check=False,
        timeout=120,
    )
    words = [line for line in done.stderr.decode().splitlines() if line and not line.startswith(HARMLESS)]
    assert not words, "\n".join(words[:20])
    assert done.returncode == 0
    return done.stdout.decode("utf-8", "backslashreplace")


def _text(value: str | bool) -> str:
    return str(value).upper() if isinstance(value, bool) else value


def rows(
    capture: Path,
    *fields: str,
    where: str = "",
    two_passes: bool = False,
    script: Path = DISSECTOR_PATH,
    **preferences: str | bool,
) -> list[dict[str, list[str]]]:
    """One dictionary per packet: all values of each field that it has, as tshark shows them.

    two_passes: what later packets say of earlier ones is shown, too, as in the window of Wireshark.
    """
    options = ["-E", "separator=/t", "-E", "occurrence=a", "-E", "aggregator=;"]
    options += [*(["-2"] if two_passes else []), *(["-Y", where] if where else [])]
    columns = [word for name in fields for word in ("-e", name)]
    text = tshark(capture, "-T", "fields", *options, *columns, script=script, **preferences)
    lines = csv.reader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    return [
        {name: value.split(";") for name, value in zip(fields, line, strict=True) if value}
        for line in (line or [""] * len(fields) for line in lines)
    ]


def infos(capture: Path, script: Path = DISSECTOR_PATH, **preferences: str | bool) -> list[str]:
    """The info column of each packet."""
    text = tshark(capture, "-T", "fields", "-e", "_ws.col.info", "-e", "_ws.col.Info", script=script, **preferences)
    return [line.strip("\t") for line in text.splitlines()]


def trouble(capture: Path, script: Path = DISSECTOR_PATH, **preferences: str | bool) -> str:
    """Packets at which the dissector raised an error or ran out of bytes: empty when all is well."""
    return tshark(capture, "-Y", TROUBLE, "-V", script=script, **preferences)


class Shown(NamedTuple):
    """A field of the tree: as it is shown, and the bytes that it stands for (none where it was generated)."""

    show: str
    value: bytes


def trees(capture: Path, script: Path = DISSECTOR_PATH, **preferences: str | bool) -> Iterator[dict[str, list[Shown]]]:
    """For each packet all fields of the dissector by name, in the order of the tree."""
    text = tshark(capture, "-T", "pdml", "-J", "udpchat", script=script, **preferences)
    for packet in ET.fromstring(text).iter("packet"):
        fields: dict[str, list[Shown]] = {}
        for proto in packet.iter("proto"):
            if proto.get("name") == "udpchat":
                for field in proto.iter("field"):
                    fields.setdefault(field.get("name", ""), []).append(_shown(field))
        yield fields


def _shown(field: Any) -> Shown:
    whole = field.get("unmaskedvalue") or field.get("value") or ""
    return Shown(field.get("show", ""), bytes.fromhex(whole))

"""Three nodes in a line: searched over the one in the middle, fetched from directly, one of them gone."""

from __future__ import annotations

import re
import socket
from contextlib import ExitStack
from random import Random
from typing import Final

from tests.transcript.stage import Sees, Stage
from tests.wireshark.tshark import tshark

LINE: Final = ("anna", "ben", "cleo")  # each is told of the next one
SHOWN: Final = {name: f"127.0.0.1:{27_301 + number}" for number, name in enumerate(LINE)}
HARBOUR: Final = Random(11).randbytes(300_000)
CAPTURE: Final = "cleo.pcapng"
KEYS: Final = "cleo.keylog"
RECORDS: Final = ("neighbour", "query", "hit", "join", "fetch")
FILTER: Final = f"({' || '.join(f'udpchat.record.{each}' for each in RECORDS)}) && !udpchat.analysis.retransmission"
ANY: Final = "50000"  # a port that the system has chosen
TOWER: Final = Random(12).randbytes(200_000)


async def play(stage: Stage) -> None:
    """The line, a search over it, a shorter way, a holder that goes."""
    _places(stage)
    stage.write_bytes("cleo", "shared/pictures/harbour.jpg", HARBOUR)
    stage.write_bytes("cleo", "shared/pictures/tower.jpg", TOWER)
    stage.write_bytes("ben", "shared/harbour.jpg", HARBOUR)
    stage.write_bytes("anna", "shared/notes.txt", b"milk, bread\n")
    await _line(stage)
    await _search(stage)
    await _modify(stage)
    await _holder(stage)
    await _packets(stage)


def _places(stage: Stage) -> None:
    """Each has a port and a configuration, which names the next one."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in LINE]
        for name, each in zip(LINE, sockets, strict=True):
            each.bind(("127.0.0.1", 0))
            stage.places[SHOWN[name]] = f"127.0.0.1:{each.getsockname()[1]}"
    for name, following in zip(LINE, (*LINE[1:], ""), strict=True):
        port = stage.places[SHOWN[name]].rpartition(":")[2]
        text = f'[node]\nname = "{name}"\nhost = "127.0.0.1"\nport = {port}\nshare = "shared"\n'
        if following:
            text += f'\n[[neighbour]]\naddress = "{stage.places[SHOWN[following]]}"\n'
        stage.write(name, "peer.toml", text)


async def _line(stage: Stage) -> None:
    stage.scene("line")
    await stage.start("cleo", "peer", "--capture", CAPTURE, "--keylog", KEYS, sees={"cleo": "are shared"})
    await stage.start("ben", "peer", sees={"ben": ("are shared", "cleo is a neighbour"), "cleo": "ben is a neighbour"})
    await stage.start("anna", "peer", sees={"anna": ("are shared", "ben is a neighbour"), "ben": "anna is a neighbour"})


async def _search(stage: Stage) -> None:
    stage.scene("search")
    await stage.step("anna", "search harbour", {"anna": ("127.0.0.1:", "2 holders")}, in_any_order=True)
    await stage.step("anna", "get tower.jpg", {"anna": "downloaded", "cleo": "downloaded"})


async def _modify(stage: Stage) -> None:
    stage.scene("modify")
    places = f"{stage.places[SHOWN['ben']]}/{stage.places[SHOWN['cleo']]}"
    sees: Sees = {"anna": ("holds from now on", "cleo is a neighbour"), "cleo": "anna is a neighbour"}
    await stage.step("anna", f"modify neighbours {places}", sees, in_any_order=True)
    await stage.step("anna", "peers", {"anna": "+ cleo"})


async def _holder(stage: Stage) -> None:
    stage.scene("holder")
    stage.note("the power of ben's machine fails")
    await stage.kill("ben")
    await stage.step("anna", "get 1", {"anna": "downloaded", "cleo": "downloaded"})


async def _packets(stage: Stage) -> None:
    """What cleo's capture has of the question and of the first file that was fetched."""
    stage.scene("packets")
    await stage.step("anna", "exit", {"cleo": "anna is a neighbour no more"}, ends="anna")
    await stage.step("cleo", "exit", ends="cleo")
    home = stage.home("cleo")
    stage.tell(f"$ tshark -r {CAPTURE} -o udpchat.keylog:{KEYS} -Y '{FILTER}' \\")
    stage.tell("    -T fields -e udp.srcport -e udp.dstport -e _ws.col.info")
    columns = ("-T", "fields", "-e", "udp.srcport", "-e", "udp.dstport", "-e", "_ws.col.info", "-e", "_ws.col.Info")
    shown = tshark(home / CAPTURE, "-Y", FILTER, *columns, keylog=str(home / KEYS))
    names = {place.rpartition(":")[2]: each.rpartition(":")[2] for each, place in stage.places.items()}
    for line in shown.splitlines():
        source, destination, *info = line.split("\t")
        text = re.sub(r"#\d+", "#7", "".join(info))
        text = re.sub(r"\b[0-9a-f]{8}\b(?= (?:words|exact|\"))", "01234567", text)
        text = re.sub(r"\b\d{5}\b", lambda found: names.get(found[0], found[0]), text)
        stage.tell(f"{names.get(source, ANY)}  {names.get(destination, ANY)}  {text}")

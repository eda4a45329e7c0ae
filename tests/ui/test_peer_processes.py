"""Nodes of a peer network as processes."""

import asyncio
import hashlib
import socket
from asyncio.subprocess import Process
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.ui.processes import LIMIT, do, finish, next_object, objects, start, type_line
from udpchat.config import MIB
from udpchat.ui.cli.exits import ExitCode

BYTES = Random(5).randbytes(2 * MIB)


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Network:
    """Nodes of one machine, by name. goods: paths below what a node shares."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports: dict[str, int] = {}

    def configure(self, name: str, *neighbours: str, goods: dict[str, bytes] | None = None) -> None:
        self.ports[name] = free_port()
        share = self.folder / name
        share.mkdir()
        for path, data in (goods or {}).items():
            (share / path).parent.mkdir(parents=True, exist_ok=True)
            (share / path).write_bytes(data)
        text = f'[node]\nname = "{name}"\nhost = "127.0.0.1"\nport = {self.ports[name]}\nshare = "{name}"\n'
        for each in neighbours:
            text += f'[[neighbour]]\naddress = "127.0.0.1:{self.ports[each]}"\nname = "{each}"\n'
        (self.folder / f"{name}.toml").write_text(text)

    def options(self, name: str) -> list[str]:
        return [
            "peer",
            "--config",
            str(self.folder / f"{name}.toml"),
            "--home",
            str(self.folder / f"{name} home"),
            "--json",
        ]

    async def run(self, name: str) -> Process:
        process = await start(*self.options(name))
        await next_object(process, "node")
        await next_object(process, "share_scanned")
        return process

    async def command(self, name: str, *words: str) -> tuple[int, list[dict[str, Any]], str]:
        code, output, errors = await do(*self.options(name), *words)
        return code, objects(output), errors


def of(found: list[dict[str, Any]], event: str) -> list[dict[str, Any]]:
    return [each for each in found if each["event"] == event]


async def test_three_nodes_search_and_fetch_whether_the_asking_one_runs_or_not(tmp_path: Path) -> None:
    network = Network(tmp_path)
    network.configure("cleo", goods={"pictures/harbour.jpg": BYTES})
    network.configure("ben", "cleo")
    network.configure("anna", "ben")
    cleo, ben = await network.run("cleo"), await network.run("ben")
    assert (await next_object(ben, "neighbour_came"))["name"] == "cleo"

    code, told, _ = await network.command("anna", "search", "harbour", "--wait", "1")
    (found,) = of(told, "found")
    assert (code, found["hops"], found["port"], found["md5"]) == (
        0,
        2,
        network.ports["cleo"],
        hashlib.md5(BYTES).hexdigest(),
    )

    anna = await network.run("anna")
    await next_object(anna, "neighbour_came")
    code, told, errors = await network.command("anna", "get", "harbour.jpg", "--to", str(tmp_path / "to"))
    assert code == 0, errors
    assert of(told, "holder_chosen")[0]["holder"]["port"] == network.ports["cleo"]
    assert (tmp_path / "to" / "harbour.jpg").read_bytes() == BYTES
    code, told, _ = await network.command("cleo", "ls")
    assert [each["file_name"] for each in of(told, "file")] == ["harbour.jpg", "pictures"]

    await type_line(anna, "search nothing")
    assert (await next_object(anna, "searched"))["holders"] == 0
    await type_line(anna, "peers")
    assert (await next_object(anna, "peer"))["name"] == "ben"
    assert (await network.command("anna", "modify", "peerlist", f"127.0.0.1:{network.ports['cleo']}"))[0] == 0
    assert (await next_object(anna, "neighbour_came"))["name"] == "cleo"
    await type_line(anna, "search harbour")
    assert (await next_object(anna, "found"))["hops"] == 1
    code, _, errors = await finish(anna, "exit\n")
    assert (code, errors) == (ExitCode.REFUSED, "")  # of the search that found nothing
    for process in (ben, cleo):
        process.terminate()
        assert (await finish(process))[0] == 0


async def test_a_holder_that_is_killed_is_replaced(tmp_path: Path) -> None:
    data = Random(6).randbytes(48 * MIB)
    network = Network(tmp_path)
    holders = {}
    for name in ("ben", "cleo"):
        network.configure(name, goods={"big.bin": data})
        holders[network.ports[name]] = await network.run(name)
    network.configure("anna", "ben", "cleo")
    getting = await start(*network.options("anna"), "get", "big.bin", "--to", str(tmp_path / "to"))
    chosen = await next_object(getting, "holder_chosen")
    holders.pop(chosen["holder"]["port"]).kill()
    failed = await next_object(getting, "holder_failed")
    assert (failed["holder"]["port"], failed["is_wrong"]) == (chosen["holder"]["port"], False)
    code, output, errors = await finish(getting)
    assert code == 0, errors
    assert of(objects(output), "holder_gave")[-1]["holder"]["port"] in holders
    async with asyncio.timeout(LIMIT):
        assert await asyncio.to_thread((tmp_path / "to" / "big.bin").read_bytes) == data


async def test_a_broken_configuration_is_told_with_all_its_faults(tmp_path: Path) -> None:
    path = tmp_path / "peer.toml"
    path.write_text('[node]\nnam = "x"\nttl = 99\n')
    for words in ((), ("search", "x"), ("config",)):
        code, output, errors = await do("peer", "--config", str(path), "--home", str(tmp_path / "home"), *words)
        assert (code, output) == (ExitCode.USAGE, "")
        assert f"{path}, line 2, [node] nam, is not known; did you mean name?\n" in errors
        assert f"{path}, line 3, [node] ttl, 99 is not from 1 to 16\n" in errors
        assert "2 faults; nothing was done" in errors


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["search", "x"], ExitCode.NO_SERVER, "there is nobody to ask: the configuration names no neighbour"),
        (["get", "x"], ExitCode.NO_SERVER, "there is nobody to ask"),
        (["modify", "ttl", "99"], ExitCode.USAGE, "[node] ttl, 99 is not from 1 to 16"),
        (["modify", "tll", "9"], ExitCode.USAGE, "tll, is not known; did you mean ttl?"),
        (["--id", "3", "config"], ExitCode.USAGE, "--id, is for files with several [Peer-N] sections"),
        (["--config", "nowhere.toml", "config"], ExitCode.LOCAL_FILE, "there is no configuration nowhere.toml"),
    ],
)
async def test_what_cannot_be_done_is_said(tmp_path: Path, words: list[str], code: ExitCode, said: str) -> None:
    path = tmp_path / "peer.toml"
    path.write_text('[node]\nname = "anna"\nttl = 5\n')
    found, output, errors = await do("peer", "--config", str(path), "--home", str(tmp_path / "home"), *words)
    assert (found, output) == (code, "")
    assert said in errors
    assert path.read_text() == '[node]\nname = "anna"\nttl = 5\n'


async def test_the_configuration_and_its_change_need_no_running_node(tmp_path: Path) -> None:
    network = Network(tmp_path)
    network.configure("ben")
    network.configure("anna", "ben")
    code, told, _ = await network.command("anna", "config")
    assert (code, told[0]["name"], told[0]["ttl"], told[0]["neighbours"][0]["name"]) == (0, "anna", 7, "ben")
    assert (await network.command("anna", "modify", "ttl", "3"))[0] == 0
    assert (await network.command("anna", "config"))[1][0]["ttl"] == 3
    (peer,) = (await network.command("anna", "peers"))[1]
    assert (peer["name"], peer["is_neighbour"], peer["text"]) == ("ben", False, "this node does not run")


async def test_a_port_in_use_is_said_with_what_to_do(tmp_path: Path) -> None:
    network = Network(tmp_path)
    network.configure("ben")
    ben = await network.run("ben")
    network.configure("anna")
    text = (tmp_path / "anna.toml").read_text().replace(str(network.ports["anna"]), str(network.ports["ben"]))
    (tmp_path / "anna.toml").write_text(text)
    code, _, errors = await network.command("anna")
    assert code == ExitCode.USAGE
    assert "is in use; stop the other program, or: udpchat peer modify port N" in errors
    code, _, errors = await network.command("ben")
    assert (code, "in use by another udpchat" in errors) == (ExitCode.LOCAL_FILE, True)
    ben.terminate()
    await finish(ben)

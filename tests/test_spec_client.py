"""The client that was written from docs/protocol.md alone, against a real server behind a relay that loses packets."""

from __future__ import annotations

import ast
import asyncio
import hashlib
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from tests import spec_client
from udpchat.config import MILLISECOND, Config
from udpchat.net.relay import Relay
from udpchat.net.server import Server, serve
from udpchat.sim.link import LinkSpec

CLIENT = Path(__file__).parent / "spec_client.py"
DOCUMENT = CLIENT.parents[1] / "docs" / "protocol.md"
LOCALHOST = "127.0.0.1"
GUARD = 30  # seconds after which a test that hangs is given up
LOSSY = LinkSpec(loss=0.05, delay=MILLISECOND)
SIZE = 150_000


async def start_client(port: int, *options: str, password: str = "") -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(CLIENT),
        LOCALHOST,
        str(port),
        *options,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "SPEC_CLIENT_PASSWORD": password},
    )


async def end_of(process: asyncio.subprocess.Process) -> tuple[int, str]:
    """Exit code and all that was printed since it was last looked at."""
    try:
        async with asyncio.timeout(GUARD):
            printed, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode is not None
    return process.returncode, printed.decode()


async def printed_line(process: asyncio.subprocess.Process, start: str) -> str:
    """The next line that starts so."""
    assert process.stdout is not None
    async with asyncio.timeout(GUARD):
        while line := (await process.stdout.readline()).decode():
            if line.startswith(start):
                return line
    raise AssertionError(f"it ended without saying {start}")


@asynccontextmanager
async def served(
    folder: Path, config: Config, seed: int = 1, port: int = 0
) -> AsyncIterator[tuple[Server, Relay, int]]:
    """A server on real disks, a relay before it that loses packets, and the relay's port; port: which one, 0 any."""
    (folder / "server").mkdir(mode=0o700, exist_ok=port > 0)
    server = await serve(LOCALHOST, 0, data=folder / "server", config=config)
    relay = Relay(LOSSY, seed=seed)
    try:
        _, port = await relay.start((LOCALHOST, port), server.address)
        yield server, relay, port
    finally:
        relay.close()
        await server.close()


async def run_client(port: int, *options: str, password: str = "") -> tuple[int, str]:
    """Exit code and all that was printed."""
    return await end_of(await start_client(port, *options, password=password))


async def run_against(folder: Path, config: Config, seed: int, *options: str) -> tuple[int, str, int]:
    """Exit code, what was printed, and how many datagrams the relay lost."""
    async with served(folder, config, seed) as (_, relay, port):
        code, printed = await run_client(port, *options)
        counters = relay.counters()
        return code, printed, counters.up.lost + counters.down.lost


def test_it_imports_nothing_of_this_repository() -> None:
    imported: set[str] = set()
    for node in ast.walk(ast.parse(CLIENT.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add("." if node.level else (node.module or "").partition(".")[0])
    assert imported <= {*sys.stdlib_module_names, "cryptography"}
    assert not imported & {"importlib", "runpy"}


CASES = {
    "sealed": Config(),
    "sealed, with a key update every 40 packets": Config(rekey_packets=40),
    "plaintext": Config(plaintext=True),
}


@pytest.mark.parametrize("config", CASES.values(), ids=CASES.keys())
async def test_it_talks_and_moves_a_file_both_ways_through_five_percent_loss(tmp_path: Path, config: Config) -> None:
    data = Random("specification").randbytes(SIZE)
    (tmp_path / "notes 1.bin").write_bytes(data)
    (tmp_path / "back").mkdir()
    options = ["--nick", "zoe", "--say", "good evening", "--put", str(tmp_path / "notes 1.bin")]
    options += ["--get", "notes 1.bin", "--to", str(tmp_path / "back"), *(["--plaintext"] if config.plaintext else [])]
    code, printed, lost = await run_against(tmp_path, config, 3, *options)
    assert code == 0, printed
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    assert "[lobby] zoe: 'good evening'" in printed
    assert f"put notes 1.bin {md5}" in printed
    assert f"file notes 1.bin {SIZE} {md5}" in printed
    assert (tmp_path / "back" / "notes 1.bin").read_bytes() == data
    assert lost > 0


def worked_example() -> tuple[dict[str, bytes], list[bytes]]:
    """The values of section 6 by name, and its datagrams in order."""
    text = DOCUMENT.read_text(encoding="utf-8").partition("\n## 6 ")[2].partition("\n## 7 ")[0]
    text = re.sub(r"^\s*\[(\d+) zero bytes\]", lambda match: "00" * int(match[1]), text, flags=re.MULTILINE)
    values = {
        name: bytes.fromhex("".join(digits.split()))
        for name, digits in re.findall(r"^([a-z][\w, ]*?) {2,}((?:[0-9a-f]+\n {26})*[0-9a-f]+)$", text, re.MULTILINE)
    }
    sent = re.findall(r"^ {0,2}(5543[0-9a-f]+(?:\n {0,2}[0-9a-f]+)*)$", text, re.MULTILINE)
    return values, [bytes.fromhex("".join(digits.split())) for digits in sent]


def test_it_opens_the_worked_example_of_the_document() -> None:
    values, datagrams = worked_example()
    _, cookie, hello, reply, join, ack, welcome = datagrams
    assert [datagram[3] for datagram in datagrams] == [1, 2, 1, 3, 17, 18, 17]
    assert hello[61:81] == cookie[25:45]
    private = X25519PrivateKey.from_private_bytes(values["client ephemeral private"])
    assert hello[24:56] == private.public_key().public_bytes_raw()
    prologue = b"udpchat handshake" + bytes([1, 1]) + values["attempt id"]
    params, server_key, digest, *secrets = spec_client.read_reply(prologue, private, reply[26:-16])
    assert (params, server_key, digest) == (values["params"], values["server static public"], values["handshake hash"])
    assert secrets == [values["client_secret"], values["server_secret"]]
    opened = spec_client.Protection((secrets[1], secrets[0])).open(0, 0, join[:33], join[33:])
    assert opened[9:41] == values["identity public"]
    identity = Ed25519PublicKey.from_public_bytes(opened[9:41])
    identity.verify(opened[41:105], b"udpchat join v1" + digest + values["client_id"])
    assert join == spec_client.Protection((secrets[0], secrets[1])).seal(0, join[:33], opened)
    client = spec_client.Protection((secrets[0], secrets[1]))
    assert client.open(0, 0, ack[:-16], ack[-16:]) == b""
    assert client.open(1, 0, welcome[:33], welcome[33:])[4] == spec_client.WELCOME


async def test_an_empty_file_needs_no_data_in_either_direction(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "back").mkdir()
    options = ["--nick", "zoe", "--put", str(tmp_path / "empty"), "--get", "empty", "--to", str(tmp_path / "back")]
    code, printed, _ = await run_against(tmp_path, Config(), 1, *options)
    assert code == 0, printed
    assert (tmp_path / "back" / "empty").read_bytes() == b""


TREE = {
    "empty": None,
    "bin": None,
    "bin/run": b"#!run\n",
    "notes 1.txt": b"n" * 70_000,
    "nothing.txt": b"",
    "ü.txt": b"u",
}


def make_tree(folder: Path) -> Path:
    """TREE on a disk; None stands for a folder."""
    folder.mkdir()
    for name, data in TREE.items():
        if data is None:
            (folder / name).mkdir()
        else:
            (folder / name).write_bytes(data)
            (folder / name).chmod(0o755 if name == "bin/run" else 0o644)
            os.utime(folder / name, ns=(10**18, 10**18))
    return folder


def tree_of(folder: Path) -> dict[str, bytes | None]:
    """What is in a folder, in the same terms."""
    return {
        each.relative_to(folder).as_posix(): None if each.is_dir() else each.read_bytes() for each in folder.rglob("*")
    }


async def test_a_folder_goes_up_and_comes_down_as_the_same_tree(tmp_path: Path) -> None:
    album = make_tree(tmp_path / "album")
    (tmp_path / "back").mkdir()
    options = ["--nick", "zoe", "--put", str(album), "--get", "album", "--to", str(tmp_path / "back")]
    code, printed, _ = await run_against(tmp_path, Config(), 5, *options)
    assert code == 0, printed
    assert "[lobby] zoe: 'folder album'" in printed
    back = tmp_path / "back" / "album"
    assert tree_of(back) == TREE
    assert (back / "bin" / "run").stat().st_mode & 0o100
    assert not (back / "ü.txt").stat().st_mode & 0o100
    assert (back / "ü.txt").stat().st_mtime_ns == 10**18


async def test_one_member_of_a_folder_comes_alone(tmp_path: Path) -> None:
    album = make_tree(tmp_path / "album")
    (tmp_path / "back").mkdir()
    number = sorted(TREE).index("notes 1.txt")
    fetching = ["--nick", "zoe", "--get", "album", "--to", str(tmp_path / "back"), "--member"]
    async with served(tmp_path, Config()) as (_, _, port):
        assert (await run_client(port, "--nick", "zoe", "--put", str(album)))[0] == 0
        code, printed = await run_client(port, *fetching, str(number))
        assert code == 0, printed
        assert {each.name for each in (tmp_path / "back").iterdir()} == {"notes 1.txt"}
        assert (tmp_path / "back" / "notes 1.txt").read_bytes() == TREE["notes 1.txt"]
        code, printed = await run_client(port, *fetching, str(len(TREE)))
        assert (code, "refused (64)" in printed) == (1, True), printed


async def test_transfers_that_were_cut_off_go_on_where_they_were(tmp_path: Path) -> None:
    data = Random("resume").randbytes(4 * SIZE)
    (tmp_path / "big.bin").write_bytes(data)
    (tmp_path / "back").mkdir()
    putting = ["--nick", "zoe", "--home", str(tmp_path / "zoe"), "--put", str(tmp_path / "big.bin")]
    getting = ["--nick", "zoe", "--home", str(tmp_path / "zoe"), "--get", "big.bin", "--to", str(tmp_path / "back")]
    async with served(tmp_path, Config()) as (_, _, port):
        for options in (putting, getting):
            code, printed = await run_client(port, *options, "--stop-after", str(2 * SIZE))
            assert (code, "stopped, as was asked for" in printed) == (1, True), printed
            code, printed = await run_client(port, *options)
            assert code == 0, printed
            (known,) = re.findall(r"^goes on, (\d+) bytes", printed, re.MULTILINE)
            assert 2 * SIZE <= int(known) < len(data)
    assert (tmp_path / "back" / "big.bin").read_bytes() == data


async def test_what_differs_at_the_server_is_sent_again_block_by_block(tmp_path: Path) -> None:
    """The file changes behind the client's back, so that what the server has of it is not what is meant."""
    block = 1024 * 1024
    data = bytearray(Random("repair").randbytes(block + 4 * SIZE))
    path = tmp_path / "changing.bin"
    path.write_bytes(data)
    (tmp_path / "back").mkdir()
    zoe = ["--nick", "zoe", "--home", str(tmp_path / "zoe")]
    async with served(tmp_path, Config()) as (_, _, port):
        code, printed = await run_client(port, *zoe, "--put", str(path), "--stop-after", str(block + 2 * SIZE))
        assert code == 1, printed
        data[1_000] ^= 1
        path.write_bytes(data)
        code, printed = await run_client(port, *zoe, "--put", str(path))
        assert code == 0, printed
        assert "blocks are wanted" in printed
        assert re.findall(r"^missing (\d+)$", printed, re.MULTILINE) == [str(block)]
        code, printed = await run_client(port, *zoe, "--get", "changing.bin", "--to", str(tmp_path / "back"))
        assert code == 0, printed
    assert (tmp_path / "back" / "changing.bin").read_bytes() == data


async def test_what_a_disk_damaged_between_two_runs_of_the_server_is_asked_for_again(tmp_path: Path) -> None:
    block = 1024 * 1024
    data = Random("damage").randbytes(block + 4 * SIZE)
    path = tmp_path / "big.bin"
    path.write_bytes(data)
    (tmp_path / "back").mkdir()
    zoe = ["--nick", "zoe", "--home", str(tmp_path / "zoe")]
    async with served(tmp_path, Config()) as (_, _, port):
        code, printed = await run_client(port, *zoe, "--put", str(path), "--stop-after", str(block + 2 * SIZE))
        assert code == 1, printed
    (part,) = [each for each in (tmp_path / "server").rglob("*") if each.is_file() and data[:500] in each.read_bytes()]
    with part.open("r+b") as file:
        file.seek(1_000)
        file.write(bytes([data[1_000] ^ 1]))
    async with served(tmp_path, Config(), port=port) as (_, _, port):
        code, printed = await run_client(port, *zoe, "--put", str(path))
        assert code == 0, printed
        assert re.findall(r"^missing (\d+)$", printed, re.MULTILINE) == [str(block)]
        assert "blocks are wanted" not in printed
        code, printed = await run_client(port, *zoe, "--get", "big.bin", "--to", str(tmp_path / "back"))
        assert code == 0, printed
    assert (tmp_path / "back" / "big.bin").read_bytes() == data


async def test_a_file_for_one_person_is_there_for_that_person_alone(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("psst")
    for name in ("bob", "eve"):
        (tmp_path / name).mkdir()
    async with served(tmp_path, Config()) as (_, _, port):
        bob = await start_client(port, "--nick", "bob", "--home", str(tmp_path / "bob home"), "--hear", "1")
        await printed_line(bob, "joined as bob")
        code, printed = await run_client(port, "--nick", "zoe", "--put", str(tmp_path / "secret.txt"), "--for", "bob")
        assert code == 0, printed
        code, printed = await end_of(bob)
        assert (code, "[to bob] zoe: 'file secret.txt'" in printed) == (0, True), printed
        fetching = ["--get", "secret.txt", "--to"]
        code, printed = await run_client(port, "--nick", "eve", *fetching, str(tmp_path / "eve"))
        assert (code, "refused (64)" in printed) == (1, True), printed
        home = ["--home", str(tmp_path / "bob home")]
        code, printed = await run_client(port, "--nick", "bob", *home, *fetching, str(tmp_path / "bob"))
        assert code == 0, printed
    assert (tmp_path / "bob" / "secret.txt").read_text() == "psst"


async def test_a_server_in_the_other_mode_refuses_by_version(tmp_path: Path) -> None:
    code, printed, _ = await run_against(tmp_path, Config(plaintext=True), 1, "--nick", "zoe")
    assert code == 1
    assert "no connection: versions 1 to 1, modes 2" in printed


async def test_a_refusal_is_told_with_its_code(tmp_path: Path) -> None:
    code, printed, _ = await run_against(tmp_path, Config(), 1, "--nick", "zoe", "--get", "nothing")
    assert code == 1
    assert "refused (64)" in printed


SECRET = "correct horse"


async def test_what_was_said_in_a_room_is_in_the_history_of_its_members_alone(tmp_path: Path) -> None:
    async with served(tmp_path, Config()) as (_, _, port):
        code, printed = await run_client(port, "--nick", "zoe", "--room", "tea", "--say", "green", "--history", "9")
        assert code == 0, printed
        assert "[tea] zoe: 'green'\n" in printed
        assert re.search(r"^\d+ \[tea\] zoe: 'green'$", printed, re.MULTILINE)
        code, printed = await run_client(port, "--nick", "bob", "--history", "9")
        assert code == 0, printed
        assert "green" not in printed
        _, printed = await run_client(port, "--nick", "bob", "--room", "tea", "--history", "9")
        assert re.search(r"^\d+ \[tea\] zoe: 'green'$", printed, re.MULTILINE)


async def test_who_keeps_what_was_seen_gets_what_was_said_meanwhile_once_and_in_order(tmp_path: Path) -> None:
    zoe = ["--nick", "zoe", "--home", str(tmp_path / "zoe")]
    lines = [f"line {number}" for number in range(3)]
    async with served(tmp_path, Config()) as (_, _, port):
        assert (await run_client(port, *zoe))[0] == 0
        for line in lines:
            assert (await run_client(port, "--nick", "bob", "--say", line))[0] == 0
        code, printed = await run_client(port, *zoe, "--hear", "3")
        assert code == 0, printed
        assert re.findall(r"\[lobby\] bob: '(.*)'", printed) == lines
        code, printed = await run_client(port, *zoe, "--say", "thank you")
        assert code == 0, printed
        assert re.findall(r"\[lobby\] (\w+): '(.*)'", printed) == [("zoe", "thank you")]


async def test_an_account_is_entered_by_ticket_or_password_and_by_nothing_else(tmp_path: Path) -> None:
    here, elsewhere = ["--home", str(tmp_path / "here")], ["--home", str(tmp_path / "elsewhere")]
    async with served(tmp_path, Config()) as (_, _, port):
        code, printed = await run_client(port, "--nick", "zoe.anna", *here, "--register", password=SECRET)
        assert code == 0, printed
        assert "account zoe.anna registered" in printed
        code, printed = await run_client(port, "--nick", "zoe.anna", *here)
        assert code == 0, printed
        assert "account" not in printed
        code, printed = await run_client(port, "--nick", "zoe.anna", *elsewhere)
        assert (code, "refused (42)" in printed) == (1, True), printed
        code, printed = await run_client(port, "--nick", "zoe.anna", *elsewhere, password="wrong horse")
        assert (code, "refused (43)" in printed) == (1, True), printed
        code, printed = await run_client(port, "--nick", "zoe.anna", *elsewhere, password=SECRET)
        assert (code, "refused (47)" in printed) == (1, True), printed  # too early after the wrong one


async def test_a_line_for_an_absent_account_waits_for_its_next_login(tmp_path: Path) -> None:
    anna, elsewhere = ["--nick", "zoe.anna", "--home", str(tmp_path / "here")], ["--home", str(tmp_path / "elsewhere")]
    async with served(tmp_path, Config()) as (_, _, port):
        assert (await run_client(port, *anna, "--register", password=SECRET))[0] == 0
        code, printed = await run_client(port, "--nick", "bob", "--tell", "zoe.anna", "psst")
        assert code == 0, printed
        assert "told zoe.anna who is not here" in printed
        code, printed = await run_client(port, "--nick", "zoe.anna", *elsewhere, "--hear", "1", password=SECRET)
        assert code == 0, printed
        assert "account zoe.anna logged in" in printed
        assert "[to zoe.anna] bob: 'psst'" in printed


async def test_who_waits_for_a_place_hears_where_and_comes_in_when_one_is_free(tmp_path: Path) -> None:
    async with served(tmp_path, Config(max_users=1)) as (server, _, port):
        first = await start_client(port, "--nick", "zoe", "--hear", "1")
        await printed_line(first, "joined as zoe")
        code, printed = await run_client(port, "--nick", "ann")
        assert (code, "refused (35)" in printed) == (1, True), printed
        second = await start_client(port, "--nick", "bob", "--wait")
        assert await printed_line(second, "waiting") == "waiting, place 1\n"
        assert server.kick("zoe", "enough")
        code, printed = await end_of(first)
        assert (code, "closed the connection (7)" in printed) == (1, True), printed
        code, printed = await end_of(second)
        assert (code, "joined as bob, 1 here" in printed) == (0, True), printed

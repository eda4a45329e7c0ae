"""What a person types about transfers, at a real client on a pseudo-terminal."""

import sys
from pathlib import Path

import pytest

from tests.ui.processes import Screen, do, serve
from udpchat.ui.cli.exits import ExitCode

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal")


async def test_typed_downloads_go_where_it_was_said_and_quit_is_asked_about_each_time(tmp_path: Path) -> None:
    server = await serve(tmp_path, "--limit", "100kB/s")
    for name in ("a.bin", "a (2).bin"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "large.bin").write_bytes(bytes(3_000_000))
    sources = [str(tmp_path / name) for name in ("a.bin", "a (2).bin")]
    code, _, errors = await do("put", *sources, server.place, *server.home("anna"))
    assert code == ExitCode.OK, errors
    mine, deep = tmp_path / "mine", tmp_path / "new" / "deep"
    mine.mkdir()
    ben = ("--name", "ben", *server.home("ben"), "--to", str(mine))
    screen = await Screen.start("client", server.place, *ben)
    await screen.until("ben> ")
    screen.type("/get a (2).bin")
    await screen.until("downloaded a (2).bin")
    screen.type(f"/get a.bin {deep}")
    await screen.until("downloaded a.bin")
    screen.type(f"/get a.bin {tmp_path / 'a.bin'}")
    await screen.until("is no folder")
    screen.type(f"/put {tmp_path / 'large.bin'}")
    await screen.until("ben> ")
    for typed in ("/quit", "/stats", "/quit"):
        screen.type(typed)
        await screen.until("once more leaves" if typed == "/quit" else "datagrams of")
    screen.type("/quit")
    assert await screen.end() == ExitCode.OK
    assert (mine / "a (2).bin").read_bytes() == b"a (2).bin"
    assert (deep / "a.bin").read_bytes() == b"a.bin"
    code, output, errors = await do("transfers", *server.home("ben"))
    assert (code, len(output.splitlines())) == (ExitCode.OK, 1), (output, errors)
    assert "large.bin" in output
    await server.stop()

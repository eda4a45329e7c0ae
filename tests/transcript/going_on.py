"""Transfers that go on: after a killed server, a killed client, a pause; and what is too much."""

from __future__ import annotations

from random import Random

from tests.transcript.stage import SERVER, Stage

SIZE = 24_000_000
DURABLE = 4_000_000  # bytes that are on the server's disk before anything is killed


async def play(stage: Stage) -> None:
    """A server that is killed, programs that end, the list of transfers, limits."""
    await stage.serve("--quota", "30M")
    stage.write_bytes("annabel", "film.bin", Random(7).randbytes(SIZE))
    stage.write_bytes("annabel", "more.bin", Random(8).randbytes(SIZE))
    stage.write_bytes("annabel", "text.txt", b"short\n")
    await _server(stage)
    await _client(stage)
    await _limits(stage)


async def _server(stage: Stage) -> None:
    stage.scene("server")
    await stage.begin("annabel", "put", "film.bin", "{}", "--name", "annabel", "--limit", "2MB/s")
    await stage.stored("film.bin", DURABLE)
    stage.note("the server is killed (SIGKILL), and started again")
    await stage.kill(SERVER)
    await stage.serve("--quota", "30M", port=stage.port)
    stage.note("annabel, in another window:")
    await stage.run("annabel", "transfers", "limit", "1", "0")
    await stage.end("annabel")
    await stage.see({SERVER: "annabel uploaded"})
    await stage.run("annabel", "rm", "film.bin", "{}", "--name", "annabel")
    await stage.see({SERVER: "annabel deleted"})


async def _client(stage: Stage) -> None:
    stage.scene("client")
    await stage.join("annabel", sees={"annabel": "1 user is here", SERVER: "annabel joined"})
    await stage.step("annabel", "/put film.bin", {SERVER: "annabel is uploading"})
    await stage.step("annabel", "/limit 1 2MB/s", {"annabel": "goes on at most"})
    await stage.stored("film.bin", DURABLE)
    await stage.step("annabel", "/pause 1", {"annabel": "is paused"})
    await stage.step("annabel", "/transfers", {"annabel": "film.bin"})
    stage.note("the power of annabel's machine fails; later")
    await stage.kill("annabel")
    await stage.run("annabel", "transfers")
    await stage.run("annabel", "transfers", "limit", "1", "0")
    await stage.run("annabel", "transfers", "resume", "1")
    await stage.join(
        "annabel",
        sees={
            "annabel": ("goes on", "uploaded", "annabel sent"),
            SERVER: ("annabel joined", "annabel uploaded"),
        },
    )


async def _limits(stage: Stage) -> None:
    stage.scene("limits")
    await stage.step("annabel", "/put more.bin", {"annabel": "delete files of yours"})
    await stage.step(
        "annabel", "/put film.bin text.txt to:nobody", {"annabel": ("film.bin: nobody", "text.txt: nobody")}
    )

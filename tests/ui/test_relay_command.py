import asyncio
import json
import os
import re
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process

import pytest
import typer
from typer.testing import CliRunner

from udpchat.net.relay_outbox import RelayCounters
from udpchat.sim.link import LinkCounters
from udpchat.ui.cli.exits import ExitCode
from udpchat.ui.cli.relay import CANNOT_LISTEN, UNKNOWN_TARGET, describe, relay

app = typer.Typer()
app.command()(relay)


async def started(*arguments: str) -> tuple[Process, int]:
    """The command as a process, and the port it says it listens on."""
    program = "import typer; from udpchat.ui.cli.relay import relay; typer.run(relay)"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, "--listen", "0", *arguments, stdout=PIPE, stderr=PIPE, cwd=os.getcwd()
    )
    assert process.stderr is not None
    line = (await process.stderr.readline()).decode()
    match = re.match(r"relaying :(\d+) -> ", line)
    assert match, line + (await process.stderr.read()).decode()
    return process, int(match[1])


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM on Windows")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_relay_with_its_counts_as_json(number: signal.Signals) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.setblocking(False)
        process, port = await started("--to", f"127.0.0.1:{server.getsockname()[1]}", "--delay", "1ms", "--json")
        async with asyncio.timeout(10):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.sendto(b"hello", ("127.0.0.1", port))
                assert await loop.sock_recv(server, 100) == b"hello"
            process.send_signal(number)
            output, errors = await process.communicate()
    assert process.returncode == 0, errors
    listening, counters = map(json.loads, output.splitlines())
    assert (listening["event"], listening["port"]) == ("listening", port)
    assert counters["event"] == "counters"
    assert counters["clients"] == counters["up"]["delivered"] == 1


def test_a_port_in_use_is_one_clear_line() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("0.0.0.0", 0))
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(app, ["--listen", port, "--to", "127.0.0.1:5"])
    assert result.exit_code == CANNOT_LISTEN
    assert (
        result.stderr
        == f"udpchat relay: port {port} is in use; stop the other program or choose another with --listen\n"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--listen", "0", "--to", "a..b"], UNKNOWN_TARGET, "the server is not known: a..b"),
        (
            ["--listen", "0", "--to", "127.0.0.1:5", "--host", "192.0.2.77"],
            CANNOT_LISTEN,
            "not an address of this machine",
        ),
        (["--listen", "0", "--to", "127.0.0.1:5", "--host", "a..b"], CANNOT_LISTEN, "a..b is not an address"),
        (
            ["--listen", "0", "--to", "127.0.0.1:5", "--capture", "/no/a"],
            ExitCode.LOCAL_FILE,
            "cannot write the capture",
        ),
        (["--listen", "70000", "--to", "127.0.0.1:5"], 2, "is not a port"),
        (["--listen", "0", "--to", "127.0.0.1:5", "--loss", "5"], 2, "did you mean 5%"),
        (["--to", "127.0.0.1:5"], 2, "--listen"),
    ],
)
def test_what_cannot_be_is_refused_with_a_code(arguments: list[str], code: int, words: str) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == code
    assert words in " ".join(result.stderr.replace("│", " ").split())


def test_counts_for_people_leave_out_what_did_not_happen() -> None:
    counters = RelayCounters(clients=2, up=LinkCounters(received=5, lost=1))
    assert describe(counters) == "2 clients, 0 rebindings\nup: received=5 lost=1\ndown: nothing"
    assert "refused 3, overflowed 0, unsent 0" in describe(RelayCounters(refused=3))

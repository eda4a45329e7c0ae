import asyncio
import errno
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.net.party import IMPATIENT, LOCALHOST, Party, content, until
from udpchat.chat.events import Disconnected
from udpchat.config import MIB, Config
from udpchat.crypto.identity import fingerprint
from udpchat.errors import (
    ConnectionLostError,
    ErrorCode,
    HandshakeError,
    RefusedError,
    ServerKeyError,
    StorageError,
)
from udpchat.net.server import serve

SEALED, PLAINTEXT = Config(), Config(plaintext=True)


# -- no server, or another one -----------------------------------------------------------------------------------------


async def test_a_closed_port_is_told_long_before_the_time_is_up(party: Party) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((LOCALHOST, 0))
        port = taken.getsockname()[1]
    with pytest.raises(HandshakeError, match=f"no server is running on {LOCALHOST} port {port}.* closed"):
        await party.dial(LOCALHOST, port, "anna")


async def test_a_silent_host_is_given_up_when_the_time_is_up(party: Party) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind((LOCALHOST, 0))
        with pytest.raises(HandshakeError, match=r"no answer from .* firewall"):
            await party.dial(LOCALHOST, silent.getsockname()[1], "anna", IMPATIENT)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".example", "two words"])
async def test_an_unknown_host_is_named(party: Party, host: str) -> None:
    with pytest.raises(HandshakeError, match=f"cannot find the host {host}"):
        await party.dial(host, 27272, "anna")


@pytest.mark.parametrize(
    ("serving", "dialling", "advice"),
    [(SEALED, PLAINTEXT, "leave out --plaintext"), (PLAINTEXT, SEALED, "add --plain")],
)
async def test_a_mismatch_of_modes_is_refused_with_the_option_to_use(
    party: Party, serving: Config, dialling: Config, advice: str
) -> None:
    server = await party.serve(serving)
    with pytest.raises(HandshakeError, match=advice):
        await party.join(server, "anna", dialling)
    assert server.users() == []


async def test_the_right_server_key_is_taken_and_another_refused(party: Party) -> None:
    server = await party.serve()
    await party.join(server, "anna", server_key=server.fingerprint)
    await party.join(server, "bob", server_key=server.public_key.hex())
    with pytest.raises(ServerKeyError, match="another server"):
        await party.join(server, "eve", server_key=fingerprint(bytes(32)))
    assert [session.nick for session in server.users()] == ["anna", "bob"]


async def test_strict_refuses_a_server_never_seen_and_takes_a_known_one(party: Party) -> None:
    server = await party.serve()
    with pytest.raises(ServerKeyError, match=f"never seen.*udpchat trust add.*{server.public_key.hex()}"):
        await party.join(server, "anna", strict=True)
    first = await party.join(server, "anna")
    assert first.is_new_key
    again = await party.join(server, "anna", strict=True)
    assert not again.is_new_key


async def test_a_changed_server_key_is_a_hard_stop_with_both_fingerprints(party: Party) -> None:
    old = await party.serve(data="old")
    await party.end(await party.join(old, "anna"))
    await party.end(old)
    new = await party.serve(data="new", port=old.address[1])
    with pytest.raises(ServerKeyError, match="udpchat trust forget") as stop:
        await party.join(new, "anna")
    assert old.fingerprint in str(stop.value)
    assert new.fingerprint in str(stop.value)
    assert new.users() == []


async def test_a_server_that_was_killed_and_restarted_makes_itself_known(party: Party) -> None:
    script = "import sys; from tests.net.serving import main; main(sys.argv[1:])"
    folder = str(party.folder / "server")
    first = await _start_process(script, folder, "0")
    anna = await party.dial(LOCALHOST, first.port, "anna")
    first.process.kill()
    await first.process.wait()
    second = await _start_process(script, folder, str(first.port))
    async with asyncio.timeout(3):  # the promise of the specification, not a measurement
        with pytest.raises(ConnectionLostError, match="restarted"):
            await anna.say("anybody there?")
        assert "restarted" in (await until(anna.events(), Disconnected)).reason
    second.process.kill()
    await second.process.wait()


class Serving:
    """A server process."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.port = port


async def _start_process(script: str, *arguments: str) -> Serving:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, *arguments, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    return Serving(process, int((await process.stdout.readline()).split()[1]))


# -- the server's own trouble ------------------------------------------------------------------------------------------


async def test_a_port_in_use_is_an_error_and_leaves_the_folder_free(party: Party) -> None:
    first = await party.serve()
    with pytest.raises(OSError, match="in use") as taken:
        await party.serve(port=first.address[1], data="second")
    assert taken.value.errno == errno.EADDRINUSE
    await party.serve(data="second")


async def test_a_second_server_on_a_data_folder_is_refused_before_it_takes_a_port(party: Party) -> None:
    await party.serve()
    with pytest.raises(StorageError, match="server"):
        await party.serve()


async def test_a_data_folder_that_is_a_file_is_refused(party: Party) -> None:
    party.file("server", b"")
    with pytest.raises(StorageError):
        await party.serve()


async def test_closing_twice_is_harmless(tmp_path: Path) -> None:
    server = await serve(LOCALHOST, 0, data=tmp_path)
    await server.close()
    await server.close()
    assert [event async for event in server.events()] == []


async def test_verbs_of_a_closed_client_say_that_it_is_closed(party: Party) -> None:
    server = await party.serve()
    anna = await party.join(server, "anna")
    await anna.close()
    for verb in (anna.users, anna.files, lambda: anna.say("hello"), lambda: anna.get("x"), lambda: anna.put("x")):
        with pytest.raises(ConnectionLostError):
            await verb()


# -- files -------------------------------------------------------------------------------------------------------------


def missing(folder: Path) -> Path:
    return folder / "missing.bin"


def unreadable(folder: Path) -> Path:
    path = folder / "unreadable.bin"
    path.touch(mode=0)
    if os.access(path, os.R_OK):
        pytest.skip("root may read everything")
    return path


def fifo(folder: Path) -> Path:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes here")
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


@pytest.mark.parametrize("make", [missing, unreadable, fifo])
async def test_what_cannot_be_sent_is_named_and_the_session_goes_on(party: Party, make: Callable[[Path], Path]) -> None:
    server = await party.serve()
    anna = await party.join(server, "anna")
    path = make(party.folder)
    with pytest.raises(StorageError, match=path.name):
        await anna.put(path)
    await anna.say("still here")


async def test_an_unknown_remote_file_is_refused(party: Party) -> None:
    server = await party.serve()
    anna = await party.join(server, "anna")
    with pytest.raises(RefusedError) as refused:
        await anna.get("nothing.txt")
    assert refused.value.code == ErrorCode.UNKNOWN_FILE


async def test_an_unknown_recipient_is_refused(party: Party) -> None:
    server = await party.serve()
    anna = await party.join(server, "anna")
    with pytest.raises(RefusedError) as refused:
        await anna.tell("nobody", "hello")
    assert refused.value.code == ErrorCode.UNKNOWN_USER


async def test_a_download_folder_that_cannot_be_made_is_named(party: Party) -> None:
    server = await party.serve()
    anna = await party.join(server, "anna")
    await anna.put(party.file("a.bin", b"content"))
    with pytest.raises(StorageError):
        await anna.get("a.bin", folder=party.file("not a folder", b"") / "below")
    assert content((await anna.get("a.bin")).path) == b"content"


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files by setrlimit")
async def test_a_full_disk_refuses_the_file_and_the_server_goes_on(party: Party) -> None:
    script = (
        "import resource, signal, sys; from tests.net.serving import main;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({4 * MIB}, {4 * MIB}));"
        "main(sys.argv[1:])"
    )
    server = await _start_process(script, str(party.folder / "server"), "0")
    anna = await party.dial(LOCALHOST, server.port, "anna")
    with pytest.raises(RefusedError, match="the server says: ") as full:
        await anna.put(party.file("large.bin", bytes(5 * MIB)))
    assert full.value.code in (ErrorCode.NO_SPACE, ErrorCode.STORAGE_FAILED)
    await anna.put(party.file("small.bin", bytes(MIB)))
    assert [entry.file_name for entry in await anna.files()] == ["small.bin"]
    server.process.kill()
    await server.process.wait()


def test_the_core_can_be_imported_without_sockets_and_databases() -> None:
    script = "import sys, udpchat.config; print([*{'asyncio', 'sqlite3', 'construct'} & set(sys.modules)])"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"

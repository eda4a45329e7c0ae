"""The commands as a user starts them: real processes on loopback."""

import asyncio
import hashlib
import json
import signal
import sys
from pathlib import Path

import pytest

from tests.ui.processes import LIMIT, Running, Screen, do, finish, next_object, objects, start
from udpchat.capture.pcapng import read_capture
from udpchat.ui.cli.exits import ExitCode

SUMMARY_KEYS = [
    *("ok", "bytes", "seconds", "goodput_mbps", "limit_mbps", "ratio", "md5_source", "md5_server", "md5_received"),
    *("datagrams", "retransmitted", "chat_sent", "chat_delivered", "chat_p50_ms", "chat_p99_ms"),
]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and paths of POSIX")


async def test_a_server_that_is_killed_leaves_a_capture_that_lacks_a_second_at_most(tmp_path: Path) -> None:
    path = tmp_path / "server.pcapng"
    options = ("--host", "127.0.0.1", "--port", "0", "--data", str(tmp_path / "data"), "--capture", str(path))
    process = await start("server", "--json", *options)
    place = f"127.0.0.1:{(await next_object(process, 'listening'))['port']}"
    code, _, errors = await do("say", "hello", place, "--home", str(tmp_path / "home"))
    assert code == ExitCode.OK, errors
    async with asyncio.timeout(LIMIT):
        while not list(read_capture(path)):  # noqa: ASYNC110 - a file tells nobody
            await asyncio.sleep(0)
    process.kill()
    await process.communicate()
    found = read_capture(path)
    assert len(list(found)) > 10
    assert not found.truncated


async def test_a_script_talks_and_uploads_and_leaves_when_all_is_done(server: Running) -> None:
    path = server.folder / "my notes.bin"
    path.write_bytes(bytes(range(256)) * 500)
    digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    typed = "".join(f"line {number}\n" for number in range(50)) + f"/put {path}\n/users\n/count\n//slash"
    code, output, errors = await do("client", server.place, "--name", "anna", "--json", *server.home(), typed=typed)
    assert code == ExitCode.OK, errors
    assert server.listening["fingerprint"] in errors  # pinned, and said so
    found = objects(output)
    lines = [each["text"] for each in found if each["event"] == "line"]
    assert lines == [*(f"line {number}" for number in range(50)), "/slash"]
    uploaded = next(each for each in found if each["event"] == "uploaded")
    assert uploaded["md5_sent"] == uploaded["md5_stored"] == digest
    assert next(each["users"][0]["nick"] for each in found if each["event"] == "users") == "anna"
    assert found[0]["event"] == "joined"
    assert found[-1]["event"] == "counters"

    got = server.folder / "made" / "for this"
    code, output, errors = await do("get", "my notes.bin", server.place, "--to", str(got), "--json", *server.home())
    assert code == ExitCode.OK, errors
    assert errors == ""  # known by now
    assert (got / "my notes.bin").read_bytes() == path.read_bytes()

    code, output, errors = await server.stop()
    assert code == ExitCode.OK, errors
    events = [each["event"] for each in objects(output)]
    assert events.count("line") == 51
    assert {"upload_began", "file_shared", "file_delivered"} <= set(events)
    assert events[-1] == "counters"


async def test_what_fails_is_told_while_the_rest_goes_on(server: Running) -> None:
    here = server.folder / "here.txt"
    here.write_text("some text")
    client = start("client", server.place, "--name", "anna", *server.home())
    shot = start("put", str(here), server.place, *server.home("other"))
    typed = "/get nothing\n/put /dev/null\n/msg nobody hi\n/uesrs\nstill here\n"
    (code, output, errors), (put_code, put_output, _) = await asyncio.gather(
        finish(await client, typed), finish(await shot)
    )
    assert "get nothing: " in errors
    assert "put /dev/null: /dev/null is a device; only files and folders can be sent" in errors
    assert "nobody here is called nobody" in errors
    assert "did you mean /users [ROOM]?" in errors
    assert "anna: still here" in output
    assert code in (ExitCode.USAGE, ExitCode.REFUSED, ExitCode.LOCAL_FILE)
    assert put_code == ExitCode.OK
    assert "uploaded here.txt (9 B in" in put_output


async def test_hostile_words_reach_no_terminal_raw(server: Running) -> None:
    listener = await start("client", server.place, "--name", "ben", *server.home("ben"))
    assert listener.stdout is not None
    assert b"joined" in await listener.stdout.readline()
    code, _, errors = await do("say", "red \x1b[31m alert \u202egpj", server.place, "--name", "eve", *server.home())
    assert code == ExitCode.OK, errors
    async with asyncio.timeout(LIMIT):
        while b"alert" not in (line := await listener.stdout.readline()):
            assert line
    assert line.decode().rstrip().endswith("eve: red <U+001B>[31m alert <U+202E>gpj")
    code, _, errors = await finish(listener, "")
    assert code == ExitCode.OK, errors


async def test_a_server_that_is_stopped_says_goodbye(server: Running) -> None:
    client = await start("client", server.place, "--name", "anna", "--json", "--reconnect", "0", *server.home())
    await next_object(client, "joined")
    taken = await do("client", server.place, "--name", "Anna", *server.home("other"))
    assert taken[0] == ExitCode.NICKNAME
    assert taken[2].splitlines()[-1] == "udpchat client: the nickname Anna is in use: choose another"
    server.process.send_signal(signal.SIGINT)
    assert (await next_object(client, "disconnected"))["reason"] == "the server is shutting down"
    async with asyncio.timeout(LIMIT):
        _, errors = await client.communicate()
        assert client.returncode == ExitCode.CONNECTION_LOST
        assert errors.decode().splitlines()[-1] == "udpchat client: the server is shutting down"
    assert (await finish(server.process))[0] == ExitCode.OK


async def test_a_client_that_is_interrupted_leaves_in_order(server: Running) -> None:
    client = await start("client", server.place, "--name", "anna", "--json", *server.home())
    await next_object(client, "joined")
    client.terminate()
    async with asyncio.timeout(LIMIT):
        _, errors = await client.communicate()
    assert client.returncode == ExitCode.INTERRUPTED
    assert errors.decode().splitlines()[-1] == "udpchat client: interrupted"
    assert (await next_object(server.process, "user"))["change"] == "joined"
    assert (await next_object(server.process, "user"))["change"] == "left"


async def test_keys_that_do_not_fit_and_modes_that_differ_are_refused_in_a_sentence(server: Running) -> None:
    refused = {
        ("--strict",): (ExitCode.SERVER_KEY, "never seen before"),
        ("--server-key", "0000-0000"): (ExitCode.SERVER_KEY, "this is another server"),
        ("--plaintext",): (ExitCode.NO_SERVER, "leave out --plaintext"),
    }
    found = await asyncio.gather(*(do("ls", server.place, *options, *server.home(options[0])) for options in refused))
    for (expected, words), (code, output, errors) in zip(refused.values(), found, strict=True):
        assert (code, output) == (expected, "")
        assert len(errors.splitlines()) == 1
        assert words in errors


async def test_a_key_that_has_changed_stops_everything_until_it_is_forgotten(server: Running) -> None:
    code, _, _ = await do("trust", "add", server.place, "ab" * 32, *server.home())
    assert code == ExitCode.OK
    code, _, errors = await do("ls", server.place, *server.home())
    assert code == ExitCode.SERVER_KEY
    assert server.listening["fingerprint"] in errors
    assert f"udpchat trust forget {server.place}" in errors
    code, output, _ = await do("trust", "forget", server.place, *server.home())
    assert (code, output.split()[0]) == (ExitCode.OK, "forgot")
    assert (await do("ls", server.place, *server.home(), "--server-key", server.listening["key"]))[0] == ExitCode.OK


async def test_a_second_server_on_one_folder_or_port_is_one_line(server: Running) -> None:
    same_folder, same_port = await asyncio.gather(
        do("server", "--port", "0", "--data", str(server.folder / "data")),
        do(
            "server", "--host", "127.0.0.1", "--port", str(server.listening["port"]), "--data", str(server.folder / "x")
        ),
    )
    assert same_folder[0] == ExitCode.LOCAL_FILE
    assert "is in use by another udpchat server" in same_folder[2]
    assert same_port[0] == ExitCode.USAGE
    assert "is in use; stop the other program or choose another port with --port" in same_port[2]
    assert len(same_folder[2].splitlines()) == len(same_port[2].splitlines()) == 1


async def test_on_a_terminal_a_person_is_asked_for_another_nickname_and_talks(server: Running) -> None:
    holder = await start("client", server.place, "--name", "anna", "--json", *server.home("anna"))
    await next_object(holder, "joined")
    screen = await Screen.start("client", server.place, "--name", "anna", *server.home("ben"))
    await screen.until("the nickname anna is in use: choose another")
    await screen.until("another nickname: ")
    screen.type("two words")
    await screen.until("only visible characters and no spaces")
    await screen.until("another nickname: ")
    screen.type("ben")
    await screen.until("joined 127.0.0.1")
    await screen.until("ben> ")
    screen.type("hello")
    await screen.until(" ben: hello")
    screen.type("/uesrs")
    await screen.until("did you mean /users [ROOM]?")
    screen.type("/quit")
    assert await screen.end() == ExitCode.OK
    line = await next_object(holder, "line")
    assert (line["sender"], line["text"]) == ("ben", "hello")
    assert (await finish(holder))[0] == ExitCode.OK


async def test_the_administrator_types_at_the_server(tmp_path: Path) -> None:
    screen = await Screen.start("server", "--host", "127.0.0.1", "--port", "0", "--data", str(tmp_path / "data"))
    await screen.until("udpchat client 127.0.0.1:")
    port = (await screen.until("\r\n")).strip()
    await screen.until("key fingerprint ")
    fingerprint = (await screen.until("\r\n")).strip()
    home = ("--home", str(tmp_path / "home"))
    client = await start(
        "client", f"127.0.0.1:{port}", "--name", "anna", "--json", "--strict", "--server-key", fingerprint, *home
    )
    await next_object(client, "joined")
    await screen.until("anna joined")
    screen.type("/say dinner at 8")
    assert (await next_object(client, "notice"))["text"] == "dinner at 8"
    screen.type("/users")
    await screen.until("anna since ")
    screen.type("/kick nobody")
    await screen.until("nobody here is called nobody")
    screen.type("/kick anna")
    await screen.until("anna was kicked, 0 users are here")
    assert (await next_object(client, "disconnected"))["reason"] == "the administrator ended your session"
    assert (await finish(client))[0] == ExitCode.CONNECTION_LOST
    screen.type("/quit")
    assert await screen.end() == ExitCode.OK


async def test_the_demo_survives_five_percent_of_loss(tmp_path: Path) -> None:
    capture = tmp_path / "demo.pcapng"
    options = ("--capture", str(capture), "--capture-at", "relay")
    code, output, errors = await do("demo", "--size", "300k", "--loss", "5%", "--json", *options)
    summary = json.loads(output)
    assert code == ExitCode.OK, errors
    assert list(summary) == [
        "ok",
        "bytes",
        "seconds",
        "goodput_mbps",
        "limit_mbps",
        "ratio",
        "md5_source",
        "md5_server",
        "md5_received",
        "datagrams",
        "retransmitted",
        "chat_sent",
        "chat_delivered",
        "chat_p50_ms",
        "chat_p99_ms",
    ]
    assert summary["ok"] is True
    assert summary["bytes"] == 300_000
    assert summary["md5_source"] == summary["md5_server"] == summary["md5_received"]
    assert summary["chat_sent"] == summary["chat_delivered"] >= 600
    assert summary["limit_mbps"] == pytest.approx(100 * 0.95 * 1420 / 1514, abs=0.001)
    assert summary["datagrams"] > 600
    assert summary["retransmitted"] > 0
    came = [each for each in read_capture(capture) if not each.outbound]
    assert len(came) == summary["datagrams"]
    assert 0.02 < sum(each.comment == "dropped=loss" for each in came) / len(came) < 0.1

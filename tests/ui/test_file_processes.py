"""Files and folders as users and scripts have them: real servers and clients on loopback."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.ui.processes import (
    Running,
    Screen,
    do,
    finish,
    join,
    leave,
    next_object,
    objects,
    serve,
    start,
    type_line,
)
from udpchat.config import TRANSFER_CREDIT
from udpchat.ui.cli.exits import ExitCode

MB = 1_000_000
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals, names and permissions of POSIX")


def fill(folder: Path, seed: int = 1, *, large: int = 300_000) -> None:
    """A folder of many kinds of files."""
    random = Random(seed)
    for name in ("2026/会议", "empty folder", "deep/er/est"):
        (folder / name).mkdir(parents=True)
    (folder / "large.bin").write_bytes(random.randbytes(large))
    (folder / "empty").touch()
    (folder / "2026" / "会议" / "عربي ü.txt").write_text("hello")
    for number in range(20):
        (folder / "deep" / "er" / "est" / f"small {number}.txt").write_bytes(random.randbytes(number * 100))
    (folder / "run").write_text("#!/bin/sh\n")
    (folder / "run").chmod(0o755)
    os.utime(folder / "run", ns=(1_600_000_000 * 10**9,) * 2)


def tree(folder: Path) -> dict[str, tuple[bytes | None, bool, int]]:
    """What lies below a folder: content, executable bit, time of change [s]."""
    found: dict[str, tuple[bytes | None, bool, int]] = {}
    for path in sorted(folder.rglob("*")):
        facts = path.stat()
        is_file = path.is_file()
        content = path.read_bytes() if is_file else None
        found[str(path.relative_to(folder))] = (content, is_file and bool(facts.st_mode & 0o100), int(facts.st_mtime))
    return found


async def kill(server: Running) -> None:
    server.process.kill()
    await server.process.communicate()


async def until(process: Any, event: str, **values: object) -> dict[str, Any]:
    """The next object of that name with these values."""
    while True:
        found = await next_object(process, event)
        if all(found[key] == value for key, value in values.items()):
            return found


async def test_a_folder_that_is_fetched_is_the_tree_that_was_sent(server: Running) -> None:
    source = server.folder / "my photos"
    fill(source)
    (source / "out").symlink_to("/etc/hostname")
    code, output, errors = await do("put", str(source), server.place, "--json", *server.home("anna"))
    assert code == ExitCode.OK, errors
    uploaded = next(each for each in objects(output) if each["event"] == "uploaded")
    assert uploaded["left_out"] == ["out"]
    assert uploaded["md5_sent"] == uploaded["md5_stored"]
    (source / "out").unlink()
    code, output, errors = await do("ls", server.place, "my photos/", "--json", *server.home("ben"))
    assert {each["path"] for each in objects(output)} == set(tree(source)), errors
    code, output, _ = await do("ls", server.place, "my photos/deep/er", *server.home("ben"))
    assert output.splitlines()[-1] == "22 members, 19.0 kB"
    got = server.folder / "got"
    names = ("my photos/", "my photos/run")
    code, output, errors = await do("get", *names, server.place, "--to", str(got), "--json", *server.home("ben"))
    assert code == ExitCode.OK, errors
    assert tree(got / "my photos") == tree(source)
    assert (got / "run").read_text() == "#!/bin/sh\n"
    code, _, errors = await do("get", "my photos", server.place, "--to", str(got), *server.home("ben"))
    assert code == ExitCode.OK, errors
    assert tree(got / "my photos (2)") == tree(source)


@pytest.mark.parametrize("is_folder", [False, True], ids=["file", "folder"])
async def test_an_upload_goes_on_by_itself_when_its_server_is_killed_and_started_again(
    tmp_path: Path, is_folder: bool
) -> None:
    server = await serve(tmp_path)
    source = tmp_path / "big"
    if is_folder:
        source.mkdir()
        fill(source, large=20 * MB)
    else:
        source.write_bytes(Random(2).randbytes(20 * MB))
    put = await start("put", str(source), server.place, "--limit", "10MB/s", "--json", *server.home("anna"))
    # No more than a credit is ever sent ahead of what is durable: some of it is, then.
    while (progress := await next_object(put, "progress"))["done"] <= TRANSFER_CREDIT:
        pass
    await kill(server)
    await next_object(put, "reconnecting")
    again = await serve(tmp_path, port=server.listening["port"])
    await next_object(put, "returned")
    code, output, errors = await finish(put)
    assert code == ExitCode.OK, errors
    uploaded = next(each for each in objects(output) if each["event"] == "uploaded")
    assert uploaded["md5_sent"] == uploaded["md5_stored"]
    assert uploaded["resumed"] > 0
    assert progress["transfer"]["file_name"] == "big"
    got = tmp_path / "got"
    code, _, errors = await do("get", "big", again.place, "--to", str(got), *again.home("ben"))
    assert code == ExitCode.OK, errors
    if is_folder:
        assert tree(got / "big") == tree(source)
    else:
        assert (got / "big").read_bytes() == source.read_bytes()
    await again.stop()


async def test_a_put_that_was_killed_goes_on_when_it_is_given_again(server: Running) -> None:
    source = server.folder / "big.bin"
    source.write_bytes(Random(3).randbytes(4 * MB))
    command = ("put", str(source), server.place, "--json", *server.home("anna"))
    first = await start(*command, "--limit", "2MB/s")
    while (await next_object(first, "progress"))["done"] == 0:
        pass
    first.kill()
    await first.communicate()
    code, output, errors = await do("transfers", "--json", *server.home("anna"))
    (written,) = objects(output)
    assert (written["file_name"], written["wish"], written["is_elsewhere"]) == ("big.bin", "run", False), errors
    code, output, errors = await do(*command, "--limit", "1gbit")
    assert code == ExitCode.OK, errors
    assert next(each for each in objects(output) if each["event"] == "uploaded")["resumed"] > 0
    assert (await do("transfers", *server.home("anna")))[1] == "no unfinished transfers\n"


async def test_a_put_that_its_user_interrupts_rests_until_the_user_wants_it_again(server: Running) -> None:
    source = server.folder / "big.bin"
    source.write_bytes(Random(3).randbytes(4 * MB))
    command = ("put", str(source), server.place, *server.home("anna"))
    first = await start(*command, "--limit", "2MB/s", "--json")
    while (await next_object(first, "progress"))["done"] == 0:
        pass
    first.send_signal(signal.SIGINT)
    code, output, errors = await finish(first)
    assert (code, errors.splitlines()[1:]) == (ExitCode.INTERRUPTED, ["udpchat put: interrupted"])
    assert [each["transfer"]["number"] for each in objects(output) if each["event"] == "transfer_resting"] == [1]
    (written,) = objects((await do("transfers", "--json", *server.home("anna")))[1])
    assert (written["file_name"], written["wish"]) == ("big.bin", "pause")
    again = await start(*command, "--limit", "100kB/s")
    while objects((await do("transfers", "--json", *server.home("anna")))[1])[0]["wish"] != "run":
        pass
    again.send_signal(signal.SIGTERM)
    code, _, errors = await finish(again)
    assert code == ExitCode.INTERRUPTED
    kept = "what has arrived is kept; the same command lets it go on, udpchat transfers cancel 1 gives it up"
    assert f"[1] big.bin is paused: {kept}\n" in errors
    code, output, errors = await do(*command, "--json", "--limit", "1gbit")
    assert code == ExitCode.OK, errors
    assert next(each for each in objects(output) if each["event"] == "uploaded")["resumed"] > 0


async def test_another_program_pauses_resumes_and_cancels_what_runs(tmp_path: Path) -> None:
    server = await serve(tmp_path, "--limit", "1MB/s")
    source = tmp_path / "big.bin"
    source.write_bytes(bytes(40 * MB))
    anna = await join(server, "anna")
    await type_line(anna, f"/put {source}")
    await until(anna, "progress", phase="running")
    await type_line(anna, "/limit 1 500kB/s")
    assert (await next_object(anna, "done"))["command"] == "limit"
    home = server.home("anna")
    assert (await do("transfers", "pause", "1", *home))[:2] == (ExitCode.OK, "[1] is paused\n")
    assert (await next_object(anna, "transfer_resting"))["transfer"]["number"] == 1
    code, output, _ = await do("transfers", "list", *home)
    assert "paused, at most 500.0 kB/s: big.bin" in output
    assert (await do("transfers", "limit", "all", "0", *home))[0] == ExitCode.OK
    assert (await do("transfers", "priority", "1", "high", *home))[0] == ExitCode.OK
    assert (await do("transfers", "first", "1", *home))[0] == ExitCode.OK
    code, _, errors = await do("transfers", "resume", "7", *home)
    assert (code, errors) == (
        ExitCode.REFUSED,
        "udpchat: there is no transfer 7; udpchat transfers lists them\n",
    )
    await type_line(anna, "/transfers")
    (listed,) = (await next_object(anna, "transfers"))["transfers"]
    assert (listed["phase"], listed["transfer"]["number"]) == ("paused", 1)
    assert (await do("transfers", "cancel", "all", *home))[0] == ExitCode.OK
    error = await next_object(anna, "error")
    assert (error["command"], error["exit_code"]) == ("put", ExitCode.CANCELLED)
    while (await do("transfers", *home))[1] != "no unfinished transfers\n":  # the server is told, and then it is gone
        pass
    assert (await do("ls", server.place, *home))[1] == "no files yet\n"
    assert (await finish(anna))[0] == ExitCode.CANCELLED
    await server.stop()


async def test_a_script_that_pauses_a_transfer_leaves_it_for_later(tmp_path: Path) -> None:
    server = await serve(tmp_path, "--limit", "1MB/s")
    source = tmp_path / "big.bin"
    source.write_bytes(bytes(40 * MB))
    anna = await join(server, "anna")
    await type_line(anna, f"/put {source}")
    await until(anna, "progress", phase="running")
    await type_line(anna, "/pause all")
    assert (await finish(anna))[0] == ExitCode.OK
    assert "paused: big.bin" in (await do("transfers", *server.home("anna")))[1]
    await server.stop()


async def test_what_a_client_left_unfinished_goes_on_at_its_next_start(tmp_path: Path) -> None:
    server = await serve(tmp_path, "--limit", "1MB/s")
    source = tmp_path / "big.bin"
    source.write_bytes(Random(5).randbytes(3 * MB))
    anna = await join(server, "anna")
    await type_line(anna, f"/put {source}")
    await until(anna, "progress", phase="running")
    anna.kill()
    await anna.communicate()
    anna = await join(server, "anna")
    (adopted,) = (await next_object(anna, "adopted"))["transfers"]
    assert (adopted["file_name"], adopted["direction"]) == ("big.bin", "upload")
    uploaded = await next_object(anna, "uploaded")
    assert uploaded["md5_sent"] == uploaded["md5_stored"]
    await leave(anna)
    await server.stop()


async def test_a_file_for_one_person_is_offered_accepted_and_seen_by_nobody_else(server: Running) -> None:
    plan, notes = server.folder / "plan.txt", server.folder / "notes.txt"
    plan.write_text("the plan")
    notes.write_text("the notes")
    folder = server.folder / "bens"
    anna, carl = await asyncio.gather(join(server, "anna"), join(server, "carl"))
    ben = await join(server, "ben", "--to", str(folder))
    await type_line(anna, f"/put {plan} to:ben")
    offered = await next_object(ben, "file_said")
    assert (offered["recipient"], offered["room"], offered["file_name"]) == ("ben", "", "plan.txt")
    await type_line(anna, f"/send ben {notes}")
    await until(ben, "file_said", file_name="notes.txt")
    for line in ("/files", "/get plan.txt", f"/file {offered['file_id']}", "/history", "/delete plan.txt"):
        await type_line(carl, line)
    code, output, errors = await finish(carl)
    assert code == ExitCode.REFUSED
    found = objects(output)
    assert next(each for each in found if each["event"] == "files")["files"] == []
    assert not [each for each in found if each["event"] in ("file_said", "file_details", "downloaded")]
    assert "did you mean" not in errors
    assert "plan.txt" not in errors.replace("plan.txt: ", "").replace("no file plan.txt", "")  # but what was typed
    await type_line(ben, "/accept")  # which?
    assert "several are offered" in (await next_object(ben, "error"))["text"]
    await type_line(ben, "/accept plan.txt")
    await next_object(ben, "downloaded")
    assert (folder / "plan.txt").read_text() == "the plan"
    await until(anna, "file_marked", state="verified", nick="ben")
    await type_line(ben, "/decline anna")
    await next_object(ben, "done")
    await until(anna, "file_marked", state="declined", nick="ben", file_name="notes.txt")
    await type_line(anna, "/files")
    (listed,) = (await next_object(anna, "files"))["files"]
    assert (listed["file_name"], listed["state"], listed["recipient"]) == ("plan.txt", "verified", "ben")
    await type_line(anna, "/file plan.txt")
    (mark,) = (await next_object(anna, "file_details"))["marks"]
    assert (mark["nick"], mark["state"]) == ("ben", "verified")
    await type_line(ben, "/accept")
    await leave(anna)
    assert (await finish(ben))[0] == ExitCode.REFUSED  # asked which, and nothing was left


async def test_a_file_is_opened_by_the_systems_program_and_its_sender_hears_of_it(server: Running) -> None:
    opener = server.folder / "bin" / ("open" if sys.platform == "darwin" else "xdg-open")
    opener.parent.mkdir()
    opener.write_text(f'#!/bin/sh\nprintf "%s" "$1" > "{server.folder}/opened"\n')
    opener.chmod(0o755)
    for name, content in (("plan.txt", "the plan"), ("photo.jpg", "#!/bin/sh\nrm -rf /\n"), ("setup.exe", "MZ")):
        (server.folder / name).write_text(content)
    anna = await join(server, "anna")
    path = f"{opener.parent}:{os.environ['PATH']}"
    ben = await join(server, "ben", "--to", str(server.folder / "bens"), PATH=path)
    for name in ("plan.txt", "photo.jpg", "setup.exe"):
        await type_line(anna, f"/put {server.folder / name}")
        await next_object(anna, "uploaded")
    await type_line(ben, "/open plan.txt")
    assert (await next_object(ben, "done"))["command"] == "open"
    assert (server.folder / "opened").read_text() == str(server.folder / "bens" / "plan.txt")
    await until(anna, "file_marked", state="opened", nick="ben", file_name="plan.txt")
    (server.folder / "opened").unlink()
    for name in ("photo.jpg", "setup.exe"):
        await type_line(ben, f"/open {name}")
        error = await next_object(ben, "error")
        assert "is a program, or a kind of file that your system runs" in error["text"]
    assert not (server.folder / "opened").exists()
    assert not (server.folder / "bens" / "setup.exe").exists()  # by its name: not even fetched
    await leave(anna)
    assert (await finish(ben))[0] == ExitCode.LOCAL_FILE


async def test_limits_of_the_server_are_told_in_a_sentence_with_what_to_do(tmp_path: Path) -> None:
    server = await serve(tmp_path, "--quota", "1M", "--max-storage", "1500k")
    small, large = tmp_path / "small.bin", tmp_path / "large.bin"
    small.write_bytes(bytes(800_000))
    large.write_bytes(bytes(900_000))
    assert (await do("put", str(small), server.place, *server.home("anna")))[0] == ExitCode.OK
    code, _, errors = await do("put", str(large), server.place, *server.home("anna"))
    assert code == ExitCode.REFUSED
    assert "you have 800 kB of your 1 MB on this server; delete files of yours" in errors
    code, _, errors = await do("put", str(large), server.place, *server.home("ben"))
    assert code == ExitCode.REFUSED
    assert "800 kB of the 1.5 MB that this server stores are in use" in errors
    refused = {"--to=nobody": "nobody here is called nobody", "--room=nowhere": "nowhere"}
    for option, words in refused.items():
        code, _, errors = await do("put", str(small), server.place, option, *server.home("ben"))
        assert code == ExitCode.REFUSED
        assert words in errors
    code, _, errors = await do("rm", "small.bin", server.place, *server.home("ben"))
    assert code == ExitCode.REFUSED, errors
    code, output, errors = await do("rm", "smal.bin", "small.bin", server.place, *server.home("anna"))
    assert (code, output) == (ExitCode.REFUSED, "deleted small.bin\n")
    assert "rm smal.bin: there is no file smal.bin; did you mean small.bin?" in errors
    assert (await do("put", str(large), server.place, *server.home("anna")))[0] == ExitCode.OK
    await server.stop()


async def test_hostile_names_reach_no_terminal_raw_and_no_other_folder(server: Running) -> None:
    source = server.folder / "in"
    source.mkdir()
    names = ("red \x1b[31m alert\x07.txt", "photo\u202egnp.js", "..\\up.txt", "new\nline", "-rf", "e" + "\u0301" * 60)
    for name in names:
        (source / name).write_text(name)
    screen = await Screen.start(
        "client", server.place, "--name", "ben", *server.home("ben"), "--to", str(server.folder)
    )
    await screen.until("ben> ")
    files = [str(source / name) for name in names]
    code, output, errors = await do("put", *files, str(source), server.place, *server.home("eve"))
    assert code == ExitCode.OK, errors
    assert "red <U+001B>[31m alert<U+0007>.txt" in output
    await screen.until("sent the folder in")
    for typed, shown in (("/files", "7 files"), ("/files in/", "6 members"), ("/get in", "downloaded in")):
        screen.type(typed)
        await screen.until(shown)
    screen.type("/quit")
    assert await screen.end() == ExitCode.OK
    assert "photo<U+202E>gnp.js" in screen.all
    for raw in ("\x1b[31m", "\u202e", "\u0301" * 9, "\x9b"):
        assert raw not in screen.all
    got = sorted(path.name for path in server.folder.iterdir() if path.is_dir())
    assert got == ["ben", "data", "eve", "in", "in (2)"]
    assert len(list((server.folder / "in (2)").iterdir())) == len(names)
    assert all("\x1b" not in path.name and "\\" not in path.name for path in (server.folder / "in (2)").iterdir())


async def test_the_administrator_deletes_a_file_at_the_server(tmp_path: Path) -> None:
    screen = await Screen.start("server", "--host", "127.0.0.1", "--port", "0", "--data", str(tmp_path / "data"))
    await screen.until("udpchat client ")
    place = (await screen.until("\r\n")).strip()
    await screen.until("server> ")
    path = tmp_path / "notes.txt"
    path.write_text("hello")
    home = ("--home", str(tmp_path / "home"))
    assert (await do("put", str(path), place, "--name", "anna", *home))[0] == ExitCode.OK
    screen.type("/delete note.txt")
    await screen.until("there is no file note.txt; did you mean notes.txt?")
    screen.type("/delete notes.txt")
    await screen.until("the administrator deleted notes.txt of anna (5 B)")
    screen.type("/files")
    await screen.until("no files yet")
    assert (await do("ls", place, *home))[1] == "no files yet\n"
    screen.type("/quit")
    assert await screen.end() == ExitCode.OK

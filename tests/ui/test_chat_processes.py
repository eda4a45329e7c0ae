"""Chat as users and scripts have it: real servers and clients on loopback."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from tests.ui.processes import LIMIT, Running, do, finish, join, leave, next_object, objects, serve, start, type_line
from udpchat.ui.cli.exits import ExitCode

SECRET = "korrekt Pferd 7"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and paths of POSIX")


async def test_rooms_private_lines_receipts_and_history(server: Running) -> None:
    anna, ben, carl = await asyncio.gather(*(join(server, nick) for nick in ("anna", "ben", "carl")))
    await type_line(anna, "/create games board games")
    assert (await next_object(anna, "room"))["room"]["topic"] == "board games"
    await type_line(ben, "/join games")
    assert (await next_object(ben, "room"))["room"]["user_count"] == 2
    await type_line(ben, "who plays?")
    line = await next_object(anna, "line")
    assert (line["room"], line["sender"], line["text"]) == ("games", "ben", "who plays?")
    await type_line(ben, "/msg anna 你好 \\o/")
    private = await next_object(anna, "private")
    assert (private["sender"], private["recipient"], private["text"]) == ("ben", "anna", "你好 \\o/")
    said = await next_object(ben, "said")
    assert (said["to"], said["sequence"], said["waits"]) == ("anna", private["sequence"], False)
    await type_line(anna, "/read ben")
    while (receipt := await next_object(ben, "receipt"))["state"] != "read":
        pass
    assert (receipt["nick"], receipt["sequence"]) == ("anna", private["sequence"])
    await type_line(anna, "/reply later")
    assert (await next_object(ben, "private"))["text"] == "later"
    await type_line(carl, "/history")
    await type_line(carl, "/history ben")
    heard = await leave(carl)
    assert [each["messages"] for each in heard if each["event"] == "history"] == [[], []]
    assert not [each for each in heard if each["event"] in ("private", "line")]
    await type_line(anna, "/history ben 1")
    await type_line(anna, "/more")
    await type_line(anna, "/search 你好 from:ben")
    pages = [each["messages"] for each in await leave(anna) if each["event"] == "history"]
    assert [[message["text"] for message in page] for page in pages] == [["later"], ["你好 \\o/"], ["你好 \\o/"]]
    await leave(ben)
    code, output, errors = await do("history", server.place, "games", "--json", *server.home("ben"))
    assert code == ExitCode.OK, errors
    assert [(each["sender"], each["text"]) for each in objects(output)] == [("ben", "who plays?")]
    code, output, _ = await do("history", server.place, "--all", *server.home("carl"))
    assert (code, output) == (ExitCode.OK, "")


async def test_commands_of_older_systems_and_menu_words_do_what_they_did(server: Running) -> None:
    path = server.folder / "my 饭 notes.txt"
    path.write_text("some text")
    folder = server.folder / "downloads"
    typed = f"!howmany\n!users\nu\n{path}\nc\n!bye is how one leaves\nls-l\ninto the dark~nobody\n!usres\n"
    options = ("--menu", "--tilde", "--to", str(folder), "--json", *server.home("anna"))
    code, output, errors = await do("client", server.place, "--name", "anna", *options, typed=typed)
    found = {each["event"]: each for each in objects(output)}
    assert code in (ExitCode.USAGE, ExitCode.REFUSED)  # of the last two
    assert found["count"]["user_count"] == 1
    assert [user["nick"] for user in found["users"]["users"]] == ["anna"]
    assert found["uploaded"]["file_name"] == "my 饭 notes.txt"
    assert found["line"]["text"] == "!bye is how one leaves"
    assert found["local_files"]["files"] == []
    assert "msg nobody: " in errors
    assert "did you mean !users?" in errors
    typed = "!ls\n!get my 饭 notes.txt\n/file download missing\n"
    code, output, errors = await do("client", server.place, "--name", "anna", *options, typed=typed)
    found = {each["event"]: each for each in objects(output)}
    assert code == ExitCode.REFUSED
    assert [entry["file_name"] for entry in found["files"]["files"]] == ["my 饭 notes.txt"]
    assert (folder / "my 饭 notes.txt").read_text() == "some text"
    assert "get missing: " in errors
    code, output, _ = await do("client", server.place, "--name", "anna", *options, typed="ls-l\nq\nnever said\n")
    found = {each["event"]: each for each in objects(output)}
    assert code == ExitCode.OK
    assert [entry["path"] for entry in found["local_files"]["files"]] == ["my 饭 notes.txt"]
    assert "line" not in found


async def test_an_account_is_made_with_a_password_from_the_environment_and_kept_by_a_ticket(server: Running) -> None:
    anna = await join(server, "annabel", UDPCHAT_PASSWORD=SECRET)
    await type_line(anna, "/register")
    account = await next_object(anna, "account")
    assert (account["outcome"], account["nick"]) == ("registered", "annabel")
    assert not {"ticket", "password"} & account.keys()
    await leave(anna)
    code, _, errors = await do("client", server.place, "--name", "annabel", *server.home("eve"))
    assert code == ExitCode.NICKNAME
    assert "belongs to an account" in errors
    key = server.folder / "password"
    key.write_text(SECRET)
    key.chmod(0o600)
    laptop = await join(server, "annabel", "--password-file", str(key), home="laptop")
    await leave(laptop)
    code, _, errors = await do(
        "client", server.place, "--name", "annabel", *server.home("eve"), UDPCHAT_PASSWORD="another"
    )
    assert code == ExitCode.ACCOUNT
    assert "the password is wrong" in errors
    again = await join(server, "annabel")  # with the ticket of the first time
    await type_line(again, "/password")
    await type_line(again, "/seen annabel")
    heard = await finish(again)
    assert heard[0] == ExitCode.ACCOUNT
    assert "set UDPCHAT_PASSWORD" in heard[2]
    assert "account" in next(each for each in objects(heard[1]) if each["event"] == "seen")["user"]["flags"]
    for path in (server.folder / "data").rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()
    code, output, errors = await server.stop()
    assert SECRET not in output + errors


async def test_a_line_to_an_absent_user_waits_for_the_next_login(server: Running) -> None:
    anna = await join(server, "annabel", UDPCHAT_PASSWORD=SECRET)
    await type_line(anna, "/register")
    await next_object(anna, "account")
    await leave(anna)
    ben = await join(server, "ben")
    await type_line(ben, "/msg annabel for later")
    assert (await next_object(ben, "said"))["waits"] is True
    anna = await join(server, "annabel")
    assert (await next_object(anna, "private"))["text"] == "for later"
    assert (await next_object(ben, "receipt"))["state"] == "delivered"
    await leave(anna, ben)


async def test_a_server_for_accounts_lets_nobody_else_in(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path / "data"))
    code, _, errors = await do("user", "add", "annabel", "--admin", *data, UDPCHAT_PASSWORD=SECRET)
    assert code == ExitCode.OK, errors
    server = await serve(tmp_path, "--require-account")
    code, _, errors = await do("say", "hi", server.place, "--name", "guest", *server.home("guest"))
    assert code == ExitCode.ACCOUNT
    anna = await join(server, "annabel", UDPCHAT_PASSWORD=SECRET)
    # An account is added, and gets another password, while the server runs.
    assert (await do("user", "add", "benjamin", *data, UDPCHAT_PASSWORD="first one"))[0] == ExitCode.OK
    assert (await do("user", "passwd", "benjamin", *data, UDPCHAT_PASSWORD=SECRET))[0] == ExitCode.OK
    ben = await join(server, "benjamin", UDPCHAT_PASSWORD=SECRET)
    await type_line(anna, "/announce dinner at 8")
    assert (await next_object(ben, "notice"))["text"] == "dinner at 8"
    await type_line(anna, "/ban benjamin too loud")
    assert "too loud" in (await next_object(ben, "disconnected"))["reason"]
    assert (await finish(ben))[0] == ExitCode.CONNECTION_LOST
    code, _, errors = await do(
        "client", server.place, "--name", "benjamin", *server.home("benjamin"), UDPCHAT_PASSWORD=SECRET
    )
    assert code in (ExitCode.REFUSED, ExitCode.CONNECTION_LOST)
    assert "too loud" in errors
    await type_line(anna, "/bans")
    assert [ban["target"] for ban in (await next_object(anna, "bans"))["bans"]] == ["benjamin"]
    await leave(anna)
    assert (await server.stop())[0] == ExitCode.OK


async def test_a_client_waits_for_its_place_on_a_full_server(tmp_path: Path) -> None:
    server = await serve(tmp_path, "--max-users", "1")
    anna = await join(server, "anna")
    code, _, errors = await do("client", server.place, "--name", "ben", *server.home("ben"))
    assert code == ExitCode.SERVER_FULL, errors
    ben = await start("client", server.place, "--name", "ben", "--json", "--wait", *server.home("ben"))
    queued = await next_object(ben, "queued")
    assert (queued["position"], queued["max_users"]) == (1, 1)
    await leave(anna)
    await next_object(ben, "joined")
    await leave(ben)
    await server.stop()


async def test_a_client_comes_back_by_itself_and_misses_nothing_when_its_server_is_killed(tmp_path: Path) -> None:
    server = await serve(tmp_path)
    journal = tmp_path / "anna.jsonl"
    anna, ben = await asyncio.gather(join(server, "anna", "--log", str(journal)), join(server, "ben"))
    await type_line(ben, "before")
    assert (await next_object(anna, "line"))["text"] == "before"
    server.process.kill()
    await server.process.communicate()
    await type_line(ben, "meanwhile")
    again = await serve(tmp_path, port=server.listening["port"])
    for client in (anna, ben):
        assert (await next_object(client, "reconnecting"))["attempt"] == 1
        assert (await next_object(client, "returned"))["away_for"] > 0
    await type_line(ben, "after")
    assert (await next_object(anna, "line"))["text"] == "meanwhile"
    assert (await next_object(anna, "line"))["text"] == "after"
    await leave(anna, ben)
    kept = [json.loads(line) for line in journal.read_text().splitlines()]
    assert [each["text"] for each in kept if "text" in each] == ["before", "meanwhile", "after"]
    await again.stop()


async def test_a_script_that_gives_up_names_the_lines_that_were_not_sent(tmp_path: Path) -> None:
    server = await serve(tmp_path)
    anna = await join(server, "anna", "--reconnect", "2")
    await server.stop()
    await next_object(anna, "reconnecting")
    await type_line(anna, "one")
    await type_line(anna, "two")
    async with asyncio.timeout(LIMIT):
        output, errors = await anna.communicate()
    assert anna.returncode == ExitCode.CONNECTION_LOST
    lost = [each["argument"] for each in objects(output.decode()) if each["event"] == "error"]
    assert lost == ["one", "two"]
    assert errors.decode().count("the server has not acknowledged it") == 2

"""What a person sees at a terminal: real processes on pseudo-terminals."""

import asyncio
import re
import sys
from pathlib import Path

import pytest

from tests.ui.processes import LIMIT, Running, Screen, do, finish, join, leave, next_object, start, type_line
from udpchat.ui.cli.exits import ExitCode

SECRET = "korrekt Pferd 7"
# What a terminal program may send: clear a line, one line up, our colours; and what readline says of pasting and keys.
OUR_SEQUENCES = re.compile(r"\x1b\[(?:K|A|C|0m|2m|1;35m|1;33m|\?2004[hl]|\?1034h|\d*P|\d*@|J)|\x1b[=>]|\x07")
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals of POSIX")


async def test_hostile_text_on_a_terminal_controls_nothing(server: Running) -> None:
    screen = await Screen.start("client", server.place, "--name", "anna", *server.home("anna"))
    await screen.until("anna> ")
    eve = await join(server, "eve")
    hostile = "\x1b[2J\x1b]0;title\x07\x1bP$q\x1b\\ \x9b31m \x08\x08\x0b\x0c \u202eevil\u2066 e" + "\u0301" * 1_000
    for line in (hostile, f"/msg anna {hostile}", f"/away {hostile[:100]}", f"/create r {hostile[:100]}"):
        await type_line(eve, line)
    await type_line(eve, "/say " + "界" * 1_300 + " the end")
    await screen.until(" the end")
    shown = OUR_SEQUENCES.sub("", screen.all)
    assert not CONTROLS.search(shown), repr(CONTROLS.findall(shown))
    assert "<U+001B>[2J" in shown
    assert "marks>" in shown
    lines = [line for line in shown.splitlines() if "<U+001B>[2J" in line]
    assert len(lines) >= 2
    assert (await finish(eve))[0] == ExitCode.REFUSED  # away and topic are single lines
    screen.type("/quit")
    assert await screen.end() == ExitCode.OK


async def test_a_password_that_is_typed_is_never_shown(server: Running) -> None:
    screen = await Screen.start("client", server.place, "--name", "annabel", *server.home("anna"))
    await screen.until("annabel> ")
    screen.type("/register")
    await screen.until("password for the new account annabel: ")
    assert not screen.echoes()
    screen.type(SECRET)
    await screen.until("once more: ")
    screen.type("something else")
    await screen.until("these two differ")
    for question in ("annabel: ", "once more: "):
        await screen.until(question)
        screen.type(SECRET)
    await screen.until("registered: annabel is your account now")
    screen.type("/quit")
    await screen.until("/quit")
    assert await screen.end() == ExitCode.OK
    assert SECRET not in screen.all
    assert "something else" not in screen.all


async def test_a_registered_nickname_asks_for_its_password_at_a_terminal(server: Running) -> None:
    anna = await join(server, "annabel", UDPCHAT_PASSWORD=SECRET)
    await type_line(anna, "/register")
    await next_object(anna, "account")
    await leave(anna)
    screen = await Screen.start("client", server.place, "--name", "annabel", *server.home("laptop"))
    await screen.until("password of annabel (Enter for another nickname): ")
    screen.type("wrong one")
    await screen.until("the password is wrong")
    await screen.until("password of annabel (Enter for another nickname): ")
    screen.type("")
    await screen.until("another nickname: ")
    screen.type("ben")
    await screen.until("joined 127.0.0.1")
    await screen.until("ben> ")
    screen.type("hello")
    await screen.until("ben: hello")
    screen.type("/quit")
    assert await screen.end() == ExitCode.OK
    assert "wrong one" not in screen.all


async def test_a_terminal_shows_what_is_typed_again_after_ctrl_c_at_a_password(server: Running) -> None:
    screen = await Screen.start("client", server.place, "--name", "annabel", *server.home("anna"))
    await screen.until("annabel> ")
    screen.type("/login")
    await screen.until("password of annabel: ")
    assert not screen.echoes()
    screen.process.terminate()
    async with asyncio.timeout(LIMIT):
        await screen.process.wait()
    assert screen.echoes()
    assert await screen.end() == ExitCode.INTERRUPTED


async def test_tab_completes_commands_and_names(server: Running) -> None:
    ben = await join(server, "benedict")
    screen = await Screen.start("client", server.place, "--name", "anna", *server.home("anna"))
    await screen.until("anna> ")
    screen.press("/ms\tbenedi\tdinner?\n")
    await screen.until("@private anna -> benedict: dinner?")
    assert (await next_object(ben, "private"))["text"] == "dinner?"
    screen.type("/status")
    await screen.until("dinner?")
    await leave(ben)
    screen.type("/quit")
    assert await screen.end() == ExitCode.OK


async def test_private_lines_are_coloured_unless_the_user_wants_none(server: Running) -> None:
    for variables, shown in (({}, "\x1b[1;35m"), ({"NO_COLOR": "1"}, "\x1b[K")):
        screen = await Screen.start("client", server.place, "--name", "anna", *server.home("anna"), **variables)
        await screen.until("anna> ")
        code, _, errors = await do("client", server.place, "--name", "ben", *server.home("ben"), typed="/msg anna hi")
        assert code == ExitCode.OK, errors
        before = await screen.until("@private ben -> anna: hi")
        assert re.sub(r"\d\d:\d\d:\d\d $", "", before).endswith(shown)
        screen.type("/quit")
        assert await screen.end() == ExitCode.OK


async def test_the_administrator_bans_and_lifts_it_at_the_server(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path / "data"))
    assert (await do("user", "add", "annabel", *data, UDPCHAT_PASSWORD=SECRET))[0] == ExitCode.OK
    screen = await Screen.start("server", "--host", "127.0.0.1", "--port", "0", *data)
    await screen.until("udpchat client 127.0.0.1:")
    place = f"127.0.0.1:{(await screen.until(chr(13))).strip()}"
    await screen.until("server> ")
    arguments = ("client", place, "--name", "ben", "--json", "--home", str(tmp_path / "ben"))
    client = await start(*arguments)
    await next_object(client, "joined")
    await screen.until("ben joined")
    screen.type("/accounts")
    await screen.until("annabel, never here")
    screen.type("/ban ben too loud")
    await screen.until("banned ben; /unban ben lifts it")
    assert (await finish(client))[0] == ExitCode.CONNECTION_LOST
    screen.type("/bans")
    await screen.until("by the administrator: too loud")
    code, _, errors = await do(*arguments)
    assert code in (ExitCode.REFUSED, ExitCode.CONNECTION_LOST)
    assert "too loud" in errors
    screen.type("/unban ben")
    await screen.until("ben may come in again")
    screen.type("/unban ben")
    await screen.until("ben was not banned")
    assert (await do(*arguments))[0] == ExitCode.OK
    screen.type("/quit")
    assert await screen.end() == ExitCode.OK


async def test_the_password_of_a_new_account_is_typed_twice_and_unseen(tmp_path: Path) -> None:
    screen = await Screen.start("user", "add", "annabel", "--data", str(tmp_path / "data"))
    await screen.until("password for annabel: ")
    assert not screen.echoes()
    screen.type(SECRET)
    await screen.until("once more: ")
    screen.type(SECRET)
    await screen.until("annabel has an account now")
    assert await screen.end() == ExitCode.OK
    assert SECRET not in screen.all

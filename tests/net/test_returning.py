"""Clients that come back by themselves, and what they remember between runs."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.net.party import LOCALHOST, Party, until
from udpchat.chat.events import Disconnected, LineSaid, PrivateSaid, Reconnecting, Returned
from udpchat.chat.ports import Query
from udpchat.config import Config
from udpchat.errors import ConnectionLostError, ErrorCode, RefusedError, StorageError
from udpchat.net.client import Client
from udpchat.net.server import Server
from udpchat.wire.numbers import Outcome, UserFlag


async def restart(party: Party, server: Server) -> Server:
    """The same server once more, at the same port."""
    port = server.address[1]
    await party.end(server)
    return await party.serve(port=port)


async def next_line(events: AsyncIterator[Any]) -> str:
    return (await until(events, LineSaid)).text


async def lines(client: Client) -> list[str]:
    """All lines in the history that somebody may see."""
    return [message.text for message in await client.history(Query()) if isinstance(message, LineSaid)]


async def test_a_client_comes_back_to_a_server_that_was_restarted_and_misses_nothing(party: Party) -> None:
    server = await party.serve()
    anna = await party.join(server, "anna", reconnect=None)
    bob = await party.join(server, "bob", reconnect=None)
    heard = bob.events()
    await anna.say("before")
    assert await next_line(heard) == "before"
    await restart(party, server)
    assert (await until(heard, Reconnecting)).code == ErrorCode.SHUTTING_DOWN
    await anna.say("after")
    await until(heard, Returned)
    assert await next_line(heard) == "after"
    assert await lines(bob) == ["before", "after"]


async def test_what_is_said_while_the_server_is_away_is_stored_when_it_is_back(party: Party) -> None:
    server = await party.serve()
    anna = await party.join(server, "anna", reconnect=None)
    port, told = server.address[1], anna.events()
    await party.end(server)
    await until(told, Reconnecting)
    assert not anna.is_connected
    with pytest.raises(ConnectionLostError):
        await anna.users()
    server = await party.serve(port=port)
    assert (await anna.say("said meanwhile")).sequence > 0
    assert await lines(anna) == ["said meanwhile"]


async def test_a_client_that_is_not_to_come_back_says_so_at_once(party: Party) -> None:
    server = await party.serve()
    anna = await party.join(server, "anna")
    told = anna.events()
    await party.end(server)
    assert (await until(told, Disconnected)).code == ErrorCode.SHUTTING_DOWN


async def test_who_was_kicked_does_not_come_back(party: Party) -> None:
    server = await party.serve()
    anna = await party.join(server, "anna", reconnect=None)
    told = anna.events()
    assert server.kick("anna", "too loud")
    assert (await until(told, Disconnected)).code == ErrorCode.KICKED


async def test_a_client_that_was_stopped_hears_what_it_missed_when_it_is_started_again(party: Party) -> None:
    server = await party.serve()
    anna = await party.join(server, "anna")
    bob = await party.join(server, "bob")
    heard = bob.events()
    await anna.say("one")
    assert await next_line(heard) == "one"
    await party.end(bob)
    await anna.say("two")
    await anna.say("three")
    bob = await party.join(server, "bob")
    heard = bob.events()
    assert [await next_line(heard), await next_line(heard)] == ["two", "three"]


async def test_the_journal_holds_every_message_once_whatever_was_torn(party: Party) -> None:
    server = await party.serve()
    anna = await party.join(server, "anna")
    journal = party.folder / "bob.jsonl"
    bob = await party.join(server, "bob", journal=journal)
    heard = bob.events()
    await anna.say("one")
    await anna.tell("bob", "two")
    await until(heard, PrivateSaid)
    await party.end(bob)
    with journal.open("ab") as file:
        file.write(b'{"server": "half a li')
    await anna.say("three")
    bob = await party.join(server, "bob", journal=journal)
    assert await next_line(bob.events()) == "three"
    entries = [json.loads(line) for line in journal.read_text().splitlines()]
    assert [(entry["event"], entry["text"]) for entry in entries] == [
        ("line", "one"),
        ("private", "two"),
        ("line", "three"),
    ]


@pytest.mark.parametrize("content", [b"Dear all\n", b"Dear all", b"Dear\nall", b'{"a": 1}\n{"b": 2', b"\x00" * 100_000])
async def test_a_file_that_is_no_journal_is_refused_and_left_alone(party: Party, content: bytes) -> None:
    server = await party.serve()
    path = party.file("letter.txt", content)
    with pytest.raises(StorageError, match="no message log"):
        await party.join(server, "anna", journal=path)
    assert path.read_bytes() == content


async def test_two_clients_do_not_write_to_one_journal(party: Party) -> None:
    server = await party.serve()
    journal = party.folder / "both.jsonl"
    await party.join(server, "anna", journal=journal)
    with pytest.raises(StorageError, match="in use by another client"):
        await party.join(server, "bob", journal=journal)


async def test_what_somebody_else_has_logged_says_nothing_about_us(party: Party) -> None:
    server = await party.serve()
    anna, journal = await party.join(server, "anna"), party.folder / "log.jsonl"
    bob = await party.join(server, "bob", journal=journal)
    await anna.say("x" * 3_000)
    await until(bob.events(), LineSaid)
    await party.end(bob)
    carl = await party.join(server, "carl")
    await party.end(carl)
    await anna.say("for carl")
    carl = await party.join(server, "carl", journal=journal)
    assert await next_line(carl.events()) == "for carl"


async def test_no_password_goes_over_a_session_that_is_not_sealed(party: Party) -> None:
    server = await party.serve(Config(plaintext=True, require_account=True))

    async def password(_: str) -> str:
        raise AssertionError("nobody is to be asked")

    for register in (False, True):
        with pytest.raises(RefusedError) as refused:
            await party.join(server, "annabel", Config(plaintext=True), password=password, register=register)
        assert refused.value.code == ErrorCode.LOGIN_REQUIRED
    plain = await party.serve(Config(plaintext=True), data="plain")
    anna = await party.join(plain, "annabel", Config(plaintext=True))
    with pytest.raises(RefusedError) as refused:
        await anna.register("annabel", "correct horse")
    assert refused.value.code == ErrorCode.NOT_IN_PLAINTEXT


async def test_who_is_away_is_still_away_when_the_server_is_back(party: Party) -> None:
    server = await party.serve()
    anna = await party.join(server, "anna", reconnect=None)
    told = anna.events()
    await anna.set_away("lunch")
    await restart(party, server)
    await until(told, Returned)
    await anna.say("written by a machine")
    assert [user.away for user in await anna.users()] == ["lunch"]


async def test_who_waits_in_the_queue_of_a_server_that_stops_waits_again_when_it_is_back(party: Party) -> None:
    server = await party.serve(Config(max_users=1))
    port, queued = server.address[1], asyncio.Event()
    await party.join(server, "anna")
    waiting = asyncio.create_task(party.join(server, "bob", wait=True, reconnect=None, on_queue=lambda _: queued.set()))
    await queued.wait()
    await party.end(server)
    await party.serve(Config(max_users=1), port=port)
    assert (await waiting).is_connected


async def test_an_account_can_be_made_while_joining_an_ordinary_server(party: Party) -> None:
    server = await party.serve()

    async def password(_: str) -> str:
        return "correct horse"

    anna = await party.join(server, "annabel", password=password, register=True)
    assert anna.flags & UserFlag.ACCOUNT


async def test_a_ticket_saves_the_password_the_next_time(party: Party) -> None:
    server = await party.serve()
    anna = await party.join(server, "annabel")
    assert (await anna.register("annabel", "correct horse")).outcome is Outcome.REGISTERED
    await party.end(anna)
    again = await party.join(server, "annabel")
    assert again.flags & UserFlag.ACCOUNT
    await party.end(again)
    with pytest.raises(RefusedError) as refused:
        await party.join(server, "annabel", home="elsewhere")
    assert refused.value.code == ErrorCode.NICK_REGISTERED


async def test_a_password_opens_an_account_from_another_machine(party: Party) -> None:
    server = await party.serve()
    anna = await party.join(server, "annabel")
    await anna.register("annabel", "correct horse")
    await party.end(anna)

    async def password(nick: str) -> str:
        assert nick == "annabel"
        return "correct horse"

    elsewhere = await party.join(server, "annabel", home="elsewhere", password=password)
    assert elsewhere.flags & UserFlag.ACCOUNT


async def test_a_visitor_leaves_the_session_of_its_person_alone(party: Party) -> None:
    server = await party.serve()
    anna = await party.join(server, "anna")
    visitor = await party.join(server, "anna", visitor=True)
    heard = anna.events()
    await visitor.say("by the way")
    said = await until(heard, LineSaid)
    assert (said.sender, said.text) == ("anna", "by the way")
    assert [user.nick for user in await anna.users()] == ["anna"]
    assert anna.is_connected


async def test_a_server_that_wants_accounts_lets_somebody_make_one(party: Party) -> None:
    server = await party.serve(Config(require_account=True))

    async def password(_: str) -> str:
        return "correct horse"

    with pytest.raises(RefusedError) as refused:
        await party.join(server, "annabel")
    assert refused.value.code == ErrorCode.LOGIN_REQUIRED
    for home in ("annabel", "elsewhere"):  # made with the first, known with the second
        anna = await party.join(server, "annabel", home=home, password=password, register=True)
        assert anna.flags & UserFlag.ACCOUNT
    with pytest.raises(RefusedError) as refused:
        await party.join(server, "christine", password=password)
    assert refused.value.code == ErrorCode.UNKNOWN_ACCOUNT


@pytest.mark.skipif(sys.platform != "linux", reason="ICMP about a closed port on loopback")
async def test_a_server_that_was_killed_is_missed_and_in_the_end_given_up(party: Party) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.net.serving", str(party.folder / "server"), "0"), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    port = int((await process.stdout.readline()).split()[1])
    anna = await party.dial(LOCALHOST, port, "anna", reconnect=1.0)
    told = anna.events()
    process.kill()
    await process.wait()
    saying = asyncio.create_task(anna.say("is anybody there?"))
    assert (await until(told, Reconnecting)).code == ErrorCode.IDLE_TIMEOUT
    assert (await until(told, Disconnected)).reason == "the server did not come back"
    with pytest.raises(ConnectionLostError):
        await saying

"""The files of a real server, as its own terminal sees them, and what its configuration limits."""

from __future__ import annotations

import pytest

from tests.net.party import Party, content, until
from udpchat.config import KIB, Config
from udpchat.errors import ErrorCode, RefusedError, StorageError
from udpchat.files.events import FileMarked, FileRemoved
from udpchat.wire.numbers import FileState


async def test_the_terminal_lists_all_files_and_private_ones_without_names(party: Party) -> None:
    server = await party.serve()
    anna, ben = await party.join(server, "anna"), await party.join(server, "ben")
    await anna.put(party.file("open.txt", b"for all"))
    await anna.put(party.file("secret.txt", b"for ben"), to="ben")
    assert [(entry.file_name, entry.recipient) for entry in await server.files()] == [
        ("open.txt", ""),
        ("(private)", "ben"),
    ]
    assert [entry.file_name for entry in await ben.files()] == ["open.txt", "secret.txt"]


async def test_the_terminal_deletes_a_file_and_hears_that_it_is_gone(party: Party) -> None:
    server = await party.serve()
    events = server.events()
    anna = await party.join(server, "anna")
    uploaded = await anna.put(party.file("a.txt", b"x" * 1_000))
    entry = await server.delete_file(uploaded.file_id)
    assert (entry.file_name, await server.files(), await anna.files()) == ("a.txt", (), ())
    removed = await until(events, FileRemoved)
    assert (removed.nick, removed.entry.file_id) == ("the administrator", uploaded.file_id)
    with pytest.raises(StorageError):
        await server.delete_file(uploaded.file_id)


async def test_the_terminal_hears_how_far_files_are(party: Party) -> None:
    server = await party.serve()
    events = server.events()
    anna, ben = await party.join(server, "anna"), await party.join(server, "ben")
    uploaded = await anna.put(party.file("a.txt", b"x" * 1_000))
    downloaded = await ben.get("a.txt")
    assert content(downloaded.path) == b"x" * 1_000
    marked = await until(events, FileMarked)
    assert (marked.file_id, marked.nick) == (uploaded.file_id, "ben")
    assert marked.state in (FileState.DELIVERED, FileState.VERIFIED)


async def test_quotas_of_the_configuration_hold(party: Party) -> None:
    server = await party.serve(Config(user_quota=64 * KIB))
    anna = await party.join(server, "anna")
    with pytest.raises(RefusedError) as refused:
        await anna.put(party.file("big", bytes(100 * KIB)))
    assert refused.value.code == ErrorCode.QUOTA_EXCEEDED


async def test_files_of_a_server_that_keeps_them_for_a_time_go_by_themselves(party: Party) -> None:
    server = await party.serve()
    anna = await party.join(server, "anna")
    await anna.put(party.file("a.txt", b"x"))
    await party.end(server)
    again = await party.serve(Config(file_lifetime=1))
    removed = await until(again.events(), FileRemoved)
    assert (removed.nick, removed.entry.file_name) == ("", "a.txt")
    assert await again.files() == ()

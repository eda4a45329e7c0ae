import asyncio
import hashlib
import logging
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.net.party import LOCALHOST, Party, content, has_ipv6, open_descriptors, until
from udpchat import connect, serve
from udpchat.chat.events import Disconnected, FileSaid, LineSaid, PrivateSaid, UserChanged
from udpchat.config import MIB, Config
from udpchat.errors import ConnectionLostError, ErrorCode, RefusedError
from udpchat.files.events import UploadBegan
from udpchat.net.loop import make_loop

MODES = {
    "sealed": Config(),
    "plaintext": Config(plaintext=True),
    "portable": Config(portable=True),
    "portable plaintext": Config(portable=True, plaintext=True),
}
CONTENT = os.urandom(3 * MIB + 7)


@pytest.mark.parametrize("mode", MODES)
async def test_lines_and_files_arrive_as_they_were_sent(party: Party, mode: str) -> None:
    server = await party.serve(MODES[mode])
    anna = await party.join(server, "anna", MODES[mode])
    bob = await party.join(server, "bob", MODES[mode])
    heard = bob.events()
    await anna.say("hello there")
    assert (await until(heard, LineSaid)).text == "hello there"
    await anna.tell("bob", "psst")
    assert (await until(heard, PrivateSaid)).text == "psst"
    uploaded = await anna.put(party.file("photo.jpg", CONTENT))
    assert uploaded.md5_sent == uploaded.md5_stored == hashlib.md5(CONTENT).digest()
    assert (await until(heard, FileSaid)).file.file_name == "photo.jpg"
    downloaded = await bob.get("photo.jpg")
    assert content(downloaded.path) == CONTENT
    assert [user.nick for user in await bob.users()] == ["anna", "bob"]
    assert [entry.size for entry in await bob.files()] == [len(CONTENT)]


async def test_one_end_may_be_portable_when_the_other_is_not(party: Party) -> None:
    server = await party.serve()
    anna = await party.join(server, "anna", Config(portable=True))
    await anna.put(party.file("a.bin", CONTENT))
    bob = await party.join(server, "bob")
    assert content((await bob.get("a.bin")).path) == CONTENT


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on the loopback interface")
async def test_ipv6_works_as_ipv4_does(party: Party) -> None:
    server = await party.serve(host="::1")
    anna = await party.join(server, "anna")
    await anna.put(party.file("a.bin", CONTENT))
    assert content((await anna.get("a.bin")).path) == CONTENT


async def test_a_server_on_all_addresses_is_reached_by_either_protocol(party: Party) -> None:
    server = await party.serve(host="")
    port = server.address[1]
    hosts = [LOCALHOST, "::1"] if has_ipv6() else [LOCALHOST]
    for number, host in enumerate(hosts):
        await party.dial(host, port, f"guest{number}")
    assert len(server.users()) == len(hosts)


async def test_a_nickname_in_use_is_refused(party: Party) -> None:
    server = await party.serve()
    await party.join(server, "anna")
    with pytest.raises(RefusedError) as refused:
        await party.join(server, "anna", home="somebody else")
    assert refused.value.code == ErrorCode.NICK_IN_USE


async def test_a_full_server_says_so(party: Party) -> None:
    server = await party.serve(Config(max_users=1))
    await party.join(server, "anna")
    with pytest.raises(RefusedError) as refused:
        await party.join(server, "bob")
    assert refused.value.code == ErrorCode.SERVER_FULL


async def test_who_leaves_is_seen_to_leave(party: Party) -> None:
    server = await party.serve()
    anna, bob = await party.join(server, "anna"), await party.join(server, "bob")
    heard = bob.events()
    await party.end(anna)
    left = await until(heard, UserChanged)
    assert (left.nick, left.user_count) == ("anna", 1)
    assert [session.nick for session in server.users()] == ["bob"]


async def test_a_server_that_stops_says_goodbye(party: Party) -> None:
    server = await party.serve()
    anna = await party.join(server, "anna")
    await party.end(server)
    gone = await until(anna.events(), Disconnected)
    assert gone.code == ErrorCode.SHUTTING_DOWN


async def test_who_is_kicked_is_told(party: Party) -> None:
    server = await party.serve()
    anna = await party.join(server, "anna")
    assert server.kick("anna")
    assert not server.kick("nobody")
    assert (await until(anna.events(), Disconnected)).code == ErrorCode.KICKED


async def test_the_same_key_takes_its_session_over(party: Party) -> None:
    server = await party.serve()
    first = await party.join(server, "anna")
    await party.join(server, "anna")
    assert (await until(first.events(), Disconnected)).code == ErrorCode.TAKEN_OVER
    assert len(server.users()) == 1


async def test_fifty_clients_join_and_hear_one_another(party: Party) -> None:
    server = await party.serve()
    clients = await asyncio.gather(*(party.join(server, f"guest{number}") for number in range(50)))
    feeds = [client.events() for client in clients]
    await clients[0].say("everybody here?")
    heard = await asyncio.gather(*(until(feed, LineSaid) for feed in feeds[1:]))
    assert {line.text for line in heard} == {"everybody here?"}
    assert all(client.user_count <= len(clients) for client in clients)


async def test_several_transfers_run_beside_one_another(party: Party) -> None:
    server = await party.serve()
    anna, bob = await party.join(server, "anna"), await party.join(server, "bob")
    files = [party.file(f"{number}.bin", os.urandom(MIB + number)) for number in range(3)]
    await asyncio.gather(*(anna.put(path) for path in files))
    got = await asyncio.gather(*(bob.get(path.name) for path in files))
    assert [content(one.path) for one in got] == [path.read_bytes() for path in files]


async def test_the_key_log_is_private_and_holds_all_four_keys(party: Party) -> None:
    log = party.folder / "keys.log"
    log.touch(mode=0o644)
    server = await party.serve(keylog=log)
    anna = await party.join(server, "anna", keylog=party.folder / "client.log")
    await anna.say("hello")
    lines = set(log.read_text().splitlines())
    assert lines == set((party.folder / "client.log").read_text().splitlines())
    assert all(line.startswith("UDPCHAT_KEY ") for line in lines)
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


@pytest.mark.parametrize("factory", [make_loop, asyncio.new_event_loop], ids=["select", "default"])
@pytest.mark.parametrize("mode", ["sealed", "portable"])
def test_every_kind_of_loop_carries_a_file(
    factory: Callable[[], asyncio.AbstractEventLoop], mode: str, tmp_path: Path
) -> None:
    async def work() -> bytes:
        server = await serve(LOCALHOST, 0, data=tmp_path / "server", config=MODES[mode])
        port = server.address[1]
        anna = await connect(
            LOCALHOST, port, nick="anna", home=tmp_path / "home", folder=tmp_path / "got", config=MODES[mode]
        )
        (tmp_path / "a.bin").write_bytes(CONTENT)
        await anna.put(tmp_path / "a.bin")
        path = (await anna.get("a.bin")).path
        await anna.close()
        await server.close()
        return content(path)

    with asyncio.Runner(loop_factory=factory) as runner:
        assert runner.run(work()) == CONTENT


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors in /proc")
async def test_descriptors_are_given_back(party: Party) -> None:
    async def visit(number: int) -> None:
        anna = await party.join(server, f"anna{number % 20}", keylog=party.folder / "keys")
        if number % 20 == 0:
            await anna.put(small)
            await anna.get(small.name)
        await party.end(anna)

    server = await party.serve()
    small = party.file("small.bin", b"x" * 5_000)
    await visit(0)
    before = open_descriptors()
    for first in range(0, 200, 20):
        await asyncio.gather(*(visit(first + number) for number in range(20)))
    assert open_descriptors() <= before


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors in /proc")
async def test_ends_that_stop_in_the_middle_give_their_descriptors_back(party: Party) -> None:
    before = open_descriptors()
    server = await party.serve()
    anna = await party.join(server, "anna")
    big = party.file("big.bin", bytes(20 * MIB))
    began = server.events()
    transfer = asyncio.create_task(anna.put(big))
    await until(began, UploadBegan)
    await party.end(server)
    with pytest.raises(ConnectionLostError):
        await transfer
    await party.end(anna)
    assert open_descriptors() <= before


async def test_a_transfer_leaves_the_loop_to_others(party: Party, caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 0.5  # seconds: as long as hashing a password, or a disk that waits
    with caplog.at_level(logging.WARNING, "asyncio"):
        server = await party.serve()
        anna = await party.join(server, "anna")
        await anna.put(party.file("a.bin", CONTENT))
        await anna.get("a.bin")
    assert [record.getMessage() for record in caplog.records] == []

"""Finding servers from machine to machine: real processes in network namespaces, nothing leaves this machine."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.net.hosts import CABLE, IPV4, IPV6, Hosts, lonely_host, two_hosts
from tests.ui.processes import RUNNING, Running, Screen, do, finish, next_object, objects, start
from udpchat.net.discovery.announcement import Announcement
from udpchat.net.discovery.announcing import Announcer, Subject
from udpchat.net.interfaces import Interface
from udpchat.ui.cli.exits import ExitCode
from udpchat.wire.packets import VERSION

pytestmark = pytest.mark.root
PORT = "27272"
CABLE_AT_SERVER = Interface(CABLE, 2, (ipaddress.ip_interface(f"{IPV4[0]}/24"),))


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    with two_hosts() as made:
        yield made


@pytest.fixture
def alone() -> Iterator[Hosts]:
    with lonely_host() as made:
        yield made


async def announced_server(hosts: Hosts, folder: Path, *options: str, on: int = 0) -> Running:
    """A server that has said that it is announced."""
    with hosts.on(on):
        process = await start("server", "--json", "--data", str(folder / "data"), *options)
    listening = await next_object(process, "listening")
    listening["announced"] = await next_object(process, "announced")
    return Running(process, listening, folder)


async def search(hosts: Hosts, folder: Path, *options: str, on: int = 1) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The servers that `udpchat servers` prints, and what it says of its search.

    Multicast may be lost, on a busy machine too: without --wait it is asked again while nothing is found.
    """
    for tries_left in (2, 1, 0):
        with hosts.on(on):
            process = await start("servers", "--json", "--home", str(folder / "home"), *options)
        code, output, errors = await finish(process)
        *servers, last = objects(output)
        assert last["event"] == "search"
        is_found = any(server["is_found"] for server in servers)
        assert code == (ExitCode.OK if is_found else ExitCode.NO_SERVER), errors
        if is_found or "--wait" in options or not tries_left:
            break
    return servers, last


async def test_a_server_is_found_from_another_machine_by_ipv4_and_ipv6(hosts: Hosts, tmp_path: Path) -> None:
    server = await announced_server(hosts, tmp_path, "--name", "Room 12")
    assert server.listening["announced"]["interfaces"] == [CABLE, "lo"]
    (found,), searched = await search(hosts, tmp_path)
    assert (found["name"], found["users"], found["version"]) == ("Room 12", 0, VERSION)
    assert found["fingerprint"] == server.listening["fingerprint"]
    assert (found["is_sealed"], found["is_near"], found["is_known"]) == (True, True, False)
    assert [each["host"] for each in found["addresses"]][:2] == [IPV4[0], IPV6[0]]
    assert found["addresses"][2]["host"].startswith("fe80::")
    assert found["addresses"][2]["host"].endswith(f"%{CABLE}")
    assert {each["interface"] for each in found["addresses"]} == {CABLE}
    assert searched == {"event": "search", "interfaces": [CABLE, "lo"], "left_out": 0, "troubles": {}}
    assert (await server.stop())[0] == 0


async def test_every_address_that_is_shown_leads_to_the_server(hosts: Hosts, tmp_path: Path) -> None:
    await announced_server(hosts, tmp_path)
    (found,), _ = await search(hosts, tmp_path)
    with hosts.on(1):
        for each in found["addresses"]:
            place = f"[{each['host']}]:{each['port']}"
            code, _, errors = await do("say", "hi", place, "--home", str(tmp_path / "home"))
            assert code == 0, (place, errors)


async def test_a_client_without_a_host_joins_the_only_server_and_remembers_it(hosts: Hosts, tmp_path: Path) -> None:
    server = await announced_server(hosts, tmp_path, "--name", "Room 12")
    with hosts.on(1):
        code, output, errors = await do("client", "--home", str(tmp_path / "home"), typed="hello\n")
    assert code == 0, errors
    shown = server.listening["fingerprint"]
    where = f'"Room 12" at {IPV4[0]}:{PORT} on {CABLE}'
    assert f"found one: joining {where}, key {shown} (not known yet)" in errors.splitlines()
    assert "hello" in output
    (now,), _ = await search(hosts, tmp_path)
    assert (now["is_found"], now["is_known"]) == (True, True)
    await server.stop()
    (later,), _ = await search(hosts, tmp_path, "--wait", "0.5")
    assert (later["is_found"], later["is_known"], later["fingerprint"]) == (False, True, shown)
    assert later["last_used"] == now["last_used"] > server.listening["announced"].get("at", 0)


@asynccontextmanager
async def two_servers(hosts: Hosts, folder: Path) -> AsyncIterator[tuple[Running, Running]]:
    first = await announced_server(hosts, folder / "1", "--name", "Anna's")
    second = await announced_server(hosts, folder / "2", "--name", "Ben's", "--port", "5000")
    yield first, second


async def test_of_several_servers_a_script_has_to_name_one(hosts: Hosts, tmp_path: Path) -> None:
    async with two_servers(hosts, tmp_path):
        with hosts.on(1):
            code, output, errors = await do("client", "--home", str(tmp_path / "home"), typed="hello\n")
            as_json = await do("client", "--json", "--home", str(tmp_path / "home"), typed="hello\n")
    assert (code, output) == (ExitCode.UNDECIDED, "")
    assert f'"Anna\'s" at {IPV4[0]}:{PORT} on {CABLE}; 0 users are here' in errors
    assert errors.splitlines()[-1] == "udpchat client: 2 servers were found; name one: udpchat client HOST"
    assert [each["name"] for each in objects(as_json[1])] == ["Anna's", "Ben's"]


async def test_of_several_servers_a_person_chooses_by_number(hosts: Hosts, tmp_path: Path) -> None:
    async with two_servers(hosts, tmp_path) as (_, second):
        with hosts.on(1):
            screen = await Screen.start("client", "--home", str(tmp_path / "home"))
        await screen.until("number, or address (Enter: look again): ")
        assert f'2  "Ben\'s" at {IPV4[0]}:5000 on {CABLE}' in screen.all
        screen.type("3")
        await screen.until("there is no number 3 in the list")
        screen.type("2")
        await screen.until(f"joined {IPV4[0]}:5000 as")
        await next_object(second.process, "user")
        screen.type("/quit")
        assert await screen.end() == 0


async def test_where_no_server_is_found_a_person_types_an_address(hosts: Hosts, tmp_path: Path) -> None:
    with hosts.on(0):
        process = await start("server", "--json", "--no-announce", "--data", str(tmp_path / "data"))
    await next_object(process, "listening")
    with hosts.on(1):
        screen = await Screen.start("client", "--home", str(tmp_path / "home"))
    await screen.until(f"no server was found on {CABLE}, lo")
    await screen.until("address (Enter: look again): ")
    screen.type("")
    await screen.until("looking for servers on the local network")
    await screen.until("address (Enter: look again): ")
    screen.type(IPV4[0])
    await screen.until(f"joined {IPV4[0]}:{PORT} as")
    screen.type("/quit")
    assert await screen.end() == 0
    with hosts.on(1):
        later = await Screen.start("client", "--home", str(tmp_path / "home"))
    await later.until("number, or address (Enter: look again): ")
    assert f"1  {IPV4[0]}:{PORT}, not seen now, used last " in later.all
    later.type("1")
    await later.until(f"joined {IPV4[0]}:{PORT} as")
    later.type("/quit")
    assert await later.end() == 0


async def test_where_no_server_is_found_a_script_is_told_so(alone: Hosts, tmp_path: Path) -> None:
    with alone.on(0):
        code, output, errors = await do("client", "--home", str(tmp_path / "home"))
    assert (code, output) == (ExitCode.NO_SERVER, "")
    assert errors == "udpchat client: no server was found on lo; name one: udpchat client HOST\n"


async def test_udpchat_alone_starts_a_server_and_the_next_one_joins_it(alone: Hosts, tmp_path: Path) -> None:
    places = {"XDG_DATA_HOME": str(tmp_path), "HOME": str(tmp_path)}
    with alone.on(0):
        first = await Screen.start(**places)
        await first.until("address, s to start a server here (Enter: look again): ")
        first.type("s")
        await first.until(" on lo")
        second = await Screen.start(**places)
    await second.until("found one: joining ")
    await second.until(f"joined 127.0.0.1:{PORT} as")
    await first.until("1 user is here")
    second.type("/quit")
    assert await second.end() == 0
    first.type("/quit")
    assert await first.end() == 0


async def test_a_server_without_a_network_serves_and_says_that_it_is_not_announced(
    alone: Hosts, tmp_path: Path
) -> None:
    alone.ip(0, "link", "set", "lo", "down")
    with alone.on(0):
        process = await start("server", "--data", str(tmp_path / "data"))
    assert process.stderr is not None
    async with asyncio.timeout(20):
        told = (await process.stderr.readline()).decode()
    assert told == "not announced on the network (lo: Network is unreachable): clients have to type the address\n"
    process.terminate()
    assert (await finish(process))[0] == 0


async def test_the_interface_can_be_chosen_at_both_ends(hosts: Hosts, tmp_path: Path) -> None:
    hosts.ip(0, "link", "add", "other0", "type", "veth", "peer", "name", "other1")
    hosts.ip(0, "addr", "add", "198.18.8.1/24", "dev", "other0")
    hosts.ip(0, "link", "set", "other0", "up")
    server = await announced_server(hosts, tmp_path, "--interface", IPV4[0])
    assert server.listening["announced"]["interfaces"] == [CABLE]
    (found,), searched = await search(hosts, tmp_path, "--interface", CABLE)
    assert (found["interfaces"], searched["interfaces"]) == ([CABLE], [CABLE])
    nothing, _ = await search(hosts, tmp_path, "--interface", "lo", "--wait", "0.5")
    assert nothing == []
    with hosts.on(1):
        through = await do("say", "hi", IPV4[0], "--home", str(tmp_path / "home"), "--interface", CABLE)
        nowhere = await do("say", "hi", IPV4[0], "--home", str(tmp_path / "home"), "--interface", "other0")
    assert through[0] == 0, through
    assert nowhere[0] == ExitCode.USAGE
    assert "no interface has the name or the address other0; there are: " in nowhere[2]


async def test_a_server_that_only_claims_a_known_key_is_refused(hosts: Hosts, tmp_path: Path) -> None:
    home = "--home", str(tmp_path / "home")
    assert (await do("trust", "add", "198.18.7.200", "11" * 32, *home))[0] == 0
    claimed = objects((await do("trust", "list", "--json", *home))[1])[0]["fingerprint"]
    with hosts.on(0):
        process = await start("server", "--json", "--no-announce", "--data", str(tmp_path / "data"))
        await next_object(process, "listening")
        said = Announcement("Room 12", 1, claimed, is_sealed=True, version=VERSION)
        subject = Subject(bytes(32), int(PORT), "", lambda: said, lambda: (CABLE_AT_SERVER,))
        told: asyncio.Queue[object] = asyncio.Queue()
        announcing = asyncio.create_task(Announcer(subject, lambda *each: told.put_nowait(each)).run())
        assert await told.get() == ((CABLE,), "")
        with hosts.on(1):
            client = await start("client", *home)
        code, output, errors = await finish(client, "secret\n")
        announcing.cancel()
        await asyncio.wait([announcing])
    assert (code, output) == (ExitCode.SERVER_KEY, ""), errors
    assert f"key {claimed} (known)" in errors
    assert f"not {claimed}: this is another server; nothing was sent" in errors


async def test_ten_thousand_services_hide_no_known_server_and_stop_nobody(hosts: Hosts, tmp_path: Path) -> None:
    server = await announced_server(hosts, tmp_path, "--name", "Room 12")
    home = "--home", str(tmp_path / "home")
    with hosts.on(1):
        assert (await do("trust", "add", IPV4[0], server.listening["key"], *home))[0] == 0
    with hosts.on(0):
        flood = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.net.flood", IPV4[0], "10000"), stdout=PIPE, stderr=PIPE, stdin=PIPE
        )
    RUNNING.append(flood)
    assert flood.stdout is not None
    await flood.stdout.readexactly(1)
    with hosts.on(1):
        client = await start("servers", *home)
    code, output, errors = await finish(client)
    assert code == 0, errors
    assert "Traceback" not in errors
    assert " more servers are not shown" in errors
    assert output.splitlines()[1] == f"    key {server.listening['fingerprint']} (known)"
    assert all(line.isprintable() for line in output.splitlines())
    with hosts.on(1):
        said = await do("say", "hi", IPV4[0], *home)
    assert said[0] == 0, said


QUESTION = b"\0\0\0\x01" + bytes(6) + b"\x08_udpchat\x04_udp\x05local\0\0\x0c\0\x01"  # without its number


async def test_only_neighbours_get_an_answer_for_it_is_longer_than_the_question(hosts: Hosts, tmp_path: Path) -> None:
    far, server = "198.18.99.1", (IPV4[0], 5353)
    await announced_server(hosts, tmp_path)
    hosts.ip(1, "addr", "add", f"{far}/32", "dev", CABLE)
    hosts.ip(0, "route", "add", "default", "via", IPV4[1])
    with hosts.on(1), socket.socket(type=socket.SOCK_DGRAM) as stranger, socket.socket(type=socket.SOCK_DGRAM) as near:
        stranger.bind((far, 0))
        near.bind((IPV4[1], 0))
        near.settimeout(20)
        stranger.sendto(b"\0\1" + QUESTION, server)
        near.sendto(b"\0\2" + QUESTION, server)
        assert len(near.recv(9_000)) > len(QUESTION)
        stranger.setblocking(False)
        with pytest.raises(BlockingIOError):
            stranger.recv(9_000)

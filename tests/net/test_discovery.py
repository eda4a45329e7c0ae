"""Announcing and looking, on the loopback of this machine: each test looks for the server that it announces itself."""

from __future__ import annotations

import asyncio
import ipaddress
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from udpchat.crypto.identity import fingerprint
from udpchat.net.discovery.announcement import Announcement
from udpchat.net.discovery.announcing import Announcer, Subject
from udpchat.net.discovery.searching import Search, found_servers
from udpchat.net.discovery.sightings import FoundServer
from udpchat.net.interfaces import Interface

LOOPBACK = Interface("lo", 1, (ipaddress.ip_interface("127.0.0.1/8"),))
STRANGE = Interface("gone0", 77, (ipaddress.ip_interface("192.0.2.77/24"),))  # no interface of this machine
LIMIT = 20  # seconds

Told = tuple[tuple[str, ...], str]


class Announced:
    """A server that there is not, announced all the same."""

    def __init__(self) -> None:
        self.key = os.urandom(32)
        self.users = 0
        self.where: Callable[[], Sequence[Interface]] = lambda: (LOOPBACK,)
        self.told: asyncio.Queue[Told] = asyncio.Queue()

    def announcement(self) -> Announcement:
        return Announcement("Room 1.2", self.users, fingerprint(self.key), is_sealed=True, version=1)

    def interfaces(self) -> Sequence[Interface]:
        return self.where()

    @asynccontextmanager
    async def running(self, host: str = "") -> AsyncIterator[None]:
        subject = Subject(self.key, 40_000, host, self.announcement, self.interfaces)
        announcer = Announcer(subject, lambda *told: self.told.put_nowait(told), interval=0.05)
        task = asyncio.create_task(announcer.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()

    def found_in(self, search: Search) -> FoundServer | None:
        mine = fingerprint(self.key)
        return next((server for server in search.servers if server.announcement.fingerprint == mine), None)

    async def look(self) -> FoundServer | None:
        """Look for it until it is found, for a while."""
        for _ in range(5):
            if (found := self.found_in(await found_servers(0.8, [LOOPBACK], {fingerprint(self.key)}))) is not None:
                return found
        return None


@pytest.fixture
def announced() -> Announced:
    return Announced()


async def test_a_server_that_is_announced_is_found_with_all_it_says(announced: Announced) -> None:
    announced.users = 3
    async with announced.running(), asyncio.timeout(LIMIT):
        assert await announced.told.get() == (("lo",), "")
        found = await announced.look()
    assert found is not None
    assert found.announcement == announced.announcement()
    assert list(map(str, found.spots)) == ["127.0.0.1:40000"]


async def test_only_the_address_that_a_server_listens_on_is_announced(announced: Announced) -> None:
    announced.where = lambda: (Interface("lo", 1, (*LOOPBACK.networks, ipaddress.ip_interface("127.0.0.9/8"))),)
    async with announced.running("127.0.0.9"), asyncio.timeout(LIMIT):
        await announced.told.get()
        found = await announced.look()
    assert found is not None
    assert [spot.host for spot in found.spots] == ["127.0.0.9"]


async def test_who_comes_is_told_to_those_who_look_later(announced: Announced) -> None:
    async with announced.running(), asyncio.timeout(LIMIT):
        await announced.told.get()
        announced.users = 5
        while (found := await announced.look()) is None or found.announcement.users != 5:
            pass


async def test_a_server_that_has_ended_is_not_offered(announced: Announced) -> None:
    async with asyncio.timeout(LIMIT):
        async with announced.running():
            await announced.told.get()
            looking = asyncio.create_task(found_servers(3.0, [LOOPBACK]))
            assert await announced.look() is not None
        assert announced.found_in(await looking) is None


async def test_an_interface_that_comes_later_is_announced_on_and_one_that_goes_is_not(announced: Announced) -> None:
    announced.where = lambda: ()
    async with announced.running(), asyncio.timeout(LIMIT):
        assert await announced.told.get() == ((), "there is no network")
        announced.where = lambda: (LOOPBACK,)
        assert await announced.told.get() == (("lo",), "")
        announced.where = lambda: ()
        assert await announced.told.get() == ((), "there is no network")


async def test_trouble_with_the_network_is_told_and_tried_again(announced: Announced) -> None:
    def broken() -> Sequence[Interface]:
        raise OSError(12, "the system does not tell")

    announced.where = broken
    async with announced.running(), asyncio.timeout(LIMIT):
        assert await announced.told.get() == ((), "the system does not tell")
        announced.where = lambda: (STRANGE,)
        places, why = await announced.told.get()
        assert places == ()
        assert why.startswith("gone0: ")
        announced.where = lambda: (STRANGE, LOOPBACK)
        assert await announced.told.get() == (("lo",), "")


async def test_a_search_says_where_it_could_not_look() -> None:
    search = await found_servers(0.1, [LOOPBACK, STRANGE])
    assert search.interfaces == ("lo",)
    assert list(search.troubles) == ["gone0"]


async def test_a_search_without_a_network_finds_nothing() -> None:
    assert await found_servers(0.1, []) == Search((), 0, (), {})

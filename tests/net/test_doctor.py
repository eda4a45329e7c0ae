"""What a doctor finds on this machine and at servers on its loopback."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.net.party import LOCALHOST, Party
from udpchat.config import BASE_DATAGRAM, MAX_DATAGRAM_IPV4, Config
from udpchat.crypto.identity import Identity, fingerprint
from udpchat.errors import ErrorCode
from udpchat.net.doctor.examination import Machine, Question, Server, Target, apart, examine, resolve
from udpchat.net.doctor.machine import look_at_port, time_sleeps, try_loopback
from udpchat.net.doctor.visit import Attempt, Reach, Visit, patient, visit
from udpchat.net.home import Home
from udpchat.net.interfaces import InterfaceError
from udpchat.net.joining import shown_place
from udpchat.net.relay import Relay
from udpchat.protocol.datagrams import Address
from udpchat.sim.link import LinkSpec
from udpchat.store.trust import Status
from udpchat.wire.records import Refused, Welcome

IDENTITY = Identity(bytes(range(32)))
PATIENCE = 10.0  # seconds
MEASURING = 1.2  # seconds

Begin = Callable[..., Visit]
Link = Callable[[Address, LinkSpec], Awaitable[tuple[Relay, Address]]]


@pytest.fixture
async def begin() -> AsyncIterator[Begin]:
    async with AsyncExitStack() as opened:

        def begun(address: Address, **options: Any) -> Visit:
            made = visit(address, patient(Config(**options)))
            assert isinstance(made, Visit)
            opened.push_async_callback(made.close)
            return made

        yield begun


@pytest.fixture
async def link() -> AsyncIterator[Link]:
    relays: list[Relay] = []

    async def made(target: Address, spec: LinkSpec) -> tuple[Relay, Address]:
        relays.append(Relay(spec, seed=5))
        return relays[-1], await relays[-1].start((LOCALHOST, 0), target)

    yield made
    for relay in relays:
        relay.close()


def nobody() -> Address:
    """A port that was free a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((LOCALHOST, 0))
        host, port = probe.getsockname()
    return host, port


async def reached(begun: Visit) -> Attempt:
    attempt = await begun.knock(PATIENCE)
    assert attempt.reach is Reach.OPEN
    return attempt


# -- reaching a server -------------------------------------------------------------------------------------------------


async def test_a_path_is_measured_both_ways_and_nobody_joins(party: Party, begin: Begin) -> None:
    server = await party.serve()
    begun = begin(server.address)
    attempt = await reached(begun)
    assert attempt.local == LOCALHOST
    assert begun.server_key == server.public_key
    found = await begun.measure(MEASURING)
    assert (found.up.lost, found.down.lost) == (0, 0)
    assert found.up.sent >= len(found.rtts) > 10
    assert found.down.sent > 10
    assert (found.datagram_up, found.datagram_down, found.is_searching) == (MAX_DATAGRAM_IPV4, MAX_DATAGRAM_IPV4, False)
    assert server.users() == []


async def test_a_port_where_nobody_listens_is_closed(begin: Begin) -> None:
    address = nobody()
    attempt = await begin(address).knock(PATIENCE)
    assert (attempt.reach, attempt.address) == (Reach.CLOSED, address)


async def test_what_never_answers_is_silent(party: Party, begin: Begin, link: Link) -> None:
    server = await party.serve()
    _, address = await link(server.address, LinkSpec(mtu=BASE_DATAGRAM))
    begun = begin(address)
    assert not await begun.answers(0.1)
    assert (await begun.knock(0.1)).reach is Reach.SILENT


async def test_the_other_mode_is_an_answer(party: Party, begin: Begin) -> None:
    server = await party.serve(Config(plaintext=True))
    attempt = await begin(server.address).knock(PATIENCE)
    assert attempt.reach is Reach.REFUSED
    assert "plaintext" in attempt.text
    await reached(begin(server.address, plaintext=True))


async def test_a_server_without_room_for_a_connection_answers_all_the_same(party: Party, begin: Begin) -> None:
    server = await party.serve(Config(max_connections=1))
    await party.join(server, "anna")
    assert (await begin(server.address).knock(0.5)).reach is Reach.HALF_OPEN


async def test_losses_of_each_direction_are_those_of_the_link(party: Party, begin: Begin, link: Link) -> None:
    server = await party.serve()
    relay, address = await link(server.address, LinkSpec(loss=0.1))
    begun = begin(address)
    await reached(begun)
    found, counted = await begun.measure(MEASURING), relay.counters()
    assert 0 < found.up.lost <= counted.up.lost
    assert 0 < found.down.lost <= counted.down.lost


async def test_datagrams_too_large_for_the_path_are_no_losses(party: Party, begin: Begin, link: Link) -> None:
    server = await party.serve()
    relay, address = await link(server.address, LinkSpec(mtu=1_400))
    begun = begin(address)
    await reached(begun)
    found, counted = await begun.measure(PATIENCE / 4), relay.counters()
    assert min(counted.up.too_large, counted.down.too_large) > 0
    assert (found.up.lost, found.down.lost) == (0, 0)
    for size in (found.datagram_up, found.datagram_down):
        assert BASE_DATAGRAM < size <= 1_400 - 28


async def test_joining_is_tried_unseen(party: Party, begin: Begin) -> None:
    server = await party.serve()
    begun = begin(server.address)
    await reached(begun)
    answer = await begun.ask_to_join(IDENTITY, "anna", b"", PATIENCE)
    assert isinstance(answer, Welcome)
    assert answer.nick == "anna"
    assert server.users() == []


async def test_a_refusal_to_join_is_told(party: Party, begin: Begin) -> None:
    server = await party.serve(Config(require_account=True))
    begun = begin(server.address)
    await reached(begun)
    answer = await begun.ask_to_join(IDENTITY, "anna", b"", PATIENCE)
    assert isinstance(answer, Refused)
    assert answer.code == ErrorCode.LOGIN_REQUIRED


async def test_the_end_of_a_server_ends_the_measuring(party: Party, begin: Begin) -> None:
    server = await party.serve()
    begun = begin(server.address)
    await reached(begun)
    measuring = asyncio.create_task(begun.measure(PATIENCE))
    await asyncio.sleep(0)
    await party.end(server)
    await measuring
    assert begun.loss is not None


# -- the whole ---------------------------------------------------------------------------------------------------------


def question(folder: Path, host: str | None, port: int, *, interface: str = "lo") -> Question:
    home = Home(folder / "home")
    return Question(host=host, port=port, nick="anna", home=home, seconds=1.0, interface=interface)


async def asked(question: Question) -> tuple[Machine, Target, Server]:
    machine, target = await examine(question)
    assert target is not None
    assert target.server is not None
    return machine, target, target.server


async def test_everything_about_a_server_is_found(party: Party) -> None:
    server = await party.serve()
    machine, target, found = await asked(question(party.folder, LOCALHOST, server.address[1]))
    assert [each.reach for each in target.attempts] == [Reach.OPEN]
    assert (found.shown_key, found.status) == (server.fingerprint, Status.NEW)
    assert isinstance(found.answer, Welcome)
    assert found.measured is not None
    assert machine.port_use is None
    assert Home(party.folder / "home").trust.pins() == ()  # a doctor trusts nobody


async def test_nothing_of_ours_is_shown_to_a_server_with_another_key(party: Party) -> None:
    server = await party.serve()
    host, port = server.address
    home, other = party.folder / "home", bytes(32)
    Home(home).trust.add(shown_place(host, port), other, 0)
    before = set(home.iterdir())
    _, _, found = await asked(question(party.folder, host, port))
    assert (found.status, found.expected, found.answer) == (Status.CHANGED, fingerprint(other), None)
    assert found.measured is not None
    assert set(home.iterdir()) == before


async def test_a_port_that_a_server_has_is_known_as_that(party: Party) -> None:
    server = await party.serve(host="")
    machine, target = await examine(question(party.folder, None, server.address[1]))
    assert target is None
    assert machine.port_use is not None
    assert (machine.port_use.number, machine.neighbour) == (errno.EADDRINUSE, Reach.OPEN)


async def test_a_port_that_another_program_has_is_not_taken_for_a_server(party: Party) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("0.0.0.0", 0))
        machine, _ = await examine(question(party.folder, None, other.getsockname()[1]))
    assert machine.neighbour is Reach.SILENT


async def test_an_interface_that_is_not_there_is_refused(party: Party) -> None:
    with pytest.raises(InterfaceError, match="nope"):
        await examine(question(party.folder, None, 0, interface="nope"))


async def test_a_name_that_nobody_has_is_told(party: Party) -> None:
    _, target = await examine(question(party.folder, "a..b", 5))
    assert target is not None
    assert target.trouble
    assert target.attempts == ()


async def test_a_name_server_that_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def stuck(*_: object, **__: object) -> list[Any]:
        released.wait()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", stuck)
    with pytest.raises(OSError, match="no name server answered"):
        await resolve("far.example", 0.01)
    released.set()


async def test_an_error_of_work_apart_is_that_of_whoever_waits() -> None:
    def fail() -> None:
        raise LookupError("no")

    with pytest.raises(LookupError, match="no"):
        await apart(fail, PATIENCE)


# -- this machine ------------------------------------------------------------------------------------------------------


def test_datagrams_to_ourselves_arrive() -> None:
    first = try_loopback()[0]
    assert (first.address, first.trouble) == (LOCALHOST, "")
    assert min(first.granted) > 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux reads the option back")
def test_datagrams_are_marked_as_not_to_be_cut() -> None:
    assert all(each.is_whole for each in try_loopback())


def test_without_offload_that_is_told() -> None:
    for each in try_loopback(portable=True):
        assert (each.trouble, each.is_offloaded, each.is_merged) == ("", False, False)


def test_sleeps_are_timed() -> None:
    timing = time_sleeps()
    assert 0 <= timing.median_late <= timing.worst_late
    assert timing.resolution > 0


def test_a_free_port_is_free() -> None:
    _, port = nobody()
    assert look_at_port(port).number == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who has a port")
@pytest.mark.parametrize(("family", "place"), [(socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")])
def test_who_has_a_port_is_named(family: int, place: str) -> None:
    with socket.socket(family, socket.SOCK_DGRAM) as other:
        other.bind((place, 0))
        use = look_at_port(other.getsockname()[1])
    assert use.number == errno.EADDRINUSE
    assert f"(process {os.getpid()})" in use.holder

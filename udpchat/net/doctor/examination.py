"""Looking at all that a session needs, here and on the way to a server. What it means is judged by ui/cli/doctor/."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ipaddress
import socket
import threading
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from udpchat.config import Config
from udpchat.crypto.identity import Identity, fingerprint
from udpchat.errors import StorageError
from udpchat.net.discovery.searching import Search, found_servers
from udpchat.net.doctor.firewall import Guards, guards
from udpchat.net.doctor.machine import Loopback, PortUse, Timing, look_at_port, time_sleeps, try_loopback
from udpchat.net.doctor.tally import Measured
from udpchat.net.doctor.visit import Attempt, Reach, Visit, patient, visit
from udpchat.net.home import Home
from udpchat.net.interfaces import Interface, chosen_interfaces, own_interfaces
from udpchat.net.joining import shown_place
from udpchat.protocol.datagrams import Address
from udpchat.store.trust import Status
from udpchat.wire.records import Refused, Welcome

MAX_ADDRESSES: Final = 8  # of one name that are tried
NAMING: Final = 0.4  # share of the time that looking up a name may take
KNOCKING: Final = 0.65  # the same for waiting for an answer: neighbours that are not there are known after 3 s
MAX_LISTENING: Final = 2.0  # seconds for announcements
MAX_MEASURING: Final = 10.0  # seconds; a server closes a connection that does not join in 15 s
JOINING: Final = 2.0  # seconds for an answer to JOIN, at least
FRAGMENTS_AFTER: Final = 1.2  # seconds of silence after which a datagram that may be cut is tried

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is to be looked at. host: None for this machine alone. seconds: how long that may take.

    interface: name or address of the only one that is gone through; empty for all.
    """

    host: str | None
    port: int
    nick: str
    home: Home
    seconds: float
    plaintext: bool = False
    interface: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """This machine. trouble: why its interfaces are not known. search: None when there was no time to hear anything.

    port_use: only asked where a server would run here; neighbour: what answers on a port that is taken.
    """

    interfaces: tuple[Interface, ...]
    trouble: str
    loopbacks: tuple[Loopback, ...]
    timing: Timing
    guards: Guards
    search: Search | None
    port_use: PortUse | None = None
    neighbour: Reach | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that answered. shown_key: fingerprint, empty in plaintext. status: what we know of that key.

    expected: fingerprint that its address is pinned to, when it has another. answer: to JOIN; None when it was not
    asked, or said nothing. trouble: why it was not asked. loss: why the connection ended early.
    """

    address: Address
    shown_key: str
    status: Status | None
    expected: str = ""
    measured: Measured | None = None
    answer: Welcome | Refused | None = None
    trouble: str = ""
    loss: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The way to a host. trouble: why its name is not known. server: the first that answered, looked at closely."""

    host: str
    port: int
    attempts: tuple[Attempt, ...] = ()
    trouble: str = ""
    server: Server | None = None


async def examine(question: Question) -> tuple[Machine, Target | None]:
    """Look at everything, in about `question.seconds`. InterfaceError."""
    deadline = asyncio.get_running_loop().time() + question.seconds
    try:
        interfaces, trouble = own_interfaces(), ""
    except OSError as error:
        interfaces, trouble = (), error.strerror or str(error)
    chosen = chosen_interfaces(question.interface, interfaces)
    # What is timed, or keeps this thread busy, comes first.
    timing, loopbacks = time_sleeps(), try_loopback()
    port_use = look_at_port(question.port) if question.host is None else None
    asked, search, target, neighbour = await asyncio.gather(
        _ask_guards(question.port, deadline),
        _listen(chosen, min(MAX_LISTENING, question.seconds / 2), deadline),
        _look_at(question, chosen[0] if question.interface else None, deadline),
        _knock_here(question, port_use, deadline),
    )
    machine = Machine(
        interfaces=interfaces,
        trouble=trouble,
        loopbacks=loopbacks,
        timing=timing,
        guards=asked,
        search=search,
        port_use=port_use,
        neighbour=neighbour,
    )
    return machine, target


async def _listen(interfaces: Sequence[Interface], seconds: float, deadline: float) -> Search | None:
    try:
        return await _before(deadline, found_servers(seconds, interfaces))
    except (TimeoutError, OSError):
        return None


async def _ask_guards(port: int, deadline: float) -> Guards:
    try:
        return await apart(lambda: guards(port), max(0.0, deadline - asyncio.get_running_loop().time()))
    except TimeoutError:
        return Guards((), is_sure=False)


async def _knock_here(question: Question, port_use: PortUse | None, deadline: float) -> Reach | None:
    """Whether it is one of our servers that has the port."""
    if port_use is None or not port_use.number:
        return None
    attempts, opened = await _knock(["127.0.0.1"], question, None, deadline)
    for each in opened:
        await each.close()
    return attempts[0].reach


async def _look_at(question: Question, through: Interface | None, deadline: float) -> Target | None:
    if question.host is None:
        return None
    target = Target(host=question.host, port=question.port)
    try:
        hosts = await resolve(question.host, question.seconds * NAMING)
    except OSError as error:
        return replace(target, trouble=error.strerror or str(error))
    attempts, opened = await _knock(hosts[:MAX_ADDRESSES], question, through, deadline)
    try:
        server = await _get_to_know(opened[0], question, deadline) if opened else None
    finally:
        for each in opened:
            await each.close()
    return replace(target, attempts=tuple(attempts), server=server)


async def resolve(host: str, seconds: float) -> list[str]:
    """The addresses of a name, in the order in which the system would use them. OSError."""

    def ask() -> list[str]:
        places = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
        return list(dict.fromkeys(str(place[0]) for _, _, _, _, place in places))

    try:
        return await apart(ask, seconds)
    except UnicodeError:
        raise OSError(0, "that is not a name") from None
    except TimeoutError:
        raise OSError(0, f"no name server answered in {seconds:.1f} s") from None


async def apart(work: Callable[[], Result], seconds: float) -> Result:
    """What some work gives, or its error. TimeoutError: it goes on in a thread that nobody waits for.

    Some systems ask name servers for half a minute, and a program that ends waits for the threads of its pools.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Result] = loop.create_future()

    def settle(outcome: Callable[[], None]) -> None:
        if not done.done():
            outcome()

    def run() -> None:
        try:
            outcome = functools.partial(done.set_result, work())
        except Exception as error:  # noqa: BLE001 - whoever waits gets it
            outcome = functools.partial(done.set_exception, error)
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, outcome)

    threading.Thread(target=run, daemon=True).start()
    return await asyncio.wait_for(done, seconds)


async def _knock(
    hosts: list[str], question: Question, through: Interface | None, deadline: float
) -> tuple[list[Attempt], list[Visit]]:
    """Knock at all addresses at once: what came of it, and the visits that are open, in the same order."""
    left = deadline - asyncio.get_running_loop().time()
    config = patient(Config(plaintext=question.plaintext))
    limits = min(question.seconds * KNOCKING, left), left
    done = await asyncio.gather(*(_knock_at((host, question.port), config, through, *limits) for host in hosts))
    return [attempt for attempt, _ in done], [each for _, each in done if each is not None]


async def _knock_at(
    address: Address, config: Config, through: Interface | None, limit: float, most: float
) -> tuple[Attempt, Visit | None]:
    begun = visit(address, config, through)
    if isinstance(begun, Attempt):
        return begun, None
    narrow = asyncio.create_task(_passes_in_fragments(address, config, through, limit))
    try:
        attempt = await begun.knock(limit, most)
        if attempt.reach is Reach.OPEN:
            return attempt, begun
        if attempt.reach is Reach.SILENT and await narrow:
            attempt = replace(attempt, reach=Reach.TOO_NARROW)
    except BaseException:
        await begun.close()
        raise
    finally:
        narrow.cancel()
    await begun.close()
    return attempt, None


async def _passes_in_fragments(address: Address, config: Config, through: Interface | None, limit: float) -> bool:
    """Whether a HELLO gets through when routers may cut it; asked when the ordinary one seems not to."""
    pause = min(FRAGMENTS_AFTER, limit / 2)
    await asyncio.sleep(pause)
    begun = visit(address, config, through, may_fragment=True)
    if isinstance(begun, Attempt):
        return False
    try:
        return await begun.answers(limit - pause)
    finally:
        await begun.close()


async def _get_to_know(begun: Visit, question: Question, deadline: float) -> Server:
    """Look closely at a server; nothing of ours is shown to one whose key is not the one we know."""
    key = begun.server_key
    server = Server(address=begun.address, shown_key=fingerprint(key) if key else "", status=None)
    try:
        if key:
            verdict = question.home.trust.check(shown_place(question.host or "", question.port), key)
            expected = fingerprint(verdict.expected) if verdict.expected else ""
            server = replace(server, status=verdict.status, expected=expected)
        if server.status is Status.CHANGED:
            server = replace(server, trouble="its key is not the one that is known")
        else:
            identity = Identity(question.home.identity())
            ticket = question.home.ticket(key, question.nick) if key else b""
            # Asked first: what is measured then is a connection like any other.
            left = deadline - asyncio.get_running_loop().time()
            answer = await begun.ask_to_join(identity, question.nick, ticket, max(JOINING, left / 2))
            server = replace(server, answer=answer)
    except StorageError as error:
        server = replace(server, trouble=error.text)
    left = min(MAX_MEASURING, deadline - asyncio.get_running_loop().time())
    measured = await begun.measure(left)
    return replace(server, measured=measured, loss=begun.loss or "")


async def _before(deadline: float, work: Coroutine[Any, Any, Result]) -> Result:
    return await asyncio.wait_for(work, max(0.0, deadline - asyncio.get_running_loop().time()))


def is_own(host: str, interfaces: tuple[Interface, ...]) -> bool:
    """Whether an address is this machine's own."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or any(address in each.addresses for each in interfaces)

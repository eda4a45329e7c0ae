"""What a network says about datagrams that do not arrive, in network namespaces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.net.hosts import CABLE, IPV4, Hosts, two_hosts
from tests.net.party import Party
from udpchat.config import DEFAULT_PORT, Config
from udpchat.net.doctor.visit import Attempt, Reach, Visit, patient, visit

pytestmark = pytest.mark.root
PATIENCE = 10.0  # seconds
CLIENT, ROUTER = 0, 1
BEHIND = "198.18.9.1"  # an address behind the router


def tune(hosts: Hosts, number: int, name: str, value: int) -> None:
    with hosts.on(number):
        Path("/proc/sys/net/ipv4", name).write_text(str(value))


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    with two_hosts() as made:
        tune(made, ROUTER, "ip_forward", 1)
        tune(made, ROUTER, "icmp_ratelimit", 0)
        made.ip(CLIENT, "route", "add", "198.18.9.0/24", "via", IPV4[ROUTER])
        yield made


def begin(hosts: Hosts, host: str, *, may_fragment: bool = False) -> Visit | Attempt:
    with hosts.on(CLIENT):
        return visit((host, DEFAULT_PORT), patient(Config()), may_fragment=may_fragment)


async def knock(hosts: Hosts, host: str = BEHIND, seconds: float = PATIENCE) -> Attempt:
    begun = begin(hosts, host)
    if isinstance(begun, Attempt):
        return begun
    attempt = await begun.knock(seconds)
    await begun.close()
    return attempt


@pytest.mark.parametrize(
    ("kind", "reach"), [("prohibit", Reach.REJECTED), ("unreachable", Reach.NO_HOST), ("blackhole", Reach.SILENT)]
)
async def test_what_a_router_says_is_understood(hosts: Hosts, kind: str, reach: Reach) -> None:
    hosts.ip(ROUTER, "route", "add", kind, "198.18.9.0/24")
    attempt = await knock(hosts, seconds=0.5 if reach is Reach.SILENT else PATIENCE)
    assert (attempt.reach, attempt.local) == (reach, IPV4[CLIENT])
    assert attempt.by == ("" if reach is Reach.SILENT else IPV4[ROUTER])


async def test_a_neighbour_that_is_not_there_is_missed(hosts: Hosts) -> None:
    tune(hosts, CLIENT, f"neigh/{CABLE}/mcast_solicit", 1)
    tune(hosts, CLIENT, f"neigh/{CABLE}/retrans_time_ms", 50)
    assert (await knock(hosts, "198.18.7.77")).reach is Reach.NO_HOST


async def test_what_this_machine_forbids_is_its_own_doing(hosts: Hosts) -> None:
    hosts.ip(CLIENT, "route", "add", "prohibit", "198.18.10.0/24")
    assert (await knock(hosts, "198.18.10.1")).reach is Reach.BLOCKED_HERE


async def test_where_no_way_leads_is_told_at_once(hosts: Hosts) -> None:
    attempt = await knock(hosts, "198.18.11.1")
    assert attempt.reach is Reach.NO_ROUTE
    assert attempt.text


async def test_a_machine_without_a_server_says_so(hosts: Hosts) -> None:
    attempt = await knock(hosts, IPV4[ROUTER])
    assert (attempt.reach, attempt.by) == (Reach.CLOSED, IPV4[ROUTER])


async def test_a_narrow_link_names_its_router_and_its_size(hosts: Hosts) -> None:
    hosts.ip(ROUTER, "link", "add", "narrow0", "mtu", "1000", "type", "veth", "peer", "name", "narrow1")
    hosts.ip(ROUTER, "link", "set", "narrow1", "up")
    hosts.ip(ROUTER, "link", "set", "narrow0", "up")
    hosts.ip(ROUTER, "route", "add", "198.18.9.0/24", "dev", "narrow0")
    attempt = await knock(hosts, seconds=0.5)
    assert (attempt.reach, attempt.by, attempt.mtu) == (Reach.TOO_NARROW, IPV4[ROUTER], 1_000)


async def test_a_narrow_interface_of_our_own_lets_fragments_through(hosts: Hosts, party: Party) -> None:
    with hosts.on(ROUTER):
        await party.serve(host=IPV4[ROUTER], port=DEFAULT_PORT)
    hosts.ip(CLIENT, "link", "set", CABLE, "mtu", "1000")
    attempt = await knock(hosts, IPV4[ROUTER], seconds=0.5)
    assert (attempt.reach, attempt.by, attempt.mtu) == (Reach.TOO_NARROW, "", 1_000)
    begun = begin(hosts, IPV4[ROUTER], may_fragment=True)
    assert isinstance(begun, Visit)
    assert await begun.answers(PATIENCE)
    await begun.close()

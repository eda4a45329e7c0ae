"""What becomes of announcements on their way to a person: honest, doubled, hostile."""

from __future__ import annotations

import ipaddress

import pytest

from udpchat.net.discovery.announcement import Announcement, encode
from udpchat.net.discovery.sightings import MAX_SERVERS, MAX_SPOTS, Sighting, servers_from
from udpchat.net.interfaces import Interface


def interface(name: str, *addresses: str) -> Interface:
    return Interface(name, 2, tuple(map(ipaddress.ip_interface, addresses)))


LAN = interface("lan0", "10.1.0.5/24", "fd00:1::5/64", "fe80::5/64")
WLAN = interface("wlan0", "10.2.0.5/24")
LOOPBACK = interface("lo", "127.0.0.1/8", "::1/128")
TUNNEL = interface("tun0", "10.8.0.2/32")
MINE, OTHER = "1111-" * 7 + "1111", "2222-" * 7 + "2222"


def sighting(
    *addresses: str, at: Interface = LAN, port: int = 27272, label: str = "room", users: int = 1, key: str = MINE
) -> Sighting:
    text = encode(Announcement(label, users, key, is_sealed=True, version=1))
    return Sighting(f"{label}._udpchat._udp.local.", text, port, addresses, at)


def places(*sightings: Sighting) -> list[list[str]]:
    return [[str(spot) for spot in server.spots] for server in servers_from(sightings)[0]]


@pytest.mark.parametrize(
    ("address", "at", "place", "is_near"),
    [
        ("10.1.0.9", LAN, "10.1.0.9:27272", True),
        ("fd00:1::9", LAN, "[fd00:1::9]:27272", True),
        ("fe80::9", LAN, "[fe80::9%lan0]:27272", True),
        ("fe80::9%7", LAN, "[fe80::9%lan0]:27272", True),
        ("10.2.0.9", LAN, "10.2.0.9:27272", False),
        ("8.8.8.8", LAN, "8.8.8.8:27272", False),
        ("2001:db8::1", LAN, "[2001:db8::1]:27272", False),
        ("10.8.0.1", TUNNEL, "10.8.0.1:27272", False),
        ("127.0.0.1", LOOPBACK, "127.0.0.1:27272", True),
        ("::1", LOOPBACK, "[::1]:27272", True),
    ],
)
def test_an_address_is_shown_with_where_it_was_heard(address: str, at: Interface, place: str, is_near: bool) -> None:
    ((server,), left_out) = servers_from([sighting(address, at=at)])
    assert (str(server.spots[0]), server.is_near, server.interfaces) == (place, is_near, (at.name,))
    assert left_out == 0


@pytest.mark.parametrize(
    ("address", "at"),
    [
        ("0.0.0.0", LAN),
        ("0.1.2.3", LAN),
        ("::", LAN),
        ("224.0.0.251", LAN),
        ("ff02::fb", LAN),
        ("255.255.255.255", LAN),
        ("10.1.0.255", LAN),
        ("240.0.0.1", LAN),
        ("127.0.0.1", LAN),
        ("::1", LAN),
        ("::ffff:10.1.0.9", LAN),
        ("2002:a01:9::1", LAN),
        ("10.1.0.9", LOOPBACK),
        ("server.example.org", LAN),
        ("", LAN),
    ],
)
def test_an_address_where_no_server_can_be_is_left_out(address: str, at: Interface) -> None:
    assert places(sighting(address, at=at)) == []
    near = "127.0.0.2" if at is LOOPBACK else "10.1.0.9"
    assert places(sighting(address, near, at=at)) == [[f"{near}:27272"]]


@pytest.mark.parametrize("port", [0, -1, 65_536])
def test_a_port_that_there_is_not_is_no_server(port: int) -> None:
    assert places(sighting("10.1.0.9", port=port)) == []


def test_a_server_that_is_heard_on_several_interfaces_is_one_nearest_first() -> None:
    heard = (
        sighting("127.0.0.1", at=LOOPBACK, users=1),
        sighting("fe80::9", "fd00:1::9", "10.1.0.9", users=2),
        sighting("8.8.8.8", at=WLAN, users=2),
    )
    ((server,), _) = servers_from(heard)
    assert [str(spot) for spot in server.spots] == [
        "10.1.0.9:27272",
        "[fd00:1::9]:27272",
        "[fe80::9%lan0]:27272",
        "127.0.0.1:27272",
        "8.8.8.8:27272",
    ]
    assert server.interfaces == ("lan0", "lo", "wlan0")
    assert server.announcement.users == 2


def test_the_same_name_with_another_key_is_another_server() -> None:
    assert len(places(sighting("10.1.0.9"), sighting("10.1.0.10", key=OTHER))) == 2


def test_a_server_that_claims_a_known_key_comes_first_then_those_nearby() -> None:
    heard = [
        sighting("8.8.8.8", label="a", key=OTHER),
        sighting("10.1.0.10", label="c", key=OTHER),
        sighting("10.1.0.9", label="b", key=OTHER),
        sighting("10.1.0.11", label="z", key=MINE),
    ]
    servers, _ = servers_from(heard, {MINE})
    assert [server.announcement.name for server in servers] == ["z", "b", "c", "a"]


def test_of_ten_thousand_servers_those_we_know_are_shown_and_a_few_more() -> None:
    crowd = [sighting("10.1.0.9", label=f"a{number:05}", port=1 + number, key=OTHER) for number in range(10_000)]
    servers, left_out = servers_from([*crowd, sighting("10.1.0.11", label="zzz", key=MINE)], {MINE})
    assert (len(servers), left_out) == (MAX_SERVERS, 10_001 - MAX_SERVERS)
    assert servers[0].announcement.name == "zzz"


def test_of_a_thousand_addresses_a_few_are_looked_at() -> None:
    addresses = [f"10.1.{number // 250}.{number % 250 + 1}" for number in range(1_000)]
    ((server,), _) = servers_from([sighting(*addresses)])
    assert len(server.spots) == MAX_SPOTS


def test_a_service_of_somebody_else_is_no_server() -> None:
    assert servers_from([Sighting("x._udpchat._udp.local.", b"\x05path=", 80, ("10.1.0.9",), LAN)]) == ((), 0)

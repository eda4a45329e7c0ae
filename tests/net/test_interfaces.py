"""The interfaces of a machine, and the one that is meant."""

from __future__ import annotations

import ipaddress
import socket

import pytest

from udpchat.net.interfaces import (
    MAX_INTERFACES,
    Interface,
    InterfaceError,
    chosen_interfaces,
    leading_to,
    own_interfaces,
)
from udpchat.net.sockets import dial


def interface(name: str, *addresses: str) -> Interface:
    return Interface(name, 2, tuple(map(ipaddress.ip_interface, addresses)))


LAN = interface("lan0", "fe80::5/64", "10.1.0.5/24", "fd00:1::5/64")
BRIDGE = interface("br0", "fe80::6/64")
LOOPBACK = interface("lo", "127.0.0.1/8", "::1/128")
ALL = (LAN, BRIDGE, LOOPBACK)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("", ALL),
        ("lan0", (LAN,)),
        ("10.1.0.5", (LAN,)),
        ("fd00:1:0::5", (LAN,)),
        ("fe80::6%br0", (BRIDGE,)),
        ("127.0.0.1", (LOOPBACK,)),
    ],
)
def test_an_interface_is_chosen_by_its_name_or_an_address(wanted: str, found: tuple[Interface, ...]) -> None:
    assert chosen_interfaces(wanted, ALL) == found


@pytest.mark.parametrize("wanted", ["LAN0", "10.1.0.6", "10.1.0.0/24", "eth9"])
def test_an_interface_that_is_not_there_is_named_with_those_that_are(wanted: str) -> None:
    with pytest.raises(InterfaceError, match=r"lan0 \(fe80::5, 10.1.0.5, fd00:1::5\), br0"):
        chosen_interfaces(wanted, ALL)


def test_of_hundreds_of_interfaces_the_first_are_used() -> None:
    many = [interface(f"veth{number}", "fe80::1/64") for number in range(300)]
    assert chosen_interfaces("", many) == tuple(many[:MAX_INTERFACES])


def test_interfaces_that_lead_to_others_come_first_and_loopback_last() -> None:
    assert sorted((LOOPBACK, BRIDGE, LAN), key=lambda each: each.rank) == [LAN, BRIDGE, LOOPBACK]


def test_an_address_of_a_family_is_one_that_others_can_use_if_there_is_one() -> None:
    assert str(LAN.address(is_ipv6=True)) == "fd00:1::5"
    assert str(BRIDGE.address(is_ipv6=True)) == "fe80::6"
    assert BRIDGE.address(is_ipv6=False) is None


@pytest.mark.parametrize(
    ("address", "reaches", "broadcasts"),
    [("10.1.0.9", True, False), ("10.1.0.255", True, True), ("10.2.0.9", False, False), ("fd00:1::9", True, False)],
)
def test_an_interface_knows_its_networks(address: str, reaches: bool, broadcasts: bool) -> None:
    place = ipaddress.ip_address(address)
    assert (LAN.reaches(place), LAN.broadcasts(place)) == (reaches, broadcasts)


def test_this_machine_has_a_loopback_and_it_leads_to_itself() -> None:
    found = own_interfaces()
    loopback = next(each for each in found if each.is_loopback)
    assert ipaddress.ip_address("127.0.0.1") in loopback.addresses
    assert leading_to("127.0.0.1", found) == loopback
    assert leading_to("no address", found) is None


def test_a_client_can_be_kept_to_one_interface() -> None:
    (loopback,) = chosen_interfaces("127.0.0.1", own_interfaces())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        source = dial(peer.getsockname(), loopback, portable=False)
        try:
            assert source.address[0] == "127.0.0.1"
        finally:
            source.close()

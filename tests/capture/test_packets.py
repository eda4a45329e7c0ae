import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.capture.making import ANNA, ANNA6, BOB, BOB6, ip_packet
from udpchat.capture import packets
from udpchat.capture.packets import MAX_FLOWS, HeaderMaker, Skip, Unwrapped, Unwrapper
from udpchat.errors import UsageError
from udpchat.protocol.datagrams import Address

hosts4 = st.ip_addresses(v=4).map(str)
hosts6 = st.ip_addresses(v=6).map(str)
ports = st.integers(0, 65_535)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Address, Address]:
    hosts = draw(st.sampled_from([hosts4, hosts6]))
    return (draw(hosts), draw(ports)), (draw(hosts), draw(ports))


def ones_sum(data: bytes) -> int:
    """RFC 1071 section 4.1, word by word: 0xFFFF over data whose checksum is right."""
    total = 0
    for (word,) in struct.iter_unpack(">H", data + bytes(len(data) % 2)):
        total += word
        total = (total & 0xFFFF) + (total >> 16)
    return total


def unwrap(packet: bytes, link_type: int = packets.LINK_RAW, *, is_cut: bool = False) -> Unwrapped | Skip:
    return Unwrapper().unwrap(link_type, memoryview(packet), is_cut=is_cut)


@settings(deadline=None)
@given(pairs(), st.binary(max_size=200))
def test_both_checksums_are_those_of_the_rfc(pair: tuple[Address, Address], data: bytes) -> None:
    packet = ip_packet(data, *pair)
    if packet[0] >> 4 == 4:
        addresses, udp = packet[12:20], packet[20:]
        assert ones_sum(packet[:20]) == 0xFFFF
    else:
        addresses, udp = packet[8:40], packet[40:]
    assert ones_sum(addresses + struct.pack(">HH", 17, len(udp)) + udp) == 0xFFFF
    assert udp[6:8] != b"\0\0"  # that would say that there is none


@settings(deadline=None)
@given(pairs(), st.binary(max_size=200))
def test_what_was_wrapped_is_unwrapped(pair: tuple[Address, Address], data: bytes) -> None:
    found = unwrap(ip_packet(data, *pair))
    assert isinstance(found, Unwrapped)
    assert found.data == data
    assert unwrap(ip_packet(data, found.source, found.destination)) == found


def test_a_checksum_that_is_zero_is_sent_as_ones() -> None:
    without = ip_packet(b"\0\0")
    checksum = without[26:28]
    assert ip_packet(checksum)[26:28] == b"\xff\xff"  # RFC 768


def test_the_scope_of_an_address_is_left_out() -> None:
    scoped = ip_packet(b"x", ("fe80::1%eth0", 1), ("fe80::2%eth0", 2))
    assert scoped == ip_packet(b"x", ("fe80::1", 1), ("fe80::2", 2))


def test_a_packet_has_one_kind_of_addresses() -> None:
    with pytest.raises(UsageError):
        ip_packet(b"", ANNA, BOB6)


def test_more_flows_than_are_remembered_are_wrapped_and_unwrapped_alike() -> None:
    maker, unwrapper = HeaderMaker(), Unwrapper()
    for number in [*range(MAX_FLOWS + 2), 0]:
        source = ("10.0.0.9", number)
        packet = memoryview(maker.headers(source, BOB, b"") + b"")
        assert unwrapper.unwrap(packets.LINK_RAW, packet, is_cut=False) == (source, BOB, b"")


MAC = bytes(12)
IPV4, IPV6 = ip_packet(b"hello"), ip_packet(b"hello", ANNA6, BOB6)


@pytest.mark.parametrize(
    ("link_type", "header"),
    [
        (packets.LINK_RAW, b""),
        (packets.LINK_RAW_BSD, b""),
        (packets.LINK_NULL, b"\x02\0\0\0"),
        (packets.LINK_NULL, b"\0\0\0\x02"),
        (packets.LINK_LOOP, b"\0\0\0\x18"),
    ],
)
@pytest.mark.parametrize("packet", [IPV4, IPV6], ids=["ipv4", "ipv6"])
def test_links_without_a_protocol_field_are_read_by_the_ip_version(
    link_type: int, header: bytes, packet: bytes
) -> None:
    found = unwrap(header + packet, link_type)
    assert isinstance(found, Unwrapped)
    assert found.data == b"hello"


@pytest.mark.parametrize(("packet", "kind"), [(IPV4, b"\x08\x00"), (IPV6, b"\x86\xdd")], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("tags", [b"", b"\x81\x00\x00\x05", b"\x88\xa8\x00\x01\x81\x00\x00\x05"])
def test_ethernet_and_cooked_packets_are_read_through_vlan_tags(packet: bytes, kind: bytes, tags: bytes) -> None:
    after = tags[2:] + kind if tags else kind  # each tag names the type of what follows it
    start = tags[:2]
    found = [
        unwrap(MAC + start + after + packet, packets.LINK_ETHERNET),
        unwrap(bytes(14) + start + after + packet, packets.LINK_SLL),
    ]
    if not tags:
        found.append(unwrap(kind + bytes(18) + packet, packets.LINK_SLL2))
    assert {each.data for each in found if isinstance(each, Unwrapped)} == {b"hello"}
    assert all(isinstance(each, Unwrapped) for each in found)


def changed(packet: bytes, at: int, value: int) -> bytes:
    return packet[:at] + bytes([value]) + packet[at + 1 :]


def with_extension(kind: int, body: bytes = bytes(8)) -> bytes:
    return changed(IPV6, 6, kind)[:40] + bytes([17]) + body[1:] + IPV6[40:]


@pytest.mark.parametrize(
    ("packet", "link_type", "reason"),
    [
        (IPV4, 147, Skip.LINK_TYPE),
        (b"", packets.LINK_RAW, Skip.NOT_IP),
        (b"\x00" * 30, packets.LINK_RAW, Skip.NOT_IP),
        (MAC + b"\x08\x06" + bytes(28), packets.LINK_ETHERNET, Skip.NOT_IP),
        (MAC, packets.LINK_ETHERNET, Skip.NOT_IP),
        (MAC + b"\x81\x00" * 3, packets.LINK_ETHERNET, Skip.NOT_IP),
        (changed(IPV4, 6, 0x20), packets.LINK_RAW, Skip.FRAGMENT),
        (changed(IPV4, 7, 1), packets.LINK_RAW, Skip.FRAGMENT),
        (with_extension(44), packets.LINK_RAW, Skip.FRAGMENT),
        (changed(IPV4, 9, 6), packets.LINK_RAW, Skip.NOT_UDP),
        (changed(IPV6, 6, 58), packets.LINK_RAW, Skip.NOT_UDP),
        (changed(IPV4, 0, 0x44), packets.LINK_RAW, Skip.LENGTH),
        (changed(IPV4, 25, 7), packets.LINK_RAW, Skip.LENGTH),
        (changed(IPV4, 25, 200), packets.LINK_RAW, Skip.LENGTH),
        (IPV4[:10], packets.LINK_RAW, Skip.LENGTH),
        (IPV4[:24], packets.LINK_RAW, Skip.LENGTH),
        (IPV6[:30], packets.LINK_RAW, Skip.LENGTH),
        (changed(IPV6, 6, 0)[:41], packets.LINK_RAW, Skip.LENGTH),
    ],
)
def test_what_is_no_datagram_is_skipped_for_a_reason(packet: bytes, link_type: int, reason: Skip) -> None:
    assert unwrap(packet, link_type) is reason


@pytest.mark.parametrize("kept", [0, *range(1, len(IPV4), 3)])
def test_what_was_cut_by_the_capture_is_called_cut(kept: int) -> None:
    assert unwrap(IPV4[:kept], is_cut=True) is (Skip.CUT if kept else Skip.NOT_IP)


@pytest.mark.parametrize("kind", [0, 43, 60])
def test_extension_headers_of_ipv6_are_passed_over(kind: int) -> None:
    found = unwrap(with_extension(kind))
    assert isinstance(found, Unwrapped)
    assert found.data == b"hello"


@settings(deadline=None)
@given(st.binary(max_size=120), st.sampled_from([0, 1, 12, 101, 108, 113, 228, 229, 276, 9]), st.booleans())
def test_any_bytes_are_a_datagram_or_a_reason(packet: bytes, link_type: int, is_cut: bool) -> None:
    assert isinstance(unwrap(packet, link_type, is_cut=is_cut), Unwrapped | Skip)

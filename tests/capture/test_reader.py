import contextlib
import gzip
import io
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.capture.making import (
    ANNA,
    BOB,
    END,
    block,
    enhanced,
    interface,
    ip_packet,
    option,
    pcap,
    read,
    section,
)
from udpchat.capture import blocks
from udpchat.capture.blocks import MAX_BLOCK, MAX_INTERFACES, MAX_TIME
from udpchat.capture.packets import LINK_ETHERNET, Skip
from udpchat.capture.pcapng import PcapngWriter, read_capture
from udpchat.errors import CaptureError

HELLO = ip_packet(b"hello")
ORDERS = ("<", ">")


def three() -> bytes:
    """A capture of three datagrams as we write it."""
    file = io.BytesIO()
    writer = PcapngWriter(file, ["here"])
    for number in range(3):
        writer.write(1_000 + number, ANNA, BOB, bytes([number]) * 5, comment=f"number={number}", outbound=True)
    return file.getvalue()


# -- what there is in captures -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ORDERS)
def test_both_byte_orders_are_read(tmp_path: Path, order: str) -> None:
    options = option(1, b"a", order) + option(2, struct.pack(order + "I", 0x101), order) + END
    name = option(2, b"eth0", order) + END
    (found,) = read(
        tmp_path,
        section(order) + interface(101, name, order) + enhanced(HELLO, 2**33 + 5, 0, options, order),
    )
    assert (found.us, found.data, found.comment, found.interface_name, found.outbound) == (
        2**33 + 5,
        b"hello",
        "a",
        "eth0",
        False,
    )


def test_sections_follow_one_another_each_with_its_interfaces(tmp_path: Path) -> None:
    parts = [
        section(order) + interface(101, option(2, name, order) + END, order) + enhanced(HELLO, order=order)
        for order, name in (("<", b"one"), (">", b"two"), ("<", b"three"))
    ]
    found = read(tmp_path, b"".join(parts))
    assert [(each.interface, each.interface_name, each.index) for each in found] == [
        (0, "one", 1),
        (1, "two", 2),
        (2, "three", 3),
    ]


@pytest.mark.parametrize(
    ("resolution", "ticks", "us"),
    [
        (b"", 7, 7),
        (b"\x06", 7, 7),
        (b"\x09", 1_700_000_000_123_456_789, 1_700_000_000_123_456),
        (b"\x03", 7, 7_000),
        (b"\x00", 7, 7_000_000),
        (b"\x8a", 1_024 * 3 + 512, 3_500_000),
        (b"\xff", 2**63, 0),
        (b"\x00", 2**63, MAX_TIME),
    ],
)
def test_times_of_any_resolution_become_microseconds(tmp_path: Path, resolution: bytes, ticks: int, us: int) -> None:
    options = option(9, resolution) + END if resolution else b""
    (found,) = read(tmp_path, section() + interface(options=options) + enhanced(HELLO, ticks))
    assert found.us == us


@pytest.mark.parametrize(("offset", "us"), [(10, 10_000_007), (-10, 0)])
def test_the_offset_of_an_interface_is_added(tmp_path: Path, offset: int, us: int) -> None:
    options = option(14, struct.pack("<q", offset)) + END
    (found,) = read(tmp_path, section() + interface(options=options) + enhanced(HELLO, 7))
    assert found.us == us


def test_simple_packets_have_the_time_of_the_packet_before(tmp_path: Path) -> None:
    simple = block(3, struct.pack("<I", len(HELLO)) + HELLO + bytes(3))
    found = read(tmp_path, section() + interface() + simple + enhanced(HELLO, 9) + simple)
    assert [(each.us, each.data) for each in found] == [(0, b"hello"), (9, b"hello"), (9, b"hello")]


def test_a_simple_packet_is_as_long_as_the_snaplen_lets_it(tmp_path: Path) -> None:
    path = tmp_path / "cut.pcapng"
    path.write_bytes(section() + interface(snaplen=24) + block(3, struct.pack("<I", len(HELLO)) + HELLO[:24]))
    found = read_capture(path)
    assert list(found) == []
    assert found.skipped == {Skip.CUT: 1}


def test_packets_of_the_old_kind_are_read(tmp_path: Path) -> None:
    old = struct.pack("<HHIIII", 0, 3, 0, 77, len(HELLO), len(HELLO)) + HELLO + bytes(3)
    (found,) = read(tmp_path, section() + interface() + block(2, old + option(1, b"old") + END))
    assert (found.us, found.data, found.comment) == (77, b"hello", "old")


def test_unknown_blocks_and_options_are_passed_over(tmp_path: Path) -> None:
    options = option(2_988, b"xyz") + option(1, b"one") + option(1, b"two") + END
    unknown = block(0x0BAD, bytes(20)) + block(5, bytes(12))
    (found,) = read(tmp_path, unknown.join([section(), interface(), enhanced(HELLO, options=options), b""]))
    assert (found.comment, found.outbound) == ("one\ntwo", None)


def test_options_that_are_not_whole_are_left_out(tmp_path: Path) -> None:
    broken = struct.pack("<HH", 1, 200) + b"no"
    (found,) = read(tmp_path, section() + interface() + enhanced(HELLO, options=broken + b"\0\0"))
    assert found.comment == ""


def test_text_that_is_no_unicode_is_shown_as_far_as_it_is(tmp_path: Path) -> None:
    (found,) = read(
        tmp_path,
        section() + interface(options=option(2, b"\xffeth")) + enhanced(HELLO, options=option(1, b"a\xff")),
    )
    assert (found.comment, found.interface_name) == ("a\ufffd", "\ufffdeth")


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("magic", "fraction"), [(0xA1B2C3D4, 5), (0xA1B23C4D, 5_999)])
def test_all_four_kinds_of_classic_pcap_are_read(tmp_path: Path, order: str, magic: int, fraction: int) -> None:
    (found,) = read(tmp_path, pcap([(1_700_000_000, fraction, HELLO)], order, magic))
    assert (found.us, found.data, found.comment, found.outbound) == (1_700_000_000_000_005, b"hello", "", None)


def test_other_traffic_is_counted_by_reason_and_skipped(tmp_path: Path) -> None:
    arp = bytes(12) + b"\x08\x06" + bytes(28)
    tcp = HELLO[:9] + b"\x06" + HELLO[10:]
    path = tmp_path / "mixed.pcapng"
    path.write_bytes(
        section()
        + interface()
        + interface(LINK_ETHERNET)
        + interface(147)
        + enhanced(arp, place=1)
        + enhanced(tcp)
        + enhanced(HELLO)
        + enhanced(HELLO, place=2)
        + enhanced(HELLO, place=3)
        + enhanced(HELLO[:30], size=33)
    )
    found = read_capture(path)
    assert [each.index for each in found] == [3]
    assert found.skipped == {
        Skip.NOT_IP: 1,
        Skip.NOT_UDP: 1,
        Skip.LINK_TYPE: 1,
        Skip.INTERFACE: 1,
        Skip.CUT: 1,
    }


def test_a_capture_can_be_iterated_again(tmp_path: Path) -> None:
    path = tmp_path / "three.pcapng"
    path.write_bytes(three()[:-1])
    found = read_capture(path)
    assert [interface.name for interface in found.interfaces] == ["here"]
    assert not found.truncated  # not known before the end
    assert list(found) == list(found)
    assert found.truncated


def test_a_capture_larger_than_what_is_read_at_once_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read(tmp_path, three())
    for chunk in (2, 7, 64, 97):
        monkeypatch.setattr("udpchat.capture.reader.CHUNK", chunk)
        assert read(tmp_path, three()) == whole
        assert read(tmp_path, gzip.compress(three())) == whole


# -- gzip --------------------------------------------------------------------------------------------------------------


def test_gzipped_captures_are_read_directly(tmp_path: Path) -> None:
    plain = read(tmp_path, three())
    assert read(tmp_path, gzip.compress(three())) == plain
    assert read(tmp_path, gzip.compress(three()[:100]) + gzip.compress(three()[100:])) == plain
    assert read(tmp_path, gzip.compress(three()) + bytes(512)) == plain  # padded, as by a tape


def test_a_truncated_gzip_file_is_read_up_to_its_last_whole_packet(tmp_path: Path) -> None:
    path = tmp_path / "cut.pcapng.gz"
    path.write_bytes(gzip.compress(three(), compresslevel=0)[:-30])
    found = read_capture(path)
    assert [each.data[:1] for each in found] == [b"\0", b"\1"]
    assert found.truncated


def test_a_damaged_gzip_file_is_an_error(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(three()))
    content[40] ^= 0xFF
    with pytest.raises(CaptureError, match="damaged"):
        read(tmp_path, bytes(content))


# -- bad input ---------------------------------------------------------------------------------------------------------


def test_a_truncated_capture_is_read_up_to_its_last_whole_packet(tmp_path: Path) -> None:
    content = three()
    ends = block_ends(content)
    path = tmp_path / "cut.pcapng"
    for size in range(4, len(content)):
        path.write_bytes(content[:size])
        found = read_capture(path)
        whole = sum(end <= size for end in ends[2:])  # after the section and the interface
        assert [each.data[:1] for each in found] == [b"\0", b"\1", b"\2"][:whole]
        assert found.truncated is (size not in ends)


def block_ends(content: bytes) -> list[int]:
    ends = [0]
    while ends[-1] < len(content):
        ends.append(ends[-1] + struct.unpack_from("<I", content, ends[-1] + 4)[0])
    return ends[1:]


def test_a_truncated_pcap_is_read_up_to_its_last_whole_packet(tmp_path: Path) -> None:
    content = pcap([(1, 2, HELLO), (3, 4, HELLO)])
    path = tmp_path / "cut.pcap"
    for size in (10, 24, 30, 24 + 16 + len(HELLO) + 20):
        path.write_bytes(content[:size])
        found = read_capture(path)
        assert len(list(found)) == (size > 60)
        assert found.truncated is (size != 24)


@pytest.mark.parametrize("content", [b"", b"\n", b"just text\n" * 10, b"\x89PNG\r\n\x1a\n", bytes(64)])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_what_is_no_capture_is_refused_at_once(tmp_path: Path, content: bytes, pack: type[bytes]) -> None:
    path = tmp_path / "other"
    path.write_bytes(pack(content))
    with pytest.raises(CaptureError, match=r"is not a capture: .*; name a file that"):
        read_capture(path)


def test_a_file_that_cannot_be_read_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"cannot read .*: No such file"):
        read_capture(tmp_path / "missing")
    with pytest.raises(CaptureError, match=r"cannot read .*: Is a directory"):
        read_capture(tmp_path)


@pytest.mark.parametrize(
    "broken",
    [
        block(0x0A0D0D0A, bytes(16)),
        struct.pack("<II", 6, 8) + bytes(8),
        struct.pack("<II", 6, 33) + bytes(40),
        struct.pack("<II", 6, MAX_BLOCK + 4) + bytes(8),
        struct.pack("<II", 6, 16) + bytes(8),
        block(1, bytes(4)),
        block(6, bytes(16)),
        block(2, bytes(16)),
        block(3, b""),
        block(3, struct.pack("<I", 5) + bytes(4)),
        block(6, struct.pack("<IIIII", 0, 0, 0, 9, 9) + bytes(8)),
    ],
)
def test_a_damaged_capture_gives_what_comes_before_and_then_says_where(tmp_path: Path, broken: bytes) -> None:
    start = section() + interface() + enhanced(HELLO)
    path = tmp_path / "damaged.pcapng"
    path.write_bytes(start + broken + enhanced(HELLO))
    packets = iter(read_capture(path))
    assert next(packets).data == b"hello"
    with pytest.raises(CaptureError, match=rf"damaged at byte {len(start)}: .*; what comes before can be read"):
        next(packets)


def test_a_damaged_pcap_gives_what_comes_before_and_then_says_where(tmp_path: Path) -> None:
    path = tmp_path / "damaged.pcap"
    path.write_bytes(pcap([(1, 2, HELLO)]) + b"\xff" * 30)
    packets = iter(read_capture(path))
    assert next(packets).data == b"hello"
    with pytest.raises(CaptureError, match=f"damaged at byte {24 + 16 + len(HELLO)}"):
        next(packets)


def test_more_interfaces_than_there_can_be_are_damage(tmp_path: Path) -> None:
    assert read(tmp_path, section() + interface() * MAX_INTERFACES + enhanced(HELLO))
    with pytest.raises(CaptureError, match="damaged"):
        read(tmp_path, section() + interface() * (MAX_INTERFACES + 1))


def test_a_packet_before_any_interface_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "odd.pcapng"
    path.write_bytes(section() + block(3, struct.pack("<I", 4) + bytes(4)) + enhanced(HELLO))
    found = read_capture(path)
    assert list(found) == []
    assert found.skipped == {Skip.INTERFACE: 2}


SEEDS = [
    three(),
    pcap([(1, 2, HELLO), (3, 4, HELLO)]),
    gzip.compress(three()),
    section() + interface() + enhanced(HELLO),
]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6))
def test_damage_gives_datagrams_or_a_capture_error(
    tmp_path: Path, content: bytes, damage: list[tuple[int, int]]
) -> None:
    changed = bytearray(content)
    for at, value in damage:
        changed[at % len(changed)] = value
    try:
        found = read(tmp_path, bytes(changed))
    except CaptureError:
        return
    assert len(found) <= 3


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([blocks.SECTION_MAGIC, section(), section() + interface(), *blocks.PCAP_MAGICS]), st.binary())
def test_any_bytes_give_datagrams_or_a_capture_error(tmp_path: Path, start: bytes, rest: bytes) -> None:
    with contextlib.suppress(CaptureError):
        read(tmp_path, start + rest)

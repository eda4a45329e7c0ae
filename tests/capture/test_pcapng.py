import io
import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.capture.making import ANNA, ANNA6, BOB, BOB6
from tests.tools import require_tool
from udpchat.capture.pcapng import MAX_COMMENT, Captured, Interface, PcapngWriter, read_capture
from udpchat.errors import UsageError
from udpchat.protocol.datagrams import Address

pairs = st.sampled_from([(ANNA, BOB), (BOB, ANNA), (ANNA6, BOB6), (("0.0.0.0", 1), ANNA)])
comments = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
datagrams = st.tuples(
    st.integers(0, 2**63),
    pairs,
    st.binary(max_size=300),
    comments,
    st.integers(0, 1),
    st.sampled_from([None, True, False]),
)
Datagram = tuple[int, tuple[Address, Address], bytes, str, int, bool | None]


def written(given_datagrams: list[Datagram]) -> bytes:
    file = io.BytesIO()
    writer = PcapngWriter(file, ["client", "server"])
    for us, (source, destination), data, comment, interface, outbound in given_datagrams:
        writer.write(us, source, destination, data, comment=comment, interface=interface, outbound=outbound)
    assert writer.size == len(file.getvalue())
    return file.getvalue()


@settings(max_examples=50, deadline=None)
@given(st.lists(datagrams, max_size=6))
def test_what_was_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, given_datagrams: list[Datagram]
) -> None:
    path = tmp_path_factory.getbasetemp() / "round.pcapng"
    path.write_bytes(written(given_datagrams))
    found = read_capture(path)
    assert list(found) == [
        Captured(us, source, destination, data, comment, interface, ("client", "server")[interface], outbound, index)
        for index, (us, (source, destination), data, comment, interface, outbound) in enumerate(given_datagrams, 1)
    ]
    assert found.interfaces == [Interface("client", 101), Interface("server", 101)]
    assert not found.skipped
    assert not found.truncated
    assert written(given_datagrams) == path.read_bytes()  # the same calls, the same bytes


def test_a_file_names_the_program_and_its_interfaces_and_nothing_else() -> None:
    content = written([(0, (ANNA, BOB), b"", "", 0, None)])
    words = {word for word in content.decode("latin-1").split("\0") if len(word) > 3 and word.isprintable()}
    assert words == {"udpchat", "client", "server"}


def test_a_comment_that_does_not_fit_is_refused_before_anything_is_written() -> None:
    file = io.BytesIO()
    writer = PcapngWriter(file, ["only"])
    before = file.getvalue()
    with pytest.raises(UsageError):
        writer.write(0, ANNA, BOB, b"", comment="x" * (MAX_COMMENT + 1))
    assert file.getvalue() == before
    writer.write(0, ANNA, BOB, b"", comment="x" * MAX_COMMENT)
    assert file.getvalue() != before


def test_wireshark_finds_every_checksum_right_and_every_word_in_its_place(tmp_path: Path) -> None:
    tshark = require_tool("tshark")
    sizes = (0, 1, 2, 39, 40, 1_199, 1_472)
    path, data = tmp_path / "ours.pcapng", bytes(range(256)) * 6
    path.write_bytes(
        written(
            [
                (1_700_000_000_000_001 + size, pair, data[:size], f"sent=first in_flight={size}", 1, True)
                for size in sizes
                for pair in ((ANNA, BOB), (ANNA6, BOB6))
            ]
        )
    )
    fields = (
        "ip.checksum.status",
        "udp.checksum.status",
        "frame.comment",
        "frame.interface_name",
        "frame.packet_flags_direction",
        "frame.time_epoch",
        "udp.length",
    )
    command = [tshark, "-r", str(path), "-T", "json", "-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"]
    for field in fields:
        command += ["-e", field]
    answer = subprocess.run(command, capture_output=True, check=True)
    found = [packet["_source"]["layers"] for packet in json.loads(answer.stdout)]
    assert len(found) == 2 * len(sizes)
    for place, layers in enumerate(found):
        size = sizes[place // 2]
        assert layers.get("ip.checksum.status") == (None if place % 2 else ["1"])  # IPv6 has none
        assert layers["udp.checksum.status"] == ["1"]
        assert layers["frame.comment"] == [f"sent=first in_flight={size}"]
        assert layers["frame.interface_name"] == ["server"]
        assert int(layers["frame.packet_flags_direction"][0], 16) == 2
        assert layers["frame.time_epoch"] == [f"1700000000.{1 + size:06}000"]
        assert layers["udp.length"] == [str(8 + size)]

"""Bursts of DATA at once mean what the same packets mean one by one."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.examples import CONNECTION_ID
from udpchat.errors import DecodeError
from udpchat.wire import codec, hot
from udpchat.wire.codec import Data
from udpchat.wire.hot import DataRun, pack_data_headers, unpack_data_run
from udpchat.wire.numbers import PacketType

OVERHEAD = 52


def burst(run: DataRun) -> tuple[bytearray, int, int]:
    """The run as one buffer, its size and its stride; chunks and trailers are 0xCC."""
    stride = run.chunk_size + OVERHEAD
    size = (run.count - 1) * stride + run.last_chunk_size + OVERHEAD
    buffer = bytearray(b"\xcc" * size)
    pack_data_headers(
        buffer,
        run.count,
        stride,
        run.flags,
        run.connection_id,
        run.first_packet_number,
        run.transfer_id,
        run.first_offset,
        run.chunk_size,
        run.last_chunk_size,
    )
    return buffer, size, stride


def one_by_one(buffer: bytes | bytearray, size: int, stride: int) -> DataRun | None:
    """What `unpack_data_run` promises, by the codec for single packets."""
    pieces = [bytes(buffer[at : min(at + stride, size)]) for at in range(0, size, stride)]
    try:
        packets = [codec.decode(piece) for piece in pieces]
    except DecodeError:
        return None
    first, chunk = packets[0].header, len(packets[0].sealed) - 16
    start = packets[0].clear
    if not isinstance(start, Data) or chunk < 1:
        return None
    for n, (header, clear, _, _) in enumerate(packets):
        if (header.packet_type, header.flags, header.connection_id, header.packet_number, clear) != (
            PacketType.DATA,
            first.flags,
            first.connection_id,
            first.packet_number + n,
            Data(start.transfer_id, start.offset + n * chunk) if start.offset + n * chunk < 2**53 else None,
        ):
            return None
    last = len(packets[-1].sealed) - 16
    return DataRun(
        first.flags,
        first.connection_id,
        first.packet_number,
        len(packets),
        start.transfer_id,
        start.offset,
        chunk,
        last,
    )


@st.composite
def runs(draw: st.DrawFn) -> DataRun:
    count, chunk_size = draw(st.integers(1, 64)), draw(st.integers(1, 1420) | st.integers(1, 8))
    last = draw(st.integers(0, chunk_size) | st.just(chunk_size)) if count > 1 else chunk_size
    return DataRun(
        draw(st.integers(0, 7)),
        draw(st.binary(min_size=8, max_size=8)),
        draw(st.integers(0, 2**53 - 1 - count)),
        count,
        draw(st.integers(0, 2**32 - 1)),
        draw(st.integers(0, 2**53 - 1 - count * chunk_size)),
        chunk_size,
        last,
    )


@settings(max_examples=80)
@given(runs())
def test_a_run_that_is_packed_is_unpacked_again(run: DataRun) -> None:
    buffer, size, stride = burst(run)
    assert unpack_data_run(buffer, size, stride) == run
    assert unpack_data_run(memoryview(bytes(buffer) + b"more"), size, stride) == run


@settings(max_examples=40)
@given(runs())
def test_the_headers_of_a_run_are_those_of_its_packets(run: DataRun) -> None:
    buffer, _, stride = burst(run)
    for n in range(run.count):
        chunk_size = run.last_chunk_size if n == run.count - 1 else run.chunk_size
        data = Data(run.transfer_id, run.first_offset + n * run.chunk_size)
        number = run.first_packet_number + n
        one = codec.encode_associated(PacketType.DATA, run.flags, run.connection_id, number, data, chunk_size)
        assert buffer[n * stride : n * stride + 36] == one


def test_headers_are_written_without_touching_what_follows_the_last() -> None:
    buffer = bytearray(b"\xcc" * 400)
    pack_data_headers(buffer, 2, 152, 0, CONNECTION_ID, 1, 2, 3, 100, 50)
    assert buffer[152 + 36 :] == b"\xcc" * (400 - 152 - 36)


RUN = DataRun(5, CONNECTION_ID, 1000, 6, 7, 5000, 20, 13)


@settings(max_examples=300)
@given(
    damage=st.lists(st.tuples(st.integers(0, 6 * 72 - 8), st.integers(1, 255)), min_size=1, max_size=3),
    headers_only=st.booleans(),
)
def test_a_damaged_burst_is_seen_as_its_packets_are_seen(damage: list[tuple[int, int]], headers_only: bool) -> None:
    buffer, size, stride = burst(RUN)
    for at, bits in damage:
        place = at // stride * stride + at % 36 if headers_only else at
        buffer[min(place, size - 1)] ^= bits
    assert unpack_data_run(buffer, size, stride) == one_by_one(buffer, size, stride)


def test_a_change_of_any_header_byte_but_what_a_run_may_vary_breaks_the_run() -> None:
    buffer, size, stride = burst(RUN)
    for n in range(RUN.count):
        for at in range(36):
            buffer[n * stride + at] ^= 1
            assert unpack_data_run(buffer, size, stride) is None, (n, at)
            buffer[n * stride + at] ^= 1
    assert unpack_data_run(buffer, size, stride) == RUN


@settings(max_examples=100)
@given(size=st.integers(0, 6 * 72), stride=st.integers(1, 450))
def test_another_size_or_stride_is_no_run_or_the_same_as_one_by_one(size: int, stride: int) -> None:
    buffer, _, _ = burst(RUN._replace(last_chunk_size=20))
    expected = one_by_one(buffer, size, stride) if size else None
    assert unpack_data_run(buffer, size, stride) == expected


@pytest.mark.parametrize(("at", "new"), [(0, 0x54), (2, 2), (3, 17), (5, 0x08), (4, 0x80), (7, 31), (7, 33)])
def test_a_header_byte_that_is_wrong_in_all_packets_alike_is_no_run(at: int, new: int) -> None:
    buffer, size, stride = burst(RUN._replace(last_chunk_size=20))
    buffer[at::stride] = bytes([new]) * RUN.count
    assert unpack_data_run(buffer, size, stride) is None
    assert one_by_one(buffer, size, stride) is None


def test_what_comes_first_or_last_in_the_number_space_is_still_a_run() -> None:
    for number, offset in ((0, 0), (2**53 - 6, 2**53 - 1 - 5 * 20)):
        run = RUN._replace(first_packet_number=number, first_offset=offset)
        assert unpack_data_run(*burst(run)) == run
    for number, offset in ((2**53 - 5, 0), (0, 2**53 - 5 * 20)):
        run = RUN._replace(first_packet_number=number, first_offset=offset)
        assert unpack_data_run(*burst(run)) is None
        assert one_by_one(*burst(run)) is None


def test_bursts_of_anything_are_seen_as_their_packets_are_seen() -> None:
    """Real bursts: packets of several kinds, connections and transfers, mixed."""
    rng = Random(5)
    as_runs = 0
    for _ in range(600):
        buffer = bytearray()
        for n in range(rng.randint(1, 5)):
            strange = rng.random() < 0.1
            data = Data(8 if strange and rng.random() < 0.5 else 7, 5000 + (n + (strange and rng.randint(0, 1))) * 20)
            buffer += codec.encode_associated(PacketType.DATA, 1, CONNECTION_ID, 50 + n, data, 20) + bytes(36)
        as_runs += (run := unpack_data_run(buffer, len(buffer), 72)) is not None
        assert run == one_by_one(buffer, len(buffer), 72)
    assert 200 < as_runs < 590


def test_more_datagrams_than_a_burst_has_are_no_run() -> None:
    buffer, size, stride = burst(RUN._replace(count=64, last_chunk_size=20))
    more = buffer + codec.encode_associated(PacketType.DATA, 5, CONNECTION_ID, 1064, Data(7, 5000 + 64 * 20), 20)
    assert unpack_data_run(buffer, size, stride) is not None
    assert unpack_data_run(more + bytes(36), size + stride, stride) is None


@pytest.mark.parametrize(
    ("count", "stride", "flags", "connection_id", "chunk_size", "last_chunk_size"),
    [
        (0, 100, 0, CONNECTION_ID, 48, 48),
        (65, 100, 0, CONNECTION_ID, 48, 48),
        (2, 100, 0, CONNECTION_ID, 49, 48),
        (2, 100, 0, CONNECTION_ID, 0, 0),
        (2, 100, 0, CONNECTION_ID, 40, 41),
        (2, 100, 0, CONNECTION_ID, 40, -1),
        (2, 100, 8, CONNECTION_ID, 48, 48),
        (2, 100, 0, b"short", 48, 48),
    ],
)
def test_a_burst_that_cannot_be_is_not_packed(
    count: int, stride: int, flags: int, connection_id: bytes, chunk_size: int, last_chunk_size: int
) -> None:
    with pytest.raises(ValueError, match="no "):
        pack_data_headers(bytearray(10_000), count, stride, flags, connection_id, 1, 2, 3, chunk_size, last_chunk_size)


def test_the_generated_constants_are_those_of_the_codec() -> None:
    assert (hot.DATA, hot.MSG, hot.ACK) == (PacketType.DATA, PacketType.MSG, PacketType.ACK)
    assert hot.DATA_HEADERS_SIZE == 36

"""A burst of K packets is K packets: the same bytes, the same verdicts."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from udpchat.crypto.sealing import PlainProtection, Protection, SealedProtection
from udpchat.errors import AuthenticationError, UsageError

Pair = Callable[[], tuple[Protection, Protection]]


def sealed_pair() -> tuple[Protection, Protection]:
    return SealedProtection(b"c" * 32, b"s" * 32), SealedProtection(b"s" * 32, b"c" * 32)


def plain_pair() -> tuple[Protection, Protection]:
    return PlainProtection(), PlainProtection()


both = pytest.mark.parametrize("pair", [sealed_pair, plain_pair])


@dataclass(frozen=True)
class Burst:
    first: int
    count: int
    chunk_size: int
    last_chunk_size: int
    clear_size: int
    plain: bytes
    clear: bytes  # of all packets, end to end

    @property
    def stride(self) -> int:
        return self.clear_size + self.chunk_size + 16

    @property
    def last_size(self) -> int:
        return self.clear_size + self.last_chunk_size + 16

    @property
    def size(self) -> int:
        return (self.count - 1) * self.stride + self.last_size

    def parts(self, index: int) -> tuple[bytes, bytes]:
        """Clear part and body of one packet."""
        clear = self.clear[index * self.clear_size : (index + 1) * self.clear_size]
        return clear, self.plain[index * self.chunk_size : (index + 1) * self.chunk_size]

    def seal_at_once(self, sender: Protection) -> bytearray:
        buffer = bytearray(self.size)
        for index in range(self.count):
            at = index * self.stride
            buffer[at : at + self.clear_size] = self.parts(index)[0]
        sender.seal_burst(
            self.first,
            self.count,
            memoryview(self.plain),
            self.chunk_size,
            self.last_chunk_size,
            memoryview(buffer),
            self.stride,
            self.clear_size,
        )
        return buffer

    def seal_one_by_one(self, sender: Protection) -> bytes:
        packets = bytearray()
        for index in range(self.count):
            clear, body = self.parts(index)
            sealed = bytearray(len(body) + 16)
            sender.seal_into(self.first + index, body, clear, memoryview(sealed))
            packets += clear + sealed
        return bytes(packets)

    def open_at_once(self, receiver: Protection, buffer: bytearray, phase: int = 0) -> tuple[int, bytes]:
        out = bytearray(len(self.plain))
        count = receiver.open_burst(
            self.first,
            phase,
            self.count,
            memoryview(buffer),
            self.stride,
            self.last_size,
            self.clear_size,
            memoryview(out),
        )
        return count, bytes(out[: count * self.chunk_size])

    def open_one_by_one(self, receiver: Protection, buffer: bytearray, phase: int = 0) -> tuple[int, bytes]:
        opened = bytearray()
        for index in range(self.count):
            packet = bytes(buffer[index * self.stride : (index + 1) * self.stride])
            clear, sealed = packet[: self.clear_size], packet[self.clear_size :]
            out = bytearray(len(sealed) - 16)
            try:
                receiver.open_into(self.first + index, phase, sealed, clear, memoryview(out))
            except AuthenticationError:
                return index, bytes(opened)
            opened += out
        return self.count, bytes(opened)


@st.composite
def bursts(draw: st.DrawFn) -> Burst:
    count = draw(st.integers(1, 8))
    chunk_size = draw(st.integers(0, 40))
    last_chunk_size = draw(st.integers(0, chunk_size))
    clear_size = draw(st.integers(0, 40))
    plain_size, all_clear = (count - 1) * chunk_size + last_chunk_size, count * clear_size
    return Burst(
        first=draw(st.integers(0, 2**53 - count)),
        count=count,
        chunk_size=chunk_size,
        last_chunk_size=last_chunk_size,
        clear_size=clear_size,
        plain=draw(st.binary(min_size=plain_size, max_size=plain_size)),
        clear=draw(st.binary(min_size=all_clear, max_size=all_clear)),
    )


@both
@settings(max_examples=60, deadline=None)
@given(burst=bursts())
def test_burst_is_sealed_to_the_bytes_of_single_packets(pair: Pair, burst: Burst) -> None:
    at_once, one_by_one = pair()[0], pair()[0]
    assert burst.seal_at_once(at_once) == burst.seal_one_by_one(one_by_one)
    assert at_once.packets_sealed == one_by_one.packets_sealed


@both
@settings(max_examples=60, deadline=None)
@given(burst=bursts())
def test_whole_burst_is_opened(pair: Pair, burst: Burst) -> None:
    sender, receiver = pair()
    assert burst.open_at_once(receiver, burst.seal_at_once(sender)) == (burst.count, burst.plain)


@both
@settings(max_examples=100, deadline=None)
@given(burst=bursts(), data=st.data())
def test_burst_is_opened_up_to_the_first_damaged_packet(pair: Pair, burst: Burst, data: st.DataObject) -> None:
    sender, receiver = pair()
    buffer = burst.seal_at_once(sender)
    bits = data.draw(st.lists(st.integers(0, 8 * len(buffer) - 1), min_size=1, max_size=3, unique=True))
    for bit in bits:
        buffer[bit // 8] ^= 1 << bit % 8
    good = min(bits) // 8 // burst.stride
    expected = good, burst.plain[: good * burst.chunk_size]
    assert burst.open_at_once(receiver, buffer) == expected
    assert burst.open_one_by_one(pair()[1], buffer) == expected


BURST = Burst(
    first=100, count=4, chunk_size=10, last_chunk_size=10, clear_size=3, plain=bytes(range(40)), clear=b"c" * 12
)


@both
@pytest.mark.parametrize(
    ("count", "stride", "last_size", "opened"),
    [
        (4, BURST.stride, 0, 3),
        (4, BURST.stride, BURST.clear_size + 15, 3),
        (1, BURST.stride, BURST.clear_size + 15, 0),
        (4, BURST.clear_size + 15, BURST.clear_size + 15, 0),
        (4, 0, 0, 0),
        (0, BURST.stride, BURST.last_size, 0),
        (0, BURST.stride, 0, 0),
        (1, 0, BURST.last_size, 1),
    ],
)
def test_burst_of_packets_too_short_to_open_is_no_error(
    pair: Pair, count: int, stride: int, last_size: int, opened: int
) -> None:
    sender, receiver = pair()
    buffer = BURST.seal_at_once(sender)
    out = memoryview(bytearray(40))
    assert receiver.open_burst(100, 0, count, memoryview(buffer), stride, last_size, 3, out) == opened
    assert out[: 10 * opened] == BURST.plain[: 10 * opened]


@both
@pytest.mark.parametrize(
    ("count", "chunk_size", "last_chunk_size", "stride"),
    [(0, 10, 10, 29), (2, 10, 11, 29), (2, 10, -1, 29), (2, 10, 10, 28), (2, 10, 4, 20)],
)
def test_burst_that_cannot_be_laid_out_is_our_mistake(
    pair: Pair, count: int, chunk_size: int, last_chunk_size: int, stride: int
) -> None:
    sender, _ = pair()
    buffer = memoryview(bytearray(100))
    with pytest.raises(UsageError):
        sender.seal_burst(0, count, memoryview(bytes(40)), chunk_size, last_chunk_size, buffer, stride, 3)


@both
def test_burst_beyond_its_buffers_is_our_mistake(pair: Pair) -> None:
    sender, receiver = pair()
    room = memoryview(bytearray(BURST.size))
    with pytest.raises(ValueError, match=r".+"):
        sender.seal_burst(0, 4, memoryview(bytes(39)), 10, 10, room, BURST.stride, 3)
    with pytest.raises(ValueError, match=r".+"):
        sender.seal_burst(0, 4, memoryview(bytes(40)), 10, 10, room[:-1], BURST.stride, 3)
    sealed = memoryview(BURST.seal_at_once(pair()[0]))
    with pytest.raises(ValueError, match=r".+"):
        receiver.open_burst(100, 0, 4, sealed, BURST.stride, BURST.last_size, 3, memoryview(bytearray(39)))


def test_plain_burst_that_claims_a_key_phase_is_refused() -> None:
    sender, receiver = plain_pair()
    assert BURST.open_at_once(receiver, BURST.seal_at_once(sender), phase=1) == (0, b"")


@pytest.mark.parametrize("damaged", [None, 0, 1, 2])
def test_burst_under_the_next_key_moves_the_epoch_like_single_packets(damaged: int | None) -> None:
    sender, at_once = sealed_pair()
    _, one_by_one = sealed_pair()
    sender.update_send_key()
    buffer = BURST.seal_at_once(sender)
    if damaged is not None:
        buffer[damaged * BURST.stride] ^= 1
    assert BURST.open_at_once(at_once, buffer, 1) == BURST.open_one_by_one(one_by_one, buffer, 1)
    assert at_once.send_key_behind == one_by_one.send_key_behind == (damaged != 0)


def test_burst_under_the_previous_key_ends_where_the_next_epoch_starts() -> None:
    sender, _ = sealed_pair()
    burst = replace(BURST, last_chunk_size=4, plain=BURST.plain[:34])
    buffer = burst.seal_at_once(sender)  # packets 100 to 103; an honest peer would not go on to 102 after the update
    verdicts = []
    for open_burst in (burst.open_at_once, burst.open_one_by_one):
        updated, receiver = sealed_pair()
        updated.update_send_key()
        sealed, out = bytearray(20), bytearray(4)
        updated.seal_into(102, b"next", b"", memoryview(sealed))
        receiver.open_into(102, 1, sealed, b"", memoryview(out))
        verdicts.append(open_burst(receiver, buffer, 0))
    assert verdicts == [(2, burst.plain[:20])] * 2

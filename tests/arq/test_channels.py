"""SendChannel and ReceiveChannel, apart and joined by a link that loses, repeats and reorders."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from udpchat.arq.channels import MAX_PIECES, ReceiveChannel, SendChannel
from udpchat.config import CHANNEL_WINDOW
from udpchat.errors import ErrorCode, ProtocolViolationError, UsageError

TEXT = bytes(range(100))


def sending(data: bytes = TEXT, window: int = CHANNEL_WINDOW) -> SendChannel:
    channel = SendChannel(window)
    channel.write(data)
    return channel


# -- sending -----------------------------------------------------------------------------------------------------------


def test_bytes_go_out_in_order_and_once() -> None:
    channel = sending()
    assert (channel.next_fragment(60), channel.has_work) == ((0, TEXT[:60], False), True)
    assert (channel.next_fragment(60), channel.has_work) == ((60, TEXT[60:], False), False)
    assert channel.next_fragment(60) is None


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("write"), st.integers(1, 90), st.just(0)),
            st.tuples(st.just("send"), st.integers(1, 60), st.just(0)),
            st.tuples(st.sampled_from(("acked", "lost")), st.integers(0, 300), st.integers(0, 80)),
        ),
        max_size=40,
    )
)
@settings(max_examples=200, deadline=None)
def test_the_whole_of_what_waits_is_the_next_fragment_when_nothing_follows_it(
    actions: list[tuple[str, int, int]],
) -> None:
    one, other = SendChannel(window=200), SendChannel(window=200)
    for action, number, length in actions:
        match action:
            case "write":
                assert one.write(bytes(number)) == other.write(bytes(number))
            case "send":
                whole = one.next_whole(number)
                if whole is not None:
                    assert other.next_fragment(number) == (*whole, False)
                    assert not other.has_work
                else:
                    fragment = one.next_fragment(number)
                    assert other.next_fragment(number) == fragment
                    assert fragment is None or fragment[2] or other.has_work
            case _:
                for channel in (one, other):
                    settle = channel.on_acked if action == "acked" else channel.on_lost
                    with suppress(UsageError):  # never sent
                        settle(number, length)
        assert (one.has_work, one.queued, one.acknowledged) == (other.has_work, other.queued, other.acknowledged)


def test_lost_bytes_go_first_and_are_marked() -> None:
    channel = sending()
    channel.next_fragment(60)
    channel.on_lost(10, 30)
    assert channel.next_fragment(20) == (10, TEXT[10:30], True)
    assert channel.next_fragment(20) == (30, TEXT[30:40], True)
    assert channel.next_fragment(20) == (60, TEXT[60:80], False)


def test_lost_bytes_that_were_acknowledged_otherwise_are_not_sent_again() -> None:
    channel = sending()
    channel.next_fragment(100)
    channel.on_acked(20, 10)
    channel.on_lost(10, 30)
    channel.on_acked(30, 5)
    assert channel.next_fragment(100) == (10, TEXT[10:20], True)
    assert channel.next_fragment(100) == (35, TEXT[35:40], True)
    assert channel.next_fragment(100) is None
    channel.on_acked(0, 100)
    channel.on_lost(0, 100)
    assert not channel.has_work


def test_new_bytes_stay_within_the_window_beyond_the_lowest_unacknowledged_one() -> None:
    channel = sending(window=50)
    assert channel.next_fragment(80) == (0, TEXT[:50], False)
    channel.on_acked(10, 40)  # the first ten are still missing
    assert (channel.has_work, channel.next_fragment(80)) == (False, None)
    channel.on_acked(0, 10)
    assert (channel.has_work, channel.next_fragment(80)) == (True, (50, TEXT[50:], False))


def test_queued_counts_what_is_not_acknowledged() -> None:
    channel = sending()
    assert (channel.queued, channel.acknowledged) == (100, 0)
    channel.next_fragment(100)
    channel.on_acked(40, 20)
    assert (channel.queued, channel.acknowledged) == (80, 0)
    channel.on_acked(0, 40)
    assert (channel.queued, channel.acknowledged) == (40, 60)
    channel.on_acked(0, 40)  # again
    assert (channel.queued, channel.acknowledged) == (40, 60)


def test_write_tells_the_offset_at_which_the_data_ends() -> None:
    channel = sending()
    channel.next_fragment(100)
    channel.on_acked(0, 100)
    assert channel.write(b"abc") == 103
    assert channel.next_fragment(10) == (100, b"abc", False)


@pytest.mark.parametrize(("offset", "length"), [(0, 61), (60, 1), (-1, 2), (5, -1)])
def test_bytes_that_were_never_sent_are_neither_acknowledged_nor_lost(offset: int, length: int) -> None:
    channel = sending()
    channel.next_fragment(60)
    for report in (channel.on_acked, channel.on_lost):
        with pytest.raises(UsageError):
            report(offset, length)


def test_an_empty_fragment_is_refused() -> None:
    with pytest.raises(UsageError):
        sending().next_fragment(0)


# -- receiving ---------------------------------------------------------------------------------------------------------


def test_fragments_come_out_in_order() -> None:
    channel = ReceiveChannel()
    assert channel.receive(0, TEXT[:10]) == TEXT[:10]
    assert channel.receive(20, TEXT[20:30]) == b""
    assert channel.receive(30, TEXT[30:40]) == b""
    assert channel.receive(10, TEXT[10:20]) == TEXT[10:40]
    assert channel.next_offset == 40


def test_what_came_before_brings_nothing_new() -> None:
    channel = ReceiveChannel()
    channel.receive(0, TEXT[:10])
    assert channel.receive(0, TEXT[:10]) == b""
    assert channel.receive(10, b"") == b""
    assert channel.receive(5, TEXT[5:15]) == TEXT[10:15]


def test_the_first_bytes_win_where_fragments_disagree() -> None:
    channel = ReceiveChannel()
    channel.receive(2, b"BB")
    channel.receive(6, b"CC")
    assert channel.receive(1, b"xxxxxxxx") == b""
    assert channel.receive(0, b"yyyyyyyyyyyy") == b"yxBBxxCCxyyy"


def test_views_are_copied() -> None:
    channel, buffer = ReceiveChannel(), bytearray(b"0123456789")
    channel.receive(5, memoryview(buffer)[5:])
    first = memoryview(buffer)[:5]
    buffer[5:] = b"xxxxx"
    assert channel.receive(0, first) == b"0123456789"


@pytest.mark.parametrize(("offset", "size", "legal"), [(0, 50, True), (0, 51, False), (49, 1, True), (50, 1, False)])
def test_bytes_beyond_the_window_break_flow_control(offset: int, size: int, legal: bool) -> None:
    channel = ReceiveChannel(window=50)
    channel.receive(0, bytes(7))
    data = bytes(size)
    if legal:
        assert channel.receive(7 + offset, data) is not None
        return
    with pytest.raises(ProtocolViolationError) as caught:
        channel.receive(7 + offset, data)
    assert caught.value.code is ErrorCode.FLOW_CONTROL


@pytest.mark.parametrize(("pieces", "taken"), [(MAX_PIECES - 1, True), (MAX_PIECES, False)])
def test_a_fragment_that_makes_too_many_pieces_is_not_taken(pieces: int, taken: bool) -> None:
    channel = ReceiveChannel()
    for index in range(pieces):
        assert channel.receive(2 + 2 * index, b"x") == b""
    beyond = 2 + 2 * pieces
    assert channel.receive(beyond, b"y") == (b"" if taken else None)
    end = beyond - 1
    assert channel.receive(end, b"z") == b""  # a byte that prolongs a piece is no piece more
    assert channel.receive(1, b"") == b""
    whole = b"o" * end
    delivered = channel.receive(0, whole)
    assert delivered is not None
    assert len(delivered) == end + 1 + taken
    assert channel.receive(len(delivered), b"on") == b"on"


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 12)), max_size=60))
def test_any_pieces_of_a_stream_give_the_stream(pieces: list[tuple[int, int]]) -> None:
    channel, out, model = ReceiveChannel(), b"", set[int]()
    for offset, size in pieces:
        new = channel.receive(offset, TEXT[offset : offset + size])
        assert new is not None
        out += new
        model |= set(range(offset, min(offset + size, len(TEXT))))
        in_order = next(n for n in range(len(TEXT) + 1) if n not in model)
        assert out == TEXT[:in_order]
        assert channel.next_offset == in_order


# -- both ends ---------------------------------------------------------------------------------------------------------


@settings(max_examples=150)
@given(
    st.binary(min_size=1, max_size=400),
    st.integers(1, 60),
    st.integers(1, 120),
    st.lists(st.sampled_from(["deliver", "newest", "lose", "repeat", "late"]), max_size=80),
)
def test_what_is_written_comes_out_whatever_the_link_does(
    data: bytes, fragment_size: int, window: int, fates: list[str]
) -> None:
    sender, receiver, out = SendChannel(window), ReceiveChannel(window), b""
    half = len(data) // 2
    sender.write(data[:half])
    link: list[tuple[int, bytes]] = []
    for step, fate in enumerate([*fates, *["deliver"] * 2_000]):
        if step == 5:
            sender.write(data[half:])
        fragment = sender.next_fragment(fragment_size)
        if fragment is not None:
            link.append(fragment[:2])
        if not link:
            if step > 5:
                break
            continue
        offset, content = link.pop(-1 if fate == "newest" else 0)
        if fate != "lose":
            new = receiver.receive(offset, content)
            assert new is not None
            out += new
            assert fate != "repeat" or receiver.receive(offset, content) == b""
        if fate in ("lose", "late"):  # late: declared lost, arrives all the same
            sender.on_lost(offset, len(content))
        if fate != "lose":
            sender.on_acked(offset, len(content))
    assert out == data
    assert (sender.queued, sender.acknowledged, sender.has_work) == (0, len(data), False)


def test_what_one_channel_has_lost_no_other_sends_again() -> None:
    first, second = SendChannel(), SendChannel()
    for channel in (first, second):
        channel.write(bytes(100))
        assert channel.next_fragment(50) == (0, bytes(50), False)
        assert channel.next_fragment(50) == (50, bytes(50), False)
    first.on_lost(0, 50)
    first.on_acked(50, 50)
    assert (first.has_work, second.has_work) == (True, False)
    assert (first.queued, second.queued, SendChannel().queued) == (50, 100, 0)


@given(st.lists(st.tuples(st.integers(0, 700), st.integers(1, 900)), max_size=30))
def test_what_is_written_in_any_pieces_comes_out_as_one(steps: list[tuple[int, int]]) -> None:
    channel, written, read = SendChannel(), b"", b""
    for size, most in steps:
        piece = bytes((len(written) + at) % 251 for at in range(size))
        written += piece
        assert channel.write(piece) == len(written)
        if (fragment := channel.next_fragment(most)) is not None:
            assert fragment[0] == len(read)
            read += fragment[1]
            assert channel.peek(*fragment_of(fragment)) == fragment[1]
            if len(read) % 2:
                channel.on_acked(channel.acknowledged, len(read) - channel.acknowledged)
        assert channel.queued == len(written) - channel.acknowledged
    assert read == written[: len(read)]


def fragment_of(fragment: tuple[int, bytes, bool]) -> tuple[int, int]:
    return fragment[0], len(fragment[1])


def test_many_small_records_take_little_more_than_their_bytes() -> None:
    channel, record = SendChannel(), bytes(9)
    tracemalloc.start()
    try:
        for _ in range(100_000):
            channel.write(record)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert channel.queued == 900_000
    assert taken < 2 * channel.queued

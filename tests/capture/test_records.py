"""The records of a capture: channels with gaps and repeats, and how byte ranges are told."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from udpchat.capture.records import PATIENCE, ChannelReader, Conversation, runs_text
from udpchat.wire.records import Said, encode_record


def said(sequence: int) -> bytes:
    return encode_record(Said(bytes(16), sequence, 0, 0), sequence)


def test_a_channel_is_put_in_order_and_repeats_are_passed_over() -> None:
    reader, one, two, three = ChannelReader(), said(1), said(2), said(3)
    size = len(one)
    steps = [(0, one), (2 * size, three), (0, one), (size, two), (size, two)]
    found = [[request_id for request_id, _ in reader.feed(offset, content)] for offset, content in steps]
    assert found == [[1], [], [], [2, 3], []]
    assert reader.gaps == 0


def test_a_capture_that_begins_late_goes_on_at_the_next_record() -> None:
    reader = ChannelReader()
    assert reader.feed(5_000, b"\xff" * 50) == []
    assert [request_id for request_id, _ in reader.feed(5_050, said(7))] == [7]


def test_a_hole_in_a_channel_is_given_up_after_a_while() -> None:
    reader, size = ChannelReader(), len(said(0))
    reader.feed(0, said(0))
    found = [reader.feed(place * size, said(place)) for place in range(2, PATIENCE + 5)]
    assert any(found)
    assert reader.gaps == 1


def test_what_is_no_record_is_given_up_and_the_next_one_read() -> None:
    reader = ChannelReader()
    reader.feed(0, b"\xff" * 40)
    assert reader.gaps == 1
    assert [request_id for request_id, _ in reader.feed(40, said(3))] == [3]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 3), st.integers(0, 2**53 - 1), st.binary(max_size=60)), max_size=30
    )
)
def test_no_content_of_channels_raises(messages: list[tuple[bool, int, int, bytes]]) -> None:
    conversation = Conversation()
    for from_server, channel, offset, bytes_ in messages:
        conversation.feed(from_server, channel, offset, bytes_)


@pytest.mark.parametrize(
    ("runs", "text"),
    [(((0, 1_200),), "0-1199"), (tuple((at, at + 1) for at in range(0, 14, 2)), "0-0, 2-2, 4-4, 6-6, 8-8 and 2 more")],
)
def test_long_lists_of_ranges_are_cut(runs: tuple[tuple[int, int], ...], text: str) -> None:
    assert runs_text(runs) == text

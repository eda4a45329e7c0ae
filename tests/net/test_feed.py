import asyncio

import pytest

from udpchat.net.feed import MAX_WAITING, Feed


async def test_events_come_in_order_and_end_when_the_feed_is_closed() -> None:
    feed: Feed[int] = Feed()
    feed.put(1)
    reading = asyncio.ensure_future(collect(feed))
    feed.put(2)
    feed.close()
    assert await reading == [1, 2]


async def collect(feed: Feed[int]) -> list[int]:
    return [event async for event in feed.read()]


async def test_a_failure_reaches_the_reader_after_what_waits() -> None:
    feed: Feed[int] = Feed()
    events = feed.read()
    feed.put(1)
    assert await anext(events) == 1
    feed.put(2)
    assert feed.fail(ZeroDivisionError("bug"))
    assert await anext(events) == 2
    with pytest.raises(ZeroDivisionError):
        await anext(events)


async def test_a_failure_that_nobody_reads_is_told_to_the_caller() -> None:
    feed: Feed[int] = Feed()
    assert not feed.fail(ZeroDivisionError("bug"))
    with pytest.raises(ZeroDivisionError):
        await collect(feed)


async def test_a_reader_that_is_too_far_behind_loses_the_oldest() -> None:
    feed: Feed[int] = Feed()
    for number in range(MAX_WAITING + 3):
        feed.put(number)
    feed.close()
    read = await collect(feed)
    assert (read[0], len(read)) == (3, MAX_WAITING)

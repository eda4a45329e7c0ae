import asyncio

import pytest

from udpchat.ui.cli.exits import ExitCode
from udpchat.ui.cli.visiting import AT_ONCE, all_of


async def test_the_first_failure_in_the_order_given_counts_whichever_ends_first() -> None:
    late = asyncio.Event()

    async def slow() -> ExitCode:
        await late.wait()
        return ExitCode.LOCAL_FILE

    async def quick() -> ExitCode:
        late.set()
        return ExitCode.REFUSED

    assert await all_of([slow(), quick()]) is ExitCode.LOCAL_FILE
    assert await all_of([]) is ExitCode.OK


async def test_no_more_than_some_are_begun_at_once_and_in_order() -> None:
    running: list[int] = []
    most = 0
    begun: list[int] = []

    async def work(number: int) -> ExitCode:
        nonlocal most
        begun.append(number)
        running.append(number)
        most = max(most, len(running))
        await asyncio.sleep(0)
        running.remove(number)
        return ExitCode.OK

    assert await all_of(work(number) for number in range(3 * AT_ONCE)) is ExitCode.OK
    assert (most, begun) == (AT_ONCE, list(range(3 * AT_ONCE)))


async def test_when_one_breaks_down_the_others_are_given_up() -> None:
    ended: list[int] = []

    async def work(number: int) -> ExitCode:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(number)
        return ExitCode.OK

    async def breaks() -> ExitCode:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await all_of([*(work(number) for number in range(2)), breaks(), *(work(number) for number in range(2, 20))])
    assert ended[:2] == [0, 1]
    assert len(ended) < 20

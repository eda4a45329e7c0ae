import asyncio

import pytest

from udpchat.ui.cli.exits import ExitCode
from udpchat.ui.cli.under_way import MAX_PENDING, UnderWay


async def ended(code: ExitCode = ExitCode.OK) -> ExitCode:
    return code


async def waiting(signal: asyncio.Event) -> ExitCode:
    await signal.wait()
    return ExitCode.OK


@pytest.mark.parametrize(("keeps_result", "result"), [(True, ExitCode.REFUSED), (False, ExitCode.OK)])
async def test_a_script_ends_with_what_failed_first(keeps_result: bool, result: ExitCode) -> None:
    under_way = UnderWay(keeps_result=keeps_result)
    for code in (ExitCode.OK, ExitCode.REFUSED, ExitCode.LOCAL_FILE):
        await under_way.send(ended(code))
        await under_way.lines_sent()
    assert under_way.result is result


async def test_lines_do_not_wait_for_one_another_until_very_many_are_under_way() -> None:
    under_way, signal = UnderWay(keeps_result=True), asyncio.Event()
    for _ in range(MAX_PENDING):
        await under_way.send(waiting(signal))
    one_more = asyncio.create_task(under_way.send(ended()))
    await asyncio.wait({one_more, asyncio.create_task(ended())}, return_when=asyncio.FIRST_COMPLETED)
    assert under_way.lines == MAX_PENDING
    assert not one_more.done()
    signal.set()
    await one_more
    await under_way.lines_sent()
    assert under_way.lines == 0


async def test_lines_are_waited_for_apart_from_transfers() -> None:
    under_way, signal = UnderWay(keeps_result=True), asyncio.Event()
    under_way.begin(waiting(signal))
    await under_way.send(ended())
    await under_way.lines_sent()
    assert (under_way.lines, under_way.transfers) == (0, 1)
    signal.set()
    await under_way.all_done()
    assert under_way.transfers == 0


async def test_a_script_does_not_wait_for_transfers_that_rest_but_for_its_lines() -> None:
    under_way, signal = UnderWay(keeps_result=True), asyncio.Event()
    under_way.begin(waiting(asyncio.Event()))
    await under_way.send(waiting(signal))
    leaving = asyncio.create_task(under_way.all_done(lambda: True))
    await asyncio.wait({leaving, asyncio.create_task(ended())}, return_when=asyncio.FIRST_COMPLETED)
    assert not leaving.done()
    signal.set()
    await leaving
    assert (under_way.lines, under_way.transfers) == (0, 1)
    under_way.give_up()
    await under_way.all_done()


async def test_what_is_given_up_ends() -> None:
    under_way = UnderWay(keeps_result=True)
    under_way.begin(waiting(asyncio.Event()))
    await under_way.send(waiting(asyncio.Event()))
    under_way.give_up()
    await under_way.all_done()
    assert (under_way.lines, under_way.transfers) == (0, 0)

"""How files are sent, over real sockets."""

from __future__ import annotations

import asyncio
import os

import pytest

from tests.net.party import Party, content
from udpchat.config import ARQ_SCHEMES, Config
from udpchat.errors import ConnectionLostError, ErrorCode, RefusedError

CONTENT = os.urandom(200_007)


@pytest.mark.parametrize("arq", ARQ_SCHEMES)
async def test_files_come_and_go_as_they_were_asked_for(party: Party, arq: str) -> None:
    config = Config(arq=arq, window=7, congestion="fixed")
    server = await party.serve()
    anna = await party.join(server, "anna", config)
    await anna.tune(config)
    await anna.put(party.file("a.bin", CONTENT))
    assert content((await anna.get("a.bin")).path) == CONTENT
    stats = anna.stats()
    assert (stats.scheme, stats.window) == (arq, 1 if arq == "stop-and-wait" else 7)
    assert stats.controller == "fixed"
    assert stats.min_rtt <= stats.smoothed_rtt < stats.probe_timeout
    assert anna.transfers() == []


async def test_a_server_that_is_sending_refuses(party: Party) -> None:
    slow = Config(arq="stop-and-wait")
    server = await party.serve()
    anna = await party.join(server, "anna")
    await anna.put(party.file("a.bin", CONTENT * 10))
    await anna.tune(slow)
    getting = asyncio.ensure_future(anna.get("a.bin", rate=len(CONTENT)))
    while not any(transfer.done for transfer in anna.transfers()):  # noqa: ASYNC110 - progress tells nobody
        await asyncio.sleep(0)
    with pytest.raises(RefusedError) as caught:
        await anna.tune(Config())
    assert caught.value.code == ErrorCode.TUNING_NOT_ALLOWED
    anna.set_rate(anna.transfers()[0].transfer.number, 0)
    assert content((await getting).path) == CONTENT * 10


async def test_without_a_connection_there_is_nothing_to_tune(party: Party) -> None:
    server = await party.serve()
    anna = await party.join(server, "anna")
    await party.end(server)
    async for _ in anna.events():
        pass
    with pytest.raises(ConnectionLostError):
        await anna.tune(Config())

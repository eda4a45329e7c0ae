import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.captures.scene import EVE, Scene
from tests.captures.serving import attacker, running, wire_to
from tests.net.party import GUARD, Party
from udpchat.config import Config


@pytest.fixture
async def party(tmp_path: Path) -> AsyncIterator[Party]:
    made = Party(tmp_path)
    async with asyncio.timeout(GUARD):
        yield made
        await made.close()


@pytest.fixture
async def scene(party: Party, request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    config = getattr(request, "param", Config())
    async with running(config) as server, wire_to(server.address) as wire:
        anna = await party.dial(*wire.address, "anna", config)
        await anna.say("hello")
        with attacker(server.address, EVE) as eve:
            await eve.answers()
            yield Scene(server, wire, anna, eve)
            await party.end(anna)

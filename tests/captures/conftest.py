from collections.abc import AsyncIterator

import pytest

from tests.captures.scene import EVE, Scene
from tests.captures.serving import attacker, running, wire_to
from tests.net.party import Party
from tests.net.party_fixture import party
from udpchat.config import Config

__all__ = ["party", "scene"]


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

"""Recorded captures over real sockets into a running server, which answers what the simulated one answered."""

from __future__ import annotations

import asyncio
from collections import defaultdict

import pytest

from tests.captures.layers import UDPCHAT, read_records
from tests.captures.live import Clients, LiveServer
from tests.captures.make import FOLDER, RECIPES, Recipe
from tests.captures.replay import Sent
from tests.captures.seen import Keys
from tests.captures.virtual import VirtualLoop
from udpchat.capture.reader import Captured, read_capture
from udpchat.lab.recording import SERVER_SIDE
from udpchat.lab.run import EPOCH
from udpchat.protocol.datagrams import Address
from udpchat.wire.numbers import PacketType, RecordType

TOKEN = bytes(36)
# A token is sealed for the recorded address, from which nobody can come here.
PLAYABLE = [recipe for recipe in RECIPES if "--rejoin" not in recipe.words]


def recorded_answers(seen: list[Captured]) -> dict[Address, list[Sent]]:
    answers = defaultdict(list)
    for each in seen:
        if each.outbound:
            answers[each.destination].append(Sent(each.us - EPOCH, each.data))
    return answers


def without_address(datagram: bytes, keys: Keys) -> bytes:
    """A datagram without what depends on the client's address: a cookie, or the token in WELCOME."""
    if datagram[3] == PacketType.COOKIE:
        return datagram[:24]
    if datagram[3] != PacketType.MSG:
        return datagram
    packet = UDPCHAT(keys.open(datagram) if datagram[5] & 4 else datagram)
    records = read_records(packet.content)
    if packet.channel or packet.offset or not records or records[0].record_type != RecordType.WELCOME:
        return datagram
    size = len(bytes(records[0]))
    records[0].payload.token = TOKEN
    packet.payload.content = bytes(records[0]) + packet.content[size:]
    return bytes(packet)[:-16]


async def play(recipe: Recipe, loop: VirtualLoop, *, portable: bool) -> None:
    seen = [each for each in read_capture(FOLDER / f"{recipe.name}.pcapng") if each.interface == SERVER_SIDE]
    live = LiveServer(recipe.experiment, portable=portable)
    clients = Clients(live.server.address)
    try:
        await clients.play(seen)
        keys = Keys(live.keylog)
        for address, answers in recorded_answers(seen).items():
            again = [Sent(us, without_address(data, keys)) for us, data in clients.answers[address]]
            assert again[: len(answers)] == [Sent(us, without_address(data, keys)) for us, data in answers]
            assert all(sent.us >= seen[-1].us - EPOCH for sent in again[len(answers) :])
    finally:
        loop.hurry()
        clients.close()
        await live.server.close()


def play_on(recipe: Recipe, *, portable: bool) -> None:
    loop = VirtualLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(play(recipe, loop, portable=portable))


@pytest.mark.parametrize("recipe", PLAYABLE, ids=lambda recipe: recipe.name)
def test_a_running_server_answers_a_capture_as_it_was_answered_then(recipe: Recipe) -> None:
    play_on(recipe, portable=False)


@pytest.mark.parametrize("name", ["loss10-seed11", "download-loss10-seed15", "plaintext-seed2"])
def test_so_does_one_that_sends_and_receives_datagram_by_datagram(name: str) -> None:
    play_on(next(recipe for recipe in RECIPES if recipe.name == name), portable=True)

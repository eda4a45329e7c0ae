"""Recorded lossy captures played again to one end alone: byte for byte what it sent when they were made."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from random import Random

import pytest

from tests.captures.make import FOLDER, RECIPES, Recipe
from tests.captures.replay import Replay, replay_client, replay_server
from udpchat.capture.reader import Captured, read_capture
from udpchat.files.events import Downloaded, FileShared, Uploaded
from udpchat.lab.content import make_content
from udpchat.lab.recording import SERVER_SIDE
from udpchat.wire.numbers import PacketType

every_capture = pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
of_one_user = pytest.mark.parametrize(
    "recipe", [recipe for recipe in RECIPES if recipe.has_one_user], ids=lambda recipe: recipe.name
)
LOSSY = next(recipe for recipe in RECIPES if recipe.name.startswith("loss10-seed"))


def capture(recipe: Recipe) -> list[Captured]:
    return list(read_capture(FOLDER / f"{recipe.name}.pcapng"))


def assert_same(played: Replay) -> None:
    """All that was recorded is sent again, at the same times; more only where the recording ends."""
    recorded, again, end = played
    for number, (before, now) in enumerate(zip(recorded, again, strict=False)):
        assert now == before, f"datagram {number} of {end.address}, {PacketType(before.data[3]).name} at {before.us} us"
    assert len(again) >= len(recorded)
    assert all(sent.us >= recorded[-1].us for sent in again[len(recorded) :])


@every_capture
def test_a_fresh_server_answers_as_the_recorded_one_did(recipe: Recipe) -> None:
    assert_same(replay_server(capture(recipe), recipe.experiment))


@of_one_user
def test_a_fresh_client_sends_what_the_recorded_one_sent(recipe: Recipe) -> None:
    assert_same(replay_client(capture(recipe), recipe.experiment))


@of_one_user
def test_the_file_arrives_in_the_replay_too(recipe: Recipe) -> None:
    experiment, recorded = recipe.experiment, capture(recipe)
    md5 = hashlib.md5(make_content(experiment, Random(0))).digest()  # text is not random
    client, server = replay_client(recorded, experiment).end, replay_server(recorded, experiment).end
    if experiment.direction == "up":
        assert [event.entry.md5 for event in server.told(FileShared)] == [md5]
        assert [event.md5_stored for event in client.told(Uploaded)] == [md5]
    else:
        assert [event.md5_stored for event in client.told(Downloaded)] == [md5]


def test_a_replay_notices_a_packet_that_is_missing() -> None:
    recorded = capture(LOSSY)
    lost = next(
        place
        for place, each in enumerate(recorded)
        if each.interface == SERVER_SIDE and not each.outbound and each.data[3] == PacketType.DATA
    )
    played = replay_server(recorded[:lost] + recorded[lost + 1 :], LOSSY.experiment)
    assert played.again != played.recorded


def test_a_replay_notices_another_seed_and_another_scheme() -> None:
    recorded, experiment = capture(LOSSY), LOSSY.experiment
    for other in (
        replace(experiment, seed=experiment.seed + 1),
        replace(experiment, config=replace(experiment.config, congestion="newreno")),
    ):
        played = replay_client(recorded, other)
        assert played.again[: len(played.recorded)] != played.recorded

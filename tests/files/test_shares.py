"""The rate of a server is divided among what runs; nobody gets more than they want, and what is left is for others."""

from __future__ import annotations

from functools import partial

import pytest

from tests.chat.speaker import wait
from tests.files.shop import finish, open_shop, upload
from tests.files.trader import OTHER_ID, market
from tests.work import calls
from tests.world import client
from udpchat.config import KIB, MIB, MILLISECOND, SECOND, Config
from udpchat.files.events import Uploaded
from udpchat.files.shares import DIVIDE_INTERVAL, SLOWEST, Shares
from udpchat.wire.numbers import Priority
from udpchat.wire.records import Cancel, Credit, Pace

LINK = b"a connection"


def divided(rate: int, *limits: int) -> list[int]:
    """What each of some transfers may have in the end; -1 for one that is told nothing."""
    shares, rates = Shares(rate), [-1] * len(limits)
    for number, limit in enumerate(limits):
        shares.add((LINK, number), partial(rates.__setitem__, number), lambda: 0)
        shares.set_limit((LINK, number), limit)
    shares.handle_timeout(0)
    return rates


@pytest.mark.parametrize(
    ("rate", "limits", "expected"),
    [
        (0, (0, 0), [-1, -1]),
        (0, (5_000, 0), [5_000, -1]),
        (100_000, (0,), [100_000]),
        (100_000, (0, 0, 0, 0), [25_000] * 4),
        (100_000, (10_000, 0, 0), [10_000, 45_000, 45_000]),
        (100_000, (0, 10_000, 60_000), [45_000, 10_000, 45_000]),
        (100_000, (200_000, 0), [50_000, 50_000]),
        (100, (0, 0), [SLOWEST, SLOWEST]),
    ],
)
def test_a_rate_is_divided_evenly_and_nobody_has_more_than_their_limit(
    rate: int, limits: tuple[int, ...], expected: list[int]
) -> None:
    assert divided(rate, *limits) == expected


def test_what_one_leaves_goes_to_the_others() -> None:
    told: list[int] = []
    shares = Shares(90_000)
    shares.add((LINK, 1), told.append, lambda: 0)
    now = 0
    for number in (2, 3):
        shares.add((LINK, number), lambda _: None, lambda: 0)
        shares.handle_timeout(now := now + DIVIDE_INTERVAL)
    for number in (2, 2, 3):
        shares.remove((LINK, number))
        shares.handle_timeout(now := now + DIVIDE_INTERVAL)
    assert told == [90_000, 45_000, 30_000, 45_000, 90_000]


def test_what_rests_holds_nothing_back_and_has_its_share_when_it_goes_on() -> None:
    busy: list[int] = []
    resting: list[int] = []
    came = [0, 0]
    shares = Shares(90_000)
    shares.add((LINK, 1), busy.append, lambda: came[0])
    shares.add((LINK, 2), resting.append, lambda: came[1])
    for second in range(20):
        came[0] += 1
        came[1] += second > 10
        assert shares.next_timeout() is not None
        shares.handle_timeout(second * SECOND)
    assert (busy, resting) == ([90_000, 45_000, 90_000, 45_000], [45_000])


def test_nobody_is_looked_at_when_nothing_runs_or_nothing_is_limited() -> None:
    limited, free = Shares(90_000), Shares(0)
    for shares in (limited, free):
        shares.add((LINK, 1), lambda _: None, lambda: 0)
        shares.remove((LINK, 1))
        shares.handle_timeout(SECOND)
        assert shares.next_timeout() is None


def test_uploads_are_told_their_share_when_others_come_and_go() -> None:
    world, (anna, ben) = market("anna", "ben", config=Config(file_rate=100 * KIB))
    first = anna.open(MIB)
    wait(world, 0.5)
    second = ben.open(MIB, "b.bin", OTHER_ID)
    wait(world, 0.5)
    ben.send(Cancel(second.transfer_id, 71, "enough"))
    wait(world, 0.5)
    assert [record.rate for record in anna.told(Pace)] == [100 * KIB, 50 * KIB, 100 * KIB]
    assert {record.transfer_id for record in anna.told(Pace)} == {first.transfer_id}


@pytest.mark.parametrize(("own", "expected"), [(0, 200 * KIB), (50 * KIB, 50 * KIB), (2**53 - 1, 200 * KIB)])
def test_a_download_has_its_share_and_no_more_than_its_client_wants(own: int, expected: int) -> None:
    world, (anna, ben) = market("anna", "ben", config=Config(file_rate=200 * KIB))
    world.do(lambda: None)
    anna.upload(bytes(64 * KIB))
    big = anna.upload(bytes(600 * KIB), "big", seconds=5)
    offer = ben.fetch("", big.file_id)
    ben.expect(offer)
    ben.send(Pace(offer.transfer_id, own, Priority.NORMAL))
    ben.send(Credit(offer.transfer_id, offer.size))
    wait(world, 0.5)
    transfer = ben.link.receiver.find(offer.transfer_id)
    assert transfer is not None
    before = transfer.received_bytes
    wait(world, 2)
    assert (transfer.received_bytes - before) / 2 == pytest.approx(expected, rel=0.05)


def test_a_rate_that_is_lifted_is_lifted() -> None:
    world, (anna, ben) = market("anna", "ben")
    anna.upload(bytes(2 * MIB))
    offer = ben.fetch("a.bin")
    ben.expect(offer)
    ben.send(Credit(offer.transfer_id, offer.size))
    ben.send(Pace(offer.transfer_id, 10 * KIB, 99))
    wait(world, 1)
    transfer = ben.link.receiver.find(offer.transfer_id)
    assert transfer is not None
    assert not transfer.is_complete
    ben.send(Pace(offer.transfer_id, 0, Priority.HIGH))
    wait(world, 2)
    assert transfer.is_complete


@pytest.mark.parametrize("rate", [0, 10_000_000])
def test_what_a_change_of_mind_costs_does_not_grow_with_the_transfers_of_others(rate: int) -> None:
    costs = []
    for others in (10, 1_000):
        shares = Shares(rate)
        for number in range(others):
            shares.add((LINK, number), lambda _: None, lambda: 0)
        shares.handle_timeout(0)
        costs.append(calls(partial(shares.set_limit, (LINK, 0), 5_000)))
    assert costs[0] == costs[1]


def test_however_often_one_comes_goes_and_changes_its_mind_others_hear_of_it_four_times_a_second() -> None:
    told: list[int] = []
    shares = Shares(1_000_000)
    shares.add((LINK, 1), told.append, lambda: 0)
    for millisecond in range(2_000):
        shares.add((LINK, 2), lambda _: None, lambda: 0)
        shares.set_limit((LINK, 2), 1 + millisecond % 2 * 10_000)
        if millisecond % 3:
            shares.remove((LINK, 2))
        shares.handle_timeout(millisecond * MILLISECOND)
    assert 1 < len(told) <= 2 * 4 + 2


def test_a_flood_of_paces_is_kept_from_other_people() -> None:
    world, (anna, mallory) = market("anna", "mallory", config=Config(file_rate=1_000_000))
    mallory.upload(bytes(1_000), "small")
    offer = mallory.fetch("small")
    mallory.expect(offer)
    anna.open(4 * MIB)
    mallory.send(Credit(offer.transfer_id, 1))
    wait(world, 1)
    before = len(anna.told(Pace))
    for number in range(2_000):
        mallory.send(Pace(offer.transfer_id, 1 + number % 2 * 10_000, Priority.NORMAL))
    wait(world, 1)
    assert len(anna.told(Pace)) - before <= 6


def test_the_limit_is_told_again_when_an_upload_is_opened_again() -> None:
    world, (anna,) = market("anna", config=Config(file_rate=100 * KIB))
    opened = anna.open(MIB)
    wait(world, 0.5)
    assert anna.open(MIB) == opened
    wait(world, 0.5)
    assert anna.told(Pace) == [Pace(opened.transfer_id, 100 * KIB, Priority.NORMAL)] * 2


def test_the_limit_of_the_server_holds_after_a_pause() -> None:
    world, (anna,) = open_shop("anna", config=Config(file_rate=200_000))
    request_id = upload(world, anna, world.random.randbytes(1_500_000))
    wait(world, 2)
    (progress,) = client(anna).files.progress()
    for verb in (client(anna).files.wishes.pause, client(anna).files.wishes.resume):
        world.do(lambda verb=verb: verb(progress.transfer.number))  # type: ignore[misc]
        wait(world, 1)
    began = world.network.now
    assert isinstance(finish(world, anna, request_id), Uploaded)
    assert world.network.now - began > 3 * SECOND

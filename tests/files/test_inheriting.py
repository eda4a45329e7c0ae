"""A running client takes over the transfers of programs of the same user that die, and does what is wished of them."""

from __future__ import annotations

from random import Random

import pytest

from tests.files.shop import act, listing, open_shop, upload
from tests.world import End, World, client
from udpchat.config import KIB, MILLISECOND
from udpchat.files.events import TransfersAdopted, Uploaded
from udpchat.files.local_ports import Wish
from udpchat.sim.disk import DiskSpec
from udpchat.sim.link import LinkSpec

SLOW = LinkSpec(rate=250_000, delay=5 * MILLISECOND)
SIZE = 200 * KIB
GRACE = 4_000  # ms in which the command of a program that died may be given again
SOON = 10_500  # ms after which the running client has what was left behind


def settle(world: World, milliseconds: int) -> None:
    world.network.run_for(milliseconds * MILLISECOND)


def heir_beside(world: World, *, adopts: bool = True) -> tuple[End, End, int]:
    """A running client, and another program of the same user in the midst of an upload; the number of that."""
    key = world.random.randbytes(32)
    dying = world.add_client("anna", identity=key)
    heir = world.add_client("anna2", identity=key, store=dying.store)
    world.join(heir)
    if adopts:
        act(world, client(heir).files.wishes.adopt)
        settle(world, 100)
    world.join(dying)
    request_id = upload(world, dying, Random(1).randbytes(SIZE))
    settle(world, 300)
    found = client(dying).files.progress_of(request_id)
    assert found is not None
    return heir, dying, found.transfer.number


def die(world: World, end: End) -> None:
    world.network.remove(end.address)
    end.disk.crash()


def adopted(end: End) -> list[str]:
    return [each.file_name for event in end.told(TransfersAdopted) for each in event.transfers]


def test_what_a_program_leaves_behind_that_dies_goes_on_in_a_running_client() -> None:
    world, (ben,) = open_shop("ben", link=SLOW)
    heir, dying, _ = heir_beside(world)
    die(world, dying)
    settle(world, SOON)
    assert adopted(heir) == ["a.bin"]
    (event,) = (event for event in heir.told(TransfersAdopted) if event.transfers)
    assert event.request_id == 0
    world.run_until(lambda: bool(heir.told(Uploaded)), 60)
    assert [file.file_name for file in listing(world, ben)] == ["a.bin"]


@pytest.mark.parametrize("seed", range(1, 7))
def test_what_a_program_leaves_behind_is_taken_within_some_ten_seconds_on_a_slow_disk_too(seed: int) -> None:
    world, _ = open_shop("ben", link=SLOW, disk=DiskSpec(delay=50 * MILLISECOND), seed=seed)
    heir, dying, _ = heir_beside(world)
    die(world, dying)
    settle(world, SOON)
    assert adopted(heir) == ["a.bin"]


def test_what_a_program_leaves_behind_is_left_alone_for_a_moment() -> None:
    world, _ = open_shop("ben", link=SLOW)
    heir, dying, _ = heir_beside(world)
    die(world, dying)
    settle(world, GRACE)
    assert adopted(heir) == []


def test_who_was_not_told_to_adopt_takes_nothing_over() -> None:
    world, _ = open_shop("ben", link=SLOW)
    heir, dying, _ = heir_beside(world, adopts=False)
    die(world, dying)
    settle(world, SOON)
    assert adopted(heir) == []
    assert client(heir).files.next_timeout() is None


@pytest.mark.parametrize("is_begun", [True, False], ids=["under way", "just being written down"])
def test_what_a_program_was_at_that_its_user_has_ended_goes_on_only_when_the_user_wants_that(is_begun: bool) -> None:
    world, (ben,) = open_shop("ben", link=SLOW)
    heir, ending, number = heir_beside(world)
    if not is_begun:
        ending.store.local["b.bin"] = bytes(1_000)

        def put_and_end() -> None:
            client(ending).files.put("b.bin")
            client(ending).files.wishes.rest_all()

        world.do(put_and_end)
        settle(world, 300)
        (number,) = (each.transfer.number for each in client(ending).files.progress() if each.transfer.path == "b.bin")
    else:
        world.do(client(ending).files.wishes.rest_all)
        settle(world, 300)
    die(world, ending)
    settle(world, 2 * SOON)
    assert adopted(heir) == []
    assert listing(world, ben) == ()
    ending.store.transfers.steer(number, wish=Wish.RUN)
    settle(world, SOON)
    assert adopted(heir) == ["a.bin" if is_begun else "b.bin"]
    world.run_until(lambda: bool(heir.told(Uploaded)), 60)


@pytest.mark.parametrize("wish", [Wish.PAUSE, Wish.CANCEL])
def test_what_is_wished_of_a_transfer_that_no_program_is_at_is_done_by_a_running_client(wish: Wish) -> None:
    world, (ben,) = open_shop("ben", link=SLOW)
    heir, dying, number = heir_beside(world)
    die(world, dying)
    dying.store.transfers.steer(number, wish=wish)
    settle(world, SOON)
    assert adopted(heir) == []
    if wish is Wish.CANCEL:
        assert listing(world, ben) == ()
        return
    dying.store.transfers.steer(number, wish=Wish.RUN)
    settle(world, SOON)
    assert adopted(heir) == ["a.bin"]

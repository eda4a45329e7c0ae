"""Files arrive whole, whatever happens on their way, and little of them travels twice."""

from __future__ import annotations

from random import Random

import pytest

from tests.scenarios.carrying import CREDIT, Carrying, Errand, Outcome
from tests.world import client, seeds
from udpchat.config import KIB, MILLISECOND
from udpchat.errors import ErrorCode
from udpchat.files.events import Downloaded, TransferFailed, Uploaded
from udpchat.sim.disk import DiskSpec
from udpchat.sim.link import LinkSpec

TROUBLES = ("server", "client", "both", "address", "pause", "outage")
TAIL = 16 * 1_420  # bytes: what an interruption of one packet or two adds


def carry(errand: Errand) -> Outcome:
    """Play it, and once more: the seed decides everything."""
    first, second = Carrying(errand).run(), Carrying(errand).run()
    assert first == second
    return first


def errand_of(seed: int) -> Errand:
    """Everything by turns: upload and download, file and folder, losses, reordering, slow disks, all troubles."""
    random = Random(f"files {seed}")
    return Errand(
        seed=seed,
        is_upload=seed % 2 == 0,
        is_folder=seed % 4 >= 2,
        size=random.choice((0, 1, 1_164, 300 * KIB, 1_300 * KIB)),
        link=LinkSpec(
            rate=2_500_000,
            delay=10 * MILLISECOND,
            loss=(0, 0.05, 0.2)[seed % 3],
            jitter=random.choice((0, 5 * MILLISECOND)),
        ),
        disk=DiskSpec(delay=random.choice((0, 2, 20)) * MILLISECOND),
        troubles=tuple(random.choice(TROUBLES) for _ in range(random.randint(1, 3))),
    )


@pytest.mark.parametrize("seed", seeds(1.6))
def test_a_transfer_survives_any_trouble_and_carries_little_twice(seed: int) -> None:
    errand = errand_of(seed)
    outcome = carry(errand)
    assert outcome.refusals == []
    assert outcome.arrived - outcome.size <= len(errand.troubles) * CREDIT


@pytest.mark.parametrize("trouble", ["server", "client", "both"])
@pytest.mark.parametrize("is_upload", [True, False], ids=["up", "down"])
def test_after_a_death_at_nine_tenths_almost_nothing_is_sent_again(trouble: str, *, is_upload: bool) -> None:
    loss = 0.03 if trouble == "both" else 0.0
    errand = Errand(
        seed=5,
        is_upload=is_upload,
        size=6_000 * KIB,
        link=LinkSpec(rate=12_500_000, delay=2 * MILLISECOND, loss=loss),
        disk=DiskSpec(delay=MILLISECOND),
        troubles=(trouble,),
        trouble_at=0.9,
        credit=64 * KIB,
    )
    outcome = Carrying(errand).run()
    assert outcome.done.resumed > 0.85 * outcome.size
    assert outcome.sent <= 1.02 / (1 - loss) * outcome.size + TAIL


@pytest.mark.parametrize("seed", seeds(0.4))
def test_a_disk_that_fails_now_and_then_costs_tries_and_no_byte(seed: int) -> None:
    errand = Errand(seed=seed, is_upload=seed % 2 == 0, is_folder=seed % 4 >= 2, disk=DiskSpec(delay=500, error=0.003))
    Carrying(errand).run()


@pytest.mark.parametrize("is_upload", [True, False], ids=["up", "down"])
@pytest.mark.parametrize("is_folder", [False, True], ids=["file", "folder"])
def test_a_byte_that_turns_over_on_the_receivers_disk_is_sent_again(*, is_folder: bool, is_upload: bool) -> None:
    carrying = Carrying(Errand(seed=3, is_upload=is_upload, is_folder=is_folder, size=3_000 * KIB))
    world, anna = carrying.world, carrying.anna
    carrying.begin()
    world.run_until(lambda: any(each.done > 2_500 * KIB for each in client(anna).files.progress()), 60)
    (progress,) = client(anna).files.progress()
    receiver = world.server.store if is_upload else anna.store
    receiver.damage(progress.transfer.part_id, 1_500_000)
    carrying.check(carrying.finish())


def test_a_stored_file_that_is_damaged_is_never_taken_for_whole() -> None:
    carrying = Carrying(Errand(seed=3, is_upload=False, size=3_000 * KIB))
    world, anna = carrying.world, carrying.anna
    (uploaded,) = carrying.ben.told(Uploaded)
    world.server.store.damage(uploaded.file_id, 1_500_000)
    carrying.begin()
    world.run_until(lambda: bool(anna.told(Downloaded) or anna.told(TransferFailed)), 60)
    (failed,) = anna.told(TransferFailed)
    assert failed.code == ErrorCode.DIGEST_MISMATCH
    assert client(anna).files.progress() == []

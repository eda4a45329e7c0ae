from __future__ import annotations

from pathlib import Path

import pytest

from udpchat.errors import StorageError
from udpchat.store.trust import MAX_ADDRESSES, Pin, Status, TrustFile, Verdict

ONE, TWO = b"1" * 32, b"2" * 32
HERE, THERE = "10.0.0.1:27272", "10.0.0.2:27272"


@pytest.fixture
def trust(tmp_path: Path) -> TrustFile:
    return TrustFile(tmp_path / "config" / "servers.json")


def test_first_meeting_is_new_and_pins_nothing(trust: TrustFile) -> None:
    assert trust.check(HERE, ONE) == Verdict(Status.NEW)
    assert trust.pins() == ()
    assert trust.check(HERE, TWO) == Verdict(Status.NEW)


def test_pinned_key_is_known_wherever_it_appears(trust: TrustFile) -> None:
    trust.add(HERE, ONE, 5)
    assert trust.check(HERE, ONE) == Verdict(Status.KNOWN)
    assert trust.check(THERE, ONE) == Verdict(Status.KNOWN)


def test_another_key_at_a_known_address_is_a_change(trust: TrustFile) -> None:
    trust.add(HERE, ONE, 5)
    assert trust.check(HERE, TWO) == Verdict(Status.CHANGED, ONE)


def test_one_known_server_cannot_pose_as_another(trust: TrustFile) -> None:
    trust.add(HERE, ONE, 5)
    trust.add(THERE, TWO, 6)
    assert trust.check(HERE, TWO) == Verdict(Status.CHANGED, ONE)


def test_pins_survive_in_order_with_their_addresses(trust: TrustFile, tmp_path: Path) -> None:
    trust.add(HERE, ONE, 5)
    trust.add(THERE, ONE, 6)
    trust.add("x:1", TWO, 7)
    trust.add(THERE, ONE, 8)
    again = TrustFile(tmp_path / "config" / "servers.json")
    assert again.pins() == (Pin(ONE, (HERE, THERE), 5), Pin(TWO, ("x:1",), 7))
    assert [path.name for path in (tmp_path / "config").iterdir()] == ["servers.json"]


def test_address_belongs_to_the_key_it_was_added_to_last(trust: TrustFile) -> None:
    trust.add(HERE, ONE, 5)
    trust.add(HERE, TWO, 6)
    assert trust.check(HERE, TWO) == Verdict(Status.KNOWN)
    assert trust.check(HERE, ONE) == Verdict(Status.CHANGED, TWO)


@pytest.mark.parametrize("what", [HERE, ONE.hex(), ONE.hex().upper()])
def test_forgotten_server_is_new_again(what: str, trust: TrustFile) -> None:
    trust.add(HERE, ONE, 5)
    trust.add(THERE, TWO, 6)
    assert trust.forget(what) == (Pin(ONE, (HERE,), 5),)
    assert trust.forget(what) == ()
    assert trust.check(HERE, ONE) == Verdict(Status.NEW)
    assert trust.check(THERE, TWO) == Verdict(Status.KNOWN)


def test_addresses_of_a_server_are_capped_and_the_newest_stay(trust: TrustFile) -> None:
    for number in range(MAX_ADDRESSES + 2):
        trust.add(f"h:{number}", ONE, 5)
    (pin,) = trust.pins()
    assert pin.addresses == tuple(f"h:{number}" for number in range(2, MAX_ADDRESSES + 2))


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"format": 1}', b'{"format": 2, "servers": []}', b"\xff"])
def test_damaged_file_is_refused_not_forgotten(data: bytes, trust: TrustFile, tmp_path: Path) -> None:
    trust.add(HERE, ONE, 5)
    path = tmp_path / "config" / "servers.json"
    path.write_bytes(data)
    with pytest.raises(StorageError):
        trust.check(HERE, ONE)
    with pytest.raises(StorageError):
        trust.add(HERE, ONE, 5)
    assert path.read_bytes() == data

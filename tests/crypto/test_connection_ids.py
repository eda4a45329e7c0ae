import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from udpchat.crypto.connection_ids import ConnectionIds
from udpchat.errors import UsageError

IDS = ConnectionIds(bytes(range(32)))
OTHER_SERVER = ConnectionIds(bytes(32))


@settings(max_examples=50)
@given(st.binary(min_size=5, max_size=5))
def test_id_that_we_made_is_ours_and_begins_with_its_random_part(random5: bytes) -> None:
    connection_id = IDS.make(random5)
    assert len(connection_id) == 8
    assert connection_id[:5] == random5
    assert IDS.is_ours(connection_id)


def test_id_with_any_bit_flipped_is_not_ours() -> None:
    connection_id = IDS.make(b"12345")
    for bit in range(64):
        damaged = bytearray(connection_id)
        damaged[bit // 8] ^= 1 << bit % 8
        assert not IDS.is_ours(bytes(damaged))


@pytest.mark.parametrize("strange", [b"", bytes(7), bytes(9), IDS.make(b"12345") + b"\0", IDS.make(b"12345")[:-1]])
def test_id_of_another_length_is_not_ours(strange: bytes) -> None:
    assert not IDS.is_ours(strange)


def test_id_of_another_server_is_not_ours() -> None:
    assert not IDS.is_ours(OTHER_SERVER.make(b"12345"))


def test_reset_token_belongs_to_one_id_of_one_server() -> None:
    one, two = IDS.make(b"12345"), IDS.make(b"12346")
    tokens = {IDS.reset_token(one), IDS.reset_token(two), OTHER_SERVER.reset_token(one)}
    assert len(tokens) == 3
    assert {len(token) for token in tokens} == {16}


def test_reset_token_is_the_same_after_a_restart() -> None:
    connection_id = IDS.make(b"12345")
    assert ConnectionIds(bytes(range(32))).reset_token(connection_id) == IDS.reset_token(connection_id)


def test_sizes_that_are_not_those_of_an_id_are_our_mistake() -> None:
    for call in (
        lambda: IDS.make(bytes(4)),
        lambda: IDS.reset_token(bytes(7)),
        lambda: ConnectionIds(bytes(31)),
    ):
        with pytest.raises(UsageError):
            call()

import hashlib

import pytest
from cryptography.hazmat.primitives.hashes import BLAKE2s
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from hypothesis import given, settings
from hypothesis import strategies as st

from udpchat.crypto.keys import MAX_EXPANDED, ServerKeys, derive, expand, hmac_blake2s, public_key
from udpchat.errors import UsageError

MASTER = bytes(range(32))


def test_hmac_is_that_of_rfc_2104_written_out() -> None:
    key, data = b"k" * 32, b"some data"
    inner = hashlib.blake2s(bytes(byte ^ 0x36 for byte in key.ljust(64, b"\0")) + data).digest()
    assert hmac_blake2s(key, data) == hashlib.blake2s(bytes(b ^ 0x5C for b in key.ljust(64, b"\0")) + inner).digest()


@settings(max_examples=30)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=30), st.integers(1, 200))
def test_expansion_is_that_of_the_library(secret: bytes, info: bytes, length: int) -> None:
    assert expand(secret, info, length) == HKDFExpand(BLAKE2s(32), length, info).derive(secret)


@pytest.mark.parametrize("length", [0, -1, MAX_EXPANDED + 1])
def test_expansion_to_an_impossible_length_is_our_mistake(length: int) -> None:
    with pytest.raises(UsageError):
        expand(MASTER, b"", length)


def test_labels_and_masters_give_keys_of_their_own() -> None:
    keys = {derive(master, label) for master in (MASTER, bytes(32)) for label in ("a", "b", "ab")}
    assert len(keys) == 6
    assert derive(MASTER, "a", 12) == derive(MASTER, "a")[:12]


def test_public_key_is_that_of_rfc_7748() -> None:
    # Section 5.2: after one iteration, where the scalar is 9 and the point is the base point.
    expected = "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079"
    assert public_key((9).to_bytes(32, "little")).hex() == expected


def test_private_key_of_another_size_is_our_mistake() -> None:
    with pytest.raises(UsageError):
        public_key(bytes(31))


def test_server_keys_follow_from_the_master_secret_alone() -> None:
    keys = ServerKeys.from_master(MASTER)
    assert keys == ServerKeys.from_master(bytearray(MASTER))
    assert keys != ServerKeys.from_master(bytes(32))
    assert keys.static_public == public_key(keys.static_private)
    secrets = (keys.static_private, keys.cookie_secret, keys.token_key, keys.connection_id_key)
    assert len({MASTER, *secrets}) == 5
    assert {len(secret) for secret in secrets} == {32}


def test_server_keys_do_not_change_between_releases() -> None:
    # Clients pin the static key: another derivation would be another server to all of them.
    pinned = "e680cb7a0ee6a7561b7ee3b31c52a59854251ebca9b53e0151eaded6a768e67f"
    assert ServerKeys.from_master(MASTER).static_public.hex() == pinned


def test_server_keys_keep_secrets_out_of_their_repr() -> None:
    keys = ServerKeys.from_master(MASTER)
    shown = repr(keys)
    for secret in (keys.static_private, keys.cookie_secret, keys.token_key, keys.connection_id_key):
        assert repr(secret) not in shown


def test_master_secret_of_another_size_is_our_mistake() -> None:
    with pytest.raises(UsageError):
        ServerKeys.from_master(bytes(16))

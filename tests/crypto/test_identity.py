import re

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from udpchat.crypto.identity import Identity, fingerprint, verify
from udpchat.errors import UsageError

# RFC 8032 section 7.1, test 1.
PRIVATE = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")

ALICE = Identity(PRIVATE)
BOB = Identity(bytes(32))
HASH = bytes(range(32))
CLIENT_ID = bytes(range(16))
SIGNATURE = ALICE.sign(HASH, CLIENT_ID)


def test_public_key_is_that_of_rfc_8032() -> None:
    assert ALICE.public == PUBLIC


def test_signature_is_good_for_its_key_handshake_and_client() -> None:
    assert len(SIGNATURE) == 64
    assert verify(ALICE.public, SIGNATURE, HASH, CLIENT_ID)


@pytest.mark.parametrize(
    ("public", "handshake_hash", "client_id"),
    [
        (BOB.public, HASH, CLIENT_ID),
        (ALICE.public, bytes(32), CLIENT_ID),
        (ALICE.public, HASH, bytes(16)),
    ],
)
def test_signature_is_refused_for_another_key_handshake_or_client(
    public: bytes, handshake_hash: bytes, client_id: bytes
) -> None:
    assert not verify(public, SIGNATURE, handshake_hash, client_id)


def test_signature_with_any_byte_changed_is_refused() -> None:
    for at in range(64):
        damaged = SIGNATURE[:at] + bytes([SIGNATURE[at] ^ 1]) + SIGNATURE[at + 1 :]
        assert not verify(ALICE.public, damaged, HASH, CLIENT_ID)


@pytest.mark.parametrize(
    ("public", "signature", "client_id"),
    [
        (b"", SIGNATURE, CLIENT_ID),
        (ALICE.public[:31], SIGNATURE, CLIENT_ID),
        (ALICE.public + b"\0", SIGNATURE, CLIENT_ID),
        (b"\xff" * 32, SIGNATURE, CLIENT_ID),
        (ALICE.public, b"", CLIENT_ID),
        (ALICE.public, SIGNATURE + b"\0", CLIENT_ID),
        (ALICE.public, SIGNATURE, CLIENT_ID + b"\0"),
    ],
)
def test_fields_of_impossible_form_are_refused_without_an_error(
    public: bytes, signature: bytes, client_id: bytes
) -> None:
    assert not verify(public, signature, HASH, client_id)


def test_signature_without_the_join_label_is_refused() -> None:
    key = Ed25519PrivateKey.from_private_bytes(PRIVATE)
    assert verify(PUBLIC, key.sign(b"udpchat join v1" + HASH + CLIENT_ID), HASH, CLIENT_ID)
    assert not verify(PUBLIC, key.sign(HASH + CLIENT_ID), HASH, CLIENT_ID)


def test_our_own_wrong_sizes_are_our_mistake() -> None:
    for call in (
        lambda: Identity(bytes(31)),
        lambda: ALICE.sign(bytes(31), CLIENT_ID),
        lambda: ALICE.sign(HASH, bytes(15)),
        lambda: verify(PUBLIC, SIGNATURE, bytes(31), CLIENT_ID),
    ):
        with pytest.raises(UsageError):
            call()


def test_fingerprint_is_the_start_of_the_sha_256_in_groups() -> None:
    # SHA-256 of "abc" begins ba7816bf 8f01cfea 414140de 5dae2223 (FIPS 180-2 appendix B.1).
    assert fingerprint(b"abc") == "ba78-16bf-8f01-cfea-4141-40de-5dae-2223"
    assert re.fullmatch(r"[0-9a-f]{4}(-[0-9a-f]{4}){7}", fingerprint(PUBLIC))
    assert fingerprint(PUBLIC) != fingerprint(BOB.public)

"""The public test vectors of Noise_NX_25519_ChaChaPoly_BLAKE2s: those of cacophony and of snow."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from udpchat.crypto.keys import public_key
from udpchat.crypto.noise import NoiseInitiator, NoiseResponder


@dataclass(frozen=True)
class Vector:
    """In hex. messages: (payload, ciphertext), the two of the handshake first; both ends speak in turn."""

    prologue: str
    initiator_ephemeral: str
    responder_static: str
    responder_ephemeral: str
    messages: tuple[tuple[str, str], ...]
    handshake_hash: str = ""


CACOPHONY = Vector(
    prologue="4a6f686e2047616c74",
    initiator_ephemeral="893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
    responder_static="4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893",
    responder_ephemeral="bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
    handshake_hash="ea36347617d324907de1d80582ea1fcd4a535cabb321876a517a4ca498a083cd",
    messages=(
        (
            "4c756477696720766f6e204d69736573",
            "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79444c756477696720766f6e204d69736573",
        ),
        (
            "4d757272617920526f746862617264",
            "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843"
            "1b7ab475ba0987fba04b749be49e6b43fe538cfca25a1c591a7ed09f19c9b9e7d042761a2fd2762cf2cb2062ce2c6125"
            "3452b8383eb2ddc9ba2237b96d97b4e866ba73f55165a736ad03e68594ce25",
        ),
        ("462e20412e20486179656b", "5ab8adddb31ab4f1086c55c3f3ed053f4d78eca7aaf7ba09d486f8"),
        ("4361726c204d656e676572", "f3bbada5c0a4cd615bed55ee18046ad55efc4f30d318c57b4941e1"),
        ("4a65616e2d426170746973746520536179", "c1372cf03d2727f6b74f656b587735109ebb6159434a40a65e2e6095c12db5f01c"),
        (
            "457567656e2042f6686d20766f6e2042617765726b",
            "de040777d38c7bf60c4b8c0ca730a9526ff067db990848ac33e9e9970b01efdf00bab518d0",
        ),
    ),
)
SNOW = Vector(
    prologue="5468657265206973206e6f20726967687420616e642077726f6e672e2054686572652773206f6e6c792066756e20616e6420626f72"
    "696e672e",
    initiator_ephemeral="ce9bcd5b8aac2397686c1a6f4c233e76883657398075c1e67ba0da2b48885f96",
    responder_static="f228581da7b69e83c9eb58f783ce5f908244aa2026434ac374524947cf9562aa",
    responder_ephemeral="5e9cb691b0159d57447290c281a4cd00058c53b4e01bc6cab030617e6a0f6d31",
    messages=(
        (
            "b690d994a22401c05f88f4cac31d48e11e36362a5932e0622771724df6d17cbc",
            "fb4a827364985d17ba6b8a1209564d5cd332281df9fb2e0ecb293f10c0c19102"
            "b690d994a22401c05f88f4cac31d48e11e36362a5932e0622771724df6d17cbc",
        ),
        (
            "b93f02912bd38a00e6b76116a5faef668c6bab77f2ca9951a5c6912efd995dda",
            "d50519d03204985f60f37297471c87c5a3eeda47cd24360b3244cba45c1b9532"
            "525ee09ba77c6b580df3c1d78d53f68a689969b6d700adb94ab2514a635bfe96343a83412ab7a12b8078f5dd254f68ef"
            "2658372b3e0afc3b356012e34637ed226e03277d0e1e33618011f88e8a508ea0fff249b617c6c8e55c4481f503e745bd",
        ),
        (
            "1d4a31523357e699abdba275e81362ddeb5e969e77ec17c65dab98a5f26ff6b8",
            "21e7e7266094628444cfef9b6e1ce2007445ff087d39218f5604c4b68aaa97a0421063931b34f7d852b6685acc5df82d",
        ),
        (
            "74da5e8252b12b56a61f67e37a1820f1084aacf2c9e0d5b11fe1e79c717c60ad",
            "eee6ef934c0f52d843a29cd4856187e9c35580b0e0dda0ebbd9b52a3dcacade7e4fe12e5189e2c3ab0e0e48c2c720e6a",
        ),
    ),
)


@pytest.mark.parametrize("vector", [CACOPHONY, SNOW], ids=["cacophony", "snow"])
def test_both_ends_repeat_the_public_vectors(vector: Vector) -> None:
    prologue, static = bytes.fromhex(vector.prologue), bytes.fromhex(vector.responder_static)
    client = NoiseInitiator(prologue, bytes.fromhex(vector.initiator_ephemeral))
    server = NoiseResponder(prologue, static, bytes.fromhex(vector.responder_ephemeral))
    (first, hello), (second, reply), *transport = [tuple(map(bytes.fromhex, message)) for message in vector.messages]
    assert client.write_hello(first) == hello
    assert server.read_hello(hello) == first
    assert server.write_reply(second) == reply
    assert client.read_reply(reply) == second
    assert client.server_public == public_key(static)
    assert client.handshake_hash == server.handshake_hash
    assert vector.handshake_hash in ("", client.handshake_hash.hex())
    assert client.split() == server.split()
    # The vectors go on with transport messages: the keys of both directions are right when those come out.
    for place, (payload, sealed) in enumerate(transport):
        nonce = bytes(4) + (place // 2).to_bytes(8, "little")
        assert ChaCha20Poly1305(client.split()[place % 2]).encrypt(nonce, payload, b"") == sealed

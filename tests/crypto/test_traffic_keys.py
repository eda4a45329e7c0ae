import pytest

from udpchat.crypto.keys import expand
from udpchat.crypto.traffic_keys import DirectionKey, Epoch
from udpchat.errors import UsageError

# RFC 8439 section 2.8.2. Its nonce 07000000 4041424344454647 is our iv XOR packet number 0x454647.
KEY = bytes(range(0x80, 0xA0))
IV = bytes.fromhex("070000004041424344000000")
PACKET_NUMBER = 0x454647
ASSOCIATED = bytes.fromhex("50515253c0c1c2c3c4c5c6c7")
PLAINTEXT = (
    b"Ladies and Gentlemen of the class of '99: "
    b"If I could offer you only one tip for the future, sunscreen would be it."
)
CIPHERTEXT = bytes.fromhex(
    "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b"
    "1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
    "3ff4def08e4b7a9de576d26586cec64b6116"
)
TAG = bytes.fromhex("1ae10b594f09e26a7e902ecbd0600691")


def test_packet_number_and_iv_make_the_nonce_of_rfc_8439() -> None:
    key = DirectionKey(KEY, IV)
    assert key.nonce(PACKET_NUMBER) == bytes.fromhex("070000004041424344454647")
    out = bytearray(len(PLAINTEXT) + 16)
    key.cipher.encrypt_into(key.nonce(PACKET_NUMBER), PLAINTEXT, ASSOCIATED, out)
    assert out == CIPHERTEXT + TAG
    back = bytearray(len(PLAINTEXT))
    key.cipher.decrypt_into(key.nonce(PACKET_NUMBER), out, ASSOCIATED, back)
    assert back == PLAINTEXT


@pytest.mark.parametrize(
    ("packet_number", "nonce"),
    [
        (0, "0102030405060708090a0b0c"),
        (1, "0102030405060708090a0b0d"),
        (0x0100, "0102030405060708090a0a0c"),
        (2**53 - 1, "010203040519f8f7f6f5f4f3"),
    ],
)
def test_nonce_is_the_iv_with_the_number_in_its_last_bytes(packet_number: int, nonce: str) -> None:
    assert DirectionKey(bytes(32), bytes(range(1, 13))).nonce(packet_number).hex() == nonce


def test_epochs_alternate_their_phase_and_share_no_key() -> None:
    epochs = [Epoch(bytes(32))]
    for _ in range(3):
        epochs.append(epochs[-1].following())
    assert [(epoch.number, epoch.phase) for epoch in epochs] == [(0, 0), (1, 1), (2, 0), (3, 1)]
    assert len({epoch.key.key for epoch in epochs} | {epoch.key.iv for epoch in epochs}) == 8


def test_keys_of_an_epoch_are_the_documented_expansions() -> None:
    secret = bytes(range(32))
    epoch = Epoch(secret)
    assert epoch.key.key == expand(secret, b"udpchat key", 32)
    assert epoch.key.iv == expand(secret, b"udpchat iv", 12)
    assert epoch.following().key.key == expand(expand(secret, b"udpchat next", 32), b"udpchat key", 32)


def test_sizes_other_than_the_cipher_has_are_our_mistake() -> None:
    for key, iv in ((bytes(31), bytes(12)), (bytes(32), bytes(8))):
        with pytest.raises(UsageError):
            DirectionKey(key, iv)
    with pytest.raises(UsageError):
        Epoch(bytes(16))

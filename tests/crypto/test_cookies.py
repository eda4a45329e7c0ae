import pytest

from udpchat.config import COOKIE_LIFETIME, MILLISECOND, SECOND, TOKEN_LIFETIME
from udpchat.crypto.cookies import COOKIE_SIZE, TOKEN_SIZE, AddressTokens, Cookies
from udpchat.errors import UsageError

SECRET = bytes(range(32))
ADDRESS = b"192.0.2.1:4000"
BINDING = b"ephemeral key of the HELLO"
NOW = 1_000 * SECOND
WRAP = 2**32 * MILLISECOND  # after so long the time in a cookie starts anew


@pytest.mark.parametrize(
    ("age", "good"),
    [
        (0, True),
        (1 * SECOND, True),
        (COOKIE_LIFETIME, True),
        (COOKIE_LIFETIME + MILLISECOND, False),
        (10 * COOKIE_LIFETIME, False),
        (-MILLISECOND, False),
        (-COOKIE_LIFETIME, False),
    ],
)
def test_cookie_lives_fifteen_seconds_and_never_before_its_making(age: int, good: bool) -> None:
    cookies = Cookies(SECRET)
    assert cookies.check(cookies.make(ADDRESS, BINDING, NOW), ADDRESS, BINDING, NOW + age) is good


@pytest.mark.parametrize("made", [0, WRAP - SECOND, WRAP, 3 * WRAP - 1])
def test_cookie_lives_across_the_wrap_of_its_clock(made: int) -> None:
    cookies = Cookies(SECRET)
    cookie = cookies.make(ADDRESS, BINDING, made)
    assert cookies.check(cookie, ADDRESS, BINDING, made + 2 * SECOND)
    assert not cookies.check(cookie, ADDRESS, BINDING, made + COOKIE_LIFETIME + MILLISECOND)


@pytest.mark.parametrize(
    ("address", "binding"),
    [
        (b"192.0.2.1:4001", BINDING),
        (b"192.0.2.2:4000", BINDING),
        (b"", BINDING),
        (ADDRESS, BINDING + b"\0"),
        (ADDRESS, b""),
        (ADDRESS + BINDING[:1], BINDING[1:]),
        (ADDRESS[:-1], ADDRESS[-1:] + BINDING),
    ],
)
def test_cookie_is_good_for_its_address_and_binding_alone(address: bytes, binding: bytes) -> None:
    cookies = Cookies(SECRET)
    assert not cookies.check(cookies.make(ADDRESS, BINDING, NOW), address, binding, NOW)


def test_cookie_with_any_bit_flipped_is_refused() -> None:
    cookies = Cookies(SECRET)
    cookie = cookies.make(ADDRESS, BINDING, NOW)
    assert len(cookie) == COOKIE_SIZE
    for bit in range(8 * len(cookie)):
        damaged = bytearray(cookie)
        damaged[bit // 8] ^= 1 << bit % 8
        assert not cookies.check(bytes(damaged), ADDRESS, BINDING, NOW)


def test_cookie_of_any_other_length_is_refused() -> None:
    cookies = Cookies(SECRET)
    cookie = cookies.make(ADDRESS, BINDING, NOW)
    for size in range(COOKIE_SIZE):
        assert not cookies.check(cookie[:size], ADDRESS, BINDING, NOW)
    assert not cookies.check(cookie + b"\0", ADDRESS, BINDING, NOW)


def test_rotation_keeps_the_secret_before_and_no_older_one() -> None:
    cookies = Cookies(SECRET)
    cookie = cookies.make(ADDRESS, BINDING, NOW)
    cookies.rotate(b"b" * 32)
    assert cookies.check(cookie, ADDRESS, BINDING, NOW)
    assert cookies.make(ADDRESS, BINDING, NOW) != cookie
    assert cookies.check(cookies.make(ADDRESS, BINDING, NOW), ADDRESS, BINDING, NOW)
    cookies.rotate(b"c" * 32)
    assert not cookies.check(cookie, ADDRESS, BINDING, NOW)


def test_cookie_of_another_server_is_refused() -> None:
    assert not Cookies(SECRET).check(Cookies(bytes(32)).make(ADDRESS, BINDING, NOW), ADDRESS, BINDING, NOW)


def test_secrets_of_another_size_are_our_mistake() -> None:
    for size in (0, 31, 33):
        with pytest.raises(UsageError):
            Cookies(bytes(size))
        with pytest.raises(UsageError):
            Cookies(SECRET).rotate(bytes(size))
        with pytest.raises(UsageError):
            AddressTokens(bytes(size), 1)


HOST = b"192.0.2.1"
WALL = 1_800_000_000 * SECOND


def nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")


def test_token_is_longer_than_a_cookie_and_fits_its_field() -> None:
    token = AddressTokens(SECRET, 8).seal(HOST, WALL, nonce(1))
    assert COOKIE_SIZE < len(token) == TOKEN_SIZE <= 255


def test_token_is_redeemed_once() -> None:
    tokens = AddressTokens(SECRET, 8)
    token = tokens.seal(HOST, WALL, nonce(1))
    assert tokens.redeem(token, HOST, WALL)
    assert not tokens.redeem(token, HOST, WALL)
    assert not tokens.redeem(token, HOST, WALL + SECOND)


@pytest.mark.parametrize(
    ("age", "good"),
    [(0, True), (TOKEN_LIFETIME - 1, True), (TOKEN_LIFETIME, False), (2 * TOKEN_LIFETIME, False), (-1, False)],
)
def test_token_lives_seven_days_and_never_before_its_making(age: int, good: bool) -> None:
    tokens = AddressTokens(SECRET, 8)
    assert tokens.redeem(tokens.seal(HOST, WALL, nonce(1)), HOST, WALL + age) is good


def test_token_of_another_host_or_server_is_refused() -> None:
    tokens = AddressTokens(SECRET, 8)
    token = tokens.seal(HOST, WALL, nonce(1))
    assert not tokens.redeem(token, b"192.0.2.2", WALL)
    assert not tokens.redeem(token, b"", WALL)
    assert not AddressTokens(bytes(32), 8).redeem(token, HOST, WALL)
    assert tokens.redeem(token, HOST, WALL), "a refusal must not use it up"


def test_token_outlives_a_restart_with_the_same_key() -> None:
    assert AddressTokens(SECRET, 8).redeem(AddressTokens(SECRET, 8).seal(HOST, WALL, nonce(1)), HOST, WALL)


def test_token_with_any_bit_flipped_or_of_any_other_length_is_refused() -> None:
    tokens = AddressTokens(SECRET, 8)
    token = tokens.seal(HOST, WALL, nonce(1))
    for bit in range(8 * len(token)):
        damaged = bytearray(token)
        damaged[bit // 8] ^= 1 << bit % 8
        assert not tokens.redeem(bytes(damaged), HOST, WALL)
    for size in range(len(token)):
        assert not tokens.redeem(token[:size], HOST, WALL)
    assert not tokens.redeem(token + b"\0", HOST, WALL)
    assert not tokens.redeem(bytes(255), HOST, WALL)


@pytest.mark.parametrize(("used", "good"), [(2, True), (3, False), (4, False)])
def test_full_table_refuses_rather_than_forget_a_living_token(used: int, good: bool) -> None:
    tokens = AddressTokens(SECRET, 3)
    spent = [tokens.seal(HOST, WALL, nonce(number)) for number in range(used)]
    for token in spent:
        tokens.redeem(token, HOST, WALL)
    assert tokens.redeem(tokens.seal(HOST, WALL, nonce(99)), HOST, WALL) is good
    assert not any(tokens.redeem(token, HOST, WALL) for token in spent[:3])


def test_expired_tokens_make_room_in_the_table() -> None:
    tokens = AddressTokens(SECRET, 2)
    for number, made in enumerate((WALL + SECOND, WALL)):
        assert tokens.redeem(tokens.seal(HOST, made, nonce(number)), HOST, WALL + SECOND)
    first_expired = WALL + TOKEN_LIFETIME
    fresh = [tokens.seal(HOST, first_expired, nonce(number)) for number in (10, 11)]
    assert not tokens.redeem(fresh[0], HOST, first_expired - 1)
    assert tokens.redeem(fresh[0], HOST, first_expired)
    assert not tokens.redeem(fresh[1], HOST, first_expired)
    assert tokens.redeem(fresh[1], HOST, first_expired + SECOND)


def test_clock_set_back_does_not_revive_a_used_token() -> None:
    tokens = AddressTokens(SECRET, 2)
    token = tokens.seal(HOST, WALL, nonce(1))
    assert tokens.redeem(token, HOST, WALL)
    later = WALL + TOKEN_LIFETIME
    assert tokens.redeem(tokens.seal(HOST, later, nonce(2)), HOST, later)
    assert not tokens.redeem(token, HOST, WALL)


def test_token_nonce_of_another_size_is_our_mistake() -> None:
    with pytest.raises(UsageError):
        AddressTokens(SECRET, 1).seal(HOST, WALL, bytes(8))
    with pytest.raises(UsageError):
        AddressTokens(SECRET, 1).seal(HOST, -1, bytes(12))

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from udpchat.crypto.keylog import Direction, LoggedKey, format_line, parse_line
from udpchat.errors import DecodeError

KEY, IV = bytes(range(32)), bytes(range(12))
LINE = f"UDPCHAT_KEY 0102030405060708 client 3 {KEY.hex()} {IV.hex()}"


def test_line_is_the_documented_one() -> None:
    assert format_line(bytes(range(1, 9)), "client", 3, KEY, IV) == LINE


@settings(max_examples=50)
@given(
    st.binary(min_size=8, max_size=8),
    st.sampled_from(["client", "server"]),
    st.integers(0, 2**32 - 1),
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=12, max_size=12),
)
def test_line_is_read_back(connection_id: bytes, direction: Direction, epoch: int, key: bytes, iv: bytes) -> None:
    line = format_line(connection_id, direction, epoch, key, iv)
    assert parse_line(line + "\r\n") == LoggedKey(connection_id, direction, epoch, key, iv)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "\n",
        "# a comment",
        "CLIENT_RANDOM 00 00",
        LINE + "00",
        LINE + " more",
        LINE[:-1],
        LINE.replace("client", "relay"),
        LINE.replace(" 3 ", " -3 "),
        LINE.replace(" 3 ", " ٣ "),
        LINE.replace(" 3 ", f" {'3' * 5000} "),
        LINE.replace("0102", "0g02"),
        LINE + "\n" + LINE,
        LINE + " " * 10_000,
    ],
)
def test_other_lines_are_refused(line: str) -> None:
    with pytest.raises(DecodeError):
        parse_line(line)


@settings(max_examples=50)
@given(st.binary(max_size=250), st.sampled_from(["", "UDPCHAT_KEY ", LINE]))
def test_line_with_noise_behind_it_is_refused(noise: bytes, start: str) -> None:
    with pytest.raises(DecodeError):
        parse_line(start + "." + noise.decode("latin-1"))


def test_logged_key_keeps_its_secrets_out_of_repr() -> None:
    shown = repr(parse_line(LINE))
    assert repr(KEY) not in shown
    assert repr(IV) not in shown

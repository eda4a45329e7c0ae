"""How files are sent, as options and as `/stats`."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from udpchat.config import ARQ_SCHEMES, CONTROLLERS
from udpchat.protocol.stats import PathStats
from udpchat.ui.cli.client_options import ClientOptions
from udpchat.ui.cli.main import make_app
from udpchat.ui.cli.sending import Arq, Congestion, sending_arguments, stats_lines

STATS = PathStats(
    smoothed_rtt=12_340,
    min_rtt=11_900,
    rttvar=400,
    probe_timeout=39_000,
    congestion_window=123_456,
    bytes_in_flight=100_000,
    datagram_size=1_472,
    sent=1_200,
    lost=12,
    spurious=3,
    probe_timeouts=1,
    scheme="go-back-n",
    window=64,
    controller="bbr",
    state="probing",
)


def test_the_options_offer_what_the_configuration_takes() -> None:
    assert {str(each) for each in Arq} == set(ARQ_SCHEMES)
    assert {str(each) for each in Congestion} == set(CONTROLLERS)


@pytest.mark.parametrize("command", ["put", "get", "client", "server", "demo"])
@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--arq", "sliding", ("selective-repeat", "go-back-n", "stop-and-wait")),
        ("--congestion", "vegas", ("bbr", "cubic", "newreno", "fixed")),
        ("--window", "4097", ("4096",)),
        ("--window", "-1", ("--window", "0")),
    ],
)
def test_a_bad_value_is_refused_with_the_choices(command: str, option: str, value: str, words: tuple[str, ...]) -> None:
    places = {"put": ["f", "localhost"], "get": ["f", "localhost"], "client": ["localhost"]}.get(command, [])
    result = CliRunner(env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"}).invoke(
        make_app(command), [command, *places, option, value]
    )
    assert result.exit_code == 2
    assert all(word in result.output for word in words), result.output


@pytest.mark.parametrize(
    ("options", "is_tuned"),
    [
        (ClientOptions(), False),
        (ClientOptions(arq=Arq.SELECTIVE_REPEAT), True),
        (ClientOptions(window=0), True),
        (ClientOptions(congestion=Congestion.BBR), True),
    ],
)
def test_the_server_is_asked_only_when_the_user_said_something(options: ClientOptions, *, is_tuned: bool) -> None:
    assert options.is_tuned is is_tuned


def test_the_options_make_the_configuration() -> None:
    options = ClientOptions(arq=Arq.GO_BACK_N, window=9, congestion=Congestion.FIXED)
    config = options.config()
    assert (config.arq, config.window, config.congestion) == ("go-back-n", 9, "fixed")
    config = ClientOptions().config()
    assert (config.arq, config.window, config.congestion) == ("selective-repeat", 0, "bbr")


def test_options_are_handed_on_as_they_were_given() -> None:
    assert sending_arguments(None, None, None) == ()
    assert sending_arguments(Arq.GO_BACK_N, 0, None) == ("--arq", "go-back-n", "--window", "0")


def test_the_stats_are_three_lines() -> None:
    path, sending, packets = stats_lines(STATS)
    assert path.startswith("path     RTT 12.34 ms, least 11.90 ms, variation 0.40 ms; RTO 39.00 ms;")
    assert "go-back-n, at most 64 packets; bbr (probing); congestion window 123.5 kB, in flight 100.0 kB" in sending
    assert "1200 sent, 12 lost (1.0%), 3 arrived after all, 1 probe timeouts" in packets

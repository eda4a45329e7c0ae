from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Any

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from udpchat.config import DEFAULT_PORT
from udpchat.sim.link import LinkSpec
from udpchat.ui.cli.options import (
    HostPort,
    Span,
    link_options,
    parse_duration,
    parse_host_port,
    parse_port,
    parse_probability,
    parse_rate,
    parse_size,
    parse_span,
)

GOOD: list[tuple[Callable[[str], Any], str, Any]] = [
    (parse_rate, "50mbit", 6_250_000),
    (parse_rate, "1gbit", 125_000_000),
    (parse_rate, "20mbps", 2_500_000),
    (parse_rate, "800kbit", 100_000),
    (parse_rate, "2.5 Mbit/s", 312_500),
    (parse_rate, "5MB/s", 5_000_000),
    (parse_rate, "8000bit", 1_000),
    (parse_rate, "0", 0),
    (parse_duration, "20ms", 20_000),
    (parse_duration, "1.5s", 1_500_000),
    (parse_duration, "250us", 250),
    (parse_duration, "2min", 120_000_000),
    (parse_duration, "1h", 3_600_000_000),
    (parse_duration, "0", 0),
    (parse_probability, "5%", 0.05),
    (parse_probability, "0.05", 0.05),
    (parse_probability, ".5", 0.5),
    (parse_probability, "100%", 1.0),
    (parse_probability, "1", 1.0),
    (parse_size, "20M", 20_000_000),
    (parse_size, "1GiB", 2**30),
    (parse_size, "500k", 500_000),
    (parse_size, "4096", 4_096),
    (parse_size, "1.5 MiB", 3 * 2**19),
    (parse_port, "0", 0),
    (parse_port, "65535", 65_535),
    (parse_host_port, "server.local", HostPort("server.local", DEFAULT_PORT)),
    (parse_host_port, "server:5", HostPort("server", 5)),
    (parse_host_port, "127.0.0.1:1", HostPort("127.0.0.1", 1)),
    (parse_host_port, "[::1]:5", HostPort("::1", 5)),
    (parse_host_port, "[::1]", HostPort("::1", DEFAULT_PORT)),
    (parse_host_port, "fe80::1%eth0", HostPort("fe80::1%eth0", DEFAULT_PORT)),
    (parse_span, "5s+2s", Span(5_000_000, 2_000_000)),
    (parse_span, "0+250ms", Span(0, 250_000)),
]

BAD: list[tuple[Callable[[str], Any], str, str]] = [
    (parse_rate, "fast", "50mbit"),
    (parse_rate, "10", "50mbit"),
    (parse_rate, "-5mbit", "50mbit"),
    (parse_rate, "5MB", "5MB/s"),
    (parse_rate, "5parsec", "50mbit"),
    (parse_rate, "1bit", "800kbit"),
    (parse_rate, "1" + "0" * 400, "50mbit"),
    (parse_duration, "20", "20ms"),
    (parse_duration, "soon", "20ms"),
    (parse_duration, "1.2.3s", "20ms"),
    (parse_duration, "٣s", "20ms"),
    (parse_probability, "5", "did you mean 5%"),
    (parse_probability, "101%", "more than all"),
    (parse_probability, "-1%", "5%"),
    (parse_probability, "5ms", "5%"),
    (parse_size, "big", "20M"),
    (parse_size, "5s", "20M"),
    (parse_port, "65536", "27272"),
    (parse_port, "http", "27272"),
    (parse_port, "٣", "27272"),
    (parse_host_port, "", "[::1]:5"),
    (parse_host_port, ":5", "[::1]:5"),
    (parse_host_port, "host:", "27272"),
    (parse_host_port, "host:99999", "27272"),
    (parse_host_port, "[::1", "[::1]:5"),
    (parse_host_port, "a b", "[::1]:5"),
    (parse_span, "5s", "5s+2s"),
    (parse_span, "5s+2", "20ms"),
]


@pytest.mark.parametrize(("parse", "text", "value"), GOOD)
def test_what_users_write_is_understood(parse: Callable[[str], Any], text: str, value: Any) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(("parse", "text", "hint"), BAD)
def test_what_is_wrong_is_quoted_with_an_example(parse: Callable[[str], Any], text: str, hint: str) -> None:
    with pytest.raises(typer.BadParameter) as caught:
        parse(text)
    assert hint in caught.value.message


@given(text=st.text(alphabet=st.one_of(st.characters(), st.sampled_from("0123456789.kMGb%s:[]+")), max_size=20))
@settings(max_examples=200)
def test_parsers_fail_in_no_other_way(text: str) -> None:
    for parse in {parse for parse, _, _ in GOOD}:
        with suppress(typer.BadParameter):
            parse(text)


def test_host_and_port_print_as_they_are_typed() -> None:
    assert [str(parse_host_port(text)) for text in ("[::1]:5", "a.b:6")] == ["[::1]:5", "a.b:6"]


def link_of(*arguments: str, **defaults: Any) -> LinkSpec:
    chosen: list[LinkSpec] = []
    app = typer.Typer()

    @app.command()
    @link_options(**defaults)
    def command(*, link: LinkSpec, other: Annotated[int, typer.Option()] = 3) -> None:
        assert other == 3
        chosen.append(link)

    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return chosen[0]


def test_link_options_make_a_link() -> None:
    assert link_of() == LinkSpec()
    assert link_of(rate=12_500_000, delay=5_000) == LinkSpec(rate=12_500_000, delay=5_000)
    assert link_of("--rate", "0", "--mtu", "1500", rate=12_500_000) == LinkSpec(mtu=1_500)
    everything = (
        "--rate 50mbit --delay 20ms --jitter 5ms --loss 5% --burst 4 --queue 100 --mtu 1300 --duplicate 1% "
        "--reorder 2% --corrupt 3% --blackout 5s+2s --blackout 10s+1s"
    )
    assert link_of(*everything.split()) == LinkSpec(
        rate=6_250_000,
        delay=20_000,
        jitter=5_000,
        loss=0.05,
        burst=4,
        queue=100,
        mtu=1_300,
        duplicate=0.01,
        reorder=0.02,
        corrupt=0.03,
        blackouts=((5_000_000, 2_000_000), (10_000_000, 1_000_000)),
    )

"""The servers that a client knows, and when it used them."""

from __future__ import annotations

from pathlib import Path

from udpchat.net.home import Home, KnownServer

ONE, TWO = b"1" * 32, b"2" * 32
HERE, THERE, PLAIN = "10.0.0.1:27272", "[fd00::1]:27272", "10.0.0.3:27272"


def test_the_server_that_was_used_last_comes_first_with_where_that_was(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.trust.add(HERE, ONE, 5)
    home.trust.add(HERE.replace("1:", "9:"), ONE, 5)
    home.trust.add(THERE, TWO, 6)
    home.keep_use(THERE, TWO, 10)
    home.keep_use(HERE, ONE, 11)
    assert home.known_servers() == (KnownServer(HERE, ONE, 11), KnownServer(THERE, TWO, 10))


def test_a_server_that_was_only_trusted_is_known_since_then(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.trust.add(HERE, ONE, 5)
    assert home.known_servers() == (KnownServer(HERE, ONE, 5),)


def test_a_server_in_plaintext_is_known_by_its_address(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.keep_use(PLAIN, b"", 7)
    assert home.known_servers() == (KnownServer(PLAIN, b"", 7),)


def test_a_server_that_is_not_trusted_any_more_is_not_known(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.trust.add(HERE, ONE, 5)
    home.keep_use(HERE, ONE, 11)
    home.trust.forget(HERE)
    assert home.known_servers() == ()


def test_an_address_that_went_to_another_server_is_not_shown_with_the_first(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.trust.add(THERE, ONE, 4)
    home.trust.add(HERE, ONE, 5)
    home.keep_use(HERE, ONE, 11)
    home.trust.add(HERE, TWO, 12)
    assert [(server.key, server.place) for server in home.known_servers()] == [(TWO, HERE), (ONE, THERE)]


def test_a_damaged_memory_of_uses_costs_the_times_only(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.trust.add(HERE, ONE, 5)
    (tmp_path / "used.json").write_text(f'{{"{ONE.hex()}": "-1 x", "{TWO.hex()}": ""}}')
    assert home.known_servers() == (KnownServer(HERE, ONE, 5),)

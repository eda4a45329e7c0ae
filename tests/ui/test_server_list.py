"""What a person is shown of servers, honest and other."""

from __future__ import annotations

import json

import pytest

from udpchat.crypto.identity import fingerprint
from udpchat.net.discovery.announcement import Announcement
from udpchat.net.discovery.sightings import FoundServer, Spot
from udpchat.net.home import KnownServer
from udpchat.store.trust import Pin
from udpchat.ui.cli.choosing import bound_to, only_one
from udpchat.ui.cli.client_options import ChatOptions
from udpchat.ui.cli.server_list import ListedServer, listed_servers, server_line, server_table
from udpchat.wire.packets import VERSION

KEY, OTHER_KEY = b"1" * 32, b"2" * 32
MINE, OTHER = fingerprint(KEY), fingerprint(OTHER_KEY)


def found(
    name: str = "Room 12",
    *,
    key: str = MINE,
    host: str = "10.1.0.9",
    is_near: bool = True,
    is_sealed: bool = True,
    version: int = VERSION,
) -> FoundServer:
    spot = Spot(host, 27272, "lan0", is_near)
    return FoundServer(Announcement(name, 3, key if is_sealed else "", is_sealed, version), (spot,))


def warned(*servers: FoundServer, pins: tuple[Pin, ...] = ()) -> list[tuple[str, ...]]:
    return [row.warnings for row in listed_servers(servers, (), pins)]


def test_a_server_is_shown_with_all_that_helps_to_choose() -> None:
    far = Spot("fe80::9%lan0", 27272, "lan0", is_near=True)
    server = FoundServer(found().announcement, (*found().spots, far))
    assert server_table(listed_servers([server], (), ())) == [
        '"Room 12" at 10.1.0.9:27272 on lan0; 3 users are here',
        f"    key {MINE} (not known yet)",
        "    also at [fe80::9%lan0]:27272 on lan0",
    ]


def test_a_server_that_claims_a_known_key_is_shown_as_known_once() -> None:
    known = KnownServer("10.1.0.4:27272", KEY, 7)
    (row,) = listed_servers([found()], [known], ())
    assert (row.known, row.known_key) == (known, KEY)
    assert f"    key {MINE} (known)" in server_table([row])


def test_known_servers_that_are_not_there_follow_those_that_are() -> None:
    known = KnownServer("10.1.0.4:27272", OTHER_KEY, 7), KnownServer("10.1.0.5:27272", b"", 6)
    rows = listed_servers([found()], known, ())
    assert [str(row.place) for row in rows] == ["10.1.0.9:27272", "10.1.0.4:27272", "10.1.0.5:27272"]
    shown = server_table(rows, numbered=True)
    assert shown[2].startswith("  2  10.1.0.4:27272, not seen now, used last ")
    assert shown[3:] == [f"         key {OTHER}", shown[4], "         PLAINTEXT"]


def test_a_server_in_plaintext_is_known_by_its_address() -> None:
    known = KnownServer("10.1.0.9:27272", b"", 6)
    (row,) = listed_servers([found(is_sealed=False)], [known], ())
    assert row.known == known


def test_a_key_without_an_address_is_listed_without() -> None:
    (row,) = listed_servers([], [KnownServer("", KEY, 6)], ())
    assert row.place is None
    assert server_table([row])[0].startswith("(no address), not seen now")
    assert json.loads(server_line(row))["host"] == ""


@pytest.mark.parametrize(
    ("server", "warning"),
    [
        (found(version=9), f"speaks protocol version 9, this program {VERSION}"),
        (found(is_sealed=False), "PLAINTEXT: nothing is sealed there, and it takes --plaintext to join"),
        (found(key=""), "it does not say what key it has"),
        (found(host="8.8.8.8", is_near=False), "8.8.8.8 is no address of this network"),
    ],
)
def test_what_a_person_should_know_is_said(server: FoundServer, warning: str) -> None:
    assert warned(server) == [(warning,)]


def test_an_address_that_is_trusted_with_another_key_is_pointed_out() -> None:
    pin = Pin(OTHER_KEY, ("10.1.0.9:27272",), 5)
    assert warned(found(), pins=(pin,)) == [(f"another server is trusted at this address: {OTHER}",)]
    assert warned(found(key=OTHER), pins=(pin,)) == [()]


def test_names_that_are_easily_taken_for_one_another_are_pointed_out() -> None:
    servers = [found("Room"), found("Rооm", key=OTHER), found("room", key=OTHER), found("Room", key=OTHER)]
    assert warned(*servers) == [(), ("looks like Room",), ("looks like Room",), ("another server has the same name",)]


def test_a_name_cannot_touch_the_terminal() -> None:
    server = found("\x1b[2J\x07\u202egnp.\nroot", key=OTHER, host="10.1.0.9")
    shown = "\n".join(server_table(listed_servers([server], (), ())))
    assert shown.startswith('"<U+001B>[2J<U+0007><U+202E>gnp.<U+000A>root" at 10.1.0.9:27272')
    assert all(line.isprintable() for line in shown.splitlines())


def test_the_object_has_what_the_table_has() -> None:
    known = KnownServer("10.1.0.4:27272", KEY, 7)
    (row,) = listed_servers([found()], [known], ())
    assert json.loads(server_line(row)) == {
        "event": "server",
        "name": "Room 12",
        "host": "10.1.0.9",
        "port": 27272,
        "addresses": [{"host": "10.1.0.9", "port": 27272, "interface": "lan0", "is_near": True}],
        "interfaces": ["lan0"],
        "users": 3,
        "version": VERSION,
        "is_sealed": True,
        "fingerprint": MINE,
        "is_found": True,
        "is_near": True,
        "is_known": True,
        "last_used": 7,
        "warnings": [],
    }


PLAIN, FAR, OLD = found(is_sealed=False), found(host="8.8.8.8", is_near=False), found(version=9)


ANY, ANY_PLAIN, STRICT = ChatOptions(), ChatOptions(plaintext=True), ChatOptions(strict=True)
BY_PRINT, BY_KEY = ChatOptions(server_key=OTHER), ChatOptions(server_key=OTHER_KEY.hex())


@pytest.mark.parametrize(
    ("servers", "options", "joined"),
    [
        ([found()], ANY, 0),
        ([found(), PLAIN], ANY, 0),
        ([PLAIN, found()], ANY, 1),
        ([found(), PLAIN], ANY_PLAIN, 1),
        ([OLD, found()], ANY, 1),
        ([found(), found(key=OTHER)], ANY, None),
        ([found(), FAR], ANY, None),
        ([FAR], ANY, None),
        ([OLD], ANY, None),
        ([PLAIN], ANY, None),
        ([], ANY, None),
        ([found(), found(key=OTHER)], STRICT, 1),
        ([found()], STRICT, None),
        ([found(), found(key=OTHER)], BY_PRINT, 1),
        ([found(), found(key=OTHER)], BY_KEY, 1),
        ([found()], BY_PRINT, None),
    ],
)
def test_only_a_server_that_is_the_only_one_is_joined_unasked(
    servers: list[FoundServer], options: ChatOptions, joined: int | None
) -> None:
    rows = listed_servers(servers, [KnownServer("10.1.0.4:27272", OTHER_KEY, 7)], ())
    assert only_one(rows, options) is (None if joined is None else rows[joined])


NEW = ListedServer(found(), None)
KNOWN = ListedServer(found(), KnownServer("10.1.0.4:27272", KEY, 7))


@pytest.mark.parametrize(
    ("row", "options", "key"),
    [
        (KNOWN, ChatOptions(), MINE),
        (KNOWN, ChatOptions(strict=True), MINE),
        (NEW, ChatOptions(), MINE),
        (NEW, ChatOptions(strict=True), None),
        (NEW, ChatOptions(server_key=OTHER), OTHER),
        (ListedServer(found(key=""), None), ChatOptions(), None),
        (ListedServer(PLAIN, None), ChatOptions(plaintext=True), None),
    ],
)
def test_a_chosen_server_must_have_the_key_that_was_shown(
    row: ListedServer, options: ChatOptions, key: str | None
) -> None:
    assert bound_to(row, options).server_key == key

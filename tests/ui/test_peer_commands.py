import pytest

from udpchat.net.peer.notes import PeerInfo
from udpchat.net.peer.search import Found, by_content, kind_of
from udpchat.peers.settings import NeighbourConfig, PeerConfig
from udpchat.ui.cli.commands import Completes
from udpchat.ui.cli.completion import Completer
from udpchat.ui.cli.parsing import Command, Mistake, help_lines, parse_line
from udpchat.ui.cli.peer.commands import PEER
from udpchat.ui.cli.peer.tables import config_lines, found_line, peer_table
from udpchat.wire.numbers import PLAIN_FILE, QueryKind


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("get trip.txt", Command("get", ("trip.txt",))),
        ("/get trip.txt", Command("get", ("trip.txt",))),
        ('get "two words.txt" /tmp', Command("get", ("two words.txt", "/tmp"))),
        ("search two words", Command("search", ("two words",))),
        ("PEERS", Command("peers")),
        ("modify peerlist 1/2", Command("modify", ("peerlist", "1/2"))),
        ("modify share /home/ann/my files", Command("modify", ("share", "/home/ann/my files"))),
        ("quit", Command("exit")),
        ("download x", Mistake("there is no command download; did you mean get NAME [DEST]?")),
        ("serach x", Mistake("there is no command serach; did you mean search PATTERN?")),
        ("xyzzy", Mistake("there is no command xyzzy; help lists the commands")),
        ("hello everybody", Mistake("there is no command hello; did you mean help [COMMAND]?")),
        ("modify ttl", Mistake(f"write modify KEY VALUE: {PEER.verbs['modify'].help}")),
    ],
)
def test_commands_are_typed_without_a_slash_or_with_one(typed: str, meant: Command | Mistake) -> None:
    assert parse_line(typed, PEER) == meant


def test_help_lists_every_command_without_a_slash() -> None:
    lines = help_lines(PEER)
    assert [line.split()[0] for line in lines] == ["get", "search", "peers", "ls", "config", "modify", "help", "exit"]
    assert help_lines(PEER, "quit")[0].startswith("exit  ")


def test_the_tab_key_offers_commands_keys_and_what_was_found() -> None:
    completer = Completer(PEER, {Completes.FILE: lambda _: ["trip.txt"], Completes.SETTING: lambda _: ["ttl", "port"]})
    assert completer.candidates("s") == ["search"]
    assert completer.candidates("get t") == ["get trip.txt"]
    assert completer.candidates("modify t") == ["modify ttl"]


@pytest.mark.parametrize(
    ("pattern", "kind"),
    [
        ("trip", QueryKind.WORDS),
        ("*.png", QueryKind.GLOB),
        ("a?c", QueryKind.GLOB),
        ("5D" * 16, QueryKind.MD5),
        ("5d" * 32, QueryKind.ROOT),
        ("5d" * 15, QueryKind.WORDS),
    ],
)
def test_a_pattern_says_what_it_is(pattern: str, kind: QueryKind) -> None:
    assert kind_of(pattern) is kind


def found(host: str, hops: int, root: bytes, md5: bytes = b"m" * 16) -> Found:
    return Found("a\x1b.txt", 5, md5, root, 0, PLAIN_FILE, b"f" * 16, host, 1, b"k" * 32, hops, "ben", 1_500)


def test_only_the_same_bytes_are_the_same_content() -> None:
    near, far = found("10.0.0.1", 1, b"r" * 32), found("10.0.0.2", 2, b"r" * 32)
    other_root, other_md5 = found("10.0.0.3", 1, b"q" * 32), found("10.0.0.4", 1, b"r" * 32, b"n" * 16)
    unknown = [found(host, 3, bytes(32)) for host in ("10.0.0.5", "10.0.0.6")]
    assert by_content([far, near, other_root, other_md5, *unknown]) == [
        [near, far],
        [other_root],
        [other_md5],
        [unknown[0]],
        [unknown[1]],
    ]


def test_what_nodes_say_is_shown_without_its_controls() -> None:
    line = found_line(3, found("10.0.0.1", 1, b"r" * 32))
    assert line == f"[3] a<U+001B>.txt  5 B  MD5 {b'm'.hex() * 16}  1 hop  1.5 ms  10.0.0.1:1"
    (shown,) = peer_table([PeerInfo("b\x07en", "10.0.0.1", 1, False, True, text="n\x1bo")])
    assert shown == "- b<U+0007>en 10.0.0.1:1  n<U+001B>o"


def test_the_configuration_is_shown_under_the_words_of_modify() -> None:
    config = PeerConfig(name="anna", share="/s", neighbours=(NeighbourConfig("10.0.0.7", 5, "ben"),), ttl=3)
    lines = config_lines(config, path="p.toml", form="TOML", home="/h", key=b"", identity=b"i" * 32)
    shown = dict(line.split(maxsplit=1) for line in lines)
    assert (shown["name"], shown["ttl"], shown["neighbours"]) == ("anna", "3 (of others: 7)", "ben 10.0.0.7:5")
    assert (shown["share"], shown["allow"], shown["host"]) == ("/s", "(everybody)", "(all addresses)")

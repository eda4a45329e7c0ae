from dataclasses import replace
from pathlib import Path

import pytest

from udpchat.ui.cli.commands import CLIENT, SERVER, Completes
from udpchat.ui.cli.completion import MAX_OFFERED, Completer, local_paths

NAMES = {
    Completes.NICK: lambda _: ["anna", "Anton", "ben", "eve\x1b[2J"],
    Completes.OFFER: lambda _: ["plan.pdf", "anna"],
    Completes.TRANSFER: lambda _: ["2", "21", "3"],
    Completes.ROOM: lambda _: ["lobby", "games", "garden"],
    Completes.FILE: lambda word: [
        "my notes.txt",
        "my song.ogg",
        "other",
        "photos/",
        *(["photos/a b.jpg"] if "/" in word else []),
    ],
}


@pytest.mark.parametrize(
    ("line", "candidates"),
    [
        ("/hi", ["/history"]),
        ("/QU", ["/quit"]),
        ("!h", ["!howmany"]),
        ("/file u", ["/file upload"]),
        ("/msg an", ["/msg anna", "/msg Anton"]),
        ("/msg ben h", []),
        ("/kick b", ["/kick ben"]),
        ("/msg e", []),  # a name that is not shown as it is
        ("/join ga", ["/join games", "/join garden"]),
        ("/history ga", ["/history games", "/history garden"]),
        ("/history games fr", ["/history games from:"]),
        ("/history games from:b", ["/history games from:ben"]),
        ("/get my", ['/get "my notes.txt"', '/get "my song.ogg"']),
        ('/get "my s', ['/get "my song.ogg"']),
        ("/get ot", ["/get other"]),
        ("/get other no-such-folder/", []),
        ("/get a b c", []),
        ("/get ph", ["/get photos/"]),
        ("/get photos/a", ['/get "photos/a b.jpg"']),
        ("/files ga", ["/files games", "/files garden"]),
        ("/files ph", ["/files photos/"]),
        ("/file my s", ["/file my song.ogg"]),
        ("/open photos/", ["/open photos/", "/open photos/a b.jpg"]),
        ("/accept pl", ["/accept plan.pdf"]),
        ("/decline an", ["/decline anna"]),
        ("/pause 2", ["/pause 2", "/pause 21"]),
        ("/priority 3 h", ["/priority 3 high"]),
        ("/limit 3 1", []),
        ("/send be", ["/send ben"]),
        ("/put no-such-file to:be", ["/put no-such-file to:ben"]),
        ("/put no-such-file #ga", ["/put no-such-file #games", "/put no-such-file #garden"]),
        ("/msg  an", ["/msg  anna", "/msg  Anton"]),
        ("!get my s", ["!get my song.ogg"]),
        ("/file download my n", ["/file download my notes.txt"]),
        ("/help hi", ["/help history"]),
        ("hi an", ["hi anna", "hi Anton"]),
        ("hi ", []),
        ("/stats x", []),
        ("u", []),
    ],
)
def test_tab_offers_what_fits(line: str, candidates: list[str]) -> None:
    assert Completer(CLIENT, NAMES).candidates(line) == candidates


def test_the_words_of_menus_and_of_the_server_are_offered_where_they_count() -> None:
    assert "u" in Completer(replace(CLIENT, menu=True), {}).candidates("u")
    assert Completer(SERVER, NAMES).candidates("/ban b") == ["/ban ben"]
    assert Completer(SERVER, {}).candidates("/pu") == []


def test_no_more_is_offered_than_can_be_shown() -> None:
    many = {Completes.NICK: lambda _: [f"n{number}" for number in range(MAX_OFFERED + 1)]}
    assert len(Completer(CLIENT, many).candidates("/msg n")) == MAX_OFFERED


def test_local_paths_are_completed_with_their_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in here").mkdir()
    (tmp_path / "in here" / "a file.txt").touch()
    (tmp_path / "info").touch()
    (tmp_path / ".hidden").touch()
    monkeypatch.chdir(tmp_path)
    assert local_paths("in") == ["in here/", "info"]
    assert local_paths("in here/a") == ["in here/a file.txt"]
    assert local_paths("") == ["in here/", "info"]
    assert local_paths(".h") == [".hidden"]
    assert local_paths(f"{tmp_path}/inf") == [f"{tmp_path}/info"]
    assert local_paths("no/such/folder/x") == []
    assert local_paths("a\0b/") == []
    assert Completer(CLIENT, {}).candidates("/put in here/a") == ["/put in here/a file.txt"]
    assert Completer(CLIENT, {}).candidates("/file upload inf") == ["/file upload info"]
    assert Completer(CLIENT, {}).candidates("/put info in") == ['/put info "in here/"', "/put info info"]
    assert Completer(CLIENT, {}).candidates("/send ben inf") == ["/send ben info"]

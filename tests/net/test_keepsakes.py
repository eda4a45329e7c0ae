"""What a client remembers by name, and what becomes of it when the disk does not play along."""

from __future__ import annotations

import json
from pathlib import Path

from udpchat.net.keepsakes import MAX_KEPT, Keepsakes


def test_what_is_kept_is_found_by_whoever_opens_the_file_next(tmp_path: Path) -> None:
    Keepsakes(tmp_path / "kept").keep("anna", "token")
    kept = Keepsakes(tmp_path / "kept")
    assert (kept.find("anna"), kept.find("ben")) == ("token", "")
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o600


def test_what_is_taken_is_kept_no_more(tmp_path: Path) -> None:
    kept = Keepsakes(tmp_path / "kept")
    kept.keep("anna", "token")
    assert (kept.take("anna"), kept.take("anna"), kept.take("ben")) == ("token", "", "")


def test_the_oldest_goes_when_there_are_too_many_and_what_is_kept_anew_is_young(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    path.write_text(json.dumps({str(number): "x" for number in range(MAX_KEPT - 1)}))
    kept = Keepsakes(path)
    kept.keep("0", "again")
    kept.keep("a", "y")
    assert len(json.loads(path.read_text())) == MAX_KEPT
    assert (kept.find("0"), kept.find("1"), kept.find("a")) == ("again", "x", "y")
    kept.keep("b", "z")
    assert len(json.loads(path.read_text())) == MAX_KEPT
    assert (kept.find("0"), kept.find("1"), kept.find("2")) == ("again", "", "x")


def test_a_file_that_cannot_be_read_is_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    for content in ("{", "[1, 2]", "\x00"):
        path.write_text(content)
        assert Keepsakes(path).find("anna") == ""
    Keepsakes(path).keep("anna", "token")
    assert Keepsakes(path).find("anna") == "token"


def test_a_place_that_cannot_be_written_costs_nothing_but_the_memory(tmp_path: Path) -> None:
    kept = Keepsakes(tmp_path / "missing" / "kept")
    kept.keep("anna", "token")
    assert kept.find("anna") == ""
    assert list(tmp_path.iterdir()) == []

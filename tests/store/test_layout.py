from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.test_names import EXAMPLES, check_safe
from udpchat.files.members import MemberInfo
from udpchat.store.layout import lay_out
from udpchat.store.names import name_key
from udpchat.wire.numbers import MemberFlag


def file(path: str) -> MemberInfo:
    return MemberInfo(path, 1)


def folder(path: str) -> MemberInfo:
    return MemberInfo(path, 0, flags=MemberFlag.DIRECTORY)


def test_safe_paths_stay_as_they_are() -> None:
    members = [folder("src"), folder("src/größe"), file("src/größe/日本語.txt"), file("src/a.py"), file("README")]
    assert lay_out(members) == tuple(member.path for member in members)


ODD = [(raw, safe) for raw, safe in EXAMPLES.items() if "/" not in raw and raw not in {"", ".", ".."}]


@pytest.mark.parametrize(("raw", "safe"), ODD)
def test_names_of_files_are_made_safe_inside_a_folder(raw: str, safe: str) -> None:
    assert lay_out([file(f"a/{raw}")]) == (f"a/{safe}",)


@pytest.mark.parametrize(("raw", "safe"), ODD)
def test_names_of_directories_are_made_safe(raw: str, safe: str) -> None:
    assert lay_out([folder(raw), file(f"{raw}/b"), file(f"{raw}/{raw}")]) == (safe, f"{safe}/b", f"{safe}/{safe}")


def test_what_looks_alike_or_was_made_alike_gets_a_number() -> None:
    raw = ["a.txt", "A.txt", "a.txt", "e\u0301", "\u00e9", "x:y", "x?y", "a (2).txt"]
    expected = ("a.txt", "A (2).txt", "a (3).txt", "\u00e9", "\u00e9 (2)", "x_y", "x_y (2)", "a (2) (2).txt")
    assert lay_out([file(name) for name in raw]) == expected


def test_directories_that_look_alike_stay_apart_and_keep_their_files() -> None:
    members = [folder("Doc"), file("Doc/a"), folder("doc"), file("doc/a"), file("doc/A")]
    assert lay_out(members) == ("Doc", "Doc/a", "doc (2)", "doc (2)/a", "doc (2)/A (2)")


def test_directory_that_is_listed_twice_is_one() -> None:
    assert lay_out([folder("d"), file("d/a"), folder("d"), file("d/b")]) == ("d", "d/a", "d", "d/b")


def test_file_that_is_also_a_directory_is_kept_apart() -> None:
    assert lay_out([file("x"), file("x/y"), folder("x")]) == ("x", "x (2)/y", "x (2)")


def test_thousand_files_of_one_name_are_a_thousand_files() -> None:
    laid = lay_out([file("same.txt")] * 1_000)
    assert laid[:2] == ("same.txt", "same (2).txt")
    assert laid[-1] == "same (1000).txt"
    assert len({name_key(path) for path in laid}) == 1_000


def test_hundred_thousand_files_of_one_name_take_no_quadratic_time() -> None:
    assert len(set(lay_out([file("a")] * 100_000))) == 100_000


def all_named(path: str) -> bool:
    return "" not in path.split("/")


COMPONENT = st.text(st.characters() | st.sampled_from('./\\:-~ ()Aa"\u202e'), min_size=1, max_size=8)
PATHS = st.lists(st.lists(COMPONENT, min_size=1, max_size=4).map("/".join).filter(all_named), max_size=12)


@settings(max_examples=300, deadline=None)
@given(PATHS, st.lists(st.booleans(), min_size=12, max_size=12))
def test_whatever_the_index_paths_stay_inside_and_differ(paths: list[str], kinds: list[bool]) -> None:
    members = [folder(path) if kind else file(path) for path, kind in zip(paths, kinds, strict=False)]
    laid = lay_out(members)
    files = [path for path, member in zip(laid, members, strict=True) if not member.is_directory]
    for path in laid:
        for name in path.split("/"):
            check_safe(name)
    keys = sorted(map(name_key, files))
    assert all(left != right for left, right in pairwise(keys))
    directories = {name_key(above) for path in laid for above in _above(path)}
    directories |= {name_key(path) for path, member in zip(laid, members, strict=True) if member.is_directory}
    assert directories.isdisjoint(keys)


def _above(path: str) -> list[str]:
    names = path.split("/")
    return ["/".join(names[:count]) for count in range(1, len(names))]

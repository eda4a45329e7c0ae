"""What a query finds among what is shared: the same as the patterns of the mesh mean, and never anything private."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store import shelf
from tests.store.actions import md5, server_store
from tests.store.sharing import Node, search
from udpchat.config import BLOCK_SIZE
from udpchat.files.blocks import NO_ROOT, block_root
from udpchat.peers.patterns import matcher, pattern_fault
from udpchat.peers.ports import SearchShared
from udpchat.store.database import open_database, open_reader
from udpchat.store.file_schema import FILE_SCHEMA
from udpchat.store.memory_sources import hashes_of
from udpchat.store.shared_book import HashedFile, SharedBook
from udpchat.store.shared_rows import SharedRow, place_of
from udpchat.store.shared_search import SharedSearch
from udpchat.wire.numbers import FileFlag, MemberFlag, QueryKind

TREE = {
    "Reports": None,
    "Reports/2024": None,
    "Reports/2024/Final Report.pdf": b"final",
    "Reports/2024/draft[1].txt": b"draft",
    "Reports/summary.pdf": b"summary",
    "Müller.txt": b"m",
    "summary.pdf": b"another",
}


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path)
    node.plant(TREE)
    node.scan()
    yield node
    node.store.close()


@pytest.mark.parametrize(
    ("kind", "pattern", "found"),
    [
        (QueryKind.EXACT, "SUMMARY.PDF", ["Reports/summary.pdf", "summary.pdf"]),
        (QueryKind.EXACT, "reports/summary.pdf", ["Reports/summary.pdf"]),
        (QueryKind.EXACT, "mu\u0308ller.TXT", ["Müller.txt"]),
        (QueryKind.EXACT, "2024", ["Reports/2024"]),
        (QueryKind.EXACT, "summary", []),
        (QueryKind.GLOB, "*.pdf", ["Reports/2024/Final Report.pdf", "Reports/summary.pdf", "summary.pdf"]),
        (QueryKind.GLOB, "reports/*.pdf", ["Reports/2024/Final Report.pdf", "Reports/summary.pdf"]),
        (QueryKind.GLOB, "r*", ["Reports"]),
        (QueryKind.GLOB, "m?ller.txt", ["Müller.txt"]),
        (QueryKind.GLOB, "*[1]*", ["Reports/2024/draft[1].txt"]),
        (QueryKind.GLOB, "*[a-z]*", []),
        (QueryKind.WORDS, "report", [path for path in TREE if "Report" in path]),
        (QueryKind.WORDS, "2024 DRAFT", ["Reports/2024/draft[1].txt"]),
        (QueryKind.WORDS, "müller nobody", []),
        (QueryKind.MD5, md5(b"final").hex().upper(), ["Reports/2024/Final Report.pdf"]),
        (QueryKind.MD5, "0" * 32, []),
        (QueryKind.ROOT, block_root(1, hashes_of(b"m", 0, 1)).hex(), ["Müller.txt"]),
        (QueryKind.ROOT, "0" * 64, []),
    ],
)  # fmt: skip
def test_files_are_found_by_name_path_words_and_content(
    node: Node, kind: QueryKind, pattern: str, found: list[str]
) -> None:
    assert node.search(kind, pattern) == sorted(found)


def test_what_is_found_says_where_it_lies_and_how_it_is_fetched(node: Node) -> None:
    (found,) = node.found(QueryKind.EXACT, "draft[1].txt")
    listed = node.listed()["Reports/2024/draft[1].txt"]
    assert (found.file_id, found.size, found.md5, found.root) == (listed.file_id, 5, listed.md5, listed.root)
    (folder,) = node.found(QueryKind.EXACT, "2024")
    assert (folder.flags, folder.members, folder.size) == (FileFlag.FOLDER, 2, 10)
    assert folder.root != NO_ROOT


def test_no_more_is_found_than_was_asked_for(node: Node) -> None:
    for limit in (0, 1, 2):
        assert len(search(node.store, QueryKind.GLOB, "*", limit)) == limit


def test_a_file_that_changed_is_found_as_it_is_after_the_next_look(node: Node) -> None:
    node.write("summary.pdf", b"changed")
    node.scan()
    assert node.search(QueryKind.MD5, md5(b"another").hex()) == []
    assert node.search(QueryKind.MD5, md5(b"changed").hex()) == ["summary.pdf"]


def test_of_what_was_uploaded_only_what_is_in_the_lobby_is_found(tmp_path: Path) -> None:
    store = server_store(tmp_path)
    data = bytes(BLOCK_SIZE + 1)
    public = shelf.put(store, data, name="Public report.txt", number=1)
    shelf.put(store, name="Secret report.txt", number=2, room="backroom")
    shelf.put(store, name="Private report.txt", number=3, to=shelf.BEN)
    shelf.begin(store, 5, name="Unfinished report.txt", number=4)
    for kind, pattern in [(QueryKind.WORDS, "report"), (QueryKind.GLOB, "*report*"), (QueryKind.MD5, public.md5.hex())]:
        (found,) = search(store, kind, pattern)
        assert (found.file_name, found.file_id, found.root) == ("Public report.txt", public.file_id, public.root)
    for name in ("Secret report.txt", "Private report.txt", "Unfinished report.txt"):
        assert search(store, QueryKind.EXACT, name) == ()
    assert search(store, QueryKind.ROOT, public.root.hex()) == search(store, QueryKind.EXACT, "public REPORT.txt")
    store.close()


def test_a_pattern_that_is_no_text_finds_nothing(node: Node) -> None:
    for pattern in ("summary.pdf\0", "*\0*", "\udce9", "*\ud800*"):
        for kind in (QueryKind.EXACT, QueryKind.GLOB, QueryKind.WORDS):
            assert search(node.store, kind, pattern) == ()


# -- every pattern -----------------------------------------------------------------------------------------------------

LETTERS = "aAbß[]*?.- ü\u0308"
names = st.lists(st.text(LETTERS, min_size=1, max_size=8), min_size=1, max_size=3).map("/".join)


class Shelf:
    """A database with these names in it, and nothing else."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "a.db"
        self.writer = open_database(self.path)
        self.reader = open_reader(self.path)
        self.search = SharedSearch(self.reader)
        self.book = SharedBook(self.writer, "atlas", lambda: 0, Counting())

    def fill(self, paths: list[str]) -> None:
        self.book.forget(self.book.places())
        row = SharedRow("", 0, 0, 0, MemberFlag(0), bytes(16), bytes(32))
        self.book.take(
            [HashedFile(SharedRow(place_of(path), 1, 0, 0, row.flags, row.md5, row.root), b"") for path in paths]
        )

    def find(self, kind: QueryKind, pattern: str, limit: int = 1_000, **budget: int) -> set[str]:
        return {file.file_name for file in self.search.find(SearchShared(1, kind, pattern, limit), **budget)}


class Counting:
    """Another id each time."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, size: int) -> bytes:
        self.count += 1
        return self.count.to_bytes(size, "big")


@pytest.fixture(scope="module")
def shelf_of_names(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    shelf_of_names = Shelf(tmp_path_factory.mktemp("names"))
    yield shelf_of_names
    shelf_of_names.reader.close()
    shelf_of_names.writer.close()


@settings(deadline=None, max_examples=150)
@given(
    found=st.sets(names, max_size=6),
    pattern=st.text(LETTERS + "/", min_size=1, max_size=8),
    kind=st.sampled_from(list(QueryKind)[:3]),
)
def test_storage_finds_what_the_patterns_of_the_mesh_mean(
    shelf_of_names: Shelf, found: set[str], pattern: str, kind: QueryKind
) -> None:
    if pattern_fault(kind, pattern) is not None:
        return
    shelf_of_names.fill(sorted(found))
    is_meant = matcher(kind, pattern)
    meant = {name for name in found if is_meant(SimpleNamespace(file_name=name, md5=b"", root=b""))}
    assert shelf_of_names.find(kind, pattern) == meant


def test_a_pattern_that_means_to_take_for_ever_does_not(shelf_of_names: Shelf) -> None:
    shelf_of_names.fill([f"{'a' * 240}{number}" for number in range(200)])
    assert shelf_of_names.find(QueryKind.GLOB, "*a" * 120 + "b") == set()
    assert shelf_of_names.find(QueryKind.GLOB, "*?a" * 80 + "*b") == set()


def test_when_the_time_is_over_what_was_found_so_far_is_told(shelf_of_names: Shelf) -> None:
    shelf_of_names.fill([f"{number:05}.txt" for number in range(2_000)])
    assert len(shelf_of_names.find(QueryKind.GLOB, "*.txt", 5_000, budget=10**9)) == 2_000
    assert len(shelf_of_names.find(QueryKind.GLOB, "*.txt", 5_000, budget=0)) < 2_000
    assert shelf_of_names.find(QueryKind.EXACT, "00077.txt") == {"00077.txt"}


# -- of an older database ----------------------------------------------------------------------------------------------


def test_files_of_a_database_from_before_searches_are_found(tmp_path: Path) -> None:
    store = server_store(tmp_path)
    entry = shelf.put(store, name="Old Report.txt")
    store.close()
    path = tmp_path / "udpchat.db"
    connection = sqlite3.connect(path, isolation_level=None)
    for index in ("place", "key", "md5", "content"):
        connection.execute(f"DROP INDEX files_by_{index}")
    for column in ("place", "find_key", "content"):
        connection.execute(f"ALTER TABLE files DROP COLUMN {column}")
    connection.execute("DROP TABLE shared")
    connection.execute("DROP TABLE share")
    connection.execute("PRAGMA user_version = 2")
    connection.close()
    assert len(FILE_SCHEMA) == 3
    store = server_store(tmp_path)
    (found,) = search(store, QueryKind.WORDS, "report")
    assert (found.file_id, found.root) == (entry.file_id, entry.root)
    assert search(store, QueryKind.ROOT, entry.root.hex()) == (found,)
    store.close()

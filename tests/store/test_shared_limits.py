"""What is not shared, whatever lies in the folder: nothing outside of it, nothing hidden, nothing unfit to be shown."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.sharing import Node
from udpchat.config import MAX_MEMBER_PATH, MIB
from udpchat.errors import StorageError
from udpchat.peers.ports import ScanShare
from udpchat.protocol.ports import perform
from udpchat.store.secrets import IDENTITY_KEY, MASTER_SECRET, read_or_create_secret

posix_only = pytest.mark.skipif(os.name != "posix", reason="needs POSIX files")


@pytest.fixture(params=[False, True], ids=["posix", "portable"])
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path, portable=request.param)
    node.plant({"good": None, "good/good.txt": b"good"})
    yield node
    node.store.close()


def left_out(node: Node) -> dict[str, int]:
    """What is not shared; the good file always is."""
    scanned = node.scan()
    assert set(node.listed()) == {"good", "good/good.txt"}
    assert node.content("good") == b"good"
    assert node.listed()["good"].members == 1
    return dict(scanned.left_out)


@posix_only
def test_links_are_left_out_wherever_they_lead(node: Node) -> None:
    outside = node.folder / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_bytes(b"secret")
    targets: list[str | Path] = [outside, outside / "secret.txt", node.root / "good", "good.txt", "/nowhere", "."]
    for number, target in enumerate(targets):
        (node.root / "good" / f"link {number}").symlink_to(target)
    assert left_out(node) == {"links": 6}


@posix_only
def test_pipes_and_sockets_are_left_out_and_nobody_waits_for_them(node: Node) -> None:
    os.mkfifo(node.root / "good" / "pipe.txt")
    assert left_out(node) == {"neither files nor folders": 1}


def test_hidden_files_and_downloads_that_still_arrive_are_left_out(node: Node) -> None:
    (node.root / ".git").mkdir()
    (node.root / ".git" / "config").write_bytes(b"c")
    (node.root / "good" / ".profile").write_bytes(b"p")
    (node.root / ".film.mp4.udpchat-part").write_bytes(b"f")
    assert left_out(node) == {"hidden": 3}


@pytest.mark.parametrize("name", [IDENTITY_KEY, MASTER_SECRET])
def test_a_folder_in_which_udpchat_keeps_a_secret_is_left_out(node: Node, name: str) -> None:
    home = node.root / "good" / "home"
    read_or_create_secret(home, name, os.urandom)
    (home / "friends.txt").write_bytes(b"f")
    assert left_out(node) == {"udpchat's own": 1}


def test_a_folder_that_is_itself_where_udpchat_keeps_a_secret_is_not_shared(node: Node) -> None:
    read_or_create_secret(node.root, IDENTITY_KEY, os.urandom)
    refused = perform(node.store, ScanShare(1))
    assert isinstance(refused, StorageError)
    assert "share another folder" in refused.text
    assert node.listed() == {}


@posix_only
@pytest.mark.parametrize(
    "name",
    [b"\xe9t\xe9.txt", b"two\nlines.txt", b"\x1b[2J.txt", "evil\u202etxt.exe".encode(), b"tab\t.txt", b"a\x01b"],
    ids=["no-unicode", "newline", "escape", "turned-round", "tab", "separator"],
)
def test_names_that_cannot_be_shown_are_left_out(node: Node, name: bytes) -> None:
    root = os.fsencode(node.root / "good")
    with open(os.path.join(root, name), "wb") as file:
        file.write(b"x")
    os.mkdir(os.path.join(root, b"d" + name))
    with open(os.path.join(root, b"d" + name, b"inside"), "wb") as file:
        file.write(b"y")
    assert left_out(node) == {"names that cannot be shown": 2}


@posix_only
def test_a_tree_that_is_deeper_than_a_path_may_be_long_is_left_out_below(node: Node) -> None:
    place, names = os.open(node.root, os.O_RDONLY), 0
    while names * 51 <= MAX_MEMBER_PATH + 200:
        os.mkdir("d" * 50, dir_fd=place)
        inner = os.open("d" * 50, os.O_RDONLY, dir_fd=place)
        os.close(place)
        place, names = inner, names + 1
    os.close(os.open("deep.txt", os.O_CREAT | os.O_WRONLY, dir_fd=place))
    os.close(place)
    assert left_out(node) == {"names that cannot be shown": 1}


def test_a_file_larger_than_any_that_is_sent_is_left_out(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("udpchat.store.shared_scan.MAX_FILE_SIZE", 1_000)
    node.write("huge.bin", bytes(1_001))
    assert left_out(node) == {"too large": 1}


def test_more_files_than_a_share_may_have_are_left_out(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("udpchat.store.shared_scan.MAX_SHARED", 4)
    for number in range(7):
        (node.root / f"{number}.txt").write_bytes(b"n")
    scanned = node.scan()
    assert len(node.listed()) in (3, 4)  # without a file in it a folder is not listed
    assert dict(scanned.left_out)["too many"] >= 1


def test_a_folder_with_more_in_it_than_can_be_sent_is_none_but_what_is_in_it_is_shared(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("udpchat.store.shared_book.MAX_FOLDER_MEMBERS", 2)
    node.write("much/1.txt", b"1")
    node.write("much/2.txt", b"2")
    node.write("much/in/3.txt", b"3")
    node.scan()
    assert set(node.listed()) == {"good", "good/good.txt", "much/1.txt", "much/2.txt", "much/in", "much/in/3.txt"}
    (node.root / "much" / "1.txt").unlink()
    (node.root / "much" / "2.txt").unlink()
    node.scan()
    assert "much" in node.listed()


@posix_only
@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_left_out(node: Node) -> None:
    for path in ("closed.txt", "closed/inside.txt"):
        node.write(path, b"x")
    (node.root / "closed.txt").chmod(0)
    (node.root / "closed").chmod(0)
    assert left_out(node) == {"not readable": 2}
    (node.root / "closed").chmod(0o700)


# -- after the look ----------------------------------------------------------------------------------------------------


@posix_only
def test_a_link_in_place_of_a_file_is_refused_though_it_leads_to_the_very_same(node: Node) -> None:
    node.scan()
    place, outside = node.root / "good" / "good.txt", node.folder / "outside.txt"
    place.rename(outside)
    place.symlink_to(outside)
    for path in ("good/good.txt", "good"):
        refused = node.opened(path)
        assert isinstance(refused, StorageError), refused
    assert "links" in dict(node.scan().left_out)
    assert node.listed() == {}


@posix_only
def test_a_link_in_place_of_a_directory_is_refused_though_it_leads_to_the_very_same(node: Node) -> None:
    node.write("good/in/deep.txt", b"deep")
    node.scan()
    outside = node.folder / "outside"
    (node.root / "good").rename(outside)
    (node.root / "good").symlink_to(outside)
    for path in ("good/good.txt", "good", "good/in", "good/in/deep.txt"):
        refused = node.opened(path)
        assert isinstance(refused, StorageError), refused
    refused = node.opened("good", 0)
    assert isinstance(refused, StorageError)


@posix_only
def test_a_link_that_takes_the_place_of_a_file_between_two_slices_is_not_read(node: Node) -> None:
    node.write("a.bin", bytes(20 * MIB))
    node.write("b.bin", b"inside")
    secret = node.folder / "secret"
    secret.write_bytes(b"inside")
    assert not node.scan(until=lambda so_far: so_far.left > 1).is_done
    (node.root / "b.bin").unlink()
    (node.root / "b.bin").symlink_to(secret)
    scanned = node.scan()
    assert dict(scanned.left_out) == {"not readable": 1}
    assert "b.bin" not in node.listed()

"""What is taken of a folder of the user, in which order, and what is left out."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.actions import create, refusal
from tests.store.grove import SMALL, local_store, open_local, plant, read_all, whole
from udpchat.config import MAX_MEMBER_PATH
from udpchat.errors import ErrorCode
from udpchat.files.local_ports import LocalFile, OpenLocal
from udpchat.store.local import LocalStore
from udpchat.store.secrets import IDENTITY_KEY, MASTER_SECRET, read_or_create_secret
from udpchat.wire.numbers import FileFlag, MemberFlag

posix_only = pytest.mark.skipif(os.name != "posix", reason="needs POSIX files")


@pytest.fixture(params=[False, True], ids=["posix", "portable"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalStore]:
    store = local_store(tmp_path / "client", portable=request.param)
    yield store
    store.close()


def paths(opened: LocalFile) -> list[str]:
    assert opened.index is not None
    return [member.path for member in opened.index]


def test_folder_is_its_members_in_order_directories_first(store: LocalStore, tmp_path: Path) -> None:
    opened = open_local(store, plant(tmp_path / "things", SMALL))
    assert opened.index is not None
    assert (opened.file_name, opened.flags, opened.size) == ("things", FileFlag.FOLDER, len(whole(SMALL)))
    assert paths(opened) == list(SMALL)
    for member in opened.index:
        data = SMALL[member.path]
        assert member.is_directory == (data is None)
        assert member.size == len(data or b"")
        assert member.modified == (tmp_path / "things" / member.path).stat().st_mtime_ns // 1_000
    assert opened.left_out == ()
    assert read_all(opened.source) == whole(SMALL)
    opened.source.close()


def test_empty_folder_is_a_folder(store: LocalStore, tmp_path: Path) -> None:
    opened = open_local(store, plant(tmp_path / "nothing", {}))
    assert (opened.flags, opened.size, paths(opened)) == (FileFlag.FOLDER, 0, [])
    opened.source.close()


@posix_only
def test_executable_files_are_told_apart(store: LocalStore, tmp_path: Path) -> None:
    root = plant(tmp_path / "things", {"run": b"#!", "text": b"t"})
    (root / "run").chmod(0o755)
    opened = open_local(store, root)
    assert opened.index is not None
    assert [bool(member.flags & MemberFlag.EXECUTABLE) for member in opened.index] == [True, False]
    opened.source.close()
    plain = open_local(store, root / "run")
    assert plain.flags == FileFlag.EXECUTABLE
    plain.source.close()


@posix_only
def test_links_to_files_inside_are_sent_as_those_files_and_others_are_left_out(
    store: LocalStore, tmp_path: Path
) -> None:
    plant(tmp_path / "secret", {"key": b"private"})
    root = plant(tmp_path / "things", {"d": None, "d/file": b"content"})
    (root / "1 inside").symlink_to("d/file")
    (root / "2 absolute").symlink_to(root / "d" / "file")
    (root / "3 out").symlink_to("../secret/key")
    (root / "4 folder").symlink_to("d")
    (root / "5 nowhere").symlink_to("missing")
    (root / "6 itself").symlink_to("6 itself")
    (root / "7 up").symlink_to("..")
    (root / "7 whole").symlink_to("../things")
    (root / "d" / "through").symlink_to("../../things/d/file")
    os.mkfifo(root / "8 pipe")
    opened = open_local(store, root)
    assert paths(opened) == ["1 inside", "2 absolute", "d", "d/file", "d/through"]
    assert opened.left_out == ("3 out", "4 folder", "5 nowhere", "6 itself", "7 up", "7 whole", "8 pipe")
    assert read_all(opened.source) == b"content" * 4
    opened.source.close()


@pytest.mark.parametrize("secret", [IDENTITY_KEY, MASTER_SECRET])
def test_folders_where_udpchat_keeps_a_secret_are_left_out(store: LocalStore, tmp_path: Path, secret: str) -> None:
    root = plant(tmp_path / "things", {"file": b"1", "share": None, "share/udpchat": None, "share/udpchat/deep": None})
    read_or_create_secret(root / "share" / "udpchat", secret, bytes)
    (root / "share" / "udpchat" / "deep" / "seen.json").write_bytes(b"{}")
    opened = open_local(store, root)
    assert paths(opened) == ["file", "share"]
    assert opened.left_out == ("share/udpchat",)
    opened.source.close()
    refused = refusal(store, OpenLocal(1, str(root / "share" / "udpchat")))
    assert "keeps a secret key" in refused.text


@posix_only
def test_links_into_a_folder_where_udpchat_keeps_a_secret_are_left_out(store: LocalStore, tmp_path: Path) -> None:
    root = plant(tmp_path / "things", {"home": None, "home/deep": None, "home/deep/seen.json": b"{}"})
    read_or_create_secret(root / "home", IDENTITY_KEY, bytes)
    (root / "key").symlink_to("home/identity.key")
    (root / "seen").symlink_to("home/deep/seen.json")
    opened = open_local(store, root)
    assert (paths(opened), opened.left_out) == ([], ("home", "key", "seen"))
    opened.source.close()


def test_other_files_named_like_a_secret_are_sent(store: LocalStore, tmp_path: Path) -> None:
    opened = open_local(store, plant(tmp_path / "things", {IDENTITY_KEY: b"of something else"}))
    assert paths(opened) == [IDENTITY_KEY]
    opened.source.close()


def test_downloads_that_are_still_arriving_are_left_out(store: LocalStore, tmp_path: Path) -> None:
    root = plant(tmp_path / "things", {"file": b"1"})
    create(store, 1_000, folder=str(root))
    opened = open_local(store, root)
    assert paths(opened) == ["file"]
    assert [name.startswith(".report.pdf.") for name in opened.left_out] == [True]
    opened.source.close()


@posix_only
def test_folder_may_itself_be_a_link(store: LocalStore, tmp_path: Path) -> None:
    plant(tmp_path / "real", SMALL)
    (tmp_path / "shortcut").symlink_to("real")
    opened = open_local(store, tmp_path / "shortcut")
    assert (opened.file_name, paths(opened)) == ("shortcut", list(SMALL))
    assert read_all(opened.source) == whole(SMALL)
    opened.source.close()


def test_folder_that_is_named_by_dots_has_its_own_name(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(plant(tmp_path / "things", {"d": None}))
    for path, name in ((".", "things"), ("d/..", "things"), ("..", tmp_path.name), ("d", "d")):
        opened = open_local(store, Path(path) if path != "d/.." else Path("d") / "..")
        assert opened.file_name == name
        opened.source.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux takes names of any bytes")
def test_names_that_are_no_text_are_sent_under_readable_ones_that_differ(store: LocalStore, tmp_path: Path) -> None:
    root = plant(tmp_path / "things", {"caf%E9": b"1"})
    above = os.fsencode(root)
    for name, data in ((b"caf\xe9", b"2"), (b"\xff\xfe", None)):
        if data is None:
            os.mkdir(above + b"/" + name)
            Path(os.fsdecode(above + b"/" + name + b"/in")).write_bytes(b"3")
        else:
            Path(os.fsdecode(above + b"/" + name)).write_bytes(data)
    opened = open_local(store, root)
    assert sorted(paths(opened)) == ["%FF%FE", "%FF%FE/in", "caf%E9", "caf%E9 (2)"]
    assert sorted(read_all(opened.source)) == sorted(b"123")
    opened.source.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux takes names of any bytes")
def test_file_whose_name_is_no_text_can_be_sent(store: LocalStore, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    path.write_bytes(b"1")
    opened = open_local(store, path)
    assert (opened.file_name, read_all(opened.source)) == ("caf%E9", b"1")
    opened.source.close()


def test_mark_changes_with_any_file_and_with_nothing_else(store: LocalStore, tmp_path: Path) -> None:
    root = plant(tmp_path / "things", SMALL)

    def mark(path: Path = root) -> bytes:
        opened = open_local(store, path)
        opened.source.close()
        return opened.mark

    first = mark()
    assert mark() == first
    os.utime(root / "a" / "one", ns=(5, 5))
    second = mark()
    (root / "a" / "one").write_bytes(b"12")
    os.utime(root / "a" / "one", ns=(5, 5))
    third = mark()
    (root / "new").touch()
    fourth = mark()
    assert len({first, second, third, fourth}) == 4
    plain = mark(root / "big.bin")
    os.utime(root / "big.bin", ns=(7, 7))
    assert mark(root / "big.bin") != plain


def test_path_that_is_too_long_is_refused(store: LocalStore, tmp_path: Path) -> None:
    here = tmp_path / "deep"
    for _ in range(MAX_MEMBER_PATH // 101 + 1):
        here = here / ("x" * 100)
    here.mkdir(parents=True)
    refused = refusal(store, OpenLocal(1, str(tmp_path / "deep")))
    assert (refused.code, "deep" in refused.text) == (ErrorCode.NAME_NOT_ALLOWED, True)


def test_deep_folder_is_sent(store: LocalStore, tmp_path: Path) -> None:
    depth = 150
    here = tmp_path / "deep"
    here.mkdir()
    path = "/".join("d" * depth)
    (here / path).mkdir(parents=True)
    (here / path / "f").write_bytes(b"bottom")
    opened = open_local(store, here)
    assert len(paths(opened)) == depth + 1
    assert read_all(opened.source) == b"bottom"
    opened.source.close()


def test_folder_of_too_many_files_is_refused(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = plant(tmp_path / "things", {f"{number}": b"" for number in range(4)})
    monkeypatch.setattr("udpchat.store.scan.MAX_FOLDER_MEMBERS", 4)
    open_local(store, root).source.close()
    (root / "one more").touch()
    refused = refusal(store, OpenLocal(1, str(root)))
    assert (refused.code, "at most 4" in refused.text) == (ErrorCode.TOO_LARGE, True)


def test_folder_of_too_many_files_is_refused_before_all_of_it_was_read(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("udpchat.store.scan.MAX_FOLDER_MEMBERS", 20)
    honest, reads = os.scandir, [0]

    def counted(path: str | int) -> object:
        reads[0] += 1
        return honest(path)

    monkeypatch.setattr(os, "scandir", counted)
    root = plant(tmp_path / "things", {"a/" * depth + name: data for depth in range(12) for name, data in LEVEL})
    assert refusal(store, OpenLocal(1, str(root))).code == ErrorCode.TOO_LARGE
    assert reads[0] == 6, "folders, of four entries each"


LEVEL = (("b", b""), ("c", b""), ("d", b""), ("a", None))

AS_NOBODY = """
import os, sys
from pathlib import Path
from tests.store.actions import create, refusal
from tests.store.grove import local_store
from udpchat.files.local_ports import OpenLocal
os.chdir(sys.argv[1])  # the way there may be closed to the other user
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
store = local_store(Path("client"))
print(refusal(store, OpenLocal(1, ".")).text)
"""


@posix_only
def test_files_that_cannot_be_read_are_named_in_one_refusal(tmp_path: Path) -> None:
    root = plant(tmp_path / "things", {f"secret {number}": b"s" for number in range(7)} | {"closed": None, "ok": b"o"})
    for number in range(7):
        (root / f"secret {number}").chmod(0o000)
    (root / "closed").chmod(0o000)
    command = [sys.executable, "-c", AS_NOBODY, str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    (root / "closed").chmod(0o700)
    assert (done.returncode, done.stderr) == (0, "")
    assert "'closed', 'secret 0', 'secret 1', 'secret 2', 'secret 3' and 3 more" in done.stdout
    assert "permissions" in done.stdout

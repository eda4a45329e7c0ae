import hashlib
import os
import sys
from pathlib import Path

import pytest

from udpchat.errors import StorageError
from udpchat.files.ports import FileEntry
from udpchat.ui.cli.exits import CommandError
from udpchat.ui.cli.opening import check_harmless, check_name, copy_here, open_path
from udpchat.wire.numbers import PLAIN_FILE, FileFlag

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="permissions and programs of POSIX")


@pytest.mark.parametrize(
    "name",
    [
        *("setup.exe", "SETUP.EXE", "a.desktop", "a.tar.sh", "holiday.jpg.scr", "x.lnk", "x.app", "x.jar", "x.py"),
        *("x.exe ", "x.exe.", "x.txt\u202e.bat", "x.js\x00", "x.search-ms", "x.library-ms", "x.theme", "x.accde"),
    ],
)
def test_a_name_that_systems_run_is_not_opened(name: str) -> None:
    with pytest.raises(CommandError, match="is a program, or a kind of file that your system runs"):
        check_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("plan.html", "LOGO.SVG", "feed.xml", "sheet.xlsm", "mail.eml", "page.htm ", "a.mht"),
        *("letter.doc", "a.dot", "a.XLS", "a.ppt", "a.mdb", "a.accdb", "a.pub"),
    ],
)
def test_what_can_act_by_itself_is_opened_only_by_who_is_sure(name: str) -> None:
    with pytest.raises(CommandError, match=f"can act by itself.* /open {name} yes"):
        check_name(name)
    check_name(name, is_sure=True)


def test_what_the_server_says_of_its_content_counts_too() -> None:
    with pytest.raises(CommandError, match="can act by itself"):
        check_name("notes", "text/html")
    check_name("notes", "text/plain")


@pytest.mark.parametrize(
    "content",
    [
        b"<!DOCTYPE html><p>",
        b"\xef\xbb\xbf \n<HTML>",
        "<svg onload='x()'>".encode("utf-16"),
        b"<!-- a comment --><script>x()</script>",
        b"<?xml version='1.0'?><svg/>",
        b"<h1>hello</h1><img src=x onerror=x()>",
        b"<title>x</title>",
        b"\x0b\x0c<address>",
        b"</p><script>x()</script>",
        b"<!--" + b" " * 5_000 + b"--><script>x()</script>",
    ],
)
def test_a_page_under_a_harmless_name_is_opened_only_by_who_is_sure(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(CommandError, match=r"can act by itself.* /open notes\.txt yes"):
        check_harmless(str(path))
    check_harmless(str(path), is_sure=True)


def test_a_program_is_not_opened_by_who_is_sure_either(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_bytes(b"#!/bin/sh\n")
    with pytest.raises(CommandError, match="is a program"):
        check_harmless(str(path), is_sure=True)
    with pytest.raises(CommandError, match="is a program"):
        check_name("a.sh", is_sure=True)


def test_text_that_only_speaks_of_pages_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(b"write <html> at the top")
    check_harmless(str(path))
    path = tmp_path / "notes"
    path.write_bytes(b"< 3 and <b> are short")
    check_harmless(str(path))


@pytest.mark.parametrize(
    "content", [b"hello <html><script>x()", b"x" * 2_000 + b"<H1>", b"see <a  href=x>", b"a <!doctype html>"]
)
@pytest.mark.parametrize("name", ["notes", "notes.unheard-of"])
def test_without_a_name_that_says_the_kind_a_tag_further_on_makes_a_page(
    tmp_path: Path, name: str, content: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(CommandError, match="can act by itself"):
        check_harmless(str(path))


@pytest.mark.parametrize("name", ["plan.pdf", "photo.JPG", "notes", "exe", "song.mp3", "archive.tar.gz", "会议.docx"])
def test_other_names_are_opened(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    "content", [b"\x7fELF\x02\x01", b"MZ\x90\x00", b"#!/bin/sh\n", b"\xcf\xfa\xed\xfe", b"[Desktop Entry]\n"]
)
def test_a_program_under_a_harmless_name_is_not_opened(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(CommandError, match="is a program"):
        check_harmless(str(path))


def test_what_may_be_executed_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_text("hello")
    check_harmless(str(path))
    path.chmod(0o755)
    with pytest.raises(CommandError, match="is a program"):
        check_harmless(str(path))
    check_harmless(str(tmp_path))  # folders are looked into, not run


def test_what_is_gone_is_an_error_of_this_disk(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot read"):
        check_harmless(str(tmp_path / "missing"))


def entry(name: str, content: bytes, flags: FileFlag = PLAIN_FILE) -> FileEntry:
    digest = hashlib.md5(content, usedforsecurity=False).digest()
    return FileEntry(bytes(16), name, len(content), digest, 0, b"", "anna", flags=flags)


def test_a_copy_is_known_by_its_content_not_by_its_name(tmp_path: Path) -> None:
    file = entry("plan.pdf", b"right")
    assert copy_here(file, "", tmp_path) == ""
    (tmp_path / "plan.pdf").write_bytes(b"wrong")
    assert copy_here(file, "", tmp_path) == ""
    (tmp_path / "plan (2).pdf").write_bytes(b"right")
    assert copy_here(file, str(tmp_path / "plan (2).pdf"), tmp_path) == str(tmp_path / "plan (2).pdf")
    (tmp_path / "plan.pdf").write_bytes(b"right")
    assert copy_here(file, "", tmp_path) == str(tmp_path / "plan.pdf")


def test_a_folder_is_only_taken_for_a_copy_when_this_session_has_fetched_it(tmp_path: Path) -> None:
    folder = entry("photos", b"", FileFlag.FOLDER)
    (tmp_path / "photos").mkdir()
    assert copy_here(folder, "", tmp_path) == ""
    (tmp_path / "photos (2)").mkdir()
    assert copy_here(folder, str(tmp_path / "photos (2)"), tmp_path) == str(tmp_path / "photos (2)")


@pytest.mark.skipif(sys.platform == "darwin", reason="xdg-open of Linux")
def test_a_file_is_handed_to_the_systems_program_as_one_argument(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opener = tmp_path / "xdg-open"
    opener.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{tmp_path}/opened"\n')
    opener.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    open_path(str(tmp_path / "-rf $(id) plan.pdf"))
    assert (tmp_path / "opened").read_text() == f"{tmp_path}/-rf $(id) plan.pdf\n"
    opener.write_text("#!/bin/sh\nexit 3\n")
    with pytest.raises(StorageError, match=r"has no program for .* \(it ended with 3\)"):
        open_path(str(tmp_path / "plan.pdf"))
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    with pytest.raises(StorageError, match="has no xdg-open to open files with; the file is"):
        open_path(str(tmp_path / "plan.pdf"))

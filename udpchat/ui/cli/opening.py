"""Looking at a file with the program that this system has for its kind; never running it."""

from __future__ import annotations

import hashlib
import mimetypes
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Final

from udpchat.errors import StorageError
from udpchat.files.ports import FileEntry
from udpchat.store.names import export_name
from udpchat.store.trouble import storage_error
from udpchat.ui.cli.exits import CommandError, ExitCode

PATIENCE: Final = 3.0  # seconds in which a program that cannot open a file says so
HEAD: Final = 4_096  # bytes that give a program, or a page, away: systems look no further, either
SURE: Final = "yes"  # the word behind a name that opens what can act by itself

# Kinds that systems run, install or obey when they are "opened".
_RUN_SUFFIXES: Final = frozenset(
    suffix
    for line in (
        "accde action ade adp apk app appimage application appref-ms bash bat chm class cmd com command cpl csh deb",
        "deskthemepack desktop diagcab dll dmg exe fish gadget hlp hta inf ins iso isp jar jnlp js jse kext ksh",
        "library-ms lnk mde mobileconfig msc msh msi msix msixbundle msp mst osax out pif pkg pl plugin prf prg ps1",
        "psd1 psm1 py pyc pyw pyz rb reg rgs rpm run scf scpt scptd scr sct search-ms searchconnector-ms service",
        "settingcontent-ms sh shb shs so sys terminal theme themepack tool url vb vbe vbs vhd vhdx webloc workflow",
        "ws wsc wsf wsh xbap xll xpi zsh",
    )
    for suffix in line.split()
)
_RUN_HEADS: Final = (
    b"\x7fELF",
    b"MZ",
    b"#!",
    b"\xfe\xed\xfa",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
    b"L\x00\x00\x00\x01\x14\x02",  # a Windows shortcut
    b"[Desktop",
)
# Kinds whose programs do what the file says: run its scripts and macros, load from the network, ask for passwords.
_ACTIVE_SUFFIXES: Final = frozenset(
    suffix
    for line in (
        "asp aspx atom eml htm html mht mhtml php rss shtm shtml svg svgz swf xht xhtm xhtml xml xsl xslt",
        "accda accdb accdr accdt doc docm dot dotm iqy mda mdb odb one pot potm ppa ppam pps ppsm ppt pptm pub",
        "slk sldm torrent vsd vss vst xla xlam xlm xls xlsb xlsm xlt xltm xlw",
    )
    for suffix in line.split()
)
_ACTIVE_TYPES: Final = frozenset(
    ("application/xhtml+xml", "application/x-shockwave-flash", "image/svg+xml", "text/html", "text/xml")
)
_MARKUP: Final = re.compile(rb"<[a-z!?/]", re.IGNORECASE)
_TAGS: Final = re.compile(
    rb"<(!doctype|\?xml|(html|head|title|body|script|style|svg|table|h1|a\s+href)\b)", re.IGNORECASE
)


def program_text(name: str) -> str:
    """Why a file is not opened."""
    return (
        f"{name} is a program, or a kind of file that your system runs: it is not opened from here. If you trust "
        "whoever sent it, fetch it with /get and start it yourself"
    )


def active_text(name: str) -> str:
    """Why a file is not opened without a word more."""
    return (
        f"{name} is a page, a drawing or a document that can act by itself: run scripts or macros, load from the "
        f"network, ask you for passwords. If you trust whoever sent it: /open {name} {SURE}"
    )


def check_name(name: str, media: str = "", *, is_sure: bool = False) -> None:
    """CommandError when a name is one of a file that systems run, or one that can act by itself.

    media: type by content, as the server says. is_sure: the user opens also what can act.
    """
    stem, dot, suffix = export_name(name).rpartition(".")
    kind = suffix.lower() if stem and dot else ""
    if kind in _RUN_SUFFIXES:
        raise CommandError(ExitCode.LOCAL_FILE, program_text(name))
    if (kind in _ACTIVE_SUFFIXES or media in _ACTIVE_TYPES) and not is_sure:
        raise CommandError(ExitCode.LOCAL_FILE, active_text(name))


def check_harmless(path: str, *, is_sure: bool = False) -> None:
    """The same of a file on this disk, by its name, its permission and its content. StorageError."""
    name = os.path.basename(path)
    check_name(name, is_sure=is_sure)
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            return
        with open(path, "rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise storage_error(error, f"read {path}") from error
    if (mode & 0o111 and sys.platform != "win32") or head.startswith(_RUN_HEADS):
        raise CommandError(ExitCode.LOCAL_FILE, program_text(name))
    if not is_sure and _is_active(name, head):
        raise CommandError(ExitCode.LOCAL_FILE, active_text(name))


def _is_active(name: str, head: bytes) -> bool:
    """Whether content begins as a page does, also in UTF-16.

    A system that does not know the kind by its name takes for a page also what has a tag of one further on.
    """
    text = head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\v\f")
    is_known = mimetypes.guess_type(name, strict=False)[0] is not None
    return _MARKUP.match(text) is not None or (not is_known and _TAGS.search(text) is not None)


def copy_here(entry: FileEntry, kept: str, folder: Path) -> str:
    """The path of a file of ours with the content of one of the server, empty when there is none.

    kept: where this session has put it. folder: for downloads; there a file of that name is read, and its MD5 compared.
    """
    for path in (Path(kept) if kept else None, folder / export_name(entry.file_name)):
        try:
            if path is None or (entry.is_folder and path == folder / export_name(entry.file_name)):
                continue
            if (path.is_dir() and entry.is_folder) or (path.is_file() and _is_same(path, entry)):
                return str(path.resolve())
        except OSError:  # it cannot be read: it is fetched
            continue
    return ""


def open_path(path: str) -> None:
    """Hand a file or folder to the system's program for it. StorageError when there is none."""
    if sys.platform == "win32":
        try:
            os.startfile(path)
        except OSError as error:
            raise storage_error(error, f"open {path}") from error
        return
    opener = "open" if sys.platform == "darwin" else "xdg-open"
    try:
        process = subprocess.Popen(
            [opener, path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        text = f"this system has no {opener} to open files with; the file is {path}"
        raise StorageError(text) from error
    try:
        code = process.wait(PATIENCE)
    except subprocess.TimeoutExpired:  # it shows the file
        return
    if code:
        raise StorageError(f"{opener} has no program for {path} (it ended with {code})")


def _is_same(path: Path, entry: FileEntry) -> bool:
    if path.stat().st_size != entry.size:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).digest() == entry.md5

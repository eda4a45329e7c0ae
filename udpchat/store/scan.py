"""What is in a folder of the user: its index, and where on the disk the members lie.

Depth first, each directory before what is in it, names sorted. A symbolic link to a file inside the folder is sent as
that file. Links that lead out, to directories or nowhere, things that are no files, downloads that are still arriving,
and folders where udpchat keeps a secret are left out and named.
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from udpchat.config import MAX_FILE_SIZE, MAX_FOLDER_MEMBERS, MAX_INDEX_PATHS, MAX_MEMBER_PATH
from udpchat.errors import ErrorCode, StorageError
from udpchat.files.members import Index, MemberInfo
from udpchat.store.names import UNFINISHED, display_name, numbered, readable_name
from udpchat.store.secrets import IDENTITY_KEY, MASTER_SECRET, SECRET_SIZE
from udpchat.store.trees import Tree, is_directory, is_link
from udpchat.wire.numbers import PLAIN_MEMBER, MemberFlag

NAMED: Final = 5  # of the files that cannot be read, in one message
_STAMP: Final = struct.Struct(">QQ")
_EXECUTABLE: Final = 0o111


@dataclass(frozen=True, slots=True)
class Scan:
    """A folder as it was when it was looked at.

    stamps: time of the last change of each member [ns since 1970]. elsewhere: path on the disk, by number, of members
    whose path there is not the one they are sent under: links, and names that are no Unicode. mark: see `LocalFile`.
    """

    index: Index
    stamps: array[int]
    elsewhere: dict[int, str]
    left_out: tuple[str, ...]
    mark: bytes

    def local_path(self, number: int) -> str:
        """Where a member lies, below the folder."""
        return self.elsewhere.get(number) or self.index[number].path


def scan(tree: Tree, name: str) -> Scan:
    """Look at everything in a folder. name: of the folder, for messages. StorageError when it cannot be sent."""
    return _Scanner(tree, name).run()


def mark_of(size: int, modified: int) -> bytes:
    """The `mark` of a single file. modified: [ns since 1970]."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(_STAMP.pack(size, modified & 0xFFFF_FFFF_FFFF_FFFF))
    return digest.digest()


def microseconds(status: os.stat_result) -> int:
    """When a file was changed last, wall clock since 1970 [us]; 0 for earlier."""
    return max(status.st_mtime_ns // 1_000, 0)


def is_executable(status: os.stat_result) -> bool:
    """Whether somebody may run it; never on Windows, which goes by the name."""
    return os.name == "posix" and bool(status.st_mode & _EXECUTABLE)


def has_secret(tree: Tree, local: str) -> bool:
    """Whether a directory is the home of a client of udpchat, or the data folder of a server: nobody means those.

    Whoever has such a secret is that person, or that server.
    """
    prefix = f"{local}/" if local else ""
    try:
        found = [tree.status(prefix + name) for name in (IDENTITY_KEY, MASTER_SECRET)]
    except PermissionError:  # told of when it is read
        return False
    return any(each is not None and stat.S_ISREG(each.st_mode) and each.st_size == SECRET_SIZE for each in found)


class _Scanner:
    """One look at a folder. It keeps a list of what waits instead of calling itself: folders may be deep."""

    def __init__(self, tree: Tree, name: str) -> None:
        self._tree = tree
        self._name = name
        self._members: list[MemberInfo] = []
        self._stamps = array("q")
        self._elsewhere: dict[int, str] = {}
        self._left_out: list[str] = []
        self._unreadable: list[str] = []
        self._size = 0
        self._path_bytes = 0
        self._mark = hashlib.blake2b(digest_size=16)
        self._real_root: Path | None = None

    def run(self) -> Scan:
        if has_secret(self._tree, ""):
            text = f"{self._name} is where udpchat keeps a secret key; send the files in it that you mean one by one"
            raise StorageError(text)
        waiting = self._read("", "")
        self._check_count(len(waiting))
        while waiting:
            local, shown, status = waiting.pop()
            if local.endswith(UNFINISHED):  # a download of ours, which changes all the time
                self._leave_out(shown)
            elif is_link(status):
                self._link(local, shown)
            elif is_directory(status) and has_secret(self._tree, local):
                self._leave_out(shown)
            elif is_directory(status):
                self._add(MemberInfo(shown, 0, microseconds(status), MemberFlag.DIRECTORY), local, status)
                waiting.extend(self._read(local, shown))
                self._check_count(len(waiting))
            elif stat.S_ISREG(status.st_mode):
                self._file(local, shown, status)
            else:
                self._leave_out(shown)
        if self._unreadable:
            raise self._refusal()
        return Scan(Index(self._members), self._stamps, self._elsewhere, tuple(self._left_out), self._mark.digest())

    def _read(self, local: str, shown: str) -> list[tuple[str, str, os.stat_result]]:
        """What is in a directory, the last one first: the list of what waits is taken from its end."""
        try:
            entries = self._tree.entries(local, MAX_FOLDER_MEMBERS)
        except PermissionError:
            self._unreadable.append(shown or self._name)
            return []
        except FileNotFoundError:  # removed just now
            return []
        prefix, shown_prefix = f"{local}/" if local else "", f"{shown}/" if shown else ""
        names = _readable(name for name, _ in entries)
        found = zip(entries, names, strict=True)
        return [(prefix + name, shown_prefix + readable, status) for (name, status), readable in found][::-1]

    def _file(self, local: str, shown: str, status: os.stat_result) -> None:
        if not self._tree.is_readable(local):
            self._unreadable.append(shown)
            return
        flags = MemberFlag.EXECUTABLE if is_executable(status) else PLAIN_MEMBER
        self._add(MemberInfo(shown, status.st_size, microseconds(status), flags), local, status)
        self._size += status.st_size
        if self._size > MAX_FILE_SIZE:
            raise StorageError(f"{self._name} is too large to be sent", ErrorCode.TOO_LARGE)

    def _link(self, local: str, shown: str) -> None:
        target = self._target(local)
        status = None if target is None else self._tree.status(target)
        if target is None or status is None or not stat.S_ISREG(status.st_mode) or self._is_below_secret(target):
            self._leave_out(shown)
        else:
            self._file(target, shown, status)

    def _target(self, local: str) -> str | None:
        """Where a link leads, below the folder; None when that is elsewhere or nowhere."""
        if self._real_root is None:
            self._real_root = Path(os.path.realpath(self._tree.root))
        try:
            place = Path(os.path.realpath(self._tree.root.joinpath(*local.split("/")), strict=True))
            below = place.relative_to(self._real_root)
        except (OSError, ValueError):
            return None
        return below.as_posix() if below.parts else None  # the folder itself

    def _is_below_secret(self, path: str) -> bool:
        """Whether a path leads through a folder that is left out."""
        return any(has_secret(self._tree, above.as_posix()) for above in PurePosixPath(path).parents if above.parts)

    def _add(self, member: MemberInfo, local: str, status: os.stat_result) -> None:
        path = member.path.encode()
        self._path_bytes += len(path)
        if len(path) > MAX_MEMBER_PATH:
            text = f"{self._name} is too deep: a path in it has more than {MAX_MEMBER_PATH} bytes; send its parts alone"
            raise StorageError(text, ErrorCode.NAME_NOT_ALLOWED)
        if local != member.path:
            self._elsewhere[len(self._members)] = local
        self._members.append(member)
        self._stamps.append(status.st_mtime_ns)
        self._mark.update(path + b"\0")
        if not member.is_directory:  # the time of a directory changes when somebody only looks at it with an editor
            self._mark.update(_STAMP.pack(member.size, status.st_mtime_ns & 0xFFFF_FFFF_FFFF_FFFF))
        self._check_count()

    def _leave_out(self, shown: str) -> None:
        self._left_out.append(shown)
        self._check_count()

    def _check_count(self, waiting: int = 0) -> None:
        """waiting: how many are known of and not looked at yet: what a folder costs us is bounded, too."""
        count = len(self._members) + len(self._left_out) + len(self._unreadable) + waiting
        if count > MAX_FOLDER_MEMBERS or self._path_bytes > MAX_INDEX_PATHS:
            text = f"{self._name} has too many files and folders (at most {MAX_FOLDER_MEMBERS}); send its parts alone"
            raise StorageError(text, ErrorCode.TOO_LARGE)

    def _refusal(self) -> StorageError:
        named = ", ".join(repr(display_name(path)) for path in self._unreadable[:NAMED])
        more = len(self._unreadable) - NAMED
        rest = f" and {more} more" if more > 0 else ""
        text = f"{self._name} has files that you may not read: {named}{rest}; change their permissions or move them out"
        return StorageError(text)


def _readable(names: Iterable[str]) -> list[str]:
    """Names of one directory as text, no two the same."""
    exact = list(names)
    taken = set(exact)
    shown = []
    for name in exact:
        readable = candidate = readable_name(name)
        number = 2
        while candidate != name and candidate in taken:
            candidate = numbered(readable, number)
            number += 1
        taken.add(candidate)
        shown.append(candidate)
    return shown

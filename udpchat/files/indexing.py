"""The index of a folder as it comes in, at either end: every member checked, then handed to storage in groups."""

from __future__ import annotations

from collections.abc import Callable

from udpchat.config import MAX_INDEX_PATHS, MAX_MEMBER_PATH, MEMBERS_AT_ONCE
from udpchat.errors import ErrorCode, StorageError
from udpchat.files.members import MemberInfo
from udpchat.files.ports import AddMembers
from udpchat.protocol.service import Desk
from udpchat.wire.numbers import MemberFlag
from udpchat.wire.records import Member

KNOWN_FLAGS = MemberFlag.DIRECTORY | MemberFlag.EXECUTABLE
SHOWN = 80  # characters of a path in words
_NOWHERE = frozenset({"", ".", ".."})


class IndexRules:
    """What an index has to keep to. count, size: of the folder, as it was announced."""

    def __init__(self, count: int, size: int) -> None:
        self._left = count
        self._size = size
        self._bytes = 0  # of the members so far
        self._paths: set[str] = set()
        self._folders: set[str] = set()
        self._path_bytes = 0

    def fault(self, member: MemberInfo) -> StorageError | None:
        """Why the next member cannot be, None when it can."""
        self._left -= 1
        self._bytes += member.size
        self._path_bytes += len(member.path.encode(errors="replace"))
        if (text := path_fault(member.path) or self._place_fault(member.path)) is not None:
            return StorageError(f"the folder has a member that cannot be: {text}", ErrorCode.NAME_NOT_ALLOWED)
        if self._path_bytes > MAX_INDEX_PATHS:
            text = f"the names in a folder have at most {MAX_INDEX_PATHS} bytes together; send its parts one by one"
            return StorageError(text, ErrorCode.TOO_LARGE)
        if member.is_directory and member.size:
            text = f"the folder inside it called {_shown(member.path)} has bytes of its own"
            return StorageError(text, ErrorCode.NAME_NOT_ALLOWED)
        if self._bytes > self._size:
            return StorageError("the files of the folder are larger than was announced", ErrorCode.TOO_LARGE)
        if self._left == 0 and self._bytes < self._size:
            return StorageError("the files of the folder are smaller than was announced", ErrorCode.INCOMPLETE)
        self._paths.add(member.path)
        if member.is_directory:
            self._folders.add(member.path)
        return None

    def _place_fault(self, path: str) -> str | None:
        parent, _, _ = path.rpartition("/")
        if path in self._paths:
            return f"{_shown(path)} is there twice"
        if parent and parent not in self._folders:
            return f"{_shown(path)} comes without its folder"
        return None


class Indexing:
    """Takes MEMBER records of one part. then: called once, when storage has all of them, or with what is wrong.

    A transfer that ends meanwhile is the caller's to notice: `then` is called all the same.
    """

    def __init__(
        self, desk: Desk, part_id: bytes, count: int, size: int, then: Callable[[StorageError | None], None]
    ) -> None:
        self._desk = desk
        self._part_id = part_id
        self._count = count
        self._then = then
        self._rules: IndexRules | None = IndexRules(count, size)  # None once no more is taken
        self._next = 0  # number of the member that comes next
        self._group: list[MemberInfo] = []  # not handed to storage yet
        self._asked = 0  # groups that storage has not answered
        if not count:
            self._hand_over()

    def on_member(self, record: Member) -> bool:
        """Take the next member; False for one that is known already, what follows the last, and what cannot be."""
        if self._rules is None or record.number < self._next or self._next == self._count:
            return False
        if record.number > self._next:
            text = f"member {self._next} of the folder is missing before member {record.number}"
            self._fail(StorageError(text, ErrorCode.INCOMPLETE))
            return False
        flags = MemberFlag(record.flags) & KNOWN_FLAGS
        member = MemberInfo(record.path, record.size, record.modified, flags, record.md5)
        if (fault := self._rules.fault(member)) is not None:
            self._fail(fault)
            return False
        self._next += 1
        self._group.append(member)
        if self._next == self._count or len(self._group) == MEMBERS_AT_ONCE:
            self._hand_over()
        return True

    def _hand_over(self) -> None:
        group, self._group = tuple(self._group), []
        self._asked += 1
        self._desk.ask(AddMembers(0, self._part_id, self._next - len(group), group), self._on_added)

    def _on_added(self, result: StorageError | None, now: int) -> None:  # noqa: ARG002 - an Answer
        self._asked -= 1
        if self._rules is None:
            return
        if isinstance(result, StorageError):
            self._fail(result)
        elif not self._asked and self._next == self._count:
            self._rules = None
            self._then(None)

    def _fail(self, error: StorageError) -> None:
        self._rules = None
        self._group.clear()
        self._then(error)


def path_fault(path: str) -> str | None:
    """Why this is no path of a member, whatever else is in the folder; None when it is one.

    A path is judged as text, for every system alike; what a disk can call it is for whoever has the disk.
    """
    if "\0" in path or not _NOWHERE.isdisjoint(path.split("/")):
        return f"{_shown(path)} is no path inside a folder"
    try:
        length = len(path.encode())
    except UnicodeEncodeError:
        return f"{_shown(path)} is no text"
    if length > MAX_MEMBER_PATH:
        return f"a path inside a folder has at most {MAX_MEMBER_PATH} bytes, and {_shown(path)} has more"
    return None


def _shown(path: str) -> str:
    """A path in words; it may be anything."""
    text = repr(path)
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"

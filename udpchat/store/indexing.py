"""Which indexes of folders are taken: paths that lead nowhere else, no two the same, sizes that add up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from udpchat.errors import ErrorCode, StorageError
from udpchat.files.indexing import path_fault
from udpchat.files.members import Index, MemberInfo
from udpchat.store.part_journal import PartJournal
from udpchat.store.part_rows import PartInfo


def take_members(journal: PartJournal, info: PartInfo, first: int, members: Sequence[MemberInfo]) -> Index | None:
    """Write down what is new of these members, from number `first` on; the index when all are known.

    StorageError when there can be no such folder; then none of its members is known any more.
    """
    known = journal.member_count(info.part_id)
    check_members(info, known, first, members)
    if first < known:
        check_repeated(info, members, journal.members(info.part_id, first, len(members)))
    journal.add_members(info.part_id, known, members[max(known - first, 0) :])
    index = journal.index(info.part_id, info.members)
    if index is not None:
        try:
            check_index(info, index)
        except StorageError:
            journal.forget_members(info.part_id)
            raise
    return index


def check_members(info: PartInfo, known: int, first: int, members: Sequence[MemberInfo]) -> None:
    """StorageError when these cannot be members of a folder of which `known` are known."""
    if not info.is_folder:
        raise StorageError(f"{info.file_name!r} is a file: there is nothing in it", ErrorCode.NAME_NOT_ALLOWED)
    if first > known:
        text = f"number {known} of what is in {info.file_name!r} is missing; send the folder again"
        raise StorageError(text, ErrorCode.INCOMPLETE)
    if first + len(members) > info.members:
        raise StorageError(f"there is more in {info.file_name!r} than was said; send it again", ErrorCode.TOO_LARGE)
    for member in members:
        fault = path_fault(member.path)
        if fault is not None:
            raise StorageError(f"{info.file_name!r} has a member that cannot be: {fault}", ErrorCode.NAME_NOT_ALLOWED)
        if member.size < 0 or (member.is_directory and member.size):
            raise StorageError(f"{member.path!r} cannot have {member.size} bytes", ErrorCode.NAME_NOT_ALLOWED)


def check_repeated(info: PartInfo, members: Sequence[MemberInfo], known: Iterable[MemberInfo]) -> None:
    """StorageError when members that are known already, in the same order, are said to be others now."""
    for ours, theirs in zip(known, members, strict=False):  # of those that are known only
        if (ours.path, ours.size) != (theirs.path, theirs.size):
            text = f"{info.file_name!r} is not the folder that this transfer began with; start anew"
            raise StorageError(text, ErrorCode.SOURCE_CHANGED)


def check_index(info: PartInfo, index: Index) -> None:
    """StorageError when the members together are no folder."""
    if index.size > info.size:
        raise StorageError(f"there is more in {info.file_name!r} than was said; send it again", ErrorCode.TOO_LARGE)
    if index.size < info.size:
        raise StorageError(f"there is less in {info.file_name!r} than was said; send it again", ErrorCode.INCOMPLETE)
    paths = {member.path for member in index}
    if len(paths) < len(index):
        raise StorageError(f"two files in {info.file_name!r} have the same name", ErrorCode.NAME_NOT_ALLOWED)
    files = {member.path for member in index if not member.is_directory}
    above: set[str] = set()  # what was looked at with all above it: of deep folders, else once for each file in them
    for path in paths:
        end = path.rfind("/")
        while end > 0 and path[:end] not in above:
            if path[:end] in files:
                text = f"{path[:end]!r} in {info.file_name!r} is a file, and has files in it"
                raise StorageError(text, ErrorCode.NAME_NOT_ALLOWED)
            above.add(path[:end])
            end = path.rfind("/", 0, end)

"""What a node shares, open for sending where it lies: read only, and only what is still as it was when it was read."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from pathlib import Path

from udpchat.errors import ErrorCode, StorageError
from udpchat.files.members import WHOLE, Index, MemberInfo
from udpchat.files.ports import FileEntry
from udpchat.files.stored_ports import Stored
from udpchat.store.fileio import file_io
from udpchat.store.scan import Scan
from udpchat.store.shared_rows import SharedRow, SharedRows, path_of, place_of
from udpchat.store.stored_rules import no_member
from udpchat.store.tree_source import TreeSource
from udpchat.store.trees import Tree
from udpchat.store.trouble import storage_error


def open_shared(rows: SharedRows, folder: Path, entry: FileEntry, number: int, *, portable: bool | None) -> Stored:
    """A shared file, folder or member of one, for sending. StorageError says why it cannot be had.

    folder: the shared one. number: see `OpenStored`.
    """
    place = place_of(entry.path)
    if number != WHOLE:
        return _open_member(rows, folder, entry, place, number, portable=portable)
    if entry.is_folder:
        below = list(rows.below(place))
        members = [row.member(len(place) + 1) for row in below]
        return Stored(entry, _open(folder, entry.path, entry.file_name, below, members, portable=portable))
    row = rows.row(place)
    if row is None:
        raise has_changed(entry.file_name)
    source = _open_file(folder, row, MemberInfo(entry.file_name, row.size), portable=portable)
    return Stored(entry, source)


def has_changed(name: str) -> StorageError:
    """A file is not what it was when it was read for sharing."""
    text = f"{name!r} has changed since it was read for sharing; it is being read again, try it in a minute"
    return StorageError(text, ErrorCode.SOURCE_CHANGED)


def _open_member(
    rows: SharedRows, folder: Path, entry: FileEntry, place: str, number: int, *, portable: bool | None
) -> Stored:
    row = next(rows.below(place, number, 1), None) if entry.is_folder else None
    if row is None or row.is_directory:
        raise no_member(entry.file_name)
    member = row.member(len(place) + 1)
    return Stored(entry, _open_file(folder, row, member, portable=portable), member)


def _open_file(folder: Path, row: SharedRow, member: MemberInfo, *, portable: bool | None) -> TreeSource:
    above, _, name = path_of(row.place).rpartition("/")
    return _open(folder, above, member.path, [row], [member], {0: name}, portable=portable)


def _open(
    folder: Path,
    above: str,
    name: str,
    rows: Sequence[SharedRow],
    members: Sequence[MemberInfo],
    elsewhere: dict[int, str] | None = None,
    *,
    portable: bool | None,
) -> TreeSource:
    """Files below a directory of the shared folder. elsewhere: see `Scan`."""
    scan = Scan(Index(members), array("q", (row.stamp for row in rows)), elsewhere or {}, (), b"")
    try:
        root = Tree(folder, portable=portable)
    except OSError as error:
        raise storage_error(error, f"use the shared folder {folder}") from error
    try:
        tree = root.clone(above)
    except (FileNotFoundError, NotADirectoryError):
        raise has_changed(name) from None
    except OSError as error:
        raise storage_error(error, f"read {name!r}") from error
    finally:
        root.close()
    try:
        _check(tree, scan, rows)
        return TreeSource(tree, scan, name, file_io(portable=tree.portable), hashing=False, on_changed=has_changed)
    except OSError as error:
        tree.close()
        raise storage_error(error, f"read {name!r}") from error
    except BaseException:
        tree.close()
        raise


def _check(tree: Tree, scan: Scan, rows: Sequence[SharedRow]) -> None:
    """StorageError when a file is not what was read; before anybody is sent half of a folder."""
    for number, row in enumerate(rows):
        if row.is_directory:
            continue
        try:
            status = tree.status(scan.local_path(number))
        except NotADirectoryError:
            status = None
        if status is None or not row.is_still(status):
            raise has_changed(scan.index[number].path)

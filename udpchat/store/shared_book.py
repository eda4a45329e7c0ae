"""Writes down what is in the folder that a node shares, and puts it in the list: files, and directories as folders.

A directory is counted anew whenever anything below it has another content. Its MD5 is that of a folder with the same
members, and what makes it the same as others is its `folder_root`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from udpchat.config import LOBBY, MAX_FILE_SIZE, MAX_FOLDER_MEMBERS, MAX_INDEX_PATHS
from udpchat.files.blocks import HASH_SIZE, NO_ROOT
from udpchat.files.members import folder_md5
from udpchat.files.ports import UNKNOWN_MEDIA, Media
from udpchat.peers.content import folder_root
from udpchat.store.database import transaction
from udpchat.store.names import name_key
from udpchat.store.part_journal import forget_contents
from udpchat.store.shared_rows import (
    NO_FOLDER,
    SEPARATOR,
    UNCOUNTED,
    SharedRow,
    SharedRows,
    path_of,
)
from udpchat.store.stored_rules import room_key
from udpchat.wire.numbers import FileFlag, MemberFlag

FILE_ID_SIZE: Final = 16
NOBODYS_KEY: Final = b""  # in place of the owner's: nobody who comes here is the owner


@dataclass(frozen=True, slots=True)
class HashedFile:
    """A file that was read. row: with its MD5 and root. hashes: SHA-256 of its blocks."""

    row: SharedRow
    hashes: bytes
    media: Media = UNKNOWN_MEDIA


class SharedBook:
    """The rows of one shared folder. Every method is one transaction.

    owner_nick: whose the files are in lists. clock: wall clock since 1970 [us].
    """

    __slots__ = ("_clock", "_connection", "_owner_nick", "_random_bytes", "rows")

    def __init__(
        self,
        connection: sqlite3.Connection,
        owner_nick: str,
        clock: Callable[[], int],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self.rows = SharedRows(connection)
        self._connection = connection
        self._owner_nick = owner_nick
        self._clock = clock
        self._random_bytes = random_bytes

    # -- looking up ----------------------------------------------------------------------------------------------------

    def places(self) -> list[str]:
        """Everything that is written down."""
        return [place for (place,) in self._connection.execute("SELECT place FROM shared ORDER BY place")]

    def uncounted(self) -> list[str]:
        """Directories whose members have changed."""
        query = "SELECT place FROM shared WHERE is_directory AND md5 = ?"
        return [place for (place,) in self._connection.execute(query, (UNCOUNTED,))]

    def counts(self) -> tuple[int, int]:
        """Files and folders that are in the list."""
        query = "SELECT count(*) FROM files WHERE place IS NOT NULL AND (flags & ?) "
        flag = int(FileFlag.FOLDER)
        (files,) = self._connection.execute(f"{query} = 0", (flag,)).fetchone()
        (folders,) = self._connection.execute(f"{query} != 0", (flag,)).fetchone()
        return int(files), int(folders)

    # -- changing ------------------------------------------------------------------------------------------------------

    def add_directories(self, rows: Sequence[SharedRow]) -> None:
        """Directories that are new, or have other times."""
        with transaction(self._connection):
            for row in rows:
                before = self.rows.row(row.place)
                if before is None or not before.is_directory:
                    self._forget(row.place)
                    self._write(row)
                    self._disturb([row.place])
                else:  # a time is not content
                    self._write(row, before.md5, before.root)

    def note(self, rows: Iterable[SharedRow]) -> None:
        """Files whose content is known and the same, and that may be run now, or not any more."""
        with transaction(self._connection):
            for row in rows:
                self._note(row)

    def take(self, hashed: Sequence[HashedFile]) -> None:
        """Files that were read. The same content keeps its id; another content is another file."""
        with transaction(self._connection):
            disturbed = []
            for file in hashed:
                row, before = file.row, self.rows.row(file.row.place)
                if before is not None and (before.md5, before.root) == (row.md5, row.root):
                    self._note(row)
                    continue
                self._forget(row.place)
                self._write(row, row.md5, row.root)
                self._list_file(file)
                disturbed.append(row.place)
            self._disturb(disturbed)

    def forget(self, places: Sequence[str]) -> None:
        """Files and directories that are not there any more, or are not what was read."""
        with transaction(self._connection):
            for place in places:
                self._forget(place)
            self._disturb(places)

    def count(self, place: str) -> int:
        """Add up a directory, and put it in the list when it is a folder for others: with a file in it, not too many.

        How much is in it.
        """
        rows = list(self.rows.below(place))
        below = len(place) + 1
        size = sum(row.size for row in rows)
        is_too_large = (
            len(rows) > MAX_FOLDER_MEMBERS
            or size > MAX_FILE_SIZE
            or sum(len(row.place[below:].encode()) for row in rows) > MAX_INDEX_PATHS
        )
        with transaction(self._connection):
            if is_too_large or all(row.is_directory for row in rows):
                self._set_content(place, NO_FOLDER, NO_ROOT)
                return len(rows)
            members = [row.member(below) for row in rows]
            md5 = folder_md5(member.md5 for member in members)
            parts = zip(members, rows, strict=True)
            root = folder_root(
                (member.path, member.size, NO_ROOT if row.is_directory else row.root) for member, row in parts
            )
            self._set_content(place, md5, root)
            self._list_folder(place, size, len(rows), md5, root)
        return len(rows)

    def begin(self, folder: str) -> None:
        """Share this folder; what is known of another one is forgotten. Empty: none."""
        with transaction(self._connection):
            known = [name for (name,) in self._connection.execute("SELECT folder FROM share")]
            if known != [folder]:
                self._forget_all()
                if folder:
                    self._connection.execute("INSERT INTO share (folder) VALUES (?)", (folder,))
            renaming = "UPDATE files SET owner_nick = ?1 WHERE place IS NOT NULL AND owner_nick != ?1"
            self._connection.execute(renaming, (self._owner_nick,))

    # -- inside a transaction ------------------------------------------------------------------------------------------

    def _forget_all(self) -> None:
        shared = "SELECT part_id FROM files WHERE place IS NOT NULL"
        for statement in (
            f"DELETE FROM blocks WHERE part_id IN ({shared})",
            "DELETE FROM files WHERE place IS NOT NULL",
            "DELETE FROM shared",
            "DELETE FROM share",
        ):
            self._connection.execute(statement)

    def _forget(self, place: str) -> None:
        self._take_off(place)
        self._connection.execute("DELETE FROM shared WHERE place = ?", (place,))

    def _take_off(self, place: str) -> None:
        """Take what lies there off the list."""
        listed = self._connection.execute("SELECT part_id FROM files WHERE place = ?", (place,)).fetchone()
        if listed is not None:
            forget_contents(self._connection, listed[0])
            self._connection.execute("DELETE FROM files WHERE place = ?", (place,))

    def _disturb(self, places: Iterable[str]) -> None:
        """The directories above have another content."""
        above: set[str] = set()
        for place in places:
            end = place.rfind(SEPARATOR)
            while end > 0 and place[:end] not in above:
                above.add(place[:end])
                end = place.rfind(SEPARATOR, 0, end)
        for directory in above:
            self._set_content(directory, UNCOUNTED, NO_ROOT)
            self._take_off(directory)

    def _set_content(self, place: str, md5: bytes, root: bytes) -> None:
        self._connection.execute("UPDATE shared SET md5 = ?, root = ? WHERE place = ?", (md5, root, place))

    def _write(self, row: SharedRow, md5: bytes = UNCOUNTED, root: bytes = NO_ROOT) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO shared (place, is_directory, size, stamp, inode, flags, md5, root)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (row.place, row.is_directory, row.size, row.stamp, row.inode, int(row.flags), md5, root),
        )

    def _note(self, row: SharedRow) -> None:
        self._connection.execute(
            "UPDATE shared SET stamp = ?, inode = ?, flags = ? WHERE place = ?",
            (row.stamp, row.inode, int(row.flags), row.place),
        )
        values = (row.modified, int(_file_flags(row)), row.place)
        self._connection.execute("UPDATE files SET modified = ?, flags = ? WHERE place = ?", values)

    def _list_file(self, file: HashedFile) -> None:
        row, media = file.row, file.media
        part_id = self._list(
            row.place,
            size=row.size,
            md5=row.md5,
            root=row.root,
            content=row.root,
            modified=row.modified,
            flags=int(_file_flags(row)),
            members=0,
            media=media.name,
            width=media.width,
            height=media.height,
        )
        blocks = (
            (part_id, number, file.hashes[number * HASH_SIZE : (number + 1) * HASH_SIZE])
            for number in range(len(file.hashes) // HASH_SIZE)
        )
        self._connection.executemany("INSERT INTO blocks (part_id, number, hash) VALUES (?, ?, ?)", blocks)

    def _list_folder(self, place: str, size: int, members: int, md5: bytes, root: bytes) -> None:
        row = self.rows.row(place)
        self._take_off(place)
        self._list(
            place,
            size=size,
            md5=md5,
            root=b"",  # its bytes have none: nobody reads them in one piece before somebody fetches them
            content=root,
            modified=0 if row is None else row.modified,
            flags=int(FileFlag.FOLDER),
            members=members,
            media="",
            width=0,
            height=0,
        )

    def _list(self, place: str, **values: object) -> bytes:
        """Put something in the list, under a new id; under which id its blocks are written down."""
        part_id, path = self._random_bytes(FILE_ID_SIZE), path_of(place)
        file_name = path.rpartition("/")[2]
        values |= {
            "file_id": self._random_bytes(FILE_ID_SIZE),
            "part_id": part_id,
            "file_name": file_name,
            "name_key": name_key(file_name),
            "find_key": name_key(path),
            "audience": f"share {place}",  # in different directories there may be the same names
            "place": place,
            "stored_at": self._clock(),
            "owner": NOBODYS_KEY,
            "owner_nick": self._owner_nick,
            "owner_id": 0,
            "room": LOBBY,
            "room_key": room_key(LOBBY),
            "recipient_id": 0,
            "recipient": "",
            "announced": 1,
        }
        names, places = ", ".join(values), ", ".join(f":{name}" for name in values)
        self._connection.execute(f"INSERT INTO files ({names}) VALUES ({places})", values)
        return part_id


def _file_flags(row: SharedRow) -> FileFlag:
    return FileFlag.EXECUTABLE if row.flags & MemberFlag.EXECUTABLE else FileFlag(0)

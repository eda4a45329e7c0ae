"""What tests of stored files do: people, their files, and questions about those in one line each."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from tests.store.actions import commit, content, create_request, md5, write
from udpchat.config import LOBBY
from udpchat.files.members import EMPTY_MD5, MemberInfo, folder_md5
from udpchat.files.ports import AddMembers, CommitPart, FileEntry, PartCreated
from udpchat.files.stored_ports import (
    NO_FILE_ID,
    DeleteFile,
    ExpireFiles,
    FileMark,
    FindFile,
    ListMarks,
    ListMembers,
    MarkFile,
    OpenStored,
    Stored,
    Viewer,
)
from udpchat.protocol.ports import Source, Store, perform
from udpchat.wire.numbers import PLAIN_FILE, FileFlag, FileState, MemberFlag

ANN, BEN, CLEO = 1, 2, 3  # persons


def sees(person_id: int, *rooms: str) -> Viewer:
    """Somebody, and the rooms they are in beside the lobby."""
    return Viewer(person_id, frozenset((LOBBY, *rooms)))


def part_id_of(number: int | str) -> bytes:
    return hashlib.md5(str(number).encode()).digest()


def begin(
    store: Store,
    size: int,
    *,
    name: str = "report.pdf",
    number: int | str = 0,
    by: int = ANN,
    room: str = LOBBY,
    to: int = 0,
    flags: FileFlag = PLAIN_FILE,
    members: int = 0,
) -> bytes:
    """An upload that has only begun; its part id. number: to have several of one name. to: the only recipient."""
    part_id = part_id_of(f"{name} {number} {by} {room} {to}")
    request = create_request(
        size,
        part_id=part_id,
        owner=bytes([by]) * 32,
        name=name,
        owner_id=by,
        room="" if to else room,
        recipient_id=to,
        recipient=f"person {to}" if to else "",
        modified=1_600_000_000_000_000,
        flags=flags | (FileFlag.PRIVATE if to else 0),
        members=members,
    )
    created = perform(store, request)
    assert isinstance(created, PartCreated), created
    return part_id


def put(
    store: Store,
    data: bytes | None = None,
    *,
    name: str = "report.pdf",
    number: int | str = 0,
    by: int = ANN,
    room: str = LOBBY,
    to: int = 0,
) -> FileEntry:
    """A stored file."""
    data = content(10) if data is None else data
    part_id = begin(store, len(data), name=name, number=number, by=by, room=room, to=to)
    write(store, data, 0, len(data), part_id=part_id)
    return commit(store, data, part_id)


TREE: Mapping[str, bytes | None] = {
    "a": None,
    "a/empty": b"",
    "a/one": b"1",
    "big.bin": content(3_000),
    "leer": None,
    "ä.txt": "grüß".encode(),
}


def members_of(tree: Mapping[str, bytes | None]) -> tuple[MemberInfo, ...]:
    """tree: files by path; None for directories."""
    return tuple(
        MemberInfo(path, 0, 5, MemberFlag.DIRECTORY) if data is None else MemberInfo(path, len(data), 7)
        for path, data in tree.items()
    )


def tree_md5(tree: Mapping[str, bytes | None]) -> bytes:
    return folder_md5(md5(data) if data else EMPTY_MD5 for data in tree.values())


def put_folder(store: Store, tree: Mapping[str, bytes | None] = TREE, *, name: str = "things") -> FileEntry:
    """A stored folder."""
    data = b"".join(data or b"" for data in tree.values())
    part_id = begin(store, len(data), name=name, flags=FileFlag.FOLDER, members=len(tree))
    assert perform(store, AddMembers(2, part_id, 0, members_of(tree))) is None
    write(store, data, 0, len(data), part_id=part_id)
    entry = perform(store, CommitPart(3, part_id, tree_md5(tree)))
    assert isinstance(entry, FileEntry), entry
    return entry


def find(store: Store, viewer: Viewer, wanted: bytes | str) -> FileEntry | None:
    """wanted: an id or a name."""
    request = FindFile(5, viewer, wanted) if isinstance(wanted, bytes) else FindFile(5, viewer, NO_FILE_ID, wanted)
    found = perform(store, request)
    assert found is None or isinstance(found, FileEntry), found
    return found


def opened(store: Store, file_id: bytes, **number: int) -> Stored:
    stored = perform(store, OpenStored(6, file_id, **number))
    assert isinstance(stored, Stored), stored
    return stored


def read_all(source: Source) -> bytes:
    buffer = bytearray(source.size)
    assert source.read_into(0, memoryview(buffer)) == source.size
    return bytes(buffer)


def members(store: Store, file_id: bytes) -> tuple[MemberInfo, ...]:
    found = perform(store, ListMembers(7, file_id))
    assert isinstance(found, tuple), found
    return found


def mark(store: Store, file_id: bytes, person_id: int, state: FileState, at: int = 50) -> FileEntry | None:
    marked = perform(store, MarkFile(8, file_id, person_id, f"person {person_id}", state, at))
    assert marked is None or isinstance(marked, FileEntry), marked
    return marked


def marks(store: Store, file_id: bytes) -> tuple[FileMark, ...]:
    found = perform(store, ListMarks(9, file_id))
    assert isinstance(found, tuple), found
    return found


def delete(store: Store, file_id: bytes) -> FileEntry:
    gone = perform(store, DeleteFile(10, file_id))
    assert isinstance(gone, FileEntry), gone
    return gone


def expire(store: Store, now: int) -> tuple[FileEntry, ...]:
    gone = perform(store, ExpireFiles(11, now))
    assert isinstance(gone, tuple), gone
    return gone

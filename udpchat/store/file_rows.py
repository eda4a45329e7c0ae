"""Files and parts as rows of a server's database, and as the entries that everybody else sees."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from udpchat.files.audience import NOBODY
from udpchat.files.members import NO_MD5
from udpchat.files.ports import UNKNOWN_MEDIA, FileEntry, Media
from udpchat.store.names import name_key
from udpchat.store.part_rows import PartRow
from udpchat.store.shared_rows import path_of
from udpchat.store.stored_rules import Sight, audience_of, room_key
from udpchat.wire.numbers import FileFlag, FileState

FILES: Final = (
    "SELECT file_id, file_name, size, md5, stored_at, owner, owner_nick, owner_id, room, recipient_id, recipient,"
    " modified, flags, members, root, media, width, height, state, delivered, verified, opened, sequence,"
    " place FROM files"
)

_STATES: Final = {int(state): state for state in FileState}  # a list may have 100,000 rows, and calls of enums are slow
_flags = cache(FileFlag)


def file_entry(row: tuple[Any, ...], lifetime: int) -> FileEntry:
    """A stored file, from a row of FILES. Its path: below the folder that a node shares. lifetime: see `Limits`."""
    media, width, height, state, delivered, verified, opened, sequence, place = row[15:]
    return FileEntry(
        file_id=row[0],
        file_name=row[1],
        size=row[2],
        md5=row[3],
        stored_at=row[4],
        owner=row[5],
        owner_nick=row[6],
        path="" if place is None else path_of(place),
        owner_id=row[7],
        room=row[8],
        recipient_id=row[9],
        recipient=row[10],
        modified=row[11],
        flags=_flags(row[12]),
        members=row[13],
        root=row[14],
        media=Media(media, width, height) if media else UNKNOWN_MEDIA,
        expires_at=row[4] + lifetime if lifetime else 0,
        state=_STATES[state],
        present=row[2],
        delivered=delivered,
        verified=verified,
        opened=opened,
        sequence=sequence,
    )


def arriving_entry(row: PartRow) -> FileEntry:
    """A part, as lists show it: under its own id."""
    info = row.info
    return FileEntry(
        info.part_id,
        info.file_name,
        info.size,
        NO_MD5,
        0,
        info.owner,
        info.owner_nick,
        owner_id=info.owner_id,
        room=info.room,
        recipient_id=info.recipient_id,
        recipient=info.recipient,
        modified=info.modified,
        flags=info.flags,
        members=info.members,
        state=FileState.RECEIVING,
        present=row.present,
    )


def seen_by(sight: Sight) -> tuple[str, tuple[object, ...]]:
    """The condition under which somebody sees a file, and its values."""
    if sight.is_operator:
        return "1", ()
    rooms = ", ".join("?" * len(sight.rooms))
    where, values = f"room_key IN ({rooms})", tuple(sorted(sight.rooms))
    if sight.person_id == NOBODY:
        return where, values
    return f"({where} OR owner_id = ? OR recipient_id = ?)", (*values, sight.person_id, sight.person_id)


def file_values(row: PartRow, file_name: str, media: Media, now: int) -> dict[str, object]:
    """The columns of a file that a verified part becomes. file_name: one that is free. now: wall clock [us]."""
    info = row.info
    return {
        "file_id": row.file_id,
        "part_id": info.part_id,
        "file_name": file_name,
        "name_key": name_key(file_name),
        "find_key": name_key(file_name),
        "audience": audience_of(info.room, info.owner_id, info.recipient_id),
        "size": info.size,
        "md5": row.md5,
        "root": row.root,
        "content": row.root,
        "stored_at": now,
        "modified": info.modified,
        "owner": info.owner,
        "owner_nick": info.owner_nick,
        "owner_id": info.owner_id,
        "room": info.room,
        "room_key": room_key(info.room),
        "recipient_id": info.recipient_id,
        "recipient": info.recipient,
        "flags": int(info.flags),
        "members": info.members,
        "media": media.name,
        "width": media.width,
        "height": media.height,
    }

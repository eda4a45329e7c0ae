"""The SQLite file of a server's files and parts: what is stored, what is under way, who has come how far with it."""

from __future__ import annotations

from typing import Final

from udpchat.config import LOBBY
from udpchat.store.part_schema import PART_CHANGES
from udpchat.wire.numbers import FileState

DATABASE: Final = "udpchat.db"
APPLICATION_ID: Final = 0x55444350  # "UDCP", in the header of the file

# Each entry takes the schema from one number to the next; entries are never changed, only added.
#
# files     audience: among whom its name is unique, see stored_rules.py. room_key: empty when it is for one person.
#           delivered, verified, opened and state say in short what is in `marks`. announced: it is a message of chat
# removals  files that are not in the list any more and perhaps still on the disk
#
# Of a node that shares a folder also:
# files     place: where it lies below that folder, see shared_rows.py; NULL when it was uploaded. find_key: what
#           searches compare, its path. content: what is the same for the same bytes, also of a shared folder
# shared    all files and directories below that folder. md5 of a directory: empty until its members are counted, and
#           zeros when it is no folder for others
# share     which folder that is
FILE_SCHEMA: Final[tuple[str, ...]] = (
    """
    CREATE TABLE files (
        sequence INTEGER PRIMARY KEY,
        file_id BLOB NOT NULL UNIQUE CHECK (length(file_id) = 16),
        part_id BLOB NOT NULL UNIQUE CHECK (length(part_id) = 16),
        file_name TEXT NOT NULL,
        name_key TEXT NOT NULL UNIQUE,
        size INTEGER NOT NULL CHECK (size >= 0),
        md5 BLOB NOT NULL CHECK (length(md5) = 16),
        stored_at INTEGER NOT NULL,
        owner BLOB NOT NULL,
        owner_nick TEXT NOT NULL
    );
    CREATE TABLE parts (
        part_id BLOB PRIMARY KEY CHECK (length(part_id) = 16),
        owner BLOB NOT NULL,
        owner_nick TEXT NOT NULL,
        file_name TEXT NOT NULL,
        size INTEGER NOT NULL CHECK (size >= 0),
        state TEXT NOT NULL CHECK (state IN ('receiving', 'verified')),
        ranges BLOB NOT NULL,
        md5 BLOB CHECK (state = 'receiving' OR length(md5) = 16),
        file_id BLOB CHECK (state = 'receiving' OR length(file_id) = 16),
        touched_at INTEGER NOT NULL
    );
    CREATE INDEX parts_by_owner ON parts (owner);
    """,
    f"""
    ALTER TABLE files RENAME TO old_files;
    CREATE TABLE files (
        sequence INTEGER PRIMARY KEY,
        file_id BLOB NOT NULL UNIQUE CHECK (length(file_id) = 16),
        part_id BLOB NOT NULL UNIQUE CHECK (length(part_id) = 16),
        file_name TEXT NOT NULL,
        name_key TEXT NOT NULL,
        audience TEXT NOT NULL,
        size INTEGER NOT NULL CHECK (size >= 0),
        md5 BLOB NOT NULL CHECK (length(md5) = 16),
        root BLOB NOT NULL CHECK (length(root) IN (0, 32)),
        stored_at INTEGER NOT NULL,
        modified INTEGER NOT NULL,
        owner BLOB NOT NULL,
        owner_nick TEXT NOT NULL,
        owner_id INTEGER NOT NULL,
        room TEXT NOT NULL,
        room_key TEXT NOT NULL,
        recipient_id INTEGER NOT NULL,
        recipient TEXT NOT NULL,
        flags INTEGER NOT NULL,
        members INTEGER NOT NULL,
        media TEXT NOT NULL,
        width INTEGER NOT NULL,
        height INTEGER NOT NULL,
        state INTEGER NOT NULL DEFAULT {int(FileState.STORED)},
        delivered INTEGER NOT NULL DEFAULT 0,
        verified INTEGER NOT NULL DEFAULT 0,
        opened INTEGER NOT NULL DEFAULT 0,
        announced INTEGER NOT NULL DEFAULT 0,
        UNIQUE (name_key, audience)
    );
    INSERT INTO files (sequence, file_id, part_id, file_name, name_key, audience, size, md5, root, stored_at, modified,
        owner, owner_nick, owner_id, room, room_key, recipient_id, recipient, flags, members, media, width, height,
        announced)
        SELECT sequence, file_id, part_id, file_name, name_key, 'room {LOBBY}', size, md5, x'', stored_at, 0,
            owner, owner_nick, 0, '{LOBBY}', '{LOBBY}', 0, '', 0, 0, '', 0, 0, 1 FROM old_files;
    DROP TABLE old_files;
    CREATE INDEX files_by_room ON files (room_key);
    CREATE INDEX files_by_owner ON files (owner_id, owner, size, members);
    CREATE INDEX files_by_recipient ON files (recipient_id);
    CREATE INDEX files_by_age ON files (stored_at);
    {PART_CHANGES};
    UPDATE parts SET room = '{LOBBY}';
    CREATE INDEX parts_by_age ON parts (touched_at);
    CREATE TABLE marks (
        file_id BLOB NOT NULL REFERENCES files (file_id) ON DELETE CASCADE,
        person_id INTEGER NOT NULL,
        nick TEXT NOT NULL,
        state INTEGER NOT NULL,
        at INTEGER NOT NULL,
        PRIMARY KEY (file_id, person_id)
    ) WITHOUT ROWID;
    CREATE TABLE removals (
        file_id BLOB PRIMARY KEY CHECK (length(file_id) = 16)
    ) WITHOUT ROWID;
    """,
    """
    ALTER TABLE files ADD COLUMN place TEXT;
    ALTER TABLE files ADD COLUMN find_key TEXT NOT NULL DEFAULT '';
    ALTER TABLE files ADD COLUMN content BLOB NOT NULL DEFAULT x'';
    UPDATE files SET find_key = name_key, content = root;
    CREATE UNIQUE INDEX files_by_place ON files (place);
    CREATE INDEX files_by_key ON files (room_key, find_key, name_key);
    CREATE INDEX files_by_md5 ON files (md5);
    CREATE INDEX files_by_content ON files (content);
    CREATE TABLE shared (
        place TEXT PRIMARY KEY,
        is_directory INTEGER NOT NULL,
        size INTEGER NOT NULL,
        stamp INTEGER NOT NULL,
        inode INTEGER NOT NULL,
        flags INTEGER NOT NULL,
        md5 BLOB NOT NULL,
        root BLOB NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE share (
        folder TEXT NOT NULL
    );
    """,
)

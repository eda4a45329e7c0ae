"""The tables of files that are still arriving, for a server's database and a client's `transfers.db` alike.

Rows of `blocks` and `members` belong to a part id and stay when the part becomes a file. Of a member, `claimed` is the
MD5 that its sender said and `md5` that of the bytes that are durable here, all zero while it is not known.
"""

from __future__ import annotations

from typing import Final

# No ";" inside a statement: see database.py.
CONTENT_TABLES: Final = """
    CREATE TABLE blocks (
        part_id BLOB NOT NULL CHECK (length(part_id) = 16),
        number INTEGER NOT NULL CHECK (number >= 0),
        hash BLOB NOT NULL CHECK (length(hash) = 32),
        PRIMARY KEY (part_id, number)
    ) WITHOUT ROWID;
    CREATE TABLE members (
        part_id BLOB NOT NULL CHECK (length(part_id) = 16),
        number INTEGER NOT NULL CHECK (number >= 0),
        path TEXT NOT NULL,
        size INTEGER NOT NULL CHECK (size >= 0),
        modified INTEGER NOT NULL,
        flags INTEGER NOT NULL,
        claimed BLOB NOT NULL CHECK (length(claimed) = 16),
        md5 BLOB NOT NULL CHECK (length(md5) = 16),
        PRIMARY KEY (part_id, number)
    ) WITHOUT ROWID;
"""

# Of a new database: a client's.
PART_TABLES: Final = (
    """
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
        touched_at INTEGER NOT NULL,
        folder TEXT NOT NULL DEFAULT '',
        modified INTEGER NOT NULL DEFAULT 0,
        flags INTEGER NOT NULL DEFAULT 0,
        members INTEGER NOT NULL DEFAULT 0,
        owner_id INTEGER NOT NULL DEFAULT 0,
        room TEXT NOT NULL DEFAULT '',
        recipient_id INTEGER NOT NULL DEFAULT 0,
        recipient TEXT NOT NULL DEFAULT '',
        target TEXT NOT NULL DEFAULT '',
        root BLOB NOT NULL DEFAULT x''
    );
    CREATE INDEX parts_by_owner ON parts (owner);
"""
    + CONTENT_TABLES
)

# For a server's database of schema 1, whose table of parts has the columns up to touched_at.
PART_CHANGES: Final = (
    """
    ALTER TABLE parts ADD COLUMN folder TEXT NOT NULL DEFAULT '';
    ALTER TABLE parts ADD COLUMN modified INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE parts ADD COLUMN flags INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE parts ADD COLUMN members INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE parts ADD COLUMN owner_id INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE parts ADD COLUMN room TEXT NOT NULL DEFAULT '';
    ALTER TABLE parts ADD COLUMN recipient_id INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE parts ADD COLUMN recipient TEXT NOT NULL DEFAULT '';
    ALTER TABLE parts ADD COLUMN target TEXT NOT NULL DEFAULT '';
    ALTER TABLE parts ADD COLUMN root BLOB NOT NULL DEFAULT x'';
"""
    + CONTENT_TABLES
)

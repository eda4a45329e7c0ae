"""The SQLite file of chat: people, rooms, messages and what they are found by.

A file of its own, so that a line of chat never waits for a file's journal. `open_chat` is the only way in.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from udpchat.config import LOBBY
from udpchat.errors import StorageError
from udpchat.store.chat_rules import BEFORE_ALL
from udpchat.store.database import open_database, transaction
from udpchat.store.trouble import storage_error

CHAT_DATABASE: Final = "chat.db"
CHAT_APPLICATION_ID: Final = 0x55444348  # "UDCH", in the header of the file
LOBBY_ID: Final = 1
SPAN_BITS: Final = 10  # a row of `spans` tells the times of so many messages: 2 ** 10

# Each entry takes the schema from one number to the next; entries are never changed, only added.
#
# people    a guest has an identity, an account a name_key; who has neither was an account. Ids are never used again.
# members   and reads may be of people who are forgotten, and go at the next look: who is still here may go on
# names     nicknames as they were written, for messages, which keep that of their moment
# messages  private ones have no room. A sequence is never used again: clients ask for "all after this one". file_id and
#           what follows: of the file that a message is about, flags as FileFlag
# spans     the earliest and latest time in each run of 1,024 sequences: finds a time without an index of all times
# words     no text is kept there, only the terms of chat/search.py; scope: who may see it, see chat_words.py. The
#           tokenizer keeps every character beyond ASCII, so that its tables and Python's cannot differ. prefix: one
#           Chinese character is looked for as the beginning of pairs, of which there are thousands. columnsize: the
#           lengths of texts, which only a ranking needs, are not kept
#
# Each index of messages gives them in order of sequence, under one kind of condition, so that a page costs what is on
# it, however long the history is.
CHAT_SCHEMA: Final[tuple[str, ...]] = (
    f"""
    CREATE TABLE people (
        person_id INTEGER PRIMARY KEY AUTOINCREMENT,
        identity BLOB UNIQUE,
        name_key TEXT UNIQUE,
        nick TEXT NOT NULL,
        password_hash TEXT NOT NULL DEFAULT '',
        is_admin INTEGER NOT NULL DEFAULT 0,
        delivered INTEGER NOT NULL DEFAULT 0,
        last_seen INTEGER NOT NULL,
        CHECK (identity IS NULL OR name_key IS NULL)
    );
    CREATE TABLE tickets (
        identity BLOB PRIMARY KEY,
        digest BLOB NOT NULL,
        person_id INTEGER NOT NULL REFERENCES people ON DELETE CASCADE,
        used_at INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX tickets_by_person ON tickets (person_id);
    CREATE TABLE bans (
        ban_id INTEGER PRIMARY KEY,
        target TEXT NOT NULL,
        target_key TEXT NOT NULL,
        identity BLOB NOT NULL,
        person_id INTEGER NOT NULL,
        host TEXT NOT NULL,
        banned_by TEXT NOT NULL,
        reason TEXT NOT NULL,
        banned_at INTEGER NOT NULL,
        UNIQUE (target_key, identity, person_id, host)
    );
    CREATE TABLE rooms (
        room_id INTEGER PRIMARY KEY AUTOINCREMENT,
        room_key TEXT NOT NULL UNIQUE,
        room TEXT NOT NULL,
        topic TEXT NOT NULL,
        owner TEXT NOT NULL,
        owner_id INTEGER NOT NULL,
        created_at INTEGER NOT NULL
    );
    CREATE INDEX rooms_by_owner ON rooms (owner_id);
    CREATE TABLE members (
        person_id INTEGER NOT NULL,
        room_id INTEGER NOT NULL REFERENCES rooms ON DELETE CASCADE,
        since INTEGER NOT NULL,
        PRIMARY KEY (person_id, room_id)
    ) WITHOUT ROWID;
    CREATE INDEX members_by_room ON members (room_id);
    CREATE TABLE names (
        name_id INTEGER PRIMARY KEY,
        nick TEXT NOT NULL UNIQUE,
        nick_key TEXT NOT NULL
    );
    CREATE INDEX names_by_key ON names (nick_key);
    CREATE TABLE messages (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        message_id BLOB NOT NULL CHECK (length(message_id) = 16),
        sent_at INTEGER NOT NULL,
        sender_id INTEGER NOT NULL,
        sender_name INTEGER NOT NULL,
        room_id INTEGER,
        recipient_id INTEGER NOT NULL,
        recipient_name INTEGER,
        text TEXT NOT NULL,
        file_id BLOB,
        file_name TEXT,
        size INTEGER,
        md5 BLOB,
        UNIQUE (sender_id, message_id)
    );
    CREATE INDEX messages_by_room ON messages (room_id) WHERE room_id IS NOT NULL;
    CREATE INDEX messages_by_room_and_sender ON messages (room_id, sender_name) WHERE room_id IS NOT NULL;
    CREATE INDEX private_by_sender ON messages (sender_id) WHERE room_id IS NULL;
    CREATE INDEX private_by_sender_as ON messages (sender_id, sender_name) WHERE room_id IS NULL;
    CREATE INDEX private_by_sender_to ON messages (sender_id, recipient_name) WHERE room_id IS NULL;
    CREATE INDEX private_by_recipient ON messages (recipient_id) WHERE room_id IS NULL;
    CREATE INDEX private_by_recipient_as ON messages (recipient_id, recipient_name) WHERE room_id IS NULL;
    CREATE INDEX private_by_recipient_from ON messages (recipient_id, sender_name) WHERE room_id IS NULL;
    CREATE TABLE spans (
        span INTEGER PRIMARY KEY,
        first_at INTEGER NOT NULL,
        last_at INTEGER NOT NULL
    );
    CREATE TABLE reads (
        reader_id INTEGER NOT NULL,
        sender_id INTEGER NOT NULL,
        sequence INTEGER NOT NULL,
        PRIMARY KEY (reader_id, sender_id)
    ) WITHOUT ROWID;
    CREATE VIRTUAL TABLE words USING fts5 (
        terms, scope, content = '', columnsize = 0, prefix = '1', tokenize = 'ascii'
    );
    INSERT INTO sqlite_sequence (name, seq) VALUES ('messages', {BEFORE_ALL})
    """,
    """
    ALTER TABLE messages ADD COLUMN media TEXT NOT NULL DEFAULT '';
    ALTER TABLE messages ADD COLUMN width INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE messages ADD COLUMN height INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE messages ADD COLUMN members INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE messages ADD COLUMN flags INTEGER NOT NULL DEFAULT 0
    """,
)


def open_chat(path: Path, created_at: int) -> sqlite3.Connection:
    """The writing connection. created_at: of the lobby, when it is made now, wall clock [us].

    StorageError as `open_database`, and when this Python's SQLite finds no words.
    """
    probe = sqlite3.connect(":memory:")
    try:
        check_full_text(probe)
    finally:
        probe.close()
    connection = open_database(path, CHAT_SCHEMA, CHAT_APPLICATION_ID)
    try:
        with transaction(connection):
            connection.execute(
                "INSERT OR IGNORE INTO rooms VALUES (?, ?, ?, '', '', 0, ?)", (LOBBY_ID, LOBBY, LOBBY, created_at)
            )
    except sqlite3.Error as error:
        connection.close()
        raise storage_error(error, f"write to {path}") from error
    return connection


def check_full_text(connection: sqlite3.Connection) -> None:
    """StorageError when SQLite was built without full-text search."""
    try:
        connection.execute("SELECT fts5_source_id()")
    except sqlite3.Error:
        text = (
            f"this Python's SQLite ({sqlite3.sqlite_version}) has no full-text search (FTS5), which history needs;"
            " install a Python that has it, such as the one from python.org"
        )
        raise StorageError(text) from None

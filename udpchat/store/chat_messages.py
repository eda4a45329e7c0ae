"""Messages in the database of chat: the work of the messages' lane."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from udpchat.chat.ports import AddMessage, Attachment, FindMessage, MarkRead, Message, PruneMessages, Stored
from udpchat.errors import ErrorCode, StorageError
from udpchat.protocol.members import fold
from udpchat.store.chat_rooms import UNUSED_ROOM, check_member
from udpchat.store.chat_rules import MAX_PRUNED, is_repeated, message_changed, not_in_room, searchable
from udpchat.store.chat_schema import LOBBY_ID, SPAN_BITS
from udpchat.store.chat_words import Entry, add_words, remove_words
from udpchat.wire.numbers import FileFlag

MESSAGE: Final = (
    "SELECT m.sequence, m.sent_at, m.sender_id, senders.nick, ifnull(rooms.room, ''), m.recipient_id,"
    " ifnull(recipients.nick, ''), m.text, m.file_id, m.file_name, m.size, m.md5,"
    " m.media, m.width, m.height, m.members, m.flags FROM messages AS m"
    " JOIN names AS senders ON senders.name_id = m.sender_name"
    " LEFT JOIN rooms ON rooms.room_id = m.room_id"
    " LEFT JOIN names AS recipients ON recipients.name_id = m.recipient_name"
)


class ChatMessages:
    """Every method is one request; to be called in a transaction."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, request: AddMessage) -> Stored:
        """Perform AddMessage."""
        if (stored := self.find(request)) is not None:
            if not is_repeated(stored.message, request):
                raise message_changed()
            return stored
        room_id, room = self._room(request) if request.room else (None, "")
        sender_name = self._name(request.sender)
        recipient_name = None if request.room else self._name(request.recipient)
        sequence = self._insert(request, room_id, sender_name, recipient_name)
        file = request.attachment
        found_by = searchable(request.text, None if file is None else file.file_name)
        ids = request.sender_id, request.recipient_id, sender_name, recipient_name
        entry = Entry(sequence, room_id, *ids, found_by)
        add_words(self._connection, entry)
        self._widen_span(sequence, request.sent_at)
        return Stored(
            Message(
                sequence=sequence,
                sent_at=request.sent_at,
                sender_id=request.sender_id,
                sender=request.sender,
                room=room,
                recipient_id=request.recipient_id,
                recipient=request.recipient,
                text=request.text,
                attachment=request.attachment,
            ),
            is_new=True,
        )

    def find(self, request: AddMessage | FindMessage) -> Stored | None:
        """Perform FindMessage."""
        row = self._connection.execute(
            f"{MESSAGE} WHERE m.sender_id = ? AND m.message_id = ?", (request.sender_id, request.message_id)
        ).fetchone()
        if row is None and request.identity:
            row = self._connection.execute(
                f"{MESSAGE} WHERE m.sender_id = (SELECT person_id FROM people WHERE identity = ?) AND m.message_id = ?",
                (request.identity, request.message_id),
            ).fetchone()
        return None if row is None else Stored(as_message(row), is_new=False)

    def _room(self, request: AddMessage) -> tuple[int, str]:
        try:
            room_id, entry = check_member(self._connection, request.sender_id, request.room)
        except StorageError as error:
            # To one who is not in it, a room that is not there makes no difference.
            if error.code == ErrorCode.UNKNOWN_ROOM:
                raise not_in_room(request.room) from None
            raise
        return room_id, entry.room

    def _name(self, nick: str) -> int:
        row = self._connection.execute("SELECT name_id FROM names WHERE nick = ?", (nick,)).fetchone()
        if row is not None:
            return int(row[0])
        added = self._connection.execute("INSERT INTO names (nick, nick_key) VALUES (?, ?)", (nick, fold(nick)))
        return int(added.lastrowid or 0)

    def _insert(self, request: AddMessage, room_id: int | None, sender_name: int, recipient_name: int | None) -> int:
        file = request.attachment
        added = self._connection.execute(
            "INSERT INTO messages (message_id, sent_at, sender_id, sender_name, room_id, recipient_id, recipient_name,"
            " text, file_id, file_name, size, md5, media, width, height, members, flags)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                request.message_id,
                request.sent_at,
                request.sender_id,
                sender_name,
                room_id,
                request.recipient_id,
                recipient_name,
                request.text,
                *(_NO_FILE if file is None else _file_values(file)),
            ),
        )
        return int(added.lastrowid or 0)

    def _widen_span(self, sequence: int, sent_at: int) -> None:
        self._connection.execute(
            "INSERT INTO spans VALUES (?1, ?2, ?2) ON CONFLICT (span) DO UPDATE"
            " SET first_at = min(first_at, ?2), last_at = max(last_at, ?2)",
            (sequence >> SPAN_BITS, sent_at),
        )

    def mark_read(self, request: MarkRead) -> int | None:
        """Somebody has read the private messages of a user; the id of that user, or None."""
        # Each way the name was written by itself: then an index has the newest, and nobody waits for a long history.
        names = self._connection.execute("SELECT name_id FROM names WHERE nick_key = ?", (fold(request.nick),))
        newest = [self._newest_from(request, name_id) for (name_id,) in names.fetchall()]
        row = max((row for row in newest if row is not None), default=None)
        if row is None:
            return None
        sequence, sender_id = row
        self._connection.execute(
            "INSERT INTO reads VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET sequence = max(sequence, excluded.sequence)",
            (request.person_id, sender_id, sequence),
        )
        return int(sender_id)

    def _newest_from(self, request: MarkRead, name_id: int) -> Any:
        return self._connection.execute(
            "SELECT sequence, sender_id FROM messages WHERE recipient_id = ? AND sender_name = ? AND room_id IS NULL"
            " AND sequence <= ? ORDER BY sequence DESC LIMIT 1",
            (request.person_id, name_id, request.sequence),
        ).fetchone()

    # -- forgetting ----------------------------------------------------------------------------------------------------

    def prune(self, request: PruneMessages) -> int:
        """Perform PruneMessages."""
        entries = self._oldest(request.before)
        remove_words(self._connection, entries)
        self._connection.executemany(
            "DELETE FROM messages WHERE sequence = ?", [(entry.sequence,) for entry in entries]
        )
        if len(entries) < MAX_PRUNED:
            self._connection.execute("DELETE FROM spans WHERE last_at < ?", (request.before,))
            self._forget_guests(max(request.before, request.guests_before))
            self._forget_rooms(max(request.before, request.guests_before))
        return len(entries)

    def _oldest(self, before: int) -> list[Entry]:
        (span,) = self._connection.execute("SELECT max(span) FROM spans WHERE first_at < ?", (before,)).fetchone()
        if span is None:
            return []
        rows = self._connection.execute(
            "SELECT sequence, room_id, sender_id, recipient_id, sender_name, recipient_name, text, file_name"
            " FROM messages WHERE sequence < ? AND sent_at < ? ORDER BY sequence LIMIT ?",
            ((span + 1) << SPAN_BITS, before, MAX_PRUNED),
        )
        return [
            Entry(sequence, room_id, sender_id, recipient_id, sender_name, recipient_name, searchable(text, file_name))
            for sequence, room_id, sender_id, recipient_id, sender_name, recipient_name, text, file_name in rows
        ]

    def _forget_guests(self, before: int) -> None:
        self._connection.execute(
            "DELETE FROM people WHERE name_key IS NULL AND last_seen < ?"
            " AND NOT EXISTS (SELECT 1 FROM messages WHERE sender_id = person_id)"
            " AND NOT EXISTS (SELECT 1 FROM messages WHERE recipient_id = person_id AND room_id IS NULL)",
            (before,),
        )
        for table, column in (("members", "person_id"), ("reads", "reader_id"), ("reads", "sender_id")):
            self._connection.execute(
                f"DELETE FROM {table} WHERE NOT EXISTS (SELECT 1 FROM people WHERE people.person_id = {table}.{column})"
            )

    def _forget_rooms(self, before: int) -> None:
        """Rooms in which nobody is and nothing was said make place for others."""
        self._connection.execute(
            f"DELETE FROM rooms WHERE created_at < ? AND room_id <> ? AND {UNUSED_ROOM}", (before, LOBBY_ID)
        )


_NO_FILE: Final = (None, None, None, None, "", 0, 0, 0, 0)


def _file_values(file: Attachment) -> tuple[object, ...]:
    looks = file.media, file.width, file.height, file.members, int(file.flags)
    return file.file_id, file.file_name, file.size, file.md5, *looks


def _attachment(values: Any) -> Attachment:
    file_id, file_name, size, md5, media, width, height, members, flags = values
    return Attachment(file_id, file_name, size, md5, media, width, height, members, FileFlag(flags))


def as_message(row: Any) -> Message:
    """A row of `MESSAGE`."""
    sequence, sent_at, sender_id, sender, room, recipient_id, recipient, text, *file = row
    attachment = None if file[0] is None else _attachment(file)
    return Message(sequence, sent_at, sender_id, sender, room, recipient_id, recipient, text, attachment)

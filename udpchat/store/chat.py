"""What chat asks of storage, in a data folder: a database with a writing connection and a reading one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

from udpchat.chat.ports import (
    AddAccount,
    AddBan,
    AddMessage,
    AddRoom,
    AddTicket,
    AdmitPerson,
    EnterRoom,
    FindAccount,
    FindMessage,
    FindMessages,
    FindPerson,
    HashPassword,
    LeaveRoom,
    ListAccounts,
    ListBans,
    ListRooms,
    MarkRead,
    Person,
    PruneMessages,
    ReadMessages,
    RemoveBan,
    SaveProgress,
    SetPassword,
    SetTopic,
    VerifyPassword,
)
from udpchat.errors import StorageError
from udpchat.protocol.ports import Job, Lane, Result, StoreRequest
from udpchat.store.chat_messages import ChatMessages
from udpchat.store.chat_people import ChatPeople
from udpchat.store.chat_queue import WriteQueue
from udpchat.store.chat_reader import ChatReader
from udpchat.store.chat_rooms import ChatRooms
from udpchat.store.chat_rules import ChatLimits, check_message
from udpchat.store.chat_schema import CHAT_DATABASE, open_chat
from udpchat.store.database import open_reader
from udpchat.store.jobs import as_result
from udpchat.store.passwords import Passwords
from udpchat.store.trouble import storage_error

Handler: TypeAlias = Callable[..., Result | Job]

# What to tell the user was tried, when it fails.
_DOING: Final[dict[type, str]] = {
    AdmitPerson: "look up who you are",
    AddAccount: "store the account",
    AddTicket: "store your login",
    SetPassword: "store the password",
    AddMessage: "store this message",
    SaveProgress: "store who has read what",
    MarkRead: "store who has read what",
    AddRoom: "store the room",
    EnterRoom: "store who is in the room",
    LeaveRoom: "store who is in the room",
    SetTopic: "store the topic",
    AddBan: "store the ban",
    RemoveBan: "lift the ban",
    PruneMessages: "forget old messages",
}


class ChatStore:
    """People, rooms and messages in a folder.

    What is written was committed to the disk before it is answered. Requests go to three threads, by lane: writing and
    looking up, reading messages, hashing passwords; each has what it works with for itself.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Callable[[], int],
        random_bytes: Callable[[int], bytes],
        limits: ChatLimits | None = None,
    ) -> None:
        """Open or make the database. clock: wall clock since 1970 [us]. random_bytes: for salts. StorageError."""
        self._connection = open_chat(folder / CHAT_DATABASE, clock())
        try:
            self._reader = ChatReader(open_reader(folder / CHAT_DATABASE))
        except BaseException:
            self._connection.close()
            raise
        self._queue = WriteQueue(self._connection)
        limits = limits or ChatLimits()
        self._people = ChatPeople(self._connection, limits)
        self._rooms = ChatRooms(self._connection, limits)
        self._messages = ChatMessages(self._connection)
        self._passwords = Passwords(random_bytes)

    def handlers(self) -> dict[type, Handler]:
        """What performs each request."""
        people, rooms, messages = self._people, self._rooms, self._messages
        writing: dict[type, Callable[..., object]] = {
            AdmitPerson: people.admit,
            AddAccount: people.add_account,
            FindAccount: people.find_account,
            AddTicket: people.add_ticket,
            SetPassword: people.set_password,
            FindPerson: people.find_person,
            ListAccounts: people.list_accounts,
            FindMessage: messages.find,
            SaveProgress: people.save_progress,
            MarkRead: self._mark_read,
            ListRooms: rooms.list_rooms,
            AddRoom: rooms.add,
            EnterRoom: rooms.enter,
            LeaveRoom: rooms.leave,
            SetTopic: rooms.set_topic,
            AddBan: people.add_ban,
            RemoveBan: people.remove_ban,
            ListBans: people.list_bans,
            PruneMessages: messages.prune,
        }
        return {
            **{kind: self._writing(work, _DOING.get(kind, "look that up")) for kind, work in writing.items()},
            AddMessage: self._add_message,
            ReadMessages: _other(self._reader.read, Lane.READING, "read the messages"),
            FindMessages: _other(self._reader.find, Lane.READING, "look through the history"),
            HashPassword: _other(self._hash, Lane.HASHING, "hash the password"),
            VerifyPassword: _other(self._verify, Lane.HASHING, "check the password"),
        }

    def close(self) -> None:
        """Close everything; what was answered is on the disk already."""
        self._reader.close()
        self._connection.close()

    def _writing(self, work: Callable[..., object], doing: str) -> Handler:
        return lambda request: self._queue.submit(lambda: work(request), doing)

    def _add_message(self, request: AddMessage) -> Job:
        check_message(request)
        return self._queue.submit(lambda: self._messages.add(request), _DOING[AddMessage])

    def _mark_read(self, request: MarkRead) -> Person | None:
        sender_id = self._messages.mark_read(request)
        return None if sender_id is None else self._people.person(sender_id)

    def _hash(self, request: HashPassword) -> str:
        return self._passwords.hash(request.password)

    def _verify(self, request: VerifyPassword) -> bool:
        return self._passwords.verify(request.password, request.password_hash)


def _other(work: Callable[..., object], lane: Lane, doing: str) -> Handler:
    """A job beside the writer."""

    def submit(request: StoreRequest) -> Job:
        def run() -> object:
            try:
                return work(request)
            except StorageError as error:
                return error
            except sqlite3.Error as error:
                return storage_error(error, doing)
            except (UnicodeEncodeError, OverflowError) as error:
                return StorageError(f"cannot {doing}: {error}")

        return Job(run, as_result, lane)

    return submit

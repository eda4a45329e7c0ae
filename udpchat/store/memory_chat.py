"""What chat asks of storage, without a disk: for simulations and tests."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final, TypeAlias

from udpchat.chat.ports import (
    AddAccount,
    AddBan,
    AddMessage,
    AddRoom,
    AddTicket,
    Admission,
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
    Message,
    Page,
    Person,
    PruneMessages,
    Query,
    ReadMessages,
    RemoveBan,
    RoomEntry,
    SaveProgress,
    SetPassword,
    SetTopic,
    Stored,
    VerifyPassword,
)
from udpchat.errors import ErrorCode, StorageError
from udpchat.protocol.members import fold
from udpchat.protocol.ports import Job, Lane, Result, StoreRequest
from udpchat.store.chat_rules import MAX_PRUNED, PROGRESS_AGE, ChatLimits, not_in_room, progress_of
from udpchat.store.memory_messages import MemoryMessages
from udpchat.store.memory_people import MemoryPeople
from udpchat.store.memory_rooms import MemoryRooms

Handler: TypeAlias = Callable[..., Result | Job]

_HASH_MARK: Final = "$blake2s$"  # of what `HashPassword` gives here


def later(perform: Callable[..., Result], lane: Lane) -> Handler:
    """As a job; everything happens when it is finished, so that a crash before that finds nothing done."""

    def submit(request: StoreRequest) -> Job:
        def finish(_: object) -> Result:
            try:
                return perform(request)
            except StorageError as error:
                return error

        return Job(lambda: None, finish, lane)

    return submit


class MemoryChat:
    """People, rooms and messages. What was answered is kept whatever happens, what was not answered did not happen.

    clock: wall clock since 1970 [us]. random_bytes: salt of passwords, which are hashed by BLAKE2s here: quick, the
    same in every run, and no protection, for these passwords are those of tests.
    """

    def __init__(
        self, clock: Callable[[], int], random_bytes: Callable[[int], bytes], limits: ChatLimits | None = None
    ) -> None:
        self._random_bytes = random_bytes
        limits = limits or ChatLimits()
        self._people = MemoryPeople(limits)
        self._rooms = MemoryRooms(limits, clock())
        self._messages = MemoryMessages()

    def handlers(self) -> dict[type, Handler]:
        """What performs each request."""
        people, rooms = self._people, self._rooms
        slow: dict[type, Callable[..., Result]] = {
            AdmitPerson: self._admit,
            AddAccount: lambda request: people.add_account(request, self._messages.newest),
            FindAccount: people.find_account,
            AddTicket: people.add_ticket,
            SetPassword: people.set_password,
            FindPerson: people.find_person,
            ListAccounts: people.list_accounts,
            AddMessage: self._add_message,
            FindMessage: self._find_message,
            SaveProgress: people.save_progress,
            MarkRead: self._mark_read,
            ListRooms: rooms.list_rooms,
            AddRoom: lambda request: rooms.add(request, self._messages.newest),
            EnterRoom: lambda request: rooms.enter(request, self._messages.newest),
            LeaveRoom: lambda request: rooms.leave(request, self._messages.rooms),
            SetTopic: rooms.set_topic,
            AddBan: people.add_ban,
            RemoveBan: people.remove_ban,
            ListBans: people.list_bans,
            PruneMessages: self._prune,
        }
        return {
            **{kind: later(perform, Lane.MESSAGES) for kind, perform in slow.items()},
            ReadMessages: later(self._read, Lane.READING),
            FindMessages: later(self._find, Lane.READING),
            HashPassword: later(self._hash, Lane.HASHING),
            VerifyPassword: later(self._verify, Lane.HASHING),
        }

    def _admit(self, request: AdmitPerson) -> Admission:
        someone = self._people.admit(request)
        person_id = someone.person_id
        rows = [
            (each.sequence, each.recipient_id, each.recipient, self._delivered(each.recipient_id), read)
            for each, read in self._messages.of_sender(person_id, request.at - PROGRESS_AGE)
        ]
        return Admission(someone.person, self._rooms.of_person(person_id), self._messages.newest, progress_of(rows))

    def _delivered(self, person_id: int) -> int:
        someone = self._people.people.get(person_id)
        return 0 if someone is None else someone.delivered

    # -- messages ------------------------------------------------------------------------------------------------------

    def _add_message(self, request: AddMessage) -> Stored:
        repeated = self._messages.repeated(request, self._people.guest_id(request.identity))
        if repeated is not None:
            return repeated
        return self._messages.add(request, self._room_of(request).room if request.room else "")

    def _find_message(self, request: FindMessage) -> Stored | None:
        return self._messages.find_by_id(request, self._people.guest_id(request.identity))

    def _room_of(self, request: AddMessage) -> RoomEntry:
        try:
            return self._rooms.check_member(request.sender_id, request.room)
        except StorageError as error:
            # To one who is not in it, a room that is not there makes no difference.
            if error.code == ErrorCode.UNKNOWN_ROOM:
                raise not_in_room(request.room) from None
            raise

    def _read(self, request: ReadMessages) -> Page:
        def visible(message: Message) -> bool:
            since = self._rooms.since(request.person_id, message.room) if message.room else None
            return _is_private_of(message, request.person_id) or (since is not None and message.sequence > since)

        return self._messages.read(request.after, request.limit, visible)

    def _find(self, request: FindMessages) -> tuple[Message, ...]:
        person_id, query = request.person_id, request.query
        if query.room:
            self._rooms.check_member(person_id, query.room)

        def visible(message: Message) -> bool:
            if not message.room:
                return not query.room and _is_private_of(message, person_id) and _is_with(message, person_id, query)
            if query.room:
                return not query.nick and fold(message.room) == fold(query.room)
            return not query.nick and self._rooms.since(person_id, message.room) is not None

        return self._messages.find(query, visible)

    def _mark_read(self, request: MarkRead) -> Person | None:
        sender_id = self._messages.mark_read(request.person_id, request.nick, request.sequence)
        someone = None if sender_id is None else self._people.people.get(sender_id)
        return None if someone is None else someone.person

    def _prune(self, request: PruneMessages) -> int:
        count = self._messages.prune(request.before)
        if count < MAX_PRUNED:
            before = max(request.before, request.guests_before)
            self._people.forget_guests(before, self._messages.people)
            self._messages.keep_people(self._people.people)
            self._rooms.forget(self._people.people, before, self._messages.rooms)
        return count

    # -- passwords -----------------------------------------------------------------------------------------------------

    def _hash(self, request: HashPassword) -> str:
        return _stand_in_hash(request.password, self._random_bytes(8))

    @staticmethod
    def _verify(request: VerifyPassword) -> bool:
        salt = request.password_hash.removeprefix(_HASH_MARK).partition("$")[0]
        return bool(salt) and request.password_hash == _stand_in_hash(request.password, bytes.fromhex(salt))


def _is_private_of(message: Message, person_id: int) -> bool:
    return not message.room and person_id in {message.sender_id, message.recipient_id}


def _is_with(message: Message, person_id: int, query: Query) -> bool:
    """Whether a private message of somebody is to or from the user that a query names."""
    if not query.nick:
        return True
    return (message.sender_id == person_id and fold(message.recipient) == fold(query.nick)) or (
        message.recipient_id == person_id and fold(message.sender) == fold(query.nick)
    )


def _stand_in_hash(password: str, salt: bytes) -> str:
    return f"{_HASH_MARK}{salt.hex()}${hashlib.blake2s(password.encode(), salt=salt, digest_size=16).hexdigest()}"

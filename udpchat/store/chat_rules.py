"""What every store of chat goes by: limits, what counts as the same message, and the words of refusals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from udpchat.chat.names import nearest
from udpchat.chat.ports import NOBODY, AddMessage, Attachment, BanEntry, Message, Progress
from udpchat.config import MAX_TEXT, SECOND, TICKET_LIFETIME, Config
from udpchat.errors import ErrorCode, StorageError, UsageError
from udpchat.protocol.members import fold

# The newest sequence of a store in which nothing was said yet. 0 says "as the server remembers" in JOIN, and "never"
# in a person's `delivered`, so it cannot say "nothing yet" as well: the first message has sequence 2.
BEFORE_ALL: Final = 1
PROGRESS_AGE: Final = 7 * 24 * 3600 * SECOND  # of private messages whose progress is told at the next login
MAX_PROGRESS: Final = 1_000  # messages looked at for it, the newest ones
MAX_PRUNED: Final = 2_000  # messages that one PruneMessages forgets, so that nobody waits long: ask until it says 0
MAX_OWNED_ROOMS: Final = 16  # made by one person, so that a few cannot take all that the server has

_DEFAULTS: Final = Config()

PrivateRow: TypeAlias = tuple[int, int, str, int, int]  # sequence, recipient id, nick, delivered to them, read by them


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatLimits:
    """How much a server takes. rooms: beside the lobby. rooms_per_person: that somebody is a member of.

    owned_rooms: made by one person. accounts: of all together.
    """

    rooms: int = _DEFAULTS.max_rooms
    rooms_per_person: int = _DEFAULTS.max_rooms_per_user
    owned_rooms: int = MAX_OWNED_ROOMS
    accounts: int = _DEFAULTS.max_accounts


def check_message(request: AddMessage) -> None:
    """UsageError when this is no message: services check what users write before they ask storage."""
    if bool(request.room) == (request.recipient_id != NOBODY):
        raise UsageError("a message is for a room or for a person")
    if len(request.message_id) != 16:
        raise UsageError(f"a message id has 16 bytes, not {len(request.message_id)}")
    if len(request.text) > MAX_TEXT:
        raise UsageError(f"a text has at most {MAX_TEXT} characters")


def is_repeated(old: Message, request: AddMessage) -> bool:
    """Whether a request with the id of an old message is that message once more.

    A nickname may be somebody else by now, and the clock has gone on: what was written, and to whom, counts.
    """
    return (fold(old.room), fold(old.recipient), old.text, _essence(old.attachment)) == (
        fold(request.room),
        fold(request.recipient),
        request.text,
        _essence(request.attachment),
    )


def _essence(file: Attachment | None) -> tuple[object, ...] | None:
    """Which file it is; what else is known of it may have been found out later."""
    return None if file is None else (file.file_id, file.file_name, file.size, file.md5)


def searchable(text: str, file_name: str | None) -> str:
    """The text by which a message is found: its own, and the name of its file."""
    return text if file_name is None else f"{text}\n{file_name}"


def is_valid_ticket(used_at: int, now: int) -> bool:
    """Whether a ticket has not expired. Wall clock [us]."""
    return now - used_at <= TICKET_LIFETIME


def progress_of(rows: Iterable[PrivateRow]) -> tuple[Progress, ...]:
    """How far private messages have come, by recipient. rows: newest first."""
    nicks: dict[int, str] = {}
    delivered: dict[int, int] = {}
    read: dict[int, int] = {}
    for sequence, recipient_id, nick, delivered_to, read_by in rows:
        nicks.setdefault(recipient_id, nick)
        if sequence <= delivered_to:
            delivered.setdefault(recipient_id, sequence)
        if sequence <= read_by:
            read.setdefault(recipient_id, sequence)
    people = [each for each in nicks if each in delivered or each in read]
    return tuple(Progress(nicks[each], delivered.get(each, 0), read.get(each, 0)) for each in people)


# -- refusals ----------------------------------------------------------------------------------------------------------


def banned(entry: BanEntry) -> StorageError:
    """Somebody may not come in."""
    reason = f": {entry.reason}" if entry.reason else ""
    return StorageError(f"you are banned from this server{reason}", ErrorCode.BANNED)


def nick_registered(nick: str) -> StorageError:
    """A nickname is an account's."""
    text = f"the nickname {nick} belongs to an account: log in with its password, or choose another nickname"
    return StorageError(text, ErrorCode.NICK_REGISTERED)


def name_taken(nick: str) -> StorageError:
    """There is such an account."""
    return StorageError(f"there is an account {nick} already; choose another name", ErrorCode.NAME_TAKEN)


def unknown_account(name: str = "") -> StorageError:
    """There is no such account, or no more."""
    text = f"there is no account {name}" if name else "this account is gone; ask the administrator"
    return StorageError(text, ErrorCode.UNKNOWN_ACCOUNT)


def message_changed() -> StorageError:
    """The id of an earlier message comes with another text."""
    text = "this message has the id of an earlier one that said something else; NOT stored"
    return StorageError(text, ErrorCode.MESSAGE_CHANGED)


def not_in_room(room: str) -> StorageError:
    """Somebody is no member of a room."""
    return StorageError(f"you are not in the room {room}; enter it first (/join {room})", ErrorCode.NOT_IN_ROOM)


def unknown_room(room: str, rooms: Iterable[str]) -> StorageError:
    """There is no such room; names the one that may be meant. rooms: all, or those that `nearest` would look at."""
    like = nearest(room, rooms)
    hint = f"; did you mean {like}?" if like else "; /rooms lists them"
    return StorageError(f"there is no room {room}{hint}", ErrorCode.UNKNOWN_ROOM)


def room_exists(room: str) -> StorageError:
    """There is such a room."""
    return StorageError(f"there is a room {room} already; enter it (/join {room})", ErrorCode.ROOM_EXISTS)


def too_many_rooms(limit: int) -> StorageError:
    """The server has all the rooms that it takes."""
    return StorageError(f"the server has {limit} rooms, and no place for another", ErrorCode.TOO_MANY_ROOMS)


def too_many_owned(limit: int) -> StorageError:
    """Somebody has made all the rooms that one may make."""
    text = f"you have made {limit} rooms, and one person makes no more; one that was never used goes when all leave it"
    return StorageError(text, ErrorCode.TOO_MANY_ROOMS)


def too_many_accounts(limit: int) -> StorageError:
    """The server has all the accounts that it takes."""
    text = f"the server has {limit} accounts and takes no more; ask the administrator"
    return StorageError(text, ErrorCode.NOT_ALLOWED)


def too_many_memberships(limit: int) -> StorageError:
    """Somebody is in all the rooms that one may be in."""
    return StorageError(f"you are in {limit} rooms already; leave one first", ErrorCode.TOO_MANY_ROOMS)


def lobby_stays(room: str) -> StorageError:
    """Nobody leaves the lobby."""
    return StorageError(f"everybody is in the {room}; it cannot be left", ErrorCode.NOT_ALLOWED)

"""The numbers that packets and records carry, by name: part of the declaration in packets.py."""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Final

BEGIN_ANEW: Final = 0  # in SEEN, after a login: what the client was handed as somebody else is not meant any more


class PacketType(IntEnum):
    """What a packet is; 1 to 15 belong to the handshake and are never sealed."""

    HELLO = 1
    COOKIE = 2
    REPLY = 3
    VERSION = 4
    RESET = 5
    DATA = 16
    MSG = 17
    ACK = 18
    PING = 19
    CHALLENGE = 20
    RESPONSE = 21
    PROBE = 22
    CLOSE = 23


class Flag(IntFlag):
    """Bits of the packet header."""

    FROM_SERVER = 0x0001  # direction: set on all that a server sends
    KEY_PHASE = 0x0002  # parity of the key epoch that sealed the packet
    SEALED = 0x0004  # the session is sealed; clear in plaintext sessions


class Feature(IntFlag):
    """Optional abilities, listed by both ends in HELLO, REPLY, JOIN and WELCOME; unknown bits are ignored."""

    FILES = 0x0001


class Mode(IntFlag):
    """Kinds of session a server takes."""

    SEALED = 0x01
    PLAINTEXT = 0x02


class RecordType(IntEnum):
    """What a record is."""

    JOIN = 1
    WELCOME = 2
    REFUSED = 3
    UNSUPPORTED = 4
    SAY = 5
    SAID = 6
    LINE = 7
    TELL = 8
    PRIVATE = 9
    PRESENCE = 10
    USERS = 11
    USER = 12
    FINISHED = 13
    NOTICE = 14
    QUEUED = 15
    REGISTER = 16
    LOGIN = 17
    PASSWORD = 18
    ACCOUNT = 19
    LIST_ROOMS = 20
    ROOM = 21
    CREATE_ROOM = 22
    ENTER_ROOM = 23
    LEAVE_ROOM = 24
    SET_TOPIC = 25
    SEEN = 26
    READ = 27
    RECEIPT = 28
    AWAY = 29
    HISTORY = 30
    DONE = 31
    OPEN = 32
    OPENED = 33
    CREDIT = 34
    COMMIT = 35
    COMMITTED = 36
    CANCEL = 37
    LIST_FILES = 38
    FILE = 39
    FETCH = 40
    OFFER = 41
    RECEIVED = 42
    SHARED = 43
    TUNE = 44
    TUNED = 45
    MEMBER = 46
    LIST_MEMBERS = 47
    WANT_BLOCKS = 48
    BLOCKS = 49
    MISSING = 50
    PACE = 51
    MARK = 52
    STATE = 53
    LIST_STATES = 54
    DELETE_FILE = 55
    NEIGHBOUR = 56
    QUERY = 57
    HIT = 58
    ADMINISTER = 64
    BAN = 65
    SLOWED = 66


class Change(IntEnum):
    """What happened to a user, in PRESENCE."""

    JOINED = 1
    LEFT = 2
    LOST = 3
    KICKED = 4
    BANNED = 5
    AWAY = 6
    BACK = 7
    ENTERED = 8  # a room
    WENT = 9  # out of a room
    TOPIC = 10  # of a room has changed


class JoinFlag(IntFlag):
    """How somebody joins."""

    VISITOR = 0x01  # for one command: unseen by the others, hears nothing, takes no session over
    WAIT = 0x02  # when the server is full, wait for a place


class UserFlag(IntFlag):
    """What is known of a user."""

    PRESENT = 0x01
    AWAY = 0x02
    ACCOUNT = 0x04  # logged in; a guest otherwise
    ADMIN = 0x08
    LOOKALIKE = 0x10  # the nickname looks like that of somebody else


class SaidFlag(IntFlag):
    """How a message was taken, in SAID."""

    WAITS = 0x01  # the recipient is not here and gets it at the next login


class Outcome(IntEnum):
    """What became of a request about an account."""

    REGISTERED = 1
    LOGGED_IN = 2
    PASSWORD_CHANGED = 3


class RoomFlag(IntFlag):
    """What a room is to the one who asks."""

    MEMBER = 0x01


class ReceiptState(IntEnum):
    """How far messages have come."""

    DELIVERED = 1
    READ = 2


class Scope(IntEnum):
    """Which users are asked for."""

    PRESENT = 0
    ACCOUNTS = 1  # those who are absent too


class AdminAction(IntEnum):
    """What an administrator asks for."""

    KICK = 1
    BAN = 2
    UNBAN = 3
    LIST_BANS = 4
    ANNOUNCE = 5


class FileFlag(IntFlag):
    """What a file is."""

    FOLDER = 0x01  # a folder: many files, one behind the other, and an index of them
    EXECUTABLE = 0x02
    PRIVATE = 0x04  # for one user
    INDEXED = 0x08  # the index is there already and need not be sent


class MemberFlag(IntFlag):
    """What a member of a folder is."""

    DIRECTORY = 0x01
    EXECUTABLE = 0x02


class FileState(IntEnum):
    """How far a file is, at the server or with one person. Each includes those before it, up to OPENED."""

    RECEIVING = 0  # the server does not have all of it yet
    STORED = 1  # at the server: durable, its MD5 compared
    DELIVERED = 2  # every byte has reached the recipient's machine
    VERIFIED = 3  # it is durable there, and its MD5 was compared
    OPENED = 4  # a person has looked at it
    DECLINED = 5  # a person does not want it


class QueryKind(IntEnum):
    """What the pattern of a query is."""

    EXACT = 1  # a name
    GLOB = 2  # a name in which * is any run of characters and ? is one
    WORDS = 3  # words that the name contains
    MD5 = 4  # in hexadecimal digits
    ROOT = 5  # a block root, in hexadecimal digits


class Priority(IntEnum):
    """Which transfers go first."""

    LOW = 0
    NORMAL = 1
    HIGH = 2


PLAIN_FILE: Final = FileFlag(0)
PLAIN_MEMBER: Final = MemberFlag(0)

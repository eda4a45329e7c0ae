"""The numbers that packets and records carry, by name: part of the declaration in packets.py."""

from __future__ import annotations

from enum import IntEnum, IntFlag


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


class Change(IntEnum):
    """What happened to a user, in PRESENCE."""

    JOINED = 1
    LEFT = 2
    LOST = 3
    KICKED = 4

"""Everything that can go wrong, with the number it has on the wire.

UdpchatError
├── UsageError              we called something wrongly: raised at once, never sent
├── DecodeError             bytes from outside that are no packet: a counted drop with a reason
├── AuthenticationError     a packet whose tag or checksum does not fit: a counted drop
├── ProtocolViolationError  the peer broke a rule: its connection is closed with the error's code
├── HandshakeError          the two ends cannot agree (version, mode, key): told to the user
│   └── ServerKeyError      the server's key is not the one that is trusted
├── RefusedError            the other end said no to a request: carries its code and its words
├── ConnectionLostError     the connection ended while something was waiting for it
├── StorageError            the disk said no: full, unreadable, damaged
└── CaptureError            a file that is no capture, or a damaged one: told to the user
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class ErrorCode(IntEnum):
    """Reasons as they travel in CLOSE and REFUSED packets (docs/protocol.md, section "Error codes")."""

    NO_ERROR = 0  # an orderly goodbye
    INTERNAL = 1  # the other end failed; its log says why
    PROTOCOL_VIOLATION = 2  # a packet or record that its state forbids
    ACK_OF_UNSENT_PACKET = 3  # an ACK for a packet number that was never sent
    FLOW_CONTROL = 4  # more bytes than the window allows
    IDLE_TIMEOUT = 5  # nothing heard for the idle time
    SHUTTING_DOWN = 6  # the server is going away
    KICKED = 7  # the administrator ended the session
    TAKEN_OVER = 8  # the same key joined again from elsewhere
    TOO_SLOW = 9  # the other end does not take what it is sent
    MALFORMED_RECORD = 10  # a record that cannot be read

    NOT_JOINED = 32  # JOIN comes first
    NICK_IN_USE = 33
    NICK_NOT_ALLOWED = 34  # empty, too long, or with characters that cannot be shown
    SERVER_FULL = 35
    BAD_SIGNATURE = 36  # JOIN was not signed by the key it carries
    UNKNOWN_USER = 37
    TEXT_NOT_ALLOWED = 38  # empty or too long
    TOO_MANY_REQUESTS = 39
    UNKNOWN_ROOM = 40
    LOGIN_REQUIRED = 41  # this server lets nobody in without an account
    NICK_REGISTERED = 42  # the nickname belongs to an account: log in
    WRONG_PASSWORD = 43
    UNKNOWN_ACCOUNT = 44
    NAME_TAKEN = 45  # an account of that name is there already
    TOO_SHORT = 46  # a name or password below the policy's length
    TRY_LATER = 47  # too many attempts, or too much to do
    NOT_ALLOWED = 48  # for administrators, owners or members only
    BANNED = 49
    NOT_IN_ROOM = 50
    ROOM_EXISTS = 51
    ROOM_NOT_ALLOWED = 52  # no name for a room, or a topic that is too long
    TOO_MANY_ROOMS = 53
    MESSAGE_CHANGED = 54  # the id of an earlier message with another text
    NOT_IN_PLAINTEXT = 55  # no passwords and tickets over a session that is not sealed

    UNKNOWN_FILE = 64
    UNKNOWN_TRANSFER = 65
    NAME_NOT_ALLOWED = 66
    TOO_LARGE = 67
    NO_SPACE = 68
    DIGEST_MISMATCH = 69  # the MD5 of what was stored is not the MD5 that was sent
    STORAGE_FAILED = 70
    CANCELLED = 71
    SOURCE_CHANGED = 72  # the file changed while it was being sent
    INCOMPLETE = 73  # bytes of the file are missing
    TOO_MANY_TRANSFERS = 74
    TUNING_NOT_ALLOWED = 75  # a scheme, congestion control or window that is not taken, or not now
    QUOTA_EXCEEDED = 76  # more than a user, or all together, may store
    DECLINED = 77  # the recipient does not want the file

    OWN_ADDRESS = 80  # a node that asked itself to be its neighbour
    NEIGHBOURS_ALREADY = 81  # the two nodes are neighbours over another connection


class UdpchatError(Exception):
    """Base of all errors of this package."""

    error_code: ClassVar[ErrorCode] = ErrorCode.INTERNAL


class UsageError(UdpchatError):
    """We called something in a way its contract forbids."""


class DecodeError(UdpchatError):
    """Bytes that are not a packet or record of this protocol.

    reason: a short hyphenated word under which the drop is counted.
    """

    error_code = ErrorCode.MALFORMED_RECORD

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class AuthenticationError(UdpchatError):
    """A packet that was not sealed with our key, or was damaged on the way."""


class ProtocolViolationError(UdpchatError):
    """The peer did what the protocol forbids; code is sent back in CLOSE."""

    def __init__(self, code: ErrorCode, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class HandshakeError(UdpchatError):
    """The two ends cannot agree on a connection; the message is fit for the user."""


class ServerKeyError(HandshakeError):
    """The server's key is not the one that is trusted; the message says what to do."""


class RefusedError(UdpchatError):
    """The other end refused a request."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class ConnectionLostError(UdpchatError):
    """The connection ended before the answer came."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class StorageError(UdpchatError):
    """The disk or the data folder said no; the message is fit for the user."""

    error_code = ErrorCode.STORAGE_FAILED

    def __init__(self, text: str, code: ErrorCode = ErrorCode.STORAGE_FAILED) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class CaptureError(UdpchatError):
    """A file is no capture, is damaged, or holds nothing of use; the message is fit for the user."""

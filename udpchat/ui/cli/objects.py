"""The JSON objects of `--json`: the events of the Python API under a name, one object per line."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from enum import Enum, Flag
from typing import Final

from udpchat.chat.events import (
    AccountHappened,
    Administered,
    Disconnected,
    FileSaid,
    LineSaid,
    NoticeGiven,
    PrivateSaid,
    ReceiptCame,
    Reconnecting,
    Returned,
    SlowedDown,
    UserChanged,
    WaitingInQueue,
)
from udpchat.chat.ports import Attachment, Person
from udpchat.errors import ErrorCode
from udpchat.files.events import (
    Downloaded,
    FileDelivered,
    FileMarked,
    FileRemoved,
    FileShared,
    Progress,
    TransferFailed,
    TransferResting,
    UploadBegan,
    Uploaded,
)
from udpchat.files.local_ports import Transfer
from udpchat.files.members import MemberInfo
from udpchat.files.ports import FileEntry, Media
from udpchat.net.peer.events import ConfigApplied, ConfigBroken, KeyPinned, ShareUnread
from udpchat.net.peer.fetch import HolderChosen, HolderFailed, HolderGave
from udpchat.net.peer.notes import PeerInfo
from udpchat.net.peer.search import Found
from udpchat.net.watchdog import FellSilent, HeardAgain
from udpchat.peers.events import DialFailed, NeighbourCame, NeighbourGone
from udpchat.peers.ports import ShareScanned
from udpchat.store.trust import Pin

NAMES: Final[dict[type, str]] = {
    UserChanged: "user",
    LineSaid: "line",
    PrivateSaid: "private",
    FileSaid: "file_said",
    NoticeGiven: "notice",
    ReceiptCame: "receipt",
    SlowedDown: "slowed",
    WaitingInQueue: "queued",
    Reconnecting: "reconnecting",
    Returned: "returned",
    FellSilent: "silent",
    HeardAgain: "heard_again",
    AccountHappened: "account_happened",
    Administered: "administered",
    Disconnected: "disconnected",
    UploadBegan: "upload_began",
    FileShared: "file_shared",
    FileDelivered: "file_delivered",
    FileRemoved: "file_removed",
    FileMarked: "file_marked",
    TransferFailed: "transfer_failed",
    TransferResting: "transfer_resting",
    Progress: "progress",
    Uploaded: "uploaded",
    Downloaded: "downloaded",
    FileEntry: "file",
    MemberInfo: "member",
    Transfer: "unfinished",
    Pin: "pin",
    Person: "account_entry",
    NeighbourCame: "neighbour_came",
    NeighbourGone: "neighbour_gone",
    DialFailed: "dial_failed",
    KeyPinned: "key_pinned",
    ConfigApplied: "config_applied",
    ConfigBroken: "config_broken",
    ShareScanned: "share_scanned",
    ShareUnread: "share_unread",
    HolderChosen: "holder_chosen",
    HolderFailed: "holder_failed",
    HolderGave: "holder_gave",
    Found: "found",
    PeerInfo: "peer",
}


def as_line(event: str, **values: object) -> str:
    """One JSON object in ASCII, without a line end. Bytes are in hex, times integer microseconds."""
    return json.dumps({"event": event, **{key: _plain(value) for key, value in values.items()}})


def event_line(value: object) -> str:
    """The object of an event of the Python API: "event" is its name, the other keys are its fields."""
    return as_line(NAMES[type(value)], **_fields(value))


def event_object(value: object) -> dict[str, object]:
    """The same as an object inside another."""
    return {"event": NAMES[type(value)], **_fields(value)}


def _fields(value: object) -> dict[str, object]:
    if not is_dataclass(value):
        raise TypeError(f"{type(value).__name__} is no event")
    found: dict[str, object] = {}
    for field in fields(value):
        content = getattr(value, field.name)
        if isinstance(content, (FileEntry, Attachment)):
            found.update(_fields(content))
        elif isinstance(content, Media):
            found.update(media=content.name, width=content.width, height=content.height)
        else:
            found[field.name] = content
    return found


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, ErrorCode):  # codes are numbers: a later version has more than there are names for
        return int(value)
    if isinstance(value, Flag):
        return [flag.name.lower() for flag in value if flag.name]
    if isinstance(value, Enum):
        return value.name.lower()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if is_dataclass(value):
        return {key: _plain(item) for key, item in _fields(value).items()}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value

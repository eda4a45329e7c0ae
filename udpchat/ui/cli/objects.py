"""The JSON objects of `--json`: the events of the Python API under a name, one object per line."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Final

from udpchat.chat.events import Disconnected, LineSaid, NoticeGiven, PrivateSaid, UserChanged
from udpchat.files.events import (
    Downloaded,
    FileDelivered,
    FileShared,
    Progress,
    TransferFailed,
    UploadBegan,
    Uploaded,
)
from udpchat.protocol.ports import FileEntry
from udpchat.store.trust import Pin

NAMES: Final[dict[type, str]] = {
    UserChanged: "user",
    LineSaid: "line",
    PrivateSaid: "private",
    NoticeGiven: "notice",
    Disconnected: "disconnected",
    UploadBegan: "upload_began",
    FileShared: "file_shared",
    FileDelivered: "file_delivered",
    TransferFailed: "transfer_failed",
    Progress: "progress",
    Uploaded: "uploaded",
    Downloaded: "downloaded",
    FileEntry: "file",
    Pin: "pin",
}


def as_line(event: str, **values: object) -> str:
    """One JSON object in ASCII, without a line end. Bytes are in hex, times integer microseconds."""
    return json.dumps({"event": event, **{key: _plain(value) for key, value in values.items()}})


def event_line(value: object) -> str:
    """The object of an event of the Python API: "event" is its name, the other keys are its fields."""
    return as_line(NAMES[type(value)], **_fields(value))


def _fields(value: object) -> dict[str, object]:
    if not is_dataclass(value):
        raise TypeError(f"{type(value).__name__} is no event")
    found: dict[str, object] = {}
    for field in fields(value):
        content = getattr(value, field.name)
        if isinstance(content, FileEntry):
            found.update(_fields(content))
        else:
            found[field.name] = content
    return found


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Enum):
        return value.name.lower()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if is_dataclass(value):
        return {key: _plain(item) for key, item in _fields(value).items()}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value

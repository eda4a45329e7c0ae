"""A stored message as it travels, and as the server's application is told of it."""

from __future__ import annotations

from dataclasses import replace

from udpchat.chat.events import FileSaid, LineSaid, PrivateSaid
from udpchat.chat.ports import Attachment, Message
from udpchat.config import PRIVATE_NAME
from udpchat.wire.numbers import FileFlag
from udpchat.wire.records import Line, Private, Shared


def record_of(message: Message) -> Line | Private | Shared:
    """What its readers are sent."""
    if message.attachment is not None:
        return _shared(message, message.attachment)
    if not message.room:
        return Private(message.sequence, message.sent_at, message.sender, message.recipient, message.text)
    return Line(message.sequence, message.sent_at, message.room, message.sender, message.text)


def _shared(message: Message, file: Attachment) -> Shared:
    return Shared(
        sequence=message.sequence,
        sent_at=message.sent_at,
        file_id=file.file_id,
        size=file.size,
        md5=file.md5,
        width=file.width,
        height=file.height,
        members=file.members,
        flags=file.flags,
        media=file.media,
        room=message.room,
        owner=message.sender,
        to=message.recipient,
        file_name=file.file_name,
    )


def attachment_of(record: Shared) -> Attachment:
    """The file that a message is about, as its reader knows it."""
    return Attachment(
        record.file_id,
        record.file_name,
        record.size,
        record.md5,
        media=record.media,
        width=record.width,
        height=record.height,
        members=record.members,
        flags=FileFlag(record.flags),
    )


def event_of(message: Message) -> LineSaid | PrivateSaid | FileSaid:
    """What the server's application is told; of a private message neither the text nor the name of a file."""
    file = message.attachment
    if file is not None:
        told = file if message.room else replace(file, file_name=PRIVATE_NAME)
        return FileSaid(message.sequence, message.sent_at, message.room, message.sender, told, message.recipient)
    if not message.room:
        return PrivateSaid(message.sequence, message.sent_at, message.sender, message.recipient, "")
    return LineSaid(message.sequence, message.sent_at, message.room, message.sender, message.text)

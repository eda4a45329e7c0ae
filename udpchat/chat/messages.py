"""A stored message as it travels, and as the server's application is told of it."""

from __future__ import annotations

from udpchat.chat.events import FileSaid, LineSaid, PrivateSaid
from udpchat.chat.ports import Message
from udpchat.wire.records import Line, Private, Shared


def record_of(message: Message) -> Line | Private | Shared:
    """What its readers are sent."""
    if not message.room:
        return Private(message.sequence, message.sent_at, message.sender, message.recipient, message.text)
    file = message.attachment
    if file is None:
        return Line(message.sequence, message.sent_at, message.room, message.sender, message.text)
    return Shared(
        sequence=message.sequence,
        sent_at=message.sent_at,
        file_id=file.file_id,
        size=file.size,
        md5=file.md5,
        room=message.room,
        owner=message.sender,
        file_name=file.file_name,
    )


def event_of(message: Message) -> LineSaid | PrivateSaid | FileSaid:
    """What the server's application is told; of a private message not the text."""
    if not message.room:
        return PrivateSaid(message.sequence, message.sent_at, message.sender, message.recipient, "")
    if message.attachment is None:
        return LineSaid(message.sequence, message.sent_at, message.room, message.sender, message.text)
    return FileSaid(message.sequence, message.sent_at, message.room, message.sender, message.attachment)

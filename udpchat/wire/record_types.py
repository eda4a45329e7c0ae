"""What all record types share. Each record decodes to a frozen value, which cannot be illegal.

Making one with a value that its field cannot carry (an id of the wrong length, a number out of range, text that is not
Unicode, ranges out of order) raises UsageError. Ranges are half-open, of bytes, ascending, with a gap between any two.
They are in people_records.py, room_records.py, file_records.py and peer_records.py; import them from records.py, which
turns them into bytes and back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, TypeVar

from udpchat.errors import UsageError
from udpchat.wire.layout import Layout, Value
from udpchat.wire.numbers import RecordType
from udpchat.wire.schema import protocol_schema


class RecordBase:
    """What all records share. TYPE: its number on the wire. LAYOUT: how its fields lie there."""

    __slots__ = ()

    TYPE: ClassVar[RecordType]
    LAYOUT: ClassVar[Layout]

    def __post_init__(self) -> None:
        self.LAYOUT.check(self.values())

    def values(self) -> list[Value]:
        """The fields in the order of the declaration."""
        return [getattr(self, name) for name in self.LAYOUT.names]


RECORD_CLASSES: dict[int, type[RecordBase]] = {}

_R = TypeVar("_R", bound=RecordBase)


def record(record_type: RecordType) -> Callable[[type[_R]], type[_R]]:
    """Bind a dataclass to its declaration, whose field names and order it has to share."""

    def bind(cls: type[_R]) -> type[_R]:
        cls.TYPE = record_type
        cls.LAYOUT = Layout(record_type.name, protocol_schema().record(record_type.name).fields)
        if cls.__match_args__ != cls.LAYOUT.names:  # type: ignore[attr-defined]
            raise UsageError(f"{cls.__name__} has other fields than its declaration")
        RECORD_CLASSES[record_type] = cls
        return cls

    return bind

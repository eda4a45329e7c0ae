"""One declared part (a clear part, a body, a record) as bytes <-> a tuple of values, straight from its schema.

For everything but the hot packets. Strict where construct is lax: a value of the wrong type or size is our misuse, and
bytes that do not fit the declaration are a DecodeError. Numbers of 64 bits stay below 2^53, which is what a Lua
dissector, a JSON reader and an SQLite column all hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import Struct
from typing import Final

from udpchat.errors import DecodeError, UsageError
from udpchat.wire.packets import MAX_PACKET_NUMBER
from udpchat.wire.schema import Field, Kind, UnsupportedShapeError

MAX_NUMBER: Final = MAX_PACKET_NUMBER

Ranges = tuple[tuple[int, int], ...]
Value = int | bytes | str | Ranges

_NUMBERS: Final = (Kind.UINT, Kind.SINT, Kind.ENUM, Kind.FLAGS)
_READERS: Final = {1: Struct(">B"), 2: Struct(">H"), 4: Struct(">I")}


class Layout:
    """How the fields of one part lie: those of fixed size first, then those that carry their length.

    names: of the fields. fixed_size: bytes of the first group, so the least a part can have.
    """

    __slots__ = ("_checks", "_fixed", "_fixed_count", "_tail", "fixed_size", "name", "names")

    def __init__(self, name: str, fields: Sequence[Field]) -> None:
        fixed = [field for field in fields if field.size is not None]
        tail = [field for field in fields if field.size is None]
        if [*fixed, *tail] != list(fields) or any(field.const is not None for field in fields):
            raise UnsupportedShapeError(f"{name}: fields of fixed size come first, and none is constant")
        self.name = name
        self.names = tuple(field.name for field in fields)
        self._fixed = Struct(">" + "".join(field.format for field in fixed))
        self._fixed_count = len(fixed)
        self.fixed_size = self._fixed.size
        self._tail = tuple(_tail_codec(field, name) for field in tail)
        self._checks = tuple(_check(field, name) for field in fields)

    def check(self, values: Sequence[object]) -> None:
        """Raise UsageError unless every value may stand in its field."""
        for fits, value, name in zip(self._checks, values, self.names, strict=True):
            if not fits(value):
                raise UsageError(f"{self.name}: {name} cannot be {value!r:.60}")

    def unpack(self, part: memoryview) -> tuple[list[Value], int]:
        """The values at the start of `part`, and where they end.

        Numbers above their limit and ranges out of order pass: `check` finds them.
        """
        end = self.fixed_size
        if len(part) < end:
            raise DecodeError("malformed")
        values: list[Value] = list(self._fixed.unpack_from(part))
        for _, read in self._tail:
            value, end = read(part, end)
            values.append(value)
        return values, end

    def unpack_all(self, part: memoryview) -> list[Value]:
        """The values of `part`, which ends with them."""
        values, end = self.unpack(part)
        if end != len(part):
            raise DecodeError("malformed")
        return values

    def pack(self, values: Sequence[Value]) -> bytes:
        """Values that were checked, as bytes."""
        count = self._fixed_count
        head = self._fixed.pack(*values[:count])
        if not self._tail:
            return head
        return head + b"".join([write(value) for (write, _), value in zip(self._tail, values[count:], strict=True)])


_Write = Callable[[Value], bytes]
_Read = Callable[[memoryview, int], tuple[Value, int]]


def _tail_codec(field: Field, where: str) -> tuple[_Write, _Read]:
    if field.kind is Kind.GREEDY:
        return _write_greedy, _read_greedy
    if field.prefix is None or field.prefix.size not in _READERS:
        raise UnsupportedShapeError(f"{where}.{field.name}: lengths have 1, 2 or 4 bytes")
    prefix = _READERS[field.prefix.size]
    if field.kind is Kind.ARRAY:
        return _array_codec(prefix, Struct(">" + "".join(item.format for item in field.items)))
    return _counted_codec(prefix, text=field.kind is Kind.STRING)


def _write_greedy(value: Value) -> bytes:
    assert isinstance(value, bytes)
    return value


def _read_greedy(part: memoryview, at: int) -> tuple[Value, int]:
    return bytes(part[at:]), len(part)


def _counted_codec(prefix: Struct, *, text: bool) -> tuple[_Write, _Read]:
    """Bytes or UTF-8 after their length."""
    width = prefix.size

    def write(value: Value) -> bytes:
        raw = value.encode() if isinstance(value, str) else value
        assert isinstance(raw, bytes)
        return prefix.pack(len(raw)) + raw

    def read(part: memoryview, at: int) -> tuple[Value, int]:
        start = at + width
        if start > len(part):
            raise DecodeError("malformed")
        stop: int = start + prefix.unpack_from(part, at)[0]
        if stop > len(part):
            raise DecodeError("malformed")
        if not text:
            return bytes(part[start:stop]), stop
        try:
            return str(part[start:stop], "utf-8"), stop
        except UnicodeDecodeError:
            raise DecodeError("malformed") from None

    return write, read


def _array_codec(prefix: Struct, item: Struct) -> tuple[_Write, _Read]:
    """Elements of a fixed size after their number."""
    width = prefix.size

    def write(value: Value) -> bytes:
        assert isinstance(value, tuple)
        return prefix.pack(len(value)) + b"".join([item.pack(*element) for element in value])

    def read(part: memoryview, at: int) -> tuple[Value, int]:
        start = at + width
        if start > len(part):
            raise DecodeError("malformed")
        stop: int = start + prefix.unpack_from(part, at)[0] * item.size
        if stop > len(part):
            raise DecodeError("malformed")
        return tuple(item.iter_unpack(part[start:stop])), stop

    return write, read


def _check(field: Field, where: str) -> Callable[[object], bool]:
    """Whether a value may stand in the field."""
    size = field.size
    if field.kind in _NUMBERS and size is not None:
        lowest, highest = 0, min(MAX_NUMBER, (1 << 8 * size) - 1)
        if field.kind is Kind.SINT:
            lowest, highest = max(-MAX_NUMBER, -1 << 8 * size - 1), min(MAX_NUMBER, (1 << 8 * size - 1) - 1)
        return lambda value: isinstance(value, int) and lowest <= value <= highest
    if field.kind is Kind.BYTES:
        return lambda value: isinstance(value, bytes) and len(value) == size
    if field.kind is Kind.GREEDY:
        return lambda value: isinstance(value, bytes)
    if field.prefix is None or field.prefix.size is None:
        raise UnsupportedShapeError(f"{where}.{field.name}: {field.kind.value} has no check")
    longest = (1 << 8 * field.prefix.size) - 1
    if field.kind is Kind.BLOB:
        return lambda value: isinstance(value, bytes) and len(value) <= longest
    if field.kind is Kind.STRING:
        return lambda value: isinstance(value, str) and _encodes_within(value, longest)
    if [item.name for item in field.items] != ["start", "stop"]:
        raise UnsupportedShapeError(f"{where}.{field.name}: arrays hold ranges")
    return lambda value: isinstance(value, tuple) and len(value) <= longest and _are_ascending_runs(value)


def _encodes_within(text: str, longest: int) -> bool:
    try:
        return len(text.encode()) <= longest
    except UnicodeEncodeError:
        return False


def _are_ascending_runs(ranges: Ranges) -> bool:
    """Half-open runs, none empty, in order, with a gap between any two."""
    previous = -1
    for start, stop in ranges:
        if not previous < start < stop:
            return False
        previous = stop
    return previous <= MAX_NUMBER

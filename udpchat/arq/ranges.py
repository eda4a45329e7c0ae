"""Sets of whole numbers kept as half-open runs: packet numbers, or byte offsets of a file or channel."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

from udpchat.errors import UsageError


class RangeSet:
    """Whole numbers as sorted, disjoint, non-adjacent runs (start, stop), stop exclusive like Python's range.

    Iterators see the set as it is at each step: whoever changes the set while walking it takes a tuple first.
    """

    __slots__ = ("_starts", "_stops", "_total")

    def __init__(self, runs: Iterable[tuple[int, int]] = ()) -> None:
        self._starts: list[int] = []
        self._stops: list[int] = []
        self._total = 0
        for start, stop in runs:
            self.add(start, stop)

    # -- changing ------------------------------------------------------------------------------------------------------

    def add(self, start: int, stop: int) -> int:
        """How many of the numbers from start up to stop are new; all of them are in the set afterwards."""
        starts, stops = self._starts, self._stops
        if stop <= start:
            return self._refuse_backward(start, stop)
        if not stops or start > stops[-1]:
            starts.append(start)
            stops.append(stop)
            new = stop - start
        elif start >= starts[-1]:
            new = stop - stops[-1]
            if new <= 0:
                return 0
            stops[-1] = stop
        else:
            new = self._merge(start, stop)
        self._total += new
        return new

    def _merge(self, start: int, stop: int) -> int:
        starts, stops = self._starts, self._stops
        low = bisect_left(stops, start)  # the first run that the new one touches
        high = bisect_right(starts, stop)  # one past the last
        if low == high:
            starts.insert(low, start)
            stops.insert(low, stop)
            return stop - start
        start, stop = min(start, starts[low]), max(stop, stops[high - 1])
        held = sum(stops[low:high]) - sum(starts[low:high])
        starts[low:high] = (start,)
        stops[low:high] = (stop,)
        return stop - start - held

    def remove(self, start: int, stop: int) -> int:
        """How many of the numbers from start up to stop were in the set; none is afterwards."""
        starts, stops = self._starts, self._stops
        if stop <= start:
            return self._refuse_backward(start, stop)
        low = bisect_right(stops, start)  # the first run that holds or follows start
        high = bisect_left(starts, stop)  # one past the last run that begins before stop
        if low >= high:
            return 0
        removed = sum(stops[low:high]) - sum(starts[low:high])
        rest = []
        if starts[low] < start:
            rest.append((starts[low], start))
        if stops[high - 1] > stop:
            rest.append((stop, stops[high - 1]))
        removed -= sum(right - left for left, right in rest)
        starts[low:high] = [left for left, _ in rest]
        stops[low:high] = [right for _, right in rest]
        self._total -= removed
        return removed

    def pop_first(self) -> tuple[int, int]:
        """The lowest run, taken out of the set."""
        if not self._starts:
            raise UsageError("an empty set has no first run")
        start, stop = self._starts.pop(0), self._stops.pop(0)
        self._total -= stop - start
        return start, stop

    def drop_first(self) -> None:
        """Take the lowest run out of the set."""
        self.pop_first()

    def clear(self) -> None:
        """Take everything out of the set."""
        self._starts.clear()
        self._stops.clear()
        self._total = 0

    # -- asking --------------------------------------------------------------------------------------------------------

    @property
    def total(self) -> int:
        """How many numbers are in the set."""
        return self._total

    @property
    def first(self) -> int:
        """The lowest number in the set, 0 when it is empty."""
        return self._starts[0] if self._starts else 0

    @property
    def last(self) -> int:
        """One past the highest number in the set, 0 when it is empty."""
        return self._stops[-1] if self._stops else 0

    def __contains__(self, number: int) -> bool:
        index = bisect_right(self._starts, number) - 1
        return index >= 0 and number < self._stops[index]

    def covers(self, start: int, stop: int) -> bool:
        """Whether all numbers from start up to stop are in the set; True when there are none."""
        if stop <= start:
            return True
        index = bisect_right(self._starts, start) - 1
        return index >= 0 and stop <= self._stops[index]

    def run_at(self, number: int) -> tuple[int, int]:
        """The run that holds number, which must be in the set."""
        index = bisect_right(self._starts, number) - 1
        if index < 0 or number >= self._stops[index]:
            raise UsageError(f"{number} is not in the set")
        return self._starts[index], self._stops[index]

    def missing(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """The parts between start and stop that are not in the set, ascending."""
        starts, stops = self._starts, self._stops
        index = bisect_right(stops, start)
        while start < stop:
            if index >= len(starts) or starts[index] >= stop:
                yield start, stop
                return
            if starts[index] > start:
                yield start, starts[index]
            start = stops[index]
            index += 1

    def overlap(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """The parts between start and stop that are in the set, ascending."""
        starts, stops = self._starts, self._stops
        index = bisect_right(stops, start)
        while start < stop and index < len(starts) and starts[index] < stop:
            yield max(start, starts[index]), min(stop, stops[index])
            index += 1

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._starts, self._stops, strict=True)

    def descending(self) -> Iterator[tuple[int, int]]:
        """The runs from the highest to the lowest."""
        return zip(reversed(self._starts), reversed(self._stops), strict=True)

    def __len__(self) -> int:
        return len(self._starts)

    def __bool__(self) -> bool:
        return bool(self._starts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RangeSet):
            return NotImplemented
        return self._starts == other._starts and self._stops == other._stops

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return f"RangeSet({list(self)})"

    @staticmethod
    def _refuse_backward(start: int, stop: int) -> int:
        if stop < start:
            raise UsageError(f"a run from {start} to {stop} runs backward")
        return 0

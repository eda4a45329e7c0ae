from collections.abc import Sequence
from dataclasses import replace

import pytest

from udpchat.chat.events import LineSaid
from udpchat.chat.ports import Query
from udpchat.config import MAX_HISTORY
from udpchat.ui.cli.history_pages import all_messages as pages_forward
from udpchat.ui.cli.history_pages import newest_messages


class Archive:
    """Answers as HISTORY does: docs/protocol.md. sizes: of the answers it gave."""

    def __init__(self, sequences: Sequence[int]) -> None:
        self.sizes: list[int] = []
        self._messages = [LineSaid(sequence, 0, "lobby", "anna", str(sequence)) for sequence in sequences]

    async def fetch(self, query: Query) -> Sequence[LineSaid]:
        assert 1 <= query.limit <= MAX_HISTORY
        fits = [each for each in self._messages if not query.before or each.sequence < query.before]
        fits = [each for each in fits if each.sequence > query.after]
        found = fits[: query.limit] if query.after else fits[-query.limit :]
        self.sizes.append(len(found))
        return found


def numbers(messages: Sequence[object]) -> list[int]:
    return [message.sequence for message in messages if isinstance(message, LineSaid)]


@pytest.mark.parametrize("limit", [1, 50, MAX_HISTORY, MAX_HISTORY + 1, 3 * MAX_HISTORY, 5_000])
@pytest.mark.parametrize("count", [0, 1, MAX_HISTORY, 2 * MAX_HISTORY + 3])
async def test_the_newest_are_found_in_order_however_many_pages_they_take(count: int, limit: int) -> None:
    sequences = list(range(2, 2 + 3 * count, 3))
    archive = Archive(sequences)
    assert numbers(await newest_messages(archive.fetch, Query(), limit)) == sequences[-limit:]


async def test_paging_back_goes_on_where_a_page_began() -> None:
    archive = Archive(range(1, 101))
    first = numbers(await newest_messages(archive.fetch, Query(), 30))
    older = numbers(await newest_messages(archive.fetch, replace(Query(), before=first[0]), 30))
    assert older + first == list(range(41, 101))


@pytest.mark.parametrize("start", [1, 2, 7])
@pytest.mark.parametrize("count", [0, 1, MAX_HISTORY, MAX_HISTORY + 1, 3 * MAX_HISTORY])
async def test_all_are_found_once_and_in_order_with_a_page_in_memory(start: int, count: int) -> None:
    archive = Archive(range(start, start + count))
    found = [message async for message in pages_forward(archive.fetch, Query())]
    assert numbers(found) == list(range(start, start + count))
    assert max(archive.sizes, default=0) <= MAX_HISTORY

"""Reading history from a server, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from udpchat.chat.ports import Query
from udpchat.config import MAX_HISTORY
from udpchat.ui.cli.sentences import MessageEvent

Fetch: TypeAlias = Callable[[Query], Awaitable[Sequence[MessageEvent]]]  # one answer of the server, oldest first


async def newest_messages(fetch: Fetch, query: Query, limit: int) -> list[MessageEvent]:
    """The newest messages that a query finds, before `query.before` when that is not 0; oldest first."""
    pages: list[Sequence[MessageEvent]] = []
    before = query.before
    while limit > 0:
        size = min(limit, MAX_HISTORY)
        page = await fetch(replace(query, before=before, limit=size))
        if page:
            pages.append(page)
            before = page[0].sequence
        if len(page) < size:
            break
        limit -= len(page)
    return [message for page in reversed(pages) for message in page]


async def all_messages(fetch: Fetch, query: Query) -> AsyncIterator[MessageEvent]:
    """Everything that a query finds, oldest first, without holding more than a page."""
    # Paging goes by "newer than a sequence", and 0 says something else there: so the very first message is asked for
    # by "older than the second".
    for message in await fetch(replace(query, before=2, after=0, limit=1)):
        yield message
    after = 1
    while page := await fetch(replace(query, before=0, after=after, limit=MAX_HISTORY)):
        for message in page:
            yield message
        after = page[-1].sequence
        if len(page) < MAX_HISTORY:
            return

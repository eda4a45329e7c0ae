"""The slow half of a request to a store: work for a thread, whose failures are answers."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import cast

from udpchat.errors import StorageError
from udpchat.protocol.ports import Job, Lane, Result
from udpchat.store.trouble import storage_error


def as_result(outcome: object) -> Result:
    """The outcome of a job whose work returns what the request is answered with."""
    return cast(Result, outcome)


def make_job(
    doing: str,
    work: Callable[[], object],
    finish: Callable[[object], Result] = as_result,
    lane: Lane = Lane.FILES,
) -> Job:
    """A job in whose outcome failures are StorageErrors. doing: what to tell the user was tried."""

    def run() -> object:
        try:
            return work()
        except StorageError as error:
            return error
        except (OSError, sqlite3.Error) as error:
            return storage_error(error, doing)

    return Job(run, finish, lane)

"""Modules of checks that tests of several folders import: their asserts are told to be rewritten before any is."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(
    "tests.store.contract",
    "tests.store.contract_files",
    "tests.store.contract_history",
    "tests.store.contract_marks",
    "tests.store.contract_mending",
    "tests.store.contract_messages",
    "tests.store.contract_people",
    "tests.store.contract_rooms",
    "tests.store.actions",
    "tests.store.mending",
    "tests.store.shelf",
    "tests.store.talk",
)

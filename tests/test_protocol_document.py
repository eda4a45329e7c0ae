"""What docs/protocol.md says in numbers is what the code has. Packet tables and example have tests of their own."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from udpchat import config
from udpchat.errors import ErrorCode

TEXT = (Path(__file__).parents[1] / "docs" / "protocol.md").read_text(encoding="utf-8")
UNITS = {
    "": 1,
    "B": 1,
    "KiB": config.KIB,
    "MiB": config.MIB,
    "ms": config.MILLISECOND,
    "s": config.SECOND,
    "h": 3_600 * config.SECOND,
    "d": 86_400 * config.SECOND,
}
NOT_OF_THE_PROTOCOL = {
    *("MICROSECOND", "MILLISECOND", "SECOND", "KIB", "MIB", "TIME_THRESHOLD", "LOBBY"),
    *("ARQ_SCHEMES", "CONTROLLERS"),
    *("CHECK_SLICE", "MEMBERS_AT_ONCE", "PARALLEL_TRANSFERS", "EXPIRY_INTERVAL", "PRIVATE_NAME"),
    "HOLDERS_AT_ONCE",
    *("MEMBER_MEMORY", "MAX_OWNER_INDEXES", "MAX_SERVER_INDEXES"),
    *("SEARCH_TIME", "MAX_ROUTES", "MAX_LOCAL_SEARCHES", "MAX_OWN_SEARCHES"),
    *("MAX_SHARED", "SEARCH_BUDGET"),
    *("MAX_BURST", "MAX_BURST_SEGMENTS", "MAX_TRANSFER_RUNS", "MAX_SERVER_WINDOW"),
    *("MAX_STORED_FILES", "MAX_OPEN_PARTS", "MAX_PARTS_PER_OWNER", "MAX_PART_RUNS", "MAX_CATCH_UP", "MIN_FREE_SPACE"),
    *("ROOM_LIFETIME", "FEW_PART_RUNS", "MAX_OPEN_RUNS"),
}


def section(number: int) -> str:
    start = re.search(rf"^## {number} ", TEXT, re.MULTILINE)
    assert start is not None
    return TEXT[start.end() :].partition("\n## ")[0]


def rows() -> dict[str, int]:
    """The names of section 8 and their values in the units of config.py."""
    found = re.findall(r"^\| `(\w+)` \| ([\d,]+) ?(\w*) \|", section(8), re.MULTILINE)
    return {name: int(number.replace(",", "")) * UNITS[unit] for name, number, unit in found}


DEFAULTS = config.Config()


@pytest.mark.parametrize(("name", "value"), rows().items())
def test_a_timer_or_limit_has_the_value_that_the_code_has(name: str, value: int) -> None:
    assert getattr(DEFAULTS if name.islower() else config, name) == value


def test_every_constant_of_the_code_is_in_the_table_unless_it_concerns_one_end_alone() -> None:
    constants = {name for name in vars(config) if name.isupper()}
    assert constants - rows().keys() == NOT_OF_THE_PROTOCOL


def test_the_table_names_no_option_that_a_server_does_not_have() -> None:
    assert {name for name in rows() if name.islower()} <= {field.name for field in fields(config.Config)}


def test_the_error_codes_are_those_of_the_code() -> None:
    found = re.findall(r"^\| (\d+) \| ([A-Z_]+) \| \S", section(18), re.MULTILINE)
    assert {name: int(number) for number, name in found} == {code.name: code.value for code in ErrorCode}


def test_every_section_that_is_referred_to_exists() -> None:
    headings = set(re.findall(r"^###? (\d+(?:\.\d+)?) ", TEXT, re.MULTILINE))
    ours = re.sub(r"(RFC \d+|\d{4}) sections? [\d.]+", "", TEXT)
    referred = set(re.findall(r"[Ss]ections? (\d+(?:\.\d+)?)", ours))
    assert referred
    assert referred <= headings

"""What `tests/benchmarks/idle.py` says about idle sessions is sound: its options, its verdict, a small run of it."""

from __future__ import annotations

import sys

import pytest

from tests.benchmarks.report import Row

if sys.platform != "linux":
    pytest.skip("the benchmark uses epoll and /proc", allow_module_level=True)

from tests.benchmarks.idle import measure, meets_targets, parse

GOOD: Row = {"sessions": 5_000, "heard": 5_000, "kb_per_session": 19.9, "busy": 0.09, "heard_ms": 2_000.0}


@pytest.mark.parametrize(
    ("change", "met"),
    [
        ({}, True),
        ({"kb_per_session": 20.0}, False),
        ({"busy": 0.1}, False),
        ({"heard_ms": 2_000.1}, False),
        ({"heard": 4_999}, False),
    ],
)
def test_each_target_counts(change: Row, met: bool) -> None:
    assert meets_targets(GOOD | change) is met


@pytest.mark.parametrize(
    "arguments", [["--sessions", "0"], ["--seconds", "0"], ["--settling", "0"], ["--seconds", "x"]]
)
def test_what_cannot_be_measured_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        parse(arguments)


def test_a_few_idle_sessions_are_measured() -> None:
    row = measure(parse(["--sessions", "3", "--seconds", "0.1", "--settling", "0.1"]))
    assert (row["sessions"], row["heard"]) == (3, 3)
    assert float(row["idle_mib"] or 0) >= float(row["empty_mib"] or 0) > 0
    assert float(row["heard_ms"] or 0) > 0

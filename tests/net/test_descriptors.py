"""A server may have as many files open as the system allows, not as few as it begins with."""

from __future__ import annotations

import sys

import pytest

from udpchat.net.descriptors import allow_many_files

if sys.platform == "win32":
    pytest.skip("Windows has no such limit", allow_module_level=True)

import resource
from collections.abc import Iterator
from pathlib import Path

from udpchat.config import Config
from udpchat.net.server import serve


@pytest.fixture
def hard() -> Iterator[int]:
    """The soft limit is low; the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2_048:
        pytest.skip(f"the system lets us open no more than {hard} files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (1_024, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def soft() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_limit_is_raised_as_far_as_is_wanted_and_never_lowered(hard: int) -> None:
    assert allow_many_files(2_000) == soft() == 2_000
    assert allow_many_files(1_500) == soft() == 2_000


def test_limit_is_raised_as_far_as_the_system_lets_us(hard: int) -> None:
    if hard == resource.RLIM_INFINITY:
        pytest.skip("the system has no limit")
    assert allow_many_files(hard + 1) == soft() == hard


async def test_server_raises_the_limit(hard: int, tmp_path: Path) -> None:
    server = await serve("127.0.0.1", 0, data=tmp_path, config=Config())
    try:
        assert soft() > 1_024
    finally:
        await server.close()

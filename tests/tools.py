"""Programs and rights that some tests need: without them a test is skipped visibly, in CI it fails."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def require_tool(name: str) -> str:
    """The path of a program."""
    path = shutil.which(name)
    if path is None:
        _miss(f"{name} is not installed")
    return path


def require_root() -> None:
    """Raw sockets and captures need root."""
    if os.geteuid() != 0:
        _miss("this needs root")


def _miss(what: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"{what}, and this is CI: see .ci/run")
    pytest.skip(what)

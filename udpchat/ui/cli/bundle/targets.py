"""For which machines a bundle is: their systems and Pythons, in words and in the tags of wheels."""

from __future__ import annotations

import platform
import re
import sys
from dataclasses import dataclass
from typing import Final

import typer

OLDEST_PYTHON: Final = (3, 11)  # as in pyproject.toml
THIS: Final = "this"
SYSTEMS: Final = {  # the oldest of each that all wheels we need are made for
    "linux": ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"),
    "linux-arm64": ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"),
    "windows": ("win_amd64",),
    "macos": ("macosx_11_0_arm64",),
    "macos-intel": ("macosx_11_0_x86_64",),
}
_TAG: Final = re.compile(r"(manylinux|musllinux|macosx|win|linux)[a-z0-9]*_[a-z0-9_]+")


@dataclass(frozen=True, slots=True)
class Target:
    """One kind of machine. system: a word of SYSTEMS, a tag of wheels, or THIS; python: such as "3.12"."""

    system: str
    python: str

    @property
    def is_this(self) -> bool:
        """Whether it is the machine and the Python that run this."""
        return self.system == THIS and self.python == this_python()

    @property
    def tags(self) -> tuple[str, ...]:
        """The platform tags of wheels for it; none for the system that this is."""
        return () if self.system == THIS else SYSTEMS.get(self.system, (self.system,))

    def __str__(self) -> str:
        system = f"{platform.system()} {platform.machine()}" if self.system == THIS else self.system
        return f"{system} with Python {self.python}"


def this_python() -> str:
    """The version of the Python that runs this, as "3.12"."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def parse_system(text: str) -> str:
    """A system to install on. typer.BadParameter."""
    if text != THIS and text not in SYSTEMS and not _TAG.fullmatch(text):
        raise typer.BadParameter(f"{text!r} is none of {THIS}, {', '.join(SYSTEMS)}, and no platform tag of wheels")
    return text


def parse_python(text: str) -> str:
    """A version of Python to install with. typer.BadParameter."""
    found = re.fullmatch(r"3\.(\d{1,3})", text)
    if found is None or (3, int(found[1])) < OLDEST_PYTHON:
        raise typer.BadParameter(f"{text!r} is no version of Python from 3.{OLDEST_PYTHON[1]} on, such as 3.12")
    return text

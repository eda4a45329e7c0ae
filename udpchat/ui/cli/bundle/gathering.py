"""All wheels of a bundle: repacked from what is installed here, or fetched by pip for other machines."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

import udpchat
from udpchat.ui.cli.bundle.targets import Target
from udpchat.ui.cli.bundle.wheel import UnpackableError, from_checkout, repack, wheel_name, wheel_requirements
from udpchat.ui.cli.exits import CommandError, ExitCode

_REQUIREMENT: Final = re.compile(r"\s*([\w.-]+)\s*(?:\[([^\]]*)\])?\s*([^;]*?)\s*(?:;\s*(.*))?")
_SEVERAL_ROUNDS: Final = 20  # more than any chain of conditions has


def own_wheel(folder: Path) -> Path:
    """The wheel of the udpchat that runs: of its checkout, else of its installation. CommandError."""
    root = Path(udpchat.__file__).parent.parent
    if is_checkout(root):
        return from_checkout(root, folder)
    try:
        return repack(distribution("udpchat"), folder)
    except (PackageNotFoundError, UnpackableError) as error:
        reason = "it is not installed" if isinstance(error, PackageNotFoundError) else str(error)
        text = f"cannot make a wheel of this udpchat: {reason}; install it with pip, or run it from a checkout"
        raise CommandError(ExitCode.FAILED, text) from error


def is_checkout(root: Path) -> bool:
    """Whether a folder holds the sources of udpchat; an installation is no checkout."""
    try:
        project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    except (OSError, ValueError, KeyError):
        return False
    return bool(project.get("name") == "udpchat")


def gather(target: Target, own: Path, folder: Path) -> None:
    """Put the wheels of all that udpchat needs on a target into a folder. CommandError.

    own: the wheel of udpchat. For machines like this one that needs no network.
    """
    if target.is_this:
        _gather_installed(target, own, folder)
        return
    with tempfile.TemporaryDirectory(dir=folder.parent) as place:
        fetched = Path(place)
        _fetch(target, fetched, [*plain(wheel_requirements(own)), "pip"])
        for _ in range(_SEVERAL_ROUNDS):
            missing = _conditional(fetched)
            if not missing:
                break
            _fetch(target, fetched, missing)
        for wheel in fetched.glob("*.whl"):
            wheel.replace(folder / wheel.name)


def plain(requirements: Iterable[str]) -> list[str]:
    """The requirements that are not those of an extra, without their conditions."""
    return [text for text, marker in _parsed(requirements) if not re.search(r"\bextra\b", marker)]


def _parsed(requirements: Iterable[str]) -> Iterator[tuple[str, str]]:
    for requirement in requirements:
        text, _, marker = requirement.partition(";")
        yield text.strip(), marker


def _gather_installed(target: Target, own: Path, folder: Path) -> None:
    wanting = []
    for found in [*_closure(wheel_requirements(own)), *_pip()]:
        try:
            repack(found, folder)
        except UnpackableError as error:
            print(f"{error}; asking pip for it", file=sys.stderr)
            wanting.append(f"{found.name}=={found.version}")
    if wanting:
        _run_pip(target, ["wheel", "--no-deps", "--wheel-dir", str(folder), *wanting])


def _closure(requirements: Iterable[str]) -> Iterator[Distribution]:
    """The distributions here that are required, and what they require. CommandError when one is missing."""
    waiting = [(requirement, frozenset[str]()) for requirement in requirements]
    seen: set[tuple[str, frozenset[str]]] = set()
    given: set[str] = set()
    while waiting:
        requirement, extras = waiting.pop()
        match = _REQUIREMENT.fullmatch(requirement)
        assert match is not None, requirement
        marker = match[4] or ""
        if re.search(r"\bextra\b", marker) and extras.isdisjoint(re.findall(r"[\w.-]+", marker)):
            continue
        name, wanted = wheel_name(match[1]), frozenset(re.findall(r"[\w.-]+", match[2] or ""))
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        try:
            found = distribution(match[1])
        except PackageNotFoundError as error:
            if marker:  # its condition is not met here
                continue
            text = f"{match[1]}, which udpchat needs, is not installed here: run pip install udpchat again"
            raise CommandError(ExitCode.FAILED, text) from error
        if name not in given:
            given.add(name)
            yield found
        waiting += [(each, wanted) for each in found.requires or ()]


def _pip() -> list[Distribution]:
    try:
        return [distribution("pip")]
    except PackageNotFoundError:  # then the installer takes the one of the Python that it finds
        return []


def _conditional(folder: Path) -> list[str]:
    """What some wheels need only on some machines, and is not there: pip judges conditions by this machine."""
    wheels = list(folder.glob("*.whl"))
    there = {wheel_name(wheel.name.split("-")[0]) for wheel in wheels}
    needed = {text for wheel in wheels for text in plain(wheel_requirements(wheel))}
    missing = []
    for text in sorted(needed):
        match = _REQUIREMENT.fullmatch(text)
        if match is not None and wheel_name(match[1]) not in there:
            missing.append(text)
    return missing


def _fetch(target: Target, folder: Path, requirements: list[str]) -> None:
    _run_pip(
        target,
        [
            *("download", "--dest", str(folder), "--only-binary=:all:", "--implementation", "cp"),
            *("--python-version", target.python),
            *(part for tag in target.tags for part in ("--platform", tag)),
            *requirements,
        ],
    )


def _run_pip(target: Target, arguments: list[str]) -> None:
    if importlib.util.find_spec("pip") is None:
        text = "this Python has no pip, which fetches the wheels: install it (python -m ensurepip, or python3-pip)"
        raise CommandError(ExitCode.FAILED, text)
    print(f"fetching the wheels for {target}", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "pip", arguments[0], "--quiet", "--retries", "2", *arguments[1:]]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode == 0:
        return
    errors = re.findall(r"^ERROR: (.*)", done.stderr, re.MULTILINE) or done.stderr.split("\n")
    text = f"pip could not get the wheels for {target}: {errors[-1].strip()}; they come from the internet, or from"
    raise CommandError(ExitCode.FAILED, f"{text} the folder that the environment variable PIP_FIND_LINKS names")

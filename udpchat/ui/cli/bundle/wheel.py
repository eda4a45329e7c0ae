"""Wheels without a build: of an installed distribution, and of udpchat as it lies in a checkout."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
import tomllib
import zipfile
from dataclasses import dataclass, field
from email.parser import Parser
from importlib.metadata import Distribution, PackagePath
from pathlib import Path
from typing import Any, Final

_LEFT_OUT: Final = {"RECORD", "RECORD.jws", "RECORD.p7s", "INSTALLER", "REQUESTED", "direct_url.json"}
_FIRST_DATE: Final = (1980, 1, 1, 0, 0, 0)  # of every file, so that the same files give the same wheel
_PURE: Final = "Wheel-Version: 1.0\nGenerator: udpchat\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


class UnpackableError(Exception):
    """An installed distribution that no wheel can be made of; the message says why, for the user."""


@dataclass(slots=True)
class _Contents:
    """What goes into a wheel: name in the archive to bytes, and which of them can be run."""

    files: dict[str, bytes] = field(default_factory=dict)
    programs: set[str] = field(default_factory=set)


def wheel_name(text: str) -> str:
    """A name as file names of wheels, and comparisons, have it."""
    return re.sub(r"[-_.]+", "_", text).lower()


def repack(distribution: Distribution, folder: Path) -> Path:
    """Write the wheel that a distribution was installed from; each file must be as it was then. UnpackableError."""
    name, version = distribution.name, distribution.version
    if _is_editable(distribution):
        raise UnpackableError(f"{name} is installed in development mode: its files lie elsewhere")
    listed, wheel = distribution.files, distribution.read_text("WHEEL")
    if not listed or wheel is None or not any(path.name == "RECORD" for path in listed):
        raise UnpackableError(f"{name} was not installed from a wheel: it has no list of its files")
    contents = _Contents()
    stem = f"{wheel_name(name)}-{version}"
    own = next(path for path in listed if path.name == "RECORD").parts[0]  # as it is spelled in this installation
    scripts = {each.name for each in distribution.entry_points if each.group in ("console_scripts", "gui_scripts")}
    for path in listed:
        if path.suffix == ".pyc" or (path.parts[0] == own and path.name in _LEFT_OUT):
            continue
        place = _place(path, stem, scripts)
        if place is None:
            continue
        if path.parts[0] == own:
            place = "/".join((f"{stem}.dist-info", *path.parts[1:]))
        content = _checked(path, name)
        if place.startswith(f"{stem}.data/scripts/"):
            content = re.sub(rb"\A#!.*python.*", b"#!python", content)
        contents.files[place] = content
        if Path(path.locate()).stat().st_mode & 0o111:
            contents.programs.add(place)
    return _write(folder, stem, _tags(wheel), contents)


def from_checkout(root: Path, folder: Path) -> Path:
    """Write the wheel of udpchat as its sources are now. root: the folder of pyproject.toml."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    stem = f"{wheel_name(project['name'])}-{project['version']}"
    contents = _Contents()
    for path in sorted((root / "udpchat").rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
            contents.files[path.relative_to(root).as_posix()] = path.read_bytes()
    scripts = "".join(f"{name} = {place}\n" for name, place in project["scripts"].items())
    info = {
        "METADATA": _metadata(project, (root / project["readme"]).read_text("utf-8")),
        "WHEEL": _PURE,
        "entry_points.txt": f"[console_scripts]\n{scripts}",
    }
    contents.files |= {f"{stem}.dist-info/{name}": text.encode() for name, text in info.items()}
    for name in project["license-files"]:
        contents.files[f"{stem}.dist-info/licenses/{name}"] = (root / name).read_bytes()
    return _write(folder, stem, "py3-none-any", contents)


def wheel_requirements(wheel: Path) -> list[str]:
    """What a wheel needs, as it says it: names, versions, conditions."""
    with zipfile.ZipFile(wheel) as archive:
        path = next(name for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name))
        return Parser().parsestr(archive.read(path).decode()).get_all("Requires-Dist", [])


def _is_editable(distribution: Distribution) -> bool:
    origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    return bool(origin.get("dir_info", {}).get("editable"))


def _place(path: PackagePath, stem: str, scripts: set[str]) -> str | None:
    """Where an installed file was in its wheel; None for a program that the installer makes."""
    if ".." not in path.parts and not path.is_absolute():
        return path.as_posix()
    real = Path(path.locate()).resolve()
    is_program = real.parent.name in ("bin", "Scripts")
    if is_program and real.name.removesuffix(".exe").removesuffix("-script.py") in scripts:
        return None
    if is_program:
        return f"{stem}.data/scripts/{real.name}"
    prefix = Path(sys.prefix).resolve()
    if not real.is_relative_to(prefix):
        raise UnpackableError(f"{stem} has a file outside of this Python: {real}")
    return f"{stem}.data/data/{real.relative_to(prefix).as_posix()}"


def _checked(path: PackagePath, name: str) -> bytes:
    try:
        content = Path(path.locate()).read_bytes()
    except OSError as error:
        raise UnpackableError(f"{name} is damaged: {path} cannot be read ({error.strerror})") from error
    if path.hash is not None and _digest(content, path.hash.mode) != path.hash.value:
        raise UnpackableError(f"{name} was changed after it was installed: {path}")
    return content


def _tags(wheel: str) -> str:
    """The tags of a file WHEEL as its wheel's name has them."""
    tags = [tag.split("-") for tag in Parser().parsestr(wheel).get_all("Tag", [])]
    return "-".join(".".join(sorted({tag[column] for tag in tags})) for column in range(3))


def _metadata(project: dict[str, Any], readme: str) -> str:
    lines = [
        "Metadata-Version: 2.4",
        f"Name: {project['name']}",
        f"Version: {project['version']}",
        f"Summary: {project['description']}",
        f"License-Expression: {project['license']}",
        *(f"License-File: {name}" for name in project["license-files"]),
        *(f"Classifier: {text}" for text in project["classifiers"]),
        f"Requires-Python: {project['requires-python']}",
        *(f"Requires-Dist: {text}" for text in project["dependencies"]),
    ]
    for extra, needed in project["optional-dependencies"].items():
        lines += [f"Provides-Extra: {extra}", *(f"Requires-Dist: {text}; extra == '{extra}'" for text in needed)]
    return "\n".join([*lines, "Description-Content-Type: text/markdown", "", readme])


def _digest(content: bytes, mode: str) -> str:
    return base64.urlsafe_b64encode(hashlib.new(mode, content).digest()).rstrip(b"=").decode()


def _write(folder: Path, stem: str, tags: str, contents: _Contents) -> Path:
    target = folder / f"{stem}-{tags}.whl"
    record = f"{stem}.dist-info/RECORD"
    rows = [f'"{name}",sha256={_digest(data, "sha256")},{len(data)}\n' for name, data in contents.files.items()]
    contents.files[record] = "".join([*rows, f"{record},,\n"]).encode()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in contents.files.items():
            entry = zipfile.ZipInfo(name, _FIRST_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o100755 if name in contents.programs else 0o100644) << 16
            archive.writestr(entry, data)
    return target

"""The dissector and the profile in Wireshark's personal folders: put there, found again, taken away.

Each installed file begins with a line that says so, with a digest of the rest. A file without that line, or whose rest
was changed since, is somebody else's: it is never overwritten and never removed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Final

from udpchat.errors import StorageError

PROFILE: Final = "udpchat"  # name of the profile in Wireshark

_HERE: Final = Path(__file__).parent
_PROFILE_FILES: Final = ("colorfilters", "dfilter_buttons", "preferences")
_MARK: Final = "Installed by udpchat wireshark install; not changed since while this fits the rest: "
_DIGEST_SIZE: Final = 32  # hex digits
_PATIENCE: Final = 30.0  # seconds for a program to say where its folders are
_PROGRAMS: Final = ("tshark", "wireshark", "Wireshark")
_PLACES: Final = (  # where installers put the programs on systems that do not put them into PATH
    Path("C:/Program Files/Wireshark"),
    Path("/Applications/Wireshark.app/Contents/MacOS"),
)
_PLUGINS_LINE: Final = "Personal Lua Plugins:"
_CONFIGURATION_LINE: Final = "Personal configuration:"


class Outcome(StrEnum):
    """What was done about a file."""

    WRITTEN = "written"
    REPLACED = "replaced"  # another version of ours
    UNCHANGED = "unchanged"
    KEPT = "kept"  # not ours, or changed since
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Change:
    """One file and what was done about it."""

    path: Path
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Folders:
    """Where Wireshark looks. asked: a program said so; otherwise these are the documented defaults."""

    plugins: Path
    configuration: Path
    asked: bool = False

    @property
    def dissector(self) -> Path:
        """Where the dissector is put."""
        return self.plugins / "udpchat.lua"

    @property
    def profile(self) -> Path:
        """The folder of the profile."""
        return self.configuration / "profiles" / PROFILE


def dissector_path() -> Path:
    """The dissector of this package, for `tshark -X lua_script:PATH`."""
    return _HERE / "udpchat.lua"


# -- where ------------------------------------------------------------------------------------------------------------


def folders_below(folder: Path) -> Folders:
    """The folders of a configuration that is kept in one place."""
    return Folders(folder / "plugins", folder)


def find_folders(
    find: Callable[[str], str | None] = shutil.which,
    places: tuple[Path, ...] = _PLACES,
    environment: Mapping[str, str] = os.environ,
) -> Folders:
    """Wireshark's personal folders, as tshark or Wireshark says, or else as documented for this system."""
    for program in _programs(find, places):
        if (folders := _ask(program)) is not None:
            return folders
    return default_folders(sys.platform, environment)


def default_folders(platform: str, environment: Mapping[str, str]) -> Folders:
    """The documented defaults. Wireshark User's Guide, appendix B.3 and B.4."""
    home = Path(environment.get("HOME") or Path.home())
    if platform == "win32":
        own = Path(environment.get("APPDATA") or home / "AppData" / "Roaming") / "Wireshark"
        return Folders(own / "plugins", own)
    own = Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "wireshark"
    return Folders(home / ".local" / "lib" / "wireshark" / "plugins", own)


def _programs(find: Callable[[str], str | None], places: tuple[Path, ...]) -> Iterator[str]:
    for name in _PROGRAMS:
        if (found := find(name)) is not None:
            yield found
    for place in places:
        for file in (place / "tshark", place / "tshark.exe"):
            if file.is_file():
                yield str(file)


def _ask(program: str) -> Folders | None:
    try:
        done = subprocess.run([program, "-G", "folders"], capture_output=True, timeout=_PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None  # the next program, or the defaults, will do
    lines = dict(line.partition("\t")[::2] for line in done.stdout.decode("utf-8", "replace").splitlines())
    plugins, configuration = (lines.get(name, "").strip() for name in (_PLUGINS_LINE, _CONFIGURATION_LINE))
    if not plugins or not configuration:
        return None
    return Folders(Path(plugins), Path(configuration), asked=True)


# -- what -------------------------------------------------------------------------------------------------------------


def install(folders: Folders) -> list[Change]:
    """Write the dissector and the profile. StorageError when the place of the dissector is taken; OSError."""
    if _is_foreign(folders.dissector):
        raise StorageError(
            f"{folders.dissector} is not a file that udpchat installed, or it was changed since: "
            "move it away, then install again"
        )
    return [_put(path, content) for path, content in _contents(folders)]


def uninstall(folders: Folders) -> list[Change]:
    """Remove what was installed and not changed since, of whatever version. OSError."""
    changes = []
    for path, _ in _contents(folders):
        if not path.exists():
            continue
        if _is_foreign(path):
            changes.append(Change(path, Outcome.KEPT))
        else:
            path.unlink()
            changes.append(Change(path, Outcome.REMOVED))
    if folders.profile.is_dir() and not any(folders.profile.iterdir()):
        folders.profile.rmdir()
    return changes


def _contents(folders: Folders) -> Iterator[tuple[Path, bytes]]:
    yield folders.dissector, _marked(b"-- ", dissector_path().read_bytes())
    for name in _PROFILE_FILES:
        yield folders.profile / name, _marked(b"# ", (_HERE / "profile" / name).read_bytes())


def _marked(comment: bytes, content: bytes) -> bytes:
    return comment + _MARK.encode() + _digest(content) + b"\n" + content


def _digest(content: bytes) -> bytes:
    return sha256(content).hexdigest()[:_DIGEST_SIZE].encode()


def _is_foreign(path: Path) -> bool:
    """Whether something is there that we did not write, or not like this."""
    if not path.exists() and not path.is_symlink():
        return False
    head, _, content = path.read_bytes().partition(b"\n")
    return _MARK.encode() not in head or not head.endswith(_digest(content))


def _put(path: Path, content: bytes) -> Change:
    if not path.exists():
        outcome = Outcome.WRITTEN
    elif _is_foreign(path):
        return Change(path, Outcome.KEPT)
    elif path.read_bytes() == content:
        return Change(path, Outcome.UNCHANGED)
    else:
        outcome = Outcome.REPLACED
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    part.replace(path)
    return Change(path, outcome)

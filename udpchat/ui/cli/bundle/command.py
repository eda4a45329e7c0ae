"""`udpchat bundle`: the folder, complete or not there at all."""

from __future__ import annotations

import hashlib
import itertools
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final

import typer

from udpchat.ui.cli.bundle.gathering import gather, own_wheel
from udpchat.ui.cli.bundle.targets import SYSTEMS, THIS, Target, parse_python, parse_system, this_python
from udpchat.ui.cli.exits import CommandError, ExitCode
from udpchat.ui.cli.options import convert
from udpchat.ui.cli.render import visible
from udpchat.version import __version__

_TEMPLATES: Final = {"templates/install.sh": "\n", "templates/install.cmd": "\r\n", "templates/README.txt": "\r\n"}


def bundle(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make; not there yet, or empty.")],
    *,
    system: Annotated[
        list[str] | None,
        typer.Option(
            "--platform",
            metavar="SYSTEM",
            parser=convert(parse_system),
            help=f"Machines to install on: {THIS} (the default), {', '.join(SYSTEMS)}, or a tag of wheels. Repeatable.",
            show_default=False,
        ),
    ] = None,
    python: Annotated[
        list[str] | None,
        typer.Option(
            "--python",
            metavar="VERSION",
            parser=convert(parse_python),
            help="Their Python, such as 3.12; this one by default. Repeatable.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write an installer for machines without internet: wheels, scripts, a how-to and sums."""
    targets = [
        Target(*pair)
        for pair in itertools.product(dict.fromkeys(system or [THIS]), dict.fromkeys(python or [this_python()]))
    ]
    folder = folder.expanduser().absolute()
    with _appearing(folder) as place:
        wheels = place / "wheels"
        wheels.mkdir()
        own = own_wheel(wheels)
        for target in targets:
            gather(target, own, wheels)
        _write_installer(place, targets)
        _write_sums(place)
        count, size = _extent(wheels)
    print(f"{visible(str(folder))}: {count} wheels, {size / 1e6:.1f} MB, for {_listed(targets)}")
    print("copy it to the other machines and run there: sh install.sh, or install.cmd on Windows")


@contextmanager
def _appearing(folder: Path) -> Iterator[Path]:
    """A folder to fill, which gets its name when all went well, and else goes. CommandError, OSError."""
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise CommandError(ExitCode.LOCAL_FILE, f"{folder} is there already: name a folder that is not, or is empty")
    folder.parent.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix=f"{folder.name}.unfinished-", dir=folder.parent))
    try:
        yield place
        place.chmod(0o755)
        if folder.exists():
            folder.rmdir()  # empty: a rename onto it is not taken everywhere
        place.rename(folder)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise


def _write_installer(place: Path, targets: list[Target]) -> None:
    pythons = " ".join(dict.fromkeys(target.python for target in targets))
    words = {"@PYTHONS@": pythons, "@TARGETS@": _listed(targets), "@VERSION@": __version__}
    for name, line_end in {"install.py": "\n", **_TEMPLATES}.items():
        text = files("udpchat.ui.cli.bundle").joinpath(name).read_text("utf-8")
        for word, meaning in words.items():
            text = text.replace(word, meaning)
        (place / Path(name).name).write_text(text, "utf-8", newline=line_end)
    (place / "install.sh").chmod(0o755)


def _write_sums(place: Path) -> None:
    names = sorted(path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file())
    lines = [f"{hashlib.sha256((place / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (place / "SHA256SUMS").write_text("".join(lines), "utf-8", newline="\n")


def _extent(wheels: Path) -> tuple[int, int]:
    sizes = [path.stat().st_size for path in wheels.iterdir()]
    return len(sizes), sum(sizes)


def _listed(targets: list[Target]) -> str:
    return ", ".join(str(target) for target in targets)

"""Installs udpchat from the folder of this file into a virtual environment: no network, nothing else is touched.

It goes into bundles as it is and runs alone there, also with Pythons that are too old, to say so.
"""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import venv

HERE = pathlib.Path(__file__).resolve().parent
WHEELS = HERE / "wheels"
PYTHONS = "@PYTHONS@".split()  # noqa: SIM905 - several words take the place of one
TARGETS = "@TARGETS@"


def main() -> None:
    """Install into the folder that is named, ~/udpchat by default."""
    if len(sys.argv) > 2 or any(argument.startswith("-") for argument in sys.argv[1:]):
        sys.exit("usage: install [FOLDER]     (the folder to install into, ~/udpchat by default)")
    target = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "~/udpchat").expanduser().absolute()
    version = ".".join(str(number) for number in sys.version_info[:2])
    if version not in PYTHONS:
        sys.exit(f"this bundle is for {TARGETS}; this is Python {version}")
    is_new = not (target / "pyvenv.cfg").is_file()
    if is_new and target.exists() and (not target.is_dir() or any(target.iterdir())):
        sys.exit(f"{target} is there and is no installation of udpchat: name another folder, or move it away")
    check_sums()
    try:
        install(target, is_new)
    except (OSError, subprocess.CalledProcessError) as error:
        if is_new:
            shutil.rmtree(str(target), ignore_errors=True)
        sys.exit(f"udpchat was not installed: {error}\nthis bundle is for {TARGETS}")
    program = target / ("Scripts/udpchat.exe" if os.name == "nt" else "bin/udpchat")
    print(f"udpchat is installed. Start it with\n  {program}")


def check_sums() -> None:
    """Every file must be as it was when the bundle was made."""
    for line in (HERE / "SHA256SUMS").read_text("utf-8").splitlines():
        expected, _, name = line.partition("  ")
        path = HERE / name
        if not path.is_file():
            sys.exit(f"{name} is missing: copy the whole bundle again")
        if hashlib.sha256(path.read_bytes()).hexdigest() != expected:
            sys.exit(f"{name} is damaged: copy the bundle again")


def install(target: pathlib.Path, is_new: bool) -> None:
    """Make the environment unless it is there, and put the wheels into it."""
    pips = sorted(WHEELS.glob("pip-*.whl"))
    if is_new:
        venv.create(str(target), with_pip=not pips, symlinks=os.name != "nt")
    python = target / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    # The pip of the bundle runs from its wheel: Debian's Python has none of its own.
    pip = [str(pips[-1] / "pip")] if pips else ["-m", "pip"]
    options = ["--isolated", "--no-index", "--no-cache-dir", "--disable-pip-version-check", "--quiet"]
    options += ["--force-reinstall", "--find-links", str(WHEELS)]  # also over the same version, made of newer sources
    wanted = ["udpchat", "pip"] if pips else ["udpchat"]  # with pip, bundles can be made of this installation too
    subprocess.run([str(python), *pip, "install", *options, *wanted], check=True)


if __name__ == "__main__":
    main()

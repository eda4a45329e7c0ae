"""Wheels made of what is installed, and what a bundle for other machines has to fetch."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import zipfile
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

from udpchat.ui.cli.bundle.gathering import plain
from udpchat.ui.cli.bundle.wheel import UnpackableError, repack

INFO = "tiny-1.0.dist-info"


def digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def tiny_wheel(folder: Path) -> Path:
    """A wheel with a module, a program that the installer makes, a script, and a file that goes beside the library."""
    files = {
        "tiny.py": "def main():\n    print('tiny')\n",
        "tiny-1.0.data/scripts/tiny-script": "#!python\nprint('script')\n",
        "tiny-1.0.data/data/share/tiny/help.txt": "help\n",
        f"{INFO}/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        f"{INFO}/WHEEL": "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{INFO}/entry_points.txt": "[console_scripts]\ntiny = tiny:main\n",
    }
    path = folder / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        rows = [f"{name},sha256={digest(text)},{len(text)}\n" for name, text in files.items()]
        archive.writestr(f"{INFO}/RECORD", "".join([*rows, f"{INFO}/RECORD,,\n"]))
    return path


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The library folder of a Python with the tiny wheel in it."""
    prefix = tmp_path / "prefix"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--isolated",
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
        "--ignore-installed",
    ]
    subprocess.run([*pip, "--prefix", str(prefix), "--no-warn-script-location", str(tiny_wheel(tmp_path))], check=True)
    monkeypatch.setattr(sys, "prefix", str(prefix))
    return next(prefix.glob("lib/python3.*/site-packages"))


def test_a_wheel_made_of_an_installation_has_what_the_first_had(site: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    made = repack(PathDistribution(site / INFO), tmp_path / "out")
    assert made.name == "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(made) as new, zipfile.ZipFile(tmp_path / made.name) as old:
        assert sorted(new.namelist()) == sorted(old.namelist())
        for name in set(old.namelist()) - {f"{INFO}/RECORD"}:
            assert new.read(name) == old.read(name), name


def test_the_same_installation_gives_the_same_wheel(site: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, two = (repack(PathDistribution(site / INFO), tmp_path / name).read_bytes() for name in ("one", "two"))
    assert one == two


def test_an_installation_that_was_changed_gives_no_wheel(site: Path, tmp_path: Path) -> None:
    (site / "tiny.py").write_text("print('other')\n")
    with pytest.raises(UnpackableError, match=r"tiny was changed after it was installed: tiny\.py"):
        repack(PathDistribution(site / INFO), tmp_path)


def test_an_installation_that_misses_a_file_gives_no_wheel(site: Path, tmp_path: Path) -> None:
    (site / "tiny.py").unlink()
    with pytest.raises(UnpackableError, match=r"tiny is damaged: tiny\.py cannot be read"):
        repack(PathDistribution(site / INFO), tmp_path)


def test_an_installation_in_development_mode_gives_no_wheel(site: Path, tmp_path: Path) -> None:
    (site / INFO / "direct_url.json").write_text('{"url": "file:///x", "dir_info": {"editable": true}}')
    with pytest.raises(UnpackableError, match="development mode"):
        repack(PathDistribution(site / INFO), tmp_path)


def test_what_other_systems_need_is_fetched_whatever_its_condition_but_no_extras() -> None:
    found = plain(["click>=8", 'colorama; platform_system == "Windows"', "pytest>=8; extra == 'dev'"])
    assert found == ["click>=8", "colorama"]

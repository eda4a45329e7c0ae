"""Files and folders to send in tests: of all sizes that matter, made from a seed; and what they are, to compare."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from random import Random
from typing import Final

from udpchat.config import KIB, MIB

SIZES: Final = (0, 1, 1_164, 4 * KIB, 64 * KIB, MIB - 1, MIB, MIB + 1, 3 * MIB, 9 * MIB)
NAMES: Final = ("notes", "你好", "Ünïcödé", "a b c", "résumé", "данные", "صور", "x" * 60)


def make_goods(folder: Path, seed: str, count: int) -> None:
    """So many files and folders, every fifth a folder, each under a name of its own."""
    random = Random(f"goods {seed}")
    folder.mkdir(parents=True)
    for number in range(count):
        path = folder / f"{seed} {number} {random.choice(NAMES)}"
        if number % 5 == 4:
            make_tree(path, random, members=random.choice((0, 1, 30, 300)))
        else:
            path.with_name(path.name + ".bin").write_bytes(random.randbytes(random.choice(SIZES)))


def make_tree(path: Path, random: Random, members: int) -> None:
    """A folder with files of all sizes, folders in it, some of them empty."""
    path.mkdir()
    inside = [path]
    for number in range(members):
        place = random.choice(inside)
        if number % 10 == 9:
            place = place / f"folder {number}"
            place.mkdir()
            inside.append(place)
        name = place / f"{number} {random.choice(NAMES)}.txt"
        name.write_bytes(random.randbytes(random.choice((0, 1, 700, 4 * KIB, 4 * KIB, 20 * KIB))))
        if number % 7 == 0:
            name.chmod(0o755)


def fingerprint(path: Path) -> str:
    """Of a file its SHA-256; of a folder that of all names, kinds, executable bits and contents in it."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    found = hashlib.sha256()
    for each in sorted(path.rglob("*"), key=lambda each: each.relative_to(path).as_posix()):
        is_file = each.is_file()
        kind = "file" if is_file else "folder"
        mode = os.stat(each).st_mode & 0o100 if is_file else 0
        found.update(f"{each.relative_to(path).as_posix()}\0{kind}\0{mode}\0".encode())
        found.update(hashlib.sha256(each.read_bytes()).digest() if is_file else b"")
    return found.hexdigest()

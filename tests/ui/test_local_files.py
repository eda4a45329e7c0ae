from pathlib import Path

import pytest

from udpchat.errors import StorageError
from udpchat.ui.cli import local_files
from udpchat.ui.cli.local_files import list_local, local_table


def fill(folder: Path) -> None:
    (folder / "b" / "c").mkdir(parents=True)
    (folder / "b" / "c" / "deep.bin").write_bytes(bytes(1_500))
    (folder / "b" / "x.txt").write_text("x")
    (folder / "a.txt").write_text("12345")
    (folder / ".hidden").write_text("x")


def test_a_folder_is_listed_with_all_below_it(tmp_path: Path) -> None:
    fill(tmp_path)
    found, is_all = list_local(tmp_path)
    assert [(each.path, each.size) for each in found if not each.is_folder] == [
        ("a.txt", 5),
        ("b/c/deep.bin", 1_500),
        ("b/x.txt", 1),
    ]
    assert [each.path for each in found if each.is_folder] == ["b", "b/c"]
    lines = local_table(found, is_all=is_all)
    assert lines[-1] == "3 files here, 1.5 kB"
    assert lines[2].endswith(" b/c/")


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing")
    found, is_all = list_local(tmp_path)
    assert [(each.path, each.is_folder) for each in found] == [("again", False), ("nowhere", False)]
    assert is_all


@pytest.mark.parametrize(("most", "listed", "is_all"), [(4, 4, False), (5, 5, True), (6, 5, True)])
def test_a_long_list_ends_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, listed: int, is_all: bool
) -> None:
    fill(tmp_path)
    monkeypatch.setattr(local_files, "MAX_LISTED", most)
    found, complete = list_local(tmp_path)
    assert (len(found), complete) == (listed, is_all)
    assert ("not listed" in local_table(found, is_all=complete)[-1]) is not is_all


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("file", "missing", "a\0b"):
        with pytest.raises(StorageError, match="list"):
            list_local(tmp_path / name)


def test_a_hostile_name_is_shown_not_obeyed(tmp_path: Path) -> None:
    (tmp_path / "red\x1b[31m").touch()
    found, _ = list_local(tmp_path)
    assert local_table(found, is_all=True)[0].endswith("red<U+001B>[31m")

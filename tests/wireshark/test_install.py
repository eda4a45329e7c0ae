"""Installing the dissector and the profile, and leaving alone what is not ours."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from tests.tools import require_tool
from udpchat.errors import StorageError
from udpchat.wireshark.install import (
    Change,
    Folders,
    Outcome,
    default_folders,
    dissector_path,
    find_folders,
    folders_below,
    install,
    uninstall,
)

FILES = 4  # the dissector and three of the profile


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return folders_below(tmp_path / "wireshark")


def outcomes(changes: list[Change]) -> set[Outcome]:
    return {change.outcome for change in changes}


def fake_program(path: Path, said: str, code: int = 0) -> str:
    path.write_text(f"#!{sys.executable}\nimport sys\nsys.stdout.write({said!r})\nsys.exit({code})\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_installing_writes_the_dissector_and_the_profile(folders: Folders) -> None:
    changes = install(folders)
    assert len(changes) == FILES
    assert outcomes(changes) == {Outcome.WRITTEN}
    assert folders.dissector.read_bytes().endswith(dissector_path().read_bytes())
    assert {path.name for path in folders.profile.iterdir()} == {"colorfilters", "dfilter_buttons", "preferences"}
    assert not list(folders.plugins.glob("*.part"))


def test_installing_again_changes_nothing(folders: Folders) -> None:
    install(folders)
    assert outcomes(install(folders)) == {Outcome.UNCHANGED}


def test_uninstalling_leaves_nothing_of_ours(folders: Folders) -> None:
    install(folders)
    changes = uninstall(folders)
    assert len(changes) == FILES
    assert outcomes(changes) == {Outcome.REMOVED}
    assert not folders.dissector.exists()
    assert not folders.profile.exists()
    assert uninstall(folders) == []


def test_another_version_of_ours_is_replaced(folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other.lua"
    other.write_text("-- an older dissector\n")
    with monkeypatch.context() as patched:
        patched.setattr("udpchat.wireshark.install.dissector_path", lambda: other)
        install(folders)
    changes = {change.path: change.outcome for change in install(folders)}
    assert changes[folders.dissector] is Outcome.REPLACED
    assert folders.dissector.read_bytes().endswith(dissector_path().read_bytes())


def test_a_foreign_file_in_the_place_of_the_dissector_ends_it_before_anything_is_written(folders: Folders) -> None:
    folders.plugins.mkdir(parents=True)
    folders.dissector.write_text("-- mine\n")
    with pytest.raises(StorageError, match="move it away"):
        install(folders)
    assert folders.dissector.read_text() == "-- mine\n"
    assert not folders.profile.exists()


def test_what_was_changed_since_is_left_alone(folders: Folders) -> None:
    install(folders)
    for path in (folders.dissector, folders.profile / "colorfilters"):
        path.write_text(path.read_text() + "\n")
    with pytest.raises(StorageError):
        install(folders)
    changes = {change.path.name: change.outcome for change in uninstall(folders)}
    assert changes["udpchat.lua"] is changes["colorfilters"] is Outcome.KEPT
    assert changes["preferences"] is Outcome.REMOVED
    assert folders.dissector.exists()


def test_a_profile_of_that_name_keeps_its_files(folders: Folders) -> None:
    folders.profile.mkdir(parents=True)
    (folders.profile / "preferences").write_text("# my columns\n")
    (folders.profile / "recent").write_text("# of Wireshark\n")
    changes = {change.path.name: change.outcome for change in install(folders)}
    assert changes["preferences"] is Outcome.KEPT
    assert changes["colorfilters"] is Outcome.WRITTEN
    uninstall(folders)
    assert {path.name for path in folders.profile.iterdir()} == {"preferences", "recent"}


def test_a_folder_that_cannot_be_made_is_an_error_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        install(folders_below(tmp_path / "file"))


@pytest.mark.parametrize(
    ("platform", "environment", "plugins", "configuration"),
    [
        ("linux", {"HOME": "/h"}, "/h/.local/lib/wireshark/plugins", "/h/.config/wireshark"),
        ("darwin", {"HOME": "/h", "XDG_CONFIG_HOME": "/c"}, "/h/.local/lib/wireshark/plugins", "/c/wireshark"),
        ("win32", {"HOME": "/h", "APPDATA": "/a"}, "/a/Wireshark/plugins", "/a/Wireshark"),
        ("win32", {"HOME": "/h"}, "/h/AppData/Roaming/Wireshark/plugins", "/h/AppData/Roaming/Wireshark"),
    ],
)
def test_the_usual_folders_are_those_of_the_manual(
    platform: str, environment: dict[str, str], plugins: str, configuration: str
) -> None:
    assert default_folders(platform, environment) == Folders(Path(plugins), Path(configuration))


def test_the_program_is_asked_where_its_folders_are(tmp_path: Path) -> None:
    said = "Temp:\t/tmp\nPersonal configuration:\t/my/conf\nPersonal Lua Plugins:\t/my/plug ins\n"
    tshark = fake_program(tmp_path / "tshark", said)
    found = find_folders(find=lambda name: tshark if name == "tshark" else None, places=())
    assert found == Folders(Path("/my/plug ins"), Path("/my/conf"), asked=True)


def test_a_program_outside_the_search_path_is_found(tmp_path: Path) -> None:
    said = "Personal configuration:\t/my/conf\nPersonal Lua Plugins:\t/my/plugins\n"
    fake_program(tmp_path / "tshark", said)
    assert find_folders(find=lambda _: None, places=(tmp_path,)).configuration == Path("/my/conf")


def test_without_a_program_that_answers_the_usual_folders_are_taken(tmp_path: Path) -> None:
    silent = fake_program(tmp_path / "tshark", "Temp:\t/tmp\n", code=1)
    broken = tmp_path / "wireshark"
    broken.write_bytes(b"\0")
    broken.chmod(0o755)
    programs = {"tshark": silent, "wireshark": str(broken)}
    found = find_folders(find=programs.get, places=(), environment={"HOME": "/h"})
    assert found == default_folders(sys.platform, {"HOME": "/h"})


def test_tshark_itself_says_where_its_folders_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_tool("tshark")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "conf"))
    found = find_folders()
    assert found.asked
    assert found.configuration == tmp_path / "conf" / "wireshark"
    assert found.plugins.is_relative_to(tmp_path)

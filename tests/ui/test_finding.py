import pytest

from udpchat.errors import RefusedError
from udpchat.files.members import MemberInfo
from udpchat.files.ports import FileEntry
from udpchat.ui.cli.finding import SHELL_LISTS, find_file, find_members
from udpchat.wire.numbers import FileFlag, MemberFlag


def entry(number: int, name: str, owner: str = "anna", room: str = "lobby") -> FileEntry:
    return FileEntry(bytes([number]) * 16, name, 5, b"", 0, b"", owner, room=room, flags=FileFlag.FOLDER)


FILES = (entry(0x11, "plan.pdf"), entry(0x22, "notes.txt"), entry(0x23, "plan.pdf", "ben", "games"), entry(0x33, "x"))
HEX = entry(0x44, "11111111")  # a name that looks like an id


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("notes.txt", 0x22),
        ("plan.pdf", 0x23),  # the newest
        ("11111111", 0x11),
        ("11" * 16, 0x11),
        ("2222222222", 0x22),
    ],
)
def test_a_name_or_the_beginning_of_an_id_means_a_file(typed: str, found: int) -> None:
    assert find_file(FILES, typed).file_id[0] == found


def test_a_name_that_looks_like_an_id_is_a_name() -> None:
    assert find_file((*FILES, HEX), "11111111") == HEX


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("plan.pfd", "there is no file plan.pfd; did you mean plan.pdf?"),
        ("xyzzy.bin", "/files lists what there is"),
        ("1111111", "/files lists what there is"),  # too short for an id
        ("uplaod it", "did you mean /file upload?"),
        ("PLAN.PDF", "there is no file"),
    ],
)
def test_an_unknown_file_is_answered_with_the_nearest(typed: str, words: str) -> None:
    with pytest.raises(RefusedError) as refused:
        find_file(FILES, typed)
    assert words in str(refused.value)


def test_several_of_a_name_are_not_deleted_by_it() -> None:
    with pytest.raises(
        RefusedError, match=r"2 files are called plan\.pdf; name one by its id: 11111111 of anna, 23232323"
    ):
        find_file(FILES, "plan.pdf", is_unique=True)
    assert find_file(FILES, "23232323", is_unique=True).owner_nick == "ben"


def test_an_id_that_fits_several_is_refused() -> None:
    twins = (FILES[0], FileEntry(b"\x11" * 15 + b"\x12", "y", 5, b"", 0, b"", "anna"))
    with pytest.raises(RefusedError, match="several ids begin with 11111111; write more of it"):
        find_file(twins, "11111111")


def test_what_is_below_a_path_of_a_folder_is_found() -> None:
    folder = MemberInfo("2026", 0, flags=MemberFlag.DIRECTORY)
    members = (MemberInfo("2025.txt", 1), folder, MemberInfo("2026/a.jpg", 2), MemberInfo("20260", 3))
    assert find_members(FILES[0], members, "") == list(members)
    assert [each.path for each in find_members(FILES[0], members, "2026")] == ["2026", "2026/a.jpg"]
    with pytest.raises(RefusedError, match=r"did you mean 2026/a\.jpg\?"):
        find_members(FILES[0], members, "2026/a.jgp")


def test_in_a_shell_the_advice_is_a_command_of_the_shell() -> None:
    for typed in ("xyzzy.bin", "uplaod it"):
        with pytest.raises(RefusedError, match="; udpchat ls lists what there is"):
            find_file(FILES, typed, lists=SHELL_LISTS)
    with pytest.raises(RefusedError, match=r"; udpchat ls HOST plan\.pdf/ lists what is there"):
        find_members(FILES[0], (), "2026", lists=SHELL_LISTS)

import re

import pytest

from tests.ui.test_render import HOSTILE, is_safe
from udpchat.config import SECOND
from udpchat.files.events import Phase, Progress
from udpchat.files.local_ports import Direction, Transfer, Wish
from udpchat.files.members import NO_MD5, MemberInfo
from udpchat.files.ports import FileEntry, Media
from udpchat.files.stored_ports import FileMark
from udpchat.ui.cli.file_tables import (
    adopted_text,
    file_details,
    file_table,
    member_table,
    transfer_table,
    unfinished_line,
)
from udpchat.ui.cli.file_words import media_text, state_text
from udpchat.wire.numbers import FileFlag, FileState, MemberFlag, Priority

ID, MD5 = bytes(range(16)), bytes(range(16, 32))
TODAY = 1_800_000_000 * SECOND
FOLDER, PRIVATE = FileFlag.FOLDER, FileFlag.PRIVATE


def entry(name: str = "f.bin", nick: str = "anna", **values: object) -> FileEntry:
    return FileEntry(ID, name, 1_200_000, MD5, TODAY, b"", nick, **values)  # type: ignore[arg-type]


def transfer(name: str = "big.iso", **values: object) -> Transfer:
    parts = {"number": 2, "size": 10_000_000, "done": 4_300_000, **values}
    return Transfer(ID, Direction.UPLOAD, b"key", "/here/big.iso", name, **parts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("file", "shown"),
    [
        (entry(), "stored"),
        (entry(state=FileState.RECEIVING, present=516_000), "receiving 43%"),
        (entry(delivered=3), "delivered 3"),
        (entry(delivered=3, verified=3), "verified 3"),
        (entry(delivered=3, verified=2, opened=1), "delivered 3, verified 2, opened 1"),
        (entry(delivered=1, verified=1, opened=1), "opened 1"),
        (entry(flags=PRIVATE, recipient="ben", state=FileState.VERIFIED, verified=1), "verified"),
        (entry(flags=PRIVATE, recipient="ben", state=FileState.DECLINED), "declined"),
    ],
)
def test_a_state_says_how_far_a_file_is_and_with_how_many(file: FileEntry, shown: str) -> None:
    assert state_text(file) == shown


@pytest.mark.parametrize(
    ("media", "shown"),
    [
        (Media(), ""),
        (Media("image/png", 640, 480), "PNG 640 x 480"),
        (Media("image/jpeg"), "JPEG"),
        (Media("application/pdf"), "PDF"),
        (Media("text/plain"), "text"),
        (Media("audio/x-wav"), "WAV"),
        (Media("application/x-executable"), "program"),
        (Media("application/x-something"), "something"),
        (Media("a\x1b[2J"), "a<U+001B>[2J"),
    ],
)
def test_a_type_is_a_word(media: Media, shown: str) -> None:
    assert media_text(media.name, media.width, media.height) == shown


def test_a_list_of_files_has_columns_and_marks_as_chat_has() -> None:
    files = [
        entry(),
        entry("photos", flags=FOLDER, members=12, room="games", verified=2),
        entry("plan.pdf", flags=PRIVATE, recipient="ben", state=FileState.DELIVERED),
        entry("late.bin", state=FileState.RECEIVING, present=0, room="lobby"),
    ]
    lines = file_table(files)
    shown = [re.sub(r"(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d", "TIME", line) for line in lines]
    assert shown == [
        f"   1.2 MB  {MD5.hex()}  TIME  stored        anna: f.bin",
        f"   1.2 MB  {MD5.hex()}  TIME  verified 2    #games anna: photos/",
        f"   1.2 MB  {MD5.hex()}  TIME  delivered     @private anna -> ben: plan.pdf",
        f"   1.2 MB  {MD5.hex()}  TIME  receiving 0%  anna: late.bin",
        "4 files, 4.8 MB",
    ]
    assert file_table([]) == ["no files yet"]


def test_a_long_list_has_ids_types_and_ends() -> None:
    pictures = entry("a.png", media=Media("image/png", 64, 48), expires_at=TODAY)
    first, second, _ = file_table([pictures, entry("photos", flags=FOLDER, members=1)], is_long=True)
    assert first.startswith(f"{ID.hex()[:8]}  ")
    assert re.search(r"a\.png  \(PNG 64 x 48, until [^)]+\)$", first)
    assert second.endswith("photos/  (1 member, until it is deleted)")


def test_what_is_in_a_folder_is_listed_with_its_digests() -> None:
    lines = member_table(
        [
            MemberInfo("bin", 0, flags=MemberFlag.DIRECTORY),
            MemberInfo("bin/run", 1_500, TODAY, MemberFlag.EXECUTABLE, MD5),
            MemberInfo("empty", 0, md5=NO_MD5),
        ]
    )
    assert lines[0].split() == ["bin/"]
    assert lines[1].endswith("bin/run*")
    assert MD5.hex() in lines[1]
    assert lines[3] == "3 members, 1.5 kB"


def test_all_about_a_file_is_said_with_everybody_who_has_it() -> None:
    marks = [FileMark(1, "ben", FileState.OPENED, TODAY), FileMark(2, "carla", FileState.DECLINED, TODAY)]
    file = entry(media=Media("image/png", 64, 48), room="games", verified=1, opened=1)
    text = "\n".join(file_details(file, marks, ("/here/f.bin", MD5)))
    for words in ("PNG 64 x 48, by its content", "(1200000 bytes)", "everybody in #games", "opened 1", ID.hex()):
        assert words in text
    assert f"{MD5.hex()}, the same at the sender and at the server" in text
    assert f"{MD5.hex()}, /here/f.bin" in text
    assert re.search(r"ben: opened, .*\n  carla: declined, ", text)
    unfinished = "\n".join(file_details(entry(state=FileState.RECEIVING, flags=PRIVATE, recipient="ben"), []))
    assert "ben alone" in unfinished
    assert "the same at the sender" not in unfinished


def test_transfers_are_listed_in_their_order_with_what_they_wait_for() -> None:
    rows = [
        Progress(1, "b", 0, 10, transfer("b", number=1, place=2, size=10), Phase.QUEUED),
        Progress(1, "a", 5_000_000, 10_000_000, transfer("a", number=2, place=1, to="ben", priority=Priority.HIGH)),
        Progress(0, "c", 1, 10, transfer("c", number=3, place=3, size=10, rate=2_500_000), Phase.PAUSED, 300, 12),
    ]
    assert transfer_table(rows, {2: 11_200_000}) == [
        "  2  put   50% of   10.0 MB  running, 11.2 MB/s, high priority: a to @ben",
        "  1  put    0% of      10 B  queued: others go first: b",
        "  3  put   10% of      10 B  paused, 12 of 300 members, at most 2.5 MB/s: c",
    ]
    assert transfer_table([]) == ["no transfers"]


@pytest.mark.parametrize(
    ("written", "line"),
    [
        (transfer(), "  2  put   43% of   10.0 MB  waits for its program: big.iso 127.0.0.1:1"),
        (transfer(is_elsewhere=True), "  2  put   43% of   10.0 MB  running: big.iso 127.0.0.1:1"),
        (transfer(wish=Wish.PAUSE), "  2  put   43% of   10.0 MB  paused: big.iso 127.0.0.1:1"),
        (
            transfer(size=0, text="the disk is full"),
            f"  2  put  {' ' * 17}  waits for its program: big.iso 127.0.0.1:1 (the disk is full)",
        ),
    ],
)
def test_a_transfer_that_is_written_down_says_what_becomes_of_it(written: Transfer, line: str) -> None:
    assert unfinished_line(written, "127.0.0.1:1") == line


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (transfer(), "[2] the upload of big.iso (43% of 10.0 MB) goes on"),
        (transfer(wish=Wish.PAUSE), "is paused; /resume 2 lets it go on"),
        (transfer(is_elsewhere=True), "is in the hands of another program of yours"),
        (transfer(size=0), "(begun) goes on"),
    ],
)
def test_a_transfer_of_an_earlier_run_is_told_in_a_line(written: Transfer, words: str) -> None:
    assert words in adopted_text(written)


def test_hostile_names_are_shown_not_obeyed() -> None:
    file = entry(HOSTILE, HOSTILE, room=HOSTILE, media=Media(HOSTILE))
    private = entry(HOSTILE, HOSTILE, recipient=HOSTILE, flags=PRIVATE)
    written = transfer(HOSTILE, room=HOSTILE, to=HOSTILE, text=HOSTILE)
    lines = [
        *file_table([file, private], is_long=True),
        *member_table([MemberInfo(HOSTILE, 5)]),
        *file_details(file, [FileMark(1, HOSTILE, FileState.OPENED, 0)], (HOSTILE, MD5)),
        *file_details(private, []),
        *transfer_table([Progress(1, HOSTILE, 0, 5, written)]),
        unfinished_line(written, HOSTILE),
        adopted_text(written),
    ]
    assert all(is_safe(line) and len(line.splitlines()) == 1 for line in lines)

import pytest

from tests.ui.test_render import HOSTILE, is_safe
from udpchat.chat.events import (
    AccountHappened,
    Administered,
    BanInfo,
    Disconnected,
    FileSaid,
    LineSaid,
    NoticeGiven,
    PrivateSaid,
    Reconnecting,
    Returned,
    RoomInfo,
    SlowedDown,
    UserChanged,
    UserInfo,
    WaitingInQueue,
)
from udpchat.chat.ports import Attachment, Person
from udpchat.chat.text import nick_fault
from udpchat.config import SECOND
from udpchat.errors import ErrorCode
from udpchat.files.events import (
    Downloaded,
    FileDelivered,
    FileMarked,
    FileRemoved,
    FileShared,
    TransferFailed,
    TransferResting,
    UploadBegan,
    Uploaded,
)
from udpchat.files.local_ports import Direction, Transfer
from udpchat.files.ports import FileEntry
from udpchat.net.watchdog import FellSilent, HeardAgain
from udpchat.ui.cli.narrator import NOTICE, PLAIN, PRIVATE, QUIET, Narrator
from udpchat.ui.cli.sentences import Event, describe
from udpchat.ui.cli.tables import (
    HistoryPages,
    account_table,
    ban_table,
    person_table,
    room_table,
    seen_line,
    user_table,
)
from udpchat.wire.numbers import AdminAction, Change, FileFlag, FileState, RoomFlag, UserFlag

ONE, OTHER = bytes(range(16)), bytes(16)
TODAY = 1_800_000_000 * SECOND
DAY = 24 * 3600 * SECOND


def entry(name: str = "f.bin", nick: str = "anna", size: int = 5) -> FileEntry:
    return FileEntry(OTHER, name, size, ONE, 0, b"", nick)


def attachment(name: str = "f.bin", media: str = "", *, members: int = 0) -> Attachment:
    flags = FileFlag.FOLDER if members else FileFlag(0)
    return Attachment(OTHER, name, 5, ONE, media, members=members, flags=flags)


def user(nick: str = "anna", flags: UserFlag = UserFlag.PRESENT, *, joined_at: int = TODAY, away: str = "") -> UserInfo:
    return UserInfo(nick, joined_at, TODAY + SECOND, flags, away)


def events(text: str) -> list[Event]:
    return [
        *(UserChanged(text, change, 2, text, room=text, text=text) for change in Change),
        UserChanged(text, Change.JOINED, 2, flags=UserFlag.LOOKALIKE, text=text),
        LineSaid(1, 0, text, text, text),
        PrivateSaid(1, 0, text, text, text),
        FileSaid(1, 0, text, text, attachment(text)),
        NoticeGiven(0, text),
        Reconnecting(ErrorCode.IDLE_TIMEOUT, text, 1, 0),
        Returned(text, 2, 12 * SECOND),
        AccountHappened(text, text, text),
        *(Administered(text, action, text, text) for action in AdminAction),
        UploadBegan(text, text, 5),
        FileShared(text, entry(text, text), OTHER),
        FileDelivered(text, entry(text, text), ONE),
        FileSaid(1, 0, "", text, attachment(text), text),
        FileRemoved(text, entry(text, text)),
        FileRemoved("", entry(text, text)),
        FileRemoved("", entry(text, text), text),
        *(FileMarked(OTHER, text, text, state, 0) for state in FileState),
        TransferFailed(0, text, text, 64, text),
        TransferFailed(0, "", text, ErrorCode.CANCELLED, text),
        TransferFailed(0, "", text, ErrorCode.NO_SPACE, text, number=3),
        *(
            TransferResting(1, Transfer(OTHER, Direction.UPLOAD, b"", text, text, text=text), text, is_tried_again=each)
            for each in (False, True)
        ),
        Uploaded(1, text, 5, ONE, ONE, OTHER, 0, 1_000_000, members=3, left_out=(text, text), earlier=2),
        Downloaded(1, text, 5, ONE, OTHER, text, 0, 1_000_000, OTHER, 3, 2),
        Disconnected(ErrorCode.KICKED, text, remote=True),
    ]


@pytest.mark.parametrize("event", events(HOSTILE), ids=lambda event: type(event).__name__)
def test_every_event_with_hostile_text_is_one_safe_line(event: Event) -> None:
    for line in (describe(event), Narrator().line(event)):
        assert is_safe(line)
        assert len(line.splitlines()) == 1


def test_lists_with_hostile_names_are_safe() -> None:
    present = UserFlag.PRESENT | UserFlag.ACCOUNT
    lines = [
        *user_table([user(HOSTILE, present, away=HOSTILE)]),
        *account_table([user(HOSTILE, present)]),
        *room_table([RoomInfo(HOSTILE, HOSTILE, HOSTILE, 0, 1, RoomFlag.MEMBER)]),
        *ban_table([BanInfo(HOSTILE, HOSTILE, HOSTILE, 0)]),
        *person_table([Person(1, HOSTILE, is_account=True)]),
        seen_line(user(HOSTILE, present, away=HOSTILE)),
        *HistoryPages(Narrator().said).lines([LineSaid(1, 0, HOSTILE, HOSTILE, HOSTILE)]),
    ]
    assert all(is_safe(line) for line in lines)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (LineSaid(1, TODAY, "lobby", "anna", "hi"), " anna: hi"),
        (LineSaid(1, TODAY, "games", "anna", "hi"), " #games anna: hi"),
        (PrivateSaid(1, TODAY, "anna", "ben", "hi"), " @private anna -> ben: hi"),
        (PrivateSaid(1, TODAY, "anna", "ben", ""), " @private anna -> ben"),  # at the server
        (FileSaid(1, TODAY, "lobby", "anna", attachment()), f" anna sent the file f.bin (5 B, MD5 {ONE.hex()})"),
        (
            FileSaid(1, TODAY, "games", "anna", attachment(media="application/pdf")),
            f" #games anna sent the file f.bin (5 B, PDF, MD5 {ONE.hex()})",
        ),
        (
            FileSaid(1, TODAY, "", "anna", attachment("photos", members=3), "ben"),
            f" @private anna -> ben sent the folder photos (3 members, 5 B, MD5 {ONE.hex()})",
        ),
        (FileMarked(OTHER, "f.bin", "ben", FileState.DELIVERED, 0), " f.bin has reached ben"),
        (FileMarked(OTHER, "f.bin", "ben", FileState.VERIFIED, 0), " ben has f.bin, whole and with the right MD5"),
        (FileMarked(OTHER, "f.bin", "ben", FileState.OPENED, 0), " ben has opened f.bin"),
        (FileMarked(OTHER, "f.bin", "ben", FileState.DECLINED, 0), " ben does not want f.bin"),
        (FileRemoved("anna", entry()), " anna deleted f.bin (5 B)"),
        (FileRemoved("ben", entry()), " ben deleted f.bin of anna (5 B)"),
        (FileRemoved("", entry()), " f.bin of anna (5 B) is gone: its time was over"),
        (FileRemoved("", entry(), "it was damaged"), " f.bin of anna (5 B) is gone: it was damaged"),
        (
            TransferResting(1, Transfer(OTHER, Direction.UPLOAD, b"", "f", "f.bin", number=3), "full", True),
            " [3] f.bin waits, and is tried again by itself: full",
        ),
        (
            Uploaded(1, "photos", 1_000_000, ONE, ONE, OTHER, 0, SECOND, 3, ("pipe", "out"), 0, 500_000),
            " * uploaded photos (3 members, 1.0 MB in 1.00 s, 500.0 kB/s, 500.0 kB of it before),"
            f" MD5 {ONE.hex()} here and at the server;"
            " left out, for they are no files, lead out of the folder, or are udpchat's own: pipe, out",
        ),
        (
            Downloaded(1, "f", 5, ONE, ONE, "/here/f (2)", 0, SECOND),
            f" * downloaded f to /here/f (2) (5 B in 1.00 s, 5 B/s), MD5 {ONE.hex()} at the server and here",
        ),
        (UserChanged("anna", Change.JOINED, 2), " anna joined, 2 users are here"),
        (UserChanged("anna", Change.LEFT, 1), " anna left, 1 user is here"),
        (UserChanged("anna", Change.LOST, 0, text="timed out"), " anna was lost (timed out), 0 users are here"),
        (UserChanged("anna", Change.KICKED, 2, text="too loud"), " anna was kicked (too loud), 2 users are here"),
        (UserChanged("anna", Change.BANNED, 2), " anna was banned, 2 users are here"),
        (UserChanged("anna", Change.AWAY, 2, text="lunch"), " anna is away (lunch)"),
        (UserChanged("anna", Change.BACK, 2), " anna is back"),
        (UserChanged("anna", Change.ENTERED, 2, room="games"), " anna entered #games, 2 users are here"),
        (UserChanged("anna", Change.WENT, 1, room="games"), " anna left #games, 1 user is here"),
        (UserChanged("anna", Change.TOPIC, 2, room="games", text="chess"), " anna set the topic of #games: chess"),
        (
            UserChanged("аnna", Change.JOINED, 2, flags=UserFlag.LOOKALIKE, text="anna"),
            " аnna (looks like anna) joined, 2 users are here",
        ),
        (Reconnecting(5, "the server is silent", 1, 0), "connection lost (the server is silent); trying to come back"),
        (TransferFailed(0, "", "f.bin", ErrorCode.CANCELLED, "cancelled"), " * the transfer of f.bin is cancelled"),
        (
            TransferFailed(0, "", "f.bin", ErrorCode.NO_SPACE, "the disk is full", number=3),
            " * [3] f.bin rests: the disk is full; /resume 3 tries it again",
        ),
        (FellSilent(5_000_000), " * nothing heard from the server for 5.00 s; trying on"),
        (HeardAgain(12_340_000), " * the server is heard again after 12.3 s"),
        (Returned("anna", 3, 12_340_000), " back as anna after 12.3 s; 3 users are here"),
        (SlowedDown(250_000), "your lines wait 0.25 s each, none is lost"),
        (WaitingInQueue(3, 10), "the server is full (10 users): you are number 3 in the queue"),
        (AccountHappened("anna", "192.0.2.7:5", "wrong password"), " account anna from 192.0.2.7:5: wrong password"),
        (Administered("", AdminAction.BAN, "eve", "spam"), " the administrator banned eve: spam"),
        (Administered("root", AdminAction.UNBAN, "eve", ""), " root lifted the ban of eve"),
    ],
)
def test_an_event_is_told_in_a_sentence(event: Event, words: str) -> None:
    line = describe(event)
    assert words in line
    if not isinstance(event, SlowedDown | WaitingInQueue | Reconnecting):
        assert line.endswith(words)


@pytest.mark.parametrize("nick", ["@private", "#games", "!x", "/x"])
def test_what_marks_a_private_line_cannot_begin_a_nickname(nick: str) -> None:
    assert nick_fault(nick) is not None


def test_equal_digests_are_told_once_and_different_ones_stand_out() -> None:
    same = describe(FileShared("anna", entry(), ONE))
    assert same.count(ONE.hex()) == 1
    assert "DIFFERS" not in same
    different = describe(FileShared("anna", entry(), OTHER))
    assert "MD5 DIFFERS" in different
    assert ONE.hex() in different
    assert OTHER.hex() in different


def test_whoever_looks_like_somebody_else_is_named_so_in_every_line_until_another_has_the_name() -> None:
    narrator = Narrator()
    narrator.line(UserChanged("аnna", Change.JOINED, 2, flags=UserFlag.LOOKALIKE, text="anna"))
    line = LineSaid(1, TODAY, "lobby", "аnna", "send me money")
    assert narrator.line(line).endswith(" аnna (looks like anna): send me money")
    private = PrivateSaid(1, TODAY, "аnna", "ben", "hi")
    assert narrator.line(private).endswith(" @private аnna (looks like anna) -> ben: hi")
    assert narrator.line(LineSaid(1, TODAY, "lobby", "anna", "hi")).endswith(" anna: hi")
    narrator.line(UserChanged("аnna", Change.JOINED, 2))
    assert narrator.line(line).endswith(" аnna: send me money")


def test_who_was_here_before_us_is_flagged_too() -> None:
    narrator = Narrator()
    narrator.learn([user("bеn", UserFlag.PRESENT | UserFlag.LOOKALIKE), user("ben")], "anna")
    assert narrator.said(LineSaid(1, TODAY, "lobby", "bеn", "hi")) == "bеn (looks like somebody else here): hi"
    assert narrator.said(LineSaid(1, TODAY, "lobby", "ben", "hi")) == "ben: hi"


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (attachment("plan.pdf", "application/pdf"), ' anna offers you "plan.pdf" (5 B, PDF); /accept or /decline'),
        (attachment("photos", members=1), ' anna offers you the folder "photos" (1 member, 5 B); /accept or /decline'),
        (
            attachment("photo\u202egnp.js", "image/png"),
            ' anna offers you "photo<U+202E>gnp.js" (5 B, PNG); /accept or /decline',
        ),
    ],
)
def test_an_offer_says_who_what_and_what_to_do(file: Attachment, words: str) -> None:
    assert Narrator().offer(FileSaid(1, TODAY, "", "anna", file, "ben")).endswith(words)


def test_a_long_list_of_what_was_left_out_is_cut() -> None:
    names = tuple(f"link{number}" for number in range(7))
    line = describe(Uploaded(1, "f", 5, ONE, ONE, OTHER, 0, 1, 3, names))
    assert line.endswith("link0, link1, link2, link3, link4 and 2 more")


def test_colours_are_whole_and_only_where_they_are_wanted() -> None:
    colourful, line = Narrator(has_colours=True), LineSaid(1, TODAY, "lobby", "anna", "x")
    coloured: list[tuple[Event, str]] = [
        (PrivateSaid(1, TODAY, "anna", "ben", "x"), PRIVATE),
        (FileSaid(1, TODAY, "", "anna", attachment(), "ben"), PRIVATE),
        (NoticeGiven(TODAY, "x"), NOTICE),
        (UserChanged("a", Change.LEFT, 0), QUIET),
    ]
    for event, colour in coloured:
        shown = colourful.line(event)
        assert shown.startswith(colour)
        assert shown.endswith(PLAIN)
        assert "\x1b" not in Narrator().line(event)
    assert "\x1b" not in colourful.line(line)


def test_history_has_a_line_between_two_days() -> None:
    pages = HistoryPages(Narrator().said)
    lines = [LineSaid(number, TODAY + number * DAY // 2, "lobby", "anna", str(number)) for number in range(4)]
    shown = pages.lines(lines[:2]) + pages.lines(lines[2:])
    days = [line for line in shown if line.startswith("--- ")]
    assert 2 <= len(days) == len(set(days)) <= 3
    assert [line.rpartition(": ")[2] for line in shown if line not in days] == ["0", "1", "2", "3"]
    assert len(shown[1].split()[0]) == len("14:03:59")


@pytest.mark.parametrize("at", [2**63, 2**64 - 1])
def test_history_shows_any_time_that_a_server_claims(at: int) -> None:
    assert HistoryPages(Narrator().said).lines([LineSaid(1, at, "lobby", "anna", "hi")]) == ["??:??:?? anna: hi"]


def test_users_are_listed_with_what_is_known_of_them() -> None:
    admin = UserFlag.PRESENT | UserFlag.ACCOUNT | UserFlag.ADMIN
    lines = user_table([user("anna", admin), user("ben", away="lunch"), user("eve", UserFlag.LOOKALIKE)])
    assert lines[0].startswith("anna (administrator) since ")
    assert lines[1].startswith("ben (away: lunch) since ")
    assert lines[2].startswith("eve (looks like somebody else here) since ")
    assert lines[3] == "3 users are here"


def test_accounts_are_listed_with_who_is_absent() -> None:
    absent = UserInfo("carl", 0, TODAY, UserFlag.ACCOUNT, "")
    never = UserInfo("dora", 0, 0, UserFlag.ACCOUNT, "")
    lines = account_table([user("anna", UserFlag.PRESENT | UserFlag.ACCOUNT), absent, never])
    assert lines[0].startswith("anna (account) since ")
    assert lines[1].startswith("carl (account) not here, last seen ")
    assert lines[2:] == ["dora (account) not here, never seen", "3 accounts"]
    assert "is not here and was here last at " in seen_line(absent)
    assert seen_line(never).endswith("is not here and was never here")
    assert "is here since " in seen_line(user())


def test_empty_lists_say_so() -> None:
    assert ban_table([]) == ["nobody is banned"]
    assert person_table([]) == ["there are no accounts yet"]

"""What a server says that makes no sense ends one transfer, in words, and nothing else."""

from __future__ import annotations

import pytest

from tests.files.shop import CLEAN, act, finish, is_done, open_shop, put, upload
from tests.world import SERVER, End, World, client, connections
from udpchat.chat.events import Returned
from udpchat.chat.server import ChatServer
from udpchat.config import KIB, MAX_FOLDER_MEMBERS, MAX_REPAIRS, MILLISECOND, SECOND
from udpchat.errors import ErrorCode
from udpchat.files import asking, fetching
from udpchat.files.events import (
    Downloaded,
    FileDone,
    FileList,
    FileMarked,
    MarkList,
    Phase,
    TransferFailed,
    TransfersAdopted,
    Uploaded,
)
from udpchat.files.ports import FileEntry
from udpchat.files.server import FileServer
from udpchat.lab.world import Fitting
from udpchat.net.hosts import ChatAudience, ServerCore
from udpchat.protocol.connection import Connection
from udpchat.protocol.endpoint import ServerEndpoint
from udpchat.protocol.events import RecordReceived
from udpchat.protocol.service import Desk, Host
from udpchat.sim.disk import DiskSpec
from udpchat.sim.link import LinkSpec
from udpchat.store.memory import MemoryStore
from udpchat.wire.numbers import FileFlag, FileState, MemberFlag
from udpchat.wire.records import (
    Blocks,
    Cancel,
    Committed,
    Credit,
    Done,
    Fetch,
    File,
    Finished,
    ListFiles,
    Member,
    Missing,
    Offer,
    Open,
    Opened,
    Pace,
    Received,
    Record,
    Refused,
    State,
    WantBlocks,
)

SLOW = LinkSpec(rate=250_000, delay=5 * MILLISECOND)
ID = b"i" * 16
FILE = File(ID, 5, bytes(16), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, "", "ben", "lobby", "", "a.bin")


def offer(transfer_id: int = 2**31 + 9, size: int = 10, members: int = 0, flags: int = 0, file_id: bytes = ID) -> Offer:
    return Offer(transfer_id, file_id, size, bytes(16), bytes(32), 0, members, flags, "", "a.bin")


class Strange(FileServer):
    """A server that answers one kind of request as it is told to, the last answer again and again."""

    kind: type = type(None)
    answers: tuple[tuple[Record, ...], ...] = ()
    heard: int = 0  # records of that kind
    fetched: tuple[Fetch, ...] = ()  # what was asked for

    def on_record(self, received: RecordReceived, now: int) -> None:
        if isinstance(received.record, Fetch):
            self.fetched = (*self.fetched, received.record)
        if not isinstance(received.record, self.kind):
            super().on_record(received, now)
            return
        self.heard += 1
        answer, *later = self.answers
        self.answers = (*later,) if later else self.answers
        for record in answer:
            self._desk.send(received.connection_id, record, received.request_id)

    def answer(self, kind: type, *answers: tuple[Record, ...]) -> None:
        self.kind, self.answers = kind, answers


class StrangeWorld(World):
    """A world whose server is strange."""

    strange: Strange

    def start_server(self, store: MemoryStore | None = None) -> End:
        random = self.stream()
        endpoint = ServerEndpoint(self.config, self.keys, random.randbytes, wall_offset=self.setting.wall)
        desk = Desk(endpoint)
        chat = ChatServer(desk, self.config, endpoint.acceptor.make_token, random.randbytes, self.setting.wall)
        self.strange = Strange(desk, self.config, ChatAudience(chat), self.setting.wall)
        host = Host(endpoint, desk, (chat, self.strange), self.strange.on_part_failed)
        core = ServerCore(host, endpoint, desk, chat, self.strange)
        return self._add(core, SERVER, Fitting(), store)


def strange_shop(link: LinkSpec = CLEAN) -> tuple[StrangeWorld, End]:
    world = StrangeWorld(1, link)
    anna = world.add_client("anna")
    world.join(anna)
    return world, anna


def failure(world: World, end: End, request_id: int) -> TransferFailed:
    event = finish(world, end, request_id)
    assert isinstance(event, TransferFailed), event
    return event


def of_server(world: World) -> Connection:
    (connection,) = connections(world.server.core.endpoint)
    return connection


@pytest.mark.parametrize(
    "nonsense",
    [
        offer(members=MAX_FOLDER_MEMBERS + 1, flags=FileFlag.FOLDER),
        Opened(5, 100, 0, ()),
        Committed(ID, ID, ID, 0, "a.bin"),
    ],
    ids=["members", "OPENED", "COMMITTED"],
)
def test_an_offer_that_cannot_be_ends_the_download(nonsense: Record) -> None:
    world, anna = strange_shop()
    world.strange.answer(Fetch, (nonsense,))
    request_id = act(world, lambda: client(anna).files.get("a.bin"))
    assert failure(world, anna, request_id).code == ErrorCode.PROTOCOL_VIOLATION
    assert client(anna).files.progress() == []


def test_two_files_under_one_number_end_the_second_and_not_the_first() -> None:
    world, anna = strange_shop()
    world.strange.answer(Fetch, (offer(),), (offer(file_id=b"j" * 16),))
    first = act(world, lambda: client(anna).files.get("a.bin"))
    world.network.run_for(100 * MILLISECOND)
    second = act(world, lambda: client(anna).files.get("b.bin"))
    assert failure(world, anna, second).code == ErrorCode.PROTOCOL_VIOLATION
    assert not is_done(anna, first)
    assert client(anna).files.progress_of(first) is not None


def test_an_offer_of_another_file_than_was_asked_for_again_is_no_part_of_it() -> None:
    world, anna = strange_shop(SLOW)
    put(world, anna, bytes(200 * KIB))
    request_id = act(world, lambda: client(anna).files.get("a.bin"))
    world.network.run_for(400 * MILLISECOND)
    progress = client(anna).files.progress_of(request_id)
    assert progress is not None
    assert progress.done > 0
    number = progress.transfer.number
    world.do(lambda: client(anna).files.wishes.pause(number))
    world.strange.answer(Fetch, (offer(file_id=b"j" * 16),))
    world.do(lambda: client(anna).files.wishes.resume(number))
    failed = failure(world, anna, request_id)
    assert failed.code == ErrorCode.SOURCE_CHANGED
    assert "get it again" in failed.text


@pytest.mark.parametrize(
    "members",
    [
        [("../out", 10, 0)],
        [("/etc", 10, 0)],
        [("a", 5, 0), ("a", 5, 0)],
        [("a", 11, 0)],
        [("a", 9, 0)],
        [("a", 10, MemberFlag.DIRECTORY)],
        [("b/c", 10, 0)],
    ],
)
def test_an_index_that_cannot_be_ends_the_download(members: list[tuple[str, int, int]]) -> None:
    world, anna = strange_shop()
    made = offer(size=10, members=len(members), flags=FileFlag.FOLDER)
    records = [
        Member(made.transfer_id, number, size, 0, bytes(16), flags, path)
        for number, (path, size, flags) in enumerate(members)
    ]
    world.strange.answer(
        Fetch,
        (
            made,
            *records,
        ),
    )
    failed = failure(world, anna, act(world, lambda: client(anna).files.get("d")))
    assert failed.code in (ErrorCode.NAME_NOT_ALLOWED, ErrorCode.TOO_LARGE, ErrorCode.INCOMPLETE)
    assert client(anna).files.progress() == []


@pytest.mark.parametrize(
    "answer", [offer(), Opened(7, 100, 0, ((0, 2**50),)), Opened(0, 100, 0, ()), Opened(7, 2**52, 255, ())]
)
def test_an_answer_to_open_that_makes_no_sense_is_survived(answer: Record) -> None:
    world, anna = strange_shop()
    world.strange.answer(Open, (answer,))
    upload(world, anna, bytes(1_000))
    world.network.run_for(1_000 * MILLISECOND)
    world.do(lambda: client(anna).chat.say("still here"))
    world.network.run_for(100 * MILLISECOND)
    assert client(anna).chat.me.is_in or anna.told(TransferFailed)


@pytest.mark.parametrize(
    "record",
    [
        Credit(77, 1_000),
        Missing(77, ((0, 10),)),
        WantBlocks(77),
        Pace(77, 5, 9),
        Blocks(77, 0, bytes(32)),
        Cancel(77, 9_999, "no"),
        Cancel(0, 1, "no"),
        Member(77, 0, 1, 0, bytes(16), 0, "x"),
        Member(0, 0, 1, 0, bytes(16), 0, "x"),
        Finished(3),
        Done(),
        offer(),
    ],
    ids=lambda record: type(record).__name__,
)
def test_what_nobody_asked_for_changes_nothing(record: Record) -> None:
    world, (anna,) = open_shop("anna", link=SLOW)
    request_id = upload(world, anna, bytes(100 * KIB))
    world.network.run_for(100 * MILLISECOND)
    before = len(anna.events)
    of_server(world).send_record(record, 999)
    world.network.run_for(100 * MILLISECOND)
    assert len(anna.events) == before
    assert isinstance(finish(world, anna, request_id), Uploaded)


def test_missing_and_want_blocks_without_end_cost_no_more_than_the_file_again_and_three_readings() -> None:
    world, anna = strange_shop(SLOW)
    world.strange.answer(Blocks, ())
    size = 100 * KIB
    request_id = upload(world, anna, bytes(size))
    counters = world.network.link(anna.address, SERVER).counters
    world.run_until(lambda: counters.received_bytes > size // 2)
    for _ in range(50):
        for number in range(1, 4):
            of_server(world).send_record(WantBlocks(number))
            of_server(world).send_record(Missing(number, ((0, 2**52),)))
    assert isinstance(finish(world, anna, request_id), Uploaded)
    assert 1.4 * size < counters.received_bytes < 1.8 * size, "the half that had been sent went twice"
    assert world.strange.heard == MAX_REPAIRS


def test_a_state_that_a_later_server_knows_is_told_as_the_last_one_that_we_know() -> None:
    world, (anna,) = open_shop("anna")
    of_server(world).send_record(State(ID, 5, 200, "ben", "a.bin"))
    world.network.run_for(50 * MILLISECOND)
    assert anna.told(FileMarked) == [FileMarked(ID, "a.bin", "ben", FileState.STORED, 5)]


def test_a_file_that_was_deleted_meanwhile_ends_the_download_that_goes_on() -> None:
    world, (anna, ben) = open_shop("anna", "ben", link=SLOW)
    uploaded = put(world, ben, bytes(200 * KIB))
    request_id = act(world, lambda: client(anna).files.get("a.bin"))
    world.network.run_for(400 * MILLISECOND)
    progress = client(anna).files.progress_of(request_id)
    assert progress is not None
    world.do(lambda: client(anna).files.wishes.pause(progress.transfer.number))
    deleted = act(world, lambda: client(ben).files.ask.delete(uploaded.file_id))
    world.run_until(lambda: any(event.request_id == deleted for event in ben.told(FileDone)))
    world.do(lambda: client(anna).files.wishes.resume(progress.transfer.number))
    failed = failure(world, anna, request_id)
    assert failed.code == ErrorCode.UNKNOWN_FILE
    assert "removed" in failed.text


def test_the_server_hears_of_a_download_that_was_stored_while_it_was_away() -> None:
    world, (ben,) = open_shop("ben", link=SLOW)
    anna = world.add_client("anna", patience=None)
    world.join(anna)
    uploaded = put(world, ben, bytes(100 * KIB))
    act(world, lambda: client(anna).files.get("a.bin"))
    world.run_until(lambda: any(each.done > 0 for each in client(anna).files.progress()))
    anna.disk.spec = DiskSpec(delay=2 * SECOND)  # what storing takes
    world.run_until(lambda: any(each.done == each.size for each in client(anna).files.progress()))
    store = world.crash_server()
    world.run_until(lambda: bool(anna.told(Downloaded)))
    world.server = world.start_server(store)
    world.run_until(lambda: bool(anna.told(Returned)))
    world.network.run_for(10 * SECOND)
    carl = world.add_client("carl")
    world.join(carl)
    act(world, lambda: client(carl).files.ask.list_marks(uploaded.file_id))
    world.run_until(lambda: bool(carl.told(MarkList)))
    assert [(mark.nick, mark.state) for mark in carl.told(MarkList)[0].marks] == [("anna", FileState.VERIFIED)]
    act(world, client(anna).files.wishes.adopt)
    world.run_until(lambda: bool(anna.told(TransfersAdopted)))
    assert anna.told(TransfersAdopted)[0].transfers == (), "and nothing is left to be done"


def test_members_that_come_before_their_offer_are_taken() -> None:
    world, anna = strange_shop()
    made = offer(size=10, members=1, flags=FileFlag.FOLDER)
    world.strange.answer(Fetch, (Member(made.transfer_id, 0, 10, 0, bytes(16), 0, "a"), made))
    request_id = act(world, lambda: client(anna).files.get("d"))
    world.run_until(lambda: client(anna).files.progress()[0].phase is Phase.RUNNING)
    assert not is_done(anna, request_id)


def test_members_that_come_again_do_not_end_the_client() -> None:
    world, anna = strange_shop()
    made = offer(size=10, members=2, flags=FileFlag.FOLDER)
    world.strange.answer(Fetch, (made,))
    act(world, lambda: client(anna).files.get("d"))
    world.network.run_for(200 * MILLISECOND)
    server = of_server(world)
    server.send_record(Member(made.transfer_id, 0, 0, 0, bytes(16), 0, "a"), channel=1)
    for _ in range(2_100):  # together more than 64 bits have
        server.send_record(Member(made.transfer_id, 0, 2**53 - 1, 0, bytes(16), 0, "a"), channel=1)
    world.do(lambda: client(anna).chat.say("still here"))
    world.network.run_for(2 * SECOND)
    assert client(anna).chat.me.is_in
    assert client(anna).files.progress()[0].members == 1


def test_an_index_that_comes_before_its_offer_is_kept_as_far_as_an_index_can_be_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fetching, "MAX_INDEX_PATHS", 100)
    world, anna = strange_shop()
    world.strange.answer(Fetch, tuple(Member(77, number, 0, 0, bytes(16), 0, "x" * 60) for number in range(2)))
    request_id = act(world, lambda: client(anna).files.get("d"))
    assert failure(world, anna, request_id).code == ErrorCode.PROTOCOL_VIOLATION
    assert client(anna).files.progress() == []


def test_a_list_holds_records_of_its_own_kind_only() -> None:
    world, anna = strange_shop()
    others = Member(0, 0, 5, 0, bytes(16), 0, "x"), State(ID, 0, 2, "ben", "x")
    world.strange.answer(ListFiles, (*others, FILE, Finished(3)))
    act(world, client(anna).files.list_files)
    world.run_until(lambda: bool(anna.told(FileList)))
    assert [type(each) for each in anna.told(FileList)[0].files] == [FileEntry]


def test_a_list_that_is_longer_than_any_can_be_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "MAX_LIST_TEXT", 20)
    world, anna = strange_shop()
    world.strange.answer(ListFiles, (*[FILE] * 4, Finished(4)))
    failed = failure(world, anna, act(world, client(anna).files.list_files))
    assert failed.code == ErrorCode.TOO_LARGE
    assert "longer" in failed.text
    assert anna.told(FileList) == []


@pytest.mark.parametrize("code", [ErrorCode.TRY_LATER, ErrorCode.TOO_MANY_TRANSFERS])
def test_a_server_that_cannot_hear_of_a_stored_file_now_is_told_again(code: ErrorCode) -> None:
    world, anna = strange_shop()
    ben = world.add_client("ben")
    world.join(ben)
    put(world, ben, bytes(1_000))
    world.strange.answer(Received, (Refused(code, "later"),))
    done = finish(world, anna, act(world, lambda: client(anna).files.get("a.bin")))
    assert isinstance(done, Downloaded)
    world.network.run_for(500 * MILLISECOND)
    assert client(anna).files.is_settling
    world.strange.answer(type(None))
    world.network.run_for(3 * SECOND)
    assert not client(anna).files.is_settling
    act(world, lambda: client(anna).files.ask.list_marks(done.file_id))
    world.run_until(lambda: bool(anna.told(MarkList)))
    assert [mark.state for mark in anna.told(MarkList)[0].marks] == [FileState.VERIFIED]


def test_a_download_that_goes_on_names_no_more_runs_than_the_server_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "MAX_PART_RUNS", 1)
    world, anna = strange_shop(LinkSpec(rate=250_000, delay=5 * MILLISECOND, loss=0.1))
    put(world, anna, bytes(200 * KIB))
    request_id = act(world, lambda: client(anna).files.get("a.bin"))
    world.run_until(lambda: any(each.done > 100 * KIB for each in client(anna).files.progress()))
    number = client(anna).files.progress()[0].transfer.number
    world.do(lambda: client(anna).files.wishes.pause(number))
    world.network.run_for(500 * MILLISECOND)
    world.do(lambda: client(anna).files.wishes.resume(number))
    assert isinstance(finish(world, anna, request_id), Downloaded)
    assert [len(each.present) for each in world.strange.fetched] == [0, 0, 1]

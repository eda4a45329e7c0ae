"""Any order of requests and bytes: the server answers, refuses or closes, and its tables stay within their caps."""

from __future__ import annotations

import hashlib

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.protocol.forge import Forger
from udpchat.config import MIB, Config
from udpchat.files.events import FileShared
from udpchat.wire.numbers import AdminAction, FileFlag, FileState, Scope
from udpchat.wire.records import (
    Administer,
    Away,
    Blocks,
    Cancel,
    Commit,
    CreateRoom,
    Credit,
    DeleteFile,
    EnterRoom,
    Fetch,
    History,
    Join,
    LeaveRoom,
    ListFiles,
    ListMembers,
    ListRooms,
    ListStates,
    Login,
    Mark,
    Member,
    Missing,
    Open,
    Pace,
    Password,
    Read,
    Received,
    Record,
    Register,
    Say,
    Seen,
    SetTopic,
    Tell,
    Users,
    WantBlocks,
)

CONFIG = Config(plaintext=True, max_transfers=3, max_lists=2)
IDS = st.integers(0, 4).map(lambda number: bytes(15) + bytes([number]))
TRANSFERS = st.sampled_from([0, 1, 2, 3, 4, 5, 2**31 + 1, 2**31 + 2, 2**31 + 3, 2**32 - 1])
SIZES = st.sampled_from([0, 1, 1_000, 5_000, MIB, 2**53 - 1])
OFFSETS = st.sampled_from([0, 1, 500, 999, 1_000, 4_000, 2**53 - 1])
SEQUENCES = st.sampled_from([0, 1, 2, 50, 2**53 - 1])
ROOMS = st.sampled_from(["", "lobby", "tea", "no room", "\u202e"])
NICKS = st.sampled_from(["", "anna", "nobody", "\0"])
ACTIONS = st.sampled_from([*AdminAction, 99])
TALK: st.SearchStrategy[Record] = st.one_of(
    st.builds(Say, IDS, ROOMS, st.sampled_from(["x", "y", " "])),
    st.builds(Tell, IDS, NICKS, st.just("x")),
    st.builds(CreateRoom, ROOMS, st.sampled_from(["", "green", "x" * 999])),
    st.builds(EnterRoom, ROOMS),
    st.builds(LeaveRoom, ROOMS),
    st.builds(SetTopic, ROOMS, st.just("black")),
    st.builds(Seen, SEQUENCES),
    st.builds(Read, SEQUENCES, NICKS),
    st.builds(Away, st.sampled_from(["", "tea time"])),
    st.builds(
        History,
        room=ROOMS,
        nick=NICKS,
        sender=NICKS,
        recipient=NICKS,
        words=st.sampled_from(["", "x", "AND", '"*']),
        sent_from=SEQUENCES,
        sent_until=SEQUENCES,
        before=SEQUENCES,
        after=SEQUENCES,
        limit=st.sampled_from([0, 1, 501, 65_535]),
    ),
)
ASK: st.SearchStrategy[Record] = st.one_of(
    st.sampled_from([ListFiles(), ListFiles("lobby"), ListFiles("no room"), ListRooms()]),
    st.builds(ListMembers, IDS),
    st.builds(ListStates, IDS),
    st.builds(Mark, IDS, st.sampled_from([*FileState, 99])),
    st.builds(DeleteFile, IDS),
    st.builds(Users, st.sampled_from([*Scope, 99]), ROOMS),
    st.builds(Register, NICKS, st.just("correct horse")),
    st.builds(Login, NICKS, st.just("correct horse")),
    st.builds(Password, st.just("correct horse"), st.just("")),
    st.builds(Administer, ACTIONS, NICKS, st.just("why not")),
)
COUNTS = st.sampled_from([0, 1, 2, 100_001, 2**32 - 1])
FLAGS = st.integers(0, 255)
PATHS = st.sampled_from(["a", "a/b", "", "../a", "x" * 2_000, "\0"])
RUNS: st.SearchStrategy[tuple[tuple[int, int], ...]] = st.sampled_from([(), ((0, 1),), ((0, 2**53 - 1),)])
ABOUT_TRANSFERS: st.SearchStrategy[Record] = st.one_of(
    st.builds(WantBlocks, TRANSFERS),
    st.builds(Blocks, TRANSFERS, COUNTS, st.sampled_from([b"", b"odd", bytes(32), bytes(64)])),
    st.builds(Missing, TRANSFERS, RUNS),
    st.builds(Pace, TRANSFERS, st.sampled_from([0, 1, 2**53 - 1]), st.sampled_from([0, 1, 2, 99])),
)
EMPTY = hashlib.md5(b"", usedforsecurity=False).digest()
MD5S = st.sampled_from([bytes(16), EMPTY, hashlib.md5(b"\0", usedforsecurity=False).digest()])


class IllegalSequences(RuleBasedStateMachine):
    """A client that has joined and then sends what it likes."""

    def __init__(self) -> None:
        super().__init__()
        self.forger = Forger(CONFIG)

    @property
    def is_alive(self) -> bool:
        return self.forger.connection.is_alive

    @precondition(lambda self: self.is_alive)
    @rule(upload_id=IDS, size=SIZES, members=COUNTS, flags=FLAGS, room=ROOMS, to=NICKS)
    def open(self, upload_id: bytes, size: int, members: int, flags: int, room: str, to: str) -> None:
        self.forger.record(Open(upload_id, size, 0, members, flags, "a.bin", room, to))

    @precondition(lambda self: self.is_alive)
    @rule(upload_id=IDS, md5=MD5S)
    def commit(self, upload_id: bytes, md5: bytes) -> None:
        self.forger.record(Commit(upload_id, md5))

    @precondition(lambda self: self.is_alive)
    @rule(transfer_id=TRANSFERS, offset=OFFSETS, length=st.sampled_from([0, 1, 500, 1_000]))
    def data(self, transfer_id: int, offset: int, length: int) -> None:
        self.forger.data(transfer_id, offset, bytes(length))

    @precondition(lambda self: self.is_alive)
    @rule(transfer_id=TRANSFERS, code=st.integers(0, 2**16 - 1))
    def cancel(self, transfer_id: int, code: int) -> None:
        self.forger.record(Cancel(transfer_id, code, "why not"))

    @precondition(lambda self: self.is_alive)
    @rule(transfer_id=TRANSFERS, number=COUNTS, size=SIZES, flags=FLAGS, path=PATHS)
    def member(self, transfer_id: int, number: int, size: int, flags: int, path: str) -> None:
        self.forger.record(Member(transfer_id, number, size, 0, bytes(16), flags, path))

    @precondition(lambda self: self.is_alive)
    @rule(file_id=IDS, name=st.sampled_from(["a.bin", "b.bin", ""]), number=COUNTS, flags=FLAGS, runs=RUNS)
    def fetch(self, file_id: bytes, name: str, number: int, flags: int, runs: tuple[tuple[int, int], ...]) -> None:
        self.forger.record(Fetch(file_id, number, flags, name, runs))

    @precondition(lambda self: self.is_alive)
    @rule(record=ABOUT_TRANSFERS)
    def about_a_transfer(self, record: Record) -> None:
        self.forger.record(record)

    @precondition(lambda self: self.is_alive)
    @rule(transfer_id=TRANSFERS, limit=OFFSETS)
    def credit(self, transfer_id: int, limit: int) -> None:
        self.forger.record(Credit(transfer_id, limit))

    @precondition(lambda self: self.is_alive)
    @rule(transfer_id=TRANSFERS)
    def received(self, transfer_id: int) -> None:
        self.forger.record(Received(transfer_id, bytes(16)))

    @precondition(lambda self: self.is_alive)
    @rule(record=TALK)
    def talk(self, record: Record) -> None:
        self.forger.record(record)

    @precondition(lambda self: self.is_alive)
    @rule(record=ASK)
    def ask(self, record: Record) -> None:
        self.forger.record(record)

    @precondition(lambda self: self.is_alive)
    @rule()
    def join(self) -> None:
        self.forger.record(Join(bytes(32), bytes(64), bytes(16), 0, 255, 0, b"ticket", "zoe", ""))

    @rule()
    def wait(self) -> None:
        self.forger.pair.now += 1_000_000
        self.forger.victim.settle(self.forger.pair.now)

    @invariant()
    def tables_stay_small(self) -> None:
        self.forger.victim.core.host.check_invariants()

    @invariant()
    def what_is_stored_has_its_md5(self) -> None:
        for event in self.forger.victim.told:
            if isinstance(event, FileShared) and not event.entry.flags & FileFlag.FOLDER:
                size = event.entry.size
                assert event.entry.md5 == hashlib.md5(bytes(size), usedforsecurity=False).digest()


TestIllegalSequences = IllegalSequences.TestCase
TestIllegalSequences.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)

"""What every store of a server does with stored files: lists, names, who sees what, reading."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from tests.store.actions import commit, content, create_request, files, md5, refusal, sync, write
from tests.store.shelf import (
    ANN,
    BEN,
    CLEO,
    TREE,
    begin,
    find,
    members,
    members_of,
    opened,
    put,
    put_folder,
    read_all,
    sees,
    tree_md5,
)
from udpchat.config import BLOCK_SIZE, LOBBY
from udpchat.errors import ErrorCode
from udpchat.files.blocks import block_root
from udpchat.files.members import EMPTY_MD5
from udpchat.files.ports import CloseSource, DigestSource, FileEntry, HashBlocks, Media
from udpchat.files.stored_ports import (
    OPERATOR,
    DeleteFile,
    FindFile,
    FindUnannounced,
    ListFiles,
    ListMembers,
    NoteAnnounced,
    OpenStored,
    SetAside,
    Stored,
    Viewer,
)
from udpchat.protocol.ports import Job, Lane, Store, perform
from udpchat.wire.numbers import FileFlag, FileState

PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000250000001508020000000b2e8c2e")


class StoredContract:
    """Lists and names."""

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError

    def test_list_is_in_order_of_arrival(self, store: Store) -> None:
        first, second = put(store, name="b"), put(store, content(20), name="a")
        assert files(store) == (first, second)

    def test_list_comes_in_pages_and_what_arrives_is_behind_the_last(self, store: Store) -> None:
        stored = [put(store, name=f"{number}", room=("Books", LOBBY)[number % 2], by=BEN) for number in range(7)]
        arriving = {begin(store, 5, name=name) for name in ("x", "y")}
        assert isinstance(perform(store, DeleteFile(1, stored[1].file_id)), FileEntry)
        for viewer, room, wanted in (
            (OPERATOR, "", [0, 2, 3, 4, 5, 6]),
            (sees(ANN), "", [3, 5]),
            (sees(BEN), "Books", [0, 2, 4, 6]),
        ):
            for count in range(1, 8):
                found: list[FileEntry] = []
                for _ in range(10):
                    page = perform(store, ListFiles(4, viewer, room, found[-1].sequence if found else 0, count))
                    found += page
                    if len(page) < count or not page[-1].sequence:
                        break
                    assert len(page) == count
                ids = [entry.file_id for entry in found]
                assert ids[: len(wanted)] == [stored[number].file_id for number in wanted]
                assert set(ids[len(wanted) :]) == (set() if room else arriving)
                assert [entry.sequence for entry in found] == [entry.sequence for entry in files(store, viewer, room)]

    def test_members_come_in_pages(self, store: Store) -> None:
        entry = put_folder(store)
        whole = members(store, entry.file_id)
        assert len(whole) == len(TREE)
        for first in range(len(TREE) + 1):
            for count in (1, 2, len(TREE)):
                page = perform(store, ListMembers(7, entry.file_id, first, count))
                assert page == whole[first : first + count]

    def test_long_lists_wait_for_one_another_and_hold_nothing_else_up(self, store: Store) -> None:
        entry = put_folder(store)
        lists = (ListFiles(1, sees(ANN)), ListMembers(2, entry.file_id))
        for request in lists:
            job = store.submit(request)
            assert isinstance(job, Job)
            assert job.lane is Lane.LISTING
            job.finish(job.run())
        for other in (FindFile(3, sees(ANN), entry.file_id), OpenStored(4, entry.file_id)):
            job = store.submit(other)
            assert isinstance(job, Job)
            assert job.lane is Lane.READING
            answer = job.finish(job.run())
            if isinstance(answer, Stored):
                answer.source.close()

    def test_entry_says_all_that_was_said_of_the_file(self, store: Store) -> None:
        entry = put(store, b"hello", name="a.txt", room="Books", by=BEN)
        assert (entry.file_name, entry.size, entry.md5, entry.present) == ("a.txt", 5, md5(b"hello"), 5)
        assert (entry.owner, entry.owner_nick, entry.owner_id) == (b"\x02" * 32, "alice", BEN)
        assert (entry.room, entry.recipient_id, entry.recipient) == ("Books", 0, "")
        assert (entry.modified, entry.flags, entry.members) == (1_600_000_000_000_000, FileFlag(0), 0)
        assert (entry.media, entry.state, entry.expires_at) == (Media("text/plain"), FileState.STORED, 0)
        assert entry.stored_at > 1_600_000_000_000_000
        assert entry.root == block_root(5, hashlib.sha256(b"hello").digest())

    def test_private_entry_says_for_whom(self, store: Store) -> None:
        entry = put(store, to=BEN)
        assert (entry.room, entry.recipient_id, entry.recipient) == ("", BEN, "person 2")
        assert entry.flags == FileFlag.PRIVATE

    def test_pictures_are_known_by_their_content_whatever_their_name(self, store: Store) -> None:
        assert put(store, PNG, name="notes.txt").media == Media("image/png", 37, 21)
        assert put(store, b"", name="x.png").media == Media()

    def test_upload_is_listed_while_it_arrives(self, store: Store) -> None:
        data = content(3_000)
        part_id = begin(store, len(data))
        write(store, data, 0, 1_000, part_id=part_id)
        sync(store, part_id)
        (entry,) = files(store)
        assert (entry.file_id, entry.state, entry.size, entry.present) == (part_id, FileState.RECEIVING, 3_000, 1_000)
        assert (entry.md5, entry.stored_at) == (bytes(16), 0)
        write(store, data, 1_000, 3_000, part_id=part_id)
        stored = commit(store, data, part_id)
        assert files(store) == (stored,)
        assert stored.file_id != part_id
        assert find(store, sees(ANN), part_id) == stored, "and so it is found under the id of the upload too"

    def test_what_arrives_is_listed_after_what_is_stored(self, store: Store) -> None:
        part_id = begin(store, 10, name="slow")
        stored = put(store, name="fast")
        assert [entry.file_id for entry in files(store)] == [stored.file_id, part_id]

    def test_file_is_to_be_announced_until_it_is_written_down_that_it_was(self, store: Store) -> None:
        first, second, third = (put(store, name=name) for name in "abc")
        assert perform(store, FindUnannounced(1)) == (first, second, third)
        assert perform(store, NoteAnnounced(1, (second.file_id, bytes(16)))) is None
        assert perform(store, DeleteFile(1, third.file_id)) == third
        assert perform(store, FindUnannounced(1)) == (first,)

    def test_list_of_one_room_has_nothing_of_others(self, store: Store) -> None:
        viewer = sees(CLEO, "books", "music")
        lobby, book, music = put(store), put(store, room="Books"), put(store, room="music")
        begin(store, 5, room="music", name="slow")
        put(store, to=CLEO)
        assert files(store, viewer, "books") == (book,)
        assert files(store, viewer, "LOBBY") == (lobby,)
        assert [entry.file_name for entry in files(store, viewer, "music")] == [music.file_name, "slow"]
        assert files(store, viewer, "films") == ()

    def test_name_that_is_taken_gets_a_number(self, store: Store) -> None:
        names = ["a.txt", "A.txt", "a.txt", "e\u0301", "\u00e9"]
        given_names = [put(store, name=name, number=number).file_name for number, name in enumerate(names)]
        assert given_names == ["a.txt", "A (2).txt", "a (3).txt", "e\u0301", "\u00e9 (2)"]
        assert len({entry.file_id for entry in files(store)}) == len(names)

    def test_tenth_of_a_name_is_numbered_ten(self, store: Store) -> None:
        names = [put(store, name="a", number=number).file_name for number in range(10)]
        assert names == ["a", *(f"a ({number})" for number in range(2, 11))]

    def test_number_of_a_name_tells_nothing_of_files_one_cannot_see(self, store: Store) -> None:
        for room in ("lobby", "books"):
            assert put(store, room=room).file_name == "report.pdf"
        for to in (BEN, CLEO):
            assert put(store, to=to).file_name == "report.pdf"
        assert put(store, by=BEN, to=ANN).file_name == "report (2).pdf"  # both see both
        assert put(store, by=BEN, to=CLEO).file_name == "report.pdf"
        assert put(store, room="BOOKS", by=BEN).file_name == "report (2).pdf"

    def test_names_are_kept_as_they_came(self, store: Store) -> None:
        name = "../\x1b[2J\u202egnp.js"
        assert put(store, name=name).file_name == name

    def test_file_is_found_by_id_and_by_name(self, store: Store) -> None:
        entry, viewer = put(store, name="Report.PDF"), sees(BEN)
        for wanted in (entry.file_id, "Report.PDF", "report.pdf"):
            assert find(store, viewer, wanted) == entry
        for unknown in ("other", "\ud800", b"x" * 16):
            assert find(store, viewer, unknown) is None

    def test_newest_of_a_name_is_found_and_the_exact_one_first(self, store: Store) -> None:
        viewer = sees(BEN, "books")
        put(store, name="a.txt")
        newest = put(store, name="a.txt", room="books")
        put(store, name="A.TXT", room="books", number=1)  # gets a number
        assert find(store, viewer, "a.txt") == newest
        assert find(store, sees(BEN), "a.txt") != newest
        upper = put(store, name="A.TXT", by=BEN, to=CLEO)
        assert find(store, sees(CLEO, "books"), "a.txt") == newest
        assert find(store, sees(CLEO, "books"), "a.TXT") == upper

    def test_what_arrives_is_found_by_name_only_when_nothing_else_is(self, store: Store) -> None:
        part_id = begin(store, 10, name="a.txt")
        arriving = find(store, sees(BEN), "A.txt")
        assert arriving is not None
        assert (arriving.file_id, arriving.state) == (part_id, FileState.RECEIVING)
        assert find(store, sees(BEN), part_id) == arriving
        stored = put(store, name="A.TXT")
        assert find(store, sees(BEN), "a.txt") == stored


class SightContract:
    """Who sees what; everything else does not exist."""

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError

    @pytest.mark.parametrize("is_stored", [True, False], ids=["stored", "arriving"])
    @pytest.mark.parametrize(
        ("room", "to", "visible", "invisible"),
        [
            (LOBBY, 0, [sees(BEN), sees(CLEO, "books"), sees(0), Viewer(BEN, frozenset())], []),
            ("Books", 0, [sees(ANN), sees(BEN, "books"), sees(0, "BOOKS")], [sees(BEN), sees(CLEO, "music")]),
            ("", BEN, [sees(ANN), sees(BEN)], [sees(CLEO, "books"), sees(0), sees(CLEO, "")]),
        ],
        ids=["lobby", "room", "private"],
    )
    def test_file_is_there_for_those_it_is_for_and_for_nobody_else(
        self, store: Store, room: str, to: int, visible: list[Viewer], invisible: list[Viewer], is_stored: bool
    ) -> None:
        file_id = put(store, room=room, to=to).file_id if is_stored else begin(store, 10, room=room, to=to)
        for viewer in visible:
            assert [entry.file_id for entry in files(store, viewer)] == [file_id]
            assert all(find(store, viewer, wanted) for wanted in (file_id, "report.pdf"))
        for viewer in invisible:
            assert files(store, viewer) == files(store, viewer, room) == ()
            assert not any(find(store, viewer, wanted) for wanted in (file_id, "report.pdf"))

    def test_newer_file_that_one_cannot_see_hides_none_that_one_can(self, store: Store) -> None:
        ours = put(store)
        put(store, room="books", number=1)
        put(store, to=BEN)
        assert find(store, sees(CLEO), "report.pdf") == ours

    @pytest.mark.parametrize("is_stored", [True, False], ids=["stored", "arriving"])
    def test_operator_sees_the_whole_disk(self, store: Store, is_stored: bool) -> None:
        for number, (room, to) in enumerate(((LOBBY, 0), ("books", 0), ("", BEN))):
            if is_stored:
                put(store, number=number, room=room, to=to)
            else:
                begin(store, 10, number=number, room=room, to=to)
        assert len(files(store, OPERATOR)) == 3
        assert all(find(store, OPERATOR, entry.file_id) == entry for entry in files(store, OPERATOR))

    def test_who_is_nobody_owns_nothing(self, store: Store) -> None:
        put(store, by=0, room="books")
        put(store, to=BEN)
        assert files(store, sees(0)) == ()


class ReadingContract:
    """Stored files and folders, whole and in pieces."""

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError

    def test_stored_file_reads_back(self, store: Store) -> None:
        data = content(100_000)
        entry = put(store, data)
        stored = opened(store, entry.file_id)
        source = stored.source
        assert (stored.entry, stored.member, source.size) == (entry, None, len(data))
        buffer = bytearray(1_000)
        assert source.read_into(99_500, memoryview(buffer)) == 500
        assert bytes(buffer[:500]) == data[99_500:]
        assert source.read_into(200_000, memoryview(buffer)) == 0
        assert read_all(source) == data
        assert perform(store, DigestSource(6, source)) == md5(data)
        assert perform(store, CloseSource(source)) is None

    def test_blocks_of_a_stored_file_are_hashed(self, store: Store) -> None:
        data = content(2 * BLOCK_SIZE + 10)
        source = opened(store, put(store, data).file_id).source
        blocks = [data[start : start + BLOCK_SIZE] for start in range(0, len(data), BLOCK_SIZE)]
        hashes = [hashlib.sha256(block).digest() for block in blocks]
        assert perform(store, HashBlocks(6, source, 0, 2)) == b"".join(hashes[:2])
        assert perform(store, HashBlocks(6, source, 2, 16)) == hashes[2]
        assert perform(store, HashBlocks(6, source, 3, 16)) == b""
        source.close()

    def test_unknown_file_cannot_be_opened(self, store: Store) -> None:
        for request in (OpenStored(5, b"x" * 16), ListMembers(5, b"x" * 16)):
            assert refusal(store, request).code == ErrorCode.UNKNOWN_FILE

    def test_file_that_arrives_cannot_be_opened_yet(self, store: Store) -> None:
        part_id = begin(store, 10)
        for request in (OpenStored(5, part_id), ListMembers(5, part_id)):
            assert refusal(store, request).code == ErrorCode.INCOMPLETE

    def test_folder_is_stored_with_what_is_in_it(self, store: Store) -> None:
        entry = put_folder(store)
        assert (entry.is_folder, entry.members, entry.md5, entry.media) == (True, len(TREE), tree_md5(TREE), Media())
        expected = tuple(
            replace(member, md5=md5(data) if data else EMPTY_MD5)
            for member, data in zip(members_of(TREE), TREE.values(), strict=True)
        )
        assert members(store, entry.file_id) == expected
        source = opened(store, entry.file_id).source
        assert read_all(source) == b"".join(data or b"" for data in TREE.values())
        source.close()

    def test_plain_file_has_nothing_in_it(self, store: Store) -> None:
        entry = put(store)
        assert members(store, entry.file_id) == ()
        assert refusal(store, OpenStored(5, entry.file_id, 0)).code == ErrorCode.UNKNOWN_FILE

    def test_member_of_a_folder_is_opened_alone(self, store: Store) -> None:
        entry = put_folder(store)
        for number, (path, data) in enumerate(TREE.items()):
            if data is None:
                assert refusal(store, OpenStored(5, entry.file_id, number)).code == ErrorCode.UNKNOWN_FILE
                continue
            stored = opened(store, entry.file_id, number=number)
            assert stored.entry == entry
            assert stored.member is not None
            assert (stored.member.path, stored.source.size) == (path, len(data))
            assert read_all(stored.source) == data
            beyond = bytearray(8)
            assert stored.source.read_into(len(data), memoryview(beyond)) == 0
            assert stored.source.read_into(len(data) + 1, memoryview(beyond)) == 0
            assert perform(store, DigestSource(6, stored.source)) == md5(data)
            assert perform(store, HashBlocks(6, stored.source, 0, 4)) == (
                hashlib.sha256(data).digest() if data else b""
            )
            stored.source.close()
        assert refusal(store, OpenStored(5, entry.file_id, len(TREE))).code == ErrorCode.UNKNOWN_FILE

    def test_file_that_is_set_aside_is_off_the_list_and_its_name_is_free(self, store: Store) -> None:
        entry, arriving = put(store), begin(store, 5, name="x")
        assert perform(store, SetAside(4, entry.file_id)) == entry
        assert [each.file_id for each in files(store)] == [arriving]
        assert refusal(store, SetAside(4, entry.file_id)).code == ErrorCode.UNKNOWN_FILE
        assert refusal(store, SetAside(4, arriving)).code == ErrorCode.INCOMPLETE
        assert put(store, number=2).file_name == entry.file_name

    def test_closed_source_gives_nothing_more(self, store: Store) -> None:
        entry = put_folder(store)
        for source in (opened(store, entry.file_id).source, opened(store, entry.file_id, number=3).source):
            source.close()
            source.close()

    def test_upload_cannot_have_the_id_of_a_stored_file(self, store: Store) -> None:
        entry = put(store)
        assert refusal(store, create_request(10, part_id=entry.file_id)).text
        assert find(store, sees(BEN), entry.file_id) == entry

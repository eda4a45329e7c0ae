"""Lines of the packet list as people read them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.wireshark.test_dissector_damage import plaintext
from tests.wireshark.tshark import capture_of, infos, tshark
from udpchat.config import KIB, MIB
from udpchat.crypto.plain import checksum_trailer
from udpchat.files.members import WHOLE
from udpchat.wire import codec, records
from udpchat.wire.codec import Ack, Body, Close, Cookie, Data, Hello, Message, Params, Ping, Probe, Reply, Version
from udpchat.wire.numbers import Flag, PacketType
from udpchat.wire.record_types import RECORD_CLASSES
from udpchat.wire.records import Record

ID = bytes(8)
FROM_SERVER = int(Flag.FROM_SERVER)
MD5 = bytes.fromhex("9e107d9d372bb6826bd81d3542a419d6")


def handshake(packet_type: PacketType, clear: Hello | Cookie | Reply | Version, flags: int = 0) -> bytes:
    return codec.encode_handshake(packet_type, flags, ID, 0, clear)


def packet(packet_type: PacketType, number: int, body: Body | Ack, flags: int = 0) -> bytes:
    clear, content = (body, b"") if isinstance(body, Ack) else (None, codec.encode_body(body))
    covered = codec.encode_associated(packet_type, flags, ID, number, clear, len(content)) + content
    return covered + checksum_trailer(covered)


PACKETS = [
    (handshake(PacketType.HELLO, Hello(bytes(32), 1)), "→ HELLO"),
    (handshake(PacketType.COOKIE, Cookie(bytes(20)), FROM_SERVER), "← COOKIE, to be sent back in HELLO"),
    (handshake(PacketType.HELLO, Hello(bytes(32), 1, bytes(20))), "→ HELLO with cookie"),
    (handshake(PacketType.HELLO, Hello(bytes(32), 1, bytes(36))), "→ HELLO with address token"),
    (
        handshake(
            PacketType.REPLY, Reply(codec.encode_params(Params(ID, bytes(16), 1, 1472, 60_000_000))), FROM_SERVER
        ),
        "← REPLY, plaintext",
    ),
    (handshake(PacketType.REPLY, Reply(bytes(130)), 5), "← REPLY, sealed"),
    (handshake(PacketType.VERSION, Version(1, 2, 3), FROM_SERVER), "← VERSION, speaks 1 to 2"),
    (codec.encode_reset(ID, bytes(16)), "← RESET, the server does not know this connection"),
    (
        plaintext(PacketType.DATA, 812, Data(3, 1_148_376), bytes(1416)),
        "→ DATA  #812 transfer 3, 1416 bytes at 1148376",
    ),
    (
        packet(PacketType.ACK, 33, Ack(814, 7, 1_234, 813, MIB, ((814, 815), (700, 813), (0, 699))), FROM_SERVER),
        "← ACK  #33 of 814 (+2 gaps), 1.2 ms late, window 1 MiB",
    ),
    (
        packet(PacketType.ACK, 34, Ack(814, 7, 0, 813, 1_000, ((814, 815),)), FROM_SERVER),
        "← ACK  #34 of 814, 0 us late, window 1000 bytes",
    ),
    (packet(PacketType.PING, 35, Ping()), "→ PING  #35"),
    (packet(PacketType.PROBE, 36, Probe(100)), "→ PROBE  #36 of a datagram of 140 bytes"),
    (packet(PacketType.CLOSE, 37, Close(6, "back at noon"), FROM_SERVER), "← CLOSE  #37 SHUTTING_DOWN: back at noon"),
    (packet(PacketType.CLOSE, 38, Close(999, "")), "→ CLOSE  #38 code 999"),
]

NEWEST = 2**53 - 1


def open_file(room: str = "", to: str = "", members: int = 0, flags: int = 0) -> records.Open:
    return records.Open(bytes(16), 2 * MIB, 1, members, flags, "a b.txt", room, to)


FILE = records.File(
    file_id=bytes(16),
    size=1,
    md5=MD5,
    stored_at=1,
    expires_at=0,
    present=1,
    width=0,
    height=0,
    members=0,
    delivered=0,
    verified=0,
    opened=0,
    flags=0,
    state=1,
    media="text/plain",
    owner="bob",
    room="tea",
    to="",
    file_name="a.txt",
)
OFFER = records.Offer(4, bytes(16), 10, MD5, bytes(32), 1, 0, 0, "text/plain", "a.txt")
SHARED = records.Shared(
    sequence=7,
    sent_at=8,
    file_id=bytes(16),
    size=10,
    md5=MD5,
    width=0,
    height=0,
    members=0,
    flags=0,
    media="text/plain",
    room="tea",
    owner="bob",
    to="",
    file_name="a.txt",
)
HIT = records.Hit(MD5, 2, bytes(32), 5, bytes(16), 10, MD5, bytes(32), 0, 0, "10.0.0.7", "a.txt")
MEMBER = records.Member(4, 2, 9, 1, MD5, 0, "bin/run")

RECORDS: list[tuple[Record, str]] = [
    (records.Join(bytes(32), bytes(64), bytes(16), 1, 0, 0, b"", "alice", "udpchat 1"), "JOIN alice"),
    (
        records.Join(bytes(32), bytes(64), bytes(16), 1, 3, NEWEST, b"ticket", "alice", "udpchat 1"),
        f"JOIN alice, for one command, will wait, has seen {NEWEST}, with a ticket",
    ),
    (records.Welcome(1, 2, 3, 4, 5, b"", "alice", "lobby"), "WELCOME alice to lobby, 2 present"),
    (records.Refused(33, "taken"), "REFUSED NICK_IN_USE: taken"),
    (records.Unsupported(7), "UNSUPPORTED LINE"),
    (records.Say(bytes(16), "lobby", "hello"), "SAY in lobby: hello"),
    (records.Said(bytes(16), 12, 0, 0), "SAID as line 12"),
    (records.Said(bytes(16), 12, 0, 1), "SAID as line 12, waits for its recipient"),
    (records.Line(12, 0, "lobby", "alice", "two\nlines"), "LINE alice: two␊lines"),
    (records.Line(12, 0, "tea", "alice", "green"), "LINE alice in tea: green"),
    (records.Tell(bytes(16), "bob", "psst"), "TELL to bob: psst"),
    (records.Private(5, 6, "alice", "bob", "psst"), "PRIVATE alice to bob: psst"),
    (records.Presence(1, 3, 1, "zoë", "", ""), "PRESENCE zoë joined, 3 present"),
    (records.Presence(1, 3, 17, "al1ce", "", "alice"), "PRESENCE al1ce joined, 3 present, looks like alice"),
    (records.Presence(4, 3, 1, "zoë", "", "spam"), "PRESENCE zoë kicked, 3 present: spam"),
    (records.Presence(8, 2, 1, "zoë", "tea", ""), "PRESENCE zoë entered tea, 2 present"),
    (records.Presence(99, 2, 1, "zoë", "", ""), "PRESENCE zoë change 99, 2 present"),
    (records.Users(0, ""), "USERS present"),
    (records.Users(1, "tea"), "USERS accounts in tea"),
    (records.User(1, 2, 1, "bob", ""), "USER bob"),
    (records.User(1, 2, 3, "bob", "lunch"), "USER bob, away: lunch"),
    (records.Finished(4), "FINISHED 4 records"),
    (records.Notice(1, "back at noon"), "NOTICE back at noon"),
    (records.Queued(3, 100), "QUEUED place 3, there are 100 seats"),
    (records.Register("bob", "correct horse"), "REGISTER bob"),
    (records.Login("bob", "correct horse"), "LOGIN bob"),
    (records.Password("correct horse", "battery"), "PASSWORD"),
    (records.Account(2, 5, b"ticket", "bob"), "ACCOUNT bob logged in"),
    (records.ListRooms(), "LIST_ROOMS"),
    (records.Room(1, 2, 3, "tea", "bob", "green"), "ROOM tea, 2 present: green"),
    (records.CreateRoom("tea", ""), "CREATE_ROOM tea"),
    (records.EnterRoom("tea"), "ENTER_ROOM tea"),
    (records.LeaveRoom("tea"), "LEAVE_ROOM tea"),
    (records.SetTopic("tea", "black"), "SET_TOPIC of tea: black"),
    (records.Seen(7), "SEEN up to 7"),
    (records.Read(7, "bob"), "READ of bob up to 7"),
    (records.Receipt(1, 7, "tea", ""), "RECEIPT delivered to all in tea, up to 7"),
    (records.Receipt(2, 7, "", "bob"), "RECEIPT read by bob, up to 7"),
    (records.Away("lunch"), "AWAY lunch"),
    (records.Away(""), "AWAY back"),
    (
        records.History(
            room="tea",
            nick="",
            sender="bob",
            recipient="",
            words="吃饭",
            sent_from=0,
            sent_until=0,
            before=9,
            after=0,
            limit=50,
        ),
        'HISTORY 50 at most, in tea, from bob, of "吃饭", before 9',
    ),
    (records.Done(), "DONE"),
    (open_file(), 'OPEN "a b.txt", 2 MiB'),
    (open_file(room="tea"), 'OPEN "a b.txt", 2 MiB in tea'),
    (open_file(room="lobby"), 'OPEN "a b.txt", 2 MiB'),
    (open_file(to="bob"), 'OPEN "a b.txt", 2 MiB to bob'),
    (open_file(members=3, flags=1), 'OPEN folder "a b.txt", 3 members, 2 MiB'),
    (records.Opened(3, 100, 0, ()), "OPENED transfer 3, room up to 100"),
    (
        records.Opened(3, 100, 8, ((0, 10), (20, 30))),
        "OPENED transfer 3, room up to 100, 20 bytes are there, the index is there",
    ),
    (records.Credit(3, 200), "CREDIT transfer 3, room up to 200"),
    (records.Commit(bytes(16), MD5), f"COMMIT MD5 {MD5.hex()}"),
    (records.Committed(bytes(16), bytes(16), MD5, 1, "a.txt"), f'COMMITTED "a.txt", MD5 {MD5.hex()}'),
    (records.Cancel(3, 71, ""), "CANCEL transfer 3, CANCELLED"),
    (records.ListFiles(), "LIST_FILES of all rooms"),
    (records.ListFiles("tea"), "LIST_FILES of tea"),
    (FILE, 'FILE "a.txt", 1 byte, of bob in tea'),
    (replace(FILE, room="lobby", state=0), 'FILE "a.txt", 1 byte, of bob, receiving'),
    (replace(FILE, room="", to="zoë", state=4, flags=4), 'FILE "a.txt", 1 byte, of bob to zoë, opened'),
    (replace(FILE, members=9, flags=1, state=99), 'FILE folder "a.txt", 9 members, 1 byte, of bob in tea, state 99'),
    (records.Fetch(bytes(16), WHOLE, 0, "a.txt", ()), 'FETCH "a.txt"'),
    (records.Fetch(MD5, WHOLE, 0, "", ()), f"FETCH file {MD5.hex()}"),
    (records.Fetch(MD5, 7, 0, "", ()), f"FETCH file {MD5.hex()}, member 7 alone"),
    (
        records.Fetch(MD5, WHOLE, 8, "", ((0, KIB),)),
        f"FETCH file {MD5.hex()}, 1 KiB are there, the index is there",
    ),
    (OFFER, 'OFFER transfer 4, "a.txt", 10 bytes'),
    (replace(OFFER, members=2, flags=1), 'OFFER transfer 4, folder "a.txt", 2 members, 10 bytes'),
    (records.Received(4, MD5), f"RECEIVED transfer 4, MD5 {MD5.hex()}"),
    (SHARED, 'SHARED "a.txt", 10 bytes, of bob in tea'),
    (replace(SHARED, room="", to="zoë", flags=4), 'SHARED "a.txt", 10 bytes, of bob to zoë'),
    (MEMBER, 'MEMBER transfer 4, number 2: "bin/run", 9 bytes'),
    (replace(MEMBER, transfer_id=0, flags=2), 'MEMBER number 2: "bin/run", 9 bytes, executable'),
    (replace(MEMBER, size=0, flags=1, path="bin"), 'MEMBER transfer 4, number 2: folder "bin"'),
    (records.ListMembers(MD5), f"LIST_MEMBERS of file {MD5.hex()}"),
    (records.WantBlocks(4), "WANT_BLOCKS transfer 4"),
    (records.Blocks(4, 1024, bytes(64)), "BLOCKS transfer 4, 2 from block 1024 on"),
    (records.Missing(4, ()), "MISSING transfer 4, nothing"),
    (records.Missing(4, ((MIB, 2 * MIB),)), "MISSING transfer 4, 1 MiB: 1048576 to 2097151"),
    (records.Missing(4, ((0, 9), (10, 11))), "MISSING transfer 4, 10 bytes: 0 to 8 and 1 more ranges"),
    (records.Pace(4, 2_500_000, 2), "PACE transfer 4, 2500000 bytes/s at most, high priority"),
    (records.Pace(4, 0, 9), "PACE transfer 4, at any rate, priority 9 priority"),
    (records.Mark(MD5, 5), f"MARK file {MD5.hex()} declined"),
    (records.State(MD5, 1, 3, "zoë", "a.txt"), 'STATE "a.txt" verified by zoë'),
    (records.ListStates(MD5), f"LIST_STATES of file {MD5.hex()}"),
    (records.DeleteFile(MD5), f"DELETE_FILE file {MD5.hex()}"),
    (records.Tune(8, "go-back-n", "fixed"), "TUNE go-back-n, window 8, fixed"),
    (records.Tuned(0, "stop-and-wait", "bbr"), "TUNED stop-and-wait, bbr"),
    (records.Neighbour(bytes(32), 27272, "desk"), "NEIGHBOUR desk, port 27272"),
    (records.Query(MD5, 2, 7, 0, "*.png"), f'QUERY {MD5.hex()[:8]} glob "*.png", ttl 7, hops 0'),
    (records.Query(MD5, 77, 1, 6, "x"), f'QUERY {MD5.hex()[:8]} kind 77 "x", ttl 1, hops 6'),
    (HIT, f'HIT {MD5.hex()[:8]} "a.txt", 10 bytes, at 10.0.0.7 port 5, hops 2'),
    (
        replace(HIT, host="", hops=1, members=2, flags=1),
        f'HIT {MD5.hex()[:8]} folder "a.txt", 2 members, 10 bytes, at port 5 here, hops 1',
    ),
    (records.Administer(2, "10.0.0.9", "spam"), "ADMINISTER ban 10.0.0.9: spam"),
    (records.Administer(4, "", ""), "ADMINISTER list bans"),
    (records.Ban(1, "bob", "alice", "spam"), "BAN bob by alice: spam"),
    (records.Slowed(250_000), "SLOWED the next line in 250.0 ms"),
]


@pytest.mark.parametrize("analyze", [True, False])
def test_a_packet_has_a_line_that_a_person_understands(tmp_path: Path, *, analyze: bool) -> None:
    capture = capture_of(tmp_path / "packets.pcapng", [data for data, _ in PACKETS])
    lines = infos(capture, analyze=analyze)
    for line, (_, expected) in zip(lines, PACKETS, strict=True):
        assert line == expected or (analyze and line.endswith(expected[2:]) and line.startswith(f"{expected[0]} ["))


def test_every_record_type_has_such_a_line() -> None:
    assert {type(record) for record, _ in RECORDS} == set(RECORD_CLASSES.values())


def test_a_record_has_a_line_that_a_person_understands(tmp_path: Path) -> None:
    sent, offset = [], 0
    for number, (record, _) in enumerate(RECORDS):
        content = records.encode_record(record, number)
        sent.append(plaintext(PacketType.MSG, number, Message(0, offset), content))
        offset += len(content)
    lines = infos(capture_of(tmp_path / "records.pcapng", sent))
    assert lines == [f"→ MSG  #{number} channel 0: {line}" for number, (_, line) in enumerate(RECORDS)]


def test_many_records_in_one_packet_share_its_line(tmp_path: Path) -> None:
    content = b"".join(records.encode_record(records.User(1, 2, 1, f"user{number}", "")) for number in range(9))
    sent = plaintext(PacketType.MSG, 0, Message(1, 0), content)
    (line,) = infos(capture_of(tmp_path / "users.pcapng", [sent]))
    assert line == "→ MSG  #0 channel 1: USER user0 | USER user1 | USER user2 | USER user3 | 5 more records"


def test_a_long_text_is_cut_between_characters(tmp_path: Path) -> None:
    content = records.encode_record(records.Notice(1, "ü" * 300))
    (line,) = infos(capture_of(tmp_path / "long.pcapng", [plaintext(PacketType.MSG, 0, Message(0, 0), content)]))
    assert line == f"→ MSG  #0 channel 0: NOTICE {'ü' * 60}..."


def test_wall_clock_times_are_shown_as_dates(tmp_path: Path) -> None:
    content = records.encode_record(records.Notice(1_700_000_000_123_456, "x"))
    capture = capture_of(tmp_path / "dates.pcapng", [plaintext(PacketType.MSG, 0, Message(0, 0), content)])
    assert "1700000000123456 us (2023-11-14 22:13:20.123456 UTC)" in tshark(capture, "-O", "udpchat")


def test_the_hashes_of_blocks_are_shown_one_by_one_with_the_number_of_the_block(tmp_path: Path) -> None:
    hashes = [bytes([number] * 32) for number in (1, 2)]
    content = records.encode_record(records.Blocks(4, 1_023, b"".join(hashes)))
    content += records.encode_record(records.Blocks(4, 7, b"odd" * 11))
    capture = capture_of(tmp_path / "blocks.pcapng", [plaintext(PacketType.MSG, 0, Message(0, 0), content)])
    text = tshark(capture, "-O", "udpchat")
    assert [line.strip() for line in text.splitlines() if line.strip().startswith("Block ")] == [
        f"Block 1023: {hashes[0].hex()}",
        f"Block 1024: {hashes[1].hex()}",
        f"Block 7: {(b'odd' * 11)[:32].hex()}",
    ]
    assert text.count("[Not a whole number of hashes]") == 1

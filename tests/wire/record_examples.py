"""Every record type as a value and, header included, as bytes that construct built; the request id is 9."""

from __future__ import annotations

from udpchat.wire import records

RECORDS: list[tuple[records.Record, str]] = [
    (
        records.Join(
            identity=b"i" * 32,
            signature=b"s" * 64,
            client_id=b"c" * 16,
            features=1,
            flags=2,
            seen=5,
            ticket=b"ticket",
            nick="Zoë",
            agent="udpchat 1",
        ),
        "00000093 01 00000009 "
        "69696969696969696969696969696969696969696969696969696969696969697373737373737373 "
        "73737373737373737373737373737373737373737373737373737373737373737373737373737373 "
        "73737373737373737373737373737373636363636363636363636363636363630000000102000000 "
        "0000000005067469636b6574045a6fc3ab09756470636861742031",
    ),
    (
        records.Welcome(
            features=1,
            user_count=2,
            server_time=1700000000000000,
            sequence=5,
            flags=5,
            token=b"token",
            nick="Zoë",
            room="lobby",
        ),
        "0000002a 02 00000009 000000010000000200060a24181e400000000000000000050505746f6b656e045a6fc3ab056c6f62 6279",
    ),
    (
        records.Refused(code=33, text="taken"),
        "00000009 03 00000009 0021000574616b656e",
    ),
    (
        records.Unsupported(record_type=200),
        "00000001 04 00000009 c8",
    ),
    (
        records.Say(message_id=b"m" * 16, room="lobby", text="hi ✓"),
        "0000001e 05 00000009 6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d056c6f6262790006686920e29c93",
    ),
    (
        records.Said(message_id=b"m" * 16, sequence=5, sent_at=6, flags=1),
        "00000021 06 00000009 6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d0000000000000005000000000000000601",
    ),
    (
        records.Line(sequence=5, sent_at=6, room="lobby", sender="Zoë", text="hi ✓"),
        "00000023 07 00000009 00000000000000050000000000000006056c6f626279045a6fc3ab0006686920e29c93",
    ),
    (
        records.Tell(message_id=b"m" * 16, recipient="bob", text="psst"),
        "0000001a 08 00000009 6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d03626f62000470737374",
    ),
    (
        records.Private(sequence=5, sent_at=6, sender="ann", recipient="bob", text="psst"),
        "0000001e 09 00000009 0000000000000005000000000000000603616e6e03626f62000470737374",
    ),
    (
        records.Presence(change=9, user_count=3, flags=17, nick="ann", room="tea", text="Ann"),
        "00000013 0a 00000009 09000000031103616e6e037465610003416e6e",
    ),
    (
        records.Users(scope=1, room="tea"),
        "00000005 0b 00000009 0103746561",
    ),
    (
        records.User(joined_at=6, last_seen=7, flags=3, nick="ann", away="tea time"),
        "0000001f 0c 00000009 000000000000000600000000000000070303616e6e00087465612074696d65",
    ),
    (
        records.Finished(total=2),
        "00000004 0d 00000009 00000002",
    ),
    (
        records.Notice(sent_at=6, text="bye"),
        "0000000d 0e 00000009 00000000000000060003627965",
    ),
    (
        records.Queued(position=3, max_users=1024),
        "00000008 0f 00000009 0000000300000400",
    ),
    (
        records.Register(nick="Zoë", password="correct horse"),
        "00000014 10 00000009 045a6fc3ab000d636f727265637420686f727365",
    ),
    (
        records.Login(nick="Zoë", password="correct horse"),
        "00000014 11 00000009 045a6fc3ab000d636f727265637420686f727365",
    ),
    (
        records.Password(old="correct horse", new="battery ✓"),
        "0000001c 12 00000009 000d636f727265637420686f727365000b6261747465727920e29c93",
    ),
    (
        records.Account(outcome=2, flags=5, ticket=b"t" * 32, nick="Zoë"),
        "00000028 13 00000009 0205207474747474747474747474747474747474747474747474747474747474747474045a6fc3ab",
    ),
    (
        records.ListRooms(),
        "00000000 14 00000009",
    ),
    (
        records.Room(flags=1, user_count=3, created_at=6, room="tea", owner="ann", topic="green ☕"),
        "00000020 15 00000009 010000000300000000000000060374656103616e6e0009677265656e20e29895",
    ),
    (
        records.CreateRoom(room="tea", topic="green ☕"),
        "0000000f 16 00000009 037465610009677265656e20e29895",
    ),
    (
        records.EnterRoom(room="tea"),
        "00000004 17 00000009 03746561",
    ),
    (
        records.LeaveRoom(room="tea"),
        "00000004 18 00000009 03746561",
    ),
    (
        records.SetTopic(room="tea", topic="black"),
        "0000000b 19 00000009 037465610005626c61636b",
    ),
    (
        records.Seen(sequence=9007199254740991),
        "00000008 1a 00000009 001fffffffffffff",
    ),
    (
        records.Read(sequence=5, nick="ann"),
        "0000000c 1b 00000009 000000000000000503616e6e",
    ),
    (
        records.Receipt(state=1, sequence=5, room="tea", nick=""),
        "0000000e 1c 00000009 0100000000000000050374656100",
    ),
    (
        records.Away(text="tea time"),
        "0000000a 1d 00000009 00087465612074696d65",
    ),
    (
        records.History(
            sent_from=6,
            sent_until=7,
            before=9,
            after=8,
            limit=50,
            room="tea",
            nick="",
            sender="ann",
            recipient="",
            words="green 吃饭",
        ),
        "0000003a 1e 00000009 "
        "00000000000000060000000000000007000000000000000900000000000000080032037465610003 "
        "616e6e00000c677265656e20e59083e9a5ad",
    ),
    (
        records.Done(),
        "00000000 1f 00000009",
    ),
    (
        records.Open(
            upload_id=b"u" * 16,
            size=9007199254740991,
            modified=6,
            members=3,
            flags=1,
            file_name="albüm",
            room="den",
            to="",
        ),
        "00000032 20 00000009 "
        "75757575757575757575757575757575001fffffffffffff00000000000000060000000301000661 "
        "6c62c3bc6d0364656e00",
    ),
    (
        records.Opened(transfer_id=7, limit=4096, flags=8, present=((0, 10), (20, 30))),
        "0000002f 21 00000009 "
        "0000000700000000000010000800020000000000000000000000000000000a000000000000001400 "
        "0000000000001e",
    ),
    (
        records.Credit(transfer_id=7, limit=8192),
        "0000000c 22 00000009 000000070000000000002000",
    ),
    (
        records.Commit(upload_id=b"u" * 16, md5=b"d" * 16),
        "00000020 23 00000009 7575757575757575757575757575757564646464646464646464646464646464",
    ),
    (
        records.Committed(upload_id=b"u" * 16, file_id=b"f" * 16, md5=b"d" * 16, stored_at=6, file_name="a (2).txt"),
        "00000043 24 00000009 "
        "75757575757575757575757575757575666666666666666666666666666666666464646464646464 "
        "64646464646464640000000000000006000961202832292e747874",
    ),
    (
        records.Cancel(transfer_id=7, code=71, text="stop"),
        "0000000c 25 00000009 000000070047000473746f70",
    ),
    (
        records.ListFiles(room="tea"),
        "00000004 26 00000009 03746561",
    ),
    (
        records.File(
            file_id=b"f" * 16,
            size=9,
            md5=b"d" * 16,
            stored_at=6,
            expires_at=7,
            present=8,
            width=640,
            height=480,
            members=0,
            delivered=3,
            verified=2,
            opened=1,
            flags=6,
            state=3,
            media="image/png",
            owner="ann",
            room="",
            to="Zoë",
            file_name="a.png",
        ),
        "00000075 27 00000009 "
        "66666666666666666666666666666666000000000000000964646464646464646464646464646464 "
        "00000000000000060000000000000007000000000000000800000280000001e00000000000000003 "
        "0000000200000001060309696d6167652f706e6703616e6e00045a6fc3ab0005612e706e67",
    ),
    (
        records.Fetch(file_id=b"f" * 16, number=4294967295, flags=8, file_name="", present=((5, 6),)),
        "00000029 28 00000009 66666666666666666666666666666666ffffffff080000000100000000000000050000000000000006",
    ),
    (
        records.Offer(
            transfer_id=8,
            file_id=b"f" * 16,
            size=9,
            md5=b"d" * 16,
            root=b"r" * 32,
            modified=6,
            members=3,
            flags=1,
            media="",
            file_name="album",
        ),
        "00000061 29 00000009 "
        "00000008666666666666666666666666666666660000000000000009646464646464646464646464 "
        "64646464727272727272727272727272727272727272727272727272727272727272727200000000 "
        "000000060000000301000005616c62756d",
    ),
    (
        records.Received(transfer_id=8, md5=b"d" * 16),
        "00000014 2a 00000009 0000000864646464646464646464646464646464",
    ),
    (
        records.Shared(
            sequence=5,
            sent_at=6,
            file_id=b"f" * 16,
            size=9,
            md5=b"d" * 16,
            width=640,
            height=480,
            members=0,
            flags=2,
            media="image/png",
            room="tea",
            owner="ann",
            to="",
            file_name="a.png",
        ),
        "0000005f 2b 00000009 "
        "00000000000000050000000000000006666666666666666666666666666666660000000000000009 "
        "6464646464646464646464646464646400000280000001e0000000000209696d6167652f706e6703 "
        "74656103616e6e000005612e706e67",
    ),
    (
        records.Tune(window=8, arq="go-back-n", congestion="fixed"),
        "00000014 2c 00000009 0000000809676f2d6261636b2d6e056669786564",
    ),
    (
        records.Tuned(window=0, arq="stop-and-wait", congestion="bbr"),
        "00000016 2d 00000009 000000000d73746f702d616e642d7761697403626272",
    ),
    (
        records.Member(transfer_id=8, number=2, size=9, modified=6, md5=b"d" * 16, flags=2, path="bin/run ✓"),
        "00000036 2e 00000009 "
        "00000008000000020000000000000009000000000000000664646464646464646464646464646464 "
        "02000b62696e2f72756e20e29c93",
    ),
    (
        records.ListMembers(file_id=b"f" * 16),
        "00000010 2f 00000009 66666666666666666666666666666666",
    ),
    (
        records.WantBlocks(transfer_id=7),
        "00000004 30 00000009 00000007",
    ),
    (
        records.Blocks(transfer_id=7, first=1024, hashes=b"h" * 32 + b"k" * 32),
        "0000004a 31 00000009 "
        "00000007000004000040686868686868686868686868686868686868686868686868686868686868 "
        "68686b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b",
    ),
    (
        records.Missing(transfer_id=7, ranges=((0, 1048576), (2097152, 2097153))),
        "00000026 32 00000009 0000000700020000000000000000000000000010000000000000002000000000000000200001",
    ),
    (
        records.Pace(transfer_id=7, rate=2500000, priority=2),
        "0000000d 33 00000009 0000000700000000002625a002",
    ),
    (
        records.Mark(file_id=b"f" * 16, state=5),
        "00000011 34 00000009 6666666666666666666666666666666605",
    ),
    (
        records.State(file_id=b"f" * 16, at=6, state=4, nick="Zoë", file_name="a.png"),
        "00000025 35 00000009 66666666666666666666666666666666000000000000000604045a6fc3ab0005612e706e67",
    ),
    (
        records.ListStates(file_id=b"f" * 16),
        "00000010 36 00000009 66666666666666666666666666666666",
    ),
    (
        records.DeleteFile(file_id=b"f" * 16),
        "00000010 37 00000009 66666666666666666666666666666666",
    ),
    (
        records.Neighbour(key=b"k" * 32, port=27272, node_name="desk ✓"),
        "0000002b 38 00000009 6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6a88086465736b20e29c93",
    ),
    (
        records.Query(query_id=b"q" * 16, kind=2, ttl=7, hops=0, pattern="*.png"),
        "00000019 39 00000009 71717171717171717171717171717171020700052a2e706e67",
    ),
    (
        records.Hit(
            query_id=b"q" * 16,
            hops=2,
            key=b"k" * 32,
            port=27272,
            file_id=b"f" * 16,
            size=9,
            md5=b"d" * 16,
            root=b"r" * 32,
            members=3,
            flags=1,
            host="10.0.0.7",
            file_name="trip ✓",
        ),
        "00000093 3a 00000009 "
        "71717171717171717171717171717171026b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b "
        "6b6b6b6b6b6b6b6b6b6a8866666666666666666666666666666666 "
        "0000000000000009646464646464646464646464646464647272727272 "
        "72727272727272727272727272727272727272727272727272727200000003010831302e302e302e "
        "3700087472697020e29c93",
    ),
    (
        records.Administer(action=2, target="10.0.0.9", text="spam"),
        "00000010 40 00000009 020831302e302e302e3900047370616d",
    ),
    (
        records.Ban(banned_at=6, target="bob", by="ann", reason="spam"),
        "00000016 41 00000009 000000000000000603626f6203616e6e00047370616d",
    ),
    (
        records.Slowed(wait=250000),
        "00000004 42 00000009 0003d090",
    ),
]

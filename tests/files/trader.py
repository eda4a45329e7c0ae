"""A client that trades files record by record, as it is told to: for what no client of ours would do."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from tests.chat.speaker import ANSWER_TIME, CLEAN, Speaker
from tests.world import FAST_DISK, World
from udpchat.config import SECOND, Config
from udpchat.files.members import WHOLE, MemberInfo
from udpchat.protocol.connection import Connection
from udpchat.protocol.events import ConnectionEvent, DataReceived
from udpchat.sim.disk import DiskSpec
from udpchat.wire.numbers import PLAIN_FILE, FileFlag
from udpchat.wire.records import (
    Cancel,
    Commit,
    Committed,
    CreateRoom,
    Credit,
    DeleteFile,
    EnterRoom,
    Fetch,
    File,
    Finished,
    ListFiles,
    Member,
    Offer,
    Open,
    Opened,
    Received,
    Refused,
)

NO_ID = bytes(16)
ID = b"upload id of 16b"
OTHER_ID = b"another id of 16"
Runs = tuple[tuple[int, int], ...]


class Bytes:
    """A source in memory."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    @property
    def size(self) -> int:
        return len(self.data)

    def read_into(self, offset: int, view: memoryview) -> int:
        part = self.data[offset : offset + len(view)]
        view[: len(part)] = part
        return len(part)

    def close(self) -> None: ...


class Trader(Speaker):
    """One client. received: what came of each transfer, by place."""

    def __init__(self, world: World, nick: str, **more: Any) -> None:
        super().__init__(world, nick, **more)
        self.received: dict[int, bytearray] = {}

    def on_event(self, event: ConnectionEvent, now: int) -> None:
        if isinstance(event, DataReceived):
            data = self.received[event.transfer_id]
            data[event.offset : event.offset + len(event.data)] = event.data
        else:
            super().on_event(event, now)

    @property
    def link(self) -> Connection:
        """Its connection."""
        connection = self.desk.endpoint.find(self.connection_id)
        assert connection is not None
        return connection

    def codes(self, *records: Any) -> list[int]:
        """With which codes these are refused, one after the other; 0 for what is not."""
        found = []
        for record in records:
            refusals = [answer.code for answer in self.ask(record) if isinstance(answer, Refused)]
            found.append(refusals[0] if refusals else 0)
        return found

    def cancelled(self, transfer_id: int) -> list[int]:
        """Codes with which the server ended a transfer."""
        return [record.code for record in self.told(Cancel) if record.transfer_id == transfer_id]

    def enter(self, room: str) -> None:
        """Make a room, or enter it."""
        if self.codes(CreateRoom(room, "")) != [0]:
            assert self.codes(EnterRoom(room)) == [0]

    # -- uploads -------------------------------------------------------------------------------------------------------

    def open(self, size: int, name: str = "a.bin", upload_id: bytes = ID, **more: Any) -> Any:
        """Ask for an upload; what the server says."""
        (answer,) = self.ask(open_record(size, name, upload_id, **more))
        return answer

    def send_bytes(self, opened: Opened, data: bytes, seconds: float = 1.0) -> None:
        """Send all that is not there."""
        self.world.do(
            lambda: self.link.send_transfer(opened.transfer_id, len(data), Bytes(data), len(data), opened.present)
        )
        self.world.network.run_for(int(seconds * SECOND))

    def send_members(self, transfer_id: int, members: Iterable[MemberInfo], first: int = 0) -> None:
        """Send an index."""
        for number, member in enumerate(members, first):
            self.send(member_record(transfer_id, number, member))
        self.world.network.run_for(ANSWER_TIME)

    def commit(self, md5: bytes, upload_id: bytes = ID) -> Any:
        """Ask for the end of an upload; what the server says, None when nothing."""
        answers = self.ask(Commit(upload_id, md5))
        return answers[0] if answers else None

    def upload(
        self, data: bytes, name: str = "a.bin", upload_id: bytes = b"", seconds: float = 1.0, **more: Any
    ) -> Committed:
        """A whole file. seconds: for the bytes to go."""
        upload_id = upload_id or self.world.random.randbytes(16)
        opened = self.open(len(data), name, upload_id, **more)
        assert isinstance(opened, Opened), opened
        if data:
            self.send_bytes(opened, data, seconds)
        committed = self.commit(md5_of(data), upload_id)
        assert isinstance(committed, Committed), committed
        return committed

    def upload_folder(self, files: dict[str, bytes], name: str = "folder", **more: Any) -> Committed:
        """A whole folder of files, none of which is in a folder inside it."""
        upload_id, data = self.world.random.randbytes(16), b"".join(files.values())
        opened = self.open(len(data), name, upload_id, flags=FileFlag.FOLDER, members=len(files), **more)
        self.send_members(opened.transfer_id, [MemberInfo(path, len(content)) for path, content in files.items()])
        self.send_bytes(opened, data)
        md5 = md5_of(b"".join(md5_of(content) for content in files.values()))
        committed = self.commit(md5, upload_id)
        assert isinstance(committed, Committed), committed
        return committed

    # -- downloads -----------------------------------------------------------------------------------------------------

    def fetch(self, name: str = "", file_id: bytes = NO_ID, number: int = WHOLE, **more: Any) -> Any:
        """Ask for a file; what the server says first."""
        return self.ask(fetch_record(name, file_id, number, **more))[0]

    def take(self, offer: Offer, seconds: float = 1.0, present: Runs = ()) -> bytes:
        """Let the bytes come."""
        self.expect(offer, present)
        self.send(Credit(offer.transfer_id, offer.size))
        self.world.network.run_for(int(seconds * SECOND))
        return bytes(self.received[offer.transfer_id])

    def expect(self, offer: Offer, present: Runs = ()) -> None:
        """Be ready for bytes."""
        self.received[offer.transfer_id] = bytearray(offer.size)
        self.world.do(lambda: self.link.receiver.expect(offer.transfer_id, offer.size, offer.size, present))

    def download(self, name: str = "", file_id: bytes = NO_ID, number: int = WHOLE) -> bytes:
        """A whole file, and that it is stored."""
        offer = self.fetch(name, file_id, number)
        assert isinstance(offer, Offer), offer
        data = self.take(offer)
        self.ask(Received(offer.transfer_id, offer.md5))
        return data

    # -- questions -----------------------------------------------------------------------------------------------------

    def files(self, room: str = "") -> list[File]:
        """The list, as it is for this client."""
        *files, finished = self.ask(ListFiles(room))
        assert finished == Finished(len(files))
        return files

    def names(self, room: str = "") -> list[str]:
        """The names in the list."""
        return [file.file_name for file in self.files(room)]

    def delete(self, file_id: bytes) -> int:
        """Delete a file; the code of the refusal, 0 when it is done."""
        return self.codes(DeleteFile(file_id))[0]


def open_record(
    size: int,
    name: str = "a.bin",
    upload_id: bytes = ID,
    *,
    flags: int = PLAIN_FILE,
    members: int = 0,
    room: str = "",
    to: str = "",
) -> Open:
    """An OPEN."""
    return Open(upload_id, size, 0, members, flags, name, room, to)


def fetch_record(
    name: str = "", file_id: bytes = NO_ID, number: int = WHOLE, flags: int = PLAIN_FILE, present: Runs = ()
) -> Fetch:
    """A FETCH."""
    return Fetch(file_id, number, flags, name, present)


def member_record(transfer_id: int, number: int, member: MemberInfo) -> Member:
    """A MEMBER."""
    return Member(transfer_id, number, member.size, member.modified, member.md5, member.flags, member.path)


def md5_of(data: bytes) -> bytes:
    """MD5 of bytes."""
    return hashlib.md5(data, usedforsecurity=False).digest()


def market(
    *nicks: str, config: Config | None = None, disk: DiskSpec = FAST_DISK, seed: int = 1
) -> tuple[World, list[Trader]]:
    """A server, and traders who have joined one after another."""
    world = World(seed, CLEAN, config, disk)
    return world, [come(world, nick) for nick in nicks]


def come(world: World, nick: str, **more: Any) -> Trader:
    """A trader who has joined."""
    trader = Trader(world, nick, **more)
    world.run_until(lambda: trader.is_in, 20)
    return trader

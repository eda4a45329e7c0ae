"""A server with people, and the transfers of the tests."""

from __future__ import annotations

from collections.abc import Callable

from tests.world import FAST_DISK, End, World, client
from udpchat.config import MILLISECOND, Config
from udpchat.files.events import Downloaded, FileList, TransferFailed, Uploaded
from udpchat.files.ports import FileEntry
from udpchat.protocol.connection import Connection
from udpchat.sim.disk import DiskSpec
from udpchat.sim.link import LinkSpec
from udpchat.wire.records import Record

CLEAN = LinkSpec(delay=5 * MILLISECOND)


def open_shop(
    *nicks: str, config: Config | None = None, disk: DiskSpec = FAST_DISK, link: LinkSpec = CLEAN, seed: int = 1
) -> tuple[World, list[End]]:
    """A server and clients that have joined."""
    world = World(seed, link, config, disk)
    ends = [world.add_client(nick) for nick in nicks]
    world.join(*ends)
    return world, ends


def connection(end: End) -> Connection:
    """The connection of a client."""
    found = client(end).endpoint.connection
    assert found is not None
    return found


def upload(world: World, end: End, data: bytes, name: str = "a.bin") -> int:
    """Begin an upload; its request id."""
    end.store.local[name] = data
    return act(world, lambda: client(end).files.put(name))


def act(world: World, verb: Callable[[], int]) -> int:
    """Let an application act now; the request id."""
    found: list[int] = []
    world.do(lambda: found.append(verb()))
    world.run_until(lambda: bool(found))
    return found[0]


def is_done(end: End, request_id: int) -> bool:
    """A transfer has ended, one way or the other."""
    return any(event.request_id == request_id for kind in ENDINGS for event in end.told(kind))


ENDINGS = (Uploaded, Downloaded, TransferFailed)


def finish(world: World, end: End, request_id: int, seconds: float = 60) -> Uploaded | Downloaded | TransferFailed:
    """Wait for the end of a transfer."""
    world.run_until(lambda: is_done(end, request_id), seconds)
    (event,) = (event for kind in ENDINGS for event in end.told(kind) if event.request_id == request_id)
    assert isinstance(event, ENDINGS)
    return event


def put(world: World, end: End, data: bytes, name: str = "a.bin") -> Uploaded:
    """A whole upload."""
    event = finish(world, end, upload(world, end, data, name))
    assert isinstance(event, Uploaded), event
    return event


def get(world: World, end: End, name: str = "a.bin") -> Downloaded:
    """A whole download."""
    event = finish(world, end, act(world, lambda: client(end).files.get(name)))
    assert isinstance(event, Downloaded), event
    return event


def listing(world: World, end: End) -> tuple[FileEntry, ...]:
    """The files of the server, as a client is told."""
    request_id = act(world, client(end).files.list_files)
    world.run_until(lambda: any(event.request_id == request_id for event in end.told(FileList)), 60)
    files: tuple[FileEntry, ...] = end.told(FileList)[-1].files
    return files


class Asker:
    """Sends records that no verb would send and keeps what is refused."""

    def __init__(self, world: World, end: End) -> None:
        self.refused: list[int] = []
        self._world = world
        self._end = end

    def send(self, record: Record) -> list[int]:
        """The codes of the refusals that it brings."""
        requests = client(self._end).chat.requests
        self.refused.clear()
        request_id = requests.start(lambda _id, code, _text: self.refused.append(code))
        self._world.do(lambda: connection(self._end).send_record(record, request_id))
        self._world.network.run_for(100 * MILLISECOND)
        return list(self.refused)

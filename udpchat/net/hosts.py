"""The services of a server and of a client, put together on an endpoint. Still pure: sockets and disks come later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from udpchat.chat.client import ChatClient
from udpchat.chat.ports import Attachment
from udpchat.chat.server import ChatServer
from udpchat.config import Config
from udpchat.crypto.identity import Identity
from udpchat.crypto.keys import ServerKeys
from udpchat.errors import StorageError
from udpchat.files.client import FileClient
from udpchat.files.ports import FileEntry
from udpchat.files.server import FileServer
from udpchat.files.tuning import TuningClient
from udpchat.protocol.datagrams import Address
from udpchat.protocol.endpoint import ClientEndpoint, ServerEndpoint
from udpchat.protocol.members import Session
from udpchat.protocol.requests import Requests
from udpchat.protocol.service import Desk, Host
from udpchat.protocol.watch import Watch
from udpchat.version import __version__

AGENT = f"udpchat {__version__}"


@dataclass(frozen=True, slots=True)
class ServerCore:
    """A server without its socket: `host` has the five methods, the rest is for the administrator."""

    host: Host
    endpoint: ServerEndpoint
    desk: Desk
    chat: ChatServer
    files: FileServer


@dataclass(frozen=True, slots=True)
class ClientCore:
    """A client without its socket: `host` has the five methods, chat, files and tuning the verbs."""

    host: Host
    endpoint: ClientEndpoint
    chat: ChatClient
    files: FileClient
    tuning: TuningClient


@dataclass(frozen=True, slots=True)
class RoomAnnouncer:
    """What the file service asks of the chat; see `udpchat.files.uploads.Announcer`."""

    chat: ChatServer

    def objection(self, session: Session, room: str) -> str | None:
        """See `Announcer`."""
        return self.chat.objection(session, room)

    def announce(
        self, session: Session, room: str, entry: FileEntry, then: Callable[[StorageError | None], None]
    ) -> None:
        """See `Announcer`."""
        file = Attachment(entry.file_id, entry.file_name, entry.size, entry.md5)
        self.chat.share(session, room, file, then, sent_at=entry.stored_at)


def make_server(
    config: Config,
    keys: ServerKeys,
    random_bytes: Callable[[int], bytes],
    *,
    wall_offset: int = 0,
    keylog: Callable[[str], None] | None = None,
    watch: Watch | None = None,
) -> ServerCore:
    """A server core. wall_offset: wall clock minus `now` [us]."""
    endpoint = ServerEndpoint(config, keys, random_bytes, wall_offset=wall_offset, keylog=keylog, watch=watch)
    desk = Desk(endpoint)
    chat = ChatServer(desk, config, endpoint.acceptor.make_token, random_bytes, wall_offset)
    files = FileServer(desk, config, RoomAnnouncer(chat))
    host = Host(endpoint, desk, (chat, files), files.on_part_failed)
    return ServerCore(host, endpoint, desk, chat, files)


def make_client(  # noqa: PLR0913 - each has a name, and most a default
    server: Address,
    config: Config,
    identity: Identity,
    random_bytes: Callable[[int], bytes],
    now: int,
    *,
    token: bytes = b"",
    keylog: Callable[[str], None] | None = None,
    watch: Watch | None = None,
    agent: str = AGENT,
    patience: int | None = 0,
) -> ClientCore:
    """A client core that begins its handshake at once. patience: see ChatClient."""
    endpoint = ClientEndpoint(server, config, random_bytes, now, token=token, keylog=keylog, watch=watch)
    desk, requests = Desk(endpoint), Requests()
    chat = ChatClient(desk, endpoint, requests, identity, random_bytes, agent, patience)
    files = FileClient(desk, requests, identity.public, random_bytes)
    tuning = TuningClient(desk, requests)
    host = Host(endpoint, desk, (chat, files, tuning), files.on_part_failed)
    return ClientCore(host, endpoint, chat, files, tuning)

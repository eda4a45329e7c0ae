"""The services of a server and of a client, put together on an endpoint. Still pure: sockets and disks come later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from udpchat.chat.addressing import Obstacle, Place
from udpchat.chat.client import ChatClient
from udpchat.chat.ports import Attachment
from udpchat.chat.server import ChatServer
from udpchat.config import Config
from udpchat.crypto.identity import Identity
from udpchat.crypto.keys import ServerKeys
from udpchat.errors import StorageError
from udpchat.files.audience import Addressee, Objection
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
class ChatAudience:
    """What the file service asks of the chat; see `udpchat.files.audience.Audience`."""

    chat: ChatServer

    def address(
        self, session: Session, room: str, nick: str, then: Callable[[Addressee | Objection | StorageError], None]
    ) -> None:
        """See `Audience`."""

        def on_addressed(result: Place | Obstacle | StorageError) -> None:
            match result:
                case Place(found, person_id, known_as):
                    then(Addressee(found, person_id, known_as))
                case Obstacle(code, text):
                    then(Objection(code, text))
                case StorageError():
                    then(result)

        self.chat.address(session, room, nick, on_addressed)

    def announce(
        self, session: Session, addressee: Addressee, entry: FileEntry, then: Callable[[StorageError | None], None]
    ) -> None:
        """See `Audience`."""
        media, place = entry.media, Place(addressee.room, addressee.person_id, addressee.nick)
        file = Attachment(
            entry.file_id,
            entry.file_name,
            entry.size,
            entry.md5,
            media.name,
            media.width,
            media.height,
            entry.members,
            entry.flags,
        )
        self.chat.share(session, place, file, then, sent_at=entry.stored_at)

    def rooms(self, session: Session) -> frozenset[str]:
        """See `Audience`."""
        return self.chat.rooms_of(session)

    def is_admin(self, session: Session) -> bool:
        """See `Audience`."""
        return self.chat.is_admin(session)


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
    files = FileServer(desk, config, ChatAudience(chat), wall_offset)
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
    chat.me.on_in = files.on_in
    tuning = TuningClient(desk, requests)
    host = Host(endpoint, desk, (chat, files, tuning), files.on_part_failed)
    return ClientCore(host, endpoint, chat, files, tuning)

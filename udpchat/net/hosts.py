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
from udpchat.peers.dial import Dial
from udpchat.peers.mesh import Found, Home, Mesh
from udpchat.peers.node import Call, CallEndpoint, PeerHost
from udpchat.peers.ports import SearchShared
from udpchat.peers.roster import NO_KEY, Node, Roster
from udpchat.peers.service import PeerServer
from udpchat.protocol.datagrams import Address
from udpchat.protocol.endpoint import ClientEndpoint, ServerEndpoint
from udpchat.protocol.members import Session
from udpchat.protocol.requests import Requests
from udpchat.protocol.service import Desk, Host, Service
from udpchat.protocol.watch import Watch
from udpchat.version import __version__
from udpchat.wire.numbers import QueryKind

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
class PeerCore:
    """A node of a peer network without its socket: `host` has the five methods, dials and hangs up.

    server: what it is to chat clients. mesh: searches. roster: its neighbours. peers: who may be one.
    """

    host: PeerHost
    server: ServerCore
    mesh: Mesh
    roster: Roster
    peers: PeerServer


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

    def leave_word(self, session: Session, entry: FileEntry, text: str, at: int) -> None:
        """See `Audience`."""
        place = Place("", entry.owner_id, entry.owner_nick)
        self.chat.leave_word(session, entry.file_id, text, sent_at=at, place=place)

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
    return _furnish(endpoint, Desk(endpoint), config, random_bytes, wall_offset)


def _furnish(
    endpoint: ServerEndpoint,
    desk: Desk,
    config: Config,
    random_bytes: Callable[[int], bytes],
    wall_offset: int,
    *others: Service,
) -> ServerCore:
    """The services of a server on its endpoint. others: beside chat and files."""
    chat = ChatServer(desk, config, endpoint.acceptor.make_token, random_bytes, wall_offset)
    files = FileServer(desk, config, ChatAudience(chat), wall_offset)
    host = Host(endpoint, desk, (chat, files, *others), files.on_part_failed)
    return ServerCore(host, endpoint, desk, chat, files)


def make_peer(  # noqa: PLR0913 - each has a name, and most a default
    name: str,
    port: int,
    config: Config,
    keys: ServerKeys,
    identity: Identity,
    random_bytes: Callable[[int], bytes],
    *,
    wall_offset: int = 0,
    keylog: Callable[[str], None] | None = None,
    watch: Watch | None = None,
    agent: str = AGENT,
) -> PeerCore:
    """A node of a peer network: a server, and a client for each neighbour that it dials, on one socket.

    name, port: as it says to its neighbours. UsageError: a name that no node has.
    """
    key = NO_KEY if config.plaintext else keys.static_public
    node = Node(name, identity.public, key, port)
    endpoint = ServerEndpoint(config, keys, random_bytes, wall_offset=wall_offset, keylog=keylog, watch=watch)
    desk = Desk(endpoint)
    mesh = Mesh(config.max_ttl, Home(key, port, _asker(desk), desk.tell), random_bytes)
    roster = Roster(node, mesh, config.max_neighbours, desk.tell)
    peers = PeerServer(desk, roster)
    server = _furnish(endpoint, desk, config, random_bytes, wall_offset, peers)

    def call(address: Address, expected_key: bytes, now: int) -> Call:
        client = CallEndpoint(address, config, random_bytes, now, keylog=keylog, watch=watch)
        client_desk = Desk(client)
        dial = Dial(client, client_desk, roster, identity, random_bytes, agent, expected_key)
        return Call(dial, Host(client, client_desk, (dial,), server.files.on_part_failed), client)

    return PeerCore(PeerHost(server.host, call), server, mesh, roster, peers)


def _asker(desk: Desk) -> Callable[[QueryKind, str, int, Callable[[Found, int], None]], None]:
    """How a mesh asks storage what is shared here."""
    return lambda kind, pattern, limit, then: desk.ask(SearchShared(0, kind, pattern, limit), then)


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

"""A neighbour that this node dials: joins there as a visitor, asks to be a neighbour, and tries again for ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from udpchat.config import DIAL_FIRST, DIAL_LAST, NEIGHBOUR_TIMEOUT
from udpchat.crypto.identity import CLIENT_ID_SIZE, Identity, fingerprint_bytes
from udpchat.errors import ErrorCode
from udpchat.peers.events import DialFailed
from udpchat.peers.roster import NO_KEY, Acquaintance, Roster, name_fault
from udpchat.protocol.datagrams import Address
from udpchat.protocol.endpoint import ClientEndpoint
from udpchat.protocol.events import ConnectionClosed, ConnectionEvent, ConnectionOpened, RecordReceived
from udpchat.protocol.handshake import FEATURES
from udpchat.protocol.service import Desk
from udpchat.wire.numbers import JoinFlag
from udpchat.wire.records import Hit, Join, Neighbour, Query, Refused, Unsupported, Welcome

NO_CONNECTION: Final = b""
NO_LINK: Final = -1
JOIN_REQUEST, NEIGHBOUR_REQUEST = 1, 2
PLAIN_SERVER: Final = "the server there is no node of a peer network, or an older one"
# Refusals that another try soon would not mend.
LASTING: Final = frozenset(
    {
        *(ErrorCode.NOT_ALLOWED, ErrorCode.BANNED, ErrorCode.KICKED, ErrorCode.LOGIN_REQUIRED, ErrorCode.SERVER_FULL),
        *(ErrorCode.NEIGHBOURS_ALREADY, ErrorCode.TAKEN_OVER, ErrorCode.PROTOCOL_VIOLATION),
    }
)


class Dial:
    """One of them. agent: as this program is called.

    expected_key: of the server there, or the 16 bytes of its fingerprint; NO_KEY: whichever it shows. is_over: it is
    not tried again.
    """

    handles: frozenset[type] = frozenset({Welcome, Refused, Unsupported, Neighbour, Query, Hit})

    def __init__(
        self,
        endpoint: ClientEndpoint,
        desk: Desk,
        roster: Roster,
        identity: Identity,
        random_bytes: Callable[[int], bytes],
        agent: str,
        expected_key: bytes = NO_KEY,
    ) -> None:
        self.is_over = False
        self._desk = desk
        self._endpoint = endpoint
        self._roster = roster
        self._introduction = _Introduction(identity, random_bytes(CLIENT_ID_SIZE), agent)
        self._random_bytes = random_bytes
        self._expected_key = expected_key
        self._key = NO_KEY  # that the server there has shown on the connection that stands
        self._connection_id = NO_CONNECTION
        self._link = NO_LINK
        self._due: int | None = None  # when an answer is late, or another try is to be made
        self._attempt = 0  # since it was a neighbour

    @property
    def address(self) -> Address:
        """Where the node is."""
        return self._endpoint.server

    def hang_up(self) -> None:
        """Be neighbours no more, and do not try again."""
        self.is_over, self._due = True, None
        self._close(ErrorCode.NO_ERROR, "goodbye")

    # -- what the connection tells -------------------------------------------------------------------------------------

    def on_event(self, event: ConnectionEvent, now: int) -> None:
        """The connection came or went."""
        match event:
            case ConnectionOpened(connection_id, _, server_key, handshake_hash):
                self._connection_id, self._key = connection_id, server_key or NO_KEY
                self._on_opened(handshake_hash, now)
            case ConnectionClosed(_, code, reason, _):
                self._on_closed(code, reason, now)

    def _on_opened(self, handshake_hash: bytes, now: int) -> None:
        if not self._is_expected(self._key):
            self._close(ErrorCode.NOT_ALLOWED, "the node there has another key than the one that was asked for")
        elif self._key != NO_KEY and self._key == self._roster.node.key:
            self._close(ErrorCode.OWN_ADDRESS, "this address is our own: a node is no neighbour of itself")
        elif self._key != NO_KEY and self._key in self._roster.dialled:
            self._key = NO_KEY  # the other dial's
            self._close(ErrorCode.NEIGHBOURS_ALREADY, "this node is dialled under another address as well")
        else:
            self._due = now + NEIGHBOUR_TIMEOUT
            if self._key != NO_KEY:
                self._roster.dialled[self._key] = False
            self._desk.send(self._connection_id, self._introduction.join(handshake_hash), JOIN_REQUEST)

    def _is_expected(self, key: bytes) -> bool:
        """Whether a server may have this key."""
        expected = self._expected_key
        if NO_KEY in (key, expected):
            return True
        return expected == (key if len(expected) == len(key) else fingerprint_bytes(key))

    def on_record(self, received: RecordReceived, now: int) -> None:
        """What the other node says."""
        mesh = self._roster.mesh
        match received.record:
            case Welcome() as welcome if not self._introduction.is_welcome:
                self._introduction.is_welcome, self._introduction.token = True, welcome.token
                self._desk.send(self._connection_id, self._roster.node.record, NEIGHBOUR_REQUEST)
            case Refused(code, text) if self._link == NO_LINK:
                self._close(code, text)
            case Unsupported() if self._link == NO_LINK:
                self._close(ErrorCode.PROTOCOL_VIOLATION, PLAIN_SERVER)
            case Neighbour() as neighbour if self._link == NO_LINK and self._introduction.is_welcome:
                self._on_neighbour(neighbour)
            case Query() as query if self._link != NO_LINK:
                mesh.on_query(self._link, query, now)
            case Hit() as hit if self._link != NO_LINK:
                mesh.on_hit(self._link, hit, now)

    def _on_neighbour(self, record: Neighbour) -> None:
        if (fault := name_fault(record.node_name)) is not None:
            self._close(ErrorCode.NICK_NOT_ALLOWED, fault)
        elif self._roster.is_full:
            self._close(ErrorCode.SERVER_FULL, self._roster.full_text)
        else:
            self._due, self._attempt = None, 0
            if self._key != NO_KEY:
                self._roster.dialled[self._key] = True
            who = Acquaintance(record.node_name, b"", self._key, self._desk, self._connection_id, was_dialled=True)
            self._link = self._roster.come(who)

    # -- trying again --------------------------------------------------------------------------------------------------

    def _close(self, code: int, reason: str) -> None:
        """End the connection; what is to be done about it, `_on_closed` does."""
        connection = self._desk.endpoint.find(self._connection_id)
        if connection is not None and connection.is_alive:
            self._introduction.refusal = code, reason
            connection.close(ErrorCode.NO_ERROR, reason)

    def _on_closed(self, code: int, reason: str, now: int) -> None:
        code, reason = self._introduction.refusal or (code, reason)
        self._introduction.refusal = None
        self._connection_id = NO_CONNECTION
        if self._key != NO_KEY:
            self._roster.dialled.pop(self._key, None)
            self._key = NO_KEY
        link, self._link = self._link, NO_LINK
        self.is_over = self.is_over or code == ErrorCode.OWN_ADDRESS
        wait = None if self.is_over else self._wait(code)
        self._due = None if wait is None else now + wait
        if link != NO_LINK:
            self._roster.go(link, code, reason)
        elif not self.is_over or code == ErrorCode.OWN_ADDRESS:
            self._roster.tell(DialFailed(self.address, code, reason, wait))

    def _wait(self, code: int) -> int:
        """Time until the next try [us], up to half of it taken off by chance: not all come back in one moment."""
        step = DIAL_LAST if code in LASTING else min(DIAL_FIRST << min(self._attempt, 10), DIAL_LAST)
        self._attempt += 1
        return step - step // 2 * self._random_bytes(1)[0] // 255

    def next_timeout(self) -> int | None:
        """When an answer is late, or another try is to be made."""
        return self._due

    def handle_timeout(self, now: int) -> None:
        """Give up waiting, or try again."""
        if self._due is None or now < self._due:
            return
        self._due = None
        if self._connection_id:
            self._close(ErrorCode.IDLE_TIMEOUT, f"no answer to NEIGHBOUR: {PLAIN_SERVER}")
        else:
            self._endpoint.reconnect(now, self._introduction.token)
            self._introduction.token = b""  # of use once


class _Introduction:
    """How a node joins. token: address token of the last connection; of the one that stands:

    is_welcome: we have joined. refusal: why we close it.
    """

    __slots__ = ("_agent", "_client_id", "_identity", "is_welcome", "refusal", "token")

    def __init__(self, identity: Identity, client_id: bytes, agent: str) -> None:
        self._identity = identity
        self._client_id = client_id
        self._agent = agent
        self.token = b""
        self.is_welcome = False
        self.refusal: tuple[int, str] | None = None

    def join(self, handshake_hash: bytes) -> Join:
        """A visitor under a nickname that no other node and nobody else has."""
        self.is_welcome = False
        key = self._identity.public
        signature = self._identity.sign(handshake_hash, self._client_id)
        nick = f"node-{key.hex()[:16]}"
        return Join(key, signature, self._client_id, FEATURES, JoinFlag.VISITOR, 0, b"", nick, self._agent)

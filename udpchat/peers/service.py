"""The peer service of a node's server: nodes that dialled us, what they ask, and the time of the mesh."""

from __future__ import annotations

from udpchat.errors import ErrorCode
from udpchat.peers.roster import Acquaintance, Roster
from udpchat.protocol.events import ConnectionClosed, ConnectionEvent, RecordReceived
from udpchat.protocol.members import Session
from udpchat.protocol.service import Desk
from udpchat.wire.records import Hit, Neighbour, Query


class PeerServer:
    """Takes neighbours in; they have to have joined, as visitors. Everything else of a node goes through its roster."""

    handles: frozenset[type] = frozenset({Neighbour, Query, Hit})

    def __init__(self, desk: Desk, roster: Roster) -> None:
        self._desk = desk
        self._roster = roster
        self._links: dict[bytes, int] = {}  # by connection

    # -- time ----------------------------------------------------------------------------------------------------------

    def next_timeout(self) -> int | None:
        """When the mesh has something to do."""
        return self._roster.mesh.next_timeout()

    def handle_timeout(self, now: int) -> None:
        """Let the mesh act."""
        self._roster.mesh.handle_timeout(now)

    # -- what connections tell -----------------------------------------------------------------------------------------

    def on_record(self, received: RecordReceived, now: int) -> None:
        """A node wants to be a neighbour, or a neighbour says something."""
        record, link = received.record, self._links.get(received.connection_id)
        session = self._desk.members.find(received.connection_id)
        if session is None:
            self._desk.refuse(received, ErrorCode.NOT_JOINED, "join first")
        elif isinstance(record, Neighbour):
            self._on_neighbour(received, session, record)
        elif link is None:
            self._desk.refuse(received, ErrorCode.NOT_ALLOWED, "only neighbours search here: send NEIGHBOUR first")
        elif isinstance(record, Query):
            self._roster.mesh.on_query(link, record, now)
        elif isinstance(record, Hit):
            self._roster.mesh.on_hit(link, record, now)

    def on_event(self, event: ConnectionEvent, now: int) -> None:  # noqa: ARG002 - the Service protocol
        """A connection is over."""
        if isinstance(event, ConnectionClosed):
            self._part(event.connection_id, event.code, event.reason)

    def _on_neighbour(self, received: RecordReceived, session: Session, record: Neighbour) -> None:
        roster, connection_id = self._roster, received.connection_id
        if connection_id in self._links:
            self._desk.refuse(received, ErrorCode.NEIGHBOURS_ALREADY, "you are a neighbour already")
            return
        if (objection := roster.objection(session.identity, record)) is not None:
            self._desk.refuse(received, *objection)
            return
        for link in roster.of(session.identity):  # it was restarted, and its old connection is not known to be dead yet
            self._hang_up(link, ErrorCode.TAKEN_OVER, "this node has dialled again")
        who = Acquaintance(record.node_name, session.identity, record.key, self._desk, connection_id, was_dialled=False)
        self._links[connection_id] = roster.come(who)
        self._desk.members.keep(connection_id)
        self._desk.send(connection_id, roster.node.record, received.request_id)

    # -- verbs ---------------------------------------------------------------------------------------------------------

    def allow(self, identities: frozenset[bytes] | None) -> None:
        """Take only these as neighbours that dial us, or all for None; part from those that are not meant any more."""
        self._roster.allowed = identities
        for link, who in self._roster.links:
            if not who.was_dialled and identities is not None and who.identity not in identities:
                name = self._roster.node.name
                self._hang_up(link, ErrorCode.NOT_ALLOWED, f"{name} takes you as a neighbour no more")

    def _hang_up(self, link: int, code: ErrorCode, reason: str) -> None:
        for connection_id in [each for each, number in self._links.items() if number == link]:
            self._part(connection_id, code, reason)
            if (connection := self._desk.endpoint.find(connection_id)) is not None:
                connection.close(code, reason)

    def _part(self, connection_id: bytes, code: int, reason: str) -> None:
        if (link := self._links.pop(connection_id, None)) is not None:
            self._roster.go(link, code, reason)

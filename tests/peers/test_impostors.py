"""Servers that a node has dialled, and that answer anything but what they should."""

from __future__ import annotations

from typing import Any

import pytest

from tests.peers.web import Web, shared
from udpchat.config import DEFAULT_PORT, NEIGHBOUR_TIMEOUT, SECOND
from udpchat.crypto.keys import ServerKeys
from udpchat.errors import ErrorCode
from udpchat.peers.events import DialFailed
from udpchat.protocol.endpoint import ServerEndpoint
from udpchat.protocol.events import ConnectionEvent, RecordReceived
from udpchat.protocol.service import Desk, Host
from udpchat.wire.numbers import QueryKind
from udpchat.wire.records import Hit, Join, Neighbour, Query, Record, Refused, Unsupported, Welcome

ADDRESS = ("10.66.0.1", DEFAULT_PORT)
WELCOME = Welcome(1, 0, 0, 0, 0, b"", "node", "lobby")
NEIGHBOUR = Neighbour(bytes(32), DEFAULT_PORT, "mallory")
QUERY = Query(b"q" * 16, QueryKind.EXACT, 7, 0, "a.png")


class Impostor:
    """A server that answers each class of records as it was told. heard: what it was told."""

    handles = frozenset({Join, Neighbour, Query, Hit})

    def __init__(self, web: Web, answers: dict[type, list[Record]]) -> None:
        self.heard: list[Any] = []
        self._answers = answers
        random = web.stream()
        endpoint = ServerEndpoint(web.config, ServerKeys.from_master(random.randbytes(32)), random.randbytes)
        self._desk = Desk(endpoint)
        web.network.add(Host(endpoint, self._desk, (self,), lambda _result, _now: None), ADDRESS)

    def on_event(self, event: ConnectionEvent, now: int) -> None:
        pass

    def on_record(self, received: RecordReceived, now: int) -> None:
        self.heard.append(received.record)
        for answer in self._answers.get(type(received.record), []):
            self._desk.send(received.connection_id, answer, received.request_id)

    def count(self, kind: type) -> int:
        return sum(isinstance(record, kind) for record in self.heard)


def dialled(answers: dict[type, list[Record]], seconds: float = 0.5) -> tuple[Web, Impostor]:
    """A node that shares a file, some time after it has dialled an impostor."""
    web = Web(1, 1, [])
    web.nodes[0].store.shared.files.append(shared("a.png"))
    impostor = Impostor(web, answers)
    web.nodes[0].core.host.dial(ADDRESS, 0)
    web.network.settle()
    web.rest(seconds)
    return web, impostor


def failed(web: Web) -> list[int]:
    return [event.code for event in web.nodes[0].told(DialFailed)]


def test_a_server_that_welcomes_over_and_over_is_answered_once() -> None:
    _, impostor = dialled({Join: [WELCOME] * 100})
    assert impostor.count(Neighbour) == 1


@pytest.mark.parametrize("answers", [[NEIGHBOUR, QUERY], [WELCOME, QUERY], [QUERY], [WELCOME, WELCOME]])
def test_who_is_no_neighbour_yet_is_answered_nothing(answers: list[Record]) -> None:
    web, impostor = dialled({Join: answers})
    assert len(web.nodes[0].core.roster) == 0
    assert impostor.count(Hit) == 0


def test_whoever_says_it_is_a_neighbour_twice_is_one_once() -> None:
    web, impostor = dialled({Join: [WELCOME], Neighbour: [NEIGHBOUR, NEIGHBOUR, QUERY]})
    assert len(web.nodes[0].core.roster) == 1
    assert impostor.count(Hit) == 1


def test_a_server_that_never_answers_is_given_up_and_tried_again() -> None:
    web, impostor = dialled({}, seconds=3 * NEIGHBOUR_TIMEOUT / SECOND)
    assert impostor.count(Join) >= 2
    assert set(failed(web)) == {ErrorCode.IDLE_TIMEOUT}


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Refused(ErrorCode.SERVER_FULL, "full"), ErrorCode.SERVER_FULL),
        (Refused(60_000, "later"), 60_000),
        (Unsupported(56), ErrorCode.PROTOCOL_VIOLATION),
        (Neighbour(bytes(32), 1, ""), ErrorCode.NICK_NOT_ALLOWED),
        (Neighbour(bytes(32), 1, "a\nb"), ErrorCode.NICK_NOT_ALLOWED),
    ],
)
def test_a_no_and_an_answer_that_makes_no_sense_end_the_call(answer: Record, code: int) -> None:
    web, _ = dialled({Join: [WELCOME], Neighbour: [answer]})
    assert failed(web) == [code]
    assert len(web.nodes[0].core.roster) == 0

"""TUNE: a client chooses how the server sends files to it, and to nobody else."""

from __future__ import annotations

import pytest

from tests.files.shop import Asker, act, connection, finish, get, open_shop, put
from tests.world import End, World, client, connections
from udpchat.arq.in_flight import Kind
from udpchat.config import ARQ_SCHEMES, CONTROLLERS, MAX_WINDOW_PACKETS, MILLISECOND, SECOND, Config
from udpchat.errors import ErrorCode, UsageError
from udpchat.files.events import Downloaded, SendingTuned, TransferFailed
from udpchat.protocol.connection import Connection
from udpchat.protocol.events import RecordReceived
from udpchat.protocol.stats import path_stats
from udpchat.sim.link import LinkSpec
from udpchat.wire.numbers import RecordType
from udpchat.wire.records import Tune, Unsupported

LINK = LinkSpec(rate=2_000_000, delay=5 * MILLISECOND)
SIZE = 300_000


def server_side(world: World, end: End) -> Connection:
    """The server's connection of a client."""
    return next(each for each in connections(world.server.core.endpoint) if each.address == end.address)


def tune(world: World, end: End, arq: str, congestion: str = "bbr", window: int = 0) -> SendingTuned | TransferFailed:
    """Ask, and wait for the answer."""
    request_id = act(world, lambda: client(end).tuning.tune(arq, congestion, window))

    def answers() -> list[SendingTuned | TransferFailed]:
        told = [*end.told(SendingTuned), *end.told(TransferFailed)]
        return [event for event in told if event.request_id == request_id]

    world.run_until(lambda: bool(answers()), 5)
    (answer,) = answers()
    return answer


@pytest.mark.parametrize("congestion", CONTROLLERS)
@pytest.mark.parametrize("arq", ARQ_SCHEMES)
def test_a_download_comes_as_it_was_asked_for(arq: str, congestion: str) -> None:
    world, (anna,) = open_shop("anna", link=LINK)
    put(world, anna, world.random.randbytes(SIZE))
    answer = tune(world, anna, arq, congestion, 6)
    assert isinstance(answer, SendingTuned)
    holds = 1 if arq == "stop-and-wait" else 6
    assert (answer.arq, answer.congestion, answer.window) == (arq, congestion, holds)
    sender = server_side(world, anna)
    most: list[int] = [0]

    def watch(*_: object) -> None:
        flying = [run.count for run in sender.transmitter.recovery.in_flight if run.kind is Kind.DATA]
        most[0] = max(most[0], sum(flying))

    world.network.invariant(watch)
    assert get(world, anna).md5_stored == get(world, anna).md5_offered
    assert most[0] == (1 if arq == "stop-and-wait" else 6)
    stats = path_stats(sender)
    assert (stats.scheme, stats.controller) == (arq, congestion)


def test_it_concerns_the_connection_of_who_asked() -> None:
    world, (anna, ben) = open_shop("anna", "ben", link=LINK)
    tune(world, anna, "stop-and-wait", "fixed")
    assert path_stats(server_side(world, anna)).scheme == "stop-and-wait"
    assert path_stats(server_side(world, ben)).scheme == path_stats(connection(anna)).scheme == "selective-repeat"


def test_the_server_has_a_default_for_who_does_not_ask() -> None:
    world, (anna,) = open_shop("anna", link=LINK, config=Config(arq="go-back-n", window=9, congestion="cubic"))
    stats = path_stats(server_side(world, anna))
    assert (stats.scheme, stats.window, stats.controller) == ("go-back-n", 9, "cubic")


def test_a_controller_that_is_there_keeps_what_it_has_learned() -> None:
    world, (anna,) = open_shop("anna", link=LINK)
    put(world, anna, world.random.randbytes(SIZE))
    get(world, anna)
    before = server_side(world, anna).transmitter.recovery.controller
    tune(world, anna, "go-back-n", "bbr", 5)
    assert server_side(world, anna).transmitter.recovery.controller is before
    tune(world, anna, "go-back-n", "cubic", 5)
    assert server_side(world, anna).transmitter.recovery.controller is not before


@pytest.mark.parametrize(
    "record",
    [
        Tune(0, "go-back", "bbr"),
        Tune(0, "", "bbr"),
        Tune(0, "go-back-n", "vegas\x1b[2J"),
        Tune(MAX_WINDOW_PACKETS + 1, "go-back-n", "bbr"),
        Tune(2**32 - 1, "selective-repeat", "fixed"),
    ],
)
def test_what_the_server_does_not_know_is_refused_and_changes_nothing(record: Tune) -> None:
    world, (anna,) = open_shop("anna")
    assert Asker(world, anna).send(record) == [ErrorCode.TUNING_NOT_ALLOWED]
    assert path_stats(server_side(world, anna)).scheme == "selective-repeat"


@pytest.mark.parametrize("elapsed", [0, 15 * MILLISECOND, 60 * MILLISECOND])
def test_it_is_refused_while_a_file_is_being_sent_and_taken_afterwards(elapsed: int) -> None:
    world, (anna,) = open_shop("anna", link=LINK)
    put(world, anna, world.random.randbytes(SIZE))
    world.network.run_for(SECOND)
    request_id = act(world, lambda: client(anna).files.get("a.bin"))
    world.network.run_for(elapsed)
    answer = tune(world, anna, "go-back-n")
    assert isinstance(answer, TransferFailed)
    assert answer.code == ErrorCode.TUNING_NOT_ALLOWED
    assert isinstance(finish(world, anna, request_id), Downloaded)
    world.network.run_for(SECOND)
    assert isinstance(tune(world, anna, "go-back-n"), SendingTuned)


def test_nonsense_is_not_even_sent() -> None:
    world, (anna,) = open_shop("anna")
    with pytest.raises(UsageError, match="no ARQ scheme"):
        client(anna).tuning.tune("go-back", "bbr", 0)
    assert isinstance(tune(world, anna, "go-back-n"), SendingTuned)


def test_a_server_that_is_too_old_is_told_of_with_what_to_do() -> None:
    world, (anna,) = open_shop("anna")
    mine = client(anna)
    request_id = mine.tuning.tune("go-back-n", "bbr", 0)
    answer = RecordReceived(connection(anna).connection_id, 0, request_id, Unsupported(RecordType.TUNE))
    world.do(lambda: mine.chat.on_record(answer, 0))
    world.run_until(lambda: bool(anna.told(TransferFailed)), 1)
    (failed,) = anna.told(TransferFailed)
    assert "too old" in failed.text
    assert "leave --arq, --window and --congestion out" in failed.text


def test_it_needs_a_session() -> None:
    world, _ = open_shop("anna")
    ben = world.add_client("anna")  # the nickname is taken, so this one does not get in
    world.join(ben)
    assert Asker(world, ben).send(Tune(0, "go-back-n", "bbr")) == [ErrorCode.NOT_JOINED]

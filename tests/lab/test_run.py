from dataclasses import replace
from io import BytesIO
from itertools import pairwise
from typing import Any

import pytest

from udpchat.capture.pcapng import PcapngWriter
from udpchat.config import ARQ_SCHEMES, MILLISECOND, SECOND, Config
from udpchat.errors import UsageError
from udpchat.lab.experiment import MAX_CHAT_RATE, MAX_CLIENTS, MAX_SIZE, Experiment, Outcome, limit
from udpchat.lab.recording import INTERFACES, Recording
from udpchat.lab.run import EPOCH, run_experiment
from udpchat.sim.link import LinkSpec

LINK = LinkSpec(rate=2_500_000, delay=10 * MILLISECOND)
LOSSY = LinkSpec(rate=2_500_000, delay=10 * MILLISECOND, loss=0.05, duplicate=0.01, reorder=0.01, corrupt=0.01)
SIZE = 100_000
SOMEWHAT_LATE = 30 * MILLISECOND


def experiment(**fields: Any) -> Experiment:
    given: dict[str, Any] = {"link": LINK, "size": SIZE, "seed": 1, **fields}
    return Experiment(**given)


def complete(**fields: Any) -> Outcome:
    outcome = run_experiment(experiment(**fields))
    assert outcome.is_complete, outcome.missing
    return outcome


VARIANTS: list[dict[str, Any]] = [
    {},
    {"direction": "down", "link": LOSSY},
    {"chat": 50.0, "link": LOSSY},
    {"clients": 3, "link": LOSSY, "chat": 20.0},
    {"rebind": 40 * MILLISECOND, "link": LOSSY},
    {"config": Config(plaintext=True, congestion="cubic"), "link": LOSSY},
]


@pytest.mark.parametrize("fields", VARIANTS, ids=repr)
def test_the_same_seed_gives_the_same_outcome_capture_and_keys_twice(fields: dict[str, Any]) -> None:
    runs = []
    for _ in range(2):
        file, keys = BytesIO(), list[str]()
        recording = Recording(PcapngWriter(file, INTERFACES), EPOCH)
        outcome = run_experiment(experiment(sample=5_000, **fields), recording=recording, keylog=keys.append)
        assert outcome.is_complete, outcome.missing
        runs.append((outcome, file.getvalue(), keys))
    assert runs[0] == runs[1]
    assert len(runs[0][1]) > SIZE
    sessions = max(fields.get("clients", 1), 2 if "chat" in fields else 1)
    assert len(runs[0][2]) == (0 if "config" in fields else 2 * sessions)


def test_another_seed_gives_another_trace() -> None:
    assert complete(seed=1).trace != complete(seed=2).trace


def test_looking_on_changes_nothing() -> None:
    plain = complete(link=LOSSY, chat=20.0)
    file = BytesIO()
    recording = Recording(PcapngWriter(file, INTERFACES), EPOCH)
    watched = run_experiment(
        experiment(link=LOSSY, chat=20.0, sample=1_000), recording=recording, keylog=lambda _: None
    )
    assert replace(watched, samples=()) == plain


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("arq", ARQ_SCHEMES)
def test_every_scheme_brings_the_file_in_both_directions(arq: str, direction: str) -> None:
    outcome = complete(direction=direction, link=LOSSY, config=Config(arq=arq, window=8))
    assert outcome.bytes == SIZE
    assert outcome.md5_sent == outcome.md5_stored is not None
    assert outcome.retransmitted > 0


def test_goodput_is_counted_from_the_first_data_packet_to_the_commit() -> None:
    outcome = complete()
    assert outcome.joined_after is not None
    assert outcome.duration is not None
    # At least the file at the rate of the line, and a round trip until the last byte is known to be stored.
    assert SIZE * SECOND // LINK.rate + 2 * LINK.delay < outcome.duration < outcome.joined_after + SOMEWHAT_LATE * 4
    assert outcome.goodput == SIZE * SECOND / outcome.duration
    assert outcome.limit is not None
    assert outcome.limit == pytest.approx(LINK.rate * 1_420 / 1_514)
    assert outcome.ratio == pytest.approx(outcome.goodput / outcome.limit)


def test_the_limit_knows_the_loss_and_is_unknown_without_a_rate() -> None:
    assert limit(replace(LINK, loss=0.5)) == pytest.approx(LINK.rate / 2 * 1_420 / 1_514)
    assert limit(LinkSpec()) is None
    assert complete(link=LinkSpec(delay=1_000)).ratio is None


def test_without_faults_nothing_is_sent_twice() -> None:
    outcome = complete(size=500_000)
    assert (outcome.retransmitted, outcome.lost, outcome.spurious, outcome.queue_drops, outcome.dropped) == (0,) * 5
    assert outcome.udp_bytes < 1.1 * outcome.bytes


def test_what_the_link_drops_is_declared_lost() -> None:
    outcome = complete(link=replace(LINK, loss=0.1), size=500_000)
    assert outcome.dropped >= outcome.lost > outcome.dropped / 2  # ACKs that are lost nobody declares
    assert outcome.retransmitted >= outcome.lost * 0.9


def test_a_queue_that_is_too_short_drops() -> None:
    outcome = complete(link=replace(LINK, queue=3), config=Config(congestion="fixed", window=50))
    assert outcome.queue_drops == outcome.dropped > 0


def test_a_cold_handshake_takes_three_round_trips() -> None:
    outcome = complete(link=LinkSpec(delay=50 * MILLISECOND))
    assert (outcome.round_trips, outcome.joined_after) == (3, 300 * MILLISECOND)


def test_everybody_hears_every_line_but_their_own() -> None:
    outcome = complete(chat=100.0, clients=3, link=LOSSY)
    assert outcome.chat_sent == outcome.chat_delivered > 20
    assert outcome.chat_sent % 2 == 0
    assert outcome.chat_p50 is not None
    assert outcome.chat_p99 is not None
    assert 2 * LINK.delay <= outcome.chat_p50 <= outcome.chat_p99


def test_a_single_client_gets_somebody_to_talk_to() -> None:
    assert complete(chat=50.0).chat_delivered > 0
    assert complete().chat_sent == 0


def test_a_client_that_moves_is_followed() -> None:
    outcome, still = complete(rebind=100 * MILLISECOND, size=400_000), complete(size=400_000)
    assert outcome.md5_sent == outcome.md5_stored
    assert outcome.trace != still.trace


def test_an_empty_file_arrives() -> None:
    outcome = complete(size=0)
    assert outcome.md5_stored == "d41d8cd98f00b204e9800998ecf8427e"
    assert outcome.goodput == 0


def test_samples_tell_the_state_of_the_sender_in_the_order_of_time() -> None:
    outcome = complete(sample=10 * MILLISECOND, size=500_000)
    times = [sample.at for sample in outcome.samples]
    assert all(later - earlier >= 10 * MILLISECOND for earlier, later in pairwise(times))
    last = outcome.samples[-1]
    assert last.sent >= last.acked > SIZE
    assert max(sample.queue for sample in outcome.samples) > 1
    assert all(sample.in_flight <= sample.sent for sample in outcome.samples)


def test_who_could_not_join_is_said() -> None:
    outcome = run_experiment(experiment(link=replace(LINK, loss=1), clients=2))
    assert not outcome.is_complete
    assert len(outcome.missing) == 2
    assert outcome.missing[0].startswith("alice could not join: no answer")
    assert outcome.missing[1].startswith("bob could not join: ")
    assert (outcome.bytes, outcome.duration, outcome.round_trips, outcome.goodput) == (0, None, None, None)


def test_a_file_that_does_not_arrive_is_said() -> None:
    gone = replace(LINK, blackouts=((100 * MILLISECOND, 10_000 * SECOND),))
    outcome = run_experiment(experiment(link=gone, size=1_000_000))
    assert outcome.missing == ("the file of alice did not arrive: nothing was heard from the other end",)
    assert outcome.md5_stored is None


def test_lines_that_are_not_heard_are_said() -> None:
    gone = replace(LINK, blackouts=((100 * MILLISECOND, 10_000 * SECOND),))
    outcome = run_experiment(experiment(link=gone, size=1_000_000, chat=50.0))
    assert outcome.chat_delivered < outcome.chat_sent
    assert f"{outcome.chat_sent - outcome.chat_delivered} chat lines were not heard" in outcome.missing


def test_patience_has_an_end() -> None:
    outcome = run_experiment(experiment(size=1_000_000, patience=200 * MILLISECOND))
    assert outcome.missing == ("the file of alice did not arrive: it took too long",)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"clients": 0}, "1 to 250 clients"),
        ({"clients": MAX_CLIENTS + 1}, "1 to 250 clients"),
        ({"size": MAX_SIZE + 1}, "kept in memory"),
        ({"size": MAX_SIZE, "clients": 2}, "kept in memory"),
        ({"chat": MAX_CHAT_RATE + 1}, "lines a second"),
        ({"chat": -1.0}, "lines a second"),
    ],
)
def test_what_cannot_be_run_is_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        experiment(**wrong)

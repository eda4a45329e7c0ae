"""What `tests/benchmarks/history.py` measures with is sound: its corpus, its questions, its verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.benchmarks.history import Fresh, Times, forget, main, messages_of, parse, prepare, row_of, size_of
from tests.benchmarks.history_corpus import (
    BEGINNING,
    LENGTHS,
    PEOPLE,
    PRIVATE_SHARE,
    ROOMS,
    TOPIC_SHARE,
    YEAR,
    Corpus,
    Said,
)
from tests.benchmarks.history_fill import History, fill, populate
from tests.benchmarks.history_queries import PAGE_TARGET, Kind, Questions
from udpchat.chat.ports import FindMessages, ListRooms, Query, ReadMessages
from udpchat.chat.search import index_terms
from udpchat.errors import StorageError
from udpchat.protocol.ports import perform
from udpchat.store.chat_schema import CHAT_DATABASE
from udpchat.store.memory import MemoryStore

COUNT = 2_000
KIND = Kind("a page", PAGE_TARGET, lambda _: ListRooms(1))


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus(7)


@pytest.fixture(scope="module")
def said(corpus: Corpus) -> list[Said]:
    return list(corpus.messages(COUNT))


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    made, _ = prepare(tmp_path, parse(["--messages", "300"]))
    yield made
    made.store.close()


def is_chinese(said: Said) -> bool:
    return any(ord(character) > 0x3000 for character in said.text)


def test_the_same_seed_gives_the_same_history_and_another_one_another(said: list[Said]) -> None:
    assert list(Corpus(7).messages(COUNT)) == said
    assert list(Corpus(8).messages(COUNT)) != said


def test_half_of_the_messages_are_chinese(said: list[Said]) -> None:
    assert sum(map(is_chinese, said)) == COUNT // 2


def test_times_go_evenly_through_a_year(said: list[Said]) -> None:
    times = [each.sent_at for each in said]
    assert times == sorted(times)
    assert (times[0], times[-1]) == (BEGINNING, BEGINNING + (COUNT - 1) * YEAR // COUNT)


def test_words_come_as_often_as_zipf_says(corpus: Corpus, said: list[Said]) -> None:
    words = Counter(word for each in said if not is_chinese(each) for word in each.text.split(" "))
    ranks = [words[word] for word in corpus.english.things]
    assert ranks[0] > ranks[3] > ranks[15] > ranks[150]
    assert sum(ranks[:100]) > sum(ranks[100:2_000])
    assert len(words) > 2_000


def test_words_of_both_languages_are_all_different_and_each_is_found_as_it_is_written(corpus: Corpus) -> None:
    for things in (corpus.english.things, corpus.chinese.things):
        assert len(set(things)) == len(things)
        assert all(index_terms(word).split(" ")[0] == word[: len(word) if word.isascii() else 2] for word in things)


def test_people_speak_in_their_rooms_only_and_not_to_themselves(corpus: Corpus, said: list[Said]) -> None:
    members = corpus.members()
    assert set(members) == set(ROOMS[1:])
    assert {each.room for each in said} == {"", *ROOMS}
    assert all(each.sender in members[each.room] for each in said if each.room in members)
    private = [each for each in said if not each.room]
    assert len(private) == pytest.approx(COUNT * PRIVATE_SHARE, rel=0.2)
    assert all(each.recipient not in {None, each.sender} for each in private)
    assert all(each.recipient is None for each in said if each.room)


def test_somebody_is_in_all_rooms_and_somebody_in_none(corpus: Corpus) -> None:
    members = corpus.members().values()
    assert all(0 in each and PEOPLE - 1 not in each and len(set(each)) == len(each) for each in members)


def test_topics_are_said_often_in_their_room_and_nowhere_else(corpus: Corpus, said: list[Said]) -> None:
    rooms_of = {word: room for room, topic in corpus.topics.items() for word in topic}
    having = [
        (rooms_of[word], each.room) for each in said for word in index_terms(each.text).split(" ") if word in rooms_of
    ]
    assert all(own == room for own, room in having)
    in_rooms = [each for each in said if each.room in corpus.topics]
    assert len(having) == pytest.approx(len(in_rooms) * TOPIC_SHARE, rel=0.2)


def test_some_messages_have_a_file_and_no_two_the_same(said: list[Said]) -> None:
    attachments = [each.attachment(number) for number, each in enumerate(said)]
    ids = [each.file_id for each in attachments if each is not None]
    assert 0 < len(ids) < COUNT // 20
    assert len(set(ids)) == len(ids)
    assert max(len(each.text.split(" ")) for each in said) <= max(LENGTHS) + 1


def test_every_kind_of_question_is_answered_and_each_finds_what_the_store_in_memory_finds(history: History) -> None:
    memory = MemoryStore(clock=lambda: BEGINNING, random_bytes=bytes)
    people = populate(memory, history.corpus)
    assert people == history.people
    fill(memory, history.corpus, people, history.count)
    kinds = Questions(history).kinds()
    assert len({kind.name for kind in kinds}) == len(kinds)
    for kind in kinds:
        for seed in range(3):
            request = kind.make(Random(seed))
            found = messages_of(perform(history.store, request))
            assert found == messages_of(perform(memory, request)), kind.name


def test_a_history_that_is_there_is_used_again(tmp_path: Path) -> None:
    options = parse(["--messages", "300"])
    first, made = prepare(tmp_path, options)
    first.store.close()
    second, found = prepare(tmp_path, options)
    assert "fill_s" in made
    assert "fill_s" not in found
    assert first.people == second.people
    second.store.close()
    assert found["bytes_per_message"] == round(size_of(tmp_path) / 300)


def test_a_fresh_connection_answers_the_same(history: History, tmp_path: Path) -> None:
    forget(tmp_path / CHAT_DATABASE)
    fresh = Fresh(tmp_path / CHAT_DATABASE)
    person = history.people[0].person_id
    for request in (FindMessages(1, person, Query(words="the")), ReadMessages(1, person, 0, 9)):
        answer = fresh.submit(request)
        assert answer == perform(history.store, request)
        assert messages_of(answer)
    with pytest.raises(TypeError, match="reads no messages"):
        fresh.submit(ListRooms(1))
    fresh.close()


def test_a_refusal_ends_the_measurement() -> None:
    with pytest.raises(StorageError, match="damaged"):
        messages_of(StorageError("damaged"))
    with pytest.raises(TypeError, match="no answer"):
        messages_of(7)


@pytest.mark.parametrize(
    ("wall", "cpu", "found", "verdict"),
    [
        ([1.0, 1.0, 19.0], [1.0], 5, True),
        ([1.0, 1.0, 40.0], [19.9], 5, True),  # waiting for a processor that others use
        ([1.0, 1.0, 40.0], [20.0], 5, False),
        ([21.0, 21.0, 21.0], [1.0], 5, False),
        ([1.0, 1.0, 1.0], [1.0], 0, False),  # a question that finds nothing shows nothing
    ],
)
def test_verdict(wall: list[float], cpu: list[float], found: int, verdict: bool) -> None:
    slow_disk = Times([900.0], [900.0], [1])
    assert row_of(KIND, Times(wall, cpu, [found]), Times([1.0], [1.0], [1]), slow_disk)["ok"] is verdict
    assert row_of(KIND, Times([1.0], [1.0], [max(found, 1)]), Times(wall, cpu, [1]), Times())["ok"] is (
        verdict or found == 0
    )


def test_command_prints_a_row_for_each_kind(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["--messages", "300", "--warm", "1", "--opened", "1", "--disk", "1", "--only", "of a room", "--json"]
    monkeypatch.setattr("sys.argv", ["history", *arguments])
    assert main() in {0, 1}
    lines = capsys.readouterr().out.splitlines()
    assert sum('"asked"' in line for line in lines) == sum('"ok"' in line for line in lines) > 3
    assert "bytes_per_message" in lines[0]

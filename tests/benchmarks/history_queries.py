"""What is asked of a long history: each kind of question many times, with another word, person or place each time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from tests.benchmarks.history_corpus import BEGINNING, PEOPLE, ROOMS, YEAR, Corpus
from tests.benchmarks.history_fill import History, admission
from udpchat.chat.ports import AdmitPerson, FindMessages, MarkRead, Person, Query, ReadMessages
from udpchat.config import LOBBY, MAX_HISTORY, PAGE_SIZE
from udpchat.protocol.ports import StoreRequest

PAGE_TARGET: Final = 20.0  # ms
SEARCH_TARGET: Final = 100.0
DAY: Final = YEAR // 365
COMMON: Final = 100  # words that are common: the first ones
RARE: Final = 2_000  # words that are rare: from here on
TALKER, MEMBER, OUTSIDER = 0, PEOPLE // 2, PEOPLE - 1  # who is in all rooms and says most; in a third of them; in none


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of question. target: longest time to an answer [ms]. finds: whether there must be something to find.

    is_reading: it is answered beside the writer, else it holds all others up.
    """

    name: str
    target: float
    make: Callable[[Random], StoreRequest]
    finds: bool = True
    is_reading: bool = True


class Questions:
    """Makes the questions about a history."""

    def __init__(self, history: History) -> None:
        self._corpus: Corpus = history.corpus
        self._people = history.people
        self._count = history.count
        chinese, english = history.corpus.chinese.things, history.corpus.english.things
        pairs = [word for word in chinese if len(word) == 2]
        self._pairs = pairs[:COMMON], pairs[RARE:]
        self._singles = [word for word in chinese if len(word) == 1]
        self._words = english[:COMMON], english[RARE:]
        self._runs = [word for word in chinese if len(word) == 4]

    def kinds(self) -> list[Kind]:
        """All of them."""
        pages = [Kind(name, PAGE_TARGET, make, finds) for name, make, finds in self._pages()]
        searches = [Kind(name, SEARCH_TARGET, make, finds) for name, make, finds in self._searches()]
        return [
            *pages,
            *searches,
            Kind("joining after a long past", PAGE_TARGET, self._join, finds=False, is_reading=False),
            Kind("private lines read", PAGE_TARGET, self._mark_read, is_reading=False),
        ]

    def _pages(self) -> list[tuple[str, Callable[[Random], StoreRequest], bool]]:
        find = self._find
        return [
            ("newest of a room", lambda r: find(TALKER, room=_room(r)), True),
            ("newest 500 of a room", lambda r: find(TALKER, room=_room(r), limit=MAX_HISTORY), True),
            ("newest of everything", lambda _: find(TALKER), True),
            ("middle of a room", lambda r: find(TALKER, room=_room(r), before=self._place(r)), True),
            ("middle of a room, 500", lambda r: find(TALKER, room=_room(r), before=self._place(r), limit=500), True),
            ("middle of everything", lambda r: find(TALKER, before=self._place(r)), True),
            ("room, onwards", lambda r: find(TALKER, room=_room(r), after=self._place(r)), True),
            ("private with a friend", lambda r: find(TALKER, nick=self._nick(r.randint(1, 5))), True),
            ("private with somebody", lambda r: find(TALKER, nick=self._nick(r.randrange(1, PEOPLE))), True),
            ("private with nobody", lambda r: find(TALKER, nick=f"nobody{r.random()}"), False),
            ("private to me", lambda _: find(TALKER, recipient=self._nick(TALKER)), True),
            ("sender in a room", lambda r: find(TALKER, room=LOBBY, sender=self._nick(r.randrange(30))), True),
            ("sender anywhere", lambda r: find(TALKER, sender=self._nick(r.randrange(PEOPLE))), True),
            ("sender hardly seen", lambda r: find(OUTSIDER, sender=self._rare_nick(r)), False),
            ("a day of a room", lambda r: find(TALKER, room=_room(r), **self._days(r, 1)), True),
            ("a day of everything", lambda r: find(TALKER, **self._days(r, 1)), True),
            ("a day, sender", lambda r: find(TALKER, sender=self._nick(r.randrange(9)), **self._days(r, 1)), False),
            ("catching up", lambda r: self._read(MEMBER, r), True),
            ("catching up, little seen", lambda r: self._read(OUTSIDER, r), False),
        ]

    def _searches(self) -> list[tuple[str, Callable[[Random], StoreRequest], bool]]:
        words, pairs, find = self._words, self._pairs, self._find
        return [
            ("common word", lambda r: find(TALKER, words=r.choice(words[0])), True),
            ("common word, 500", lambda r: find(TALKER, words=r.choice(words[0]), limit=MAX_HISTORY), True),
            ("common word, oldest", lambda r: find(TALKER, words=r.choice(words[0]), after=1), True),
            ("rare word", lambda r: find(TALKER, words=r.choice(words[1])), True),
            ("word nobody said", lambda r: find(TALKER, words=f"nobody{r.randrange(10**9)}"), False),
            ("Chinese pair, common", lambda r: find(TALKER, words=r.choice(pairs[0])), True),
            ("Chinese pair, rare", lambda r: find(TALKER, words=r.choice(pairs[1])), True),
            ("Chinese run of four", lambda r: find(TALKER, words=r.choice(self._runs)), True),
            ("Chinese run nobody said", lambda r: find(TALKER, words="".join(r.sample(self._singles, 12))), False),
            ("one character, common", lambda r: find(TALKER, words=r.choice(self._singles)), True),
            ("one character, little seen", lambda r: find(OUTSIDER, words=r.choice(self._singles)), True),
            ("phrase", lambda r: find(TALKER, words=f'"{r.choice(words[0][:9])} {r.choice(words[0][:9])}"'), True),
            ("phrase nobody said", lambda r: find(TALKER, words=f'"{" ".join(r.choices(words[0][:9], k=9))}"'), False),
            ("two common words", lambda r: find(TALKER, words=" ".join(r.sample(words[0], 2))), True),
            ("prefix of one letter", lambda r: find(TALKER, words=f"{r.choice('bstw')}*"), True),
            ("prefix of two", lambda r: find(TALKER, words=f"{r.choice(words[1])[:2]}*"), True),
            ("prefix of three", lambda r: find(TALKER, words=f"{r.choice(words[1])[:3]}*"), True),
            ("prefix of a common word", lambda r: find(TALKER, words=f"{r.choice(words[0])}*"), True),
            ("word, room and day", lambda r: self._in_room(r, r.choice(words[0])), False),
            ("pair, room and day", lambda r: self._in_room(r, r.choice(pairs[0])), False),
            ("word and sender", self._by_sender, True),
            ("word in private", self._with_friend, True),
            ("word in private, one of few", self._with_few, False),
            ("said often, not seen", lambda r: find(OUTSIDER, words=self._topic(r)), False),
            ("pair said often, not seen", lambda r: find(OUTSIDER, words=self._topic(r, chinese=True)), False),
            ("prefix said often, not seen", lambda _: find(OUTSIDER, words="topi*"), False),
            ("another room's topic", lambda r: find(TALKER, words=self._topic(r), room=ROOMS[2]), False),
            ("two topics", lambda _: find(TALKER, words="topic0 topic1"), False),
        ]

    def _find(self, who: int, **conditions: Any) -> FindMessages:
        return FindMessages(1, self._person(who).person_id, Query(**conditions))

    def _read(self, who: int, random: Random) -> ReadMessages:
        return ReadMessages(1, self._person(who).person_id, self._place(random), PAGE_SIZE)

    def _join(self, _: Random) -> AdmitPerson:
        return admission(TALKER, BEGINNING + YEAR)

    def _mark_read(self, random: Random) -> MarkRead:
        return MarkRead(1, self._person(TALKER).person_id, self._rare_nick(random), self._place(random))

    def _in_room(self, random: Random, words: str) -> FindMessages:
        return self._find(TALKER, words=words, room=_room(random), **self._days(random, 1))

    def _by_sender(self, random: Random) -> FindMessages:
        return self._find(TALKER, words=random.choice(self._words[0]), sender=self._nick(random.randrange(99)))

    def _with_friend(self, random: Random) -> FindMessages:
        return self._find(TALKER, words=random.choice(self._words[0]), nick=self._nick(random.randrange(1, 9)))

    def _with_few(self, random: Random) -> FindMessages:
        return self._find(TALKER, words=random.choice(self._words[0][:9]), nick=self._rare_nick(random))

    def _topic(self, random: Random, *, chinese: bool = False) -> str:
        """A topic of one of the three largest rooms but for the one that is looked into."""
        return self._corpus.topics[random.choice((ROOMS[1], ROOMS[3], ROOMS[4]))][chinese]

    def _person(self, number: int) -> Person:
        return self._people[number]

    def _nick(self, number: int) -> str:
        return self._person(number).nick

    def _rare_nick(self, random: Random) -> str:
        """Somebody who is seldom in private."""
        return self._nick(random.randrange(PEOPLE // 2, PEOPLE))

    def _place(self, random: Random) -> int:
        """A sequence somewhere in the middle."""
        return random.randrange(self._count // 10, self._count * 9 // 10 + 2)

    def _days(self, random: Random, days: int) -> dict[str, int]:
        start = BEGINNING + random.randrange(YEAR - days * DAY)
        return {"sent_from": start, "sent_until": start + days * DAY}


def _room(random: Random) -> str:
    return random.choice(ROOMS)

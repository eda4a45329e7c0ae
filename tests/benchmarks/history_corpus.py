"""A seeded history: what a few hundred people said in two languages, in rooms and in private, over a year.

Half of the messages are Chinese, half English-like. Words come as often as Zipf's law says, and so do people and rooms.
Each room but the lobby has topics: words that are common in it and said nowhere else, so that somebody who is not in it
finds nothing however often they were said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import Final

from udpchat.chat.ports import Attachment
from udpchat.config import LOBBY, SECOND

PEOPLE: Final = 400
ROOMS: Final = (LOBBY, *(f"room-{number}" for number in range(1, 25)))
YEAR: Final = 365 * 24 * 3600 * SECOND
BEGINNING: Final = 1_700_000_000 * SECOND  # wall clock
CHARACTERS: Final = 1_500
CHINESE_WORDS: Final = 5_000
ENGLISH_WORDS: Final = 20_000
PRIVATE_SHARE: Final = 0.15
FILE_SHARE: Final = 0.01
TOPIC_SHARE: Final = 0.25  # of the messages of a room
LOBBY_SHARE: Final = 0.15  # of the messages in rooms
LENGTHS: Final = range(2, 19)  # words of a message

# The words that every text is full of come first.
_PARTICLES: Final = "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过"
_FUNCTION_WORDS: Final = (
    "the of and to a in is it you that he was for on are with as i his they be at one have this from or had by hot but"
    " some what there we can out other were all your when up use word how said an each she which do their time if will"
    " way about many then them would write like so these her long make thing see him two has look more day could go"
)
_ONSETS: Final = "b br c ch cl d dr f fl g gr h j k l m n p pl pr qu r s sh sl st t th tr v w wh y z"
_VOWELS: Final = "a e i o u ai ea ee io oa ou"
_CODAS: Final = "b ck d g l m n nd ng p r rt s st t x"


class Zipf:
    """Picks things: the first one most often, the n-th one 1/n as often."""

    def __init__(self, things: Sequence[str]) -> None:
        self.things = things
        self._weights = list(accumulate(1 / rank for rank in range(1, len(things) + 1)))

    def pick(self, random: Random, count: int) -> list[str]:
        """So many of them."""
        return random.choices(self.things, cum_weights=self._weights, k=count)


@dataclass(frozen=True, slots=True)
class Said:
    """One message. sender, recipient: numbers of people; recipient: None when it is for a room. sent_at [us]."""

    sender: int
    room: str
    recipient: int | None
    text: str
    file_name: str
    sent_at: int

    def attachment(self, number: int) -> Attachment | None:
        """The file of the message, which is the number-th one."""
        if not self.file_name:
            return None
        return Attachment(number.to_bytes(16, "big"), self.file_name, 1_000 + number, number.to_bytes(16, "little"))


class Corpus:
    """Words, and messages made of them; a function of the seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        random = Random(f"words {seed}")
        self.chinese = Zipf(chinese_words(random))
        self.english = Zipf(english_words(random))
        self.people = Zipf([str(number) for number in range(PEOPLE)])
        self.rooms = Zipf(ROOMS[1:])
        self.topics = {
            room: (f"topic{number}", chr(0x3400 + 2 * number) + chr(0x3401 + 2 * number))
            for number, room in enumerate(ROOMS[1:])
        }

    def members(self) -> dict[str, list[int]]:
        """Who is in which room, the lobby left out: 0 in all of them, the last one in none, others in a third."""
        random = Random(f"members {self._seed}")
        others = range(1, PEOPLE - 1)
        return {room: [0, *random.sample(others, PEOPLE // 3)] for room in ROOMS[1:]}

    def messages(self, count: int) -> Iterator[Said]:
        """What was said, in order, evenly over a year."""
        random, members = Random(f"messages {self._seed}"), self.members()
        for number in range(count):
            room, sender, recipient = self._place(random, members)
            is_chinese = number % 2 == 0
            words = self.words(random, is_chinese)
            if room in self.topics and random.random() < TOPIC_SHARE:
                words.insert(random.randrange(len(words)), self.topics[room][is_chinese])
            text = "".join(words) if is_chinese else " ".join(words)
            file_name = f"{words[0]} {number}.jpeg" if room and random.random() < FILE_SHARE else ""
            yield Said(sender, room, recipient, text, file_name, BEGINNING + number * YEAR // count)

    def words(self, random: Random, is_chinese: bool) -> list[str]:
        """The words of one message. Chinese has a comma now and then, which ends a run."""
        words = (self.chinese if is_chinese else self.english).pick(random, random.choice(LENGTHS))
        if is_chinese and len(words) > 6:
            words.insert(len(words) // 2, "，")
        return words

    def _place(self, random: Random, members: dict[str, list[int]]) -> tuple[str, int, int | None]:
        if random.random() < PRIVATE_SHARE:
            sender, recipient = map(int, self.people.pick(random, 2))
            return "", sender, recipient if recipient != sender else (sender + 1) % PEOPLE
        if random.random() < LOBBY_SHARE:
            return LOBBY, int(self.people.pick(random, 1)[0]), None
        (room,) = self.rooms.pick(random, 1)
        return room, random.choice(members[room]), None


def chinese_words(random: Random) -> list[str]:
    """Particles of one character, then words of two to four out of the common characters of GB 2312."""
    common = [bytes((row, cell)).decode("gb2312") for row in range(0xB0, 0xD7) for cell in range(0xA1, 0xFA)]
    characters = Zipf([*_PARTICLES, *random.sample(common, CHARACTERS - len(_PARTICLES))])
    words = dict.fromkeys(_PARTICLES)
    while len(words) < CHINESE_WORDS:
        (length,) = random.choices((2, 3, 4), (70, 20, 10))
        words["".join(characters.pick(random, length))] = None
    return list(words)


def english_words(random: Random) -> list[str]:
    """The commonest English words, then made-up ones of one to four syllables, shorter ones first."""
    words = dict.fromkeys(_FUNCTION_WORDS.split())
    onsets, vowels, codas = _ONSETS.split(), _VOWELS.split(), ["", "", *_CODAS.split()]
    while len(words) < ENGLISH_WORDS:
        syllables = 1 + min(3, len(words) // 3_000 + random.randrange(2))
        parts = (random.choice(onsets) + random.choice(vowels) + random.choice(codas) for _ in range(syllables))
        words["".join(parts)] = None
    return list(words)

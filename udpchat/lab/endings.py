"""How an experiment ended for each of its people, and what did not arrive, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from udpchat.chat.events import Disconnected, Joined, JoinRefused
from udpchat.files.events import Downloaded, TransferFailed, Uploaded
from udpchat.lab.talk import Talk
from udpchat.lab.world import End

ENDINGS: Final = (Uploaded, Downloaded, TransferFailed, JoinRefused, Disconnected)
NAMES: Final = ("alice", "bob")


def nickname(place: int) -> str:
    """Of the people in an experiment, in order."""
    return NAMES[place] if place < len(NAMES) else f"guest{place + 1}"


def missing_words(people: Sequence[End], senders: int, endings: Mapping[int, Any], talk: Talk | None) -> list[str]:
    """What did not arrive; nothing when all did. senders: how many of the people have a file. endings: by place."""
    missing = []
    for place, person in enumerate(people):
        ending = endings.get(place)
        if not person.told(Joined):
            missing.append(f"{nickname(place)} could not join: {_reason(ending)}")
        elif place < senders and not isinstance(ending, (Uploaded, Downloaded)):
            missing.append(f"the file of {nickname(place)} did not arrive: {_reason(ending)}")
    if talk is not None:
        if unheard := talk.expected - len(talk.delays):
            missing.append(f"{unheard} chat lines were not heard")
        if talk.disorder:
            missing.append(f"{talk.disorder} chat lines came twice or out of order")
    return missing


def digest(ending: object, *names: str) -> str | None:
    """In hex, from the first of the named attributes that is there."""
    for name in names:
        if (found := getattr(ending, name, None)) is not None:
            return bytes(found).hex()
    return None


def _reason(ending: object) -> str:
    match ending:
        case TransferFailed() | JoinRefused():
            return ending.text
        case Disconnected():
            return ending.reason.partition(":")[0]  # what follows tells people what to look at on real machines
        case _:
            return "it took too long"

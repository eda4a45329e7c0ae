"""Whom somebody means who sends a file: a room of theirs, or one person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from udpchat.chat.hall import Hall, Seat
from udpchat.chat.names import nearest, normal, not_there
from udpchat.chat.ports import NOBODY, FindPerson, Person
from udpchat.config import LOBBY
from udpchat.errors import ErrorCode, StorageError
from udpchat.protocol.members import Session, fold


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message goes: a room, or, when that is empty, a person."""

    room: str
    person_id: int = NOBODY
    nick: str = ""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why somebody cannot send there."""

    code: ErrorCode
    text: str


Then = Callable[[Place | Obstacle | StorageError], None]


def address(hall: Hall, session: Session, room: str, nick: str, then: Then) -> None:
    """Where a file goes, to a room (empty: the lobby), or, when nick is given, to a person as TELL finds them.

    then: called once, perhaps at once; not when the connection is over meanwhile.
    """
    seat = hall.find(session.connection_id)
    if seat is None:
        return
    if nick:
        _address_person(hall, seat, normal(nick), then)
    elif hall.is_member(seat, name := normal(room) or LOBBY):
        then(Place(name))
    else:
        then(Obstacle(ErrorCode.NOT_IN_ROOM, not_there(room)))


def _address_person(hall: Hall, seat: Seat, name: str, then: Then) -> None:
    here = hall.find_nick(name)
    if fold(name) == fold(seat.nick):
        then(_oneself())
        return
    if here is not None:
        then(_place(seat, here.person.person_id, here.nick))
        return

    def on_found(result: Person | StorageError | None, now: int) -> None:  # noqa: ARG001 - an Answer
        asker = hall.find(seat.connection_id)
        if asker is None:
            return
        if asker.person.person_id != seat.person.person_id:
            then(Obstacle(ErrorCode.TRY_LATER, "you have logged in meanwhile; send it again"))
        elif result is None:
            then(Obstacle(ErrorCode.UNKNOWN_USER, nobody_called(hall, name)))
        elif isinstance(result, StorageError):
            then(result)
        else:
            then(_place(asker, result.person_id, result.nick))

    hall.desk.ask(FindPerson(0, name), on_found)


def _place(asker: Seat, person_id: int, nick: str) -> Place | Obstacle:
    return _oneself() if person_id == asker.person.person_id else Place("", person_id, nick)


def _oneself() -> Obstacle:
    return Obstacle(ErrorCode.UNKNOWN_USER, "that is you; a private file is for somebody else")


def nobody_called(hall: Hall, name: str) -> str:
    """What somebody hears who means a person that cannot be found."""
    like = nearest(name, (seat.nick for seat in hall))
    hint = f"; did you mean {like}?" if like else ""
    return f"nobody here is called {name}, and there is no such account{hint}"

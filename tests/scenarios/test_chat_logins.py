"""Chat under loss and crashes while somebody logs in: nothing is lost, nothing comes twice."""

from __future__ import annotations

from tests.chat.people import PASSWORD, make_account
from tests.scenarios.talk import CONFIG, DEAD, DISK, LINKS
from tests.world import SERVER, End, World, client
from udpchat.chat.events import (
    AccountChanged,
    Answered,
    LineSaid,
    PrivateSaid,
    ReceiptCame,
    Refusal,
    Returned,
)
from udpchat.config import SECOND
from udpchat.errors import ErrorCode
from udpchat.wire.numbers import ReceiptState


def test_what_waited_for_an_account_is_heard_by_a_guest_who_logs_in_and_nothing_is_heard_twice() -> None:
    world = World(1, LINKS["clean"], CONFIG, DISK)
    anna, walter = world.add_client("anna"), world.add_client("walter")
    world.join(anna, walter)
    world.do(lambda: client(walter).chat.asking.register("walter", "password"))
    world.run_until(lambda: bool(walter.told(AccountChanged)), 5)
    world.do(client(walter).chat.leave)
    world.network.run_for(SECOND)
    world.do(lambda: (client(anna).chat.say("missed"), client(anna).chat.tell("walter", "for walter")))
    world.run_until(lambda: len(anna.told(Answered)) == 2, 5)
    guest = world.add_client("guest")
    world.join(guest)
    world.do(lambda: client(anna).chat.say("heard as a guest"))
    world.run_until(lambda: bool(guest.told(LineSaid)), 5)
    world.do(lambda: client(guest).chat.asking.login("walter", "password"))
    world.run_until(lambda: bool(guest.told(AccountChanged)), 5)
    world.do(lambda: client(anna).chat.say("heard as walter"))
    world.network.run_for(3 * SECOND)
    assert [event.text for event in guest.told(PrivateSaid)] == ["for walter"]
    assert [event.text for event in guest.told(LineSaid)] == ["heard as a guest", "missed", "heard as walter"]


def guest_and_account() -> tuple[World, End, End]:
    """Anna, a guest who stays through everything, and an account walter that is not here."""
    world = World(1, LINKS["clean"], CONFIG, DISK)
    make_account(world, "walter")
    anna, guest = world.add_client("anna"), world.add_client("guest", patience=None)
    world.join(anna, guest)
    return world, anna, guest


def lose(world: World, end: End) -> None:
    """Somebody's connection is lost; they come back."""
    returned = len(end.told(Returned))
    world.network.connect(end.address, SERVER, DEAD)
    world.network.run_for(6 * SECOND)
    world.network.connect(end.address, SERVER, LINKS["clean"])
    world.run_until(lambda: len(end.told(Returned)) > returned, 30)
    world.network.run_for(2 * SECOND)


def log_in(world: World, end: End, nick: str = "walter") -> None:
    logins = len(end.told(AccountChanged))
    world.do(lambda: client(end).chat.asking.login(nick, PASSWORD))
    world.run_until(lambda: len(end.told(AccountChanged)) > logins, 5)


def test_who_logs_in_and_loses_the_connection_before_anybody_speaks_hears_nothing_twice() -> None:
    world, anna, guest = guest_and_account()
    texts = [f"line {number}" for number in range(3)]
    world.do(lambda: [client(anna).chat.say(text) for text in texts])
    world.run_until(lambda: len(guest.told(LineSaid)) == 3, 5)
    log_in(world, guest)
    lose(world, guest)
    assert [event.text for event in guest.told(LineSaid)] == texts
    world.do(lambda: client(anna).chat.say("afterwards"))
    world.network.run_for(2 * SECOND)
    lose(world, guest)
    assert [event.text for event in guest.told(LineSaid)] == [*texts, "afterwards"]


def test_what_was_heard_as_a_guest_is_confirmed_as_the_account_too() -> None:
    world, anna, guest = guest_and_account()
    world.do(lambda: client(anna).chat.say("heard by the guest"))
    world.run_until(lambda: bool(guest.told(LineSaid)), 5)
    log_in(world, guest)
    world.network.run_for(3 * SECOND)
    world.do(client(guest).chat.leave)
    world.network.run_for(SECOND)
    other = world.add_client("other")
    world.join(other)
    log_in(world, other)
    world.network.run_for(2 * SECOND)
    assert not other.told(LineSaid)


def test_a_line_that_a_guest_said_is_stored_once_when_the_account_has_to_say_it_again() -> None:
    world, anna, guest = guest_and_account()
    world.do(lambda: client(guest).chat.say("once"))
    world.run_until(lambda: bool(anna.told(LineSaid)), 5)
    assert not guest.told(Answered), "it is on its way"
    world.network.connect(SERVER, guest.address, DEAD)
    world.do(lambda: client(guest).chat.asking.login("walter", PASSWORD))
    lose(world, guest)
    log_in(world, guest)
    lose(world, guest)
    assert len(guest.told(Answered)) == 1
    assert [event.sender for event in anna.told(LineSaid)] == ["guest"]


def test_a_line_said_while_a_login_is_under_way_is_said_as_the_account() -> None:
    world, anna, guest = guest_and_account()

    def verbs() -> None:
        client(guest).chat.say("as a guest")
        client(guest).chat.asking.login("walter", PASSWORD)
        client(guest).chat.say("as walter")

    world.do(verbs)
    world.network.run_for(2 * SECOND)
    assert [(event.sender, event.text) for event in anna.told(LineSaid)] == [
        ("guest", "as a guest"),
        ("walter", "as walter"),
    ]
    assert len(guest.told(Answered)) == 2


def test_a_line_said_while_a_login_is_refused_is_said_as_the_guest() -> None:
    world, anna, guest = guest_and_account()

    def verbs() -> None:
        client(guest).chat.asking.login("walter", "wrong password")
        client(guest).chat.say("still a guest")

    world.do(verbs)
    world.network.run_for(2 * SECOND)
    assert [event.code for event in guest.told(Refusal)] == [ErrorCode.WRONG_PASSWORD]
    assert [event.sender for event in anna.told(LineSaid)] == ["guest"]
    world.do(lambda: client(anna).chat.tell("guest", "heard"))
    world.network.run_for(2 * SECOND)
    assert [event.state for event in anna.told(ReceiptCame) if event.nick == "guest"] == [ReceiptState.DELIVERED]

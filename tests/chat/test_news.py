"""In a crowd, news of who came and went is gathered and told together: later, but whole and in order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.chat.people import ask, changes, core, enter, gather, here, key_of, leave, log_in, make_account, rest
from tests.chat.speaker import Speaker, world_of
from tests.chat.test_crowd import Crowd, view
from tests.world import World, client, seeds
from udpchat.chat.events import Joined, UserChanged
from udpchat.chat.news import CROWD, GATHERING, LEAST_TURN, ROUND
from udpchat.config import MILLISECOND, SECOND
from udpchat.wire.numbers import Change
from udpchat.wire.records import Away, CreateRoom, EnterRoom, LeaveRoom, Presence, Welcome

SOON = 0.1  # seconds: long enough for a record to arrive


def crowded(world: World, users: int = 0, turn: int = LEAST_TURN) -> World:
    """From now on, when all have heard all, more users than these are a crowd, of whom so many are told in a turn."""
    rest(world, SOON)
    news = core(world).chat.presence.news
    news.crowd, news.least_turn = users, turn
    return world


def heard_by(who: Speaker) -> list[tuple[Change, str]]:
    return [(Change(record.change), record.nick) for record in who.told(Presence)]


@pytest.mark.parametrize(("users", "is_crowd"), [(2, False), (3, False), (4, True)])
def test_news_is_gathered_above_a_number_of_users(users: int, is_crowd: bool) -> None:
    world, people = gather(*[f"user{number}" for number in range(users)])
    crowded(world, 3)
    before = len(changes(people[0]))
    world.do(lambda: client(people[1]).chat.asking.set_away("tea"))
    rest(world, SOON)
    assert len(changes(people[0])) - before == (not is_crowd)
    rest(world)
    assert len(changes(people[0])) - before == 1


def test_ordinary_rooms_are_told_at_once() -> None:
    world, _ = gather()
    assert core(world).chat.presence.news.crowd == CROWD == 200


def test_gathered_news_is_no_older_than_a_second_and_comes_in_order() -> None:
    world, (anna, ben) = world_of("anna", "ben")
    crowded(world)
    begun = world.network.now
    for text in ("one", "two", "", "three"):
        ben.send(Away(text))
        world.network.run_for(100 * MILLISECOND)
    assert heard_by(anna) == [(Change.JOINED, "ben")]
    world.network.run_for(SECOND)
    news = [each for each in anna.records if isinstance(each.record, Presence)][1:]
    assert [each.record.text for each in news] == ["one", "two", "", "three"]
    assert max(each.at for each in news) - min(each.at for each in news) == 0  # one record after another, one datagram
    assert news[0].at - begun <= GATHERING + 50 * MILLISECOND


def test_who_comes_is_welcomed_at_once_and_hears_only_what_happens_afterwards() -> None:
    world, (anna, ben) = world_of("anna", "ben")
    crowded(world)
    anna.send(Away("before"))
    world.network.run_for(100 * MILLISECOND)
    carl = Speaker(world, "carl")
    world.run_until(lambda: carl.is_in, 0.5)
    anna.send(Away("after"))
    world.network.run_for(2 * SECOND)
    assert [(record.change, record.text) for record in carl.told(Presence)] == [(Change.AWAY, "after")]
    assert [record.text for record in ben.told(Presence)] == ["before", "", "after"]
    (welcome,) = [each.record for each in carl.records if isinstance(each.record, Welcome)]
    assert welcome.user_count == 3


def test_counts_are_those_of_the_moment() -> None:
    world, (anna, ben, carl) = gather("anna", "ben", "carl")
    crowded(world)
    begun = len(changes(anna))
    world.do(client(ben).chat.leave)
    world.do(client(carl).chat.leave)
    rest(world, SOON)
    enter(world, "dora")
    rest(world, 2)
    expected = [("ben", Change.LEFT, 2), ("carl", Change.LEFT, 1), ("dora", Change.JOINED, 2)]
    assert changes(anna)[begun:] == expected


def test_who_is_taken_over_leaves_and_joins_in_that_order() -> None:
    world, (anna,) = gather("anna")
    enter(world, "ben", key_of(9))
    crowded(world)
    begun = len(changes(anna))
    enter(world, "ben", key_of(9))
    rest(world, 2)
    assert changes(anna)[begun:] == [("ben", Change.LEFT, 1), ("ben", Change.JOINED, 2)]


def test_who_becomes_an_account_hears_what_happened_before() -> None:
    world, (anna, ben) = gather("anna", "ben")
    make_account(world, "bertha")
    crowded(world)
    begun = len(changes(ben))
    ask(world, anna, lambda: client(anna).chat.asking.set_away("tea"))
    ask(world, ben, lambda: client(ben).chat.asking.login("bertha", "correct horse"))
    rest(world, 2)
    assert changes(ben)[begun:] == [("anna", Change.AWAY, 2)]
    assert changes(anna)[-2:] == [("ben", Change.LEFT, 1), ("bertha", Change.JOINED, 2)]


def test_news_of_a_room_keeps_its_place_and_its_audience() -> None:
    world, (anna, ben, carl) = world_of("anna", "ben", "carl")
    anna.ask(CreateRoom("den", ""))
    crowded(world)
    ben.send(Away("tea"))
    world.network.run_for(50 * MILLISECOND)
    ben.ask(EnterRoom("den"))
    ben.ask(LeaveRoom("DEN"))
    world.network.run_for(2 * SECOND)
    assert heard_by(anna)[2:] == [(Change.AWAY, "ben"), (Change.ENTERED, "ben"), (Change.WENT, "ben")]
    assert heard_by(carl) == [(Change.AWAY, "ben")]
    assert heard_by(ben) == [(Change.JOINED, "carl")]


def test_who_is_kicked_goes_at_once_and_the_others_hear_why() -> None:
    world, (anna, _, carl) = gather("anna", "ben", "carl")
    crowded(world)
    world.do(lambda: core(world).chat.administration.kick("ben", "noise", ""))
    rest(world, 0.3)
    assert here(world) == ["anna", "carl"]
    rest(world)
    assert [(event.nick, event.change, event.text) for event in carl.told(UserChanged)] == [
        ("ben", Change.KICKED, "noise")
    ]
    assert changes(anna)[-1] == ("ben", Change.KICKED, 2)


def test_the_last_to_go_leaves_no_news_behind() -> None:
    world, (anna, ben) = gather("anna", "ben")
    crowded(world)
    leave(world, anna)
    leave(world, ben)
    rest(world, 3)
    assert core(world).chat.presence.news.next_timeout() is None
    carl = enter(world, "carl")
    rest(world, 3)
    assert (len(carl.told(Joined)), carl.told(UserChanged)) == (1, [])


def test_a_round_takes_turns() -> None:
    world, (anna, *others) = gather(*[f"user{number}" for number in range(6)])
    crowded(world, turn=2)
    world.do(lambda: client(anna).chat.asking.set_away("tea"))
    hearing = list[int]()
    while not hearing or hearing[-1] < 5:
        world.network.run_for(MILLISECOND)
        hearing.append(sum(bool(end.told(UserChanged) and end.told(UserChanged)[-1].text) for end in others))
    assert list(dict.fromkeys(hearing)) == [0, 1, 3, 5]
    assert GATHERING < len(hearing) * MILLISECOND < GATHERING + 40 * MILLISECOND


@pytest.mark.parametrize("users", [1, LEAST_TURN, 5_000, 5_001])
def test_a_round_of_any_number_ends_in_time(users: int) -> None:
    world, _ = world_of("anna")
    hall = core(world).chat.hall
    (seat,) = hall
    for number in range(1, users):
        session = replace(seat.session, connection_id=number.to_bytes(8, "big"), nick=f"{number}", person_id=-number)
        hall.add(replace(seat, session=session))
    news = core(world).chat.presence.news
    news.crowd = 0
    news.tell(Presence(Change.AWAY, 1, 0, "ben", "", "tea"), room="", but=b"", is_first=False)
    begun, turns = world.network.now, list[int]()
    while (due := news.next_timeout()) is not None:
        turns.append(max(due, begun))
        news.handle_timeout(turns[-1])
    assert turns[1] - begun == GATHERING
    assert turns[-1] - turns[1] < ROUND
    assert len(turns) - 1 == -(-users // max(LEAST_TURN, -(-users // 20)))


def test_who_comes_while_a_round_is_told_hears_what_happens_afterwards() -> None:
    world, (anna, *others) = gather(*[f"user{number}" for number in range(12)])
    crowded(world, turn=1)
    world.do(lambda: client(anna).chat.asking.set_away("before"))
    last, begun = others[-1], len(others[-1].events)
    world.run_until(lambda: others[0].told(UserChanged)[-1].text == "before", 2)
    zoe = enter(world, "zoe")
    assert last.events[begun:] == []
    world.do(lambda: client(anna).chat.asking.set_away("after"))
    rest(world, 3)
    assert [event.text for event in zoe.told(UserChanged)] == ["after"]
    heard = [event for event in last.events[begun:] if isinstance(event, UserChanged)]
    assert [(event.nick, event.text) for event in heard] == [
        ("user0", "before"),
        ("zoe", ""),
        ("user0", "after"),
    ]


def test_who_leaves_while_a_round_is_told_is_told_nothing_more() -> None:
    world, (anna, *others) = gather(*[f"user{number}" for number in range(8)])
    crowded(world, turn=1)
    world.do(lambda: client(anna).chat.asking.set_away("tea"))
    world.run_until(lambda: others[0].told(UserChanged)[-1].text == "tea", 2)
    leave(world, others[-1])
    rest(world, 3)
    assert others[-1].told(UserChanged) == []
    assert changes(others[0])[-1] == ("user7", Change.LEFT, 7)


def test_logging_in_at_the_door_is_one_joining() -> None:
    world, (anna,) = gather("anna")
    make_account(world, "bertha")
    crowded(world)
    log_in(world, "bertha", key_of(3))
    rest(world, 2)
    assert changes(anna) == [("bertha", Change.JOINED, 2)]


@pytest.mark.parametrize("seed", seeds(1)[:4])
def test_in_the_end_everybody_of_a_crowd_knows_who_is_here(seed: int) -> None:
    crowd = Crowd(seed)
    crowded(crowd.world, 2)
    crowd.run(60)
    world, present = crowd.world, here(crowd.world)
    members = core(world).desk.members
    sessions = [(end, members.find(client(end).chat.me.connection_id)) for end in crowd.ends]
    views = [view(end, present) for end, session in sessions if session is not None and not session.is_visitor]
    assert len(views) == len(present) > 0
    assert all(each == set(present) for each in views)

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from udpchat.crypto.keylog import Direction
from udpchat.crypto.sealing import SealedProtection
from udpchat.crypto.traffic_keys import Epoch
from udpchat.errors import AuthenticationError, UsageError

CLIENT_SECRET = bytes(range(32))
SERVER_SECRET = bytes(range(32, 64))
BODY = b"chat"

Packet = tuple[int, int, bytes]  # packet number, key phase, sealed body


def pair() -> tuple[SealedProtection, SealedProtection]:
    return SealedProtection(CLIENT_SECRET, SERVER_SECRET), SealedProtection(
        SERVER_SECRET, CLIENT_SECRET, sends_as="server"
    )


def seal(protection: SealedProtection, packet_number: int) -> Packet:
    out = bytearray(len(BODY) + 16)
    protection.seal_into(packet_number, BODY, b"", memoryview(out))
    return packet_number, protection.key_phase, bytes(out)


def opens(protection: SealedProtection, packet: Packet) -> bool:
    number, phase, sealed = packet
    out = bytearray(len(sealed) - 16)
    try:
        protection.open_into(number, phase, sealed, b"", memoryview(out))
    except AuthenticationError:
        return False
    return bytes(out) == BODY


def send_key_behind(protection: SealedProtection) -> bool:
    return protection.send_key_behind


def may_update(protection: SealedProtection) -> bool:
    return protection.may_update


def holds_previous(protection: SealedProtection) -> bool:
    return protection.holds_previous


def test_update_shows_in_the_phase_and_starts_the_count_anew() -> None:
    client, _ = pair()
    seal(client, 0)
    seal(client, 1)
    assert (client.key_phase, client.packets_sealed) == (0, 2)
    client.update_send_key()
    assert (client.key_phase, client.packets_sealed, client.send_epoch) == (1, 0, 1)


@pytest.mark.parametrize("starter", [0, 1])
def test_update_of_either_end_is_followed_by_the_other(starter: int) -> None:
    ends = pair()
    one, other = ends[starter], ends[1 - starter]
    one.update_send_key()
    assert not send_key_behind(other)
    assert opens(other, seal(one, 5))
    assert send_key_behind(other)
    assert opens(one, seal(other, 5))  # still under the old key
    other.update_send_key()
    assert not send_key_behind(other)
    assert opens(one, seal(other, 6))
    assert not send_key_behind(one)
    assert (one.receive_epoch, other.receive_epoch) == (1, 1)


def test_updates_of_both_ends_at_once_are_one_update() -> None:
    client, server = pair()
    client.update_send_key()
    server.update_send_key()
    assert opens(server, seal(client, 5))
    assert opens(client, seal(server, 5))
    assert not send_key_behind(client)
    assert not send_key_behind(server)
    assert may_update(client)
    assert may_update(server)


def test_ten_updates_in_turn_keep_both_directions_open() -> None:
    client, server = pair()
    for number in range(10):
        one, other = (client, server) if number % 2 else (server, client)
        one.update_send_key()
        assert opens(other, seal(one, 2 * number))
        other.update_send_key()
        assert opens(one, seal(other, 2 * number + 1))
        client.forget_previous()
        server.forget_previous()
    assert (client.send_epoch, client.receive_epoch, server.send_epoch, server.receive_epoch) == (10, 10, 10, 10)


def test_second_update_waits_until_the_peer_has_followed() -> None:
    client, server = pair()
    client.update_send_key()
    assert not may_update(client)
    with pytest.raises(UsageError):
        client.update_send_key()
    opens(server, seal(client, 0))
    server.update_send_key()
    opens(client, seal(server, 0))
    assert may_update(client)
    client.update_send_key()
    assert client.send_epoch == 2


@settings(max_examples=60, deadline=None)
@given(st.permutations(range(12)), st.integers(1, 11))
def test_packets_around_an_update_open_in_any_order(order: list[int], updated_at: int) -> None:
    client, server = pair()
    packets = []
    for number in range(12):
        if number == updated_at:
            client.update_send_key()
        packets.append(seal(client, number))
    assert all(opens(server, packets[number]) for number in order)
    assert server.receive_epoch == 1


def test_late_packets_open_until_the_previous_key_is_forgotten() -> None:
    client, server = pair()
    late = [seal(client, number) for number in range(3)]
    client.update_send_key()
    assert not holds_previous(server)
    assert opens(server, seal(client, 3))
    assert holds_previous(server)
    assert opens(server, late[0])
    server.forget_previous()
    assert not holds_previous(server)
    assert not opens(server, late[1])
    assert opens(server, seal(client, 4))


def test_forged_phase_bit_does_not_move_the_epoch() -> None:
    client, server = pair()
    assert opens(server, seal(client, 10))
    number, phase, sealed = seal(client, 11)
    assert not opens(server, (number, 1 - phase, sealed))
    assert not opens(server, (2**53 - 1, 1, bytes(20)))
    assert (server.receive_epoch, send_key_behind(server), holds_previous(server)) == (0, False, False)
    assert opens(server, (number, phase, sealed))


def test_forged_phase_bit_does_not_move_the_start_of_an_epoch() -> None:
    client, server = pair()
    late = seal(client, 4)
    client.update_send_key()
    assert opens(server, seal(client, 8))
    for forged in ((2, 1, bytes(20)), (9, 0, bytes(20)), (2, 0, bytes(20))):
        assert not opens(server, forged)
    assert opens(server, late)
    assert server.receive_epoch == 1


def test_old_key_does_not_open_numbers_of_the_new_epoch() -> None:
    client, server = pair()
    stale, _ = pair()  # a peer that goes back to its old key
    client.update_send_key()
    assert opens(server, seal(client, 8))
    assert not opens(server, seal(stale, 9))
    assert opens(server, seal(stale, 7))


def test_key_two_epochs_old_is_gone() -> None:
    client, server = pair()
    ancient = seal(client, 0)
    for number in (1, 2):
        client.update_send_key()
        opens(server, seal(client, number))
        server.update_send_key()
        opens(client, seal(server, number))
    assert not opens(server, ancient)


def test_each_key_is_reported_once_when_its_use_begins() -> None:
    reports: list[tuple[Direction, int, bytes, bytes]] = []
    client = SealedProtection(
        CLIENT_SECRET, SERVER_SECRET, on_key=lambda *report: reports.append(report), sends_as="client"
    )
    server = SealedProtection(SERVER_SECRET, CLIENT_SECRET)
    client_keys, server_keys = Epoch(CLIENT_SECRET), Epoch(SERVER_SECRET)
    expected: list[tuple[Direction, int, bytes, bytes]] = [
        ("client", 0, client_keys.key.key, client_keys.key.iv),
        ("server", 0, server_keys.key.key, server_keys.key.iv),
    ]
    assert reports == expected
    server.update_send_key()
    packet = seal(server, 3)
    assert opens(client, packet)
    assert opens(client, seal(server, 4))
    client.update_send_key()
    expected.append(("server", 1, server_keys.following().key.key, server_keys.following().key.iv))
    expected.append(("client", 1, client_keys.following().key.key, client_keys.following().key.iv))
    assert reports == expected


def test_both_ends_report_the_same_keys() -> None:
    sides: list[set[tuple[Direction, int, bytes, bytes]]] = [set(), set()]
    client = SealedProtection(CLIENT_SECRET, SERVER_SECRET, on_key=lambda *report: sides[0].add(report))
    server = SealedProtection(
        SERVER_SECRET, CLIENT_SECRET, on_key=lambda *report: sides[1].add(report), sends_as="server"
    )
    client.update_send_key()
    assert opens(server, seal(client, 0))
    assert sides[0] == sides[1]
    assert len(sides[0]) == 3

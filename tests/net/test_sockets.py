import errno
import select
import socket
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from udpchat.config import MAX_BURST
from udpchat.net.sockets import ENOUGH_BUFFER, DatagramSocket, buffer_advice, dial, listen
from udpchat.protocol.datagrams import Burst

LOCALHOST = "127.0.0.1"
NOBODY = (LOCALHOST, 9)


class Kernel(socket.socket):
    """A socket of a system that refuses: each call takes the next error of its list and succeeds when that is None."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.errors: dict[str, list[int | None]] = {"sendmsg": [], "send": [], "sendto": []}
        self.calls: list[str] = []

    def _fail(self, name: str) -> None:
        self.calls.append(name)
        number = self.errors[name].pop(0) if self.errors[name] else None
        if number is not None:
            raise OSError(number, "refused")

    def sendmsg(self, *args: Any) -> int:
        self._fail("sendmsg")
        return super().sendmsg(*args)

    def send(self, *args: Any) -> int:
        self._fail("send")
        return super().send(*args)

    def sendto(self, *args: Any) -> int:
        self._fail("sendto")
        return super().sendto(*args)


@pytest.fixture
def opened() -> Iterator[list[DatagramSocket]]:
    made: list[DatagramSocket] = []
    yield made
    for each in made:
        each.close()


def bound(opened: list[DatagramSocket], *, portable: bool = False) -> DatagramSocket:
    made = listen(LOCALHOST, 0, portable=portable)[0]
    opened.append(made)
    return made


def refusing(opened: list[DatagramSocket], **errors: list[int | None]) -> tuple[DatagramSocket, Kernel]:
    kernel = Kernel(socket.AF_INET, socket.SOCK_DGRAM)
    kernel.bind((LOCALHOST, 0))
    kernel.errors.update(errors)
    made = DatagramSocket(kernel, portable=False)
    opened.append(made)
    if not made.has_offload:
        pytest.skip("this system has no UDP_SEGMENT")
    return made, kernel


def burst_to(target: DatagramSocket, sizes: int, count: int, last: int | None = None) -> Burst:
    data = b"".join(bytes([number]) * sizes for number in range(count - 1)) + bytes([count - 1]) * (last or sizes)
    return Burst(target.address, memoryview(data), sizes)


def drain(source: DatagramSocket, count: int) -> list[bytes]:
    """So many datagrams, whatever bursts they come in."""
    datagrams: list[bytes] = []
    while len(datagrams) < count:
        burst = source.receive()
        if burst is None:
            assert select.select([source.raw], [], [], 5)[0], "nothing came"
            continue
        datagrams.extend(bytes(datagram) for datagram in burst.datagrams())
    return datagrams


@pytest.mark.parametrize("sender_is_portable", [False, True])
@pytest.mark.parametrize("receiver_is_portable", [False, True])
@pytest.mark.parametrize(("size", "count", "last"), [(1_200, 1, None), (1_200, 10, 700), (64, 64, 64), (1_472, 44, 1)])
def test_a_burst_arrives_as_its_datagrams(
    opened: list[DatagramSocket],
    sender_is_portable: bool,
    receiver_is_portable: bool,
    size: int,
    count: int,
    last: int | None,
) -> None:
    sender, receiver = bound(opened, portable=sender_is_portable), bound(opened, portable=receiver_is_portable)
    burst = burst_to(receiver, size, count, last)
    assert sender.send(burst) == len(burst.data)
    assert drain(receiver, count) == [bytes(datagram) for datagram in burst.datagrams()]
    assert receiver.receive() is None


@pytest.mark.parametrize("is_portable", [False, True])
def test_a_receiver_told_by_single_datagrams_keeps_order_sizes_and_senders(
    opened: list[DatagramSocket], is_portable: bool
) -> None:
    anna, bob = bound(opened), bound(opened)
    receiver = bound(opened, portable=is_portable)
    sent = []
    for number, (sender, size) in enumerate(
        [(anna, 100), (anna, 100), (bob, 100), (bob, 60), (bob, 100), (anna, 300), (anna, 0), (anna, 300), (anna, 300)]
    ):
        data = bytes([number]) * size
        sender.raw.sendto(data, receiver.address)
        sent.append((sender.address, data))
    received: list[tuple[tuple[str, int], bytes]] = []
    while len(received) < len(sent):
        burst = receiver.receive()
        assert burst is not None, f"only {len(received)} came"
        received.extend((burst.address, bytes(datagram)) for datagram in burst.datagrams())
        if not burst.data:
            received.append((burst.address, b""))
    assert received == sent
    assert not receiver.holds_datagram


def test_portable_bursts_are_no_larger_than_those_of_the_system(opened: list[DatagramSocket]) -> None:
    sender, receiver = bound(opened, portable=True), bound(opened, portable=True)
    for size, count in ((1_472, 60), (20, 100), (65_507, 3)):
        data = memoryview(bytes(size))
        for _ in range(count):
            sender.send(Burst(receiver.address, data, size))
        left = count
        while left:
            burst = receiver.receive()
            assert burst is not None
            assert len(burst.data) <= MAX_BURST
            number = len(burst.data) // size
            assert number <= 64
            left -= number


def test_a_connected_socket_names_its_peer_and_hears_nobody_else(opened: list[DatagramSocket]) -> None:
    server, stranger = bound(opened), bound(opened)
    for portable in (False, True):
        client = dial(server.address, portable=portable)
        opened.append(client)
        place = client.address
        stranger.send(Burst(place, memoryview(b"lies"), 4))
        server.send(Burst(place, memoryview(b"truth"), 5))
        burst = client.receive()
        assert burst is not None
        assert (burst.address, bytes(burst.data)) == (server.address, b"truth")
        assert client.receive() is None


# -- when the system refuses -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ENOBUFS])
def test_no_room_for_a_burst_leaves_all_of_it(opened: list[DatagramSocket], number: int) -> None:
    receiver = bound(opened)
    sender, _ = refusing(opened, sendmsg=[number])
    burst = burst_to(receiver, 1_000, 3)
    assert sender.send(burst) == 0
    assert receiver.receive() is None
    assert sender.send(burst) == 3_000


def test_no_room_in_the_middle_of_single_datagrams_says_how_far_it_came(opened: list[DatagramSocket]) -> None:
    receiver = bound(opened)
    sender, _ = refusing(opened, sendmsg=[errno.EIO], sendto=[None, None, errno.EAGAIN])
    assert sender.send(burst_to(receiver, 1_000, 4)) == 2_000
    assert len(drain(receiver, 2)) == 2
    assert receiver.receive() is None


def test_a_device_without_offload_gets_single_datagrams_from_then_on(opened: list[DatagramSocket]) -> None:
    receiver = bound(opened)
    sender, kernel = refusing(opened, sendmsg=[errno.EIO])
    for _ in range(2):
        assert sender.send(burst_to(receiver, 1_000, 4, 10)) == 3_010
        assert len(drain(receiver, 4)) == 4
    assert not sender.has_offload
    assert kernel.calls == ["sendmsg", *["sendto"] * 8]


def test_a_socket_that_sends_singly_still_receives_what_the_system_merged(opened: list[DatagramSocket]) -> None:
    other = bound(opened)
    fallen, _ = refusing(opened, sendmsg=[errno.EIO])
    fallen.send(burst_to(other, 1_000, 2))
    burst = burst_to(fallen, 1_000, 20, 17)
    other.send(burst)
    assert drain(fallen, 20) == [bytes(datagram) for datagram in burst.datagrams()]


def test_a_datagram_above_the_mtu_is_told_and_does_not_cost_the_offload(opened: list[DatagramSocket]) -> None:
    receiver = bound(opened)
    sender, _ = refusing(opened, sendmsg=[errno.EINVAL], sendto=[errno.EMSGSIZE])
    with pytest.raises(OSError, match=r"refused|too long") as refused:
        sender.send(burst_to(receiver, 1_400, 3))
    assert refused.value.errno == errno.EMSGSIZE
    assert sender.has_offload


def test_a_datagram_that_no_packet_can_hold_is_told(opened: list[DatagramSocket]) -> None:
    sender = bound(opened)
    with pytest.raises(OSError, match=r"refused|too long") as refused:
        sender.send(Burst(NOBODY, memoryview(bytes(MAX_BURST + 1)), MAX_BURST + 1))
    assert refused.value.errno == errno.EMSGSIZE


@pytest.mark.parametrize("number", [errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EPERM])
def test_what_the_network_refuses_is_lost_on_the_way(opened: list[DatagramSocket], number: int) -> None:
    sender, _ = refusing(opened, sendmsg=[number], sendto=[number] * 6)
    burst = burst_to(sender, 1_000, 3)
    assert sender.send(burst) == 3_000
    assert sender.has_offload


def test_a_report_of_icmp_does_not_take_the_place_of_the_next_datagram(opened: list[DatagramSocket]) -> None:
    receiver = bound(opened)
    sender, _ = refusing(opened, sendmsg=[errno.ECONNREFUSED], sendto=[errno.ECONNREFUSED])
    assert sender.send(burst_to(receiver, 1_000, 3)) == 3_000
    assert len(drain(receiver, 3)) == 3


@pytest.mark.parametrize("is_portable", [False, True])
def test_a_closed_port_is_counted_and_is_no_error(opened: list[DatagramSocket], is_portable: bool) -> None:
    gone = bound(opened)
    place = gone.address
    client = dial(place, portable=is_portable)
    opened.append(client)
    gone.close()
    for number in range(1, 4):
        assert client.send(Burst(place, memoryview(b"hello"), 5)) == 5
        select.select([client.raw], [], [], 5)
        assert client.receive() is None
        assert client.refusals == number


@pytest.mark.parametrize("is_portable", [False, True])
def test_a_server_is_not_stopped_by_clients_that_are_gone(opened: list[DatagramSocket], is_portable: bool) -> None:
    server, gone, there = bound(opened, portable=is_portable), bound(opened), bound(opened)
    place = gone.address
    gone.close()
    for _ in range(5):
        assert server.send(Burst(place, memoryview(b"hello"), 5)) == 5
    there.send(Burst(server.address, memoryview(b"I am"), 4))
    assert drain(server, 1) == [b"I am"]


# -- addresses and buffers ---------------------------------------------------------------------------------------------


def test_all_addresses_share_one_port(opened: list[DatagramSocket]) -> None:
    opened.extend(listen("", 0, portable=False))
    assert len({each.address[1] for each in opened}) == 1


def test_a_small_receive_buffer_is_told_with_the_command_that_helps(opened: list[DatagramSocket]) -> None:
    made = bound(opened)
    made.granted_buffer = ENOUGH_BUFFER
    assert buffer_advice([made]) is None
    made.granted_buffer = ENOUGH_BUFFER - 1
    advice = buffer_advice([made])
    assert advice is not None
    assert "1023 KiB" in advice
    assert sys.platform != "linux" or "sysctl -w net.core.rmem_max=" in advice


def test_a_socket_that_was_closed_is_an_error_and_no_endless_loop(opened: list[DatagramSocket]) -> None:
    for portable in (False, True):
        made = bound(opened, portable=portable)
        made.close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            made.receive()

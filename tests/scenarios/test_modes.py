"""One seed, one sequence of packets: what a session does on the wire does not depend on whether it is sealed."""

from __future__ import annotations

from tests.world import World, client, seeds
from udpchat.chat.events import LineSaid
from udpchat.config import MILLISECOND, Config
from udpchat.files.events import Downloaded, Uploaded
from udpchat.protocol.datagrams import Address
from udpchat.sim.link import LinkSpec
from udpchat.sim.trace import Happening
from udpchat.wire.hot import HEADER_SIZE

LOSSY = LinkSpec(rate=2_500_000, delay=20 * MILLISECOND, queue=64, loss=0.03)
SIZE = 400_000
TYPE_AT, NUMBER_AT = 3, 16  # bytes of the datagram

Sent = tuple[int, Address, Address, int, int, bytes]  # time, from, to, size, type, packet number


def sequence(seed: int, *, plaintext: bool) -> list[Sent]:
    """Every datagram of a session in which two talk and one file goes up and down."""
    world = World(seed, LOSSY, Config(plaintext=plaintext))
    sent: list[Sent] = []

    def see(happening: Happening, now: int, source: Address, destination: Address, data: bytes) -> None:
        if happening is Happening.SENT:
            sent.append((now, source, destination, len(data), data[TYPE_AT], data[NUMBER_AT:HEADER_SIZE]))

    world.network.tap(see)
    anna, ben = world.add_client("anna"), world.add_client("ben")
    world.join(anna, ben)
    anna.store.local["a.bin"] = bytes(SIZE)
    world.do(lambda: client(anna).files.put("a.bin"))
    world.do(lambda: client(ben).chat.say("what is it?"))
    world.run_until(lambda: bool(anna.told(Uploaded)))
    world.do(lambda: client(ben).files.get("a.bin"))
    world.run_until(lambda: bool(ben.told(Downloaded) and anna.told(LineSaid)))
    return sent


def test_a_sealed_and_a_plaintext_session_of_one_seed_send_the_same_packets_at_the_same_times() -> None:
    for seed in seeds(1):
        sealed, plain = (sequence(seed, plaintext=plaintext) for plaintext in (False, True))
        assert len(sealed) > 2 * SIZE // 1_420
        assert sealed == plain, f"SIM_SEED={seed}"

"""A small day of two people in virtual time, as a capture of everything that was sent."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from tests.wireshark.tshark import Seen
from tests.world import World, client
from udpchat.chat.events import LineSaid
from udpchat.config import MILLISECOND, Config
from udpchat.files.events import Downloaded, Uploaded
from udpchat.protocol.datagrams import Address
from udpchat.sim.link import LinkSpec
from udpchat.sim.trace import Happening

LOSSY = LinkSpec(delay=5 * MILLISECOND, loss=0.05, reorder=0.02, duplicate=0.02)
LONG_LINE = "a long line " * 250  # of more than two packets
FILE = b"0123456789" * 10_000


class Session(NamedTuple):
    """sent: all datagrams as they left their sender. keys: lines of the key log."""

    sent: list[Seen]
    keys: list[str]


@cache
def session(seed: int, *, plaintext: bool, rekey_packets: int = 1 << 20, link: LinkSpec = LOSSY) -> Session:
    """Two people join, talk, one uploads a file, the other fetches it and lists all files."""
    keys: list[str] = []
    sent: list[Seen] = []
    world = World(seed, link, Config(plaintext=plaintext, rekey_packets=rekey_packets), keylog=keys.append)

    def on_happening(what: Happening, now: int, source: Address, destination: Address, data: bytes) -> None:
        if what is Happening.SENT:
            sent.append(Seen(now, source, destination, bytes(data)))

    world.network.tap(on_happening)
    anna, ben = world.add_client("anna"), world.add_client("ben")
    world.join(anna, ben)
    world.do(lambda: client(anna).chat.say("hello, Ben"))
    world.do(lambda: client(ben).chat.say(LONG_LINE))
    world.run_until(lambda: len(anna.told(LineSaid)) >= 2 <= len(ben.told(LineSaid)))
    anna.store.local["numbers.txt"] = FILE
    world.do(lambda: client(anna).files.put("numbers.txt"))
    world.run_until(lambda: bool(anna.told(Uploaded)))
    world.do(lambda: client(ben).files.get("numbers.txt"))
    world.run_until(lambda: bool(ben.told(Downloaded)))
    world.do(client(ben).files.list_files)
    world.do(lambda: client(ben).chat.tell("anna", "got it"))
    world.network.run_for(500 * MILLISECOND)
    # Connections whose deadlines are the same are served in the order of their ids, which no two modes share.
    return Session(sorted(sent, key=lambda seen: (seen.us, seen.source, seen.destination)), keys)

"""What a doctor has found, where all is well: for tests to change."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from typing import Any

from udpchat.config import DEFAULT_PORT, MIB
from udpchat.net.discovery.announcement import Announcement
from udpchat.net.discovery.searching import Search
from udpchat.net.discovery.sightings import FoundServer, Spot
from udpchat.net.doctor.examination import Machine, Server, Target
from udpchat.net.doctor.firewall import Guards
from udpchat.net.doctor.machine import Loopback, Timing
from udpchat.net.doctor.tally import Losses, Measured
from udpchat.net.doctor.visit import Attempt, Reach
from udpchat.net.interfaces import Interface
from udpchat.store.trust import Status
from udpchat.ui.cli.doctor.checks import Check, Verdict
from udpchat.ui.cli.options import HostPort
from udpchat.wire.records import Welcome

OK, WARN, FAIL = Verdict.OK, Verdict.WARN, Verdict.FAIL
HOST, HERE = "192.0.2.9", "192.0.2.1"
SHOWN = HostPort(HOST, DEFAULT_PORT)
LOOPBACK = Interface("lo", 1, (ipaddress.ip_interface("127.0.0.1/8"),))
CARD = Interface("card0", 2, (ipaddress.ip_interface(f"{HERE}/24"),))
TUNNEL = Interface("wg0", 3, (ipaddress.ip_interface("198.18.0.1/24"),))
GOOD = Loopback("127.0.0.1", is_offloaded=True, is_merged=True, is_whole=True, granted=(4 * MIB, 4 * MIB))
MEASURED = Measured(
    rtts=(500,) * 100,
    up=Losses(100, 0),
    down=Losses(100, 0),
    datagram_up=1_472,
    is_searching=False,
    datagram_down=1_472,
    ceiling=1_472,
)
WELCOME = Welcome(1, 2, 0, 0, 0, b"", "anna", "lobby")
SERVER = Server(address=(HOST, DEFAULT_PORT), shown_key="aa-bb", status=Status.KNOWN, measured=MEASURED, answer=WELCOME)
MACHINE = Machine(
    interfaces=(CARD, LOOPBACK),
    trouble="",
    loopbacks=(GOOD,),
    timing=Timing(80, 120, 0.001),
    guards=Guards((), is_sure=True),
    search=Search((), 0, ("card0",), {}),
)


FOUND = FoundServer(
    Announcement("Room 1", 3, "", is_sealed=True, version=1), (Spot(HOST, DEFAULT_PORT, "card0", is_near=True),)
)


def attempt(reach: Reach, host: str = HOST, **more: Any) -> Attempt:
    return replace(Attempt((host, DEFAULT_PORT), reach, 0.0005, HERE), **more)


def target(*attempts: Attempt, server: Server | None = None, trouble: str = "") -> Target:
    return Target(host=HOST, port=DEFAULT_PORT, attempts=attempts, trouble=trouble, server=server)


def steps(check: Check) -> str:
    return "\n".join(check.advice)

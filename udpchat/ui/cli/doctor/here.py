"""What is to be thought of this machine."""

from __future__ import annotations

import errno
import os
import sys
from typing import Final

from udpchat.config import DEFAULT_PORT
from udpchat.net.discovery.searching import Search
from udpchat.net.doctor.examination import Machine
from udpchat.net.doctor.machine import Loopback, PortUse, Timing, is_tunnel, is_wireless, link_mtu
from udpchat.net.doctor.visit import ANSWERS, Reach
from udpchat.net.interfaces import Interface
from udpchat.net.sockets import BUFFER_SIZE, ENOUGH_BUFFER
from udpchat.ui.cli.doctor.checks import Check, Verdict, milliseconds
from udpchat.ui.cli.doctor.firewall import judge_guards

LATE: Final = 2_000  # us that a grain of pacing of 1 ms may be late at the median; Windows has 15 ms without care
FREE_FOR_ALL: Final = 1_024  # ports from here on need no administrator
VERY_LATE: Final = 50_000  # us that one of them may be late


def judge_machine(machine: Machine, port: int, *, platform: str = sys.platform) -> list[Check]:
    """All that a client needs here; and what a server needs, when that was looked at."""
    checks = [
        judge_interfaces(machine.interfaces, machine.trouble),
        *(judge_loopback(each) for each in machine.loopbacks),
    ]
    if working := [each for each in machine.loopbacks if not each.trouble]:
        checks += [judge_buffers(working[0], platform), judge_offload(working[0], platform), judge_whole(working[0])]
    checks.append(judge_timing(machine.timing))
    if machine.port_use is not None:
        checks += [judge_port(machine.port_use, machine.neighbour), judge_guards(machine.guards, port)]
    return checks


def describe_interface(interface: Interface, mtu: int = 0) -> str:
    """With its addresses, and what is known of its kind."""
    kinds = [
        *(["VPN or tunnel"] if is_tunnel(interface.name) else []),
        *(["Wi-Fi"] if is_wireless(interface.name) else []),
        *([f"MTU {mtu}"] if mtu else []),
    ]
    shown = f", {', '.join(kinds)}" if kinds else ""
    return f"{interface}{shown}"


def judge_interfaces(interfaces: tuple[Interface, ...], trouble: str) -> Check:
    """Whether there is a network at all."""
    looked = "network interfaces"
    values: dict[str, object] = {
        "interfaces": [
            {"name": each.name, "addresses": [str(address) for address in each.addresses], "mtu": link_mtu(each.name)}
            for each in interfaces
        ]
    }
    if trouble:
        return Check("interfaces", Verdict.WARN, looked, f"the system does not tell them: {trouble}", values=values)
    others = [each for each in interfaces if not each.is_loopback]
    if not others:
        step = "plug in the network cable, or join a Wi-Fi; until then only programs on this machine reach each other"
        return Check("interfaces", Verdict.WARN, looked, "this machine is in no network", (step,), values)
    found = "; ".join(describe_interface(each, link_mtu(each.name)) for each in others)
    return Check("interfaces", Verdict.OK, looked, found, values=values)


def judge_loopback(loopback: Loopback) -> Check:
    """Whether datagrams move at all."""
    looked = f"datagrams to ourselves ({loopback.address})"
    values: dict[str, object] = {"address": loopback.address, "trouble": loopback.trouble}
    if loopback.trouble:
        step = "a firewall or security program of this machine drops UDP on the loopback interface: let it pass there"
        return Check("loopback", Verdict.FAIL, looked, f"they do not arrive: {loopback.trouble}", (step,), values)
    return Check("loopback", Verdict.OK, looked, "they arrive", values=values)


def judge_buffers(loopback: Loopback, platform: str) -> Check:
    """Whether the system holds what comes while we are off the processor."""
    receiving, sending = loopback.granted
    values: dict[str, object] = {"asked": loopback.asked, "receiving": receiving, "sending": sending}
    text = f"{_kib(loopback.asked)} asked for, {_kib(receiving)} granted for receiving and {_kib(sending)} for sending"
    if min(receiving, sending) >= ENOUGH_BUFFER:
        return Check("buffers", Verdict.OK, "socket buffers", text, values=values)
    steps = {
        "linux": (f"sudo sysctl -w net.core.rmem_max={BUFFER_SIZE} net.core.wmem_max={BUFFER_SIZE}",),
        "darwin": (f"sudo sysctl -w kern.ipc.maxsockbuf={2 * BUFFER_SIZE}",),
    }
    text += "; fast transfers lose packets with so little"
    return Check("buffers", Verdict.WARN, "socket buffers", text, steps.get(platform, ()), values)


def judge_offload(loopback: Loopback, platform: str) -> Check:
    """Whether one system call moves many datagrams."""
    looked = "many datagrams in one system call (GSO, GRO)"
    values: dict[str, object] = {"sends": loopback.is_offloaded, "receives": loopback.is_merged}
    if loopback.is_offloaded and loopback.is_merged:
        return Check("offload", Verdict.OK, looked, "works, sending and receiving", values=values)
    if platform != "linux":
        text = "this system has none; one at a time works everywhere"
        return Check("offload", Verdict.OK, looked, text, values=values)
    missing = " and ".join(
        word for word, works in (("sending", loopback.is_offloaded), ("receiving", loopback.is_merged)) if not works
    )
    text = f"does not work for {missing}; one at a time is used, which is slower above 1 Gbit/s"
    return Check("offload", Verdict.WARN, looked, text, ("it needs Linux 5.0 or newer",), values)


def judge_whole(loopback: Loopback) -> Check:
    """Whether path MTUs can be measured."""
    looked = "datagrams marked as not to be cut (DF)"
    values: dict[str, object] = {"is_set": loopback.is_whole}
    if loopback.is_whole is False:
        text = "the system does not mark them, so the largest datagram of a path may be found too large"
        return Check("fragments", Verdict.WARN, looked, text, ("use --max-datagram 1200 on slow paths",), values)
    found = "the system marks them" if loopback.is_whole else "the system has taken the option"
    return Check("fragments", Verdict.OK, looked, found, values=values)


def judge_timing(timing: Timing) -> Check:
    """Whether packets leave when they are to."""
    looked = "timer, asked for 1 ms"
    values: dict[str, object] = {
        "median_late": timing.median_late,
        "worst_late": timing.worst_late,
        "resolution": timing.resolution,
    }
    found = f"{milliseconds(timing.median_late)} late at the median, {milliseconds(timing.worst_late)} at worst"
    if timing.median_late <= LATE and timing.worst_late <= VERY_LATE:
        return Check("timer", Verdict.OK, looked, f"{found}; good enough for pacing", values=values)
    step = "this machine is very busy or saves energy: end other programs, or plug it in; transfers work, less evenly"
    return Check("timer", Verdict.WARN, looked, found, (step,), values)


def judge_port(use: PortUse, neighbour: Reach | None) -> Check:
    """Whether a server could run here."""
    looked, port = f"UDP port {use.port}, for a server here", use.port
    values: dict[str, object] = {"port": port, "is_free": not use.number, "holder": use.holder}
    other = port + 1 if port < 65_535 else DEFAULT_PORT
    match use.number:
        case 0:
            return Check("port", Verdict.OK, looked, "free", values=values)
        case errno.EADDRINUSE if neighbour in ANSWERS:
            holder = f", {use.holder}" if use.holder else ""
            step = "join it on this machine with: udpchat client 127.0.0.1" + (
                "" if port == DEFAULT_PORT else f":{port}"
            )
            return Check("port", Verdict.OK, looked, f"a udpchat server has it{holder}", (step,), values)
        case errno.EADDRINUSE:
            holder = use.holder or "another program"
            step = f"end that program, or take another port: udpchat server --port {other}"
            return Check("port", Verdict.FAIL, looked, f"{holder} has it, and it is no udpchat server", (step,), values)
        case errno.EACCES:
            step = f"take one above 1023: udpchat server --port {DEFAULT_PORT}"
            text = "only an administrator may use it" if port < FREE_FOR_ALL else "the system keeps it for itself"
            return Check("port", Verdict.FAIL, looked, text, (step,), values)
        case number:
            step = f"take another port: udpchat server --port {other}"
            return Check("port", Verdict.FAIL, looked, f"it cannot be had: {os.strerror(number)}", (step,), values)


def judge_search(search: Search | None) -> Check:
    """Whether servers announce themselves to this machine, and this machine could."""
    looked = "servers that announce themselves (multicast DNS)"
    if search is None:
        step = "announcements use UDP port 5353; without them: udpchat client HOST, with the address of the server"
        return Check("discovery", Verdict.WARN, looked, "nothing could be heard", (step,), {"servers": []})
    names = [each.announcement.name or str(each.spots[0]) for each in search.servers]
    values: dict[str, object] = {
        "servers": names,
        "interfaces": search.interfaces,
        "troubles": search.troubles,
    }
    where = f"on {', '.join(search.interfaces)}" if search.interfaces else "on no interface"
    found = f"{', '.join(names)}, heard {where}" if names else f"none was heard {where}"
    if search.troubles or not search.interfaces:
        told = "; ".join(f"{name}: {why}" for name, why in search.troubles.items())
        step = "type addresses instead: udpchat client HOST; a server here is not found by itself either"
        return Check("discovery", Verdict.WARN, looked, f"{found}{f' ({told})' if told else ''}", (step,), values)
    return Check("discovery", Verdict.OK, looked, found, values=values)


def _kib(size: int) -> str:
    return f"{size // 1024} KiB"

"""What is to be thought of the way to a server: its name, the interface, whether anything answers."""

from __future__ import annotations

import ipaddress

from udpchat.config import BASE_DATAGRAM, DEFAULT_PORT, SECOND
from udpchat.net.doctor.examination import Target, is_own
from udpchat.net.doctor.machine import is_tunnel, is_wireless, link_mtu
from udpchat.net.doctor.visit import ANSWERS, Attempt, Reach
from udpchat.net.interfaces import Interface
from udpchat.ui.cli.doctor.checks import Check, Verdict, milliseconds
from udpchat.ui.cli.doctor.firewall import lines_for_all
from udpchat.ui.cli.options import HostPort

Finding = tuple[Verdict, str, tuple[str, ...]]  # how it is, what was found, what to do


def judge_way(target: Target, interfaces: tuple[Interface, ...]) -> list[Check]:
    """Everything up to the server's port, in the order in which a packet meets it."""
    checks = [judge_name(target)]
    if target.trouble:
        return checks
    best = next((each for each in target.attempts if each.reach in ANSWERS), None)
    if (used := best or next(iter(target.attempts), None)) is not None and used.local:
        checks.append(judge_route(used, interfaces))
    checks += [judge_attempt(each, best, interfaces) for each in target.attempts]
    if best is not None and target.attempts[0].reach not in ANSWERS:
        checks.append(_first_is_used(target.attempts[0], best))
    return checks


def has_answer(target: Target) -> bool:
    """Whether a server is there, whatever it says."""
    return any(each.reach in ANSWERS for each in target.attempts)


def judge_name(target: Target) -> Check:
    """Whether the name leads anywhere."""
    looked, addresses = f"addresses of {target.host}", [each.address[0] for each in target.attempts]
    values: dict[str, object] = {"host": target.host, "addresses": addresses, "trouble": target.trouble}
    if target.trouble:
        steps = (
            "look for a slip of the finger",
            "udpchat servers lists those nearby; or ask for the address that the server prints when it starts",
        )
        return Check("name", Verdict.FAIL, looked, f"there are none: {target.trouble}", steps, values)
    return Check("name", Verdict.OK, looked, ", ".join(addresses), values=values)


def judge_route(attempt: Attempt, interfaces: tuple[Interface, ...]) -> Check:
    """Which interface leads there."""
    looked = f"way to {attempt.address[0]}"
    local = ipaddress.ip_address(attempt.local.partition("%")[0])
    interface = next((each for each in interfaces if local in each.addresses), None)
    name = interface.name if interface is not None else ""
    mtu = link_mtu(name) if name else 0
    values: dict[str, object] = {"interface": name, "local": attempt.local, "mtu": mtu}
    if is_own(attempt.address[0], interfaces):
        return Check("way", Verdict.OK, looked, "that is this machine", values=values)
    found = f"through {name or 'an unknown interface'}, from {attempt.local}{f', MTU {mtu}' if mtu else ''}"
    if name and is_tunnel(name):
        step = "that is a VPN: if the server is in the room, leave the VPN or let it leave out local addresses"
        return Check("way", Verdict.WARN, looked, found, (step,), values)
    return Check(
        "way", Verdict.OK, looked, f"{found}{', by Wi-Fi' if name and is_wireless(name) else ''}", values=values
    )


def judge_attempt(attempt: Attempt, best: Attempt | None, interfaces: tuple[Interface, ...]) -> Check:
    """Whether a server can be reached at an address. best: the one that answered, if any did."""
    host, port = attempt.address
    values: dict[str, object] = {
        "address": host,
        "port": port,
        "reach": attempt.reach.value,
        "seconds": round(attempt.seconds, 6),
        "by": attempt.by,
        "mtu": attempt.mtu,
        "text": attempt.text,
    }
    looked = f"UDP port {port} of {host}"
    verdict, found, steps = _explain(attempt, interfaces)
    if best is not None and attempt.reach not in ANSWERS:
        verdict, steps = Verdict.WARN, ()  # another address of it answers
    return Check("port", verdict, looked, found, steps, values)


def _explain(attempt: Attempt, interfaces: tuple[Interface, ...]) -> Finding:
    if attempt.reach in ANSWERS:
        return _explain_answer(attempt)
    if attempt.reach in (Reach.CLOSED, Reach.SILENT):
        return _explain_port(attempt, interfaces)
    return _explain_network(attempt)


def _explain_answer(attempt: Attempt) -> Finding:
    if attempt.reach is Reach.OPEN:
        return Verdict.OK, f"a server answers, after {milliseconds(attempt.seconds * SECOND)}", ()
    if attempt.reach is Reach.REFUSED:
        return Verdict.FAIL, f"a server answers, and refuses: {attempt.text}", ()
    text = "a server answers, but makes no new connection: it has as many as it takes, or packets are lost"
    return (
        Verdict.FAIL,
        text,
        ("try again; if it stays so, look at Wi-Fi reception and cables, and ask how many are on the server",),
    )


def _explain_port(attempt: Attempt, interfaces: tuple[Interface, ...]) -> Finding:
    """The machine may be there, the server is not to be heard."""
    port, own = attempt.address[1], is_own(attempt.address[0], interfaces)
    steps = [
        f"start the server on that machine: udpchat server{'' if port == DEFAULT_PORT else f' --port {port}'}",
        "check the port: the server prints it when it starts",
    ]
    if attempt.reach is Reach.CLOSED:
        text = "that machine is there, but says that nobody listens on that port"
        if own:
            return Verdict.FAIL, text, tuple(steps)
        steps.append(
            "if the server does run there, its firewall gives that answer; one of these lines lets the port in:"
        )
        return Verdict.FAIL, text, (*steps, *lines_for_all(port))
    if not own:
        steps += [
            "check the address, and that both machines are in the same network; guests of a Wi-Fi are often kept apart",
            f"on that machine this tells whether its firewall lets the port in: udpchat doctor --port {port}",
        ]
    steps.append("one of these lines lets the port in on that machine:")
    text = f"no answer in {attempt.seconds:.1f} s: no server, a wrong address, or a firewall that drops it"
    return Verdict.FAIL, text, (*steps, *lines_for_all(port))


def _explain_network(attempt: Attempt) -> Finding:
    """Somebody on the way has said why nothing arrives."""
    host, port = attempt.address
    by = attempt.by or "this machine's system"
    match attempt.reach:
        case Reach.REJECTED:
            text = f"{by} answers that this may not pass: a firewall"
            if attempt.by in ("", host.partition("%")[0]):
                return (
                    Verdict.FAIL,
                    text,
                    ("one of these lines lets the port in on that machine:", *lines_for_all(port)),
                )
            step = f"whoever runs {by} must let UDP port {port} pass to {host}, and the answers back"
            return (
                Verdict.FAIL,
                text,
                (step, "in a cloud that is a rule of the security group: inbound, UDP, that port"),
            )
        case Reach.NO_HOST:
            steps = (
                "check the address: the server prints its addresses when it starts",
                "check that both machines are on and in the same network; guests of a Wi-Fi are often kept apart",
            )
            return Verdict.FAIL, f"no machine answers to the address {host}", steps
        case Reach.BLOCKED_HERE:
            step = f"a firewall or security program here must let programs send to UDP port {port}"
            return Verdict.FAIL, "this machine does not let it out", (step,)
        case Reach.TOO_NARROW:
            told = f" ({by} lets IP packets of {attempt.mtu} bytes pass)" if attempt.mtu else ""
            text = f"only datagrams of less than {BASE_DATAGRAM} bytes pass{told}, and udpchat needs those"
            step = f"raise the MTU of the narrow link, often a VPN, to at least {BASE_DATAGRAM + 28}, or go another way"
            return Verdict.FAIL, text, (step,)
        case _:
            text = f"no way leads there ({attempt.text or f'so says {by}'})"
            return Verdict.FAIL, text, ("connect this machine to the network of the server, or check the address",)


def _first_is_used(first: Attempt, best: Attempt) -> Check:
    shown = HostPort(*best.address)
    text = f"the first, {first.address[0]}, does not answer, and that is the one that clients use"
    values: dict[str, object] = {"first": first.address[0], "answers": best.address[0]}
    return Check("order", Verdict.FAIL, "order of the addresses", text, (f"use: udpchat client {shown}",), values)

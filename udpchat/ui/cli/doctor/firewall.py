"""The very line that lets a UDP port in, for each firewall; and what is said of the one at work here."""

from __future__ import annotations

import sys
from typing import Final

from udpchat.net.doctor.firewall import APPLICATION_FIREWALL, Firewall, Gate, Guards, Kind
from udpchat.ui.cli.doctor.checks import Check, Verdict

LOOKED: Final = "firewall of this machine"
CHAIN: Final = "inet filter input"  # what most rule sets of nftables have


def opening_line(kind: Kind, port: int, *, chain: str = "", program: str = "") -> str:
    """The command that lets a UDP port in. chain: of nftables. program: macOS lets programs in, not ports."""
    match kind:
        case Kind.UFW:
            return f"sudo ufw allow {port}/udp"
        case Kind.FIREWALLD:
            return f"sudo firewall-cmd --permanent --add-port={port}/udp && sudo firewall-cmd --reload"
        case Kind.NFTABLES:
            return f"sudo nft insert rule {chain or CHAIN} udp dport {port} accept"
        case Kind.IPTABLES:
            return f"sudo iptables -I INPUT -p udp --dport {port} -j ACCEPT"
        case Kind.WINDOWS:
            return (
                f"New-NetFirewallRule -DisplayName udpchat -Direction Inbound -Protocol UDP -LocalPort {port} "
                "-Action Allow"
            )
        case Kind.MACOS:
            place = program or '"$(which python3)"'
            return f"sudo {APPLICATION_FIREWALL} --add {place} && sudo {APPLICATION_FIREWALL} --unblockapp {place}"


def old_windows_line(port: int) -> str:
    """The same where there is no PowerShell."""
    return f"netsh advfirewall firewall add rule name=udpchat dir=in action=allow protocol=UDP localport={port}"


def lines_for_all(port: int) -> tuple[str, ...]:
    """For a machine that nothing is known of."""
    return (
        f"Linux with ufw: {opening_line(Kind.UFW, port)}",
        f"Linux with firewalld: {opening_line(Kind.FIREWALLD, port)}",
        f"Linux with nftables: {opening_line(Kind.NFTABLES, port)}",
        f"Linux with iptables: {opening_line(Kind.IPTABLES, port)}",
        f"Windows, in PowerShell as administrator: {opening_line(Kind.WINDOWS, port)}",
        f"Windows, in a command prompt as administrator: {old_windows_line(port)}",
        f"macOS: {opening_line(Kind.MACOS, port)}",
    )


def judge_guards(found: Guards, port: int) -> Check:
    """Whether others reach a server on this machine."""
    values = {
        "port": port,
        "firewalls": [each.kind.value for each in found.firewalls],
        "gates": [each.gate.value for each in found.firewalls],
        "is_sure": found.is_sure,
    }
    if not found.firewalls:
        if found.is_sure:
            return Check("firewall", Verdict.OK, LOOKED, "none was found", values=values)
        text = "none was recognised, but only an administrator may see all rules"
        step = f"if others cannot reach a server here, look again as administrator: sudo udpchat doctor --port {port}"
        return Check("firewall", Verdict.OK, LOOKED, text, (step,), values)
    shut = [each for each in found.firewalls if each.gate is not Gate.OPEN]
    if not shut:
        names = " and ".join(each.kind.value for each in found.firewalls)
        return Check("firewall", Verdict.OK, LOOKED, f"{names} lets UDP port {port} in", values=values)
    is_shut = any(each.gate is Gate.SHUT for each in shut)
    names = " and ".join(each.kind.value for each in shut)
    text = (
        f"{names} keeps others out of UDP port {port}"
        if is_shut
        else f"{names} is at work; whether it lets UDP port {port} in cannot be seen"
    )
    steps = [step for each in shut for step in _steps(each, port)]
    before = () if is_shut else (f"if others cannot reach a server here, let UDP port {port} in:",)
    return Check("firewall", Verdict.FAIL if is_shut else Verdict.WARN, LOOKED, text, (*before, *steps), values)


def _steps(firewall: Firewall, port: int) -> tuple[str, ...]:
    line = opening_line(firewall.kind, port, chain=firewall.chain, program=sys.executable)
    return (line, old_windows_line(port)) if firewall.kind is Kind.WINDOWS else (line,)

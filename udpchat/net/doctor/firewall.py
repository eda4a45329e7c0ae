"""Which firewall works on this machine, and whether it lets a UDP port in. It is asked only; nothing is changed."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

TOOL_PATIENCE: Final = 3.0  # seconds for a tool to answer
SBIN: Final = ("/usr/sbin", "/sbin", "/usr/local/sbin")  # not in the PATH of every user
APPLICATION_FIREWALL: Final = "/usr/libexec/ApplicationFirewall/socketfilterfw"

Answer = tuple[int, str]  # exit code and stdout
Run = Callable[..., Answer | None]  # a tool and its arguments; None when it is not there, or did not answer
Read = Callable[[str], str]  # a file; empty when it cannot be read


class Kind(Enum):
    """The firewalls that we know."""

    UFW = "ufw"
    FIREWALLD = "firewalld"
    NFTABLES = "nftables"
    IPTABLES = "iptables"
    WINDOWS = "Windows Defender Firewall"
    MACOS = "macOS application firewall"


class Gate(Enum):
    """What a firewall does with datagrams to our port."""

    OPEN = "open"
    SHUT = "shut"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Firewall:
    """One that is at work. chain: of nftables, where a rule is to go ("inet filter input"); else empty."""

    kind: Kind
    gate: Gate
    chain: str = ""


@dataclass(frozen=True, slots=True)
class Guards:
    """What was found. is_sure: all that this system may have could be asked; without root often it cannot."""

    firewalls: tuple[Firewall, ...]
    is_sure: bool


def run_tool(*command: str) -> Answer | None:
    """Run a tool that only tells."""
    name, *arguments = command
    for folder in ("", *(f"{each}/" for each in SBIN)):
        if name.startswith("/") and folder:
            break
        try:
            done = subprocess.run(
                [f"{folder}{name}", *arguments],
                capture_output=True,
                timeout=TOOL_PATIENCE,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except FileNotFoundError:
            continue
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.returncode, done.stdout.decode(errors="replace")
    return None


def read_text(path: str) -> str:
    """The text of a file of the system."""
    try:
        return Path(path).read_text("utf-8", "replace")
    except OSError:
        return ""


def guards(port: int, *, platform: str = sys.platform, run: Run = run_tool, read: Read = read_text) -> Guards:
    """The firewalls at work here, and what they do with datagrams to a UDP port."""
    if platform == "win32":
        return _windows(port, run)
    if platform == "darwin":
        return _macos(run)
    managers = [found for found in (_ufw(port, run, read), _firewalld(port, run)) if found is not None]
    if managers:  # the rules below are theirs
        return Guards(tuple(managers), all(each.gate is not Gate.UNKNOWN for each in managers))
    nftables, iptables = run("nft", "list", "ruleset"), run("iptables", "-S", "INPUT")
    rules = [
        *(_nftables(port, nftables[1]) if nftables is not None and nftables[0] == 0 else []),
        *(_iptables(port, iptables[1]) if iptables is not None and iptables[0] == 0 else []),
    ]
    # Neither tool installed: then nobody has made rules with them. One that refuses to tell wants root.
    is_sure = all(answer is None or answer[0] == 0 for answer in (nftables, iptables))
    return Guards(tuple(rules[:1]), is_sure)


def _ufw(port: int, run: Run, read: Read) -> Firewall | None:
    answer = run("ufw", "status", "verbose")
    if answer is None or answer[0] != 0:  # it tells root only; what it starts with can be read by all
        is_on = re.search(r"^ENABLED=yes", read("/etc/ufw/ufw.conf"), re.MULTILINE)
        return Firewall(Kind.UFW, Gate.UNKNOWN) if is_on else None
    status = answer[1]
    if not re.search(r"^Status: active", status, re.MULTILINE):
        return None
    lets_all = re.search(r"^Default: allow \(incoming\)", status, re.MULTILINE)
    rule = re.search(rf"^{port}(/udp)?\s.*\bALLOW\b", status, re.MULTILINE)
    return Firewall(Kind.UFW, Gate.OPEN if lets_all or rule else Gate.SHUT)


def _firewalld(port: int, run: Run) -> Firewall | None:
    state = run("firewall-cmd", "--state")
    if state is None or state[0] != 0:
        return None
    answer = run("firewall-cmd", f"--query-port={port}/udp")
    gates = {"yes": Gate.OPEN, "no": Gate.SHUT}
    return Firewall(Kind.FIREWALLD, gates.get(answer[1].strip() if answer else "", Gate.UNKNOWN))


def _nftables(port: int, ruleset: str) -> list[Firewall]:
    """The first chain that may keep datagrams for this machine out."""
    for table, chain, body in _chains(ruleset):
        if "hook input" not in body:
            continue
        if re.search(rf"udp dport (\{{[^}}]*\b{port}\b[^}}]*\}}|{port}) .*accept", body):
            return [Firewall(Kind.NFTABLES, Gate.OPEN, f"{table} {chain}")]
        if re.search(r"policy drop|^\s*(counter [^\n]*)?(drop|reject)\b", body, re.MULTILINE):
            return [Firewall(Kind.NFTABLES, Gate.SHUT, f"{table} {chain}")]
        if re.search(r"\b(drop|reject|jump|goto)\b", body):
            return [Firewall(Kind.NFTABLES, Gate.UNKNOWN, f"{table} {chain}")]
    return []


def _chains(ruleset: str) -> list[tuple[str, str, str]]:
    """Table, name and body of each chain."""
    found, table, chain = [], "", ""
    body: list[str] = []
    for line in ruleset.splitlines():
        if opened := re.match(r"table (\w+ \S+) \{", line):
            table = opened[1]
        elif opened := re.match(r"\s+chain (\S+) \{", line):
            chain, body = opened[1], []
        elif chain and line.strip() == "}":
            found.append((table, chain, "\n".join(body)))
            chain = ""
        else:
            body.append(line)
    return found


def _iptables(port: int, listing: str) -> list[Firewall]:
    rules = [line for line in listing.splitlines() if line.startswith("-A INPUT")]
    drops = "-P INPUT DROP" in listing
    if not drops and not any(re.search(r"-j (?!ACCEPT\b)", rule) for rule in rules):
        return []
    if any(
        "-p udp" in rule and re.search(rf"--dports? (\S*,)?{port}\b", rule) and "-j ACCEPT" in rule for rule in rules
    ):
        return [Firewall(Kind.IPTABLES, Gate.OPEN)]
    ends = [rule for rule in rules if re.fullmatch(r"-A INPUT -j (DROP|REJECT)( --reject-with \S+)?", rule)]
    return [Firewall(Kind.IPTABLES, Gate.SHUT if drops or ends else Gate.UNKNOWN)]


def _windows(port: int, run: Run) -> Guards:
    # Words of netsh are translated, those of PowerShell's objects are not.
    state = run("powershell", "-NoProfile", "-Command", "(Get-NetFirewallProfile).Enabled")
    if state is None or state[0] != 0:
        return Guards((), is_sure=False)
    if "True" not in state[1]:
        return Guards((), is_sure=True)
    script = (
        "Get-NetFirewallRule -Enabled True -Direction Inbound -Action Allow | Get-NetFirewallPortFilter | "
        f"Where-Object {{ $_.Protocol -eq 'UDP' -and $_.LocalPort -contains '{port}' }} | Measure-Object | "
        "ForEach-Object { $_.Count }"
    )
    rules = run("powershell", "-NoProfile", "-Command", script)
    count = rules[1].strip() if rules is not None and rules[0] == 0 else ""
    # Without a rule for the port there may be one for the program: Windows asks when it listens for the first time.
    return Guards((Firewall(Kind.WINDOWS, Gate.OPEN if count not in ("", "0") else Gate.UNKNOWN),), is_sure=True)


def _macos(run: Run) -> Guards:
    state = run(APPLICATION_FIREWALL, "--getglobalstate")
    if state is None or state[0] != 0:
        return Guards((), is_sure=False)
    if "enabled" not in state[1].lower():
        return Guards((), is_sure=True)
    listed = run(APPLICATION_FIREWALL, "--getappblocked", sys.executable)
    text = listed[1].lower() if listed is not None else ""
    gate = Gate.OPEN if "permitted" in text else Gate.SHUT if "blocked" in text else Gate.UNKNOWN
    return Guards((Firewall(Kind.MACOS, gate),), is_sure=True)

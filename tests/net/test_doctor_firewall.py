"""Which firewall is at work, from what its tools say."""

from __future__ import annotations

import sys

import pytest

from udpchat.net.doctor.firewall import APPLICATION_FIREWALL, Answer, Firewall, Gate, Guards, Kind, guards, run_tool

PORT = 27_272
NONE = Guards((), is_sure=True)

UFW_SHUT = "Status: active\nLogging: on (low)\nDefault: deny (incoming), allow (outgoing), disabled (routed)\n"
UFW_RULE = UFW_SHUT + "\nTo                         Action      From\n--                         ------      ----\n"
NFT_DROP = """table inet filter {
\tchain input {
\t\ttype filter hook input priority filter; policy drop;
\t\tct state established,related accept
\t\ttcp dport 22 accept
\t}
\tchain output {
\t\ttype filter hook output priority filter; policy accept;
\t}
}
"""


class Tools:
    """Tools that answer as they are told to; others are not installed. files: what can be read."""

    def __init__(self, answers: dict[str, Answer], files: dict[str, str] | None = None) -> None:
        self.answers = answers
        self.files = files or {}

    def run(self, *command: str) -> Answer | None:
        return next((answer for start, answer in self.answers.items() if " ".join(command).startswith(start)), None)

    def read(self, path: str) -> str:
        return self.files.get(path, "")

    def guards(self, platform: str = "linux") -> Guards:
        return guards(PORT, platform=platform, run=self.run, read=self.read)


def one(kind: Kind, gate: Gate, chain: str = "") -> tuple[Firewall, ...]:
    return (Firewall(kind, gate, chain),)


@pytest.mark.parametrize(
    ("status", "gate"),
    [
        (UFW_SHUT, Gate.SHUT),
        (UFW_RULE + "27272/udp                  ALLOW IN    Anywhere\n", Gate.OPEN),
        (UFW_RULE + "27272                      ALLOW IN    Anywhere\n", Gate.OPEN),
        (UFW_RULE + "27272/tcp                  ALLOW IN    Anywhere\n", Gate.SHUT),
        (UFW_RULE + "127272/udp                 ALLOW IN    Anywhere\n", Gate.SHUT),
        (UFW_RULE + "27272/udp                  DENY IN     Anywhere\n", Gate.SHUT),
        (UFW_SHUT.replace("deny (incoming)", "allow (incoming)"), Gate.OPEN),
    ],
)
def test_ufw_lets_in_what_its_rules_say(status: str, gate: Gate) -> None:
    assert Tools({"ufw status": (0, status)}).guards().firewalls == one(Kind.UFW, gate)


def test_ufw_that_tells_root_only_is_known_by_its_file() -> None:
    tools = Tools({"ufw status": (1, "")}, {"/etc/ufw/ufw.conf": "# on?\nENABLED=yes\n"})
    assert tools.guards() == Guards(one(Kind.UFW, Gate.UNKNOWN), is_sure=False)


def test_a_firewall_that_is_off_is_none() -> None:
    tools = Tools(
        {"ufw status": (0, "Status: inactive\n"), "firewall-cmd": (252, "not running\n")},
        {"/etc/ufw/ufw.conf": "ENABLED=no\n"},
    )
    assert tools.guards() == NONE


@pytest.mark.parametrize(
    ("answer", "gate"), [((0, "yes\n"), Gate.OPEN), ((1, "no\n"), Gate.SHUT), ((253, ""), Gate.UNKNOWN)]
)
def test_firewalld_is_asked_for_the_port(answer: Answer, gate: Gate) -> None:
    tools = Tools({"firewall-cmd --state": (0, "running\n"), f"firewall-cmd --query-port={PORT}/udp": answer})
    assert tools.guards().firewalls == one(Kind.FIREWALLD, gate)


def test_rules_below_a_manager_are_the_managers() -> None:
    tools = Tools({"ufw status": (0, UFW_SHUT), "nft list ruleset": (0, NFT_DROP)})
    assert [each.kind for each in tools.guards().firewalls] == [Kind.UFW]


@pytest.mark.parametrize(
    ("ruleset", "found"),
    [
        ("", ()),
        (NFT_DROP, one(Kind.NFTABLES, Gate.SHUT, "inet filter input")),
        (
            NFT_DROP.replace("tcp dport 22 accept", "udp dport 27272 accept"),
            one(Kind.NFTABLES, Gate.OPEN, "inet filter input"),
        ),
        (
            NFT_DROP.replace("tcp dport 22 accept", "udp dport { 53, 27272 } counter packets 0 bytes 0 accept"),
            one(Kind.NFTABLES, Gate.OPEN, "inet filter input"),
        ),
        (NFT_DROP.replace("policy drop", "policy accept"), ()),
        (
            NFT_DROP.replace("policy drop", "policy accept").replace("tcp dport 22 accept", "jump mine"),
            one(Kind.NFTABLES, Gate.UNKNOWN, "inet filter input"),
        ),
        (
            NFT_DROP.replace("policy drop", "policy accept").replace("tcp dport 22 accept", "counter packets 0 drop"),
            one(Kind.NFTABLES, Gate.SHUT, "inet filter input"),
        ),
        (NFT_DROP.replace("hook input", "hook forward"), ()),
    ],
)
def test_nftables_keeps_out_what_its_input_chains_drop(ruleset: str, found: tuple[Firewall, ...]) -> None:
    assert Tools({"nft list ruleset": (0, ruleset)}).guards() == Guards(found, is_sure=True)


@pytest.mark.parametrize(
    ("listing", "found"),
    [
        ("-P INPUT ACCEPT\n", ()),
        ("-P INPUT DROP\n", one(Kind.IPTABLES, Gate.SHUT)),
        ("-P INPUT ACCEPT\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n", ()),
        ("-P INPUT ACCEPT\n-A INPUT -j REJECT --reject-with icmp-host-prohibited\n", one(Kind.IPTABLES, Gate.SHUT)),
        ("-P INPUT DROP\n-A INPUT -p udp -m udp --dport 27272 -j ACCEPT\n", one(Kind.IPTABLES, Gate.OPEN)),
        ("-P INPUT DROP\n-A INPUT -p udp -m multiport --dports 53,27272 -j ACCEPT\n", one(Kind.IPTABLES, Gate.OPEN)),
        ("-P INPUT DROP\n-A INPUT -p udp -m udp --dport 2727 -j ACCEPT\n", one(Kind.IPTABLES, Gate.SHUT)),
        ("-P INPUT ACCEPT\n-A INPUT -j MINE\n", one(Kind.IPTABLES, Gate.UNKNOWN)),
    ],
)
def test_iptables_keeps_out_what_its_input_chain_drops(listing: str, found: tuple[Firewall, ...]) -> None:
    assert Tools({"iptables -S INPUT": (0, listing)}).guards() == Guards(found, is_sure=True)


def test_rules_that_only_root_may_see_leave_doubt() -> None:
    assert Tools({"nft list ruleset": (1, "")}).guards() == Guards((), is_sure=False)


@pytest.mark.parametrize(
    ("enabled", "rules", "found"),
    [
        ("False\nFalse\nFalse\n", "0", NONE),
        ("True\nTrue\nTrue\n", "0\n", Guards(one(Kind.WINDOWS, Gate.UNKNOWN), is_sure=True)),
        ("True\nFalse\nTrue\n", "2\n", Guards(one(Kind.WINDOWS, Gate.OPEN), is_sure=True)),
    ],
)
def test_windows_is_asked_for_its_profiles_and_rules(enabled: str, rules: str, found: Guards) -> None:
    profile = "powershell -NoProfile -Command (Get-NetFirewallProfile)"
    tools = Tools({profile: (0, enabled), "powershell -NoProfile -Command Get-NetFirewallRule": (0, rules)})
    assert tools.guards("win32") == found


@pytest.mark.parametrize(
    ("state", "program", "found"),
    [
        ("Firewall is disabled. (State = 0)", "", NONE),
        ("Firewall is enabled. (State = 1)", "is blocked", Guards(one(Kind.MACOS, Gate.SHUT), is_sure=True)),
        ("Firewall is enabled. (State = 1)", "is permitted", Guards(one(Kind.MACOS, Gate.OPEN), is_sure=True)),
        ("Firewall is enabled. (State = 1)", "?", Guards(one(Kind.MACOS, Gate.UNKNOWN), is_sure=True)),
    ],
)
def test_macos_is_asked_for_our_program(state: str, program: str, found: Guards) -> None:
    tools = Tools(
        {
            f"{APPLICATION_FIREWALL} --getglobalstate": (0, state),
            f"{APPLICATION_FIREWALL} --getappblocked {sys.executable}": (0, program),
        }
    )
    assert tools.guards("darwin") == found


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_where_nothing_tells_nothing_is_sure(platform: str) -> None:
    assert Tools({}).guards(platform) == Guards((), is_sure=False)


def test_a_tool_is_run_and_one_that_is_missing_is_not() -> None:
    assert run_tool(sys.executable, "-c", "print('yes'); raise SystemExit(3)") == (3, "yes\n")
    assert run_tool("no-such-tool-of-udpchat") is None

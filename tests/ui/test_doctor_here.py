"""What a doctor says of this machine."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest

from tests.ui.findings import CARD, FAIL, FOUND, GOOD, HERE, LOOPBACK, MACHINE, OK, TUNNEL, WARN, steps
from udpchat.config import DEFAULT_PORT, MIB
from udpchat.net.discovery.searching import Search
from udpchat.net.doctor.firewall import Firewall, Gate, Guards, Kind
from udpchat.net.doctor.machine import Loopback, PortUse, Timing
from udpchat.net.doctor.visit import Reach
from udpchat.net.interfaces import Interface
from udpchat.ui.cli.doctor.checks import Verdict
from udpchat.ui.cli.doctor.firewall import judge_guards, lines_for_all
from udpchat.ui.cli.doctor.here import (
    judge_buffers,
    judge_interfaces,
    judge_loopback,
    judge_offload,
    judge_port,
    judge_search,
    judge_timing,
    judge_whole,
)


@pytest.mark.parametrize(
    ("interfaces", "trouble", "verdict", "words"),
    [
        ((CARD, LOOPBACK), "", OK, f"card0 ({HERE})"),
        ((TUNNEL,), "", OK, "VPN or tunnel"),
        ((LOOPBACK,), "", WARN, "in no network"),
        ((), "", WARN, "in no network"),
        ((), "not permitted", WARN, "not permitted"),
    ],
)
def test_a_machine_without_a_network_is_told_so(
    interfaces: tuple[Interface, ...], trouble: str, verdict: Verdict, words: str
) -> None:
    check = judge_interfaces(interfaces, trouble)
    assert check.verdict is verdict
    assert words in check.found


def test_datagrams_that_do_not_even_reach_ourselves_are_a_failure() -> None:
    assert judge_loopback(GOOD).verdict is OK
    check = judge_loopback(Loopback("::1", "nothing arrived"))
    assert (check.verdict, bool(check.advice)) == (FAIL, True)


@pytest.mark.parametrize(
    ("granted", "platform", "verdict", "line"),
    [
        ((4 * MIB, 4 * MIB), "linux", OK, ""),
        ((MIB, MIB), "linux", OK, ""),
        ((212_992, 4 * MIB), "linux", WARN, "sudo sysctl -w net.core.rmem_max=8388608"),
        ((4 * MIB, 212_992), "linux", WARN, "net.core.wmem_max=8388608"),
        ((212_992, 212_992), "darwin", WARN, "sudo sysctl -w kern.ipc.maxsockbuf=16777216"),
        ((212_992, 212_992), "win32", WARN, ""),
    ],
)
def test_small_buffers_come_with_the_line_that_enlarges_them(
    granted: tuple[int, int], platform: str, verdict: Verdict, line: str
) -> None:
    check = judge_buffers(replace(GOOD, granted=granted), platform)
    assert check.verdict is verdict
    assert line in steps(check)


def test_missing_offload_is_a_warning_only_where_there_should_be_some() -> None:
    without = replace(GOOD, is_offloaded=False, is_merged=False)
    assert judge_offload(GOOD, "linux").verdict is OK
    assert judge_offload(without, "darwin").verdict is OK
    check = judge_offload(without, "linux")
    assert check.verdict is WARN
    assert "sending and receiving" in check.found
    assert "for receiving;" in judge_offload(replace(GOOD, is_merged=False), "linux").found


def test_datagrams_that_may_be_cut_are_a_warning() -> None:
    assert [judge_whole(replace(GOOD, is_whole=each)).verdict for each in (True, None, False)] == [OK, OK, WARN]


@pytest.mark.parametrize(
    ("median_late", "worst_late", "verdict"), [(80, 200, OK), (14_600, 15_000, WARN), (80, 90_000, WARN)]
)
def test_a_late_timer_is_a_warning(median_late: int, worst_late: int, verdict: Verdict) -> None:
    assert judge_timing(Timing(median_late, worst_late, 0.001)).verdict is verdict


@pytest.mark.parametrize(
    ("use", "neighbour", "verdict", "words"),
    [
        (PortUse(5_000), None, OK, "free"),
        (PortUse(5_000, errno.EADDRINUSE, "python3 (process 7)"), Reach.OPEN, OK, "udpchat client 127.0.0.1:5000"),
        (PortUse(5_000, errno.EADDRINUSE), Reach.REFUSED, OK, "a udpchat server has it"),
        (PortUse(5_000, errno.EADDRINUSE, "named (process 7)"), Reach.SILENT, FAIL, "named (process 7) has it"),
        (PortUse(5_000, errno.EADDRINUSE), Reach.SILENT, FAIL, "udpchat server --port 5001"),
        (PortUse(65_535, errno.EADDRINUSE), Reach.SILENT, FAIL, f"udpchat server --port {DEFAULT_PORT}"),
        (PortUse(53, errno.EACCES), None, FAIL, "only an administrator"),
        (PortUse(5_000, errno.EACCES), None, FAIL, "the system keeps it for itself"),
        (PortUse(5_000, errno.ENOBUFS), None, FAIL, "it cannot be had"),
    ],
)
def test_a_port_that_a_server_cannot_have_comes_with_another(
    use: PortUse, neighbour: Reach | None, verdict: Verdict, words: str
) -> None:
    check = judge_port(use, neighbour)
    assert check.verdict is verdict
    assert words in f"{check.found}\n{steps(check)}"


LINES = {
    Kind.UFW: "sudo ufw allow 5000/udp",
    Kind.FIREWALLD: "sudo firewall-cmd --permanent --add-port=5000/udp && sudo firewall-cmd --reload",
    Kind.NFTABLES: "sudo nft insert rule ip mine in udp dport 5000 accept",
    Kind.IPTABLES: "sudo iptables -I INPUT -p udp --dport 5000 -j ACCEPT",
    Kind.WINDOWS: (
        "New-NetFirewallRule -DisplayName udpchat -Direction Inbound -Protocol UDP -LocalPort 5000 -Action Allow"
    ),
    Kind.MACOS: "--unblockapp",
}


@pytest.mark.parametrize("kind", list(Kind))
def test_a_firewall_that_keeps_others_out_comes_with_its_line(kind: Kind) -> None:
    chain = "ip mine in" if kind is Kind.NFTABLES else ""
    check = judge_guards(Guards((Firewall(kind, Gate.SHUT, chain),), is_sure=True), 5_000)
    assert check.verdict is FAIL
    assert LINES[kind] in steps(check)
    assert kind.value in check.found


def test_a_firewall_that_lets_us_in_is_well_and_one_that_hides_is_a_warning() -> None:
    let_in = judge_guards(Guards((Firewall(Kind.UFW, Gate.OPEN),), is_sure=True), 5_000)
    assert (let_in.verdict, let_in.advice) == (OK, ())
    hidden = judge_guards(Guards((Firewall(Kind.UFW, Gate.UNKNOWN),), is_sure=False), 5_000)
    assert hidden.verdict is WARN
    assert LINES[Kind.UFW] in steps(hidden)


def test_a_firewall_nobody_saw_is_no_promise_without_root() -> None:
    assert judge_guards(Guards((), is_sure=True), 5_000).advice == ()
    assert "sudo udpchat doctor --port 5000" in steps(judge_guards(Guards((), is_sure=False), 5_000))


def test_for_a_machine_that_nothing_is_known_of_there_is_a_line_for_each_firewall() -> None:
    text = "\n".join(lines_for_all(5_000))
    assert all(line in text for kind, line in LINES.items() if kind is not Kind.NFTABLES)
    assert "sudo nft insert rule inet filter input udp dport 5000 accept" in text
    assert "netsh advfirewall firewall add rule" in text


def test_who_announces_itself_is_named_and_trouble_is_told() -> None:
    assert "none was heard on card0" in judge_search(MACHINE.search).found
    assert "Room 1" in judge_search(Search((FOUND,), 0, ("card0",), {})).found
    troubled = judge_search(Search((), 0, (), {"card0": "not permitted"}))
    assert troubled.verdict is WARN
    assert "card0: not permitted" in troubled.found
    assert judge_search(None).verdict is WARN

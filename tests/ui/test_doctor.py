"""What a doctor says of the way to a server: from findings to verdicts, sentences and commands."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

import udpchat
from tests.ui.findings import (
    FAIL,
    FOUND,
    HOST,
    LOOPBACK,
    MACHINE,
    MEASURED,
    OK,
    SERVER,
    SHOWN,
    TUNNEL,
    WARN,
    attempt,
    steps,
    target,
)
from udpchat.config import DEFAULT_PORT
from udpchat.errors import ErrorCode
from udpchat.net.discovery.searching import Search
from udpchat.net.doctor.examination import Target
from udpchat.net.doctor.machine import PortUse
from udpchat.net.doctor.tally import Losses
from udpchat.net.doctor.visit import Attempt, Reach
from udpchat.store.trust import Status
from udpchat.ui.cli.doctor.checks import Check, Verdict, milliseconds, worst
from udpchat.ui.cli.doctor.command import exit_code, judge
from udpchat.ui.cli.doctor.reach import judge_way
from udpchat.ui.cli.doctor.server import judge_join, judge_key, judge_loss, judge_rtt, judge_seen, judge_size
from udpchat.ui.cli.exits import ExitCode
from udpchat.wire.records import Refused

DOCUMENT = (Path(udpchat.__file__).parent.parent / "docs" / "cli.md").read_text("utf-8")
REACHED = target(attempt(Reach.OPEN), server=SERVER)


def named(checks: list[Check], name: str) -> Check:
    (found,) = [check for check in checks if check.name == name]
    return found


# -- the whole ---------------------------------------------------------------------------------------------------------


def test_a_good_path_is_well_from_end_to_end() -> None:
    checks = judge(MACHINE, REACHED, DEFAULT_PORT)
    assert {check.verdict for check in checks} == {OK}
    assert exit_code(checks, REACHED) is ExitCode.OK
    names = {check.name for check in checks}
    assert names >= {"interfaces", "buffers", "name", "way", "port", "version", "key", "join", "rtt", "discovery"}
    assert names >= {"loss up", "loss down", "mtu up", "mtu down"}
    assert "firewall" not in names  # that of this machine keeps no answers out


def test_without_a_host_it_is_about_a_server_here() -> None:
    checks = judge(replace(MACHINE, port_use=PortUse(DEFAULT_PORT)), None, DEFAULT_PORT)
    assert {"port", "firewall", "discovery"} <= {check.name for check in checks}
    assert exit_code(checks, None) is ExitCode.OK


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (REACHED, ExitCode.OK),
        (target(attempt(Reach.REFUSED)), ExitCode.FAILED),
        (target(attempt(Reach.HALF_OPEN)), ExitCode.FAILED),
        (target(attempt(Reach.CLOSED)), ExitCode.NO_SERVER),
        (target(attempt(Reach.SILENT)), ExitCode.NO_SERVER),
        (target(trouble="not known"), ExitCode.NO_SERVER),
        (target(attempt(Reach.SILENT), attempt(Reach.OPEN, "192.0.2.10"), server=SERVER), ExitCode.FAILED),
        (target(attempt(Reach.OPEN), attempt(Reach.SILENT, "192.0.2.10"), server=SERVER), ExitCode.OK),
        (target(attempt(Reach.OPEN), server=replace(SERVER, status=Status.CHANGED)), ExitCode.FAILED),
        (target(attempt(Reach.OPEN), server=replace(SERVER, loss="it was stopped")), ExitCode.FAILED),
    ],
)
def test_the_exit_code_tells_well_from_wrong_from_nobody(found: Target, code: ExitCode) -> None:
    assert exit_code(judge(MACHINE, found, DEFAULT_PORT), found) is code


def test_every_check_is_documented_with_its_values() -> None:
    section = DOCUMENT.partition("## `udpchat doctor")[2].partition("\n## ")[0]
    rows = [line.split(" | ") for line in section.splitlines() if line.startswith("| `") and line.count(" | ") == 2]
    documented = {name: set(re.findall(r"`(\w+)`", row[2])) for row in rows for name in re.findall(r"`(.+?)`", row[0])}
    ended = replace(SERVER, loss="it was stopped")
    checks = [
        *judge(replace(MACHINE, port_use=PortUse(DEFAULT_PORT)), None, DEFAULT_PORT),
        *judge(MACHINE, target(attempt(Reach.SILENT), attempt(Reach.OPEN), server=ended), DEFAULT_PORT),
    ]
    assert {check.name for check in checks} == set(documented)
    for check in checks:
        assert set(check.values) <= documented[check.name]


def test_what_came_over_the_network_cannot_move_the_cursor() -> None:
    check = Check("join", FAIL, "joining \x1b[2J", "no: \x1b[31m", ("\x1b]0;title\x07",))
    assert "\x1b" not in "".join(check.lines())
    assert len(check.lines()) == 2


def test_the_worst_of_all_counts() -> None:
    assert worst([]) is OK
    assert worst([Check("a", WARN, "", ""), Check("b", OK, "", "")]) is WARN
    assert worst([Check("a", FAIL, "", ""), Check("b", WARN, "", "")]) is FAIL


def test_short_times_are_read_in_milliseconds() -> None:
    assert (milliseconds(550), milliseconds(9_990), milliseconds(41_300)) == ("0.55 ms", "9.99 ms", "41 ms")


# -- the way -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tried", "words", "step"),
    [
        (attempt(Reach.SILENT), "no answer in", "sudo ufw allow 27272/udp"),
        (attempt(Reach.CLOSED), "nobody listens", "start the server on that machine: udpchat server"),
        (attempt(Reach.REJECTED, by=HOST), f"{HOST} answers that this may not pass", "sudo nft insert"),
        (attempt(Reach.REJECTED, by="192.0.2.254"), "192.0.2.254 answers", "whoever runs 192.0.2.254"),
        (attempt(Reach.NO_HOST), f"no machine answers to the address {HOST}", "check the address"),
        (attempt(Reach.NO_ROUTE, text="Network is unreachable"), "(Network is unreachable)", "connect this machine"),
        (attempt(Reach.BLOCKED_HERE), "this machine does not let it out", "27272"),
        (attempt(Reach.TOO_NARROW, by="192.0.2.254", mtu=1_000), "192.0.2.254 lets IP packets of 1000", "1228"),
        (attempt(Reach.TOO_NARROW), "only datagrams of less than 1200 bytes pass,", "1228"),
        (attempt(Reach.REFUSED, text="update the server"), "update the server", ""),
        (attempt(Reach.HALF_OPEN), "makes no new connection", "try again"),
    ],
)
def test_each_way_to_fail_has_its_words_and_its_step(tried: Attempt, words: str, step: str) -> None:
    check = named(judge_way(target(tried), MACHINE.interfaces), "port")
    assert check.verdict is FAIL
    assert words in check.found
    assert step in steps(check)


def test_this_machine_needs_no_firewall_line_to_reach_itself() -> None:
    closed = replace(attempt(Reach.CLOSED, "127.0.0.1"), local="127.0.0.1")
    checks = judge_way(target(closed), MACHINE.interfaces)
    assert "ufw" not in steps(named(checks, "port"))
    assert named(checks, "way").found == "that is this machine"


def test_a_first_address_that_is_dead_is_what_clients_stumble_over() -> None:
    checks = judge_way(target(attempt(Reach.SILENT), attempt(Reach.OPEN, "fd00::9")), MACHINE.interfaces)
    assert [check.verdict for check in checks if check.name == "port"] == [WARN, OK]
    assert "udpchat client [fd00::9]:27272" in steps(named(checks, "order"))


def test_a_vpn_on_the_way_is_pointed_out() -> None:
    tunnelled = attempt(Reach.OPEN, local="198.18.0.1")
    check = named(judge_way(target(tunnelled), (TUNNEL, LOOPBACK)), "way")
    assert check.verdict is WARN
    assert "wg0" in check.found


def test_a_name_that_leads_nowhere_is_all_there_is_to_say() -> None:
    (check,) = judge_way(target(trouble="Name or service not known"), MACHINE.interfaces)
    assert (check.name, check.verdict) == ("name", FAIL)


# -- the server --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "verdict", "words"),
    [
        (Status.KNOWN, OK, "which is known"),
        (Status.NEW, OK, "not met before"),
        (Status.CHANGED, FAIL, "but cc-dd is trusted"),
        (None, WARN, "damaged"),
    ],
)
def test_the_key_is_compared_with_the_one_we_know(status: Status | None, verdict: Verdict, words: str) -> None:
    server = replace(SERVER, status=status, expected="cc-dd", trouble="damaged")
    check = named(judge_key(server, SHOWN), "key")
    assert check.verdict is verdict
    assert words in check.found


def test_in_plaintext_there_is_no_key() -> None:
    (version,) = judge_key(replace(SERVER, shown_key="", status=None), SHOWN)
    assert "PLAINTEXT" in version.found


@pytest.mark.parametrize(
    ("code", "verdict", "step"),
    [
        (ErrorCode.SERVER_FULL, WARN, "--wait"),
        (ErrorCode.LOGIN_REQUIRED, WARN, "--register"),
        (ErrorCode.NICK_REGISTERED, WARN, "--name"),
        (ErrorCode.NICK_IN_USE, WARN, "--name"),
        (ErrorCode.BANNED, FAIL, "ask whoever runs the server"),
        (999, WARN, "ask whoever runs the server"),
    ],
)
def test_a_server_that_says_no_is_reachable(code: int, verdict: Verdict, step: str) -> None:
    check = judge_join(replace(SERVER, answer=Refused(code, "so it says")), SHOWN)
    assert check.verdict is verdict
    assert "reachable" in check.found
    assert "so it says" in check.found
    assert step in steps(check)


def test_joining_that_was_not_tried_differs_from_one_without_an_answer() -> None:
    assert judge_join(SERVER, SHOWN).verdict is OK
    assert judge_join(replace(SERVER, answer=None, trouble="another key"), SHOWN).verdict is WARN
    assert judge_join(replace(SERVER, answer=None), SHOWN).verdict is FAIL


@pytest.mark.parametrize(
    ("rtts", "verdict", "words"),
    [
        ((500,) * 100, OK, "0.50 ms at the median"),
        ((500,) * 98 + (1_000, 90_000), OK, "99 of 100 within 1.00 ms"),
        ((500,) * 90 + (90_000,) * 10, WARN, "99 of 100 within 90 ms"),
        ((200_000,) * 5, WARN, "200 ms at least"),
        ((), FAIL, "nothing"),
    ],
)
def test_round_trips_are_judged_by_median_and_tail(rtts: tuple[int, ...], verdict: Verdict, words: str) -> None:
    check = judge_rtt(replace(MEASURED, rtts=rtts))
    assert check.verdict is verdict
    assert words in check.found


@pytest.mark.parametrize(
    ("losses", "verdict"),
    [
        (Losses(200, 0), OK),
        (Losses(200, 1), OK),
        (Losses(50, 1), OK),  # one of few says little
        (Losses(200, 4), WARN),
        (Losses(200, 60), FAIL),
        (Losses(0, 0), OK),
    ],
)
def test_losses_are_judged_by_their_share(losses: Losses, verdict: Verdict) -> None:
    check = judge_loss(losses, "up", "packets to the server")
    assert (check.name, check.verdict, bool(check.advice)) == ("loss up", verdict, verdict is not OK)


@pytest.mark.parametrize(
    ("size", "is_searching", "verdict", "words"),
    [
        (1_472, False, OK, "IP packets of 1500), as large as can be"),
        (1_372, False, OK, "1372 bytes (IP packets of 1400); 1472 are usual"),
        (1_200, False, WARN, "1200 bytes (IP packets of 1228)"),
        (1_200, True, OK, "at least 1200 bytes"),
    ],
)
def test_sizes_that_pass_are_told_with_their_headers(
    size: int, is_searching: bool, verdict: Verdict, words: str
) -> None:
    check = judge_size(replace(MEASURED, datagram_up=size, is_searching=is_searching), 4, is_up=True)
    assert (check.name, check.verdict) == ("mtu up", verdict)
    assert words in check.found


def test_by_ipv6_the_headers_are_larger() -> None:
    found = judge_size(replace(MEASURED, datagram_down=1_452, ceiling=1_452), 6, is_up=False)
    assert (found.name, found.verdict) == ("mtu down", OK)
    assert "IP packets of 1500" in found.found


def test_a_server_is_seen_by_its_address_and_port() -> None:
    heard = Search((FOUND,), 0, ("card0",), {})
    assert "as Room 1" in judge_seen(heard, REACHED)[0].found
    assert "not seen" in judge_seen(heard, replace(REACHED, port=5))[0].found
    assert judge_seen(None, REACHED) == []

"""What is to be thought of a server that was reached, and of the path to it and back."""

from __future__ import annotations

from statistics import median
from typing import Final

from udpchat.config import BASE_DATAGRAM
from udpchat.errors import ErrorCode
from udpchat.net.discovery.searching import Search
from udpchat.net.doctor.examination import Server, Target
from udpchat.net.doctor.tally import Losses, Measured
from udpchat.store.trust import Status
from udpchat.ui.cli.doctor.checks import Check, Verdict, milliseconds
from udpchat.ui.cli.options import HostPort
from udpchat.wire.packets import VERSION
from udpchat.wire.records import Refused

HEADERS: Final = {4: 28, 6: 48}  # bytes of IP and UDP before a datagram, by IP version
SLOW: Final = 150_000  # us; above it people notice that answers wait
UNEVEN: Final = 50_000  # us between the median and the slowest, above which it is not the distance
SOME_LOSS: Final = 0.01  # share of packets; below it nobody notices
HEAVY_LOSS: Final = 0.2
FEW: Final = 20  # packets of which a share says little


def judge_server(server: Server, shown: HostPort) -> list[Check]:
    """Everything about a server. shown: as the user named it."""
    ip_version = 6 if ":" in server.address[0] else 4
    return [*judge_key(server, shown), judge_join(server, shown), *judge_measured(server, ip_version)]


def judge_key(server: Server, shown: HostPort) -> list[Check]:
    """Which version it speaks, and whether it is the server we know."""
    sealed = "sealed" if server.shown_key else "PLAINTEXT"
    version = Check(
        "version",
        Verdict.OK,
        "protocol of the server",
        f"version {VERSION}, as this program; {sealed}",
        values={"version": VERSION, "is_sealed": bool(server.shown_key)},
    )
    if not server.shown_key:
        return [version]
    looked = "key of the server"
    values: dict[str, object] = {
        "fingerprint": server.shown_key,
        "status": server.status.value if server.status is not None else "",
        "expected": server.expected,
    }
    match server.status:
        case Status.KNOWN:
            return [version, Check("key", Verdict.OK, looked, f"{server.shown_key}, which is known", values=values)]
        case Status.CHANGED:
            text = f"{server.shown_key}, but {server.expected} is trusted for {shown}"
            steps = (
                "ask whoever runs the server for its fingerprint: it was set up anew, or somebody is in between",
                f"only if it is right: udpchat trust forget {shown}",
            )
            return [version, Check("key", Verdict.FAIL, looked, text, steps, values)]
        case Status.NEW:
            step = "compare it with what the server prints; the first `udpchat client` trusts it from then on"
            return [version, Check("key", Verdict.OK, looked, f"{server.shown_key}, not met before", (step,), values)]
        case None:
            return [version, Check("key", Verdict.WARN, looked, f"{server.shown_key}; {server.trouble}", (), values)]


def judge_join(server: Server, shown: HostPort) -> Check:
    """Whether it lets us in."""
    looked = "joining, unseen, for a moment"
    if server.answer is None:
        why = f"not tried: {server.trouble}" if server.trouble else "the server has not answered that"
        verdict = Verdict.WARN if server.trouble else Verdict.FAIL
        return Check("join", verdict, looked, why, values={"code": None, "text": server.trouble})
    if not isinstance(server.answer, Refused):
        found = f"it lets us in as {server.answer.nick}"
        return Check("join", Verdict.OK, looked, found, values={"code": 0, "text": ""})
    code, text = server.answer.code, server.answer.text
    steps = {
        ErrorCode.SERVER_FULL: f"wait for a place: udpchat client {shown} --wait",
        ErrorCode.LOGIN_REQUIRED: f"make an account: udpchat client {shown} --register",
        ErrorCode.NICK_REGISTERED: f"log in to it: udpchat client {shown}, or take another nickname with --name",
        ErrorCode.NICK_IN_USE: f"udpchat client {shown} --name ANOTHER",
        ErrorCode.NICK_NOT_ALLOWED: f"udpchat client {shown} --name ANOTHER",
    }
    step = next((step for each, step in steps.items() if each == code), "ask whoever runs the server")
    verdict = Verdict.FAIL if code == ErrorCode.BANNED else Verdict.WARN
    found = f"the server is reachable, and answers: {text}"
    return Check("join", verdict, looked, found, (step,), {"code": code, "text": text})


# -- figures -----------------------------------------------------------------------------------------------------------


def judge_measured(server: Server, ip_version: int) -> list[Check]:
    """Round trips, losses, sizes."""
    if (measured := server.measured) is None:
        return []
    checks = [
        judge_rtt(measured),
        judge_loss(measured.up, "up", "packets on their way to the server"),
        judge_loss(measured.down, "down", "packets on their way from the server"),
        judge_size(measured, ip_version, is_up=True),
        judge_size(measured, ip_version, is_up=False),
    ]
    if server.loss:
        text = f"it ended while it was looked at: {server.loss}"
        checks.append(Check("connection", Verdict.FAIL, "the connection", text, ("try again",), {"text": server.loss}))
    return checks


def judge_rtt(measured: Measured) -> Check:
    """How long answers take."""
    looked = "round trip"
    if not measured.rtts:
        text = "nothing that was sent after the handshake was acknowledged"
        step = "the link breaks down under a few packets: look at Wi-Fi reception, cables, and other programs"
        return Check("rtt", Verdict.FAIL, looked, text, (step,), {"samples": 0})
    ordered = sorted(measured.rtts)
    least, middle, late = ordered[0], round(median(ordered)), ordered[-1 - len(ordered) // 100]
    values: dict[str, object] = {"samples": len(ordered), "min": least, "median": middle, "p99": late}
    short, usual, long = map(milliseconds, (least, middle, late))
    found = f"{short} at least, {usual} at the median, 99 of 100 within {long}"
    if middle > SLOW:
        step = "that is far away, or something fills the line: end large transfers and see whether it falls"
        return Check("rtt", Verdict.WARN, looked, found, (step,), values)
    if late - middle > UNEVEN:
        step = "it varies much: weak Wi-Fi, a busy machine, or others on the line; a cable shows which"
        return Check("rtt", Verdict.WARN, looked, found, (step,), values)
    return Check("rtt", Verdict.OK, looked, found, values=values)


def judge_loss(losses: Losses, direction: str, looked: str) -> Check:
    """How many packets do not arrive. direction: up or down."""
    name = f"loss {direction}"
    values: dict[str, object] = {"sent": losses.sent, "lost": losses.lost, "share": round(losses.share, 4)}
    found = f"{losses.lost} of {losses.sent} lost ({losses.share:.1%})"
    if losses.share < SOME_LOSS or (losses.lost <= 1 and losses.sent >= FEW):
        return Check(name, Verdict.OK, looked, found, values=values)
    steps = (
        "files and chat arrive whole all the same, slower",
        "look at Wi-Fi reception (does a cable help?), then at cables, then at who else fills the line",
    )
    verdict = Verdict.FAIL if losses.share >= HEAVY_LOSS else Verdict.WARN
    return Check(name, verdict, looked, found, steps, values)


def judge_size(measured: Measured, ip_version: int, *, is_up: bool) -> Check:
    """The largest datagram that passes."""
    name, where = ("mtu up", "to") if is_up else ("mtu down", "from")
    size = measured.datagram_up if is_up else measured.datagram_down
    header = HEADERS[ip_version]
    values: dict[str, object] = {"datagram": size, "packet": size + header, "ceiling": measured.ceiling}
    looked = f"largest datagram {where} the server"
    found = f"{size} bytes (IP packets of {size + header})"
    if size >= measured.ceiling:
        return Check(name, Verdict.OK, looked, f"{found}, as large as can be", values=values)
    if is_up and measured.is_searching:
        return Check(name, Verdict.OK, looked, f"at least {found}; larger ones are still being tried", values=values)
    text = f"{found if is_up else f'at least {found}'}; {measured.ceiling} are usual"
    step = "it works, a little slower: a VPN, PPPoE or tunnel is in between; udpchat finds the size by itself"
    return Check(name, Verdict.WARN if size <= BASE_DATAGRAM else Verdict.OK, looked, text, (step,), values)


def judge_seen(search: Search | None, target: Target) -> list[Check]:
    """Whether the server announces itself to us; empty when nothing could be heard."""
    if search is None:
        return []
    hosts = {each.address[0].partition("%")[0] for each in target.attempts}
    found = [
        server
        for server in search.servers
        if any(spot.host.partition("%")[0] in hosts and spot.port == target.port for spot in server.spots)
    ]
    looked = "its announcements (multicast DNS)"
    values: dict[str, object] = {"is_seen": bool(found), "servers": [each.announcement.name for each in search.servers]}
    if found:
        return [Check("discovery", Verdict.OK, looked, f"seen, as {found[0].announcement.name}", values=values)]
    text = "not seen: people here must type its address"
    return [Check("discovery", Verdict.OK, looked, text, values=values)]

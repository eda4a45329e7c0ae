"""`udpchat doctor`: what works here, and on the way to a server and back; and what to do about what does not."""

from __future__ import annotations

import sys
from typing import Annotated, Final

import typer

from udpchat.config import DEFAULT_PORT
from udpchat.net.doctor.examination import Machine, Question, Target, examine
from udpchat.net.home import Home
from udpchat.ui.cli.client_options import HomeOption, InterfaceOption, NameOption, PlaintextOption, default_nick
from udpchat.ui.cli.doctor.checks import Check, Verdict, worst
from udpchat.ui.cli.doctor.here import judge_machine, judge_search
from udpchat.ui.cli.doctor.reach import has_answer, judge_way
from udpchat.ui.cli.doctor.server import judge_seen, judge_server
from udpchat.ui.cli.exits import ExitCode
from udpchat.ui.cli.objects import as_line
from udpchat.ui.cli.options import HostPort, JsonOption, convert, option, parse_host_port, parse_port
from udpchat.ui.cli.render import visible
from udpchat.ui.cli.running import run

SECONDS: Final = 5.0
SUMMARIES: Final = {
    ExitCode.OK: "all is well",
    ExitCode.FAILED: "something is wrong: see the lines that begin with fail",
    ExitCode.NO_SERVER: "nothing answers there: see the lines that begin with fail",
}


def doctor(
    server: Annotated[
        HostPort | None, typer.Argument(parser=convert(parse_host_port), metavar="HOST[:PORT]", show_default=False)
    ] = None,
    *,
    port: Annotated[
        int | None,
        option("--port", parse_port, "PORT", f"Without HOST: the port of a server here; {DEFAULT_PORT} by default."),
    ] = None,
    seconds: Annotated[
        float, typer.Option("--seconds", min=1, max=60, help="How long it may take, about.", metavar="SECONDS")
    ] = SECONDS,
    name: NameOption = None,
    interface: InterfaceOption = "",
    home: HomeOption = None,
    plaintext: PlaintextOption = False,
    as_json: JsonOption = False,
) -> None:
    """Look at all that a session needs, and say what works and what to do about the rest. Nothing is changed.

    Without HOST: would a server work on this machine? With HOST: is a server reached there, and how good is the way
    there and back? Exit codes: 0 all is well, 1 something is wrong, 3 nothing answers at HOST.
    """
    if server is not None and port is not None:
        raise typer.BadParameter("--port is for a server on this machine; write HOST:PORT for another one")
    question = Question(
        host=server.host if server is not None else None,
        port=server.port if server is not None else DEFAULT_PORT if port is None else port,
        nick=name or default_nick(),
        home=Home(home),
        seconds=seconds,
        plaintext=plaintext,
        interface=interface,
    )
    run("udpchat doctor", _examine(question, as_json=as_json))


async def _examine(question: Question, *, as_json: bool) -> ExitCode:
    if not as_json and sys.stderr.isatty():
        place = f" and at {visible(question.host)}" if question.host is not None else ""
        print(f"looking at this machine{place}, about {question.seconds:g} s ...", file=sys.stderr, flush=True)
    machine, target = await examine(question)
    checks = judge(machine, target, question.port)
    code = exit_code(checks, target)
    if as_json:
        for check in checks:
            print(check.as_line())
        print(as_line("diagnosis", host=question.host, port=question.port, verdict=worst(checks), exit_code=int(code)))
        return code
    for check in checks:
        print("\n".join(check.lines()))
    warnings = sum(check.verdict is Verdict.WARN for check in checks)
    hint = f", {warnings} thing{'s' if warnings > 1 else ''} could be better" if warnings and not code else ""
    print(f"\n{SUMMARIES[code]}{hint}")
    return code


def judge(machine: Machine, target: Target | None, port: int) -> list[Check]:
    """All checks, in the order in which they are shown."""
    checks = judge_machine(machine, port)
    if target is None:
        return [*checks, judge_search(machine.search)]
    checks += judge_way(target, machine.interfaces)
    if target.server is not None:
        checks += judge_server(target.server, HostPort(target.host, target.port))
        checks += judge_seen(machine.search, target)
    return checks


def exit_code(checks: list[Check], target: Target | None) -> ExitCode:
    """What a script is told."""
    if target is not None and not has_answer(target):
        return ExitCode.NO_SERVER
    return ExitCode.FAILED if worst(checks) is Verdict.FAIL else ExitCode.OK

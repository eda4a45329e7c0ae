"""`udpchat relay`: a seeded lossy network on one machine, in front of a real server."""

from __future__ import annotations

import asyncio
import errno
import functools
import json
import selectors
import signal
import sys
from contextlib import ExitStack
from dataclasses import asdict
from typing import Annotated

import typer

from udpchat.capture.rotation import DEFAULT_LIMIT
from udpchat.errors import StorageError
from udpchat.net.capturing import open_capture
from udpchat.net.relay import Relay
from udpchat.net.relay_outbox import RelayCounters
from udpchat.net.relay_record import INTERFACES
from udpchat.sim.link import LinkCounters, LinkSpec
from udpchat.ui.cli.capturing import CaptureLimitOption, CaptureOption, capture_target
from udpchat.ui.cli.exits import ExitCode
from udpchat.ui.cli.options import (
    HostPort,
    JsonOption,
    RebindOption,
    SeedOption,
    convert,
    link_options,
    parse_host_port,
    parse_port,
)
from udpchat.ui.cli.render import visible

CANNOT_LISTEN = 2
UNKNOWN_TARGET = 3


@link_options()
def relay(  # noqa: PLR0913 - an option each
    *,
    listen: Annotated[
        int, typer.Option(parser=convert(parse_port), metavar="PORT", help="Port that clients are told to use.")
    ],
    to: Annotated[
        HostPort,
        typer.Option(parser=convert(parse_host_port), metavar="HOST:PORT", help="The server, such as 127.0.0.1:27272."),
    ],
    host: Annotated[str, typer.Option(help="Address to listen on; the default is every IPv4 address.")] = "0.0.0.0",
    link: LinkSpec,
    rebind: RebindOption = 0,
    seed: SeedOption = 0,
    capture: CaptureOption = None,
    capture_limit: CaptureLimitOption = DEFAULT_LIMIT,
    as_json: JsonOption = False,
) -> None:
    """Pass datagrams on to a server, and lose, delay and damage some of them. Ctrl-C stops it and shows the counts.

    Delay, loss and the rest hold for each direction of each client.

    Exit codes: 0 stopped by Ctrl-C or SIGTERM, 2 wrong option or the port cannot be used, 3 the server's name is not
    known, 9 the capture cannot be written.
    """
    target = capture_target(capture, capture_limit)
    # epoll rounds a wait up to a millisecond, select does not; the relay keeps below its limit of descriptors.
    make_loop = functools.partial(asyncio.SelectorEventLoop, selectors.SelectSelector())
    with asyncio.Runner(loop_factory=make_loop) as runner, ExitStack() as closing:
        try:
            record = open_capture(target, INTERFACES, closing)
            relaying = Relay(link, seed=seed, rebind=rebind, capture=record)
            counters = runner.run(_run(relaying, (host, listen), to, as_json=as_json))
        except StorageError as error:
            _fail(visible(str(error)), ExitCode.LOCAL_FILE)
        except LookupError as error:
            _fail(f"the server is not known: {error.args[0]}; check the name after --to", UNKNOWN_TARGET)
        except OSError as error:
            _fail(_listen_trouble(error, host, listen), CANNOT_LISTEN)
    if as_json:
        print(json.dumps({"event": "counters", **asdict(counters)}), flush=True)
    else:
        print(describe(counters), file=sys.stderr)


def describe(counters: RelayCounters) -> str:
    """The counts for people: a line for each direction."""
    lines = [f"{counters.clients} clients, {counters.rebindings} rebindings"]
    if counters.refused or counters.overflowed or counters.unsent:
        lines.append(f"refused {counters.refused}, overflowed {counters.overflowed}, unsent {counters.unsent}")
    return "\n".join([*lines, _describe_link("up", counters.up), _describe_link("down", counters.down)])


async def _run(running: Relay, listen: tuple[str, int], target: HostPort, *, as_json: bool) -> RelayCounters:
    """Relay until a signal comes."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    if sys.platform != "win32":
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
    host, port = await running.start(listen, target)
    if as_json:
        print(json.dumps({"event": "listening", "host": host, "port": port}), flush=True)
    print(f"relaying :{port} -> {target}; Ctrl-C stops", file=sys.stderr, flush=True)
    try:
        await stopped.wait()
    except asyncio.CancelledError:  # Ctrl-C where the loop takes no signal handlers
        pass
    finally:
        counters = running.counters()
        running.close()
    return counters


def _describe_link(name: str, counters: LinkCounters) -> str:
    told = " ".join(f"{key}={value}" for key, value in asdict(counters).items() if value)
    return f"{name}: {told or 'nothing'}"


def _listen_trouble(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {port} is in use; stop the other program or choose another with --listen"
        case errno.EACCES:
            return f"port {port} may only be used by root; choose one above 1023 with --listen"
        case errno.EADDRNOTAVAIL:
            return f"{host} is not an address of this machine; leave --host out to listen on all"
        case _:
            return f"cannot listen on {host} port {port}: {error.strerror or error}"


def _fail(text: str, code: int) -> None:
    print(f"udpchat relay: {text}", file=sys.stderr)
    raise typer.Exit(code)

"""Our end of a comparison: `serve HOST PORT FOLDER` prints READY, `put HOST PORT FILE` prints a JSON object.

The object: bytes, goodput (bytes per second from OPENED, after which the first DATA leaves at once, to COMMITTED),
seconds of the whole program with join and leave, memory (peak resident bytes), and the counters of the connection.
--seconds: give up after so long and say how much the server had acknowledged. The server prints its object when the
client has left.
"""

from __future__ import annotations

import asyncio
import json
import selectors
import sys
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path

from udpchat import connect, serve
from udpchat.chat.events import UserChanged
from udpchat.config import SECOND, Config
from udpchat.wire.numbers import Change


def parse(arguments: list[str]) -> Namespace:
    """The options of the command."""
    parser = ArgumentParser(prog="python -m tests.benchmarks.our_peer", description=__doc__)
    parser.add_argument("verb", choices=("serve", "put"))
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("place", type=Path)
    parser.add_argument("--cc", default="bbr")
    parser.add_argument("--plaintext", action="store_true")
    parser.add_argument("--portable", action="store_true")
    parser.add_argument("--select", action="store_true", help="select instead of epoll, whose timers are 1 ms coarse")
    parser.add_argument("--seconds", type=float, default=0.0)
    return parser.parse_args(arguments)


def peak_memory() -> int:
    """Most that was ever resident [bytes]; 0 where the system does not tell."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) * 1_024


async def be_server(options: Namespace, config: Config) -> None:
    """Serve until the first client has left."""
    server = await serve(options.host, options.port, data=options.place, config=config)
    print("READY", flush=True)
    async for event in server.events():
        if isinstance(event, UserChanged) and event.change is Change.LEFT:
            break
    print(json.dumps({"memory": peak_memory(), **server.counters()}), flush=True)
    await server.close()


async def put(options: Namespace, config: Config) -> None:
    """Upload one file."""
    began = time.perf_counter()
    home = options.place.parent / "home"
    client = await connect(options.host, options.port, nick="anna", home=home, folder=home, config=config)
    done = 0

    def see(progress: object) -> None:
        nonlocal done
        done = getattr(progress, "done", 0)

    found: dict[str, float] = {}
    try:
        uploaded = await asyncio.wait_for(client.put(options.place, see), options.seconds or None)
        took = (uploaded.finished - uploaded.started) / SECOND
        found = {"bytes": uploaded.size, "goodput": uploaded.size / took}
    except TimeoutError:
        found = {"bytes": done, "goodput": done / options.seconds}
    found |= {"memory": peak_memory(), **client.counters()}
    await client.close()
    print(json.dumps(found | {"seconds": time.perf_counter() - began}), flush=True)


def main() -> None:
    """Do what was asked, on the loop that the command line uses, or on one with exact timers."""
    options = parse(sys.argv[1:])
    config = Config(congestion=options.cc, plaintext=options.plaintext, portable=options.portable)
    work = be_server if options.verb == "serve" else put
    exact = (lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) if options.select else None
    with asyncio.Runner(loop_factory=exact) as runner:
        runner.run(work(options, config))


if __name__ == "__main__":
    main()

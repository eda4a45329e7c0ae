"""Searching by flooding in virtual time: what is found, what it costs, how soon, and what a flood does to others.

    python -m tests.benchmarks.mesh [searches] [floods] [--nodes 50 --nodes 200] [--delay 10] [--loss 0.05] [--json]

Targets (issue of peers): every holder within the TTL is found; queries <= 2 x edges; the first hit comes within
(hops + 1) x RTT at the median; a neighbour with 1,000 queries a second costs the others less than 10 % of their hits.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from time import perf_counter
from typing import Final

from tests.benchmarks.report import OK, Row, add_json, show
from tests.peers.survey import hits_of_others, survey
from tests.peers.web import Edge, Web, full, random_graph, ring, star
from udpchat.config import MILLISECOND, Config
from udpchat.sim.link import LinkSpec

TTL: Final = 7
FLOOD: Final = 1_000  # queries a second, to each neighbour of who floods
FLOODED_RATE: Final = 1_250_000  # bytes a second of a link, which a flood would fill if it were passed on
MOST_EDGES: Final = 2_000  # of one network: a full mesh of 200 has ten times as many, each a connection in memory
CONFIG: Final = Config(max_neighbours=256)  # for the middle of a star


def shapes(count: int) -> dict[str, list[Edge]]:
    """Graphs of so many nodes."""
    found = {
        "ring": ring(count),
        "star": star(count),
        "random, 4 neighbours": random_graph(count, 4, 1),
        "random, 6 neighbours": random_graph(count, 6, 2),
    }
    if len(full(count)) <= MOST_EDGES:
        found["full mesh"] = full(count)
    return found


def search_rows(options: Namespace) -> Iterator[Row]:
    """One row for each graph."""
    link = LinkSpec(delay=int(options.delay * MILLISECOND), loss=options.loss)
    for count in options.nodes:
        for name, edges in shapes(count).items():
            started = perf_counter()
            web = Web(options.seed, count, edges, link, CONFIG, checked=False).knit()
            figures = survey(web, options.searches, TTL, 2 * link.delay)
            is_found = figures.found == figures.reachable and not figures.strangers
            is_cheap, is_soon = figures.queries <= 2 * figures.edges, figures.first_hit <= 1
            yield {
                "graph": name,
                "nodes": count,
                "edges": figures.edges,
                "reachable": figures.reachable,
                "found": figures.found,
                "queries/2E": figures.queries / (2 * figures.edges),
                "first hit/(hops+1)RTT": figures.first_hit,
                "seconds": round(perf_counter() - started),
                OK: is_found and is_cheap and is_soon,
            }


def flood_rows(options: Namespace) -> Iterator[Row]:
    """The same searches without and with a node that floods, asking for everything."""
    link = LinkSpec(rate=FLOODED_RATE, delay=int(options.delay * MILLISECOND), loss=options.loss)
    for count in options.flooded:
        edges = random_graph(count, 4, 1)
        for flood in (0, FLOOD):
            started = perf_counter()
            web = Web(options.seed, count, edges, link, CONFIG, checked=False).knit()
            hits, due = hits_of_others(web, options.time, options.time / 2, but=count // 2, flood=flood)
            yield {
                "graph": "random, 4 neighbours",
                "nodes": count,
                "its neighbours": sum(count // 2 in edge for edge in edges),
                "flood/s": flood,
                "due": due,
                "hits": hits,
                "share": hits / due,
                "seconds": round(perf_counter() - started),
                OK: hits > 0.9 * due,
            }


def parse(arguments: list[str]) -> Namespace:
    """The options."""
    parser = ArgumentParser(prog="python -m tests.benchmarks.mesh", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="searches, floods; both by default")
    parser.add_argument("--nodes", type=int, action="append", help="in each network; may be repeated (50 and 200)")
    parser.add_argument("--flooded", type=int, action="append", help="nodes of the network with a flood (50)")
    parser.add_argument("--searches", type=int, default=20, help="in each network")
    parser.add_argument("--time", type=float, default=4.0, help="of the flood; each node searches twice in it [s]")
    parser.add_argument("--delay", type=float, default=10.0, help="of a link, one way [ms]")
    parser.add_argument("--loss", type=float, default=0.05, help="share of packets that a link loses")
    parser.add_argument("--seed", type=int, default=1)
    add_json(parser)
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - {"searches", "floods"}:
        parser.error(f"there are searches and floods, not {', '.join(sorted(unknown))}")
    options.names = options.names or ["searches", "floods"]
    options.nodes = options.nodes or [50, 200]
    options.flooded = options.flooded or [50]
    return options


def main() -> int:
    """1 when a target was missed, else 0."""
    options = parse(sys.argv[1:])
    missed = 0
    if "searches" in options.names:
        missed |= show(list(search_rows(options)), options, f"searches, TTL {TTL}, {options.loss:.0%} loss")
    if "floods" in options.names:
        missed |= show(list(flood_rows(options)), options, "what a flood costs others")
    return missed


if __name__ == "__main__":
    sys.exit(main())

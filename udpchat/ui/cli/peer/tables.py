"""What people are told by a node: sentences for what happens, lists of holders and neighbours, the configuration."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

from udpchat.config import SECOND
from udpchat.crypto.identity import fingerprint
from udpchat.net.peer.events import ConfigApplied, ConfigBroken, KeyPinned, ShareUnread
from udpchat.net.peer.fetch import HolderChosen, HolderFailed, HolderGave
from udpchat.net.peer.notes import PeerInfo
from udpchat.net.peer.search import Found
from udpchat.peers.events import DialFailed, NeighbourCame, NeighbourGone
from udpchat.peers.ports import ShareScanned
from udpchat.peers.settings import PeerConfig, shown_place
from udpchat.ui.cli.render import duration_text, size_text, visible

NodeEvent: TypeAlias = (
    NeighbourCame
    | NeighbourGone
    | DialFailed
    | KeyPinned
    | ConfigApplied
    | ConfigBroken
    | ShareScanned
    | ShareUnread
    | HolderChosen
    | HolderFailed
)
NODE_EVENTS: Final = (
    *(NeighbourCame, NeighbourGone, DialFailed, KeyPinned, ConfigApplied, ConfigBroken),
    *(ShareScanned, ShareUnread, HolderChosen, HolderFailed),
)


def node_sentence(event: NodeEvent | HolderGave) -> str:
    """What happened, in a line."""
    match event:
        case NeighbourCame(name=name, address=address, was_dialled=was_dialled):
            how = "which we dialled" if was_dialled else "which dialled us"
            return f"{visible(name)} is a neighbour now ({visible(shown_place(*address))}, {how})"
        case NeighbourGone(name=name, reason=reason):
            return f"{visible(name)} is a neighbour no more" + (f": {visible(reason)}" if reason else "")
        case DialFailed(address=address, reason=reason, wait=wait):
            again = "" if wait is None else f"; tried again in {duration_text(wait)}"
            return f"{visible(shown_place(*address))} is no neighbour: {visible(reason)}{again}"
        case KeyPinned(place, key):
            return f"the key of {visible(place)} is {fingerprint(key)}; it is known by that from now on"
        case ConfigApplied():
            return "the configuration has changed, and holds"
        case ConfigBroken(lines):
            return "the configuration was changed and cannot be used; the node runs as before: " + visible(
                "; ".join(lines)
            )
        case ShareScanned() | ShareUnread():
            return _share_sentence(event)
        case HolderChosen() | HolderFailed() | HolderGave():
            return _holder_sentence(event)


def _share_sentence(event: ShareScanned | ShareUnread) -> str:
    if isinstance(event, ShareUnread):
        return f"the shared folder cannot be read: {visible(event.text)}"
    left_out = ", ".join(f"{number} {visible(reason)}" for reason, number in event.left_out)
    shared = f"{_counted(event.files, 'file')} and {_counted(event.folders, 'folder')} are shared"
    return shared + (f"; left out: {left_out}" if left_out else "")


def _holder_sentence(event: HolderChosen | HolderFailed | HolderGave) -> str:
    holder = event.holder
    name, place = visible(holder.file_name), visible(holder.place)
    if isinstance(event, HolderChosen):
        return f"fetching {name} from {place} ({_ms(event.rtt)} away)"
    if isinstance(event, HolderGave):
        return f"{size_text(event.size)} of {name} came from {place}"
    if event.is_wrong:
        return f"{place} gives wrong bytes and is asked no more: {visible(event.text)}"
    return f"{place} does not give {name}: {visible(event.text)}"


def found_line(number: int, found: Found) -> str:
    """One holder: "[2] trip.txt  3.1 MB  MD5 ...  2 hops  12 ms  10.0.0.7:27272". Same number: the same content."""
    name = visible(found.file_name) + ("/" if found.is_folder else "")
    hops = f"{found.hops} hop{'' if found.hops == 1 else 's'}"
    parts = [f"[{number}] {name}", size_text(found.size), f"MD5 {found.md5.hex()}", hops, _ms(found.waited)]
    return "  ".join([*parts, visible(found.place)])


def found_summary(contents: int, holders: int, pattern: str, ttl: int) -> str:
    """The last line of a search."""
    if not holders:
        return f"nothing found for {visible(pattern)} within {ttl} link{'' if ttl == 1 else 's'}"
    return f"{_counted(contents, 'file')}, {_counted(holders, 'holder')}; get NUMBER fetches one"


def peer_table(peers: Iterable[PeerInfo]) -> list[str]:
    """The neighbours, and those that are wanted."""
    rows = [_peer_line(peer) for peer in peers]
    return rows or ["no neighbours: the configuration names none, and nobody has dialled this node"]


def _peer_line(peer: PeerInfo) -> str:
    name = f"{visible(peer.name)} " if peer.name else ""
    place = visible(shown_place(peer.host, peer.port))
    if not peer.is_neighbour:
        return f"- {name}{place}  {visible(peer.text)}"
    how = "dialled by us" if peer.is_dialled else "dialled us"
    key = f"  key {fingerprint(peer.key)}" if peer.key else ""
    identity = f"  identity {fingerprint(peer.identity)}" if peer.identity else ""
    return f"+ {name}{place}  {how}, {_ms(peer.rtt)}{key}{identity}"


def config_lines(config: PeerConfig, *, path: str, form: str, home: str, key: bytes, identity: bytes) -> list[str]:
    """The configuration as `modify` knows it, and the two keys of the node. key: empty in plaintext."""
    facts = [
        ("file", f"{path} ({form})"),
        ("home", home),
        ("name", config.name),
        *([("interface", config.interface)] if config.interface else [("host", config.host or "(all addresses)")]),
        ("port", str(config.port)),
        *(
            [("clientport", f"{config.client_port} (not used: everything goes over one port)")]
            if config.client_port
            else []
        ),
        ("share", config.share or "(nothing)"),
        ("ttl", f"{config.ttl} (of others: {config.max_ttl})"),
        ("read_only", "yes" if config.is_read_only else "no"),
        ("max_neighbours", str(config.max_neighbours)),
        *(("neighbours", _neighbour_text(each.name, each.place, each.key)) for each in config.neighbours),
        *([("neighbours", "(none)")] if not config.neighbours else []),
        *(("allow", each) for each in config.allow),
        *([("allow", "(everybody)")] if not config.allow else []),
        ("key", f"{fingerprint(key)}, for [[neighbour]] key of others" if key else "(PLAINTEXT)"),
        ("identity", f"{fingerprint(identity)}, for [allow] keys of others"),
    ]
    width = max(len(name) for name, _ in facts)
    return [f"{name:<{width}}  {visible(text)}" for name, text in facts]


def _neighbour_text(name: str, place: str, key: str) -> str:
    return f"{name} {place}".strip() + (f" (key {key})" if key else "")


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"


def _ms(time: int) -> str:
    return f"{time / 1_000:.1f} ms" if time < SECOND else duration_text(time)

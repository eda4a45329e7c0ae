"""The table of what can be typed at a running node; see commands.py."""

from __future__ import annotations

from typing import Final

from udpchat.ui.cli.commands import Alias, Argument, Completes, Dialect, Verb

PEER_TABLE: Final[tuple[Verb, ...]] = (
    Verb(
        "get",
        "fetch a file or folder by its name, its MD5 or the number of the last search, into the folder DEST",
        (Argument("NAME", Completes.FILE), Argument("DEST", Completes.PATH, is_optional=True)),
        elsewhere=("download", "fetch"),
    ),
    Verb(
        "search",
        "who has it: by words of the name, by a pattern with * and ?, or by MD5",
        (Argument("PATTERN", Completes.FILE, is_rest=True),),
        elsewhere=("find", "query", "lookup"),
    ),
    Verb("peers", "the neighbours: who is there, who is not and why", elsewhere=("neighbours", "nodes", "users")),
    Verb("ls", "what this node shares", elsewhere=("files", "list", "dir", "shared")),
    Verb("config", "what this node runs with", elsewhere=("settings", "show")),
    Verb(
        "modify",
        "change a value of the configuration: checked, saved, and it holds at once; peerlist 1/2 names two neighbours",
        (Argument("KEY", Completes.SETTING), Argument("VALUE", Completes.PATH, is_rest=True)),
        elsewhere=("set", "change", "edit"),
    ),
    Verb(
        "help",
        "this list, or one command",
        (Argument("COMMAND", Completes.COMMAND, is_optional=True),),
        elsewhere=("?", "h", "man"),
    ),
    Verb("exit", "leave the network", aliases=(Alias("quit"),), elsewhere=("bye", "q", "leave", "stop")),
)

PEER: Final = Dialect({verb.name: verb for verb in PEER_TABLE}, is_bare=True)

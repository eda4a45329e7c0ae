"""The one table of what can be typed at a running client or server.

Parsing, help, completion, the nearest match and the tables in docs/cli.md are all made from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, Flag, auto
from types import MappingProxyType
from typing import Final


class Place(Flag):
    """Where a command can be typed."""

    CLIENT = auto()
    SERVER = auto()


class Completes(Enum):
    """What the Tab key offers for an argument."""

    NOTHING = auto()
    COMMAND = auto()
    NICK = auto()
    ROOM = auto()
    PLACE = auto()  # a room or a nickname
    PATH = auto()  # on this machine
    PATHS = auto()  # several, and whom they are for
    FILE = auto()  # at the server, and what is in its folders
    ROOM_OR_FILE = auto()
    OFFER = auto()  # a file that is offered to us, or who does
    TRANSFER = auto()  # a number
    PRIORITY = auto()
    SETTING = auto()  # of a node


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument as help shows it. is_rest: all that follows, spaces included; the last argument only."""

    name: str
    completes: Completes = Completes.NOTHING
    is_optional: bool = False
    is_rest: bool = False

    @property
    def shown(self) -> str:
        """Its name, in brackets when it can be left out."""
        return f"[{self.name}]" if self.is_optional else self.name


@dataclass(frozen=True, slots=True)
class Alias:
    """A command as an older system has it, typed exactly so. What follows it is one argument, as typed, without quotes.

    takes: that argument as help shows it; empty: nothing follows. asks: the question when nothing does, instead of a
    mistake. in_menu: only with --menu.
    """

    typed: str
    takes: str = ""
    asks: str = ""
    in_menu: bool = False

    @property
    def shown(self) -> str:
        """As help shows it."""
        return f"{self.typed} {self.takes}".rstrip()


@dataclass(frozen=True, slots=True)
class Verb:
    """A command. name: without the slash.

    elsewhere: what other programs call it, for the nearest match. for_admins: the server refuses it to others.
    is_free: its arguments are not split into words here, for their order is free. takes_filters: as `from:NICK`.
    """

    name: str
    help: str
    arguments: tuple[Argument, ...] = ()
    aliases: tuple[Alias, ...] = ()
    elsewhere: tuple[str, ...] = ()
    for_admins: bool = False
    is_free: bool = False
    takes_filters: bool = False
    place: Place = Place.CLIENT

    @property
    def usage(self) -> str:
        """The command with its arguments."""
        return " ".join([f"/{self.name}", *(argument.shown for argument in self.arguments)])


_NICK: Final = Argument("NICK", Completes.NICK)
_ROOM: Final = Argument("ROOM", Completes.ROOM)
_ANY_ROOM: Final = Argument("ROOM", Completes.ROOM, is_optional=True)
_TEXT: Final = Argument("TEXT", is_rest=True)
_ANY_TEXT: Final = Argument("TEXT", is_optional=True, is_rest=True)
_REASON: Final = Argument("REASON", is_optional=True, is_rest=True)
_TARGET: Final = Argument("NICK|ADDRESS", Completes.NICK)
_FILE: Final = Argument("NAME", Completes.FILE, is_rest=True)
_PATHS: Final = Argument("PATH...", Completes.PATHS, is_rest=True)
_OFFER: Final = Argument("NAME|NICK", Completes.OFFER, is_optional=True, is_rest=True)
_NUMBER: Final = Argument("N", Completes.TRANSFER)
_NUMBERS: Final = Argument("N|all", Completes.TRANSFER)
_BOTH: Final = Place.CLIENT | Place.SERVER

TABLE: Final[tuple[Verb, ...]] = (
    Verb("users", "who is here, or in a room", (_ANY_ROOM,), (Alias("!users"),), ("names", "who", "list")),
    Verb("users", "who is here", elsewhere=("names", "who", "list"), place=Place.SERVER),
    Verb("accounts", "all accounts, those too who are not here", elsewhere=("members",), place=_BOTH),
    Verb("seen", "when somebody was here last", (_NICK,), elsewhere=("whois", "finger", "last")),
    Verb("count", "how many are here", aliases=(Alias("!howmany"),), elsewhere=("howmany",)),
    Verb(
        "say", "say a line as it is, also one that begins with / or !", (_TEXT,), (Alias("c", "TEXT", "line: ", True),)
    ),
    Verb("say", "tell everybody something", (_TEXT,), elsewhere=("announce", "wall"), place=Place.SERVER),
    Verb("msg", "say something to one person", (_NICK, _TEXT), elsewhere=("tell", "whisper", "query", "w", "pm", "dm")),
    Verb("reply", "answer the last private line", (_TEXT,), elsewhere=("r",)),
    Verb("status", "how far your last lines have come: sent, stored, delivered, read", elsewhere=("receipts",)),
    Verb("read", "tell somebody that you have read what they told you", (_NICK,)),
    Verb("rooms", "what rooms there are", elsewhere=("channels",)),
    Verb("create", "make a room and enter it", (Argument("ROOM"), Argument("TOPIC", is_optional=True, is_rest=True))),
    Verb("join", "enter a room; plain lines go there from now on", (_ROOM,), elsewhere=("enter", "j")),
    Verb("leave", "leave a room; the one that plain lines go to when none is named", (_ANY_ROOM,), elsewhere=("part",)),
    Verb("room", "say which room plain lines go to", (_ANY_ROOM,), elsewhere=("switch",)),
    Verb("topic", "say what a room is about", (_ANY_ROOM, _ANY_TEXT), is_free=True),
    Verb("away", "tell the others that you are not at the keyboard", (_ANY_TEXT,), elsewhere=("afk",)),
    Verb("back", "tell them that you are again"),
    Verb("register", "make your nickname an account; asks for a password"),
    Verb("login", "log in to an account; asks for its password", (Argument("NICK", is_optional=True),)),
    Verb("password", "change the password of your account", elsewhere=("passwd",)),
    Verb(
        "history",
        "what was said: of a room or with somebody, N lines, from:NICK to:NICK since:TIME until:TIME, with WORDS",
        (
            Argument("ROOM|NICK", Completes.PLACE, is_optional=True),
            Argument("N", is_optional=True),
            Argument("FILTERS", is_optional=True),
            Argument("WORDS", is_optional=True),
        ),
        elsewhere=("log", "backlog"),
        is_free=True,
        takes_filters=True,
    ),
    Verb(
        "search",
        "what was said with these words; the same filters",
        (Argument("WORDS", is_rest=True),),
        elsewhere=("find", "grep"),
        takes_filters=True,
    ),
    Verb("more", "what was said before that"),
    Verb(
        "files",
        "what files the server has, or a room; with a slash behind it (NAME/) what is in a folder",
        (Argument("ROOM|NAME/", Completes.ROOM_OR_FILE, is_optional=True, is_rest=True),),
        aliases=(Alias("!ls"), Alias("/file list"), Alias("ls", in_menu=True)),
        elsewhere=("ls", "dir"),
    ),
    Verb("files", "what files there are", elsewhere=("ls", "dir"), place=Place.SERVER),
    Verb("file", "all about one file: type, size, MD5, state, who has it, until when it stays", (_FILE,)),
    Verb(
        "lls",
        "what files lie here, in the folder for downloads",
        aliases=(Alias("ls-l"), Alias("/ls-l")),
        elsewhere=("ldir",),
    ),
    Verb(
        "put",
        'upload files and folders for the room, for #ROOM, or for one person (to:NICK behind them); "..." round names '
        "with spaces when there are several",
        (_PATHS,),
        (
            Alias("/file upload", "PATH"),
            Alias("!ft", "PATH", "file to send: "),
            Alias("u", "PATH", "file to upload: ", in_menu=True),
        ),
        ("upload",),
    ),
    Verb("send", "offer files and folders to one person", (_NICK, _PATHS), elsewhere=("offer",)),
    Verb(
        "get",
        'download a file, a folder, or FOLDER/PATH, into the folder DEST; "..." round names with spaces',
        (Argument("NAME", Completes.FILE), Argument("DEST", Completes.PATH, is_optional=True)),
        (
            Alias("/file download", "NAME"),
            Alias("!get", "NAME"),
            Alias("d", "NAME", "file to download: ", in_menu=True),
        ),
        ("download", "fetch"),
    ),
    Verb("accept", "fetch what is offered to you: that file, or all of that person", (_OFFER,), elsewhere=("take",)),
    Verb("decline", "say that you do not want it", (_OFFER,), elsewhere=("reject", "refuse")),
    Verb(
        "open",
        "look at a file with your system's program for it; it is fetched first; pages and what else can act by itself "
        "only with yes behind it",
        (Argument("NAME [yes]", Completes.FILE, is_rest=True),),
        elsewhere=("view",),
    ),
    Verb(
        "delete",
        "remove a file of yours from the server; administrators any",
        (_FILE,),
        elsewhere=("del", "rm", "remove"),
    ),
    Verb("delete", "remove a file", (_FILE,), elsewhere=("del", "rm", "remove"), place=Place.SERVER),
    Verb("transfers", "your transfers: number, how far, how fast, what they wait for", elsewhere=("jobs", "queue")),
    Verb("pause", "let a transfer rest", (_NUMBERS,), elsewhere=("hold",)),
    Verb("resume", "let it go on", (_NUMBERS,), elsewhere=("continue",)),
    Verb("cancel", "give it up", (_NUMBERS,), elsewhere=("abort",)),
    Verb("limit", "let it go at most so fast: 20mbit, 2MB/s, 0 for any", (_NUMBERS, Argument("RATE"))),
    Verb("priority", "low, normal or high", (_NUMBERS, Argument("WORD", Completes.PRIORITY)), elsewhere=("nice",)),
    Verb("first", "put it before those that wait", (_NUMBER,), elsewhere=("top",)),
    Verb("kick", "end somebody's session", (_NICK, _REASON), for_admins=True, place=_BOTH),
    Verb("ban", "end it and let them in no more", (_TARGET, _REASON), for_admins=True, place=_BOTH),
    Verb("unban", "let them in again", (Argument("NICK|ADDRESS"),), for_admins=True, place=_BOTH),
    Verb("bans", "who is not let in", for_admins=True, place=_BOTH),
    Verb("announce", "tell everybody something as the administrator", (_TEXT,), elsewhere=("wall",), for_admins=True),
    Verb("stats", "round-trip time, window, losses, speed"),
    Verb(
        "help",
        "this list, or one command",
        (Argument("COMMAND", Completes.COMMAND, is_optional=True),),
        elsewhere=("?", "h", "man"),
        place=_BOTH,
    ),
    Verb(
        "quit",
        "leave",
        aliases=(Alias("/exit"), Alias("!bye"), Alias("q", in_menu=True)),
        elsewhere=("bye", "q", "disconnect", "logout"),
    ),
    Verb("quit", "say goodbye and stop", aliases=(Alias("/exit"),), elsewhere=("bye", "q", "stop"), place=Place.SERVER),
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a line can mean.

    menu: the words of --menu count. tilde: TEXT~NICK is a private line. is_admins: only administrators type here.
    is_bare: there are only commands here, typed without the slash.
    """

    verbs: Mapping[str, Verb]
    menu: bool = False
    tilde: bool = False
    is_admins: bool = False
    is_bare: bool = False

    @property
    def slash(self) -> str:
        """What stands before a command."""
        return "" if self.is_bare else "/"

    def usage(self, verb: Verb) -> str:
        """A command with its arguments, as it is typed here."""
        return verb.usage[1:] if self.is_bare else verb.usage

    @property
    def aliases(self) -> dict[str, tuple[Alias, Verb]]:
        """The aliases that count, by what is typed."""
        return {
            alias.typed: (alias, verb)
            for verb in self.verbs.values()
            for alias in verb.aliases
            if self.menu or not alias.in_menu
        }


def verbs_at(place: Place) -> Mapping[str, Verb]:
    """The commands that can be typed there, by name."""
    return MappingProxyType({verb.name: verb for verb in TABLE if place in verb.place})


CLIENT_VERBS: Final = verbs_at(Place.CLIENT)
SERVER_VERBS: Final = verbs_at(Place.SERVER)
CLIENT: Final = Dialect(CLIENT_VERBS)
SERVER: Final = Dialect(SERVER_VERBS, is_admins=True)

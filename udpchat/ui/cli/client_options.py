"""The options that every command of a client has, and those of a session that talks."""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from udpchat.capture.rotation import DEFAULT_LIMIT
from udpchat.chat.text import nick_fault
from udpchat.config import BASE_DATAGRAM, MAX_BURST, MAX_DATAGRAM_IPV4, MAX_NICK, Config
from udpchat.ui.cli.capturing import CaptureLimitOption, CaptureOption
from udpchat.ui.cli.options import (
    HostPort,
    JsonOption,
    Pace,
    convert,
    option,
    parse_host_port,
    parse_priority,
    parse_rate,
)
from udpchat.ui.cli.passwords import PasswordFileOption
from udpchat.ui.cli.sending import Arq, ArqOption, Congestion, CongestionOption, WindowOption
from udpchat.wire.numbers import Priority

HostArgument = Annotated[
    HostPort, typer.Argument(parser=convert(parse_host_port), metavar="HOST[:PORT]", show_default=False)
]
OptionalHostArgument = Annotated[
    HostPort | None,
    typer.Argument(
        parser=convert(parse_host_port),
        metavar="[HOST[:PORT]]",
        help="The server; without it those that announce themselves are offered.",
        show_default=False,
    ),
]
InterfaceOption = Annotated[
    str,
    typer.Option(
        "--interface", metavar="NAME|ADDRESS", help="The only network interface to go through.", show_default=False
    ),
]
NameOption = Annotated[
    str | None, typer.Option("--name", metavar="NICK", help="Your nickname; the name of your account by default.")
]
HomeOption = Annotated[
    Path | None,
    typer.Option("--home", metavar="DIR", help="Folder of your key and of the servers you trust.", show_default=False),
]
StrictOption = Annotated[bool, typer.Option("--strict", help="Refuse a server that was never seen before.")]
ServerKeyOption = Annotated[
    str | None,
    typer.Option("--server-key", metavar="KEY", help="Fingerprint or hex of the only key the server may have."),
]
PlaintextOption = Annotated[bool, typer.Option("--plaintext", help="Seal nothing, for lessons; both ends must say so.")]
KeylogOption = Annotated[
    Path | None,
    typer.Option("--keylog", metavar="FILE", help="Append the keys of the session to FILE: its holder reads all."),
]
MaxDatagramOption = Annotated[
    int,
    typer.Option("--max-datagram", metavar="BYTES", min=BASE_DATAGRAM, max=MAX_BURST, help="Largest datagram to try."),
]
PortableOption = Annotated[
    bool, typer.Option("--portable", help="One datagram a system call, as where the system has no offload.")
]

SCRIPT_PATIENCE: Final = 600.0  # seconds that a script's transfers wait for the server
SCRIPT_SESSION_PATIENCE: Final = 60.0  # seconds that a session of a script tries to come back


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """What the user said about the client, whatever the command."""

    name: NameOption = None
    home: HomeOption = None
    strict: StrictOption = False
    server_key: ServerKeyOption = None
    plaintext: PlaintextOption = False
    keylog: KeylogOption = None
    interface: InterfaceOption = ""
    capture: CaptureOption = None
    capture_limit: CaptureLimitOption = DEFAULT_LIMIT
    arq: ArqOption = None
    window: WindowOption = None
    congestion: CongestionOption = None
    max_datagram: MaxDatagramOption = MAX_DATAGRAM_IPV4
    portable: PortableOption = False
    password_file: PasswordFileOption = None
    as_json: JsonOption = False

    @property
    def is_tuned(self) -> bool:
        """The user said how files are to be sent; the other end sends some of them."""
        return self.arq is not None or self.window is not None or self.congestion is not None

    def config(self) -> Config:
        """The part that the transport works with."""
        return Config(
            max_datagram=self.max_datagram,
            arq=str(self.arq or Arq.SELECTIVE_REPEAT),
            window=self.window or 0,
            congestion=str(self.congestion or Congestion.BBR),
            plaintext=self.plaintext,
            portable=self.portable,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferOptions(ClientOptions):
    """What the user said about a command that sends or fetches files."""

    limit: Annotated[
        int | None, option("--limit", parse_rate, "RATE", "At most so fast, each, such as 20mbit or 2MB/s; 0: any.")
    ] = None
    priority: Annotated[
        Priority | None, option("--priority", parse_priority, "WORD", "low, normal or high: which transfers go first.")
    ] = None
    reconnect: Annotated[
        float | None,
        typer.Option(
            "--reconnect",
            metavar="SECONDS",
            min=0,
            help="How long to try to come back when the connection is lost; 0 is never. For ever on a terminal by "
            "default, 600 in scripts.",
            show_default=False,
        ),
    ] = None

    @property
    def pace(self) -> Pace:
        """How fast, and which go first."""
        return Pace(self.limit, self.priority)

    def patience(self, has_person: bool) -> float | None:
        """Seconds to try to come back; None for ever. has_person: somebody sits there and can stop it."""
        if self.reconnect is not None:
            return self.reconnect
        return None if has_person else SCRIPT_PATIENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatOptions(ClientOptions):
    """What the user said about a session that stays."""

    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="Folder for downloads; the current one by default.")
    ] = None
    wait: Annotated[
        bool | None,
        typer.Option("--wait/--no-wait", help="Wait in the queue of a full server; on a terminal by default."),
    ] = None
    reconnect: Annotated[
        float | None,
        typer.Option(
            "--reconnect",
            metavar="SECONDS",
            min=0,
            help="How long to try to come back when the connection is lost; 0 is never. For ever on a terminal by "
            "default, 60 in scripts.",
            show_default=False,
        ),
    ] = None
    log: Annotated[
        Path | None,
        typer.Option(
            "--log", metavar="FILE", help="Append every message to FILE, as JSON; it also says what was missed."
        ),
    ] = None
    register: Annotated[
        bool, typer.Option("--register", help="Make your nickname an account, unless it is one; asks for a password.")
    ] = False
    menu: Annotated[bool, typer.Option("--menu", help="Take the words u, d, c, ls, ls-l and q of menus as well.")] = (
        False
    )
    tilde: Annotated[bool, typer.Option("--tilde", help="Take TEXT~NICK as a private line to NICK.")] = False

    def waits(self, has_person: bool) -> bool:
        """In the queue of a full server. has_person: as below."""
        return has_person if self.wait is None else self.wait

    def patience(self, has_person: bool) -> float | None:
        """Seconds to try to come back; None for ever. has_person: somebody sits there and can stop it."""
        if self.reconnect is not None:
            return self.reconnect
        return None if has_person else SCRIPT_SESSION_PATIENCE


def default_nick() -> str:
    """The name of the user's account as a nickname."""
    try:
        account = getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "guest"
    name = "".join(character for character in account if nick_fault(f"a{character}") is None)[:MAX_NICK]
    return name if nick_fault(name) is None else "guest"

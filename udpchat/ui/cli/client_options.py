"""The options that every command of a client has, and how such a command joins."""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from udpchat.capture.rotation import DEFAULT_LIMIT
from udpchat.chat.text import nick_fault
from udpchat.config import BASE_DATAGRAM, MAX_BURST, MAX_DATAGRAM_IPV4, MAX_NICK, Config
from udpchat.errors import ErrorCode, HandshakeError, RefusedError
from udpchat.net.client import Client
from udpchat.net.joining import connect
from udpchat.ui.cli.capturing import CaptureLimitOption, CaptureOption, capture_target
from udpchat.ui.cli.options import HostPort, JsonOption, convert, parse_host_port
from udpchat.ui.cli.render import visible
from udpchat.ui.cli.sending import Arq, ArqOption, Congestion, CongestionOption, WindowOption
from udpchat.ui.cli.terminal import Terminal

MAX_NUMBER: Final = 99  # behind a default nickname that is in use


HostArgument = Annotated[
    HostPort, typer.Argument(parser=convert(parse_host_port), metavar="HOST[:PORT]", show_default=False)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """What the user said about the client, whatever the command."""

    name: NameOption = None
    home: HomeOption = None
    strict: StrictOption = False
    server_key: ServerKeyOption = None
    plaintext: PlaintextOption = False
    keylog: KeylogOption = None
    capture: CaptureOption = None
    capture_limit: CaptureLimitOption = DEFAULT_LIMIT
    arq: ArqOption = None
    window: WindowOption = None
    congestion: CongestionOption = None
    max_datagram: MaxDatagramOption = MAX_DATAGRAM_IPV4
    portable: PortableOption = False
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


async def join(
    server: HostPort,
    options: ClientOptions,
    terminal: Terminal,
    *,
    nick: str | None = None,
    folder: Path | None = None,
    one_shot: bool = False,
    fetches: bool = True,
) -> Client:
    """Join a server as the options say. The errors of `connect`; one that the network has is a HandshakeError.

    fetches: the server may have to send files, and is told how when the user said so. nick: instead of the one in the
    options. When nobody chose a nickname and nobody can be asked, one that is in use gets a number.
    """
    chosen = nick or options.name
    for number in range(1, MAX_NUMBER):
        name = chosen or _numbered(default_nick(), number)
        try:
            client = await _connect(server, options, name, folder, one_shot=one_shot)
        except RefusedError as error:
            if error.code != ErrorCode.NICK_IN_USE or chosen or terminal.is_interactive or number == MAX_NUMBER - 1:
                raise
        else:
            _tell_about_key(client, server, options, terminal)
            return await _tuned(client, options) if fetches and options.is_tuned else client
    raise AssertionError("the loop above returns or raises")


async def _tuned(client: Client, options: ClientOptions) -> Client:
    """Tell the server how to send us files."""
    try:
        await client.tune(options.config())
    except BaseException:
        await client.close()
        raise
    return client


def default_nick() -> str:
    """The name of the user's account as a nickname."""
    try:
        account = getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "guest"
    name = "".join(character for character in account if nick_fault(f"a{character}") is None)[:MAX_NICK]
    return name if nick_fault(name) is None else "guest"


async def _connect(
    server: HostPort, options: ClientOptions, nick: str, folder: Path | None, *, one_shot: bool
) -> Client:
    try:
        return await connect(
            server.host,
            server.port,
            nick=nick,
            config=options.config(),
            folder=folder,
            home=options.home,
            strict=options.strict,
            server_key=options.server_key,
            keylog=options.keylog,
            capture=capture_target(options.capture, options.capture_limit),
            one_shot=one_shot,
        )
    except OSError as error:
        raise HandshakeError(f"cannot reach {server}: {error.strerror or error}") from error


def _tell_about_key(client: Client, server: HostPort, options: ClientOptions, terminal: Terminal) -> None:
    if options.plaintext:
        terminal.log("PLAINTEXT: whoever sees the network reads, and can change, all that is said and sent")
    elif client.is_new_key:
        terminal.log(
            f"first contact with {visible(str(server))}: its key {client.server_fingerprint} is trusted from now on; "
            "compare it with what the server shows"
        )
    if options.keylog is not None:
        terminal.log(f"KEY LOG: whoever reads {visible(str(options.keylog))} reads this session")


def _numbered(nick: str, number: int) -> str:
    return nick if number == 1 else f"{nick[: MAX_NICK - 3]}-{number}"

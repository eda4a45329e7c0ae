"""The options of `udpchat server`, and where its data lies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
from platformdirs import user_data_path

from udpchat.capture.rotation import DEFAULT_LIMIT
from udpchat.config import DEFAULT_PORT, MAX_DATAGRAM_IPV4, SECOND, Config
from udpchat.net.discovery.announcement import name_fault
from udpchat.store.trouble import storage_error
from udpchat.ui.cli.capturing import CaptureLimitOption, CaptureOption
from udpchat.ui.cli.client_options import KeylogOption, MaxDatagramOption, PlaintextOption, PortableOption
from udpchat.ui.cli.options import JsonOption, convert, option, parse_port, parse_rate, parse_size
from udpchat.ui.cli.sending import Arq, ArqOption, Congestion, CongestionOption, WindowOption

DAY: Final = 24 * 3600 * SECOND
MAX_DAYS: Final = 36_500


def parse_server_name(text: str) -> str:
    """A name for a server."""
    if (fault := name_fault(text)) is not None:
        raise typer.BadParameter(f"{text!r} cannot be its name: {fault}")
    return text


DataOption = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="Folder of files, accounts, messages and keys.", show_default=False),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """What the user said about the server."""

    host: Annotated[
        str, typer.Option(help="Address to listen on; the default is every one, IPv4 and IPv6.", show_default=False)
    ] = ""
    port: Annotated[
        int, typer.Option(parser=convert(parse_port), metavar="PORT", help="UDP port; 0 is any free one.")
    ] = DEFAULT_PORT
    data: DataOption = None
    name: Annotated[
        str | None,
        option("--name", parse_server_name, "NAME", "What the server is called where it is announced; as its machine."),
    ] = None
    announce: Annotated[
        bool | None,
        typer.Option(
            "--announce/--no-announce",
            help="Tell the local network of the server; the default is yes, unless it listens on loopback only.",
            show_default=False,
        ),
    ] = None
    interface: Annotated[
        str,
        typer.Option(
            metavar="NAME|ADDRESS",
            help="The only network interface to announce the server on; all by default.",
            show_default=False,
        ),
    ] = ""
    max_users: Annotated[int, typer.Option(min=1, help="How many may be here at once; others queue.")] = (
        Config().max_users
    )
    require_account: Annotated[bool, typer.Option("--require-account", help="Let no guests in.")] = False
    message_rate: Annotated[
        int,
        typer.Option(metavar="N", min=0, help="Lines a second that a user may say in the long run; 0 is any number."),
    ] = Config().message_rate
    keep_history: Annotated[
        float,
        typer.Option(
            metavar="DAYS",
            min=0,
            max=MAX_DAYS,
            help="Forget messages after so many days; 0, the default: never.",
            show_default=False,
        ),
    ] = 0.0
    quota: Annotated[
        int, option("--quota", parse_size, "SIZE", "Bytes of files that one user may store, such as 5G; 0: any.")
    ] = 0
    max_storage: Annotated[
        int,
        option("--max-storage", parse_size, "SIZE", "Bytes of files that are stored at most; 0: what the disk takes."),
    ] = 0
    keep_files: Annotated[
        float,
        typer.Option(
            metavar="DAYS",
            min=0,
            max=MAX_DAYS,
            help="Remove files after so many days; 0, the default: never.",
            show_default=False,
        ),
    ] = 0.0
    limit: Annotated[
        int, option("--limit", parse_rate, "RATE", "Of all files together, up and down, such as 200mbit; 0: any.")
    ] = 0
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

    def config(self) -> Config:
        """The part that the core works with."""
        return Config(
            max_users=self.max_users,
            max_connections=max(Config().max_connections, 2 * self.max_users),  # commands and the queue have theirs
            require_account=self.require_account,
            message_rate=self.message_rate,
            message_burst=max(2 * self.message_rate, 1),
            keep_history=round(self.keep_history * DAY),
            user_quota=self.quota,
            total_quota=self.max_storage,
            file_lifetime=round(self.keep_files * DAY),
            file_rate=self.limit,
            plaintext=self.plaintext,
            arq=str(self.arq or Arq.SELECTIVE_REPEAT),
            window=self.window or 0,
            congestion=str(self.congestion or Congestion.BBR),
            max_datagram=self.max_datagram,
            portable=self.portable,
        )

    def folder(self) -> Path:
        """The data folder."""
        return data_folder(self.data)


def data_folder(chosen: Path | None) -> Path:
    """Where a server's data lies."""
    return chosen or user_data_path("udpchat", appauthor=False) / "server"


def make_data_folder(folder: Path) -> None:
    """Make it unless it is there. StorageError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, f"use the data folder {folder}") from error

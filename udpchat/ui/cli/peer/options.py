"""The options of `udpchat peer`, and what they lead to: the file, the home, the configuration."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
from platformdirs import user_data_path

from udpchat.capture.rotation import DEFAULT_LIMIT
from udpchat.config import MAX_DATAGRAM_IPV4, Config
from udpchat.net.peer.node import own_hosts
from udpchat.peers.settings import PeerConfig, PeerConfigError
from udpchat.store.names import export_name
from udpchat.store.peer_file import PeerFile
from udpchat.ui.cli.capturing import CaptureLimitOption, CaptureOption
from udpchat.ui.cli.client_options import KeylogOption, MaxDatagramOption, PlaintextOption, PortableOption
from udpchat.ui.cli.exits import CommandError, ExitCode
from udpchat.ui.cli.objects import as_line
from udpchat.ui.cli.options import JsonOption
from udpchat.ui.cli.render import visible
from udpchat.ui.cli.terminal import Terminal

DEFAULT_FILE: Final = Path("peer.toml")
EXAMPLE: Final = '[node]\\nname = "alpha"\\nshare = "shared"\\n[[neighbour]]\\naddress = "10.0.0.7"'


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerOptions:
    """What the user said about the node."""

    config: Annotated[
        Path, typer.Option("--config", metavar="FILE", help="Its configuration: TOML, or one of the older ini files.")
    ] = DEFAULT_FILE
    node: Annotated[
        int | None,
        typer.Option("--id", metavar="N", min=0, help="Which [Peer-N] of an ini file with several this node is."),
    ] = None
    home: Annotated[
        Path | None,
        typer.Option(
            "--home", metavar="DIR", help="Folder of the node's keys and data; one for each FILE.", show_default=False
        ),
    ] = None
    plaintext: PlaintextOption = False
    keylog: KeylogOption = None
    capture: CaptureOption = None
    capture_limit: CaptureLimitOption = DEFAULT_LIMIT
    max_datagram: MaxDatagramOption = MAX_DATAGRAM_IPV4
    portable: PortableOption = False
    as_json: JsonOption = False

    def transport(self) -> Config:
        """The part that the transport works with."""
        return Config(plaintext=self.plaintext, max_datagram=self.max_datagram, portable=self.portable)

    def folder(self) -> Path:
        """Where the node keeps its keys: they go with the file, so that several nodes of one user are several."""
        if self.home is not None:
            return self.home
        path = os.path.realpath(self.config)
        name = f"{export_name(self.config.stem)}-{hashlib.sha256(os.fsencode(path)).hexdigest()[:8]}"
        number = "" if self.node is None else f"-{self.node}"
        return user_data_path("udpchat", appauthor=False) / "peers" / f"{name}{number}"

    def file(self) -> PeerFile:
        """The configuration on disk. OSError when this machine does not tell its addresses."""
        return PeerFile(self.config, self.folder(), own_hosts(), self.node)


def read_config(file: PeerFile, terminal: Terminal) -> PeerConfig:
    """What the node is told; every fault is told, then CommandError."""
    if not file.path.exists():
        text = f"there is no configuration {file.path}; write one, for example with printf '{EXAMPLE}' > peer.toml"
        raise CommandError(ExitCode.LOCAL_FILE, text)
    try:
        return file.read()
    except PeerConfigError as error:
        raise tell_faults(error, "config", terminal) from None


def tell_faults(error: PeerConfigError, command: str, terminal: Terminal) -> CommandError:
    """Say everything that is wrong with a configuration; the error that ends a command."""
    for fault in error.faults:
        terminal.emit(as_line("fault", line=fault.line, key=fault.key, text=fault.text, path=error.path))
    if len(error.lines) == 1:
        return CommandError(ExitCode.USAGE, error.lines[0])
    for line in error.lines:
        terminal.log(visible(line))
    return CommandError(ExitCode.USAGE, f"{command}: {len(error.lines)} faults; nothing was done")

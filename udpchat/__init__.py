"""udpchat: chat and files for a local network over one UDP port.

`serve` and `connect` are the asyncio API. The core without sockets is `udpchat.net.hosts` and what it is made of.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from udpchat.config import Config
from udpchat.version import __version__

if TYPE_CHECKING:
    from udpchat.net.joining import connect
    from udpchat.net.server import serve

__all__ = ["Config", "__version__", "connect", "serve"]

# Sockets and databases are loaded when they are asked for: whoever imports a part of the core gets that part alone.
_LATER = {"connect": "udpchat.net.joining", "serve": "udpchat.net.server"}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)

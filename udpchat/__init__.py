"""udpchat: chat and files for a local network over one UDP port.

`serve` and `connect` are the asyncio API. The core without sockets is `udpchat.net.hosts` and what it is made of.
"""

from udpchat.config import Config
from udpchat.net.client import connect
from udpchat.net.server import serve
from udpchat.version import __version__

__all__ = ["Config", "__version__", "connect", "serve"]

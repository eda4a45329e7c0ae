"""What a relay records: every datagram twice, as it came and as it left, with what its link did to it."""

from __future__ import annotations

import asyncio
from typing import Final

from udpchat.capture.comments import link_words
from udpchat.capture.rotation import CaptureLog
from udpchat.net.home import wall_clock
from udpchat.net.relay_outbox import Client, clock
from udpchat.protocol.datagrams import Address
from udpchat.sim.link import Fate

INTERFACES: Final = ("client side", "server side")
CLIENT_SIDE: Final = 0
SERVER_SIDE: Final = 1
FLUSH_INTERVAL: Final = 1.0  # seconds between what is recorded and what others can read


class RelayRecord:
    """Both sides of a relay in one capture; the words of its comments are those of capture/comments.py.

    here: where the relay listens. target: the server.
    """

    def __init__(self, log: CaptureLog, here: Address, target: Address) -> None:
        self._log = log
        self._here = here
        self._target = target
        self._offset = wall_clock() - clock()
        self._flushing: asyncio.TimerHandle | None = None

    def came(self, client: Client, data: bytes, now: int, fate: Fate, *, upwards: bool) -> None:
        """A datagram came in. fate: what the link makes of it."""
        words = link_words(fate.drop, fate.copies, is_corrupted=fate.is_corrupted)
        self._write(client, data, now, words, upwards=upwards, outbound=False)

    def left(self, client: Client, data: bytes, now: int, dropped: str = "", *, upwards: bool) -> None:
        """A datagram left, or could not, for the reason in dropped."""
        self._write(client, data, now, link_words(dropped, 1, is_corrupted=False), upwards=upwards, outbound=True)

    def refused(self, address: Address, data: bytes) -> None:
        """A datagram came from somebody for whom there is no place."""
        words = link_words("refused", 0, is_corrupted=False)
        us = clock() + self._offset
        self._log.write(us, address, self._here, data, comment=words, interface=CLIENT_SIDE, outbound=False)

    def close(self) -> None:
        """Write what is left."""
        if self._flushing is not None:
            self._flushing.cancel()
        self._log.flush()

    def _write(self, client: Client, data: bytes, now: int, comment: str, *, upwards: bool, outbound: bool) -> None:
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().call_later(FLUSH_INTERVAL, self._flush)
        at_server = upwards == outbound
        near, far = (client.local, self._target) if at_server else (self._here, client.address[:2])
        source, destination = (near, far) if outbound else (far, near)
        self._log.write(
            now + self._offset,
            source,
            destination,
            data,
            comment=comment,
            interface=SERVER_SIDE if at_server else CLIENT_SIDE,
            outbound=outbound,
        )

    def _flush(self) -> None:
        self._flushing = None
        self._log.flush()

"""A capture of an experiment: both vantage points in one file, in virtual time, with what the link did."""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from udpchat.capture.comments import link_words
from udpchat.capture.tap import Recorder, Tap
from udpchat.lab.world import SERVER, Fitting
from udpchat.protocol.datagrams import Address
from udpchat.sim.network import Network
from udpchat.sim.trace import Happening

INTERFACES: Final = ("client", "server")
CLIENT_SIDE: Final = 0
SERVER_SIDE: Final = 1


class _Sent(NamedTuple):
    """A datagram that has left its core and not yet met its link."""

    us: int
    source: Address
    destination: Address
    data: bytes
    comment: str
    interface: int


class Recording:
    """Records each datagram twice: where it leaves, with what becomes of it on the link, and where it arrives.

    recorder: as PcapngWriter, with INTERFACES. epoch: wall clock when virtual time is 0 [us]. Clients show the address
    that they have themselves, whatever a NAT makes of it.
    """

    def __init__(self, recorder: Recorder, epoch: int) -> None:
        self._recorder = recorder
        self._epoch = epoch
        self._leaving: deque[_Sent] = deque()
        self._network: Network | None = None

    def fitting(self, address: Address) -> Fitting:
        """What is put round the core of an end at an address."""
        interface = SERVER_SIDE if address == SERVER else CLIENT_SIDE
        tap = Tap(self, lambda _: address, interface=interface, offset=self._epoch)
        return Fitting(tap.watch, tap.wrap)

    def attach(self, network: Network) -> None:
        """Learn from a network what becomes of datagrams."""
        self._network = network
        network.tap(self._on_happening)

    def write(
        self,
        us: int,
        source: Address,
        destination: Address,
        data: memoryview,
        *,
        comment: str = "",
        interface: int = 0,
        outbound: bool | None = None,
    ) -> None:
        """See `Recorder`: what arrives is recorded at once, what leaves when its link has judged it."""
        if outbound:
            self._leaving.append(_Sent(us, source, destination, bytes(data), comment, interface))
        else:
            self._recorder.write(us, source, destination, data, comment=comment, interface=interface, outbound=outbound)

    def _on_happening(self, happening: Happening, _: int, source: Address, destination: Address, __: bytes) -> None:
        if happening is not Happening.SENT or not self._leaving or self._network is None:
            return
        sent = self._leaving.popleft()
        fate = self._network.fate_of(source, destination)
        words = link_words(fate.drop, fate.copies, is_corrupted=fate.is_corrupted)
        self._recorder.write(
            sent.us,
            sent.source,
            sent.destination,
            memoryview(sent.data),
            comment=" ".join(filter(None, (sent.comment, words))),
            interface=sent.interface,
            outbound=True,
        )

"""What a connection knows of its path, at one moment, for people."""

from __future__ import annotations

from dataclasses import dataclass

from udpchat.protocol.connection import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class PathStats:
    """Times are microseconds, sizes bytes of datagrams; packets and window are of what this end sends.

    probe_timeout: silence after which the peer is asked, the RTO of TCP. congestion_window: what may be in flight.
    scheme, window: how file data is repeated, and packets of it in flight at most, 0 for any number. controller, state:
    the congestion control and what it is doing. lost: without those that arrived after all.
    """

    smoothed_rtt: int
    min_rtt: int
    rttvar: int
    probe_timeout: int
    congestion_window: int
    bytes_in_flight: int
    datagram_size: int
    sent: int
    lost: int
    spurious: int
    probe_timeouts: int
    scheme: str
    window: int
    controller: str
    state: str

    @property
    def loss(self) -> float:
        """Share of the packets sent that were lost."""
        return self.lost / self.sent if self.sent else 0.0


def path_stats(connection: Connection) -> PathStats:
    """The state of a connection now."""
    transmitter = connection.transmitter
    recovery, scheme = transmitter.recovery, transmitter.transfers.scheme
    rtt, counters, controller = recovery.rtt, recovery.counters, recovery.controller
    return PathStats(
        smoothed_rtt=rtt.smoothed_rtt,
        min_rtt=rtt.min_rtt,
        rttvar=rtt.rttvar,
        probe_timeout=recovery.wait_timeout() if scheme.is_timed else recovery.probe_timeout(),
        congestion_window=controller.congestion_window,
        bytes_in_flight=recovery.in_flight.bytes_in_flight,
        datagram_size=transmitter.mtu.datagram_size,
        sent=counters.sent_packets,
        lost=counters.lost_packets,
        spurious=counters.spurious_losses,
        probe_timeouts=counters.probe_timeouts,
        scheme=scheme.name,
        window=scheme.window,
        controller=controller.name,
        state=controller.state,
    )

"""What must hold for a connection after every step. Simulations and tests check it; it costs nothing elsewhere."""

from __future__ import annotations

from udpchat.arq.in_flight import Kind
from udpchat.config import Config
from udpchat.protocol.connection import Connection
from udpchat.protocol.transmit import Transmitter

MAX_SUMMED = 64  # runs in flight above which they are not added up: the check is made after every step


def check_connection(connection: Connection, config: Config) -> None:
    """AssertionError, with what is wrong, when a rule is broken."""
    if not connection.is_alive:
        return
    transmitter = connection.transmitter
    _check_sending(transmitter)
    if transmitter.recovery.in_flight and connection.next_timeout() is None:
        raise AssertionError("packets are in flight and no deadline is set")
    if not transmitter.mtu.datagram_size <= config.max_datagram:
        raise AssertionError(f"datagrams of {transmitter.mtu.datagram_size} bytes")
    if len(transmitter.transfers) > config.max_transfers:
        raise AssertionError(f"{len(transmitter.transfers)} transfers are being sent")
    if connection.receiver.transfer_count > config.max_transfers:
        raise AssertionError(f"{connection.receiver.transfer_count} transfers are being received")
    for channel in transmitter.messages.channels:
        if channel.queued > config.max_send_queue:
            raise AssertionError(f"{channel.queued} bytes wait in a channel")


def _check_sending(transmitter: Transmitter) -> None:
    recovery = transmitter.recovery
    in_flight = recovery.in_flight
    if in_flight.bytes_in_flight < 0:
        raise AssertionError(f"{in_flight.bytes_in_flight} bytes are in flight")
    if len(in_flight) <= MAX_SUMMED:
        counted = sum(run.total_size for run in in_flight if run.kind is not Kind.PROBE)
        if in_flight.bytes_in_flight != counted:
            raise AssertionError(f"{in_flight.bytes_in_flight} bytes are in flight, and {counted} by their runs")
    if min(recovery.counters.lost_packets, recovery.counters.spurious_losses) < 0:
        raise AssertionError("a counter is negative")

"""AckSamples with sensible defaults, so that a test names only what it is about."""

from __future__ import annotations

from udpchat.arq.congestion import AckSample

MSS = 1_200


def sample(
    *,
    now: int = 1_000_000,
    acked: int = 0,
    lost: int = 0,
    in_flight: int = 0,
    prior: int | None = None,
    rtt: int = 50_000,
    number: int = 1 << 40,
    sent_at: int | None = None,
    lost_sent_at: int = -1,
    next_number: int = 1 << 40,
    delivered: int = 0,
    arrival: int = 0,
    app_limited: bool = False,
) -> AckSample:
    return AckSample(
        now=now,
        acked_bytes=acked,
        lost_bytes=lost,
        lost_packets=-(-lost // MSS),
        bytes_in_flight=in_flight,
        prior_in_flight=in_flight + acked + lost if prior is None else prior,
        latest_rtt=rtt,
        smoothed_rtt=rtt,
        min_rtt=rtt,
        largest_acked=number,
        largest_sent_at=now - rtt if sent_at is None else sent_at,
        app_limited=app_limited,
        next_packet_number=next_number,
        delivered=delivered,
        received=0,
        arrival=arrival,
        largest_lost_sent_at=lost_sent_at,
    )

"""What an experiment is, and what comes of it.

goodput: file bytes over the time from the first DATA sent to the last COMMITTED received (download: until the file is
stored), hashing and durability included. limit: rate x (1 - loss) x 1420/1514, what the best packets leave of the line
to the file. UDP bytes: all UDP payload sent by both ends, ACKs and handshake included.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from udpchat.config import SECOND, Config
from udpchat.errors import UsageError
from udpchat.sim.link import LinkSpec

Direction = Literal["up", "down"]

FULL_PAYLOAD: Final = 1_420  # bytes of a file in a full packet, and of that packet on the wire
FULL_PACKET: Final = 1_514
MAX_SIZE: Final = 500_000_000  # bytes of all files of an experiment: they are kept in memory, at both ends
MAX_CLIENTS: Final = 250
MAX_CHAT_RATE: Final = 1_000.0  # lines a second, of each person
PATIENCE: Final = 24 * 3_600 * SECOND  # virtual time after which nothing more is expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """A file, or one for each client, over links that are alike.

    link: of each client, in each direction. size: bytes of each file. direction: "up" to the server, "down" from it.
    text: the files are readable and compressible, else random. chat: lines a second that everybody present says while
    files are under way; a single client gets somebody to talk to. rebind: interval at which each client gets another
    address [us], 0 is never. rejoin: in the end, which no figure counts, the first client leaves and joins again by its
    address token. sample: least time between two samples [us], 0 is none. patience: virtual time [us].
    UsageError when it cannot be run.
    """

    link: LinkSpec
    size: int
    direction: Direction = "up"
    clients: int = 1
    text: bool = False
    chat: float = 0.0
    rebind: int = 0
    rejoin: bool = False
    seed: int = 0
    config: Config = field(default_factory=Config)
    sample: int = 0
    patience: int = PATIENCE

    def __post_init__(self) -> None:
        if not 0 < self.clients <= MAX_CLIENTS:
            raise UsageError(f"an experiment has 1 to {MAX_CLIENTS} clients, not {self.clients}")
        if not 0 <= self.size * self.clients <= MAX_SIZE:
            raise UsageError(
                f"{self.size * self.clients} bytes do not fit an experiment, which is kept in memory; "
                f"choose at most {MAX_SIZE} in all"
            )
        if not 0 <= self.chat <= MAX_CHAT_RATE:
            raise UsageError(f"nobody says {self.chat:g} lines a second; choose at most {MAX_CHAT_RATE:g}")

    @property
    def round_trip(self) -> int:
        """Time there and back on an empty path without a packet's own time on the line [us]."""
        return 2 * self.link.delay


def limit(link: LinkSpec) -> float | None:
    """What a link can carry of a file [bytes per second]; None when its rate is unlimited."""
    return link.rate * (1 - link.loss) * FULL_PAYLOAD / FULL_PACKET if link.rate else None


@dataclass(frozen=True, slots=True)
class Sample:
    """The sender of the first client's file at one moment of virtual time [us].

    sent, acked: bytes of datagrams so far that had to be acknowledged, and that were. in_flight, window: bytes in
    flight, congestion window. smoothed_rtt: [us]. queue: packets queued or on the line towards the receiver.
    """

    at: int
    sent: int
    acked: int
    in_flight: int
    window: int
    smoothed_rtt: int
    lost: int
    queue: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of an experiment. Times are [us] of virtual time, rates bytes per second; None is not known.

    missing: what did not arrive, in words; empty when all did. bytes: of the files that arrived. datagrams, udp_bytes:
    sent by all. retransmitted: DATA packets with file bytes that had been sent before. lost, spurious: packets that
    senders of files declared lost, without those that arrived after all, and those. round_trips: that the first client
    waited for answers until it was in. md5_sent, md5_stored: of the first client's file at both ends. trace: hash over
    time, addresses and bytes of every datagram. new_packets: (time, how many DATA packets with new bytes had left by
    then), an entry for each burst of them.
    """

    seed: int
    missing: tuple[str, ...]
    bytes: int
    duration: int | None
    goodput: float | None
    limit: float | None
    datagrams: int
    udp_bytes: int
    retransmitted: int
    lost: int
    spurious: int
    probe_timeouts: int
    queue_drops: int
    dropped: int
    round_trips: int | None
    joined_after: int | None
    chat_sent: int
    chat_delivered: int
    chat_p50: int | None
    chat_p99: int | None
    md5_sent: str | None
    md5_stored: str | None
    trace: str
    new_packets: tuple[tuple[int, int], ...] = ()
    samples: tuple[Sample, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Everything arrived, and both ends have the same MD5."""
        return not self.missing

    @property
    def ratio(self) -> float | None:
        """Goodput as a share of the limit."""
        return self.goodput / self.limit if self.goodput is not None and self.limit else None

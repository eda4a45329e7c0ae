"""Every tunable, with its unit, its default and where the default comes from.

Times are integer microseconds, sizes bytes, rates bytes per second. Constants are facts of the protocol; the fields of
`Config` are what an administrator or a test may change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from udpchat.errors import UsageError

MICROSECOND: Final = 1
MILLISECOND: Final = 1_000
SECOND: Final = 1_000_000

KIB: Final = 1_024
MIB: Final = 1_048_576

DEFAULT_PORT: Final = 27272  # UDP; not assigned to anything that Wireshark knows

# -- datagrams ---------------------------------------------------------------------------------------------------------

HELLO_SIZE: Final = 1_200  # bytes of a HELLO datagram: nothing we send back to a stranger may be larger
BASE_DATAGRAM: Final = 1_200  # bytes that every path is taken to carry (RFC 9000 section 14)
MAX_DATAGRAM_IPV4: Final = 1_472  # bytes of UDP payload in a 1,500 byte IPv4 packet
MAX_DATAGRAM_IPV6: Final = 1_452  # the same for IPv6
MAX_BURST: Final = 65_507  # bytes that one system call takes or delivers: the largest UDP payload
MAX_BURST_SEGMENTS: Final = 64  # datagrams in a burst (UDP_MAX_SEGMENTS of older Linux kernels)

# -- timers ------------------------------------------------------------------------------------------------------------

GRANULARITY: Final = 1 * MILLISECOND  # of timers (RFC 9002 section 6.1.2)
INITIAL_RTT: Final = 100 * MILLISECOND  # before a sample; RFC 9002 section 6.2.2 has 333 ms, this is for local networks
MAX_ACK_DELAY: Final = 25 * MILLISECOND  # longest time an ACK is held back (RFC 9000 section 18.2)
PACKET_THRESHOLD: Final = 3  # packets after which an earlier one is lost (RFC 9002 section 6.1.1)
TIME_THRESHOLD: Final = (9, 8)  # of the RTT after which a packet is lost (RFC 9002 section 6.1.2)
MAX_PROBE_INTERVAL: Final = 1 * SECOND  # the back-off of probes stops here, so that a link that returns is noticed

HELLO_FIRST_RETRY: Final = 300 * MILLISECOND  # then x1.5 up to
HELLO_LAST_RETRY: Final = 1 * SECOND
HANDSHAKE_TIMEOUT: Final = 15 * SECOND  # the client gives up
HALF_OPEN_TIMEOUT: Final = 10 * SECOND  # the server forgets a connection that never sent a sealed packet
JOIN_TIMEOUT: Final = 15 * SECOND  # and closes one that never joins
COOKIE_LIFETIME: Final = 15 * SECOND
TOKEN_LIFETIME: Final = 7 * 24 * 3600 * SECOND
KEEP_ALIVE: Final = 25 * SECOND  # silence before a PING; most NATs forget after 30 s (RFC 9000 section 10.1.2)
IDLE_TIMEOUT: Final = 60 * SECOND  # silence after which a connection is dropped
CLOSING_PROBES: Final = 3  # a closed connection answers for three probe timeouts (RFC 9000 section 10.2)

# -- ARQ ---------------------------------------------------------------------------------------------------------------

MAX_ACK_RANGES: Final = 64  # in one ACK
MAX_KEPT_RANGES: Final = 256  # at the receiver; above it the floor rises
SKIP_INTERVAL: Final = 256  # at most one packet number in so many is skipped, against optimistic ACKs
INITIAL_WINDOW_PACKETS: Final = 10  # congestion window at the start (RFC 9002 section 7.2)
MINIMUM_WINDOW_PACKETS: Final = 2  # RFC 9002 section 7.2
ARQ_SCHEMES: Final = ("selective-repeat", "go-back-n", "stop-and-wait")  # of file data; all else is selective repeat
CONTROLLERS: Final = ("bbr", "cubic", "newreno", "fixed")
MAX_WINDOW_PACKETS: Final = 4_096  # that a user may ask for: twice the packets of 20 ms at 1 Gbit/s
REKEY_PACKETS: Final = 2**20  # packets under one key
REKEY_INTERVAL: Final = 3_600 * SECOND  # age of a key

INITIAL_RECEIVE_WINDOW: Final = 1 * MIB
MAX_RECEIVE_WINDOW: Final = 16 * MIB  # of one connection
MAX_SERVER_WINDOW: Final = 64 * MIB  # of all connections of a server
CHANNEL_WINDOW: Final = 1 * MIB  # bytes of a message channel beyond the last in-order one
CHANNEL_COUNT: Final = 2
MAX_RECORD: Final = 1 * MIB  # bytes of a record body
TRANSFER_CREDIT: Final = 8 * MIB  # bytes of a transfer that are not durable: what may travel twice at most
MAX_TRANSFER_RUNS: Final = 16_384  # separate runs of a received file: more than packets of two credits can leave
SYNC_INTERVAL: Final = 4 * MIB  # bytes of a transfer between two calls of fdatasync

# -- files -------------------------------------------------------------------------------------------------------------

BLOCK_SIZE: Final = 1 * MIB  # bytes of a block, each with a SHA-256 of its own
CHECK_SLICE: Final = 16 * MIB  # bytes read back at once, to check or to hash them beside a transfer
HOLDERS_AT_ONCE: Final = 4  # nodes that one file is fetched from at once
MAX_REPAIRS: Final = 3  # rounds of sending damaged blocks again
MAX_FOLDER_MEMBERS: Final = 100_000  # files and folders in one folder that is sent
MAX_MEMBER_PATH: Final = 1_024  # bytes of a path inside a folder in UTF-8
MAX_INDEX_PATHS: Final = 8 * MIB  # bytes of all paths of a folder: 84 for each of as many as there may be
MEMBER_MEMORY: Final = 512  # bytes of memory that a member takes beside its path while its folder arrives (measured)
MAX_OWNER_INDEXES: Final = 128 * MIB  # memory of the indexes of all folders that arrive from one user: two large ones
MAX_SERVER_INDEXES: Final = 512 * MIB  # the same of all users of a server
MEMBERS_AT_ONCE: Final = 256  # members that storage is handed together: one transaction
PARALLEL_TRANSFERS: Final = 4  # of a client at once in each direction; others wait
EXPIRY_INTERVAL: Final = 60 * SECOND  # between two looks at what has expired

# -- storage -----------------------------------------------------------------------------------------------------------

MAX_STORED_FILES: Final = 100_000  # in the list of a server
MAX_OPEN_PARTS: Final = 512  # unfinished files that are being written at once: one descriptor each
MAX_PARTS_PER_OWNER: Final = 64  # unfinished files of one user, open or not
MAX_PART_RUNS: Final = 16_384  # runs of an unfinished file; 16 MiB in packets of 1,200 B, every second lost, are 7,300
PART_LIFETIME: Final = 7 * 24 * 3600 * SECOND  # an unfinished file that nobody touched for so long is removed
ROOM_LIFETIME: Final = 3_600 * SECOND  # without a sender it keeps room for what has not come: a restart, a laptop shut
FEW_PART_RUNS: Final = 4_096  # runs that every unfinished file may have (10 % loss: 1,300); those above count against
MAX_OPEN_RUNS: Final = 2**20  # runs of all that are being written: each takes about 80 bytes of memory
MAX_CATCH_UP: Final = 1 * MIB  # bytes read back and hashed in one write, when a hole was filled
MIN_FREE_SPACE: Final = 64 * MIB  # bytes of the disk that uploads leave to the database

# -- text --------------------------------------------------------------------------------------------------------------

MAX_NICK: Final = 32  # characters
MAX_TEXT: Final = 4 * KIB  # bytes of a chat line in UTF-8
MAX_FILE_NAME: Final = 255  # bytes of a display name in UTF-8: what most file systems take
MAX_FILE_SIZE: Final = 2**53 - 1  # bytes
LOBBY: Final = "lobby"  # the room everybody is in
PRIVATE_NAME: Final = "(private)"  # what the people at a server are told in place of the name of a private file
MAX_ROOM: Final = 32  # characters of a room's name
MAX_TOPIC: Final = 200  # characters
MAX_PASSWORD: Final = 1_024  # bytes in UTF-8, checked before anything is hashed
MAX_AWAY: Final = 200  # characters of an away message

# -- chat --------------------------------------------------------------------------------------------------------------

TICKET_LIFETIME: Final = 30 * 24 * 3600 * SECOND  # since it was used last
PAGE_SIZE: Final = 256  # messages read at once for somebody who has fallen behind
LAG_LIMIT: Final = 256 * KIB  # bytes that wait for a client; above it reads what it missed from the disk
SEEN_DELAY: Final = 1 * SECOND  # a client confirms lines of rooms after this time, private ones at once
RECEIPT_INTERVAL: Final = 1 * SECOND  # between two looks at what has been delivered to all
MAX_HISTORY: Final = 500  # messages in one answer
MAX_HASHING: Final = 16  # passwords that wait to be hashed; then "try later"
LOGIN_DELAY: Final = 1 * SECOND  # after a wrong password, doubled by each that follows, up to
MAX_LOGIN_DELAY: Final = 15 * 60 * SECOND
MAX_FAILED_LOGINS: Final = 100  # per hour and account (OWASP ASVS 2.2.1), and from one address
RECONNECT_FIRST: Final = 250 * MILLISECOND  # before a client tries to come back, then doubled up to
RECONNECT_LAST: Final = 3 * SECOND

# -- peers -------------------------------------------------------------------------------------------------------------

MAX_TTL: Final = 16  # links that a query travels: 7 span a random network of 10,000 nodes with 4 neighbours each
MAX_NODE_NAME: Final = 32  # characters
NEIGHBOUR_TIMEOUT: Final = 15 * SECOND  # until NEIGHBOUR is answered
DIAL_FIRST: Final = 1 * SECOND  # before a neighbour is tried again, then doubled up to
DIAL_LAST: Final = 60 * SECOND
SEARCH_TIME: Final = 5 * SECOND  # a search is over: 16 links there and back with 300 ms each
ROUTE_LIFETIME: Final = 30 * SECOND  # a query is remembered: no copy of it, and no hit, is under way for longer
MAX_ROUTES: Final = 8_192  # queries that are remembered: twice those of 30 s at full rate, and a burst
QUERY_RATE: Final = 100  # queries a second that a node answers and passes on: 200 nodes, each with one in 2 s
QUERY_BURST: Final = 100  # at once before that: what a link brings that stood still for 1 s
QUERY_QUEUE: Final = 256  # of one neighbour that wait, and come at once: more than one that keeps to the rate sends
FLOOD_RATE: Final = 1  # query a second of a neighbour that brings more: 64 of those leave room for others
FLOOD_TIME: Final = 10 * SECOND  # for so long after that
MAX_LOCAL_SEARCHES: Final = 16  # that storage is asked for at once
MAX_OWN_SEARCHES: Final = 64  # of one node that are not over
MAX_ANSWERS: Final = 64  # hits of one node for one query, and how many more each link nearer to who asks may carry
HIT_RATE: Final = 500  # hits a second to one neighbour
HIT_BURST: Final = 1_024  # at once before that
MAX_SHARED: Final = 100_000  # files and folders in the folder of a node: as many as in the list of a server
SEARCH_BUDGET: Final = 100 * MILLISECOND  # in which storage answers a query: 100,000 names take 30 (measured)
LINK_QUEUE: Final = 256 * KIB  # bytes that wait for a neighbour; above it gets no hits
LINK_QUERIES: Final = 8 * KIB  # and above this no queries: some 150 come at once after a pause, no flood


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What an administrator or a test may change.

    max_datagram: largest datagram we try and take [bytes].
    transfer_credit, sync_interval: bytes of a transfer ahead of the durable ones, and between two calls of fdatasync.
    congestion: one of CONTROLLERS. arq: one of ARQ_SCHEMES, for what this end sends of files.
    window: packets of file data in flight at most; 0 is as many as congestion control says, 10 when that is "fixed".
    plaintext: sessions are not sealed; both ends must say so.
    idle_timeout, keep_alive, half_open_timeout, handshake_timeout: [us].
    receive_window: largest window of one connection [bytes]; server_window: of all together.
    """

    max_datagram: int = MAX_DATAGRAM_IPV4
    congestion: str = "bbr"
    arq: str = "selective-repeat"
    window: int = 0
    plaintext: bool = False
    portable: bool = False  # one datagram a system call, as on systems without offload
    idle_timeout: int = IDLE_TIMEOUT
    keep_alive: int = KEEP_ALIVE
    half_open_timeout: int = HALF_OPEN_TIMEOUT
    handshake_timeout: int = HANDSHAKE_TIMEOUT
    receive_window: int = MAX_RECEIVE_WINDOW
    server_window: int = MAX_SERVER_WINDOW
    rekey_packets: int = REKEY_PACKETS
    rekey_interval: int = REKEY_INTERVAL  # us
    max_users: int = 1_024  # sessions of a server
    max_connections: int = 2_048  # of a server, those that have not joined included
    max_half_open: int = 1_024  # handshakes a server waits for
    max_per_address: int = 1_024  # sessions from one address: a class behind one NAT
    max_joins_per_second: int = 200  # from one address; loopback is exempt
    max_resets_per_second: int = 20  # of a server; one per second and source
    max_transfers: int = 16  # at once, of one connection and direction
    transfer_credit: int = TRANSFER_CREDIT
    sync_interval: int = SYNC_INTERVAL
    file_rate: int = 0  # bytes of files a second that a server takes and gives, all transfers together; 0: any number
    user_quota: int = 0  # bytes of files that one user may store; 0: any number
    total_quota: int = 0  # bytes of files that a server stores; 0: as many as the disk takes
    file_lifetime: int = 0  # us, then stored files are removed; 0: never
    max_lists: int = 16  # answers of many records that one connection waits for
    max_send_queue: int = 4 * MIB  # bytes of a channel that wait for the peer
    max_used_tokens: int = 65_536  # address tokens remembered as used
    max_queue: int = 256  # who wait for a place on a server that is full
    max_rooms: int = 1_024  # of a server
    max_rooms_per_user: int = 64
    max_accounts: int = 10_000  # of a server
    require_account: bool = False  # guests are not let in
    min_account_name: int = 6  # characters
    min_password: int = 6  # characters
    message_rate: int = 100  # lines a second that one user may say in the long run; 0: any number
    message_burst: int = 200  # lines that are taken at once before that
    max_waiting_lines: int = 1_024  # of one user, that came faster than that
    keep_history: int = 0  # us, then messages are forgotten; 0: for ever
    is_read_only: bool = False  # files can be fetched, and none uploaded
    max_neighbours: int = 64  # of a node
    max_ttl: int = 7  # links that a query travels at most, our own and those that we pass on; at most MAX_TTL

    def __post_init__(self) -> None:
        """Refuse names that nothing has. UsageError."""
        check_sending(self.arq, self.congestion, self.window)
        if not 1 <= self.max_ttl <= MAX_TTL:
            raise UsageError(f"a query travels 1 to {MAX_TTL} links, not {self.max_ttl}")


def check_sending(arq: str, congestion: str, window: int) -> None:
    """Whether files can be sent this way; UsageError says what there is instead. window: packets."""
    if arq not in ARQ_SCHEMES:
        raise UsageError(f"no ARQ scheme is called {arq!r}; there are {', '.join(ARQ_SCHEMES)}")
    if congestion not in CONTROLLERS:
        raise UsageError(f"no congestion control is called {congestion!r}; there are {', '.join(CONTROLLERS)}")
    if not 0 <= window <= MAX_WINDOW_PACKETS:
        raise UsageError(f"a window has at most {MAX_WINDOW_PACKETS} packets (0: as many as congestion control says)")

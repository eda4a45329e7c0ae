"""What a connection tells the services above it, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from udpchat.protocol.datagrams import Address
from udpchat.wire.records import Record, UnknownRecord


@dataclass(frozen=True, slots=True)
class ConnectionOpened:
    """The handshake is done and both ends hold the same keys.

    peer_key: the server's static public key at the client, empty at the server and in plaintext mode.
    handshake_hash: what both ends saw of the handshake; JOIN signs it.
    """

    connection_id: bytes
    address: Address
    peer_key: bytes
    handshake_hash: bytes


@dataclass(frozen=True, slots=True)
class ConnectionClosed:
    """The connection is over; nothing more comes from it.

    code: an ErrorCode, or another number that a later version sent. remote: the other end closed it.
    """

    connection_id: bytes
    code: int
    reason: str
    remote: bool


@dataclass(frozen=True, slots=True)
class RecordReceived:
    """A whole record arrived on a message channel, in order."""

    connection_id: bytes
    channel: int
    request_id: int
    record: Record | UnknownRecord


@dataclass(frozen=True, slots=True)
class DataReceived:
    """Bytes of a transfer arrived, not seen before. data is valid until the next call of the core."""

    connection_id: bytes
    transfer_id: int
    offset: int
    data: memoryview


@dataclass(frozen=True, slots=True)
class TransferSent:
    """Every byte of a transfer was sent at least once; lost ones are still repeated."""

    connection_id: bytes
    transfer_id: int


@dataclass(frozen=True, slots=True)
class TransferAcked:
    """The receiver has acknowledged every byte of a transfer. Told again when it asked for some of them once more."""

    connection_id: bytes
    transfer_id: int


@dataclass(frozen=True, slots=True)
class SourceFailed:
    """The file that is being sent gave fewer bytes than it had; the transfer stopped."""

    connection_id: bytes
    transfer_id: int
    offset: int


@dataclass(frozen=True, slots=True)
class AddressChanged:
    """The peer speaks from another address, and has proved it."""

    connection_id: bytes
    address: Address


ConnectionEvent: TypeAlias = (
    ConnectionOpened
    | ConnectionClosed
    | RecordReceived
    | DataReceived
    | TransferSent
    | TransferAcked
    | SourceFailed
    | AddressChanged
)

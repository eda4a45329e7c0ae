"""Captures of what passes the sockets of a program, on disk while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from udpchat.capture.rotation import CaptureLog, CaptureTarget
from udpchat.capture.tap import Tap
from udpchat.net.sockets import DatagramSocket
from udpchat.protocol.core import Core
from udpchat.protocol.datagrams import Address


def open_capture(target: CaptureTarget | None, interfaces: Sequence[str], closing: ExitStack) -> CaptureLog | None:
    """The capture, when there is to be one, which the stack closes. StorageError."""
    if target is None:
        return None
    log = CaptureLog(target, interfaces)
    closing.callback(log.close)
    return log


def tap_between(log: CaptureLog | None, sockets: Sequence[DatagramSocket], offset: int) -> Tap | None:
    """A tap between a core and its sockets, if there is a capture. offset: wall clock minus `now` [us].

    sockets: looked at for each datagram, since a client may get another. A socket that listens on every address of the
    machine is recorded with that address, 0.0.0.0 or ::.
    """
    if log is None:
        return None

    def local(remote: Address) -> Address:
        wanted = ":" in remote[0]
        return next((each.address for each in sockets if (":" in each.address[0]) is wanted), sockets[0].address)

    return Tap(log, local, offset=offset, flush=log.flush)


def tapped(core: Core, tap: Tap | None) -> Core:
    """What the driver is to drive: the core itself, unless it is recorded."""
    return core if tap is None else tap.wrap(core)

"""The address of the peer: which one is believed, and how many bytes it may be sent (RFC 9000 sections 8 and 9)."""

from __future__ import annotations

from udpchat.protocol.datagrams import Address

AMPLIFICATION = 3  # bytes sent for each byte received, until the address has answered (RFC 9000 section 8.1)
UNLIMITED = 1 << 62  # bytes: the address is proved
CHALLENGES = 3  # sent to an address, one probe timeout apart, before it is given up (RFC 9000 section 8.2.4)


class Path:
    """Where datagrams to the peer go.

    A move to another address is believed only after it has answered a challenge; until then few bytes go there, and
    when no answer comes the last proved address is taken again.
    """

    __slots__ = (
        "_interval",
        "_proved",
        "_received",
        "_retries",
        "_sent",
        "address",
        "challenge_due",
        "deadline",
        "is_validated",
        "may_move",
        "nonce",
        "response_due",
    )

    def __init__(self, address: Address, *, is_validated: bool, may_move: bool) -> None:
        self.address = address
        self.is_validated = is_validated
        self.may_move = may_move
        self.nonce: bytes | None = None  # of the challenge that is out
        self.challenge_due = False
        self.response_due: bytes | None = None  # nonce to be echoed
        self.deadline: int | None = None  # of the challenge
        self._proved = address
        self._received = 0
        self._sent = 0
        self._interval = 0
        self._retries = 0

    def on_received(self, size: int) -> None:
        """Count bytes of authenticated datagrams from the present address."""
        self._received += size

    def on_sent(self, size: int) -> None:
        """Count bytes sent to the present address."""
        self._sent += size

    def budget(self) -> int:
        """Bytes that may be sent now."""
        return UNLIMITED if self.is_validated else AMPLIFICATION * self._received - self._sent

    def move(self, address: Address, nonce: bytes, now: int, interval: int) -> bool:
        """The newest authenticated packet came from address; True when it is on another host than before.

        nonce: of the challenge to send there. interval: after which it is sent again [us].
        """
        if self.is_validated:
            self._proved = self.address
        other_host = address[0] != self.address[0]
        self.address = address
        self._received = self._sent = 0
        if address == self._proved:
            self._settle()
            return other_host
        self.is_validated = False
        self.nonce, self.challenge_due, self.deadline = nonce, True, now + interval
        self._interval, self._retries = interval, CHALLENGES - 1
        return other_host

    def on_response(self, nonce: bytes, address: Address) -> bool:
        """True when this answers the challenge from where it was sent to: the address is proved."""
        if self.is_validated or nonce != self.nonce or address != self.address:
            return False
        self._proved = self.address
        self._settle()
        return True

    def on_timeout(self, now: int) -> bool:
        """Challenge again; True when that was in vain: back at the last proved address."""
        if self.deadline is None or now < self.deadline:
            return False
        if self._retries:
            self._retries -= 1
            self.challenge_due, self.deadline = True, now + self._interval
            return False
        self.address = self._proved
        self._settle()
        return True

    def _settle(self) -> None:
        self.is_validated, self.nonce, self.challenge_due, self.deadline = True, None, False, None

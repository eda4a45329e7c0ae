"""The address of the peer: which one is believed, and how many bytes it may be sent (RFC 9000 sections 8 and 9)."""

from __future__ import annotations

from udpchat.protocol.datagrams import Address

AMPLIFICATION = 3  # bytes sent for each byte received, until the address has answered (RFC 9000 section 8.1)


class Path:
    """Where datagrams to the peer go.

    A move to another address is believed only after it has answered a challenge; until then few bytes go there, and
    when no answer comes the last proved address is taken again.
    """

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

    def on_received(self, size: int) -> None:
        """Count bytes of authenticated datagrams from the present address."""
        self._received += size

    def on_sent(self, size: int) -> None:
        """Count bytes sent to the present address."""
        self._sent += size

    def budget(self) -> int:
        """Bytes that may be sent now."""
        return 1 << 62 if self.is_validated else AMPLIFICATION * self._received - self._sent

    def move(self, address: Address, nonce: bytes, deadline: int) -> bool:
        """The newest authenticated packet came from address; True when it is on another host than before."""
        if self.is_validated:
            self._proved = self.address
        other_host = address[0] != self.address[0]
        self.address = address
        self._received = self._sent = 0
        if address == self._proved:
            self._settle()
            return other_host
        self.is_validated = False
        self.nonce, self.challenge_due, self.deadline = nonce, True, deadline
        return other_host

    def on_response(self, nonce: bytes) -> bool:
        """True when this answers the challenge: the address is proved."""
        if self.is_validated or nonce != self.nonce:
            return False
        self._proved = self.address
        self._settle()
        return True

    def on_timeout(self, now: int) -> bool:
        """True when the challenge went unanswered: back at the last proved address."""
        if self.deadline is None or now < self.deadline:
            return False
        self.address = self._proved
        self._settle()
        return True

    def _settle(self) -> None:
        self.is_validated, self.nonce, self.challenge_due, self.deadline = True, None, False, None

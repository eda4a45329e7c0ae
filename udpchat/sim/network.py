"""Ends of the core contract joined by seeded links in virtual time: the same seed gives the same bytes, twice."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, Final

from udpchat.config import MAX_DATAGRAM_IPV4
from udpchat.errors import UsageError
from udpchat.protocol.datagrams import Address, Burst
from udpchat.sim.link import Fate, Link, LinkSpec
from udpchat.sim.stalls import Absence, Stalls, StallSpec
from udpchat.sim.station import NOT_SPINNING, End, OnEvent, Station
from udpchat.sim.trace import Happening, SimulationError, Tap, Trace

NOBODY: Final = Fate("nobody", 0)  # of what goes to an address where there is no end
NOWHERE: Final[Address] = ("", 0)  # where timeouts and calls come from
MAX_STEPS_WITHOUT_TIME: Final = 1_000  # timeouts of one end at one time, after which it is taken to spin


Invariant = Callable[[Any, int], None]  # (end, now); raises AssertionError
Observer = Callable[[Any, int], None]  # (end, now)
Target = Station | Address | Callable[[], None]  # an end to time out, the destination of a datagram, a call


class Network:
    """A virtual clock, ends at addresses, and a link for each ordered pair of them.

    default: what pairs that were not connected get. start: the time at which the clock begins [us], the origin of the
    times in link specs. checked: the rules of each end (`check_invariants`) are checked after each of its steps.
    """

    def __init__(self, seed: int, default: LinkSpec | None = None, start: int = 0, *, checked: bool = True) -> None:
        self.seed = seed
        self.now = start
        self.trace = Trace()
        self._default = default or LinkSpec(delay=1_000)
        self._start = start
        self._checked = checked
        self._stations: dict[Address, Station] = {}
        self._links: dict[tuple[str, str], Link] = {}
        self._invariants: list[Invariant] = []
        self._observers: list[Observer] = []
        self._heap: list[tuple[int, int, Target, Address, bytes]] = []  # (time, sequence, whom, from, data)
        self._sequence = 0

    def add(self, end: End, address: Address, on_event: OnEvent | None = None, limit: int = MAX_DATAGRAM_IPV4) -> None:
        """Put an end at an address. on_event: called with each (end, event, now). limit: of its datagrams [bytes]."""
        if address in self._stations:
            raise UsageError(f"{address} is taken")
        self._stations[address] = Station(end, address, on_event, limit, checked=self._checked)

    def connect(self, a: Address, b: Address, spec_ab: LinkSpec, spec_ba: LinkSpec | None = None) -> None:
        """Say what the two directions between two ends do from now on; the second is like the first by default."""
        self.link(a, b).replace(spec_ab)
        self.link(b, a).replace(spec_ba or spec_ab)

    def link(self, source: Address, destination: Address) -> Link:
        """The link from one end to another: to read its counters, or to replace its spec in mid-run."""
        names = self._station(source).name, self._station(destination).name
        if names not in self._links:
            self._links[names] = Link(self._default, f"{self.seed} {names[0]} {names[1]}", self._start)
        return self._links[names]

    def fate_of(self, source: Address, destination: Address) -> Fate:
        """What becomes of the last datagram that was sent between two addresses."""
        station, other = self._stations.get(source), self._stations.get(destination)
        return NOBODY if station is None or other is None else self._links[station.name, other.name].fate

    def heal(self) -> None:
        """Take all faults off all links, also those to come, and all stalls; rates, delays and queues stay."""
        self._default = self._default.healed()
        for station in self._stations.values():
            if station.absence is not None and not station.absence.held:
                station.absence = None
        for link in self._links.values():
            link.replace(link.spec.healed())

    def stall(self, address: Address, spec: StallSpec) -> None:
        """Let a host not run now and then: what comes for it meanwhile is delivered, in order, at the end."""
        station = self._station(address)
        station.absence = Absence(Stalls(spec, f"{self.seed} {station.name}", self.now))

    def rebind(self, old: Address, new: Address) -> None:
        """Give an end another public address, as a NAT does; what is on its way to the old one goes nowhere."""
        if new in self._stations:
            raise UsageError(f"{new} is taken")
        station = self._stations[new] = self._stations.pop(old)
        station.address = new
        for other in self._stations.values():
            other.routes.clear()

    def remove(self, address: Address) -> None:
        """Take an end away, as a crash does; another may be added at its address and uses the same links."""
        self._stations.pop(address).scheduled = None

    def inject(self, data: bytes, source: Address, destination: Address, at: int) -> None:
        """Let a datagram with any source address arrive at a time, past all links."""
        self._push(max(at, self.now), destination, source, data)
        self.trace.sent(self.now, source, destination, data)

    def call_at(self, at: int, function: Callable[[], None]) -> None:
        """Call a function at a virtual time, then settle all ends: what a user does in mid-run."""
        self._push(max(at, self.now), function, NOWHERE, b"")

    def invariant(self, callback: Invariant) -> None:
        """Check an end by this callback after each of its steps; it raises AssertionError."""
        self._invariants.append(callback)

    def observe(self, callback: Observer) -> None:
        """Tell a callback of each step of an end, when all that it had to say was taken."""
        self._observers.append(callback)

    def tap(self, callback: Tap) -> None:
        """Tell a callback of every datagram sent, dropped and delivered."""
        self.trace.taps.append(callback)

    def untap(self, callback: Tap) -> None:
        """Tell it no more."""
        self.trace.taps.remove(callback)

    def trace_hash(self) -> str:
        """A hash over time, addresses and bytes of every datagram sent so far."""
        return self.trace.hexdigest()

    def run_until(self, done: Callable[[], bool], timeout: int) -> bool:
        """Let time pass until done() holds; False when it does not within timeout [us] from now.

        A failure of an end or of a rule carries the seed and the time.
        """
        end_time = self.now + timeout
        try:
            self.settle()
            while not done():
                if not self._heap or self._heap[0][0] > end_time:
                    self.now = end_time
                    return False
                self._step()
        except Exception as error:
            error.add_note(f"SIM_SEED={self.seed} at {self.now} us")
            raise
        return True

    def run_for(self, duration: int) -> None:
        """Let a duration [us] pass."""
        self.run_until(lambda: False, duration)

    def settle(self) -> None:
        """Take events, datagrams and deadlines of all ends, after something was done to them from outside."""
        for station in list(self._stations.values()):
            self._flush(station)

    def _step(self) -> None:
        time, _, target, source, data = heappop(self._heap)
        if time < self.now:
            raise SimulationError(f"time went back from {self.now} to {time} us (seed {self.seed})")
        if isinstance(target, tuple):
            self.now = time
            if not self._holds(target, source, data):
                self._deliver(source, target, data)
        elif isinstance(target, Station):
            self._wake(target, time)
        else:
            self.now = time
            target()
            self.settle()

    def _deliver(self, source: Address, destination: Address, data: bytes) -> None:
        station = self._stations.get(destination)
        if self.trace.taps:
            happening = Happening.DELIVERED if station else Happening.DROPPED
            self.trace.tell(happening, self.now, source, destination, data)
        if station is None:
            return
        size = len(data)
        view = station.buffer[:size]
        view[:] = data
        station.spinning = NOT_SPINNING
        station.end.receive_burst(Burst(source, view, size), self.now)
        self._flush(station)

    def _holds(self, destination: Address, source: Address, data: bytes) -> bool:
        """Whether the host is in a stall and the datagram waits for its end."""
        station = self._stations.get(destination)
        if station is None or station.absence is None:
            return False
        absence = station.absence
        if not absence.held:
            end = absence.stalls.release(self.now)
            if end <= self.now:
                return False
            self._push(end, lambda: self._resume(station, absence), NOWHERE, b"")
        absence.held.append((source, data))
        return True

    def _resume(self, station: Station, absence: Absence) -> None:
        held, absence.held = absence.held, deque()
        for source, data in held:
            self._deliver(source, station.address, data)

    def _wake(self, station: Station, time: int) -> None:
        """Time out an end whose deadline this is; deadlines that were moved later are noticed only here."""
        if station.scheduled != time:
            return
        station.scheduled = None
        deadline = station.deadline
        if deadline is None:
            return
        if station.absence is not None:
            deadline = max(deadline, station.absence.stalls.release(time))
        if deadline > time:
            self._schedule(station, deadline)
            return
        woken, spins = station.spinning
        station.spinning = time, spins + 1 if time == woken else 0
        if spins > MAX_STEPS_WITHOUT_TIME:
            raise SimulationError(f"{station.name} keeps its deadline {deadline} at {time} us (seed {self.seed})")
        self.now = time
        station.end.handle_timeout(time)
        self._flush(station)

    def _flush(self, station: Station) -> None:
        """Drain every output of an end: events, then datagrams, then its deadline; then check the rules."""
        end, now = station.end, self.now
        while (event := end.next_event()) is not None:
            if station.on_event is not None:
                station.on_event(end, event, now)
        for burst in end.datagrams_to_send(now):
            self._transmit(station, burst)
        station.deadline = deadline = end.next_timeout()
        if deadline is not None and (station.scheduled is None or deadline < station.scheduled):
            self._schedule(station, max(deadline, now))
        if station.check is not None or self._invariants:
            self._check(station)
        for observer in self._observers:
            observer(end, now)

    def _check(self, station: Station) -> None:
        try:
            if station.check is not None:
                station.check()
            for check in self._invariants:
                check(station.end, self.now)
        except AssertionError as error:
            raise SimulationError(f"{station.name} at {self.now} us (seed {self.seed}): {error}") from error

    def _transmit(self, station: Station, burst: Burst) -> None:
        destination, data, size = burst
        if not 0 < size <= station.limit:
            raise SimulationError(
                f"{station.name} sends a datagram of {size} bytes, its limit is {station.limit}, "
                f"at {self.now} us (seed {self.seed})"
            )
        now, source = self.now, station.address
        link = station.routes.get(destination)
        if link is None and destination in self._stations:
            link = station.routes[destination] = self.link(source, destination)
        for start in range(0, len(data), size):
            datagram = bytes(data[start : start + size])
            deliveries = link.send(len(datagram), now) if link is not None else ()
            self.trace.sent(now, source, destination, datagram)
            for at, corrupted in deliveries:
                arriving = link.corrupt(datagram) if corrupted and link is not None else datagram
                self._sequence = sequence = self._sequence + 1
                heappush(self._heap, (at, sequence, destination, source, arriving))
            if not deliveries and self.trace.taps:
                self.trace.tell(Happening.DROPPED, now, source, destination, datagram)

    def _schedule(self, station: Station, at: int) -> None:
        if station.scheduled is None or at < station.scheduled:
            station.scheduled = at
            self._push(at, station, NOWHERE, b"")

    def _push(self, at: int, target: Target, source: Address, data: bytes) -> None:
        self._sequence += 1
        heappush(self._heap, (at, self._sequence, target, source, data))

    def _station(self, address: Address) -> Station:
        station = self._stations.get(address)
        if station is None:
            raise UsageError(f"nobody is at {address}; call add first")
        return station

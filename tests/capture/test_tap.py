"""The tap round real cores, in virtual time: what its comments say is what happened."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from tests.capture.making import ANNA
from udpchat.capture.comments import read_comment
from udpchat.capture.pcapng import Captured, PcapngWriter, read_capture
from udpchat.capture.tap import FLUSH_INTERVAL, Tap
from udpchat.config import MILLISECOND, SECOND, Config
from udpchat.crypto.identity import Identity
from udpchat.files.events import Uploaded
from udpchat.lab.world import SERVER, End, Fitting, Setting, World, client, connections
from udpchat.net.hosts import make_client
from udpchat.protocol.datagrams import Address, Burst
from udpchat.sim.link import LinkSpec
from udpchat.wire.codec import Data, Message, decode
from udpchat.wire.numbers import PacketType

EPOCH = 978_307_200 * SECOND
LOSSY = LinkSpec(rate=2_500_000, delay=5 * MILLISECOND, loss=0.05, queue=30, reorder=0.01, duplicate=0.01)
CLEAN = LinkSpec(rate=2_500_000, delay=5 * MILLISECOND)


@dataclass
class Recorded:
    """A simulated upload with a tap at each end, read back from the capture."""

    world: World
    sender: End
    packets: list[Captured]

    def sent(self) -> list[tuple[Captured, dict[str, str]]]:
        """What the sender sent and had to be acknowledged, with the words of its comments."""
        ours = ((each, read_comment(each.comment)) for each in self.packets if each.interface == 0 and each.outbound)
        return [(each, words) for each, words in ours if "sent" in words]


def upload(
    folder: Path, seed: int, link: LinkSpec = LOSSY, *, tapped: bool = True, config: Config | None = None
) -> Recorded:
    file = io.BytesIO()
    writer = PcapngWriter(file, ["client", "server"])

    def fit(address: Address) -> Fitting:
        tap = Tap(writer, lambda _: address, interface=int(address == SERVER), offset=EPOCH)
        return Fitting(tap.watch, tap.wrap) if tapped else Fitting()

    world = World(seed, link, config, setting=Setting(fit=fit))
    anna = world.add_client("anna")
    world.join(anna)
    anna.store.local["a.bin"] = world.random.randbytes(300_000)
    world.do(lambda: client(anna).files.put("a.bin"))
    world.run_until(lambda: bool(anna.told(Uploaded)))
    path = folder / "upload.pcapng"
    path.write_bytes(file.getvalue())
    return Recorded(world, anna, list(read_capture(path)))


def content(captured: Captured) -> tuple[PacketType, int, int, int]:
    """What a packet carries: kind, transfer or channel, first byte, size."""
    packet = decode(captured.data)
    match packet.clear:
        case Data(transfer_id, offset):
            return PacketType.DATA, transfer_id, offset, len(packet.sealed) - 16
        case Message(channel, offset):
            return PacketType.MSG, channel, offset, len(packet.sealed) - 16
    return packet.header.packet_type, 0, 0, 0


def number(captured: Captured) -> int:
    return decode(captured.data).header.packet_number


def listed(words: str) -> list[int]:
    found: list[int] = []
    for part in words.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


CONFIGS = (
    Config(),
    Config(plaintext=True),
    Config(congestion="cubic"),
    Config(arq="go-back-n", window=16),
    Config(arq="stop-and-wait"),
)


@pytest.fixture(scope="module", params=range(len(CONFIGS)))
def lossy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    seed: int = request.param
    return upload(tmp_path_factory.mktemp("lossy"), seed, config=CONFIGS[seed])


def test_a_tap_changes_nothing(tmp_path: Path, lossy: Recorded) -> None:
    seed = lossy.world.network.seed
    without = upload(tmp_path, seed, tapped=False, config=CONFIGS[seed])
    assert without.world.network.trace_hash() == lossy.world.network.trace_hash()
    assert without.packets == []


def test_the_same_seed_gives_the_same_capture(tmp_path: Path, lossy: Recorded) -> None:
    seed = lossy.world.network.seed
    again = upload(tmp_path, seed, config=CONFIGS[seed])
    assert again.packets == lossy.packets


def test_every_datagram_is_recorded_where_it_leaves_and_where_it_arrives(tmp_path: Path) -> None:
    found = upload(tmp_path, 1, CLEAN)
    for here, there in ((0, 1), (1, 0)):
        left = [each.data for each in found.packets if each.interface == here and each.outbound]
        came = [each.data for each in found.packets if each.interface == there and each.outbound is False]
        assert came == left[: len(came)]  # nothing overtakes or is lost; the last ones may still be on their way
        assert len(left) - len(came) < 5
    assert [each.us >= EPOCH for each in found.packets].count(False) == 0
    assert all(before.us <= after.us for before, after in pairwise(found.packets))
    (anna,) = {each.source for each in found.packets if each.interface == 0 and each.outbound}
    assert anna == found.sender.address
    assert {each.destination for each in found.packets if each.interface == 0 and each.outbound} == {SERVER}


def test_the_comments_agree_with_the_counters_of_the_sender(lossy: Recorded) -> None:
    (connection,) = connections(lossy.sender.core.endpoint)
    counters = connection.transmitter.recovery.counters
    sent = lossy.sent()
    assert len(sent) == counters.sent_packets
    assert sum(len(each.data) for each, _ in sent) == counters.sent_bytes
    assert sum("sent=retransmission" in each.comment for each, _ in sent) == counters.repeated_packets
    lost = [listed(words["lost"]) for words in comments(lossy) if "lost" in words]
    mtu_probes = {number(each) for each, _ in sent if content(each)[0] is PacketType.PROBE}
    flat = [each for numbers in lost for each in numbers if each not in mtu_probes]
    assert len(flat) == len(set(flat)) == counters.lost_packets + counters.spurious_losses
    assert set(flat) <= {number(each) for each, _ in sent}
    assert all(numbers == sorted(numbers) for numbers in lost)


def comments(recorded: Recorded) -> list[dict[str, str]]:
    return [read_comment(each.comment) for each in recorded.packets if each.interface == 0]


def test_every_packet_that_is_sent_again_names_the_one_it_repeats(lossy: Recorded) -> None:
    by_number = {number(each): content(each) for each, _ in lossy.sent()}
    causes: Counter[str] = Counter()
    for each, words in lossy.sent():
        cause = words["sent"]
        kind, stream, offset, _ = content(each)
        causes[cause] += 1
        if cause == "first":
            assert "again" not in words
            continue
        again = int(words["again"])
        assert again < number(each)
        repeated_kind, repeated_stream, start, size = by_number[again]
        assert (repeated_kind, repeated_stream) == (kind, stream)
        assert start <= offset < start + size
    assert causes["retransmission"] > 5


def test_what_was_not_sent_before_is_called_first(lossy: Recorded) -> None:
    seen: set[tuple[PacketType, int, int]] = set()
    for each, words in lossy.sent():
        kind, stream, offset, _ = content(each)
        if kind in (PacketType.DATA, PacketType.MSG):
            assert ((kind, stream, offset) in seen) <= (words["sent"] != "first")
            seen.add((kind, stream, offset))


def test_a_loss_is_told_where_it_shows(lossy: Recorded) -> None:
    told_by: Counter[str] = Counter()
    for each in lossy.packets:
        words = read_comment(each.comment)
        if each.interface or "lost" not in words:
            continue
        told_by["sent" if each.outbound else decode(each.data).header.packet_type.name] += 1
        newest = max(listed(words["lost"]))
        earlier = [number(other) for other, _ in lossy.sent() if other.index < each.index]
        assert newest in earlier
    assert told_by.total() > 0
    assert set(told_by) <= {"ACK", "sent"}


def test_the_sender_tells_its_window_and_what_is_in_flight(lossy: Recorded) -> None:
    states = set()
    has_measured = False
    for each, words in lossy.sent():
        has_measured = has_measured or "srtt" in words
        assert ("srtt" in words) is has_measured  # from the first measurement on
        is_counted = content(each)[0] is not PacketType.PROBE
        assert int(words["in_flight"]) >= len(each.data) * is_counted
        assert int(words["cwnd"]) > 0
        assert int(words["peer_window"]) >= 0
        states.add(words["state"])
    assert has_measured
    assert all(state.replace("-", "").isalpha() for state in states)


def test_packets_of_a_burst_count_what_is_in_flight_one_by_one(tmp_path: Path) -> None:
    found = upload(tmp_path, 1, CLEAN).sent()
    steps = [
        int(after["in_flight"]) - int(before["in_flight"]) == len(packet.data)
        for (earlier, before), (packet, after) in pairwise(found)
        if earlier.us == packet.us and content(packet)[0] is not PacketType.PROBE
    ]
    assert len(steps) > 15
    assert all(steps)


def test_packets_that_the_system_refused_are_named_on_the_next(tmp_path: Path) -> None:
    file = io.BytesIO()
    tap = Tap(PcapngWriter(file, ["client"]), lambda _: ANNA)
    world = World(
        3, CLEAN, setting=Setting(fit=lambda address: Fitting() if address == SERVER else Fitting(tap.watch, tap.wrap))
    )
    anna = world.add_client("anna")
    world.join(anna)
    connection = client(anna).endpoint.connection
    assert connection is not None
    header = b"UC" + bytes(6) + connection.connection_id + (830).to_bytes(8, "big")
    anna.driven.on_too_large(Burst(SERVER, memoryview((header + bytes(1_448)) * 2), 1_472))
    world.do(lambda: client(anna).chat.say("hello"))
    world.network.run_for(SECOND)
    path = tmp_path / "refused.pcapng"
    path.write_bytes(file.getvalue())
    words = [read_comment(each.comment) for each in read_capture(path)]
    assert [each["refused"] for each in words if "refused" in each] == ["830-831"]


def test_what_is_recorded_is_flushed_within_a_second() -> None:
    flushed: list[int] = []
    now = 0
    tap = Tap(PcapngWriter(io.BytesIO(), ["client"]), lambda _: ANNA, flush=lambda: flushed.append(now))
    core = make_client(SERVER, Config(), Identity(bytes(32)), bytes, now, watch=tap.watch)
    driven = tap.wrap(core.host)
    assert len(list(driven.datagrams_to_send(now))) == 1
    while (deadline := driven.next_timeout()) is not None and not flushed:
        now = deadline
        driven.handle_timeout(now)
        list(driven.datagrams_to_send(now))
    assert flushed == [FLUSH_INTERVAL]

from io import BytesIO
from pathlib import Path

import pytest

from udpchat.capture.pcapng import Captured, PcapngWriter, read_capture
from udpchat.config import MILLISECOND, SECOND
from udpchat.lab.experiment import Experiment, Outcome
from udpchat.lab.recording import INTERFACES, Recording
from udpchat.lab.run import EPOCH, run_experiment
from udpchat.lab.world import SERVER
from udpchat.sim.link import LinkSpec
from udpchat.wire.numbers import PacketType

TYPE_AT = 3  # byte of the packet type in a datagram
LINK = LinkSpec(rate=2_500_000, delay=10 * MILLISECOND, loss=0.05)


def recorded(folder: Path, link: LinkSpec, rebind: int = 0) -> tuple[Outcome, list[Captured]]:
    file = BytesIO()
    experiment = Experiment(link=link, size=100_000, text=True, rebind=rebind, seed=4)
    outcome = run_experiment(experiment, recording=Recording(PcapngWriter(file, INTERFACES), EPOCH))
    assert outcome.is_complete, outcome.missing
    path = folder / "run.pcapng"
    path.write_bytes(file.getvalue())
    return outcome, list(read_capture(path))


def words(captured: Captured, key: str) -> list[str]:
    return [word.partition("=")[2] for word in captured.comment.split() if word.startswith(f"{key}=")]


def test_every_datagram_is_seen_where_it_leaves_and_where_it_arrives(tmp_path: Path) -> None:
    outcome, packets = recorded(tmp_path, LINK)
    left = [packet for packet in packets if packet.outbound]
    arrived = [packet for packet in packets if packet.outbound is False]
    assert len(left) == outcome.datagrams
    assert sum(len(packet.data) for packet in left) == outcome.udp_bytes
    dropped = [packet for packet in left if words(packet, "dropped")]
    assert len(dropped) == outcome.dropped > 0
    assert {word for packet in dropped for word in words(packet, "dropped")} == {"loss"}
    # What was on its way when the last byte had been stored arrives nowhere.
    assert 0 <= len(left) - len(dropped) - len(arrived) < 10


def test_each_end_has_its_interface(tmp_path: Path) -> None:
    _, packets = recorded(tmp_path, LINK)
    for packet in packets:
        here = packet.source if packet.outbound else packet.destination
        assert packet.interface_name == ("server" if here == SERVER else "client")


def test_time_begins_with_the_century(tmp_path: Path) -> None:
    _, packets = recorded(tmp_path, LINK)
    assert packets[0].us == EPOCH == 978_307_200 * SECOND
    times = [packet.us for packet in packets]
    assert times == sorted(times)


def test_retransmissions_are_those_the_outcome_counts(tmp_path: Path) -> None:
    outcome, packets = recorded(tmp_path, LINK)
    data = [packet for packet in packets if packet.outbound and packet.data[TYPE_AT] == PacketType.DATA]
    again = [packet for packet in data if words(packet, "sent") != ["first"]]
    assert len(again) == outcome.retransmitted > 0


@pytest.mark.parametrize(
    ("link", "word"),
    [
        (LinkSpec(delay=1_000, corrupt=0.1), "corrupted=yes"),
        (LinkSpec(delay=1_000, duplicate=0.1), "copies=2"),
        (LinkSpec(rate=1_000_000, delay=1_000, queue=4), "dropped=queue"),
        (LinkSpec(delay=20_000, mtu=1_300), "dropped=mtu"),
        (LinkSpec(rate=1_000_000, delay=1_000, blackouts=((50_000, 30_000),)), "dropped=blackout"),
    ],
)
def test_what_the_link_did_is_in_the_comment(tmp_path: Path, link: LinkSpec, word: str) -> None:
    _, packets = recorded(tmp_path, link)
    assert any(word in packet.comment.split() for packet in packets if packet.outbound)
    assert not any(word in packet.comment.split() for packet in packets if not packet.outbound)


def test_a_client_shows_its_own_address_and_the_server_the_one_it_sees(tmp_path: Path) -> None:
    _, packets = recorded(tmp_path, LINK, rebind=60 * MILLISECOND)
    own = {packet.source for packet in packets if packet.outbound and packet.interface_name == "client"}
    seen = {packet.source for packet in packets if not packet.outbound and packet.interface_name == "server"}
    assert own == {("10.0.1.1", 40_000)}
    assert len(seen) > 2
    nobody = [packet for packet in packets if "dropped=nobody" in packet.comment]
    assert nobody
    assert all(packet.source == SERVER for packet in nobody)

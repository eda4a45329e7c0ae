"""Captures of real programs on loopback sockets."""

import os
from collections import Counter
from pathlib import Path

import pytest

from tests.net.party import LOCALHOST, Party, has_ipv6
from udpchat.capture.comments import read_comment
from udpchat.capture.pcapng import read_capture
from udpchat.capture.rotation import CaptureTarget
from udpchat.config import Config
from udpchat.crypto.identity import Identity
from udpchat.errors import StorageError
from udpchat.net.capturing import tap_between, tapped
from udpchat.net.hosts import make_client
from udpchat.net.server import serve

SIZE = 2_000_000


@pytest.mark.parametrize("portable", [False, True])
async def test_a_transfer_is_recorded_datagram_by_datagram(party: Party, tmp_path: Path, portable: bool) -> None:
    config = Config(portable=portable)
    targets = {name: CaptureTarget(tmp_path / f"{name}.pcapng") for name in ("server", "client")}
    server = await party.serve(config, capture=targets["server"])
    client = await party.join(server, "anna", config, capture=targets["client"])
    await client.put(party.file("a.bin", os.urandom(SIZE)))
    counters = client.counters()
    await party.end(client)
    await party.end(server)
    client_file, server_file = (read_capture(targets[name].path) for name in ("client", "server"))
    by_client, by_server = list(client_file), list(server_file)
    sent = [each for each in by_client if "sent" in read_comment(each.comment)]
    assert counters["sent_packets"] > SIZE / 1_472
    assert 0 <= len(sent) - counters["sent_packets"] <= 4  # leaving takes a few more
    assert 0 <= sum(len(each.data) for each in sent) - counters["sent_bytes"] < 1_000
    assert all(len(each.data) <= 1_472 for each in by_client)
    assert (
        {each.destination for each in sent} == {server.address} == {each.source for each in by_server if each.outbound}
    )
    # What one end says it sent is what the other says it got, unless the system dropped it.
    left = Counter(each.data for each in by_client if each.outbound)
    came = Counter(each.data for each in by_server if not each.outbound)
    assert came <= left
    assert (left - came).total() <= 2 + counters["lost_packets"]
    for found, name in ((client_file, "client"), (server_file, "server")):
        assert [each.name for each in found.interfaces] == [name]
        assert not found.skipped
        assert not found.truncated


def test_without_a_capture_the_core_is_driven_as_it_is() -> None:
    core = make_client((LOCALHOST, 1), Config(), Identity(bytes(32)), bytes, 0)
    assert tap_between(None, [], 0) is None
    assert tapped(core.host, None) is core.host


async def test_a_server_on_every_address_shows_the_one_it_is_bound_to(party: Party, tmp_path: Path) -> None:
    path = tmp_path / "server.pcapng"
    server = await party.serve(host="", capture=CaptureTarget(path))
    port = server.address[1]
    hosts = [LOCALHOST, "::1"] if has_ipv6() else [LOCALHOST]
    for number, host in enumerate(hosts):
        await party.end(await party.dial(host, port, f"anna{number}"))
    await party.end(server)
    found = list(read_capture(path))
    shown = {each.source if each.outbound else each.destination for each in found}
    assert shown == {("0.0.0.0", port), ("::", port)} if has_ipv6() else {("0.0.0.0", port)}
    assert {each.destination[0] for each in found if each.outbound} == set(hosts)


async def test_a_capture_that_cannot_be_written_stops_a_server_before_it_listens(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot write the capture"):
        await serve(LOCALHOST, 0, data=tmp_path, capture=CaptureTarget(tmp_path / "missing" / "a.pcapng"))

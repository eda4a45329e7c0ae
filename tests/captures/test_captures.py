"""captures/: made again by their commands they are the same to the byte, and they show what their page says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from scapy.layers.inet import IP, UDP

from tests.captures.layers import UDPCHAT, read_records
from tests.captures.make import FOLDER, RECIPES, Recipe, make, page
from tests.captures.readers import codec_reading
from tests.captures.seen import Datagram, Seen, read_keys
from udpchat.capture.reader import read_capture
from udpchat.protocol.datagrams import Address
from udpchat.wire.codec import checksum_fits
from udpchat.wire.numbers import Flag

MAX_FILE, MAX_FOLDER = 150_000, 1_000_000  # bytes
UNDER_WAY = 100_000  # us that a datagram may take, so that the end of a capture can come first
ADVICE = "a change of the protocol shows here; when it is meant, run python -m tests.captures.make"

every_capture = pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)


def seen(name: str) -> Seen:
    return Seen(FOLDER / f"{name}.pcapng")


@every_capture
def test_a_capture_made_again_is_the_same_to_the_byte(recipe: Recipe, tmp_path: Path) -> None:
    make(recipe, tmp_path)
    for name in recipe.files:
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes(), ADVICE


def test_the_page_lists_every_file_with_its_command() -> None:
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == page(), ADVICE
    files = sorted(path.name for path in FOLDER.iterdir())
    assert files == sorted(["README.md", *(name for recipe in RECIPES for name in recipe.files)])


def test_the_captures_are_small() -> None:
    sizes = [path.stat().st_size for path in FOLDER.iterdir()]
    assert max(sizes) < MAX_FILE
    assert sum(sizes) < MAX_FOLDER


@every_capture
def test_scapy_and_our_reader_read_the_same(recipe: Recipe) -> None:
    path = FOLDER / f"{recipe.name}.pcapng"
    ours = [
        (each.us, each.source, each.destination, each.data, each.interface_name, each.comment)
        for each in read_capture(path)
    ]
    theirs = [
        (each.us, each.source, each.destination, each.data, each.where, _comment(each.words))
        for each in Seen(path).datagrams
    ]
    assert ours == theirs


def _comment(words: dict[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in words.items())


@every_capture
def test_ip_and_udp_headers_are_whole_with_right_checksums(recipe: Recipe) -> None:
    for each in seen(recipe.name).datagrams:
        again = each.whole.copy()
        for layer, names in ((IP, ("len", "chksum")), (UDP, ("len", "chksum"))):
            for name in names:
                again[layer].delfieldval(name)
        assert bytes(again) == bytes(each.whole)


@every_capture
def test_every_packet_that_was_sent_is_read_whole(recipe: Recipe) -> None:
    for each in seen(recipe.name).sent:
        assert isinstance(codec_reading(each.data), dict)
        assert bytes(UDPCHAT(each.data)) == each.data


@every_capture
def test_what_left_arrived_as_often_as_its_comment_says(recipe: Recipe) -> None:
    capture = seen(recipe.name)
    for sender, receiver in (("client", "server"), ("server", "client")):
        received = Counter(each.data for each in capture.at(receiver, sent=False))
        expected: Counter[bytes] = Counter()
        for each in capture.at(sender, sent=True):
            if "corrupted" not in each.words:
                expected[each.data] += 0 if "dropped" in each.words else int(each.words.get("copies", 1))
        assert all(received[data] <= times for data, times in expected.items())
        if not {"--reorder", "--duplicate", "--rebind"} & set(recipe.words.split()):  # some come late, or not
            late = {each.data for each in capture.at(sender, sent=True) if each.us > _end(capture) - UNDER_WAY}
            assert all(received[data] == times for data, times in expected.items() if data not in late)


def _end(capture: Seen) -> int:
    return capture.datagrams[-1].us


# -- what each of them is there to show --------------------------------------------------------------------------------


def data_packets(capture: Seen) -> list[Datagram]:
    return [each for each in capture.sent if each.kind == "DATA"]


def sizes(capture: Seen) -> list[int]:
    """Of DATA packets with more than half of the largest size, in the order of sending."""
    return [len(each.data) for each in data_packets(capture) if len(each.data) > 800]


def longest_run_of_losses(capture: Seen) -> int:
    runs = "".join("x" if "dropped" in each.words else " " for each in data_packets(capture))
    return max(map(len, runs.split()), default=0)


def arrived_late(capture: Seen) -> int:
    """DATA packets that came after one with a higher number."""
    numbers = [each.packet.packet_number for each in capture.at("server", sent=False) if each.kind == "DATA"]
    return sum(number < max(numbers[:place]) for place, number in enumerate(numbers) if place)


def arrived_in_vain(capture: Seen) -> int:
    """DATA packets whose bytes were at the server already."""
    offsets = [each.packet.offset for each in capture.at("server", sent=False) if each.kind == "DATA"]
    return len(offsets) - len(set(offsets))


def client_ports(capture: Seen) -> set[Address]:
    """Where clients were, in the eyes of the server."""
    return {each.source for each in capture.at("server", sent=False)}


def arrived_damaged(capture: Seen) -> int:
    return sum(not checksum_fits(each.data) for each in capture.datagrams if not each.is_sent)


def most_outstanding(capture: Seen) -> int:
    """How many chunks of the file were under way at once, as the client saw it."""
    chunks: dict[int, int] = {}
    acknowledged: set[int] = set()
    most = 0
    for each in capture.datagrams:
        if each.where == "client" and each.packet is not None:
            if each.kind == "DATA":
                chunks[each.packet.packet_number] = each.packet.offset
            elif each.kind == "ACK" and not each.is_sent:
                runs = [(run.start, run.stop) for run in each.packet.ranges]
                acknowledged |= {chunks[n] for n in chunks if any(start <= n < stop for start, stop in runs)}
            most = max(most, len(set(chunks.values()) - acknowledged))
    return most


SHOWN: dict[str, Callable[[Seen], bool]] = {
    "clean-seed1": lambda seen: not seen.words.keys() & {"dropped=loss", "sent=retransmission", "lost"},
    "handshake-rejoin-seed5": lambda seen: (
        [each.kind for each in seen.sent if each.kind in ("HELLO", "COOKIE", "REPLY", "CLOSE", "RESET")]
        == ["HELLO", "COOKIE", "HELLO", "REPLY", *["CLOSE"] * 4, "RESET", "HELLO", "REPLY"]
    ),
    "handshake-loss25-seed5": lambda seen: seen.dropped("HELLO") > 0 < seen.dropped("REPLY") and not data_packets(seen),
    "loss10-seed11": lambda seen: seen.dropped("DATA") >= 2 <= seen.words["sent=retransmission"],
    "loss10-bursts-seed6": lambda seen: longest_run_of_losses(seen) >= 2,
    "download-loss10-seed15": lambda seen: (
        {each.where for each in data_packets(seen)} == {"server"} and seen.dropped("DATA") >= 2
    ),
    "reorder-seed1": lambda seen: arrived_late(seen) > 0 < arrived_in_vain(seen) and not seen.dropped("DATA"),
    "duplicate-seed2": lambda seen: seen.words["copies"] > 2 and not seen.words["sent=retransmission"],
    "corrupt-seed12": lambda seen: arrived_damaged(seen) > 3 and seen.words["sent=retransmission"] > 0,
    "rebind-seed8": lambda seen: len(client_ports(seen)) > 2 and seen.kinds["CHALLENGE"] > 0 < seen.kinds["RESPONSE"],
    "black-hole-seed9": lambda seen: sizes(seen)[0] == 1_472 and seen.dropped("DATA") > 3 and sizes(seen)[-1] <= 1_272,
    "blackout-seed1": lambda seen: seen.words["dropped=blackout"] > 3 and seen.words["sent=probe"] > 1,
    "queue-newreno-seed1": lambda seen: seen.words["dropped=queue"] > 2,
    "go-back-n-seed3": lambda seen: seen.words["sent=retransmission"] > 2 * seen.dropped("DATA") > 0,
    "stop-and-wait-seed3": lambda seen: most_outstanding(seen) == 1 and seen.words["sent=retransmission"] > 0,
    "plaintext-seed2": lambda seen: not any(each.data[5] & Flag.SEALED for each in seen.sent),
    "sealed-seed2": lambda seen: all(each.data[5] & Flag.SEALED for each in seen.sent),
    "chat-room-seed74": lambda seen: len(client_ports(seen)) == 3 and seen.words["sent=copy"] > 0,
}


@every_capture
def test_a_capture_shows_what_its_page_says(recipe: Recipe) -> None:
    assert SHOWN[recipe.name](seen(recipe.name)), ADVICE


def test_sealed_or_not_a_session_is_the_same_packets() -> None:
    sealed, plain = (
        [(each.where, each.kind, each.packet.packet_number, len(each.data)) for each in seen(name).sent]
        for name in ("sealed-seed2", "plaintext-seed2")
    )
    assert len(sealed) > 20
    assert sealed == plain


def spoken(capture: Seen, open_packet: Callable[[bytes], bytes] = bytes) -> list[str]:
    """Names of the records sent, each message once, of all connections in the order of sending."""
    names, heard = [], set()
    for each in capture.sent:
        if each.kind == "MSG":
            message = UDPCHAT(open_packet(each.data))
            place = each.where, message.connection_id, message.channel, message.offset
            if place not in heard:
                heard.add(place)
                names += [record.sprintf("%record_type%") for record in read_records(message.content)]
    return names


def test_a_key_log_opens_what_was_sealed() -> None:
    keys = read_keys(FOLDER / "sealed-seed2.keylog")
    records = spoken(seen("sealed-seed2"), keys.open)
    assert records == spoken(seen("plaintext-seed2"))
    assert {"JOIN", "WELCOME", "OPEN", "OPENED", "COMMIT", "COMMITTED"} <= set(records)
    chat = spoken(seen("chat-room-seed74"), read_keys(FOLDER / "chat-room-seed74.keylog").open)
    assert {"SAY", "SAID", "LINE", "PRESENCE"} <= set(chat)


@pytest.mark.parametrize("name", ["sealed-seed2", "plaintext-seed2"])
def test_the_file_can_be_put_together_from_a_capture(name: str) -> None:
    open_packet = read_keys(FOLDER / f"{name}.keylog").open if name.startswith("sealed") else bytes
    file = bytearray(6_000)
    for each in seen(name).at("server", sent=False):
        if each.kind == "DATA":
            data = UDPCHAT(open_packet(each.data))
            file[data.offset : data.offset + len(data.chunk)] = data.chunk
    assert file.startswith(b"line         0 of a file")
    assert file.count(b"\n") == 6_000 // len("line         0 of a file that was made to be looked at in a capture\n")

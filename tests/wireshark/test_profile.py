"""The profile: colours, columns and filter buttons, as tshark takes them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.wireshark.analyzing import Step, ack, data, message, ping, write
from tests.wireshark.tshark import CLIENT, SERVER, Seen, tshark, write_capture
from udpchat.wireshark.install import folders_below, install

RULE = "frame.coloring_rule.name"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder with the profile; the dissector is loaded by its path, so not from there."""
    folders = folders_below(tmp_path / "wireshark")
    install(folders)
    folders.dissector.unlink()
    return tmp_path


def colours(capture: Path) -> list[str]:
    text = tshark(capture, "-C", "udpchat", "--color", "-T", "fields", "-e", RULE)
    return [line.removeprefix("udpchat: ") for line in text.splitlines()]


def test_every_kind_of_trouble_has_its_colour(home: Path) -> None:
    steps: list[Step] = [
        data(0, 0),
        message(1, 0),
        ping(2),
        data(3, 0),
        ack(0, (0, 3)),
        ack(1, (0, 3)),
        data(4, 0),
        data(4, 0),
        data(6, 200),
        data(5, 100),
        ack(2, (0, 3), window=0),
    ]
    assert colours(write(home / "colours.pcapng", [steps])) == [
        "file bytes",
        "messages",
        "other",
        "retransmission",
        "ACK",
        "duplicate ACK",
        "needless retransmission",
        "duplicated, overtaken, or with a gap before it",
        "duplicated, overtaken, or with a gap before it",
        "duplicated, overtaken, or with a gap before it",
        "window zero or full",
    ]


def test_what_is_damaged_or_known_to_be_lost_stands_out(home: Path) -> None:
    whole = data(0, 0).datagram(bytes(8))
    packets = [
        Seen(0, CLIENT, SERVER, whole[:-1]),
        Seen(1, CLIENT, SERVER, data(1, 100).datagram(bytes(8)), "dropped=loss"),
        Seen(2, CLIENT, SERVER, data(2, 200).datagram(bytes(8)), "corrupted=yes"),
    ]
    assert colours(write_capture(home / "trouble.pcapng", packets)) == ["damaged", "lost on the way", "damaged"]


def test_the_columns_show_what_a_lesson_looks_at(home: Path) -> None:
    capture = write(home / "columns.pcapng", [[data(7, 1_400), message(8, 20), ack(0, (7, 8))]])
    lines = [line.split("\t") for line in tshark(capture, "-C", "udpchat", "-T", "tabs").splitlines()]
    assert [line[5:9] for line in lines] == [
        ["7", "1400", "152", ""],
        ["8", "20", "221", ""],
        ["0", "", "0", "0.001000000"],
    ]


def test_every_filter_button_is_a_filter(home: Path) -> None:
    capture = write(home / "buttons.pcapng", [[data(0, 0), data(1, 0), ack(0, (0, 1))]])
    text = (home / "wireshark" / "profiles" / "udpchat" / "dfilter_buttons").read_text()
    buttons = re.findall(r'^"TRUE","([^"]+)","([^"]+)","[^"]*"$', text, re.MULTILINE)
    assert len(buttons) >= 5
    matched = {name: len(tshark(capture, "-2", "-Y", where).splitlines()) for name, where in buttons}
    assert matched["Retransmissions"] == matched["Needless"] == matched["Round trips"] == 1
    assert matched["Chat"] == matched["Damaged"] == 0

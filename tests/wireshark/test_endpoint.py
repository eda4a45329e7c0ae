"""Comments of packets as fields."""

from __future__ import annotations

from pathlib import Path

from tests.wireshark.analyzing import analyses, data
from tests.wireshark.tshark import CLIENT, SERVER, Seen, tshark, write_capture
from udpchat.capture.comments import link_words, list_words, sent_words
from udpchat.protocol.watch import Cause

WORDS = ("sent", "again", "cwnd", "in_flight", "srtt", "peer_window", "state", "lost", "refused", "dropped", "copies")
FIELDS = tuple(f"udpchat.endpoint.{word}" for word in (*WORDS, "corrupted"))


def shown(path: Path, *comments: str) -> list[dict[str, str]]:
    packets = (
        Seen(index, CLIENT, SERVER, data(index, 100 * index).datagram(bytes(8)), comment)
        for index, comment in enumerate(comments)
    )
    found = analyses(write_capture(path, packets), *FIELDS, passes=1)
    return [{name.removeprefix("udpchat.endpoint."): value for name, value in each.items()} for each in found]


def test_every_word_of_a_comment_is_a_field(tmp_path: Path) -> None:
    sent = sent_words(Cause.RETRANSMISSION, 14_720, 5_888, 20_150, 1 << 20, "slow start", 812)
    lost, refused = list_words("lost", [(812, 816), (820, 821)]), list_words("refused", [(9, 10)])
    link = link_words("loss", 2, is_corrupted=True)
    assert shown(tmp_path / "words.pcapng", f"{sent} {lost} {refused} {link}") == [
        {
            "sent": "retransmission",
            "again": "812",
            "cwnd": "14720",
            "in_flight": "5888",
            "srtt": "20150",
            "peer_window": "1048576",
            "state": "slow-start",
            "lost": "812-815,820",
            "refused": "9",
            "dropped": "loss",
            "copies": "2",
            "corrupted": "yes",
        }
    ]


def test_comments_of_other_people_are_left_alone(tmp_path: Path) -> None:
    found = shown(tmp_path / "other.pcapng", "look here", "a=b c=1", "cwnd=many srtt=-1", "cwnd=" + "9" * 40, "=", "")
    assert found == [{}] * 6


def test_state_of_the_sender_can_be_plotted(tmp_path: Path) -> None:
    packets = [
        Seen(index * 1_000, CLIENT, SERVER, data(index, 100 * index).datagram(bytes(8)), f"cwnd={1_000 * (index + 1)}")
        for index in range(4)
    ]
    capture = write_capture(tmp_path / "plot.pcapng", packets)
    text = tshark(capture, "-q", "-z", "io,stat,0.002,MAX(udpchat.endpoint.cwnd)udpchat.endpoint.cwnd")
    assert [line.split("|")[2].strip() for line in text.splitlines() if "<>" in line] == ["2000", "4000"]

import pytest

from udpchat.capture.comments import link_words, list_words, read_comment, sent_words
from udpchat.protocol.watch import Cause


def test_a_sent_packet_says_why_and_what_its_sender_knew() -> None:
    assert (
        sent_words(Cause.RETRANSMISSION, 14_720, 5_888, 20_150, 1_048_576, "short path", 812)
        == "sent=retransmission again=812 cwnd=14720 in_flight=5888 srtt=20150 peer_window=1048576 state=short-path"
    )


def test_what_is_not_known_is_left_out() -> None:
    words = read_comment(sent_words(Cause.FIRST, 1, 2, 0, 3, "startup"))
    assert words == {"sent": "first", "cwnd": "1", "in_flight": "2", "peer_window": "3", "state": "startup"}


def test_lists_of_packets_are_short() -> None:
    assert list_words("lost", [(812, 816), (820, 821), (830, 832)]) == "lost=812-815,820,830-831"


@pytest.mark.parametrize(
    ("drop", "copies", "is_corrupted", "words"),
    [
        ("", 1, False, ""),
        ("loss", 0, False, "dropped=loss"),
        ("", 1, True, "corrupted=yes"),
        ("", 2, True, "corrupted=yes copies=2"),
    ],
)
def test_a_link_says_what_it_did(drop: str, copies: int, is_corrupted: bool, words: str) -> None:
    assert link_words(drop, copies, is_corrupted=is_corrupted) == words


def test_comments_of_others_are_read_as_far_as_they_are_words() -> None:
    assert read_comment("") == {}
    assert read_comment("look here: a=1\nb=2=3 =4 a=5") == {"a": "5", "b": "2=3", "": "4"}

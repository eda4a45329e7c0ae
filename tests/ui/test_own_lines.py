import pytest

from udpchat.chat.events import Answered, ReceiptCame
from udpchat.ui.cli.own_lines import KEPT, Mark, OwnLines, news_text, status_table
from udpchat.wire.numbers import ReceiptState

DELIVERED, READ = ReceiptState.DELIVERED, ReceiptState.READ


def test_a_line_is_sent_stored_delivered_and_read() -> None:
    own = OwnLines()
    line = own.add("dinner at 8?", nick="ben")
    marks = [line.mark]
    own.on_stored(line, Answered(1, sequence=7, sent_at=1))
    marks.append(line.mark)
    assert own.on_receipt(ReceiptCame(DELIVERED, 7, "", "Ben")) == [line]
    marks.append(line.mark)
    assert own.on_receipt(ReceiptCame(READ, 7, "", "ben")) == [line]
    marks.append(line.mark)
    assert marks == [Mark.SENT, Mark.STORED, Mark.DELIVERED, Mark.READ]
    assert news_text(line) == "ben has read: dinner at 8?"
    assert own.on_receipt(ReceiptCame(READ, 7, "", "ben")) == []
    assert own.on_receipt(ReceiptCame(DELIVERED, 7, "", "ben")) == []  # late: nothing goes back
    assert line.mark is Mark.READ


def test_a_receipt_is_for_its_room_or_person_alone_and_for_all_lines_up_to_it() -> None:
    own = OwnLines()
    lines = [
        own.add("1", room="lobby"),
        own.add("2", room="games"),
        own.add("3", nick="games"),
        own.add("4", room="lobby"),
    ]
    for number, line in enumerate(lines, 1):
        own.on_stored(line, Answered(number, sequence=number, sent_at=1))
    later = own.add("5", room="lobby")
    own.on_receipt(ReceiptCame(DELIVERED, 4, "lobby", ""))
    assert [line.mark for line in lines] == [Mark.DELIVERED, Mark.STORED, Mark.STORED, Mark.DELIVERED]
    assert later.mark is Mark.SENT


def test_a_receipt_that_is_heard_before_the_answer_counts() -> None:
    own = OwnLines()
    line, other = own.add("hi", nick="ben"), own.add("ho", nick="ben")
    own.on_receipt(ReceiptCame(READ, 5, "", "ben"))
    own.on_stored(line, Answered(1, sequence=5, sent_at=1))
    own.on_stored(other, Answered(2, sequence=6, sent_at=1))
    assert (line.mark, other.mark) == (Mark.READ, Mark.STORED)


@pytest.mark.parametrize("count", [KEPT - 1, KEPT, KEPT + 1])
def test_only_the_newest_lines_are_kept(count: int) -> None:
    own = OwnLines()
    for number in range(count):
        own.on_stored(own.add(str(number), nick="ben"), Answered(number, sequence=number + 1, sent_at=1))
    assert len(own.on_receipt(ReceiptCame(DELIVERED, count, "", "ben"))) == min(count, KEPT)


def test_the_status_names_place_mark_and_beginning_of_each_line() -> None:
    own = OwnLines()
    own.add("on its way", room="games")
    own.on_stored(own.add("x" * 100, nick="ben"), Answered(2, sequence=2, sent_at=1, waits=True))
    own.on_refused(own.add("bad\x1b[2J", room="lobby"))
    sent, waits, refused = status_table(own.status())
    assert sent.split() == ["sent", "#games", "on", "its", "way"]
    assert waits.startswith("waits")
    assert waits.endswith(f"@ben  {'x' * 37}...")
    assert refused.split()[0] == "refused"
    assert refused.endswith("bad<U+001B>[2J")
    assert status_table([]) == ["you have said nothing yet"]

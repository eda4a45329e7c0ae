"""Requests and answers point to one another; what MISSING asks for is not sent again needlessly."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import pytest

from tests.wireshark.analyzing import Step, ack, analyses, data, write
from tests.wireshark.tshark import tshark
from udpchat.config import MILLISECOND
from udpchat.wire import records
from udpchat.wire.codec import Message
from udpchat.wire.numbers import PacketType
from udpchat.wire.records import Record, encode_record

FIELDS = tuple(f"udpchat.record.{name}" for name in ("answered_in", "answer_to", "answer_time"))


class Talk:
    """MSG packets of a conversation, one after the other."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._offsets = {True: 0, False: 0}

    def put(self, *said: tuple[Record, int], from_server: bool = False, wait: int = MILLISECOND) -> Talk:
        """Records with their request ids in one packet."""
        content = b"".join(encode_record(record, request_id) for record, request_id in said)
        clear = Message(0, self._offsets[from_server])
        self._offsets[from_server] += len(content)
        number = sum(step.from_server is from_server for step in self.steps)
        self.steps.append(Step(PacketType.MSG, number, clear, content, from_server, wait))
        return self


def test_a_request_and_its_answers_point_to_one_another(tmp_path: Path) -> None:
    talk = Talk().put((records.ListFiles(), 1), (records.ListRooms(), 2))
    talk.put((records.Finished(0), 2), from_server=True, wait=1_500 * MILLISECOND)
    talk.put((records.Line(1, 1, "lobby", "ann", "hi"), 0), from_server=True)
    talk.put((records.Refused(48, ""), 1), from_server=True)
    talk.put((records.Finished(0), 7), from_server=True)
    found = analyses(write(tmp_path / "talk.pcapng", [talk.steps]), *FIELDS)
    assert found == [
        {"udpchat.record.answered_in": "4,2"},
        {"udpchat.record.answer_to": "1", "udpchat.record.answer_time": "1.500000000"},
        {},
        {"udpchat.record.answer_to": "1", "udpchat.record.answer_time": "1.502000000"},
        {},
    ]


def test_only_the_first_of_several_answers_has_a_time_and_a_request_id_may_come_again(tmp_path: Path) -> None:
    talk = Talk().put((records.ListRooms(), 1))
    talk.put((records.Finished(0), 1), from_server=True).put((records.Finished(0), 1), from_server=True)
    talk.put((records.ListRooms(), 1)).put((records.Finished(0), 1), from_server=True)
    found = analyses(write(tmp_path / "again.pcapng", [talk.steps]), *FIELDS)
    assert [each.get("udpchat.record.answer_to") for each in found] == [None, "1", "1", None, "4"]
    assert ["udpchat.record.answer_time" in each for each in found] == [False, True, False, False, True]
    assert [each.get("udpchat.record.answered_in") for each in found] == ["2", None, None, "5", None]


def test_two_connections_do_not_answer_one_another(tmp_path: Path) -> None:
    asked = Talk().put((records.ListRooms(), 1)).steps
    answered = Talk().put((records.Finished(0), 1), from_server=True).steps
    found = analyses(write(tmp_path / "two.pcapng", [asked, answered]), *FIELDS)
    assert found == [{}, {}]


@pytest.mark.parametrize(
    ("ranges", "causes"), [(((0, 100), (200, 300)), ["6", "5", "6"]), ((), ["5", "5", "5"]), (((99, 201),), ["6"] * 3)]
)
def test_bytes_that_missing_asks_for_are_not_sent_again_needlessly(
    tmp_path: Path, ranges: tuple[tuple[int, int], ...], causes: list[str]
) -> None:
    missing = Talk().put((records.Missing(1, ranges), 0), from_server=True).steps
    first, again = [data(n, 100 * n) for n in range(3)], [data(3 + n, 100 * n) for n in range(3)]
    steps = list(chain(first, [ack(0, (0, 2))], [step._replace(number=1) for step in missing], again, [ack(2, (0, 5))]))
    found = analyses(write(tmp_path / "missing.pcapng", [steps]), "cause", "spurious")
    assert [each["cause"] for each in found[5:8]] == causes
    assert ["spurious" in each for each in found[5:8]] == [cause == "5" for cause in causes]


def test_missing_for_a_transfer_that_was_not_seen_changes_nothing(tmp_path: Path) -> None:
    missing = Talk().put((records.Missing(9, ((0, 100),)), 0), from_server=True).steps
    capture = write(tmp_path / "unknown.pcapng", [[data(0, 0), *missing]])
    assert "transfer 9" not in tshark(capture, "-q", "-z", "udpchat,stat")

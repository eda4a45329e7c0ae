from __future__ import annotations

import struct
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.capture.scripted import CHUNK, Script, opening
from tests.capture.simulated import LOSSY, simulated
from udpchat.capture.plot import Scale, draw, picture_format
from udpchat.capture.series import MAX_POINTS, Series, Thinned, choose, read_series
from udpchat.capture.statistics import analyse, report
from udpchat.capture.tolerant import Readable
from udpchat.errors import CaptureError, StorageError, UsageError
from udpchat.wire.records import Opened


def series(readable: Readable, interface: str | None = None) -> Series:
    found = report(readable, analyse(readable), interface)
    return read_series(readable, choose(found.transfers, None), interface)


def picture(readable: Readable, target: Path) -> bytes:
    found = report(readable, analyse(readable))
    transfer = choose(found.transfers, None)
    draw(read_series(readable, transfer), transfer, found.connections[0], target)
    return target.read_bytes()


def test_what_is_drawn_is_what_the_statistics_count(tmp_path: Path) -> None:
    readable = simulated(1, LOSSY).readable(tmp_path)
    counts = report(readable, analyse(readable)).transfers[0].figures.counts
    drawn = series(readable)
    assert drawn.firsts.total == counts.packets - counts.retransmitted - counts.copies
    assert drawn.repeats.total == counts.retransmitted + counts.copies
    assert len(drawn.lost) == counts.lost > 0
    assert max(size for _, size in drawn.in_flight) >= counts.in_flight
    assert drawn.windows.total > 0
    assert drawn.smoothed.total > 0


def test_cumulative_and_selective_acks_are_told_apart(tmp_path: Path) -> None:
    script = Script().data(0, 0).data(1, 1).data(2, 2).data(3, 3)
    script.ack((2, 3), (0, 1)).ack((2, 4), (0, 1)).data(4, 1).ack((0, 5))
    drawn = series(script.save(tmp_path / "c.pcapng"))
    assert [edge for _, edge in drawn.cumulative] == [CHUNK, CHUNK, 4 * CHUNK]
    assert [(start, stop) for _, start, stop in drawn.selective] == [
        (2 * CHUNK, 3 * CHUNK),
        (3 * CHUNK, 4 * CHUNK),
    ]


def test_a_dropped_packet_is_lost_unless_a_copy_of_it_arrived(tmp_path: Path) -> None:
    script = Script().data(0, 0, comment="dropped=loss").data(1, 1, comment="dropped=queue").ack((1, 2))
    assert [sent.number for sent in series(script.save(tmp_path / "c.pcapng")).lost] == [0]


def test_a_resumed_transfer_begins_at_its_first_byte(tmp_path: Path) -> None:
    script = Script().data(0, 7).data(1, 8).ack((0, 2))
    assert [edge for _, edge in series(script.save(tmp_path / "c.pcapng")).cumulative] == [9 * CHUNK]


def test_the_largest_transfer_is_chosen_unless_a_number_is_given(tmp_path: Path) -> None:
    script = Script().data(0, 0, transfer=1).data(1, 0, transfer=2).data(2, 1, transfer=2)
    readable = script.save(tmp_path / "c.pcapng")
    transfers = report(readable, analyse(readable)).transfers
    assert (choose(transfers, None).number, choose(transfers, 1).number) == (2, 1)
    with pytest.raises(UsageError, match="there is no transfer 3; this capture has 1 to 2"):
        choose(transfers, 3)


def test_a_capture_without_transfers_is_one_clear_line() -> None:
    with pytest.raises(CaptureError, match="no file was transferred in this capture"):
        choose([], None)


def test_many_points_are_thinned_evenly() -> None:
    points: Thinned[int] = Thinned()
    for number in range(5 * MAX_POINTS):
        points.add(number)
    assert points.total == 5 * MAX_POINTS
    steps = {after - before for before, after in zip(points.items, points.items[1:], strict=False)}
    assert len(points.items) < MAX_POINTS
    assert steps == {8}


@pytest.mark.parametrize(("most", "unit"), [(5_000_000, "MB"), (1_999, "B"), (2_000, "kB"), (1, "B"), (0, "B")])
def test_axes_have_units_that_read_well(most: int, unit: str) -> None:
    assert Scale(most, ((10**6, "MB"), (10**3, "kB"), (1, "B"))).text == unit


@pytest.mark.parametrize("name", ["picture.jpg", "picture", ".png"])
def test_other_kinds_of_pictures_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"let it end in \.png or \.svg"):
        picture_format(Path(name))


def test_an_svg_is_the_same_each_time_and_has_no_date(tmp_path: Path) -> None:
    readable = simulated(1, LOSSY).readable(tmp_path)
    first, second = (picture(readable, tmp_path / f"{name}.svg") for name in "ab")
    assert first == second
    assert b"<dc:date>" not in first
    ElementTree.fromstring(first)


def test_a_png_is_1200_pixels_wide(tmp_path: Path) -> None:
    data = picture(simulated(1, LOSSY).readable(tmp_path), tmp_path / "a.png")
    assert struct.unpack(">II", data[16:24]) == (1_200, 860)


def test_a_name_with_markup_and_strange_letters_does_not_stop_the_drawing(tmp_path: Path) -> None:
    name = "$\\frac$ \x1b[31m \u202e 文件 " + "x" * 100
    script = Script().record(0, opening(bytes(16), CHUNK, name), from_server=False, request_id=1)
    script.record(0, Opened(1, CHUNK, 0, ()), from_server=True, request_id=1).data(1, 0).ack((0, 2))
    assert picture(script.save(tmp_path / "c.pcapng"), tmp_path / "a.svg")


def test_a_transfer_of_a_single_packet_can_be_drawn(tmp_path: Path) -> None:
    readable = Script().data(0, 0).data(1, 0).save(tmp_path / "c.pcapng")
    assert picture(readable, tmp_path / "a.png")


def test_a_folder_that_is_missing_is_one_clear_line(tmp_path: Path) -> None:
    readable = Script().data(0, 0).data(1, 1).save(tmp_path / "c.pcapng")
    with pytest.raises(StorageError, match="No such file or directory; choose another place"):
        picture(readable, tmp_path / "nowhere" / "a.png")

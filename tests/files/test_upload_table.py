"""What an upload costs the server does not grow with the uploads of others."""

from __future__ import annotations

from tests.files.trader import open_record
from tests.work import calls
from udpchat.files.upload import Upload
from udpchat.files.upload_table import UploadTable
from udpchat.protocol.members import Session


def upload_of(number: int) -> tuple[tuple[bytes, bytes], Upload]:
    """One upload of one connection."""
    connection_id, upload_id = number.to_bytes(8, "big"), number.to_bytes(16, "big")
    session = Session(connection_id, bytes(32), bytes(16), f"nick {number}", 0)
    return (connection_id, upload_id), Upload(session, open_record(10, upload_id=upload_id), [])


def cost(others: int) -> int:
    """Calls for an upload that begins, is looked for in every way, and ends."""
    table = UploadTable()
    for number in range(1, others):
        table.add(*upload_of(number))
    key, upload = upload_of(others)

    def live() -> None:
        table.add(key, upload)
        assert table.count(key[0]) == 1
        assert table.of_connection(key[0]) == table.of_part(key[1]) == [(key, upload)]
        table.remove(key, upload)
        assert not table.holds(key, upload)

    return calls(live)


def test_an_upload_costs_the_same_among_ten_and_among_ten_thousand() -> None:
    assert cost(10) == cost(10_000)


def test_one_that_is_removed_twice_takes_no_other_along() -> None:
    table = UploadTable()
    (key, first), (_, second) = upload_of(1), upload_of(1)
    table.add(key, first)
    table.remove(key, first)
    table.add(key, second)
    table.remove(key, first)
    assert table.find(key) is second
    assert (len(table), table.count(key[0])) == (1, 1)

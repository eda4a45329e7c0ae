import pytest

from udpchat.files.local_ports import Direction, Transfer
from udpchat.ui.cli.transfers_command import cancelled_text


def transfer(direction: Direction, *, is_elsewhere: bool = False) -> Transfer:
    return Transfer(bytes(16), direction, b"server", "/here", "f.bin", number=1, is_elsewhere=is_elsewhere)


@pytest.mark.parametrize(
    ("cancelled", "words"),
    [
        (transfer(Direction.UPLOAD, is_elsewhere=True), "by the program that is at it"),
        (transfer(Direction.DOWNLOAD, is_elsewhere=True), "by the program that is at it"),
        (transfer(Direction.DOWNLOAD), "what had arrived is removed"),
        (transfer(Direction.UPLOAD), "is removed as soon as udpchat client is at that server"),
    ],
)
def test_who_cancels_is_told_what_becomes_of_what_has_come(cancelled: Transfer, words: str) -> None:
    assert words in cancelled_text(cancelled)

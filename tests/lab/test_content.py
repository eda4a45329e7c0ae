import zlib
from random import Random

import pytest

from udpchat.config import LOBBY
from udpchat.errors import StorageError
from udpchat.files.stored_ports import FindFile, Viewer
from udpchat.lab.content import deposit, make_content
from udpchat.lab.experiment import Experiment
from udpchat.protocol.ports import perform
from udpchat.sim.link import LinkSpec
from udpchat.store.memory import MemoryStore


def content(size: int, *, text: bool) -> bytes:
    return make_content(Experiment(link=LinkSpec(), size=size, text=text), Random(3))


@pytest.mark.parametrize("text", [True, False])
@pytest.mark.parametrize("size", [0, 1, 61, 62, 63, 10_000])
def test_content_has_its_size_and_is_the_same_again(size: int, text: bool) -> None:
    assert len(content(size, text=text)) == size
    assert content(size, text=text) == content(size, text=text)


def test_text_can_be_read_and_compressed_and_random_bytes_cannot() -> None:
    lines = content(100_000, text=True).decode("ascii").splitlines()
    assert [int(line.split()[1]) for line in lines[:-1]] == list(range(len(lines) - 1))
    assert len(zlib.compress(content(100_000, text=True))) < 20_000
    assert len(zlib.compress(content(100_000, text=False))) > 99_000


def test_a_deposited_file_is_found() -> None:
    store = MemoryStore(clock=lambda: 0, random_bytes=Random(1).randbytes)
    deposit(store, "a", b"12345")
    entry = perform(store, FindFile(0, Viewer(1, frozenset({LOBBY})), bytes(16), "a"))
    assert getattr(entry, "size", None) == 5


def test_a_store_that_is_full_refuses_the_file() -> None:
    store = MemoryStore(clock=lambda: 0, random_bytes=Random(1).randbytes, capacity=4)
    with pytest.raises(StorageError):
        deposit(store, "a", b"12345")

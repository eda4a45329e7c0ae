"""Files put together by the dissector."""

from __future__ import annotations

from hashlib import md5
from pathlib import Path

import pytest

from tests.wireshark.analyzing import analyses
from tests.wireshark.recorded import Recorder, record
from tests.wireshark.tshark import tshark
from udpchat.config import MILLISECOND, Config
from udpchat.sim.link import LinkSpec

SIZE = 60_000
LOSSY = LinkSpec(delay=5 * MILLISECOND, loss=0.1, reorder=0.05, duplicate=0.05)
FIELDS = tuple(f"udpchat.file.{name}" for name in ("name", "size", "md5", "content"))


def recorded(path: Path, *, plaintext: bool, only: int | None = None) -> bytes:
    lines: list[str] = []
    with path.open("wb") as file:
        content = record(Recorder(file, only), 11, LOSSY, SIZE, Config(plaintext=plaintext), keylog=lines.append)
    path.with_suffix(".keys").write_text("".join(line.rstrip("\n") + "\n" for line in lines))
    return content


@pytest.mark.parametrize("only", [0, 1])
def test_the_upload_and_the_download_are_put_together_at_either_end(tmp_path: Path, only: int) -> None:
    content = recorded(tmp_path / "plain.pcapng", plaintext=True, only=only)
    found = [each for each in analyses(tmp_path / "plain.pcapng", *FIELDS, reassemble=True) if each]
    digest = md5(content, usedforsecurity=False).hexdigest()
    expected = dict(zip(FIELDS, ("a.bin", str(SIZE), digest, content.hex()), strict=True))
    assert found == [expected, expected]


def test_sealed_files_are_put_together_with_the_key_log(tmp_path: Path) -> None:
    content = recorded(tmp_path / "sealed.pcapng", plaintext=False, only=0)
    keys = str(tmp_path / "sealed.keys")
    found = analyses(tmp_path / "sealed.pcapng", "udpchat.file.content", reassemble=True, keylog=keys)
    assert [each["udpchat.file.content"] for each in found if each] == [content.hex()] * 2
    assert not any(analyses(tmp_path / "sealed.pcapng", "udpchat.file.content", reassemble=True))


def test_each_chunk_points_to_the_packet_that_completes_its_file(tmp_path: Path) -> None:
    recorded(tmp_path / "links.pcapng", plaintext=True, only=0)
    names = ("frame.number", "udpchat.data.transfer_id", "udpchat.file.complete_in", "udpchat.file.name")
    found = analyses(tmp_path / "links.pcapng", *names, reassemble=True)
    completing = {
        each["udpchat.data.transfer_id"]: each["frame.number"] for each in found if "udpchat.file.name" in each
    }
    assert len(completing) == 2
    for each in found:
        if "udpchat.data.transfer_id" in each:
            assert each["udpchat.file.complete_in"] == completing[each["udpchat.data.transfer_id"]]


def test_the_complete_file_is_a_tab_of_its_own(tmp_path: Path) -> None:
    recorded(tmp_path / "tab.pcapng", plaintext=True, only=0)
    text = tshark(tmp_path / "tab.pcapng", "-x", "-Y", "udpchat.file.name", reassemble=True)
    assert text.count("Complete file (60000 bytes)") == 2


def test_nothing_is_put_together_unless_it_is_asked_for(tmp_path: Path) -> None:
    recorded(tmp_path / "off.pcapng", plaintext=True, only=0)
    assert not any(analyses(tmp_path / "off.pcapng", *FIELDS, "udpchat.file.complete_in"))

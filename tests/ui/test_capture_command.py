from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.capture.scripted import CHUNK, Script, opening
from tests.capture.simulated import CLEAN, DAMAGING, Simulated, simulated
from udpchat.ui.cli.exits import ExitCode
from udpchat.ui.cli.main import make_app
from udpchat.wire.records import Opened


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(make_app("capture"), ["capture", *map(str, words)])


@pytest.fixture
def sealed() -> Simulated:
    return simulated(1, DAMAGING)


@pytest.fixture
def plain() -> Simulated:
    return simulated(5, CLEAN, plaintext=True)


def test_stats_are_objects_for_programs(plain: Simulated, tmp_path: Path) -> None:
    result = run("stats", plain.save(tmp_path), "--json")
    assert result.exit_code == ExitCode.OK
    transfer, connection, capture = map(json.loads, result.stdout.splitlines())
    assert [each["event"] for each in (transfer, connection, capture)] == ["transfer", "connection", "capture"]
    assert (transfer["unique_bytes"], transfer["file_name"], transfer["direction"]) == (300_000, "file", "up")
    assert transfer["md5_sent"] == transfer["md5_stored"] == plain.outcome.md5_sent
    assert transfer["rtt_min_ms"] <= transfer["rtt_median_ms"] <= transfer["rtt_p95_ms"] <= transfer["rtt_max_ms"]
    assert connection["connection_id"] == transfer["connection_id"]
    assert connection["handshake"]["hellos"] == 2
    assert (capture["connections"], capture["transfers"], capture["trouble"]) == (1, 1, None)


def test_stats_are_sentences_for_people(sealed: Simulated, tmp_path: Path) -> None:
    result = run("stats", sealed.save(tmp_path))
    assert result.exit_code == ExitCode.OK
    for words in ("handshake: ", "transfer 1: to the server, as seen at client", "lost ", "goodput ", "round trip "):
        assert words in result.stdout
    assert result.stderr == ""


def test_stats_of_a_truncated_capture_say_so_and_succeed(plain: Simulated, tmp_path: Path) -> None:
    path = plain.save(tmp_path)
    path.write_bytes(path.read_bytes()[:-1_001])
    result = run("stats", path)
    assert result.exit_code == ExitCode.OK
    assert result.stderr == (
        f"udpchat capture stats: {path} is cut off in the middle of a packet; all packets before it were read\n"
    )


def test_foreign_text_reaches_the_terminal_visible(tmp_path: Path) -> None:
    script = Script().record(0, opening(bytes(16), CHUNK, "a\x1b[31m\u202eb"), from_server=False, request_id=1)
    script.record(0, Opened(1, CHUNK, 0, ()), from_server=True, request_id=1).data(1, 0)
    path = tmp_path / "c.pcapng"
    script.save(path, ("one\x1b]0;title\x07", "two"))
    commands: list[list[str | Path]] = [
        ["stats", path],
        ["extract", path, "--to", tmp_path / "out"],
        ["plot", path, "--out", tmp_path / "p.svg"],
    ]
    for words in commands:
        result = run(*words)
        assert result.exit_code == ExitCode.OK, result.stderr
        assert not {"\x1b", "\u202e", "\x07"} & set(result.output)
    assert "a<U+001B>[31m<U+202E>b" in run("stats", path).stdout


def test_decrypt_then_extract_gives_the_file(sealed: Simulated, tmp_path: Path) -> None:
    source, keys, target = sealed.save(tmp_path), sealed.save_keys(tmp_path), tmp_path / "plain.pcapng"
    result = run("decrypt", source, target, "--keylog", keys)
    assert result.exit_code == ExitCode.OK
    assert f"packets opened into {target}" in result.stdout
    assert "stay sealed: they " in result.stdout
    result = run("extract", target, "--to", tmp_path / "out")
    assert result.exit_code == ExitCode.OK
    assert f"MD5 {sealed.outcome.md5_sent}, as sent and as stored; written to" in result.stdout
    assert (tmp_path / "out" / "file").stat().st_size == 300_000


def test_extract_of_an_incomplete_file_fails_and_lists_what_is_missing(tmp_path: Path) -> None:
    script = Script().record(0, opening(bytes(16), 3 * CHUNK, "a"), from_server=False, request_id=1)
    script.record(0, Opened(1, 3 * CHUNK, 0, ()), from_server=True, request_id=1).data(1, 1)
    script.save(tmp_path / "c.pcapng")
    result = run("extract", tmp_path / "c.pcapng", "--to", tmp_path / "out")
    assert result.exit_code == ExitCode.FAILED
    assert "a: INCOMPLETE, 1000 bytes of 3.0 kB were captured; not written" in result.stdout
    assert "missing: bytes 0-999, 2000-2999" in result.stdout
    assert run("extract", tmp_path / "c.pcapng", "--to", tmp_path / "out", "--partial").exit_code == ExitCode.FAILED
    assert (tmp_path / "out" / "a").stat().st_size == 2 * CHUNK


def test_plot_writes_a_picture_where_it_is_told(plain: Simulated, tmp_path: Path) -> None:
    result = run("plot", plain.save(tmp_path), "--transfer", "1", "--out", tmp_path / "p.png")
    assert result.exit_code == ExitCode.OK
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_plot_without_matplotlib_says_how_to_get_it(
    plain: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = run("plot", plain.save(tmp_path))
    assert result.exit_code == ExitCode.FAILED
    assert "pip install 'udpchat[plot]'" in result.stderr


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["stats", "{none}"], ExitCode.LOCAL_FILE, "cannot read"),
        (["stats", "{text}"], ExitCode.LOCAL_FILE, "is not a capture"),
        (["stats", "{other}"], ExitCode.LOCAL_FILE, "holds no udpchat packets"),
        (["stats", "{sealed}", "--interface", "eth9"], ExitCode.USAGE, "interface eth9"),
        (["decrypt", "{sealed}", "{out}", "--keylog", "{none}"], ExitCode.LOCAL_FILE, "cannot read the key log"),
        (["decrypt", "{sealed}", "{out}", "--keylog", "{text}"], ExitCode.LOCAL_FILE, "is no key log"),
        (["decrypt", "{sealed}", "{out}", "--keylog", "{wrong}"], ExitCode.LOCAL_FILE, "no key of the key log"),
        (["decrypt", "{sealed}", "{out}"], ExitCode.USAGE, "--keylog"),
        (["extract", "{sealed}", "--to", "{out}"], ExitCode.LOCAL_FILE, "give the key log of the session"),
        (["extract", "{other}", "--to", "{out}"], ExitCode.LOCAL_FILE, "holds no udpchat packets"),
        (["plot", "{sealed}", "--transfer", "2"], ExitCode.USAGE, "no transfer 2"),
        (["plot", "{sealed}", "--out", "{text}"], ExitCode.USAGE, ".png or .svg"),
    ],
)
def test_bad_input_is_one_clear_line_with_a_code(
    words: list[str], code: ExitCode, told: str, sealed: Simulated, tmp_path: Path
) -> None:
    places = {name: tmp_path / name for name in ("none", "text", "out", "other", "wrong")}
    places["text"].write_text("hello")
    places["wrong"].write_text("\n".join(line[:-9] + "000000000" for line in sealed.keylog.splitlines() if line))
    Script().put(b"something else").save(places["other"])
    result = run(*(word.format(**places, sealed=sealed.save(tmp_path)) for word in words))
    assert result.exit_code == code
    assert told in " ".join(result.stderr.replace("│", " ").split())
    assert not (tmp_path / "out").is_file()
    if code is ExitCode.LOCAL_FILE:
        assert result.stderr.count("\n") == 1

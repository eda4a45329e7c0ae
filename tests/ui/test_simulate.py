import csv
import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from udpchat.capture.pcapng import read_capture
from udpchat.crypto.keylog import parse_line
from udpchat.ui.cli.exits import ExitCode
from udpchat.ui.cli.main import make_app

SMALL = ("--size", "50k", "--rate", "20mbit", "--delay", "5ms")
DEAD = ("--size", "1k", "--loss", "100%")


def simulate(*arguments: str) -> Result:
    return CliRunner().invoke(make_app("simulate"), ["simulate", *arguments])


def objects(*arguments: str) -> list[dict[str, Any]]:
    result = simulate(*arguments, "--json")
    assert result.exit_code == ExitCode.OK, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_people_get_the_figures_in_words() -> None:
    result = simulate(*SMALL, "--loss", "5%", "--chat", "50")
    assert result.exit_code == ExitCode.OK, result.output
    first, second, *rest = result.stdout.splitlines()
    assert first == "50.0 kB to the server: 20 Mbit/s, 5 ms each way, 5 % loss; selective-repeat, bbr"
    assert second == "everything arrived intact"
    told = "\n".join(rest)
    for words in ("Mbit/s in", "round trips", "for each byte of the file", "sent again", "delivered; half within"):
        assert words in told
    assert re.search(r"^MD5 +([0-9a-f]{32}) sent, \1 stored$", told, re.MULTILINE)


def test_programs_get_an_object() -> None:
    (run,) = objects(*SMALL, "--direction", "down", "--arq", "go-back-n", "--window", "8", "--plaintext")
    assert run["event"] == "run"
    assert run["ok"] is True
    assert (run["bytes"], run["direction"], run["arq"], run["window"]) == (50_000, "down", "go-back-n", 8)
    assert run["is_plaintext"] is True
    assert run["limit_mbps"] == pytest.approx(20 * 1_420 / 1_514, abs=0.001)
    assert run["ratio"] == pytest.approx(run["goodput_mbps"] / run["limit_mbps"], abs=0.001)
    assert run["goodput_mbps"] == pytest.approx(run["bytes"] * 8 / run["seconds"] / 1e6, abs=0.01)
    assert run["chat_p50_ms"] is None


@pytest.mark.parametrize(
    "arguments", [("--loss", "5%"), ("--chat", "30", "--rebind", "100ms"), ("--clients", "2", "--text")]
)
def test_the_same_seed_gives_the_same_output_and_files(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    found = []
    for name in ("one", "two"):
        paths = [tmp_path / f"{name}.{kind}" for kind in ("pcapng", "keys", "csv")]
        capture, keys, table = map(str, paths)
        files = ("--capture", capture, "--keylog", keys, "--csv", table)
        result = simulate(*SMALL, *arguments, *files, "--seed", "7")
        assert result.exit_code == ExitCode.OK, result.output
        found.append((result.stdout, *(path.read_bytes() for path in paths)))
    assert found[0] == found[1]


def test_the_files_hold_what_they_should_and_are_private(tmp_path: Path) -> None:
    capture, keys, table = (tmp_path / name for name in ("a.pcapng", "a.keys", "a.csv"))
    keys.write_text("of another run\n")
    (run,) = objects(*SMALL, "--capture", str(capture), "--keylog", str(keys), "--csv", str(table))
    packets = list(read_capture(capture))
    assert len([packet for packet in packets if packet.outbound]) == run["datagrams"]
    assert [parse_line(line).direction for line in keys.read_text().splitlines()] == ["server", "client"]
    header, *rows = csv.reader(table.read_text().splitlines())
    assert header == ["seed", "at", "sent", "acked", "in_flight", "window", "smoothed_rtt", "lost", "queue"]
    assert len(rows) > 3
    assert all(row[0] == "0" for row in rows)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (capture, table)} == {0o600}


def test_repeated_runs_have_the_next_seeds_and_a_summary(tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    *runs, summary = objects(*SMALL, "--repeat", "3", "--seed", "5", "--loss", "10%", "--csv", str(table))
    assert [run["seed"] for run in runs] == [5, 6, 7]
    assert len({run["trace"] for run in runs}) == 3
    assert (summary["event"], summary["ok"], summary["runs"], summary["complete"]) == ("summary", True, 3, 3)
    speeds = sorted(run["goodput_mbps"] for run in runs)
    assert summary["goodput_mbps"] == {"median": speeds[1], "min": speeds[0], "max": speeds[2]}
    assert summary["chat_p50_ms"] is None
    assert {row.split(",")[0] for row in table.read_text().splitlines()[1:]} == {"5", "6", "7"}


def test_repeated_runs_are_a_line_each_for_people() -> None:
    result = simulate(*SMALL, "--repeat", "2")
    lines = result.stdout.splitlines()
    assert lines[1].startswith("seed 0: everything arrived intact; ")
    assert lines[2].startswith("seed 1: everything arrived intact; ")
    assert lines[3] == "2 of 2 runs complete"


def test_what_did_not_arrive_is_said_with_its_seed() -> None:
    result = simulate(*DEAD, "--seed", "3", "--json")
    assert result.exit_code == ExitCode.FAILED
    expected = "udpchat simulate: seed 3 shows it again: alice could not join: no answer from 10.0.0.1 port 27272\n"
    assert result.stderr == expected
    assert json.loads(result.stdout)["ok"] is False
    assert "NOT COMPLETE" in simulate(*DEAD).stdout


def test_a_file_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    for option in ("--capture", "--keylog", "--csv"):
        result = simulate(*SMALL, option, str(tmp_path / "missing" / "file"))
        assert result.exit_code == ExitCode.LOCAL_FILE, result.output
        assert re.fullmatch(r"udpchat simulate: cannot write .*No such file or directory.*\n", result.stderr)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--size", "600M"), "kept in memory"),
        (("--size", "200M", "--clients", "3"), "kept in memory"),
        (("--repeat", "0"), "--repeat"),
        (("--repeat", "2", "--capture", "a.pcapng"), "take a single run"),
        (("--repeat", "2", "--keylog", "a.keys"), "take a single run"),
        (("--direction", "sideways"), "--direction"),
        (("--arq", "hope"), "go-back-n"),
        (("--window", "100000"), "--window"),
        (("--congestion", "vegas"), "newreno"),
        (("--chat", "-1"), "--chat"),
        (("--chat", "100000"), "lines a second"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: tuple[str, ...], words: str) -> None:
    result = simulate(*arguments)
    assert result.exit_code == ExitCode.USAGE
    assert words in " ".join(result.stderr.replace("│", " ").split())

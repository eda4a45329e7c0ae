"""The dissector runs on Lua 5.2, as Wireshark 4.0 and 4.2 have it, and on 5.4, as 4.4 has it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path
from random import Random
from zlib import crc32

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from tests.tools import require_tool
from tests.wireshark.sessions import session
from tests.wireshark.test_dissector import some_packets
from tests.wireshark.tshark import CLIENT, SERVER, Seen, infos, write_capture
from udpchat.wireshark.generate import DISSECTOR_PATH, PARTS_FOLDER

WIRESHARK = Path(__file__).with_name("wireshark.lua")

each_version = pytest.mark.parametrize("version", ["5.2", "5.4"])


def packet_lines(sent: Iterable[Seen]) -> list[str]:
    """Packets as wireshark.lua reads them."""
    return [f"{us} {' '.join(map(str, (*a, *b)))} {data.hex()}\n" for us, a, b, data, *_ in sent]


def lines_of(version: str, sent: Iterable[Seen], *preferences: str) -> list[str]:
    """The info column as this version of Lua writes it."""
    done = subprocess.run(
        [require_tool(f"lua{version}"), str(WIRESHARK), str(DISSECTOR_PATH), *preferences],
        input="".join(packet_lines(sent)).encode(),
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert not done.stderr, done.stderr.decode()
    return done.stdout.decode("utf-8", "backslashreplace").splitlines()


@each_version
def test_every_part_is_read_by_the_compiler(version: str) -> None:
    for path in [DISSECTOR_PATH, *PARTS_FOLDER.glob("*.lua")]:
        subprocess.run([require_tool(f"luac{version}"), "-p", str(path)], check=True)


@each_version
@pytest.mark.parametrize("plaintext", [True, False])
def test_a_session_reads_the_same_as_in_tshark(tmp_path: Path, version: str, *, plaintext: bool) -> None:
    made = session(4, plaintext=plaintext, rekey_packets=60)
    keylog = tmp_path / "keys.log"
    keylog.write_text("\n".join(made.keys) + "\n")
    capture = write_capture(tmp_path / "session.pcapng", made.sent)
    shown = lines_of(version, made.sent, f"keylog={keylog}", "verify_checksum=TRUE")
    assert shown == infos(capture, keylog=str(keylog), verify_checksum=True)


@each_version
def test_damage_raises_no_error(version: str) -> None:
    sent = [Seen(1_000, CLIENT, SERVER, data) for seed in range(10, 14) for data in some_packets(seed, damaged=True)]
    shown = lines_of(version, sent, "verify_checksum=TRUE")
    assert len(shown) == len(sent)
    assert any("cut short" in line for line in shown)


VECTORS = """
U = {}
for _, part in ipairs({ "text", "checksum", "chacha20", "poly1305" }) do dofile(arg[1] .. "/" .. part .. ".lua") end
local key, nonce = U.unhex(arg[2]), U.unhex(arg[3])
local text = U.unhex(arg[4])
local sealed = U.chacha20(key, nonce, 1, text)
print(U.hex(sealed .. U.seal_tag(key, nonce, U.unhex(arg[5]), sealed)))
print(string.format("%08x", U.crc32(text)))
print(U.is_utf8(text))
"""


@each_version
@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 63, 64, 65, 1_300])
def test_sealing_in_lua_is_sealing_as_the_library_does_it(tmp_path: Path, version: str, size: int) -> None:
    rng = Random(size)
    key, nonce, text, associated = (rng.randbytes(length) for length in (32, 12, size, size // 3))
    script = tmp_path / "vectors.lua"
    script.write_text(VECTORS)
    arguments = [str(script), str(PARTS_FOLDER), *(part.hex() for part in (key, nonce, text, associated))]
    done = subprocess.run([require_tool(f"lua{version}"), *arguments], capture_output=True, check=True, text=True)
    sealed, checksum, is_text = done.stdout.split()
    assert sealed == ChaCha20Poly1305(key).encrypt(nonce, text, associated).hex()
    assert int(checksum, 16) == crc32(text)
    assert is_text == str(_is_utf8(text)).lower()


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


@each_version
def test_keys_that_are_logged_while_a_capture_runs_are_found(tmp_path: Path, version: str) -> None:
    made = session(4, plaintext=False, rekey_packets=60)
    keylog = tmp_path / "keys.log"
    command = [require_tool(f"lua{version}"), str(WIRESHARK), str(DISSECTOR_PATH), f"keylog={keylog}"]
    half = len(made.sent) // 2
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", bufsize=1) as lua:
        assert lua.stdin is not None
        assert lua.stdout is not None
        shown = []
        for index, packet in enumerate(packet_lines(made.sent)):
            if index == half:
                keylog.write_text("\n".join(made.keys))
            lua.stdin.write(packet)
            lua.stdin.flush()
            shown.append(lua.stdout.readline())
        lua.stdin.close()
    assert not any(": " in line for line in shown[:half])
    assert any("PRIVATE ben to anna: got it" in line for line in shown[half:])

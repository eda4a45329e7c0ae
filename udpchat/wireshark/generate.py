"""Writes udpchat.lua: the tables of the declaration and the hand-written parts of lua/, in one file.

    python -m udpchat.wireshark.generate

A tool for who changes packets.py or a part; its output is checked in, and a test fails when it is stale.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from udpchat.version import __version__
from udpchat.wire.schema import protocol_schema
from udpchat.wireshark.lua_tables import tables_source

_FOLDER: Final = Path(__file__).parent
PARTS_FOLDER: Final = _FOLDER / "lua"
DISSECTOR_PATH: Final = _FOLDER / "udpchat.lua"

_TABLES: Final = "tables"
_ORDER: Final = (
    "namespace",
    _TABLES,
    "text",
    "checksum",
    "chacha20",
    "poly1305",
    "keylog",
    "fields",
    "checks",
    "reader",
    "records",
    "requests",
    "channels",
    "sealed",
    "trailer",
    "summaries",
    "packet",
    "info",
    "engine",
    "intervals",
    "contents",
    "flows",
    "acks",
    "findings",
    "analysis",
    "statistics",
    "reassembly",
    "endpoint",
    "register",
)

_HEAD: Final = """\
-- udpchat in Wireshark and tshark, 4.0 and newer (Lua 5.2 to 5.4). SPDX-License-Identifier: MIT
-- Made by python -m udpchat.wireshark.generate from udpchat/wire/packets.py and udpchat/wireshark/lua/; do not edit.
-- Each part is a block around the one table U: Lua allows 200 locals.
local U = {{ version = "{version}" }}
"""


def dissector_source() -> str:
    """The text of udpchat.lua."""
    blocks = [_HEAD.format(version=__version__)]
    for name in _ORDER:
        source = tables_source(protocol_schema()) if name == _TABLES else _part(name)
        blocks.append(f"\ndo -- {name}\n{source}end -- {name}\n")
    return "".join(blocks)


def _part(name: str) -> str:
    return (PARTS_FOLDER / f"{name}.lua").read_text(encoding="utf-8")


def main() -> None:
    """Rewrite udpchat.lua."""
    DISSECTOR_PATH.write_text(dissector_source(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()

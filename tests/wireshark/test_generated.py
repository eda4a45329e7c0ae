"""udpchat.lua is what the declaration and the parts make, declares every field, and ships with the package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.wireshark.reading import scope_of, secrets_of
from tests.wireshark.tshark import known_fields
from udpchat.wire.schema import Field, Kind, protocol_schema
from udpchat.wireshark.generate import DISSECTOR_PATH, PARTS_FOLDER, dissector_source
from udpchat.wireshark.lua_tables import lua_string, title

PROTOCOL = protocol_schema()
SECRETS = {
    f"udpchat.record.{record.name.lower()}.{name}" for record in PROTOCOL.records for name in secrets_of(record.number)
}
TYPES = {1: "FT_UINT8", 2: "FT_UINT16", 4: "FT_UINT32", 8: "FT_UINT64"}


def test_the_dissector_that_is_checked_in_is_the_one_that_is_made() -> None:
    assert DISSECTOR_PATH.read_text(encoding="utf-8") == dissector_source(), "run python -m udpchat.wireshark.generate"


def test_every_part_is_in_it_once() -> None:
    source = dissector_source()
    for part in PARTS_FOLDER.glob("*.lua"):
        assert source.count(f"do -- {part.stem}\n") == 1
        assert part.read_text(encoding="utf-8") in source


@pytest.fixture(scope="module")
def declared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str, str]]:
    """What tshark knows of each field: title, type and tooltip."""
    return known_fields(tmp_path_factory.mktemp("fields"))


def all_fields() -> list[tuple[str, Field]]:
    """Every field of the declaration under the filter name it should have."""
    scopes = [("udpchat", PROTOCOL.header), ("udpchat.params", PROTOCOL.params)]
    scopes += [(scope_of(packet.name), packet.clear + packet.sealed) for packet in PROTOCOL.packets]
    scopes += [("udpchat.record", PROTOCOL.record_header)]
    scopes += [(f"udpchat.record.{record.name.lower()}", record.fields) for record in PROTOCOL.records]
    return [(f"{scope}.{field.name}", field) for scope, fields in scopes for field in fields]


def test_every_field_of_the_declaration_can_be_filtered_with_its_type_and_tooltip(
    declared: dict[str, tuple[str, str, str]],
) -> None:
    for name, field in all_fields():
        if field.kind is Kind.ARRAY:
            element = name.removesuffix("s")
            assert {f"{element}.{item.name}" for item in field.items} <= set(declared)
            continue
        shown_title, kind, tooltip = declared[name]
        assert shown_title == title(field.name)
        if field.kind in (Kind.UINT, Kind.ENUM, Kind.FLAGS):
            assert kind == TYPES[field.size or 0]
        else:
            is_text = field.kind is Kind.STRING or name in SECRETS
            assert kind == ("FT_STRING" if is_text else "FT_BYTES")
        assert tooltip == field.doc.partition("[")[0].strip()
        if field.kind is Kind.FLAGS:
            assert {f"{name}.{label.lower()}" for _, label in field.names} <= set(declared)


def test_a_lua_text_keeps_quotes_and_backslashes() -> None:
    assert lua_string('a "b"\\\n✓') == '"a \\"b\\"\\\\\\n✓"'


def test_the_generator_writes_what_is_checked_in(tmp_path: Path) -> None:
    before = DISSECTOR_PATH.read_bytes()
    subprocess.run([sys.executable, "-m", "udpchat.wireshark.generate"], check=True, cwd=tmp_path)
    assert DISSECTOR_PATH.read_bytes() == before

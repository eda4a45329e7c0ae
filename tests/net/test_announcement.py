"""What servers say of themselves, and what strangers say in their place."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpchat.net.discovery.announcement import (
    MAX_NAME,
    Announcement,
    decode,
    default_name,
    encode,
    instance_label,
    name_fault,
)

FINGERPRINT = "7f3a-91c2-0000-1111-2222-3333-4444-ffff"
ROOM = Announcement("Room 12", 3, FINGERPRINT, is_sealed=True, version=1)


def strings(*each: bytes) -> bytes:
    return b"".join(bytes([len(string)]) + string for string in each)


@pytest.mark.parametrize(
    "announcement",
    [
        ROOM,
        Announcement("Zimmer 1.2 = ü", 0, FINGERPRINT, is_sealed=True, version=1),
        Announcement("😀" * MAX_NAME, 999_999, FINGERPRINT, is_sealed=True, version=255),
        Announcement("lesson", 1, "", is_sealed=False, version=1),
    ],
)
def test_what_is_said_is_understood(announcement: Announcement) -> None:
    assert decode(encode(announcement)) == announcement


@pytest.mark.parametrize(
    ("text", "name", "users", "fingerprint"),
    [
        (strings(b"v=1", b"mode=sealed"), "", 0, ""),
        (strings(b"V=1", b"MODE=sealed", b"Name=a"), "a", 0, ""),
        (strings(b"v=1", b"mode=sealed", b"name=first", b"name=second"), "first", 0, ""),
        (strings(b"v=1", b"mode=sealed", b"users=-1", b"key=../../etc"), "", 0, ""),
        (strings(b"v=1", b"mode=sealed", b"users=99999999"), "", 0, ""),
        (strings(b"v=1", b"mode=sealed", "users=٣".encode()), "", 0, ""),
        (strings(b"v=1", b"mode=plain", b"key=" + FINGERPRINT.encode()), "", 0, ""),
        (strings(b"v=1", b"mode=sealed", b"key=" + FINGERPRINT.upper().encode()), "", 0, ""),
        (strings(b"v=1", b"mode=sealed", b"name=" + b"x" * 250), "x" * MAX_NAME, 0, ""),
        (strings(b"v=1", b"mode=sealed", b"name=\xff\x1b[2J"), "\ufffd\x1b[2J", 0, ""),
        (strings(b"v=1", b"mode=sealed", b"", b"=", b"lonely", b"name=a=b"), "a=b", 0, ""),
        (strings(b"v=1", b"mode=sealed", b"users=7") + b"\xffcut", "", 7, ""),
        (strings(b"v=1", b"mode=sealed") + strings(*[b"x=" + b"y" * 250] * 30, b"name=late"), "", 0, ""),
        (strings(b"v=1", b"mode=sealed") + strings(*[b""] * 4_000, b"name=late"), "", 0, ""),
    ],
)
def test_what_makes_no_sense_counts_as_not_said(text: bytes, name: str, users: int, fingerprint: str) -> None:
    said = decode(text)
    assert said is not None
    assert (said.name, said.users, said.fingerprint) == (name, users, fingerprint)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\0",
        strings(b"mode=sealed", b"name=a"),
        strings(b"v=1", b"name=a"),
        strings(b"v=one", b"mode=sealed"),
        strings(b"v=1234567", b"mode=sealed"),
        strings(b"v=1", b"mode=open"),
    ],
)
def test_a_text_without_version_or_mode_is_none_of_ours(text: bytes) -> None:
    assert decode(text) is None


@given(st.binary(max_size=2_000))
def test_no_text_is_an_error(text: bytes) -> None:
    said = decode(text)
    assert said is None or len(said.name) <= MAX_NAME


@pytest.mark.parametrize("name", ["a", "Room 12", "Zimmer 1.2", "Ålesund", "教室", "x" * MAX_NAME])
def test_a_server_may_have_any_name_that_can_be_read(name: str) -> None:
    assert name_fault(name) is None


@pytest.mark.parametrize(
    "name", ["", " ", " a", "a ", "x" * (MAX_NAME + 1), "a\nb", "a\x1b", "a\u202eb", "a\u200bb", "...", "a\tb"]
)
def test_a_server_has_no_name_that_would_deceive(name: str) -> None:
    assert name_fault(name) is not None


@pytest.mark.parametrize(
    ("host", "name"),
    [("lab-7.example.org", "lab-7"), ("", "udpchat"), ("-", "udpchat"), ("x" * 60, "x" * MAX_NAME), ("a b", "ab")],
)
def test_a_server_without_a_name_is_called_as_its_machine(host: str, name: str) -> None:
    assert default_name(host) == name
    assert name_fault(name) is None


@pytest.mark.parametrize("name", ["Room 1.2", "a\\b", "😀" * MAX_NAME, "x" * MAX_NAME, "ü" * MAX_NAME])
def test_a_label_fits_into_dns_and_ends_with_key_and_port(name: str) -> None:
    label = instance_label(name, b"\x01\xab" * 16, 65_535)
    assert len(label.encode()) <= 63
    assert "." not in label
    assert label.endswith(" 01ab01ab-65535")


def test_two_servers_of_one_name_have_two_labels() -> None:
    labels = {instance_label("Room 12", key, port) for key in (os.urandom(32), os.urandom(32)) for port in (1, 2)}
    assert len(labels) == 4

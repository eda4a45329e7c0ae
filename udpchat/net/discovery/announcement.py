"""What a server says of itself on the local network, as the text of a DNS service (RFC 6763 section 6). Pure.

Nothing of it can be believed: anybody on the network may say it. It helps to find a server and to recognise it; who the
server is shows in the handshake.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from udpchat.chat.characters import is_shown, is_substantial

SERVICE: Final = "_udpchat._udp.local."
MAX_NAME: Final = 40  # characters of a server's name
MAX_LABEL: Final = 63  # bytes of a part of a name in DNS
MAX_TEXT: Final = 1_300  # bytes of a text that is looked at (RFC 6763 section 6.2 wants it smaller)
MAX_STRINGS: Final = 32
MAX_USERS: Final = 999_999

_FINGERPRINT: Final = re.compile(r"[0-9a-f]{4}(-[0-9a-f]{4}){7}")
_NUMBER: Final = re.compile(r"\d{1,6}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Announcement:
    """A server by its own words.

    version: of the protocol. users: who are there. fingerprint: of its key, empty when it told none or is_sealed is
    False.
    """

    name: str
    users: int
    fingerprint: str
    is_sealed: bool
    version: int


def encode(announcement: Announcement) -> bytes:
    """The text of the service."""
    pairs = {
        "v": str(announcement.version),
        "name": announcement.name,
        "users": str(min(announcement.users, MAX_USERS)),
        "mode": "sealed" if announcement.is_sealed else "plain",
        "key": announcement.fingerprint,
    }
    strings = [f"{key}={value}".encode() for key, value in pairs.items() if value]
    return b"".join(bytes([len(string)]) + string for string in strings)


def decode(text: bytes) -> Announcement | None:
    """What a text says; None when it is none of ours. Names are cut; what else makes no sense counts as not said.

    The name may hold any characters: it is for `visible` before it is shown.
    """
    pairs = _pairs(text)
    version = _NUMBER.fullmatch(pairs.get("v", ""))
    mode = pairs.get("mode")
    if version is None or mode not in ("sealed", "plain"):
        return None
    fingerprint = pairs.get("key", "")
    users = pairs.get("users", "")
    return Announcement(
        name=pairs.get("name", "")[:MAX_NAME],
        users=int(users) if _NUMBER.fullmatch(users) else 0,
        fingerprint=fingerprint if mode == "sealed" and _FINGERPRINT.fullmatch(fingerprint) else "",
        is_sealed=mode == "sealed",
        version=int(version[0]),
    )


def name_fault(name: str) -> str | None:
    """Why a server cannot have a name; None when it can."""
    if not 1 <= len(name) <= MAX_NAME:
        return f"a server's name has 1 to {MAX_NAME} characters"
    if name != name.strip() or not all(character == " " or is_shown(character) for character in name):
        return "a server's name has only characters that can be seen, and spaces between them"
    if not any(map(is_substantial, name)):
        return "a server's name has a letter or a digit"
    return None


def default_name(host: str) -> str:
    """A name for a server that was given none, from that of its machine."""
    name = "".join(filter(is_shown, host.partition(".")[0]))[:MAX_NAME]
    return name if name_fault(name) is None else "udpchat"


def instance_label(name: str, key: bytes, port: int) -> str:
    """What the service is called in DNS: once on the network, for it has the beginning of the key and the port."""
    tag = f" {key.hex()[:8]}-{port}"
    room = MAX_LABEL - len(tag)
    plain = name.replace(".", " ").replace("\\", " ")  # a dot would end the label
    return plain.encode()[:room].decode(errors="ignore").strip() + tag


def _pairs(text: bytes) -> dict[str, str]:
    """Keys in small letters with their values; of a key that is there twice the first counts (RFC 6763 section 6.4)."""
    found: dict[str, str] = {}
    at, text = 0, text[:MAX_TEXT]
    for _ in range(MAX_STRINGS):
        if at >= len(text):
            break
        string = text[at + 1 : at + 1 + text[at]]
        at += 1 + text[at]
        key, equals, value = string.partition(b"=")
        if equals and key:
            found.setdefault(key.decode("ascii", "replace").lower(), value.decode("utf-8", "replace"))
    return found

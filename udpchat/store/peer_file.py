"""The configuration file of a node: read and checked as a whole, changed one value at a time, never half written."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol

from udpchat.config import DEFAULT_PORT, MIB
from udpchat.errors import StorageError
from udpchat.peers.checking import Checker, nearest, normal_host, parse_place
from udpchat.peers.settings import Draft, Fault, NeighbourConfig, PeerConfig, PeerConfigError
from udpchat.store.folders import Folder
from udpchat.store.peer_ini import PEER, IniForm, looks_like_ini
from udpchat.store.trouble import storage_error

MAX_FILE: Final = 1 * MIB
_NOTHING: Final = {"", "-", "none"}
_SEPARATORS: Final = re.compile(r"[\s,/]+")

# What can be changed: each field of PeerConfig with its word, and the words that older systems have for it.
_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "name": ("name",),
    "host": ("host", "ip", "ip_addr"),
    "interface": ("interface",),
    "port": ("port", "serverport", "port_number"),
    "client_port": ("clientport",),
    "share": ("share", "sharedir"),
    "ttl": ("ttl",),
    "is_read_only": ("read_only",),
    "max_ttl": ("max_ttl",),
    "max_neighbours": ("max_neighbours",),
    "neighbours": ("neighbours", "peerlist", "netpeers", "peer_id"),
    "allow": ("allow",),
}
KEYS: Final = tuple(words[0] for field, words in _WORDS.items() if field != "client_port")
_FIELDS: Final = {re.sub("[-_ ]", "", word): field for field, words in _WORDS.items() for word in words}


class Form(Protocol):
    """A text in one of the forms."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    def draft(self) -> Draft:
        """What it says, with the faults of its form."""
        ...

    def changed(self, field: str, value: object) -> str:
        """The text with another value of a field of PeerConfig; None takes it out. KeyError: no such field."""
        ...

    def with_neighbours(self, removed: Collection[int], added: Sequence[NeighbourConfig]) -> str:
        """The text without some neighbours, by their places, and with others. KeyError: they cannot be."""
        ...


class PeerFile:
    """A file of the user. home: folder of the program's own; own_hosts: addresses of this machine.

    node: number of ours in an old file that has several.
    """

    def __init__(self, path: Path, home: Path, own_hosts: Collection[str] = (), node: int | None = None) -> None:
        self.path = path
        self._home = home
        self._own = own_hosts
        self._node = node

    def read(self) -> PeerConfig:
        """What the node is told. PeerConfigError has all that is wrong; StorageError: it cannot be read."""
        return self._checked(self._form(self._text()))

    def form(self) -> str:
        """Which form it has, for people. StorageError."""
        return self._form(self._text()).name

    def modify(self, key: str, value: str) -> PeerConfig:
        """Change one value and write it down; what the node is told from now on. See `plan`. StorageError."""
        config, text = self.plan(key, value)
        self.save(text)
        return config

    def plan(self, key: str, value: str) -> tuple[PeerConfig, str]:
        """What the node would be told after a change of one value, and the text that says so; for `save`.

        key: one of KEYS, or the word of an older system. value: as typed; empty, - or none: no value. PeerConfigError
        says why that cannot be.
        """
        field = _FIELDS.get(re.sub("[-_ ]", "", key.lower()))
        if field is None:
            raise self._refused(key, f"is not known; {nearest(key, KEYS)}")
        text = self._text()
        form = self._form(text)
        before = self._checked(form)
        try:
            changed = self._changed(form, before, field, value.strip())
        except KeyError as error:
            raise self._refused(key, _no_place_text(form, field, error)) from None
        return self._checked(self._form(changed)), changed

    def stamp(self) -> tuple[int, ...]:
        """Something that is another when the file was written; empty when it cannot be seen."""
        try:
            status = os.stat(self.path)
        except OSError:
            return ()
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _changed(self, form: Form, before: PeerConfig, field: str, value: str) -> str:
        if field == "neighbours":
            wanted = [] if value.lower() in _NOTHING else [each for each in _SEPARATORS.split(value) if each]
            kept, added = self._meant(form, before, wanted)
            return form.with_neighbours(set(range(len(before.neighbours))) - kept, added)
        if value.lower() in _NOTHING:
            return form.changed(field, None)
        if field == "allow":
            return form.changed(field, [each for each in _SEPARATORS.split(value) if each])
        if field == "is_read_only" and value.lower() in ("yes", "no", "on", "off", "true", "false"):
            return form.changed(field, value.lower() in ("yes", "on", "true"))
        if field == "share":
            return form.changed(field, value if value.startswith("~") else os.path.abspath(value))
        return form.changed(field, int(value) if re.fullmatch(r"\d{1,9}", value, re.ASCII) else value)

    def _meant(
        self, form: Form, before: PeerConfig, wanted: Sequence[str]
    ) -> tuple[set[int], tuple[NeighbourConfig, ...]]:
        """Which of the neighbours stay, and which are new."""
        kept, added = set[int](), list[NeighbourConfig]()
        for word in wanted:
            found = _find(before.neighbours, word)
            if found is not None:
                kept.add(found)
                continue
            new = self._new(form, word)
            if new is None:
                names = ", ".join(each.name or each.place for each in before.neighbours) or "none"
                text = f"there is no neighbour {word}; there are {names}; to add one write HOST:PORT"
                raise self._refused("neighbours", text)
            added.append(new)
        return kept, tuple(added)

    @staticmethod
    def _new(form: Form, word: str) -> NeighbourConfig | None:
        numbered = PEER.fullmatch(word)
        if isinstance(form, IniForm) and (numbered or word.isdecimal()):
            number = int(numbered[1]) if numbered else int(word)
            address = form.section_address(number)
            return None if address is None else NeighbourConfig(*address, f"peer-{number}")
        place = parse_place(word)
        if place is None or not (":" in word or "." in word):  # a lone word is a slip rather than a machine's name
            return None
        return NeighbourConfig(place[0], DEFAULT_PORT if place[1] is None else place[1])

    # -- the file ------------------------------------------------------------------------------------------------------

    def _text(self) -> str:
        try:
            with open(self.path, "rb") as file:
                data = file.read(MAX_FILE + 1)
        except OSError as error:
            raise storage_error(error, f"read the configuration {self.path}") from error
        if len(data) > MAX_FILE:
            raise StorageError(f"{self.path} has more than {MAX_FILE} bytes: that is no configuration")
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise PeerConfigError(str(self.path), [Fault(line, "", "is no UTF-8 text; save it as UTF-8")]) from None

    def _form(self, text: str) -> Form:
        if looks_like_ini(text):
            return IniForm(text, self._node, self._own)
        if self._node is not None:
            text = "is for files with several [Peer-N] sections; leave it out"
            raise PeerConfigError(str(self.path), [Fault(0, "--id", text)])
        from udpchat.store.peer_toml import TomlForm  # noqa: PLC0415 - its library takes 10 ms, and one command asks

        return TomlForm(text)

    def _checked(self, form: Form) -> PeerConfig:
        draft = form.draft()
        checker = Checker(draft, self._own)
        config = checker.config()
        if config.share:
            place = self.path.absolute().parent / os.path.expanduser(config.share)
            config = replace(config, share=os.path.abspath(place))
            if (fault := self._share_fault(Path(config.share))) is not None:
                given = draft.values["share"]
                checker.faults.append(Fault(given.line, given.key, fault))
        if checker.faults:
            raise PeerConfigError(str(self.path), checker.faults)
        return config

    def _share_fault(self, share: Path) -> str | None:
        """Why a folder cannot be shared; None when it can."""
        try:
            is_folder = stat.S_ISDIR(share.stat().st_mode)
            place, home = share.resolve(), self._home.resolve()
        except FileNotFoundError:
            return f"there is no folder {share}; make it, or name another"
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no path"
            return f"cannot use the folder {share}: {reason}"
        if not is_folder:
            return f"{share} is a file; name a folder"
        if not os.access(share, os.R_OK | os.X_OK):
            return f"you may not read the folder {share}; change its permissions, or name another"
        if home.is_relative_to(place):
            return f"{share} contains {self._home}, where this program keeps its keys; share a folder without that"
        if place.is_relative_to(home):
            return f"{share} lies in {self._home}, where this program keeps its keys; share another folder"
        return None

    def save(self, text: str) -> None:
        """Put a text in place of the file, at once or not at all. StorageError."""
        if text == self._text():
            return
        path = Path(os.path.realpath(self.path))  # a link stays a link
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
            folder = Folder(path.parent, follow=True)
            try:
                folder.write_whole(path.name, text.encode())
            finally:
                folder.close()
            os.chmod(path, mode)  # it was private until now, whatever it was before
        except OSError as error:
            raise storage_error(error, f"write the configuration {self.path}") from error

    def _refused(self, key: str, text: str) -> PeerConfigError:
        return PeerConfigError(str(self.path), [Fault(0, key, text)])


def _find(neighbours: Sequence[NeighbourConfig], word: str) -> int | None:
    """The place of the neighbour that a word means: its name, the number in it, or its address."""
    place = parse_place(word)
    for at, each in enumerate(neighbours):
        if each.name and each.name.lower() in (word.lower(), f"peer-{word}"):
            return at
        if place and (normal_host(place[0]), place[1] or DEFAULT_PORT) == (normal_host(each.host), each.port):
            return at
    return None


def _no_place_text(form: Form, field: str, error: KeyError) -> str:
    if field == "neighbours":
        return f"{error.args[0]} has no [Peer-N] section in this file; write one, then name its number"
    if field == "client_port" and not isinstance(form, IniForm):
        return "is not used: everything goes over one port; it is called port here"
    return f"has no place in this form of file ({form.name}); write it anew in TOML, as docs/peers.md shows"

"""Where the members of a folder that is received lie on this disk: safe names, of which no two are the same here."""

from __future__ import annotations

from collections.abc import Iterable

from udpchat.files.members import MemberInfo
from udpchat.store.names import export_name, name_key, numbered


def lay_out(members: Iterable[MemberInfo]) -> tuple[str, ...]:
    """The path of each member below the folder, as it shall be on this disk; never one that leads out.

    Every name is made safe as that of a single file is; what looks alike to people or disks, or was made alike, gets
    " (2)". members: of an index that indexing.py takes.
    """
    plan = _Plan()
    return tuple(plan.place(member) for member in members)


class _Plan:
    """Names that are taken."""

    def __init__(self) -> None:
        self._directories = {"": ""}  # as the sender calls them: as they are called here
        self._taken: dict[str, dict[str, int]] = {"": {}}  # by directory, then by key: number of the next of that name

    def place(self, member: MemberInfo) -> str:
        """Where a member goes."""
        if member.is_directory:
            return self._directory(member.path)
        above, _, name = member.path.rpartition("/")
        return self._name(self._directory(above), name)

    def _directory(self, path: str) -> str:
        """Where a directory goes, and those above it, which a sender may have left out."""
        known = path
        while known not in self._directories:
            known = known.rpartition("/")[0]
        here = self._directories[known]
        for name in path[len(known) + 1 if known else 0 :].split("/") if known != path else ():
            known = f"{known}/{name}" if known else name
            here = self._directories[known] = self._name(here, name)
            self._taken[here] = {}
        return here

    def _name(self, here: str, name: str) -> str:
        taken, safe = self._taken[here], export_name(name)
        candidate, key = safe, name_key(safe)
        first = key
        while key in taken:
            number = taken[first]
            taken[first] = number + 1
            candidate = numbered(safe, number)
            key = name_key(candidate)
        taken[key] = 2
        return f"{here}/{candidate}" if here else candidate

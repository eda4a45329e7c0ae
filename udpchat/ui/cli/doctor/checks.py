"""One check of a doctor: what was looked at, what was found, what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from udpchat.ui.cli.objects import as_line
from udpchat.ui.cli.render import visible


class Verdict(Enum):
    """How it is; the later one of two is worse."""

    OK = "ok"
    WARN = "warn"  # it works, but not as well as it could
    FAIL = "fail"  # something does not work

    @property
    def badness(self) -> int:
        """For comparing."""
        return list(Verdict).index(self)


@dataclass(frozen=True, slots=True)
class Check:
    """name: one word or two, the same in all versions. looked, found: for people. values: the same for programs.

    advice: what to do, a step or a command each.
    """

    name: str
    verdict: Verdict
    looked: str
    found: str
    advice: tuple[str, ...] = ()
    values: dict[str, object] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """For a terminal."""
        head = f"{self.verdict.value:<4}  {visible(self.looked)}: {visible(self.found)}"
        return [head, *(f"      -> {visible(step)}" for step in self.advice)]

    def as_line(self) -> str:
        """For a program."""
        return as_line(
            "check",
            name=self.name,
            verdict=self.verdict,
            looked=self.looked,
            found=self.found,
            advice=self.advice,
            values=self.values,
        )


def worst(checks: Iterable[Check]) -> Verdict:
    """Of all; ok when there are none."""
    return max((check.verdict for check in checks), key=lambda verdict: verdict.badness, default=Verdict.OK)


def milliseconds(us: float) -> str:
    """A short time, as "0.55 ms"."""
    return f"{us / 1_000:.2f} ms" if us < 10_000 else f"{us / 1_000:.0f} ms"

"""All checks and tests, in the order in which they are cheap: `python -m tests`. Arguments go to pytest."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent


def checks(pytest_arguments: list[str]) -> list[tuple[str, list[str]]]:
    """What is run: a name and a command each."""
    python = sys.executable
    return [
        ("style", [python, "-m", "ruff", "check", "."]),
        ("format", [python, "-m", "ruff", "format", "--check", "."]),
        ("layers", [str(BIN / "lint-imports")]),
        ("types", [python, "-m", "mypy"]),
        ("tests", [python, "-m", "pytest", "-q", "-n", "4", "--dist", "worksteal", *pytest_arguments]),
    ]


def main() -> int:
    """Run all of them, also after one has failed; 0 when every one passed."""
    failed = []
    for name, command in checks(sys.argv[1:]):
        print(f"== {name}: {' '.join(command[1:])}", flush=True)
        environment = os.environ | {"PYTHONHASHSEED": "0"}
        # Hundreds of programs are started: compiled anew each time, they would take most of the run.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode != 0:
            failed.append(name)
    print(f"== failed: {', '.join(failed)}" if failed else "== all passed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

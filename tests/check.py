"""All checks in one command: format, lints, types, stub, Rust tests, Python tests; the time of each stage is printed.

A tool that is missing fails when CI is set; elsewhere its stage is skipped, and the count of skipped stages is printed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Stage:
    """A name and the command that must succeed."""

    name: str
    command: tuple[str, ...]


def python(module: str, *arguments: str) -> tuple[str, ...]:
    """Return the command that runs a module with this interpreter."""
    return (sys.executable, "-m", module, *arguments)


STAGES = (
    Stage("format of Rust", ("cargo", "fmt", "--all", "--check")),
    Stage("format of Python", python("ruff", "format", "--check")),
    Stage("lints of Python", python("ruff", "check")),
    Stage("types", python("mypy")),
    Stage("stub", python("mypy.stubtest", "mailauth_fast._core")),
    Stage(
        "lints of Rust",
        ("cargo", "clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"),
    ),
    Stage("tests of Rust", ("cargo", "test", "--locked", "--workspace", "--quiet")),
    Stage("tests of Python", python("pytest", "-q")),
)


def main() -> int:
    """Run every stage; stop at the first that fails."""
    skipped = 0
    for stage in STAGES:
        if shutil.which(stage.command[0]) is None:
            if os.environ.get("CI"):
                print(f"-- {stage.name}: {stage.command[0]} is missing", flush=True)
                return 1
            print(f"-- {stage.name}: skipped, {stage.command[0]} is missing", flush=True)
            skipped += 1
            continue
        print(f"-- {stage.name}", flush=True)
        begun = time.monotonic()
        code = subprocess.run(stage.command, cwd=ROOT, check=False).returncode
        seconds = time.monotonic() - begun
        print(f"-- {stage.name}: {'failed' if code else 'ok'} after {seconds:.1f} s", flush=True)
        if code:
            return 1
    print(f"-- all checks passed, {skipped} stages skipped", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

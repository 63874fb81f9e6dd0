"""All checks in one command: format, lints, types, stub, tests, instruction counts; prints the time of each stage.

A tool that is missing fails when CI is set; elsewhere its stage is skipped and counted.
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
    """A name, the command that must succeed, and the tools it calls besides its own."""

    name: str
    command: tuple[str, ...]
    tools: tuple[str, ...] = ()

    def missing(self) -> str | None:
        """Return the first tool that is not there."""
        tools = (self.command[0], *self.tools)
        return next((tool for tool in tools if shutil.which(tool) is None), None)


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
    Stage(
        "instruction counts",
        (sys.executable, "bench/instructions.py"),
        tools=("cargo", "rustc", "valgrind"),
    ),
)


def main() -> int:
    """Run every stage; stop at the first that fails."""
    skipped = 0
    for stage in STAGES:
        missing = stage.missing()
        if missing is not None:
            if os.environ.get("CI"):
                print(f"-- {stage.name}: {missing} is missing", flush=True)
                return 1
            print(f"-- {stage.name}: skipped, {missing} is missing", flush=True)
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

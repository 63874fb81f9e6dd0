"""`python -m mailauth_fast` and the `mailauth-fast` script: starts fast."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper

LOST_READER = 141
"""128 + SIGPIPE: what a filter ends with when its reader is gone."""

FATAL = 4


def main() -> None:
    """Run the command line and exit with the contract's code."""
    _occupy_standard_streams()
    arguments = sys.argv[1:]
    try:
        code = _version() if arguments[:1] in (["--version"], ["version"]) else _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader is gone: stop silently, as every filter does.
        from mailauth_fast.cli.terminal import silence  # noqa: PLC0415 - start-up time

        silence(sys.stdout)
        silence(sys.stderr)
        code = LOST_READER
    except OSError as problem:
        from mailauth_fast.cli.terminal import say, silence  # noqa: PLC0415 - start-up time

        silence(sys.stdout)
        say(f"standard output: {(problem.strerror or str(problem)).lower()}; check the disk")
        code = FATAL
    raise SystemExit(code)


def _version() -> int:
    from mailauth_fast.cli.version import version_text  # noqa: PLC0415 - start-up time

    print(version_text())  # noqa: T201 - this is the data
    return 0


def _run(arguments: list[str]) -> int:
    from mailauth_fast.cli.app import run  # noqa: PLC0415 - start-up time

    return run(arguments)


def _occupy_standard_streams() -> None:
    """Open what the caller closed: else the next file opened would be written to as 1 or 2."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - a descriptor
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        # A terminal that knows no UTF-8 gets escapes, not a UnicodeEncodeError.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    main()

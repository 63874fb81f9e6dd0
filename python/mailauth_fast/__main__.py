"""`python -m mailauth_fast` and the `mailauth-fast` script: starts fast."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line and exit with the contract's code."""
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["version"]):
        from mailauth_fast.cli.version import version_text  # noqa: PLC0415 - start-up time

        print(version_text())  # noqa: T201 - this is the data
        raise SystemExit(0)
    from mailauth_fast.cli.app import run  # noqa: PLC0415 - start-up time

    try:
        code = run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader is gone: stop silently, as every filter does (128 + SIGPIPE).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 141
    raise SystemExit(code)


if __name__ == "__main__":
    main()

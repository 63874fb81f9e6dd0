"""Prints the table for the README: `python -m tests.conformance`."""

from __future__ import annotations

import sys

from .case import SUITES as FOLDER
from .registry import SUITES
from .table import markdown, run


def main() -> int:
    """Run every suite; print the table, then what is wrong, if anything is."""
    if not FOLDER.is_dir():
        sys.stderr.write(f"{len(SUITES)} suites are not there: {FOLDER}\n")
        return 2
    rows = [run(suite) for suite in SUITES]
    sys.stdout.write(markdown(rows, SUITES) + "\n")
    for row in rows:
        sys.stderr.writelines(f"{row.name}: {trouble}\n" for trouble in row.troubles)
    return 1 if any(row.troubles for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())

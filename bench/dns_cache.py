"""Memory of the DNS cache and the speed of its look-ups, beside dashmap's.

dashmap is a map without bound, lifetimes or eviction: it is the least that a look-up can cost.
Every ratio is the median of interleaved rounds. The program is `bench/cache`.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

from results import Row, row

ROOT = Path(__file__).parent.parent
SOURCES = Path(__file__).parent / "cache"
TARGET = ROOT / "target/bench/cache"
ENTRIES, ROUNDS = 1_000_000, 9
OCTETS_TARGET = 120
"""Octets an entry may take beyond its name and data."""


def build() -> None:
    """Compile the program, as locked."""
    command = ["cargo", "build", "--release", "--locked", "--quiet", "--target-dir", str(TARGET)]
    subprocess.run(command, cwd=SOURCES, check=True)


def measured() -> dict[str, float | list[float]]:
    """Return what the program prints."""
    command = [str(TARGET / "release/bench-cache"), str(ENTRIES), str(ROUNDS)]
    done = subprocess.run(command, capture_output=True, check=True)
    found: dict[str, float | list[float]] = json.loads(done.stdout)
    return found


def measure(folder: Path) -> list[Row]:  # noqa: ARG001 - every part is given one
    """Return the rows of this file: the resident set is what counts, with all that it rounds up."""
    build()
    found = measured()
    ours, theirs, same = (
        [float(each) for each in list_of(found[name])]
        for name in ("nanoseconds", "dashmap", "dashmap_like_ours")
    )
    fastest = (
        f"{min(ours):.0f} ns a look-up, dashmap {min(theirs):.0f}, of our hash {min(same):.0f}"
    )
    print(f"{ENTRIES:,} entries: {fastest}", file=sys.stderr, flush=True)
    return [
        row("cache-entry-octets", octets(found["resident"]), OCTETS_TARGET, is_most=True),
        row("cache-entry-octets-allocated", octets(found["allocated"]), None),
        row("cache-get-dashmap", ratio(ours, theirs), 1.0),
        row("cache-get-dashmap-of-our-hash", ratio(ours, same), None),
    ]


def octets(value: float | list[float]) -> float:
    """Return one number."""
    if isinstance(value, list):
        raise TypeError("one number was expected")
    return round(value, 1)


def list_of(value: float | list[float]) -> list[float]:
    """Return a number a round."""
    return value if isinstance(value, list) else [value]


def ratio(ours: list[float], theirs: list[float]) -> float:
    """Return how many times as fast we are: the median of the rounds' ratios."""
    return statistics.median(other / own for own, other in zip(ours, theirs, strict=True))

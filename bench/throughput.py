"""How fast this machine verifies, beside what it can hash: DKIM and all else, octets in memory.

Interleaved runs; the ratio counts, not the seconds. `uv run python bench/throughput.py [--json]`.
"""

from __future__ import annotations

import hashlib
import json
import mailbox
import os
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from mailauth_fast import StaticResolver, Verifier

if TYPE_CHECKING:
    from collections.abc import Callable

SAMPLE = Path(__file__).parent.parent / "tests/sample"
COPIES = 20
RUNS = 5


def messages() -> list[bytes]:
    """Return the sample's messages, several times over."""
    return [bytes(message) for message in mailbox.mbox(SAMPLE / "sample.mbox")] * COPIES


def seconds(work: Callable[[], object]) -> float:
    """Return how long one run takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main() -> None:
    """Measure and print."""
    octets = messages()
    zone = StaticResolver(json.loads((SAMPLE / "dns.json").read_text()))
    one, all_cores = Verifier(zone, workers=1), Verifier(zone)
    works: dict[str, Callable[[], object]] = {
        "hash every octet once, one core": lambda: [hashlib.sha256(raw) for raw in octets],
        "verify, one core": lambda: one.verify_batch(octets, now="received"),
        "verify, all cores": lambda: all_cores.verify_batch(octets, now="received"),
    }
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(RUNS):
        for name, work in works.items():
            times[name].append(seconds(work))
    rate = {name: len(octets) / statistics.median(runs) for name, runs in times.items()}
    if "--json" in sys.argv:
        print(json.dumps([{"name": name, "value": round(value)} for name, value in rate.items()]))
        return
    print(
        f"{len(octets)} messages, load {os.getloadavg()[0]:.1f}, {RUNS} interleaved runs, medians"
    )
    for name, value in rate.items():
        print(f"{name:<34}{value:>10,.0f} messages/s")


if __name__ == "__main__":
    main()

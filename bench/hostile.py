"""What hostile mail may cost: no family grows faster than its size, none costs ten usual mails.

`uv run python bench/hostile.py [--json] [FAMILY ...]` prints the two rows, some minutes; the table
of all families goes to standard error. A family that is cut off by a limit before it costs 50 ms
has no growth to measure and is marked capped.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from bisect import bisect_left
from dataclasses import dataclass
from typing import cast

from hostile_families import Case, Family, envelope, families, stage, usual_mail
from mailauth_fast import Policy, StaticResolver, Verifier

NOW = 1_777_874_400
POLICY = Policy(receiver="mx.receiver.example")
LEAST = 0.05
"""Seconds of process time below which growth is not told apart from noise."""
LARGEST = 120_000_000
"""Octets; twice as many are still a message that is read as a whole."""
RUNS = 5
GROWTH = 2.3
COST = 10
FIXED = 0.006
"""Seconds: ten verifications with the slowest key."""
USUAL_SIZES = tuple(1 << power for power in range(11, 21))


@dataclass(frozen=True, slots=True)
class Finding:
    """What one family did.

    Attributes:
        count: the n that growth was measured at; of a capped family, the last one.
        octets, seconds: of the message at n.
        growth: time(2n) / time(n); None when capped.
        cost: the worst of all n: (time - 6 ms) / time of a usual message of that size.
        costliest: the n of `cost`.
    """

    name: str
    count: int
    octets: int
    seconds: float
    growth: float | None
    cost: float
    costliest: int


def seconds(case: Case, runs: int) -> float:
    """Return the least process time of a run; each run knows no answer and no key before."""
    times = []
    for _ in range(runs):
        zone = StaticResolver(cast("dict[str, dict[str, list[str]]]", {**stage(), **case.zone}))
        verifier = Verifier(zone, POLICY, workers=1)
        begun = time.process_time()
        verifier.verify(case.octets, envelope=envelope(), now=NOW)
        times.append(time.process_time() - begun)
    return min(times)


class Usual:
    """The time of a usual message of any size: measured up to 1 MiB, in proportion beyond."""

    def __init__(self) -> None:
        """Measure signed messages of text, HTML and an image."""
        self.times = []
        for size in USUAL_SIZES:
            self.times.append(seconds(Case(usual_mail(size)), 2 * RUNS))

    def seconds(self, octets: int) -> float:
        """Return the time of a usual message of this size."""
        right = bisect_left(USUAL_SIZES, octets)
        if right == len(USUAL_SIZES):
            return self.times[-1] * octets / USUAL_SIZES[-1]
        if right == 0:
            return self.times[0]
        low, high = USUAL_SIZES[right - 1 : right + 1]
        share = (octets - low) / (high - low)
        return self.times[right - 1] * (1 - share) + self.times[right] * share


def sizes(family: Family) -> list[int]:
    """Return the powers of two below the limit, and the limit."""
    limit = family.limit or LARGEST
    found = [1 << power for power in range(limit.bit_length()) if 1 << power < limit]
    return [*found, limit]


def examine(family: Family, usual: Usual) -> Finding:
    """Let a family grow until it costs enough or is cut off."""
    cost, costliest = 0.0, 0
    count, taken, case = 0, 0.0, Case(b"")
    for size in sizes(family):
        larger = family.make(size)
        if len(larger.octets) > LARGEST:
            break
        count, case, octets = size, larger, len(larger.octets)
        runs = 2 if octets < USUAL_SIZES[0] else RUNS
        taken = seconds(case, runs)
        found = (taken - FIXED) / usual.seconds(octets)
        if found > cost:
            found = (min(taken, seconds(case, RUNS)) - FIXED) / usual.seconds(octets)
        if found > cost:
            cost, costliest = found, count
        if taken >= LEAST:
            break
    is_capped = taken < LEAST or 2 * count > (family.limit or 2 * LARGEST)
    growth = None if is_capped else doubled(family, count, case)
    return Finding(family.name, count, len(case.octets), taken, growth, cost, costliest)


def doubled(family: Family, count: int, case: Case) -> float:
    """Return time(2n) / time(n), the least of interleaved runs."""
    larger = family.make(2 * count)
    pairs = [(seconds(larger, 1), seconds(case, 1)) for _ in range(RUNS)]
    return min(each[0] for each in pairs) / min(each[1] for each in pairs)


def line(found: Finding) -> str:
    """Return a family's line of the table."""
    growth = "capped" if found.growth is None else f"{found.growth:.2f}"
    mark = "" if (found.growth or 0) <= GROWTH and found.cost <= COST else "  MISSED"
    return (
        f"{found.name:<26}{found.count:>11,}{found.octets:>13,}{found.seconds * 1000:>9.1f}"
        f"{growth:>8}{found.cost:>8.2f}{found.costliest:>11,}{mark}"
    )


def row(name: str, value: float, target: float, family: str) -> dict[str, object]:
    """Return one line of the result, with the worst family."""
    rounded = round(value, 3)
    return {
        "name": name,
        "value": rounded,
        "target": target,
        "ok": rounded <= target,
        "family": family,
    }


def main(arguments: list[str]) -> int:
    """Measure all families, or those named, and print the rows."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("family", nargs="*")
    chosen = parser.parse_args(arguments)
    every = families()
    unknown = sorted(set(chosen.family) - {each.name for each in every})
    if unknown:
        parser.error(
            f"no family {', '.join(unknown)}; there are {', '.join(each.name for each in every)}"
        )
    usual = Usual()
    mebi = usual.seconds(USUAL_SIZES[-1]) * 1000
    print(f"a usual message of 1 MiB: {mebi:.2f} ms; n: where growth is measured", file=sys.stderr)
    heads = ("n", 11), ("octets", 13), ("ms", 9), ("growth", 8), ("cost", 8), ("costliest", 11)
    head = "".join(f"{word:>{width}}" for word, width in heads)
    print(f"{'family':<26}{head}", file=sys.stderr)
    findings = []
    for family in every:
        if not chosen.family or family.name in chosen.family:
            findings.append(examine(family, usual))
            print(line(findings[-1]), file=sys.stderr, flush=True)
    grown = max(findings, key=lambda each: each.growth or 0)
    dear = max(findings, key=lambda each: each.cost)
    rows = [
        row("hostile-growth", grown.growth or 0, GROWTH, grown.name),
        row("hostile-cost", dear.cost, COST, dear.name),
    ]
    if chosen.json:
        print(json.dumps(rows))
    else:
        for entry in rows:
            mark = "ok" if entry["ok"] else "MISSED"
            print(
                f"{entry['name']!s:<16}{entry['value']!s:>8}  at most {entry['target']}  "
                f"{mark}  {entry['family']}"
            )
    return 0 if all(entry["ok"] for entry in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

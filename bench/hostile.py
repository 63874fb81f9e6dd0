"""What hostile mail may cost: no family grows faster than its size, none costs ten usual mails.

`uv run python bench/hostile.py [--json] [--write] [FAMILY ...]` prints two rows, each with its
worst family: `hostile-growth`, time(2n) / time(n), and `hostile-cost`, a message's time but 6 ms
over that of a usual message of its size. Some minutes; the table of all families goes to standard
error, and with `--write` into bench/RESULTS.md too. A family that is cut off by a limit before it
costs 50 ms has no growth to measure and is marked capped. It signs with the package `cryptography`.
"""

from __future__ import annotations

import argparse
import sys
import time
from bisect import bisect_left
from dataclasses import dataclass
from typing import cast

import msgspec
import results
from mailauth_fast import Policy, StaticResolver, Verifier

try:
    from hostile_families import Case, Family, families, stage, usual_mail
except ModuleNotFoundError as problem:
    sys.exit(f"{problem}: hostile mail is made in a checkout with `uv sync`")

NOW = 1_777_874_400
POLICY = Policy(receiver="mx.receiver.example")
LEAST = 0.05
"""Seconds of process time below which growth is not told apart from noise."""
LARGEST = 120_000_000
"""Octets; twice as many are still a message that is read as a whole."""
RUNS = 5
COMMAND = "uv run python bench/hostile.py --write"
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


def say(text: str) -> None:
    """Tell how far it is."""
    print(text, file=sys.stderr, flush=True)


def seconds(case: Case, runs: int) -> float:
    """Return the least process time of a run; each run knows no answer and no key before."""
    times = []
    for _ in range(runs):
        zone = StaticResolver(cast("dict[str, dict[str, list[str]]]", {**stage(), **case.zone}))
        verifier = Verifier(zone, POLICY, workers=1)
        begun = time.process_time()
        verifier.verify(case.octets, envelope=case.envelope, now=NOW)
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


def write(found: list[results.Row], findings: list[Finding], machine: str) -> None:
    """Keep the rows and all families in bench/RESULTS.md."""
    lines = [
        "`growth`: time(2n) / time(n) at n, or capped by a limit before it costs 50 ms. `cost`:",
        "the worst of all n, a message's time but 6 ms over that of a usual one of its size.",
        "",
        "| family | n | octets | ms | growth | cost | costliest n |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for each in findings:
        growth = "capped" if each.growth is None else f"{each.growth:.2f}"
        lines.append(
            f"| {each.name} | {each.count:,} | {each.octets:,} | {each.seconds * 1000:.1f} "
            f"| {growth} | {each.cost:.2f} | {each.costliest:,} |"
        )
    results.record("hostile", results.section(COMMAND, found, "\n".join(lines), machine=machine))


def measured(chosen: list[Family]) -> list[Finding]:
    """Examine families one after the other; tell each one's line at once."""
    usual = Usual()
    mebi = usual.seconds(USUAL_SIZES[-1]) * 1000
    say(f"a usual message of 1 MiB: {mebi:.2f} ms; n: where growth is measured")
    heads = ("n", 11), ("octets", 13), ("ms", 9), ("growth", 8), ("cost", 8), ("costliest", 11)
    head = "".join(f"{word:>{width}}" for word, width in heads)
    say(f"{'family':<26}{head}")
    findings = []
    for family in chosen:
        findings.append(examine(family, usual))
        say(line(findings[-1]))
    return findings


def chosen_families(parser: argparse.ArgumentParser, names: list[str]) -> list[Family]:
    """Return the families of these names, or all."""
    every = families()
    known = ", ".join(each.name for each in every)
    if unknown := ", ".join(sorted(set(names) - {each.name for each in every})):
        parser.error(f"no family {unknown}; there are {known}")
    return [each for each in every if not names or each.name in names]


def main(arguments: list[str]) -> int:
    """Measure all families, or those named, and print the rows."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print the rows for programs")
    parser.add_argument("--write", action="store_true", help="keep the result in RESULTS.md")
    parser.add_argument("family", nargs="*", help="default: all")
    given = parser.parse_args(arguments)
    chosen = chosen_families(parser, given.family)
    if given.write and given.family:
        parser.error("--write keeps the result of all families: name none")
    if refusal := results.debug_build():
        say(refusal)
        return 2
    machine = results.machine()
    findings = measured(chosen)
    grown = max(findings, key=lambda each: each.growth or 0)
    dear = max(findings, key=lambda each: each.cost)
    worst = {
        grown.name: results.row("hostile-growth", grown.growth, GROWTH, is_most=True),
        f"{dear.name}, n {dear.costliest:,}": results.row(
            "hostile-cost", dear.cost, COST, is_most=True
        ),
    }
    rows = list(worst.values())
    if given.write:
        write(rows, findings, machine)
    if given.json:
        print(msgspec.json.encode(rows).decode())
    else:
        for family, each in worst.items():
            value = "not measured" if each.value is None else f"{each.value:.3f}"
            mark = "" if each.value is None else "ok" if each.ok else "MISSED"
            print(f"{each.name:<16}{value:>13}  at most {each.target}  {mark:<6}  {family}")
    return 0 if all(each.ok for each in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

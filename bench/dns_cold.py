"""A cold run beside the time that it cannot do without: CPU, or questions on their way.

The limit is the largest of CPU time / cores, questions / rate, and questions x delay / in-flight
limit, and one delay a round. Every run has a resolver, a cache and a server of its own. Beside each
the same messages are verified with all answers at hand: on a busy machine that tells what DNS is.
"""

from __future__ import annotations

import os
import statistics
import time
from typing import TYPE_CHECKING

import dns_rates
from dns_run import Collector, Run, kept, serving
from mailauth_fast import LiveResolver, StaticResolver, Verifier
from results import Row, row

if TYPE_CHECKING:
    from pathlib import Path

    from mailauth_fast.resolvers import Resolver

DELAY = 0.020
IN_FLIGHT = 1_024
"""What the resolver allows itself on loopback; its rate there is any."""
LIMIT = 1.3
RUNS = 5
NOW = 1_778_000_000


def rounds(run: Run) -> int:
    """Return how many rounds of questions the longest of some messages needs when alone."""
    longest = 0
    for place in (0, 1):
        collector = Collector(run)
        Verifier(collector, workers=1).verify(run.messages[place], run.envelopes[place], now=NOW)
        longest = max(longest, collector.rounds)
    return longest


def measured(run: Run, resolver: Resolver) -> tuple[float, float]:
    """Verify all with nothing in the cache; return wall and CPU seconds.

    Raises:
        Wrong: not every message passed.
    """
    verifier = Verifier(resolver)
    wall, cpu = time.perf_counter(), time.process_time()
    table = verifier.verify_batch(run.messages, run.envelopes, now=NOW)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    passed = sum(row.dmarc is not None and row.dmarc.result == "pass" for row in table)
    if passed != len(run.messages):
        raise dns_rates.Wrong(f"{passed} of {len(run.messages)} messages passed")
    return wall, cpu


def at_hand(run: Run) -> StaticResolver:
    """Return a resolver that has every answer in memory."""
    zone: dict[str, dict[str, list[str]]] = {}
    for (name, kind), text in run.zone.items():
        zone.setdefault(name, {})[kind] = [text]
    return StaticResolver(zone)


def measure(folder: Path) -> list[Row]:
    """Return the rows of this file."""
    dns_rates.build_ours()
    run = kept()
    cores, depth = len(os.sched_getaffinity(0)), rounds(run)
    memory = at_hand(run)
    ratios, beside, walls = [], [], []
    for _ in range(RUNS):
        with serving(run, round(DELAY * 1000), folder) as server:
            live = LiveResolver([server.address], in_flight=IN_FLIGHT)
            wall, cpu = measured(run, live)
            questions = sum(figures.sent for figures in live.statistics())
        without, _ = measured(run, memory)
        limit = max(cpu / cores, questions * DELAY / IN_FLIGHT) + depth * DELAY
        dns_rates.say(
            f"cold run: {wall:.2f} s, CPU {cpu:.2f} s on {cores} cores, {questions:,} questions,"
            f" {depth} rounds; limit {limit:.2f} s; with all answers at hand {without:.2f} s"
        )
        beside.append(wall / without)
        ratios.append(wall / limit)
        walls.append(wall)
    return [
        row("cold-run", statistics.median(ratios), LIMIT, is_most=True),
        row("cold-run-beside-answers-at-hand", statistics.median(beside), None),
        row("cold-run-seconds", statistics.median(walls), None),
    ]

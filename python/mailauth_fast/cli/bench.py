"""`bench`: this machine's throughput beside its physical limit."""

from __future__ import annotations

import json
import sys
from pathlib import Path  # noqa: TC003 - cyclopts reads annotations
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.table import Table

from mailauth_fast import _core
from mailauth_fast.bench.chart import chart as drawn
from mailauth_fast.bench.corpus import cached
from mailauth_fast.bench.stages import DISK_STAGES
from mailauth_fast.bench.throughput import Measurement, measure
from mailauth_fast.cli.exits import CommandError, Exit
from mailauth_fast.cli.options import reason_of
from mailauth_fast.cli.terminal import console, say

Family = Literal["bulk", "list", "small"]
LARGEST = 100_000
"""Messages that still fit into the memory of a usual machine: a corpus is held whole."""
MOST_RUNS = 99
FOOTNOTES = (
    "DKIM: octets in memory through verify_batch.",
    "Everything: SPF, DKIM, ARC and DMARC, mbox in, Parquet out.",
    "Stages are measured apart; evaluate is what the others leave of the whole, if they do.",
    "read: what an mbox without signatures costs beyond the same messages in memory.",
    "hash, public key: the engine's own path over as many octets and signatures.",
    "Plain limit, by aws-lc: one stream over all that must be hashed, one operation a signature.",
)


def bench(
    *,
    corpus: Annotated[Family, Parameter(help="family of the messages")] = "bulk",
    count: Annotated[int, Parameter(help="messages")] = 2000,
    runs: Annotated[int, Parameter(help="interleaved runs; the median counts")] = 7,
    as_json: Annotated[
        bool, Parameter(name="--json", negative="", help="figures for programs")
    ] = False,
    chart: Annotated[Path | None, Parameter(help="also draw a chart to this SVG file")] = None,
) -> int:
    """Measure how fast this machine verifies synthetic mail, beside what it could reach at most."""
    _check("--count", count, LARGEST)
    _check("--runs", runs, MOST_RUNS)
    found = measure(cached(corpus, count), runs=runs)
    if not _core.is_optimized():
        say("the engine is a debug build: these figures say nothing of its speed")
    if chart is not None:
        try:
            chart.write_text(drawn(found), "utf-8")
        except OSError as problem:
            sentence = f"{chart}: cannot be written ({reason_of(problem)}); check --chart"
            raise CommandError(sentence, Exit.FATAL) from None
    if as_json:
        print(json.dumps(found.as_json()))
    else:
        _print(found)
    return Exit.FINISHED


def _check(name: str, value: int, largest: int) -> None:
    if not 1 <= value <= largest:
        raise CommandError(f"{name} {value}: give a number from 1 to {largest:,}", Exit.USAGE)


def _print(found: Measurement) -> None:
    screen = console(sys.stdout)
    mean = found.octets / found.messages / 1000
    limit = found.limit
    lines = (
        (
            f"{found.corpus}: {found.messages:,} messages, {mean:.1f} kB mean;"
            f" {found.runs} interleaved runs, {found.void} void; load {found.load:.2f}"
        ),
        (
            f"SHA-256 path {found.hash_path}: {found.own_stream:.2f} GB/s;"
            f" one stream of aws-lc: {found.one_stream:.2f} GB/s;"
            f" {limit.operation_microseconds:.1f} µs a public-key operation"
        ),
    )
    for line in lines:
        screen.print(line, soft_wrap=True)
    screen.print()
    screen.print(_stage_table(found), soft_wrap=True)
    screen.print()
    screen.print(_core_table(found), soft_wrap=True)
    screen.print()
    for note in FOOTNOTES:
        screen.print(note, soft_wrap=True)


def _stage_table(found: Measurement) -> Table:
    table = Table(title="one core", title_justify="left", box=None, pad_edge=False)
    table.add_column("stage")
    for name in ("DKIM µs", "messages/s", "MB/s", "everything µs", "messages/s", "MB/s"):
        table.add_column(name, justify="right")
    for cells in stage_rows(found):
        table.add_row(*cells)
    return table


def _core_table(found: Measurement) -> Table:
    table = Table(title="all cores", title_justify="left", box=None, pad_edge=False)
    table.add_column("cores", justify="right")
    for way in ("DKIM", "all"):
        for name in (f"{way} messages/s", "MB/s", "of limit"):
            table.add_column(name, justify="right")
    for cells in core_rows(found):
        table.add_row(*cells)
    return table


def stage_rows(found: Measurement) -> list[list[str]]:
    """Return, for each stage of one core, microseconds a message and what it alone would reach."""
    ways = (found.memory, found.disk)
    rows = [
        [name, *(cell for stages in ways for cell in _figures(found, stages.get(name)))]
        for name in DISK_STAGES
    ]
    measured = (found.memory_whole, found.disk_whole)
    wholes = [cell for seconds in measured for cell in _figures(found, seconds)]
    limit = _figures(found, found.limit.seconds)
    return [*rows, ["whole", *wholes], ["plain limit", *limit, *limit]]


def core_rows(found: Measurement) -> list[list[str]]:
    """Return, for each number of cores, the speed and its share of the limit of so many."""
    rows = []
    for each in found.cores:
        limit = found.limit.rate * each.cores
        cells = [
            cell
            for rate in (each.memory, each.disk)
            for cell in (f"{rate:,.0f}", _megabytes(found, rate), f"{rate / limit:.2f}")
        ]
        rows.append([str(each.cores), *cells])
    return rows


def _figures(found: Measurement, seconds: float | None) -> tuple[str, str, str]:
    """Return microseconds a message, messages a second and MB/s, for so many CPU seconds."""
    if seconds is None:
        return "", "", ""
    microseconds = f"{seconds / found.messages * 1e6:.1f}"
    if seconds <= 0:
        return microseconds, "-", "-"
    rate = found.messages / seconds
    return microseconds, f"{rate:,.0f}", _megabytes(found, rate)


def _megabytes(found: Measurement, rate: float) -> str:
    return f"{rate * found.octets / found.messages / 1e6:,.0f}"

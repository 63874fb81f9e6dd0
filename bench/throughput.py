"""How near this machine's own limit the engine comes, from Python; ratios of interleaved runs.

`uv run python bench/throughput.py [--json] [--write]`: some minutes; the first time some more, in
which the package `cryptography` signs the corpora. `--write` also measures the stages and keeps all
of it in bench/RESULTS.md. Exit code 1: a row missed its target or could not be measured here; 2:
nothing was measured.

- `dkim-bulk-limit`, `arc-list-limit`, `all-disk-limit`: the engine's speed over the plain limit's;
- `two-cores`: the speed-up of two workers over that of two processes of the limit;
- `python-share`: Python's part of the CPU seconds of a run over an archive, the only row where less
  is better;
- `real-bodies`: canonicalizing and hashing real bodies over one stream of aws-lc that only hashes;
- `two-lanes-hash`, `sixteen-lanes-hash`: so many lanes of SHA-256 over one; `same-work-once`: a
  batch in which every message stands four times over one of as many distinct messages. These are
  told, not held to anything.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec
import results
from mailauth_fast import StaticResolver, Verifier, _core
from mailauth_fast.bench.chart import chart
from mailauth_fast.bench.corpus import cached
from mailauth_fast.bench.limit import LimitPair, PlainLimit, is_void, stream_speed
from mailauth_fast.bench.stages import Archive, cpu_seconds
from mailauth_fast.bench.throughput import measure, usable_cores, wall_seconds
from mailauth_fast.cli.bench import FOOTNOTES, core_rows, stage_rows
from mailauth_fast.errors import MailauthError
from share import python_share

if TYPE_CHECKING:
    from mailauth_fast.bench.corpus import Corpus, Name
    from mailauth_fast.bench.throughput import Measurement

COUNT, RUNS = 20_000, 7
FAMILIES: tuple[Name, ...] = ("bulk", "list")
"""Families whose stages are shown."""
SUITES = Path(__file__).resolve().parents[2] / "shared/suites"
PAIR = 2
"""Cores of the rows that are about more than one."""
COPIES = 4
"""How often a message stands in the batch that shows what is done once."""
BODY_REPEATS = 3
VOID_LIMIT = 3
"""Void rounds for each wanted one before the run is given up as void."""
COMMAND = "uv run python bench/throughput.py --write"
TARGETS: dict[str, float | None] = {
    "dkim-bulk-limit": 1.0,
    "arc-list-limit": 0.8,
    "all-disk-limit": 0.8,
    "two-cores": 0.93,
    "python-share": 0.03,
    "real-bodies": 1.2,
    "two-lanes-hash": None,
    "sixteen-lanes-hash": None,
    "same-work-once": None,
}
AT_MOST = {"python-share"}
Values = dict[str, float]


def say(text: str) -> None:
    """Tell how far it is."""
    print(text, file=sys.stderr, flush=True)


class Sampler(Protocol):
    """Measures some rows once."""

    def sample(self) -> Values:
        """Return row -> value."""


def warm(corpus: Corpus) -> tuple[PlainLimit, Verifier]:
    """Return a corpus's limit and an engine of one worker, both warm."""
    limit = PlainLimit(corpus)
    engine = Verifier(StaticResolver(corpus.zone), workers=1)
    engine.verify_batch(corpus.octets(), now="received")
    limit.run()
    return limit, engine


class Memory:
    """Octets in memory: DKIM on `bulk`, DKIM and ARC on `list`."""

    def __init__(self, bulk: Corpus, mailing: Corpus) -> None:
        """Warm both."""
        self._corpora = {"dkim-bulk-limit": bulk, "arc-list-limit": mailing}
        self._ready = {name: warm(each) for name, each in self._corpora.items()}

    def sample(self) -> Values:
        """Measure once: CPU seconds of the limit over those of the engine."""
        found = {}
        for name, (limit, engine) in self._ready.items():
            octets = self._corpora[name].octets()
            least = limit.run().seconds
            work = partial(engine.verify_batch, octets, now="received")
            found[name] = least / cpu_seconds(work)
        return found


class Equal:
    """Every message several times in a row, beside as many that differ."""

    def __init__(self, bulk: Corpus) -> None:
        """Choose the messages."""
        octets = bulk.octets()
        quarter = len(octets) // COPIES
        self._distinct, self._repeated = octets[: quarter * COPIES], []
        for message in octets[:quarter]:
            self._repeated += [message] * COPIES
        self._engine = Verifier(StaticResolver(bulk.zone), workers=1)

    def sample(self) -> Values:
        """Measure once."""
        repeated = cpu_seconds(lambda: self._engine.verify_batch(self._repeated, now="received"))
        distinct = cpu_seconds(lambda: self._engine.verify_batch(self._distinct, now="received"))
        return {"same-work-once": distinct / repeated}


class Pair:
    """Two cores: mbox in, Parquet out beside twice the limit; two workers beside one."""

    def __init__(self, bulk: Corpus, archive: Archive, pair: LimitPair) -> None:
        """Warm the engines."""
        self._octets, self._archive, self._pair = bulk.octets(), archive, pair
        self._limit = PlainLimit(bulk)
        zone = StaticResolver(bulk.zone)
        self._one, self._two = Verifier(zone, workers=1), Verifier(zone, workers=PAIR)
        for engine in (self._one, self._two):
            engine.verify_batch(self._octets, now="received")

    def sample(self) -> Values:
        """Measure once, by the clock on the wall."""
        alone = self._limit.run().rate
        disk = self._archive.messages / wall_seconds(lambda: self._archive.verify(PAIR))
        speedup = self._seconds(self._one) / self._seconds(self._two)
        return {
            "all-disk-limit": disk / (PAIR * alone),
            "two-cores": speedup / self._pair.speedup(),
            "python-share": python_share(lambda: self._archive.verify(PAIR)),
        }

    def _seconds(self, engine: Verifier) -> float:
        return wall_seconds(lambda: engine.verify_batch(self._octets, now="received"))


class Hashes:
    """The hash alone, and with the canonicalization of real bodies."""

    def __init__(self) -> None:
        """Read the bodies."""
        self._bodies = real_bodies()

    def sample(self) -> Values:
        """Measure once."""
        found = lanes()
        if self._bodies:
            begun = time.thread_time()
            for _ in range(BODY_REPEATS):
                hash_bodies(self._bodies)
            ours = time.thread_time() - begun
            plain = _core.kernels.hash_seconds(self._bodies, "library", BODY_REPEATS)
            found["real-bodies"] = plain / ours
        return found


def real_bodies() -> list[bytes]:
    """Return the bodies of real mail, with CRLF; none where the suites are not."""
    bodies = []
    for path in sorted(SUITES.glob("real-*/eml/*.eml")):
        octets = path.read_bytes()
        wire = octets if b"\r\n" in octets else octets.replace(b"\n", b"\r\n")
        bodies.append(wire.partition(b"\r\n\r\n")[2])
    return bodies


def hash_bodies(bodies: list[bytes]) -> None:
    """Hash bodies as the engine does: several at once."""
    _core.kernels.body_hashes(bodies, True)  # noqa: FBT003 - the kernel's signature


def lanes() -> Values:
    """Return several lanes over one, as far as the CPU has them."""
    paths = {"two-lanes-hash": "two-lanes", "sixteen-lanes-hash": "sixteen-and-two-lanes"}
    found = {}
    for name, path in paths.items():
        with contextlib.suppress(MailauthError):
            found[name] = stream_speed(path) / stream_speed("one-lane")
    return found


def rounds(samplers: list[Sampler], runs: int) -> tuple[dict[str, list[float]], bool]:
    """Take interleaved samples; tell whether even the last of them are void."""
    found: dict[str, list[float]] = {}
    kept = void = 0
    while kept < runs and void <= VOID_LIMIT * runs:
        values: Values = {}
        speeds = [stream_speed()]
        for sampler in samplers:
            values |= sampler.sample()
            speeds.append(stream_speed())
        if is_void(min(speeds)):
            void += 1
            say(f"void: one stream at {min(speeds):.2f} GB/s")
            continue
        kept += 1
        say(f"run {kept} of {runs}: one stream at {min(speeds):.2f} GB/s")
        for name, value in values.items():
            found.setdefault(name, []).append(value)
    say(f"{kept} runs, {void} void")
    return found, kept < runs


def rows(count: int, runs: int) -> list[results.Row]:
    """Measure every row; one that was not measured has no value."""
    bulk, mailing = cached("bulk", count), cached("list", max(1, count // 2))
    with tempfile.TemporaryDirectory(prefix="mailauth-throughput-") as name:
        folder = Path(name)
        samplers: list[Sampler] = [Memory(bulk, mailing), Hashes(), Equal(bulk)]
        if usable_cores() < PAIR:
            say("this process has one core: rows about two are not measured")
            found, is_void_run = rounds(samplers, runs)
        else:
            with LimitPair(bulk, folder) as pair:
                samplers.append(Pair(bulk, Archive(bulk, folder), pair))
                found, is_void_run = rounds(samplers, runs)
    if is_void_run:
        say("the whole run is void: others have this machine")
        found = {}
    return [row(name, found.get(name)) for name in TARGETS]


def row(name: str, values: list[float] | None) -> results.Row:
    """Return a row: the median of its runs."""
    if not values:
        say(f"{name}: not measured here")
    median = statistics.median(values) if values else None
    return results.row(name, median, TARGETS[name], is_most=name in AT_MOST)


def write(found: list[results.Row], machine: str, count: int, runs: int) -> None:
    """Keep the rows, and the stages of both families with their charts."""
    texts = []
    for family in FAMILIES:
        measured = measure(cached(family, count), runs=runs)
        name = f"throughput-{family}.svg"
        (results.HERE / name).write_text(chart(measured), "utf-8")
        texts.append(stages_text(measured, name))
    entry = results.section(COMMAND, found, "\n\n".join(texts), machine=machine)
    results.record("throughput", entry)


def stages_text(found: Measurement, image: str) -> str:
    """Return the stages of one family as Markdown."""
    mean = found.octets / found.messages / 1000
    operation = found.limit.operation_microseconds
    lines = [
        f"### Stages of `{found.corpus}`",
        "",
        (
            f"`mailauth-fast bench --corpus {found.corpus} --count {found.messages}`:"
            f" {found.messages:,} messages, {mean:.1f} kB mean; one stream of aws-lc"
            f" {found.one_stream:.2f} GB/s, the engine's path ({found.hash_path})"
            f" {found.own_stream:.2f} GB/s; {operation:.1f} µs a public-key"
            f" operation; {found.runs} runs, {found.void} void."
        ),
        "",
        f"![Stages of {found.corpus}]({image})",
        "",
        "| stage | DKIM µs | messages/s | MB/s | everything µs | messages/s | MB/s |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [f"| {' | '.join(cells)} |" for cells in stage_rows(found)]
    lines += [
        "",
        "| cores | DKIM messages/s | MB/s | of limit | all messages/s | MB/s | of limit |",
        "|--:|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [f"| {' | '.join(cells)} |" for cells in core_rows(found)]
    return "\n".join([*lines, "", *FOOTNOTES])


def table(found: list[results.Row]) -> None:
    """Print the rows for people."""
    for each in found:
        value = "not measured" if each.value is None else f"{each.value:.3f}"
        mark = "" if each.target is None else "ok" if each.ok else "MISSED"
        goal = "" if each.target is None else f"target {each.target:g}"
        print(f"{each.name:<18}{value:>14}  {goal:<12} {mark}".rstrip())


def main() -> int:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print the rows for programs")
    parser.add_argument("--write", action="store_true", help="keep the result in RESULTS.md")
    parser.add_argument("--count", type=int, default=COUNT, help="messages of `bulk`")
    parser.add_argument("--runs", type=int, default=RUNS, help="interleaved runs")
    given = parser.parse_args()
    if min(given.count, given.runs) < 1:
        parser.error("--count and --runs are at least 1")
    if refusal := results.debug_build():
        say(refusal)
        return 2
    machine = results.machine()
    try:
        found = rows(given.count, given.runs)
        if given.write:
            write(found, machine, given.count, given.runs)
    except MailauthError as problem:
        say(str(problem))
        return 2
    if given.json:
        print(msgspec.json.encode(found).decode())
    else:
        table(found)
    return 0 if all(each.ok for each in found if each.target is not None) else 1


if __name__ == "__main__":
    sys.exit(main())

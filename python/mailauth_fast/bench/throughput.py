"""This machine's throughput beside its own limit: by stage on one core, as a whole on several.

Knows corpora, limit and stages; must not know how a result is shown.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mailauth_fast import _core
from mailauth_fast.bench.limit import Limit, PlainLimit, is_void, stream_speed
from mailauth_fast.bench.stages import (
    DISK_STAGES,
    MEMORY_STAGES,
    Archive,
    StageMeter,
    Stages,
    with_remainder,
)
from mailauth_fast.resolvers import StaticResolver
from mailauth_fast.verify import Verifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mailauth_fast.bench.corpus import Corpus

VOID_LIMIT = 3
"""Void runs for each wanted one that are repeated before they are taken as they are."""


@dataclass(frozen=True, slots=True)
class Cores:
    """Messages a second on so many cores, by the clock on the wall."""

    cores: int
    memory: float
    disk: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one run finds, or the medians of several.

    Attributes:
        one_stream: GB/s of aws-lc's SHA-256, one stream.
        own_stream: GB/s of the engine's hash path over as many buffers as it has lanes.
        memory: CPU seconds of the stages of DKIM alone, octets in memory, one core.
        memory_whole: those of the whole: less than the sum where stages cost more apart.
        disk: likewise of everything, mbox in, Parquet out.
        disk_whole: likewise.
    """

    one_stream: float
    own_stream: float
    limit: Limit
    memory: Stages
    memory_whole: float
    disk: Stages
    disk_whole: float
    cores: tuple[Cores, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement(Figures):
    """What `mailauth-fast bench` tells.

    Attributes:
        void: runs in which one stream was slower than it can be; they were repeated.
    """

    corpus: str
    messages: int
    octets: int
    hash_path: str
    load: float
    runs: int
    void: int

    def as_json(self) -> dict[str, object]:
        """Return the figures as JSON can say them."""
        return asdict(self)


def usable_cores() -> int:
    """Return how many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def wall_seconds(work: Callable[[], object]) -> float:
    """Return how long one call takes; what it gives is let go after that."""
    begun = time.perf_counter()
    _given = work()
    return time.perf_counter() - begun


def core_counts(cores: int) -> tuple[int, ...]:
    """Return 1, 2, 4, ... and all cores."""
    powers = [1 << exponent for exponent in range(cores.bit_length()) if 1 << exponent < cores]
    return (*powers, cores)


class _Bench:
    def __init__(self, corpus: Corpus, folder: Path, cores: int) -> None:
        self._octets = corpus.octets()
        self._limit = PlainLimit(corpus)
        self._archive = Archive(corpus, folder)
        self._meter = StageMeter(corpus, self._archive)
        zone = StaticResolver(corpus.zone)
        self._engines = {count: Verifier(zone, workers=count) for count in core_counts(cores)}

    def round(self) -> Figures:
        limit = self._limit.run()
        stages = self._meter.kernels(self._limit.own_verifying())
        on_disk = stages | {"read": self._meter.read(), "write": self._meter.write()}
        memory, disk = self._meter.memory(), self._meter.disk()
        return Figures(
            one_stream=stream_speed(),
            own_stream=stream_speed(_core.sha256_path()),
            limit=limit,
            memory=with_remainder(stages, memory, MEMORY_STAGES),
            memory_whole=memory,
            disk=with_remainder(on_disk, disk, DISK_STAGES),
            disk_whole=disk,
            cores=tuple(self._on(count, engine) for count, engine in self._engines.items()),
        )

    def _on(self, count: int, engine: Verifier) -> Cores:
        messages = len(self._octets)
        memory = wall_seconds(lambda: engine.verify_batch(self._octets, now="received"))
        disk = wall_seconds(lambda: self._archive.verify(count))
        return Cores(count, messages / memory, messages / disk)


def measure(corpus: Corpus, *, runs: int, cores: int | None = None) -> Measurement:
    """Measure a corpus in interleaved runs; every figure is the median of its runs.

    Raises:
        EngineError: a run did not end as it must.
    """
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    with tempfile.TemporaryDirectory(prefix="mailauth-bench-") as name:
        bench = _Bench(corpus, Path(name), cores or usable_cores())
        bench.round()  # keys are cached from here on
        kept: list[Figures] = []
        void = 0
        while len(kept) < runs:
            found = bench.round()
            void += is_void(found.one_stream)
            if void > VOID_LIMIT * runs or not is_void(found.one_stream):
                kept.append(found)
    return Measurement(
        corpus=corpus.name,
        messages=len(corpus.messages),
        octets=sum(map(len, corpus.octets())),
        hash_path=_core.sha256_path(),
        load=load,
        runs=runs,
        void=void,
        one_stream=_median(each.one_stream for each in kept),
        own_stream=_median(each.own_stream for each in kept),
        limit=_median_limit([each.limit for each in kept]),
        memory=_median_stages([each.memory for each in kept]),
        memory_whole=_median(each.memory_whole for each in kept),
        disk=_median_stages([each.disk for each in kept]),
        disk_whole=_median(each.disk_whole for each in kept),
        cores=_median_cores([each.cores for each in kept]),
    )


def _median(values: Iterable[float]) -> float:
    return statistics.median(values)


def _median_limit(found: list[Limit]) -> Limit:
    first = found[0]
    hashing = _median(each.hashing for each in found)
    verifying = _median(each.verifying for each in found)
    return Limit(first.messages, first.hashed_octets, first.operations, hashing, verifying)


def _median_stages(found: list[Stages]) -> Stages:
    return {name: _median(each[name] for each in found) for name in found[0]}


def _median_cores(found: list[tuple[Cores, ...]]) -> tuple[Cores, ...]:
    return tuple(
        Cores(
            column[0].cores,
            _median(each.memory for each in column),
            _median(each.disk for each in column),
        )
        for column in zip(*found, strict=True)
    )

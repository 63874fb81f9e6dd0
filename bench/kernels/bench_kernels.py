"""How fast the kernels are in pure Python, Cython and Rust, on a seeded `bulk` corpus.

`uv run pytest bench/kernels/bench_kernels.py --benchmark-enable -n 0` prints a table for each
kernel; the figures in parentheses are multiples of the fastest. Each round runs a kernel over all
its inputs; before that its results are compared with pure Python's. Calls from Python are part of
what is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, cast

import pytest
from mailauth_fast import _core
from mailauth_fast.bench import corpus

from kernels import build, pure

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

MESSAGES = 60
SIGNERS = b"dkim-signature"
IMPLEMENTATIONS = ("pure", "cython", "rust")
Call = Callable[[bytes], object]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the kernels work on, taken from the same messages."""

    headers: list[bytes]
    bodies: list[bytes]
    fields: list[bytes]
    lists: list[bytes]
    texts: list[bytes]


@cache
def inputs() -> Inputs:
    """Take the messages apart."""
    found = Inputs([], [], [], [], [])
    for octets in corpus.cached("bulk", MESSAGES).octets():
        index = pure.header_index(octets)
        end = index[-1][2]
        found.headers.append(octets[:end])
        found.bodies.append(octets[end + 2 :])
        for start, colon, stop in index:
            found.fields.append(octets[start:stop])
            if octets[start:colon].lower() == SIGNERS:
                found.lists.append(octets[colon + 1 : stop])
    for tags in map(pure.tag_list, found.lists):
        found.texts.extend(value for name, value in tags or [] if name in {b"b", b"bh"})
    return found


@cache
def implementation(name: str) -> build.Kernels:
    """Return one of the three; skip where it cannot be had."""
    if name == "pure":
        return cast("build.Kernels", pure)
    if name == "rust":
        return cast("build.Kernels", _core.kernels)
    if build.compiler() is None:
        pytest.skip("no C compiler or no Python.h")
    return build.compiled()


def in_form(name: str, *, relaxed: bool) -> Callable[[build.Kernels], Call]:
    """Return how to call a kernel of bodies or fields."""

    def bound(kernels: build.Kernels) -> Call:
        kernel = cast("Callable[[bytes, bool], bytes]", getattr(kernels, name))
        return lambda octets: kernel(octets, relaxed)

    return bound


KERNELS: dict[str, tuple[Callable[[build.Kernels], Call], str]] = {
    "body relaxed": (in_form("canonicalize_body", relaxed=True), "bodies"),
    "body simple": (in_form("canonicalize_body", relaxed=False), "bodies"),
    "body hash relaxed": (in_form("body_hash", relaxed=True), "bodies"),
    "body hash simple": (in_form("body_hash", relaxed=False), "bodies"),
    "fields relaxed": (in_form("canonicalize_field", relaxed=True), "fields"),
    "fields simple": (in_form("canonicalize_field", relaxed=False), "fields"),
    "base64": (lambda kernels: kernels.decode_base64, "texts"),
    "tag lists": (lambda kernels: kernels.tag_list, "lists"),
    "header index": (lambda kernels: kernels.header_index, "headers"),
}


def run(kernel: Call, octets: list[bytes]) -> list[object]:
    """Run a kernel over all its inputs."""
    return [kernel(each) for each in octets]


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
@pytest.mark.parametrize("kernel", KERNELS)
def test_kernel(benchmark: BenchmarkFixture, kernel: str, name: str) -> None:
    """Measure one kernel of one implementation."""
    bound, kind = KERNELS[kernel]
    octets: list[bytes] = getattr(inputs(), kind)
    call = partial(run, bound(implementation(name)), octets)
    if call() != run(bound(implementation("pure")), octets):
        pytest.fail(f"{name} differs from pure Python")
    benchmark.group = f"{kernel}: {len(octets)} of {sum(map(len, octets)):,} octets together"
    benchmark(call)
    if benchmark.stats:
        seconds = benchmark.stats.stats.median
        benchmark.extra_info["megabytes_per_second"] = sum(map(len, octets)) / seconds / 1e6

"""Questions a second of the native resolver beside dnsperf, hickory-resolver and dnspython.

Every row is the median of interleaved rounds. Knows the programs; must not know a message.
"""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import dns.asyncresolver
from dns_daemons import Absent, nsd, program, unbound
from results import Row, row

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "target/release/examples"
HICKORY = Path(__file__).parent / "peers/hickory"
HICKORY_TARGET = ROOT / "target/bench/peers/hickory"
CARGO = ["cargo", "build", "--release", "--locked", "--quiet"]
IN_FLIGHT = 256
ROUNDS = 5
COUNT = 100_000
"""Different names, or a cache would be what is measured."""
HICKORY_COUNT, DNSPYTHON_COUNT = 30_000, 3_000
"""Questions a round of what is slower: about a second and a half each."""
KEY = "p=" + "A" * 215
DNSPERF_SPEED = re.compile(r"Queries per second:\s+([0-9.]+)")
DNSPERF_LOST = re.compile(r"Queries lost:\s+([0-9]+)")


class Wrong(Exception):  # noqa: N818 - a measurement that does not count
    """Not every question was answered; a speed would say nothing."""


def say(text: str) -> None:
    """Tell how far it is."""
    print(text, file=sys.stderr, flush=True)


def build_ours() -> None:
    """Compile our programs, as locked."""
    subprocess.run([*CARGO, "-p", "mailauth-resolver", "--examples"], cwd=ROOT, check=True)


def build() -> None:
    """Compile our programs and the peer's, as locked."""
    build_ours()
    target = ["--target-dir", str(HICKORY_TARGET)]
    subprocess.run([*CARGO, *target], cwd=HICKORY, check=True)


@contextmanager
def responder(*arguments: str, said: list[str] | None = None) -> Iterator[int]:
    """Run the least possible server; gives its port, and adds to `said` what it says at its end."""
    command = [str(EXAMPLES / "respond"), *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None  # noqa: S101 - asked for above
        assert process.stdout is not None  # noqa: S101
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
            last_words = process.stdout.read().decode().splitlines()
            if said is not None:
                said += last_words


def asked(command: Path, port: int, count: int, *options: str) -> float:
    """Return questions a second of a program that prints `seconds` and `found`.

    Raises:
        Wrong: some question was not answered.
    """
    arguments = [str(command), f"127.0.0.1:{port}", str(count), str(IN_FLIGHT), *options]
    done = json.loads(subprocess.run(arguments, capture_output=True, check=True).stdout)
    if done["found"] != count:
        raise Wrong(f"{command.name} found {done['found']} of {count}")
    return count / float(done["seconds"])


def ours(port: int) -> float:
    """Return questions a second of LiveResolver."""
    return asked(EXAMPLES / "ask", port, COUNT)


def hickory(port: int, *options: str) -> float:
    """Return questions a second of hickory-resolver: on one thread, as ours is, or `all-cores`."""
    return asked(HICKORY_TARGET / "release/peer-hickory", port, HICKORY_COUNT, *options)


def dnsperf(port: int, names: Path) -> float:
    """Return questions a second of dnsperf, once through the file."""
    limits = ["-c", "4", "-q", str(IN_FLIGHT), "-n", "1"]
    command = [program("dnsperf"), "-s", "127.0.0.1", "-p", str(port), "-d", str(names), *limits]
    printed = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    speed, lost = DNSPERF_SPEED.search(printed), DNSPERF_LOST.search(printed)
    if speed is None or lost is None:
        raise Wrong("dnsperf printed no speed")
    if int(lost[1]):
        say(f"dnsperf lost {lost[1]} questions")
    return float(speed[1])


def dnspython(port: int) -> float:
    """Return questions a second of dnspython's asynchronous resolver."""

    async def ask() -> float:
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], port
        resolver.use_edns(0, 0, 1232)
        names = iter(f"n{number}.example." for number in range(DNSPYTHON_COUNT))

        async def work() -> int:
            return sum([len(await resolver.resolve(name, "TXT")) for name in names])

        begun = time.perf_counter()
        found = await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
        if sum(found) != DNSPYTHON_COUNT:
            raise Wrong(f"dnspython found {sum(found)} of {DNSPYTHON_COUNT}")
        return DNSPYTHON_COUNT / (time.perf_counter() - begun)

    return asyncio.run(ask())


def beside_peers() -> list[Row]:
    """Compare with hickory-resolver and dnspython before a server that is never the limit."""
    named = ("ours", "hickory", "hickory on all cores", "dnspython")
    speeds: dict[str, list[float]] = {name: [] for name in named}
    with responder() as port:
        ours(port)
        for _ in range(ROUNDS):
            speeds["ours"].append(ours(port))
            speeds["hickory"].append(hickory(port))
            speeds["hickory on all cores"].append(hickory(port, "all-cores"))
            speeds["dnspython"].append(dnspython(port))
    for name, values in speeds.items():
        say(f"minimal responder: {name} {statistics.median(values):,.0f} questions/s")
    all_cores = ratio(speeds["ours"], speeds["hickory on all cores"])
    return [
        row("live-minimal-responder-per-second", statistics.median(speeds["ours"]), None),
        row("live-beside-hickory", ratio(speeds["ours"], speeds["hickory"]), 4),
        row("live-beside-hickory-on-all-cores", all_cores, None),
        row("live-beside-dnspython", ratio(speeds["ours"], speeds["dnspython"]), 50),
    ]


def beside_dnsperf(folder: Path) -> list[Row]:
    """Compare with dnsperf before NSD; then tell Unbound's speed, cold and warm."""
    names = folder / "names"
    names.write_text("".join(f"n{number}.example TXT\n" for number in range(COUNT)))
    records = (f'n{number} TXT "{KEY}"' for number in range(COUNT))
    authority, recursion = folder / "nsd", folder / "unbound"
    authority.mkdir()
    recursion.mkdir()
    us, them = [], []
    with nsd(authority, records) as server:
        ours(server.port)
        for _ in range(ROUNDS):
            us.append(ours(server.port))
            them.append(dnsperf(server.port, names))
        with unbound(recursion, server.port) as resolver:
            cold, warm = ours(resolver.port), ours(resolver.port)
            warm_dnsperf = dnsperf(resolver.port, names)
    say(f"NSD: ours {statistics.median(us):,.0f}, dnsperf {statistics.median(them):,.0f}/s")
    return [
        row("live-nsd-per-second", statistics.median(us), None),
        row("live-beside-dnsperf", ratio(us, them), 0.8),
        row("live-unbound-cold-per-second", cold, None),
        row("live-unbound-warm-per-second", warm, None),
        row("dnsperf-unbound-warm-per-second", warm_dnsperf, None),
    ]


def ratio(ours: list[float], theirs: list[float]) -> float:
    """Return the median of the rounds' ratios."""
    return statistics.median(us / them for us, them in zip(ours, theirs, strict=True))


def measure(folder: Path) -> list[Row]:
    """Return the rows of this file; what is not installed makes its rows missing, not met."""
    build()
    rows = beside_peers()
    try:
        return rows + beside_dnsperf(folder)
    except Absent as problem:
        say(str(problem))
        return [*rows, row("live-beside-dnsperf", None, 0.8)]

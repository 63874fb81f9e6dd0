"""What a run over archives promises: kills lose nothing, memory is flat, every store is read alike.

`uv run python bench/archives.py [--json]` prints one row a promise; some minutes, 3 GB of disk.
"""

from __future__ import annotations

import json
import mailbox
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from stores import Envelope, Messages, write_bare, write_with_envelope

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "tests/sample"
COMMAND = [sys.executable, "-m", "mailauth_fast"]
ZONE = ["--dns", f"zone:{SAMPLE / 'dns.json'}", "-q"]
KILLS = 200
KILLED_MESSAGES = 20_000
KILLED_OCTETS = 20_000
"""Octets of a message of the run that is killed: 400 MB, six units."""
MEMORY_MESSAGES = (100_000, 1_000_000)
MEMORY_OCTETS = 2_048
STORE_MESSAGES = 2_000
STARTS = 15
MEBI = 1 << 20
GROWTH = 8
"""MiB that ten times as many messages may cost."""
FOLD = b"\r\n " + b"x" * 67

Row = dict[str, object]


def row(name: str, value: float, target: float, *, is_ok: bool) -> Row:
    """Return one line of the result."""
    return {"name": name, "value": value, "target": target, "ok": is_ok}


def say(text: str) -> None:
    """Tell how far it is."""
    print(text, file=sys.stderr, flush=True)


def sample() -> list[bytes]:
    """Return the sample's messages that every store keeps as they are, as on the wire."""
    raw = [bytes(message).rstrip(b"\n") for message in mailbox.mbox(SAMPLE / "sample.mbox")]
    plain = [message for message in raw if b"\r" not in message and b"\n\n" in message]
    wire = [message.replace(b"\n", b"\r\n") + b"\r\n" for message in plain]
    return [message for message in wire if b"From " not in message.partition(b"\r\n\r\n")[2]]


def padded(messages: list[bytes], count: int, octets: int) -> Iterator[bytes]:
    """Give so many messages of so many octets; what is put above a header breaks no signature."""
    fitting = [message for message in messages if len(message) <= octets - 32]
    for number in range(count):
        message = fitting[number % len(fitting)]
        field = b"X-Padding: %08d" % number
        missing = octets - len(message) - len(field) - len(b"\r\n")
        folded, rest = divmod(max(0, missing), len(FOLD))
        yield field + FOLD * folded + b"x" * rest + b"\r\n" + message


def write_mbox(path: Path, messages: Iterator[bytes]) -> None:
    """Write an mbox file."""
    with path.open("wb") as file:
        for message in messages:
            file.write(b"From a@example.net Mon May  4 06:00:00 2026\r\n" + message + b"\r\n")


def verify(*arguments: str | Path) -> subprocess.Popen[bytes]:
    """Start a run."""
    command = [*COMMAND, "verify", *map(str, arguments), *ZONE]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def kills(folder: Path) -> Row:
    """Kill a run at random, resume it, and again; count results unlike an undisturbed one."""
    archive, out = folder / "killed.mbox", folder / "killed.parquet"
    write_mbox(archive, padded(sample(), KILLED_MESSAGES, KILLED_OCTETS))
    begun = time.monotonic()
    verify(archive, "-o", folder / "whole.parquet").wait()
    duration = time.monotonic() - begun
    whole = (folder / "whole.parquet").read_bytes()
    dice, killed, results, wrong = random.Random(5), 0, 0, 0
    while killed < KILLS or out.exists() or results == 0:
        run = verify(archive, "-o", out, "--resume")
        try:
            run.wait(dice.uniform(0, duration) if killed < KILLS else None)
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGKILL)
            run.wait()
            killed += 1
            continue
        results += 1
        wrong += out.read_bytes() != whole
        out.unlink()
    say(f"kills: {killed} in {results} runs of {duration:.1f} s undisturbed, {wrong} differ")
    archive.unlink()
    return row("sigkill-resume", wrong, 0, is_ok=wrong == 0 and killed == KILLS)


@contextmanager
def watched(run: subprocess.Popen[bytes]) -> Iterator[list[int]]:
    """Sample a process's anonymous memory while it runs; the list holds the peak in octets."""
    peak, status = [0], Path(f"/proc/{run.pid}/status")

    def watch() -> None:
        while run.poll() is None:
            try:
                text = status.read_text()
            except OSError:
                return
            for line in text.splitlines():
                if line.startswith("RssAnon:"):
                    peak[0] = max(peak[0], int(line.split()[1]) * 1024)
            time.sleep(0.005)

    thread = threading.Thread(target=watch)
    thread.start()
    yield peak
    thread.join()


def peak_of(archive: Path, out: Path, *, is_stream: bool) -> int:
    """Return the peak of a run over this file, named or as standard input."""
    command = [*COMMAND, "verify", "-" if is_stream else str(archive), *ZONE, "-o", str(out)]
    with archive.open("rb") as stream:
        run = subprocess.Popen(
            command,
            stdin=stream if is_stream else subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with watched(run) as peak:
            run.wait()
    out.unlink()
    return peak[0]


def memory(folder: Path) -> list[Row]:
    """Compare the peaks of a long and a short run, from a file and from standard input."""
    peaks: dict[tuple[bool, int], int] = {}
    for count in MEMORY_MESSAGES:
        archive = folder / f"{count}.mbox"
        write_mbox(archive, padded(sample(), count, MEMORY_OCTETS))
        for is_stream in (False, True):
            peaks[is_stream, count] = peak_of(archive, folder / "m.parquet", is_stream=is_stream)
            how = "standard input" if is_stream else "file"
            say(f"memory: {count:,} from {how}: {peaks[is_stream, count] / MEBI:.1f} MiB")
        archive.unlink()
    rows = []
    for is_stream, name in ((False, "memory-file"), (True, "memory-stdin")):
        short, long = (peaks[is_stream, count] for count in MEMORY_MESSAGES)
        growth = round((long - short) / MEBI, 2)
        rows.append(row(name, growth, GROWTH, is_ok=growth <= GROWTH))
    return rows


def rows_of(
    path: Path, folder: Path, *, is_stream: bool = False, is_spool: bool = False
) -> list[str]:
    """Return the verdicts of a store, without what is its own."""
    out = folder / "rows.jsonl"
    command = [*COMMAND, "verify", "-" if is_stream else str(path), *ZONE, "-o", str(out)]
    with (path if is_stream else SAMPLE / "dns.json").open("rb") as stream:
        subprocess.run(command, stdin=stream, stderr=subprocess.DEVNULL, check=False)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    out.unlink()
    for verdict in rows:
        del verdict["id"], verdict["repairs"]
        if is_spool:
            # A spool says spool where a table says explicit.
            del verdict["envelope"]["sources"]
    # MH counts without leading zeros, so its files stand in another order.
    return sorted(json.dumps(verdict) for verdict in rows)


def stores(folder: Path) -> Row:
    """Count the stores whose rows differ from those of an mbox, or of a table with envelopes."""
    numbered = padded(sample(), STORE_MESSAGES, 12_000)
    expected = json.loads((SAMPLE / "expected.json").read_text())
    froms = [entry["envelope"] for entry in expected]
    messages: Messages = []
    for number, octets in enumerate(numbered):
        sent = froms[number % len(froms)]
        envelope = Envelope(
            sent["client_ip"], sent["helo"], sent["mail_from"], f"user{number}@example.org"
        )
        messages.append((octets, envelope))
    bare = write_bare(folder, messages)
    first = rows_of(bare["mbox"], folder)
    found = {name: rows_of(path, folder) == first for name, path in bare.items()}
    found["standard input"] = rows_of(bare["mbox"], folder, is_stream=True) == first
    enveloped = {
        name: rows_of(path, folder, is_spool=True)
        for name, path in write_with_envelope(folder, messages).items()
    }
    for name, rows in enveloped.items():
        found[f"{name} with envelopes"] = rows == enveloped["parquet"]
    assert len(first) == len(enveloped["parquet"]) == STORE_MESSAGES  # noqa: S101
    different = sorted(name for name, is_same in found.items() if not is_same)
    say(f"stores: {len(found)} compared, different: {', '.join(different) or 'none'}")
    return row("same-rows-in-every-store", len(different), 0, is_ok=not different)


def start(name: str, argument: str, target: float) -> Row:
    """Return the median time of a command that does nothing."""
    times = []
    for _ in range(STARTS):
        begun = time.perf_counter()
        subprocess.run([*COMMAND, argument], stdout=subprocess.DEVNULL, check=True)
        times.append(time.perf_counter() - begun)
    seconds = round(statistics.median(times), 3)
    return row(name, seconds, target, is_ok=seconds < target)


def main() -> int:
    """Measure everything and print it."""
    with tempfile.TemporaryDirectory(prefix="mailauth-archives-") as name:
        folder = Path(name)
        rows = [
            start("version-seconds", "--version", 0.3),
            start("help-seconds", "--help", 0.6),
            stores(folder),
            *memory(folder),
            kills(folder),
        ]
    if "--json" in sys.argv:
        print(json.dumps(rows))
    else:
        for entry in rows:
            mark = "ok" if entry["ok"] else "MISSED"
            print(f"{entry['name']!s:<26}{entry['value']!s:>10}  target {entry['target']}  {mark}")
    return 0 if all(entry["ok"] for entry in rows) else 1


if __name__ == "__main__":
    sys.exit(main())

"""The gate of speed that noise cannot shake: instructions of hot functions, by callgrind.

`uv run python bench/instructions.py [--json]` compares with `bench/instructions.json` and fails
beyond +3 %; `--update REASON` stores what it counted, with the reason of the change.
Callgrind has no SHA instructions: what hashes is counted by its fallback, and
`bench/throughput.py` holds the rest. It needs valgrind, and builds in release mode first; counts of
another kind of CPU are shown but not compared.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
STORED = ROOT / "bench/instructions.json"
SAMPLE = ROOT / "tests/sample"
PROGRAM = ROOT / "target/release/examples/instructions"
BUILD = ("cargo", "build", "--release", "--locked", "--quiet", "--package", "mailauth-archive")
MEASURED = "*instructions*measured*"
"""The function that is counted, with all it calls."""
GROWTH = 1.03
"""What a count may grow to without a reason; the seeds of hash maps move it by a thousandth."""
CHOSEN_BY = {"adx", "avx2", "bmi2"}
"""CPU features that valgrind passes on and that memchr and aws-lc choose their code by."""
NOTHING = "no count is stored yet"


@dataclass(frozen=True, slots=True)
class Counts:
    """Instructions by name, and what they depend on besides the code."""

    machine: dict[str, str]
    reason: str
    instructions: dict[str, int]


def output(*command: str) -> str:
    """Return what a command prints."""
    try:
        done = subprocess.run(command, cwd=ROOT, check=False, text=True, capture_output=True)
    except FileNotFoundError:
        raise SystemExit(f"{command[0]} is not installed") from None
    if done.returncode:
        raise SystemExit(f"{command[0]} failed:\n{done.stderr.strip()}")
    return done.stdout


def machine() -> dict[str, str]:
    """Return what else decides a count: libraries choose their code by the CPU they see."""
    info = Path("/proc/cpuinfo")
    flags = info.read_text("utf-8").split() if info.exists() else []
    architecture = re.search(r"^host: (\S+)", output("rustc", "-vV"), re.MULTILINE)
    return {
        "host": architecture[1] if architecture else "unknown",
        "cpu": " ".join(sorted(CHOSEN_BY.intersection(flags))),
    }


def count(name: str) -> int:
    """Return the instructions of one function."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "counts"
        options = (
            "--tool=callgrind",
            f"--callgrind-out-file={target}",
            "--collect-atstart=no",
            f"--toggle-collect={MEASURED}",
        )
        output("valgrind", "--quiet", *options, str(PROGRAM), str(SAMPLE), name)
        totals = re.search(r"^totals: (\d+)$", target.read_text("utf-8"), re.MULTILINE)
    number = int(totals[1]) if totals else 0
    if number == 0:
        message = f"{name}: callgrind counted nothing; is the function `measured` still there?"
        raise SystemExit(message)
    return number


def measure(reason: str) -> Counts:
    """Build the program, as the engine is built, and count each of its functions."""
    output(*BUILD, "--example", "instructions")
    names = output(str(PROGRAM), str(SAMPLE)).split()
    with ThreadPoolExecutor(2) as pool:
        counted = dict(zip(names, pool.map(count, names), strict=True))
    return Counts(machine(), reason, counted)


def stored() -> Counts | None:
    """Return the stored counts."""
    return Counts(**json.loads(STORED.read_text("utf-8"))) if STORED.exists() else None


def rows(before: Counts, after: Counts) -> list[dict[str, object]]:
    """Return one row a function: what it spends, and what it may."""
    table: list[dict[str, object]] = []
    for name in sorted(before.instructions.keys() | after.instructions.keys()):
        value = after.instructions.get(name, 0)
        target = int(before.instructions.get(name, 0) * GROWTH)
        # A function without a stored count, or one that is gone, needs a reason too.
        is_ok = 0 < value <= target
        table.append({"name": name, "value": value, "target": target, "ok": is_ok})
    return table


def show(before: Counts, table: list[dict[str, object]]) -> None:
    """Print the table for people."""
    for line in table:
        known = before.instructions.get(str(line["name"]), 0)
        change = f"{(int(str(line['value'])) / known - 1) * 100:+.2f} %" if known else "new"
        state = "ok" if line["ok"] else "MORE THAN +3 %: see --update"
        print(f"{line['name']:20} {line['value']:>14,} {change:>10}  {state}")


def main() -> int:
    """Count, then store or compare."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print rows as JSON")
    parser.add_argument("--update", metavar="REASON", help="store the counts, and why they changed")
    options = parser.parse_args()
    after = measure(options.update or "")
    if options.update:
        STORED.write_text(json.dumps(asdict(after), indent=2) + "\n", "utf-8")
        return 0
    before = stored()
    if before is None:
        print(f"{NOTHING}: run with --update REASON", file=sys.stderr)
        return 1
    table = rows(before, after)
    print(json.dumps(table)) if options.json else show(before, table)
    if before.machine != after.machine:
        kinds = f"{before.machine} is stored, this is {after.machine}"
        print(f"counts of another machine are not compared: {kinds}", file=sys.stderr)
        return 0
    return 0 if all(line["ok"] for line in table) else 1


if __name__ == "__main__":
    raise SystemExit(main())

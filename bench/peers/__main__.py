"""Builds every peer and runs the same corpora through it and through this project, interleaved.

`uv run python bench/peers [--json] [--count N] [--runs R] [--mode dkim|arc|all ...] [--write]`:
the rows of the peers; CPU seconds of one thread, without start-up and loading, keys from the same
answers. It measures whatever engine this interpreter imports: a debug build gives no figure.
A peer that cannot be built is named with the reason. Some minutes; the first time some more.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from corpus_folder import read_zone, texts
from mailauth_fast import MailauthError
from mailauth_fast.bench.corpus import Name, cached, write_corpus
from programs import OURS, PEERS, TARGET, Absent, Command, Program, run

# The table and what writes bench/RESULTS.md are beside this folder.
sys.path.append(str(Path(__file__).parent.parent))
import results
from peer_table import Standing, compare, render, result_rows, table

CORPORA: dict[str, Name] = {"dkim": "bulk", "arc": "list", "all": "bulk"}
COUNT, RUNS, LEAST_RUNS = 4_000, 7, 7
COMMAND = "uv run python bench/peers --write"
RESULTS = TARGET / "peers/results.json"


def say(text: str) -> None:
    """Tell how far it is."""
    print(text, file=sys.stderr, flush=True)


@dataclass(slots=True)
class Entrant:
    """A program that was built, and what its runs gave."""

    program: Program
    command: Command
    version: str = ""
    messages: int = 0
    seconds: list[float] = field(default_factory=list)
    disagreements: Counter[str] = field(default_factory=Counter)
    absent: str | None = None

    def run(self, folder: Path, mode: str, count: int) -> None:
        """Run once.

        Raises:
            Absent: the program failed.
        """
        path = self.verdicts(folder, mode)
        limit = min(count, self.program.limit or count)
        printed = run([*self.command, str(folder), mode, str(limit), str(path)])
        try:
            line: dict[str, Any] = json.loads(printed)
            self.version, self.messages = line["version"], line["messages"]
        except (ValueError, KeyError) as problem:
            raise Absent("it printed no line of the agreed form") from problem
        if self.messages != limit:
            raise Absent(f"it verified {self.messages} messages of {limit}")
        self.seconds.append(line["cpu_seconds"] / limit)

    def verdicts(self, folder: Path, mode: str) -> Path:
        """Return where its verdicts of the last run are, one a line."""
        return folder / f"{mode}-{self.program.key}.txt"

    def median(self) -> float:
        """Return its CPU seconds a message."""
        return statistics.median(self.seconds)


def corpus_folder(mode: str, count: int) -> Path:
    """Write a corpus where every program reads it; keys.tsv is for those that read no JSON."""
    name = CORPORA[mode]
    folder = TARGET / f"corpora/{name}-{count}"
    write_corpus(cached(name, count), folder)
    keys = texts(read_zone(folder)).items()
    lines = [f"{name}\t{text}\n" for name, text in keys if "._domainkey." in name]
    (folder / "keys.tsv").write_text("".join(lines), "utf-8")
    return folder


def measure(mode: str, built: dict[str, Command], count: int, runs: int) -> list[Entrant]:
    """Run all programs of a mode in turn, each time beginning with another one; ours is first."""
    programs = [each for each in (OURS, *PEERS) if mode in each.modes and each.key in built]
    entrants = [Entrant(program, built[program.key]) for program in programs]
    folder = corpus_folder(mode, count)
    for number in range(runs):
        say(f"{mode}: run {number + 1} of {runs}")
        start = number % len(entrants)
        for entrant in entrants[start:] + entrants[:start]:
            if entrant.absent is None:
                try:
                    entrant.run(folder, mode, count)
                except Absent as problem:
                    entrant.absent = str(problem)
    ours = entrants[0]
    if ours.absent is None:
        mine = ours.verdicts(folder, mode).read_text("utf-8").splitlines()
        for entrant in entrants[1:]:
            if entrant.absent is None:
                theirs = entrant.verdicts(folder, mode).read_text("utf-8").splitlines()
                entrant.disagreements = compare(mine, theirs)
    return entrants


def standings(mode: str, entrants: list[Entrant], absent: dict[str, str]) -> list[Standing]:
    """Return the lines of a mode's table."""
    ours = entrants[0]
    if ours.absent is not None:
        raise Absent(f"{OURS.title}: {ours.absent}")
    lines: list[Standing] = []
    for program in (OURS, *PEERS):
        entrant = next((each for each in entrants if each.program is program), None)
        line: Standing = {
            "mode": mode,
            "corpus": CORPORA[mode],
            "key": program.key,
            "title": program.title,
            "absent": absent.get(program.key) if entrant is None else entrant.absent,
        }
        if entrant is not None and entrant.absent is None:
            line["version"], line["messages"] = entrant.version, entrant.messages
            line["runs"], line["seconds"] = len(entrant.seconds), entrant.median()
            line["ratio"] = entrant.median() / ours.median()
            line["disagreements"] = dict(entrant.disagreements)
        if mode in program.modes:
            lines.append(line)
    return lines


def build_all(modes: list[str]) -> tuple[dict[str, Command], dict[str, str]]:
    """Build what the modes need; return the commands, and why what is missing is missing."""
    built, absent = {}, {}
    for program in (OURS, *PEERS):
        if not set(modes) & set(program.modes):
            continue
        say(f"build {program.title}")
        try:
            built[program.key] = program.build()
        except (Absent, OSError) as problem:
            absent[program.key] = str(problem)
            say(f"{program.title} is left out: {problem}")
    return built, absent


def write(lines: list[Standing], machine: str) -> None:
    """Keep the rows and the tables in bench/RESULTS.md."""
    rows = [
        results.Row(row["name"], row["value"], row["target"], ok=row["ok"])
        for row in result_rows(lines)
    ]
    results.record("peers", results.section(COMMAND, rows, render(lines), machine=machine))


def main(arguments: list[str]) -> int:
    """Build, measure, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="one JSON list of the rows")
    parser.add_argument("--count", type=int, default=COUNT, help="messages of a corpus")
    parser.add_argument("--runs", type=int, default=RUNS, help="interleaved runs")
    parser.add_argument("--write", action="store_true", help="keep the result in RESULTS.md")
    parser.add_argument("--mode", action="append", choices=CORPORA, help="default: dkim, arc")
    chosen = parser.parse_args(arguments)
    if chosen.count < 1 or chosen.runs < 1:
        parser.error("--count and --runs are at least 1")
    if refusal := results.debug_build():
        say(refusal)
        return 2
    if chosen.runs < LEAST_RUNS:
        say(f"fewer than {LEAST_RUNS} runs: no figure to quote")
    modes = chosen.mode or ["dkim", "arc"]
    built, absent = build_all(modes)
    lines: list[Standing] = []
    machine = results.machine()
    try:
        for mode in modes:
            lines += standings(mode, measure(mode, built, chosen.count, chosen.runs), absent)
    except (Absent, MailauthError, OSError) as problem:
        say(str(problem))
        return 1
    RESULTS.write_text(json.dumps(lines, indent=1) + "\n", "utf-8")
    say(f"kept in {RESULTS}")
    if chosen.write:
        write(lines, machine)
    print(json.dumps(result_rows(lines), indent=1) if chosen.json else table(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

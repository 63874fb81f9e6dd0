"""`diff`: verdict files, rule books, DNS stores or versions side by side, by cause."""

from __future__ import annotations

import sys
import textwrap
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from cyclopts import Parameter

from mailauth_fast.cli.app import is_dash
from mailauth_fast.cli.exits import CommandError, Exit, strongest
from mailauth_fast.cli.options import Dns, Now, chosen_resolver, chosen_time
from mailauth_fast.cli.terminal import printable, say
from mailauth_fast.comparison import Cause, Change, Comparison, Group, compare
from mailauth_fast.policy import Policy
from mailauth_fast.verdict_rows import Pair, VerdictRow, decode_rows, open_verdicts
from mailauth_fast.verify import Verifier

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mailauth_fast import _core
    from mailauth_fast.policy import Rules

WIDTH = 80
SETTINGS = {
    "rules:rfc7489": "rules",
    "rules:rfc9989": "rules",
    "historic:on": "historic",
    "historic:off": "historic",
}
STORES = ("store:", "zone:")
SHOWN_FACTS = ("version", "rules", "now", "resolver")
"""Facts of a run that a side's line shows."""

Form = Literal["text", "json", "jsonl"]


@dataclass(slots=True)
class Compared:
    """One side: how it is called, what is known of its run, its rows."""

    name: str
    facts: dict[str, str]
    rows: Iterable[VerdictRow]


@dataclass(slots=True)
class Runs:
    """Both verifications of one input; none when files are compared."""

    open: list[_core.ArchiveRun] = field(default_factory=list)

    def codes(self, *, has_rows: bool) -> set[Exit]:
        """Say what could not be read, once; return what it means for the exit code."""
        problems = dict.fromkeys(problem for run in self.open for problem in run.problems)
        for problem in problems:
            say(problem)
        codes = {Exit.PARTIAL if has_rows else Exit.FATAL} if problems else set()
        if any(run.is_resolver_broken for run in self.open):
            say("many DNS questions found no answer; run again later, or check --dns")
            codes.add(Exit.TEMPERRORS)
        return codes

    def close(self) -> None:
        """Stop both."""
        for run in self.open:
            run.close()


def diff(
    a: Annotated[
        str,
        Parameter(
            help="a verdict file or folder of parts, or with INPUT: rules:rfc7489, rules:rfc9989,"
            " historic:on, historic:off, store:FILE, zone:FILE"
        ),
    ],
    b: Annotated[str, Parameter(help="what A is compared with, of the same kind")],
    *inputs: Annotated[str, Parameter(help="archives that are verified both ways")],
    form: Annotated[
        Form,
        Parameter(
            name="--format",
            help="text for people, json for programs, jsonl for a line a row that differs",
        ),
    ] = "text",
    limit: Annotated[int | None, Parameter(help="compare so many messages of each side")] = None,
    dns: Dns = "live",
    now: Now = "received",
    jobs: Annotated[
        int | None,
        Parameter(name=["--jobs", "-j"], help="threads of each side; default: all cores"),
    ] = None,
) -> int:
    """Compare verdicts: which words or reasons differ, grouped by cause.

    Exit code 0 when nothing differs, 1 when something does.
    """
    if limit is not None and limit < 1:
        raise CommandError(f"--limit {limit}: use a number of at least 1", Exit.USAGE)
    runs = Runs()
    try:
        if _kind(a) == _kind(b) == "file":
            sides = _files(a, b, inputs)
        else:
            sides = _verifications(a, b, inputs, runs, (dns, now, jobs, limit))
        rows = (islice(side.rows, limit) for side in sides)
        comparison = compare(*rows, on_difference=_print_row if form == "jsonl" else None)
        codes = runs.codes(has_rows=bool(comparison.equal or comparison.different))
    finally:
        runs.close()
    _show(comparison, sides, form)
    if not comparison.is_equal:
        codes.add(Exit.MATCHED)
    return strongest(codes)


def _kind(text: str) -> str:
    if text.startswith(STORES):
        return "store"
    return SETTINGS.get(text, "file")


def _files(a: str, b: str, inputs: tuple[str, ...]) -> list[Compared]:
    if is_dash(a) or is_dash(b):
        raise CommandError("diff reads verdicts from files; write them with -o FILE", Exit.USAGE)
    if inputs:
        raise CommandError(
            f"{inputs[0]}: two verdict files are compared without an INPUT; leave it away, or"
            " compare rules:, historic:, store: or zone:",
            Exit.USAGE,
        )
    sides = []
    for name in (a, b):
        files = open_verdicts(Path(name))
        sides.append(Compared(name, files.metadata, files.rows()))
    return sides


def _verifications(
    a: str,
    b: str,
    inputs: tuple[str, ...],
    runs: Runs,
    settings: tuple[str, str, int | None, int | None],
) -> list[Compared]:
    if _kind(a) != _kind(b):
        raise CommandError(
            f"{a} and {b} are not of one kind; compare two verdict files, two rules:, two"
            " historic:, or two of store: and zone:",
            Exit.USAGE,
        )
    if not inputs:
        raise CommandError(f"{a}: needs an INPUT that is verified both ways", Exit.USAGE)
    if any(is_dash(text) for text in inputs):
        raise CommandError(
            "standard input can be read only once; name a file that is verified both ways",
            Exit.USAGE,
        )
    dns, now, jobs, limit = settings
    moment = chosen_time(now)
    shared = chosen_resolver(dns) if _kind(a) != "store" else None
    for side in (a, b):
        verifier = Verifier(
            (shared or chosen_resolver(side)).resolver, policy=_policy(side), workers=jobs
        )
        paths = [Path(text) for text in inputs]
        runs.open.append(verifier.start_archive(paths, now=moment, limit=limit))
    return [Compared(side, {}, _verified(run)) for side, run in zip((a, b), runs.open, strict=True)]


def _policy(side: str) -> Policy:
    kind, _, value = side.partition(":")
    if kind == "rules":
        rules: Rules = "rfc7489" if value == "rfc7489" else "rfc9989"
        return Policy(rules=rules)
    return Policy(historic=side == "historic:on")


def _verified(run: _core.ArchiveRun) -> Iterator[VerdictRow]:
    """Give a run's rows; batches have the same borders on both sides, so both go in lockstep."""
    for rows in run:
        yield from decode_rows(rows.jsonl())


def _show(comparison: Comparison, sides: list[Compared], form: Form) -> None:
    if form == "json":
        octets = msgspec.json.format(msgspec.json.encode(_facts(comparison, sides)), indent=2)
        sys.stdout.write(octets.decode() + "\n")
    elif form == "jsonl":
        for side, group in comparison.only.items():
            if group.count:
                _print_line({"only": side, "count": group.count, "examples": group.examples})
    else:
        for line in _text(comparison, sides):
            print(line)


def _print_row(row_id: str, cause: Cause) -> None:
    _print_line({"id": row_id, "changes": [_change(change) for change in cause]})


def _print_line(value: dict[str, object]) -> None:
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")


def _facts(comparison: Comparison, sides: list[Compared]) -> dict[str, object]:
    a, b = ({"name": side.name, "run": side.facts} for side in sides)
    only = {
        f"only_{name}": {"count": group.count, "examples": group.examples}
        for name, group in comparison.only.items()
    }
    causes = [
        {
            "count": group.count,
            "changes": [_change(change) for change in group.cause],
            "examples": group.examples,
        }
        for group in comparison.groups()
    ]
    counts = {"equal": comparison.equal, "different": comparison.different}
    return {"a": a, "b": b, **counts, **only, "causes": causes}


def _change(change: Change) -> dict[str, object]:
    return {
        "field": change.field,
        "position": change.position,
        "a": _words(change.a),
        "b": _words(change.b),
    }


def _words(pair: Pair | None) -> dict[str, str] | None:
    return None if pair is None else {"word": pair[0], "reason": pair[1]}


def _text(comparison: Comparison, sides: list[Compared]) -> Iterator[str]:
    for letter, side in zip("AB", sides, strict=True):
        known = [f"{name} {side.facts[name]}" for name in SHOWN_FACTS if name in side.facts]
        yield from _wrapped(f"{letter}: ", side.name + (f" ({', '.join(known)})" if known else ""))
    both = comparison.equal + comparison.different
    yield f"{both:,} messages in both: {comparison.equal:,} equal, {comparison.different:,} differ"
    for name, group in comparison.only.items():
        if group.count:
            yield from _wrapped(f"{group.count:,} only in {name.upper()}: ", _examples(group))
    for group in comparison.groups():
        yield ""
        yield from _group(group)


def _group(group: Group) -> Iterator[str]:
    start = f"{group.count:>9,}  "
    if not group.cause:
        yield f"{start}rows with other, rarer changes"
    for number, change in enumerate(group.cause):
        indent = start if number == 0 else " " * len(start)
        position = "" if change.position is None else f" {change.position}"
        text = f"{change.field}{position}: {_side(change.a)} -> {_side(change.b)}"
        yield from _wrapped(indent, text, "  ")
    yield from _wrapped(" " * len(start), f"in {_examples(group)}", "   ")


def _side(pair: Pair | None) -> str:
    if pair is None:
        return "absent"
    return "/".join(part for part in pair if part)


def _examples(group: Group) -> str:
    rest = group.count - len(group.examples)
    return ", ".join(group.examples) + (f" and {rest:,} more" if rest else "")


def _wrapped(start: str, text: str, hang: str = "") -> list[str]:
    """Break at spaces so that a line fits 80 columns; a longer word stays whole for copying."""
    return textwrap.wrap(
        printable(text),
        WIDTH,
        initial_indent=start,
        subsequent_indent=" " * len(start) + hang,
        break_long_words=False,
        break_on_hyphens=False,
    )

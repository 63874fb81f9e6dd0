"""`verify`: archives and queues to verdicts and a summary."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from mailauth_fast.cli import fail_on as conditions
from mailauth_fast.cli.app import is_dash
from mailauth_fast.cli.exits import CommandError, Exit, strongest
from mailauth_fast.cli.options import chosen_resolver, chosen_time
from mailauth_fast.cli.output import Format, Sink, open_sink, run_metadata
from mailauth_fast.cli.progress import RunProgress, is_shown
from mailauth_fast.cli.summary import Counts, add, print_summary
from mailauth_fast.cli.terminal import say
from mailauth_fast.policy import Policy
from mailauth_fast.verify import Verifier

if TYPE_CHECKING:
    from mailauth_fast import _core

TEMPERROR_ROWS = 10
"""Rows with a temperror that are always tolerated."""
TEMPERROR_SHARE = 0.01
"""Share of rows with a temperror that is tolerated."""


@dataclass
class Outcome:
    """What a run has counted so far."""

    rows: int = 0
    counts: Counts = field(default_factory=dict)

    def add(self, rows: _core.Rows) -> None:
        """Count a batch."""
        self.rows += len(rows)
        add(self.counts, rows.counts())


def verify(
    *inputs: Annotated[
        str,
        Parameter(help="mbox files, Maildir, folders of messages, messages; - is standard input"),
    ],
    output: Annotated[
        str | None,
        Parameter(
            name=["-o", "--output"], help="file or folder for the rows; - is standard output"
        ),
    ] = None,
    overwrite: Annotated[
        bool, Parameter(negative="", help="replace an output that exists")
    ] = False,
    row_format: Annotated[
        Literal["text", "jsonl", "parquet"] | None,
        Parameter(name="--format", help="of the rows; text is the summary alone"),
    ] = None,
    dns: Annotated[str, Parameter(help="live, ADDRESS:PORT or zone:FILE.json")] = "live",
    now: Annotated[
        str, Parameter(help="received, Unix seconds, or ISO 8601 with offset")
    ] = "received",
    rules: Annotated[
        Literal["rfc9989", "rfc7489", "auto"], Parameter(help="rule book of DMARC")
    ] = "auto",
    historic: Annotated[
        bool, Parameter(negative="", help="let rsa-sha1 and short RSA keys pass (archives only)")
    ] = False,
    jobs: Annotated[
        int | None, Parameter(name=["--jobs", "-j"], help="threads; default: all cores")
    ] = None,
    limit: Annotated[int | None, Parameter(help="stop after so many messages")] = None,
    fail_on: Annotated[
        str | None,
        Parameter(help="comma list of FIELD=WORD; any row that matches gives exit code 1"),
    ] = None,
    digest: Annotated[bool, Parameter(negative="", help="fill sha256")] = False,
    quiet: Annotated[
        bool, Parameter(name=["--quiet", "-q"], negative="", help="silent on success")
    ] = False,
) -> int:
    """Verify archives and queues: mbox, Maildir, trees of messages, standard input."""
    if not inputs:
        raise CommandError(
            "nothing to verify; name a file or folder, or - for standard input", Exit.USAGE
        )
    _check_number("--jobs", jobs)
    _check_number("--limit", limit)
    pairs = conditions.conditions(fail_on) if fail_on else []
    moment = chosen_time(now)
    policy = Policy(rules=rules, historic=historic, digest=digest)
    chosen = chosen_resolver(dns)
    verifier = Verifier(resolver=chosen.resolver, policy=policy, workers=jobs)
    paths = [Path("-") if is_dash(text) else Path(text) for text in inputs]
    run = verifier.start_archive(
        paths, now=moment, stream=sys.stdin.buffer, limit=limit, is_watched=is_shown(is_quiet=quiet)
    )
    metadata = run_metadata(policy, moment, chosen.description)
    target = "-" if output is not None and is_dash(output) else output
    try:
        sink, chosen_format = open_sink(target, row_format, metadata, overwrite=overwrite)
        outcome = _drive(run, sink, is_quiet=quiet)
    finally:
        run.close()
    return _finish(run, outcome, pairs, chosen_format, is_quiet=quiet)


def _check_number(name: str, value: int | None) -> None:
    if value is not None and value < 1:
        raise CommandError(f"{name} {value}: use a number of at least 1", Exit.USAGE)


def _drive(run: _core.ArchiveRun, sink: Sink, *, is_quiet: bool) -> Outcome:
    outcome = Outcome()
    try:
        with RunProgress(run, is_quiet=is_quiet) as progress:
            for rows in run:
                sink.write(rows)
                outcome.add(rows)
                progress.update(outcome.rows)
        sink.close()
    except BaseException:
        kept = sink.keep_partial()
        if kept is not None and outcome.rows:
            say(f"stopped after {outcome.rows:,} messages; their rows are in {kept}")
        raise
    return outcome


def _finish(
    run: _core.ArchiveRun,
    outcome: Outcome,
    pairs: list[tuple[str, str]],
    row_format: Format,
    *,
    is_quiet: bool,
) -> int:
    for problem in run.problems:
        say(problem)
    if row_format == "text":
        print_summary(outcome.rows, outcome.counts, sys.stdout)
    elif not is_quiet:
        print_summary(outcome.rows, outcome.counts, sys.stderr)
    codes = set()
    if run.problems:
        codes.add(Exit.PARTIAL if outcome.rows else Exit.FATAL)
    if run.is_resolver_broken or _has_many_temperrors(outcome):
        say("many DNS questions found no answer; run again later, or check --dns")
        codes.add(Exit.TEMPERRORS)
    if conditions.matches(pairs, outcome.counts):
        codes.add(Exit.MATCHED)
    return strongest(codes)


def _has_many_temperrors(outcome: Outcome) -> bool:
    rows = outcome.counts.get("temperror", {}).get("rows", 0)
    return rows >= TEMPERROR_ROWS and rows > TEMPERROR_SHARE * outcome.rows

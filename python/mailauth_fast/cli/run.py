"""A run from its first row to its exit code: progress, signals, checkpoints, the last words."""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, Self

import msgspec

from mailauth_fast.cli import fail_on as conditions
from mailauth_fast.cli.asked import Asked, print_asked
from mailauth_fast.cli.exits import CommandError, Exit, strongest
from mailauth_fast.cli.parts import FinishedUnit, Progressed
from mailauth_fast.cli.progress import RunProgress, is_shown
from mailauth_fast.cli.summary import Counts, add, print_summary
from mailauth_fast.cli.terminal import say

if TYPE_CHECKING:
    from pathlib import Path
    from types import FrameType

    from mailauth_fast import _core
    from mailauth_fast.cli.formats import Format
    from mailauth_fast.resolvers import LiveResolver, RecordingResolver
    from mailauth_fast.verify import Verifier

TEMPERROR_ROWS = 10
"""Rows with a temperror that are always tolerated."""
TEMPERROR_SHARE = 0.01
"""Share of rows with a temperror that is tolerated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run is asked to do."""

    inputs: list[Path]
    now: int | str
    shard: tuple[int, int]
    limit: int | None
    is_attached: bool
    retry_temperror: bool
    live: LiveResolver | None
    row_format: Format
    pseudonym_key: bytes | None
    recorder: RecordingResolver | None
    resolver_problems: tuple[str, ...]
    conditions: list[tuple[str, str]]
    is_quiet: bool


class Sink(Protocol):
    """Takes rows, unit by unit."""

    is_resumable: bool
    kept: int

    def write(self, rows: _core.Rows) -> None:
        """Append rows."""

    def end_unit(self, unit: FinishedUnit, counts: Counts, problems: list[str]) -> None:
        """Make the rows of a unit, or of a piece of one, final, at once or soon."""

    def keep(self) -> None:
        """Make the rows of all finished units final."""

    def complete(self, problems: list[str], *, is_resolver_broken: bool) -> None:
        """Make the whole final."""

    def clean(self) -> None:
        """Take away what only a run that goes on would need."""


@dataclass
class Outcome:
    """What a run has counted so far, and what of it is safe."""

    done: Progressed
    unit_rows: int = 0
    unit_counts: Counts = field(default_factory=dict)
    asked: Asked | None = None

    @property
    def rows(self) -> int:
        """Rows so far."""
        return self.done.rows + self.unit_rows

    def add(self, rows: _core.Rows) -> None:
        """Count a batch."""
        self.unit_rows += len(rows)
        add(self.unit_counts, rows.counts())

    def end_unit(self) -> Counts:
        """Count the rows of a finished unit as done; return its counts."""
        counts, self.unit_counts = self.unit_counts, {}
        add(self.done.counts, counts)
        self.done.rows += self.unit_rows
        self.unit_rows = 0
        return counts


class Stopper:
    """SIGINT, SIGTERM, SIGHUP: the first ends the run at a checkpoint, the second ends it now."""

    def __init__(self, run: _core.ArchiveRun) -> None:
        """Watch over a run."""
        self._run = run
        self._handlers: dict[signal.Signals, object] = {}
        self._is_asked = False

    def __enter__(self) -> Self:
        """Take the signals."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # Whoever has a run outlive its terminal ignores SIGHUP beforehand.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                self._handlers[number] = signal.signal(number, self._stop)
        return self

    def __exit__(self, *_: object) -> None:
        """Give them back."""
        for number, handler in self._handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        if self._is_asked:
            raise KeyboardInterrupt
        self._is_asked = True
        self._run.stop()
        say("finishing what is in flight; once more to stop at once")


def execute(plan: Plan, verifier: Verifier, sink: Sink, done: Progressed) -> Exit:
    """Run a plan from where it stands to its end, and say what came of it."""
    if done.is_unknown:
        say("the output is complete, nothing is left to do")
        if plan.conditions:
            sentence = (
                "--fail-on counts rows while they are made; give --overwrite to make them anew"
            )
            raise CommandError(sentence, Exit.USAGE)
        return Exit.FINISHED
    if done.is_complete:
        sink.complete([], is_resolver_broken=False)
        return _finish(plan, sink, Outcome(done), is_stopped=False)
    checkpoint = None if done.checkpoint is None else msgspec.json.encode(done.checkpoint)
    run = verifier.start_archive(
        plan.inputs,
        now=plan.now,
        limit=plan.limit,
        is_watched=is_shown(is_quiet=plan.is_quiet),
        shard=plan.shard,
        checkpoint=checkpoint,
        attached=plan.is_attached,
        retry_temperror=plan.retry_temperror,
    )
    try:
        outcome = _drive(plan, run, sink, done)
    finally:
        run.close()
        if plan.recorder is not None:
            plan.recorder.close()
    return _finish(plan, sink, outcome, is_stopped=run.is_stopped)


def _drive(plan: Plan, run: _core.ArchiveRun, sink: Sink, done: Progressed) -> Outcome:
    outcome = Outcome(done)
    try:
        with (
            Stopper(run),
            RunProgress(run, is_quiet=plan.is_quiet, rows_before=done.rows) as progress,
        ):
            for rows in run:
                key = plan.pseudonym_key
                sink.write(rows if key is None else rows.pseudonymized(key))
                outcome.add(rows)
                _end_unit(plan, sink, outcome, run)
                progress.update(outcome.rows)
            # That the last rows ended a unit may become known only when no more come.
            _end_unit(plan, sink, outcome, run)
    except BrokenPipeError:
        # Whoever read the rows has gone: that is no news to anybody.
        raise
    except BaseException as problem:
        how = "interrupted" if isinstance(problem, KeyboardInterrupt) else "stopped"
        say(how + _kept(outcome, sink))
        raise
    if run.is_stopped:
        sink.keep()
        say("interrupted" + _kept(outcome, sink))
    else:
        sink.complete(run.problems, is_resolver_broken=run.is_resolver_broken)
    outcome.asked = Asked.of(run, plan.live)
    outcome.done.problems += run.problems
    outcome.done.is_resolver_broken |= run.is_resolver_broken
    return outcome


def _end_unit(plan: Plan, sink: Sink, outcome: Outcome, run: _core.ArchiveRun) -> None:
    """Make the rows of a unit that ended final; the answers they rest on first."""
    finished = run.finished_unit()
    if finished is None:
        return
    if plan.recorder is not None:
        plan.recorder.flush()
    unit = msgspec.json.decode(finished, type=FinishedUnit)
    sink.end_unit(unit, outcome.end_unit(), run.problems)


def _kept(outcome: Outcome, sink: Sink) -> str:
    if not sink.is_resumable:
        return f" after {outcome.rows:,} messages"
    kept = f"the verdicts of {sink.kept:,} messages are kept"
    return f" after {outcome.rows:,} messages; {kept}; the same command with --resume goes on"


def _finish(plan: Plan, sink: Sink, outcome: Outcome, *, is_stopped: bool) -> Exit:
    add(outcome.done.counts, outcome.unit_counts)
    rows, counts, problems = outcome.rows, outcome.done.counts, outcome.done.problems
    for problem in problems:
        say(problem)
    if plan.row_format == "text" or not plan.is_quiet:
        file = sys.stdout if plan.row_format == "text" else sys.stderr
        print_summary(rows, counts, file)
        if outcome.asked is not None:
            print_asked(outcome.asked, file)
    codes = set()
    if is_stopped:
        codes.add(Exit.INTERRUPTED)
    else:
        sink.clean()
    if problems:
        codes.add(Exit.PARTIAL if rows else Exit.FATAL)
    if plan.resolver_problems:
        codes.add(Exit.PARTIAL)
    if outcome.done.is_resolver_broken or _has_many_temperrors(rows, counts):
        say("many DNS questions found no answer; run again later, or check --dns")
        codes.add(Exit.TEMPERRORS)
    if conditions.matches(plan.conditions, counts):
        codes.add(Exit.MATCHED)
    return strongest(codes)


def _has_many_temperrors(rows: int, counts: Counts) -> bool:
    temperrors = counts.get("temperror", {}).get("rows", 0)
    return temperrors >= TEMPERROR_ROWS and temperrors > TEMPERROR_SHARE * rows

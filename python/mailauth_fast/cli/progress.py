"""Progress on standard error: a live line on a terminal, a plain line every 30 s elsewhere."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Self, TextIO

from mailauth_fast.cli.terminal import console, say

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Protocol

    from rich.progress import Progress, ProgressColumn

    class Watched(Protocol):
        """What progress needs to know of a run."""

        @property
        def octets_read(self) -> int:
            """Octets of the inputs read so far."""

        @property
        def octets_total(self) -> int | None:
            """Octets of all inputs; None when that is not known."""

        @property
        def waiting(self) -> int:
            """Messages that wait for DNS now."""


INTERVAL_SECONDS = 30.0
MINUTE, HOUR = 60, 3600


def is_shown(*, is_quiet: bool) -> bool:
    """Tell whether progress is shown at all: live on a terminal, as lines elsewhere."""
    return not is_quiet


def is_live(stream: TextIO) -> bool:
    """Tell whether a line can be written over: a dumb terminal cannot."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


class Pace:
    """How far a run is, in numbers and in words."""

    def __init__(
        self,
        run: Watched,
        clock: Callable[[], float],
        rows_before: int = 0,
        deed: str = "verified",
    ) -> None:
        """Start the clock; rows of an earlier run that is resumed do not count for the rate."""
        self._deed = deed
        self._rows_before = rows_before
        self._run = run
        self._clock = clock
        self._begin = clock()
        self.rows = rows_before
        self.waiting = 0

    def update(self, rows: int) -> None:
        """Note the state between two batches: `waiting` says nothing while one is made."""
        self.rows = rows
        self.waiting = self._run.waiting

    @property
    def share(self) -> float | None:
        """Share of the octets that were read, from 0 to 1; None when the total is not known."""
        total = self._run.octets_total
        return min(self._run.octets_read / total, 1.0) if total else None

    def rate(self) -> str:
        """Return messages a second since the start."""
        elapsed = self._clock() - self._begin
        rows = self.rows - self._rows_before
        return f"{rows / elapsed if elapsed > 0 else 0:,.0f}/s"

    def facts(self) -> list[str]:
        """Return rate, share, time left and messages waiting for DNS, each where it is known."""
        facts = [self.rate()]
        share = self.share
        if share is not None:
            facts.append(f"{share:.0%}".replace("%", " % of octets"))
            if share > 0:
                elapsed = self._clock() - self._begin
                facts.append(f"{duration(elapsed * (1 - share) / share)} left")
        if self.waiting:
            facts.append(f"{self.waiting:,} waiting for DNS")
        return facts

    def line(self) -> str:
        """Return the plain line."""
        return ", ".join([f"{self._deed} {self.rows:,} messages", *self.facts()])


def duration(seconds: float) -> str:
    """Return a time as a person says it, in the largest unit that fits."""
    for size, unit in ((HOUR, "h"), (MINUTE, "min")):
        if seconds >= size:
            return f"{seconds / size:.{1 if size == HOUR else 0}f} {unit}"
    return f"{seconds:.0f} s"


class RunProgress:
    """Shows rows, rate, share of octets, time left and messages waiting for DNS."""

    def __init__(
        self,
        run: Watched,
        *,
        is_quiet: bool,
        rows_before: int = 0,
        deed: str = "verified",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Watch a run, whose `deed` is what it does to messages."""
        self._run = run
        self._pace = Pace(run, clock, rows_before, deed)
        self._lines = Lines(self._pace, clock)
        self._is_shown = is_shown(is_quiet=is_quiet)
        self._live = _live(run) if self._is_shown and is_live(sys.stderr) else None

    def __enter__(self) -> Self:
        """Start showing."""
        if self._live is not None:
            self._live.start()
        elif self._is_shown:
            self._lines.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the live line away, or print no more."""
        self._lines.stop()
        if self._live is not None:
            self._live.stop()

    def update(self, rows: int) -> None:
        """Say how far the run is."""
        self._pace.update(rows)
        if self._live is not None:
            text = f"{rows:,} messages, {self._pace.rate()}"
            if self._pace.waiting:
                text += f", {self._pace.waiting:,} waiting for DNS"
            task = self._live.task_ids[0]
            self._live.update(task, completed=self._run.octets_read, description=text)


class Lines:
    """Prints a line every 30 s, also while the run waits for slow servers."""

    def __init__(self, pace: Pace, clock: Callable[[], float]) -> None:
        """Print nothing yet."""
        self._pace = pace
        self._clock = clock
        self._due = clock() + INTERVAL_SECONDS
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="progress", daemon=True)

    def start(self) -> None:
        """Begin to watch the clock."""
        self._thread.start()

    def stop(self) -> None:
        """Print no more."""
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join()

    def tick(self) -> None:
        """Print a line when one is due."""
        now = self._clock()
        if now >= self._due:
            self._due = now + INTERVAL_SECONDS
            say(self._pace.line())

    def _watch(self) -> None:
        while not self._is_over.wait(max(self._due - self._clock(), 0)):
            self.tick()


def _live(run: Watched) -> Progress:
    from rich.progress import TaskProgressColumn, TimeRemainingColumn  # noqa: PLC0415 - start-up time

    return bar("verifying", run.octets_total, TaskProgressColumn(), TimeRemainingColumn())


def bar(task: str, total: int | None, *columns: ProgressColumn) -> Progress:
    """Return a bar on standard error with one task, its description before, columns behind."""
    from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415 - start-up time

    progress = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        *columns,
        console=console(sys.stderr),
        transient=True,
    )
    progress.add_task(task, total=total)
    return progress

"""Progress on standard error: a live line on a terminal, nothing elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from types import TracebackType

    from mailauth_fast import _core


def is_shown(*, is_quiet: bool) -> bool:
    """Tell whether somebody can see progress."""
    return not is_quiet and sys.stderr.isatty()


class RunProgress:
    """Shows rows, share of octets, time left and messages waiting for DNS."""

    def __init__(self, run: _core.ArchiveRun, *, is_quiet: bool) -> None:
        """Watch a run."""
        console = Console(file=sys.stderr, markup=False, emoji=False, highlight=False)
        self._run = run
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not is_shown(is_quiet=is_quiet),
        )
        self._task = self._progress.add_task("verifying", total=run.octets_total)

    def __enter__(self) -> Self:
        """Start showing."""
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the line away."""
        self._progress.stop()

    def update(self, rows: int) -> None:
        """Say how far the run is."""
        waiting = self._run.waiting
        text = f"{rows:,} messages" + (f", {waiting:,} waiting for DNS" if waiting else "")
        self._progress.update(self._task, completed=self._run.octets_read, description=text)

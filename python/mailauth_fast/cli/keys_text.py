"""What `keys recover` shows a person: how far it is, and what came of it."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Self

from mailauth_fast.cli.progress import INTERVAL_SECONDS, bar, duration, is_live, is_shown
from mailauth_fast.cli.terminal import printable, say
from mailauth_fast.store_rows import day

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from rich.progress import Progress

    from mailauth_fast.keys.search import Outcome, Status

MEANINGS: dict[Status, str] = {
    "recovered": "recovered",
    "known": "every key is in the store already",
    "not-found": "no two of the signatures tried share a key",
    "unconfirmed": "no third signature confirms the key of a pair",
    "too-few": "fewer than 3 different signatures",
    "unusual-size": "signatures of a length that no usual key has",
}
COLUMNS = "{:<44}  {:>14}  {:>4}  {:>5}  {:<10}  {:<10}  {:>5}  {:>7}"
"""Name, agreeing of all signatures, bits, exponent, first and last day, pairs, CPU seconds."""
UNTRIED: tuple[Status, ...] = ("known", "too-few", "unusual-size")


class KeyProgress:
    """Names that are done, keys found and the seconds each took: a bar, or a line every 30 s."""

    def __init__(
        self,
        outcomes: list[Outcome],
        total: int,
        *,
        is_quiet: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Watch a list of outcomes that grows."""
        self._outcomes = outcomes
        self._total = total
        self._clock = clock
        self._due = clock() + INTERVAL_SECONDS
        self._is_shown = is_shown(is_quiet=is_quiet)
        self._live = _live(total) if self._is_shown and is_live(sys.stderr) else None

    def __enter__(self) -> Self:
        """Start showing."""
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the bar away."""
        if self._live is not None:
            self._live.stop()

    def tick(self) -> None:
        """Say how far the run is, when it is time."""
        if self._live is not None:
            task = self._live.task_ids[0]
            self._live.update(task, completed=len(self._outcomes), description=pace(self._outcomes))
        elif self._is_shown and self._clock() >= self._due:
            self._due = self._clock() + INTERVAL_SECONDS
            say(f"{len(self._outcomes):,} of {self._total:,} names, {pace(self._outcomes)}")


def _live(total: int) -> Progress:
    from rich.progress import MofNCompleteColumn, TimeElapsedColumn  # noqa: PLC0415 - start-up time

    return bar("looking for keys", total, MofNCompleteColumn(), TimeElapsedColumn())


def pace(outcomes: list[Outcome]) -> str:
    """Return keys found, pairs tried and what a key took of one core."""
    keys = sum(len(outcome.keys) for outcome in outcomes)
    pairs = sum(outcome.pairs for outcome in outcomes)
    seconds = sum(outcome.seconds for outcome in outcomes)
    parts = [_count(keys, "key"), f"{_count(pairs, 'pair')} tried"]
    if keys:
        parts.append(f"{seconds / keys:.1f} s a key on one core")
    elif pairs:
        parts.append(f"{duration(seconds)} on one core")
    return ", ".join(parts)


def print_outcomes(outcomes: list[Outcome], messages: int) -> None:
    """Print a row for each key and each name without one, and lines for the whole."""
    tried = [outcome for outcome in outcomes if outcome.status not in UNTRIED]
    if tried:
        _print(COLUMNS.format("name", "agree", "bits", "e", "first", "last", "pairs", "seconds"))
    for outcome in tried:
        _print_rows(outcome)
    for status in UNTRIED:
        count = sum(outcome.status == status for outcome in outcomes)
        if count:
            _print(f"{_count(count, 'name')} not tried: {MEANINGS[status]}")
    _print(f"{messages:,} messages, {_count(len(outcomes), 'name')}: {pace(outcomes)}")


def _print_rows(outcome: Outcome) -> None:
    ending = (str(outcome.pairs), f"{outcome.seconds:.1f}")
    if not outcome.keys:
        ends = COLUMNS.format(outcome.name, "-", "-", "-", "-", "-", *ending)
        _print(f"{ends}  {MEANINGS[outcome.status]}")
    for key in outcome.keys:
        agree = f"{key.agreeing:,} of {key.signatures:,}"
        times = (day(key.first_seen), day(key.last_seen))
        _print(COLUMNS.format(outcome.name, agree, key.bits, key.exponent, *times, *ending))
        # The pairs of a name are told once, beside its first key.
        ending = ("", "")


def _print(line: str) -> None:
    print(printable(line.rstrip()))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")

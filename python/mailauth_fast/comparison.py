"""Two sets of verdict rows side by side: which words or reasons differ, grouped by cause.

Knows the contract's words only; where rows come from is `verdict_rows`, how a comparison looks is
the command line's.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from mailauth_fast.errors import MailauthError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mailauth_fast.verdict_rows import Outcome, Pair, VerdictRow

Side = Literal["a", "b"]
SIDES: tuple[Side, Side] = ("a", "b")

UNMATCHED_LIMIT = 1_000_000
"""Rows of one side that may wait for their id on the other: some 150 MB. Files in the same order
need none, and a file with rows that the other lacks as many as it has of them."""
CAUSE_LIMIT = 10_000
"""Causes that are told apart: words are few, so more of them come only from hostile signatures;
the rest is counted as one group without changes."""
EXAMPLE_LIMIT = 3
"""Ids that are named for each cause."""
CHECKS = ("spf", "spf_helo", "dkim", "arc", "dmarc", "disposition")
"""In the order in which one follows from the other: the first change is the likeliest cause."""


@dataclass(frozen=True, slots=True)
class Change:
    """One check that came out otherwise.

    `position` counts signatures from the top of the header, from 1; a side that lacks the check or
    the signature is None.
    """

    field: str
    position: int | None
    a: Pair | None
    b: Pair | None


Cause = tuple[Change, ...]
"""Everything that differs in a row; empty when the two rows say the same."""


@dataclass(slots=True)
class Group:
    """Rows that differ in the same way."""

    cause: Cause
    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, row_id: str) -> None:
        """Count a row."""
        self.count += 1
        if len(self.examples) < EXAMPLE_LIMIT:
            self.examples.append(row_id)


@dataclass(slots=True)
class Comparison:
    """What two sets of rows have in common and where they differ."""

    equal: int = 0
    different: int = 0
    only: dict[Side, Group] = field(default_factory=lambda: {"a": Group(()), "b": Group(())})
    causes: dict[Cause, Group] = field(default_factory=dict)

    @property
    def is_equal(self) -> bool:
        """Tell whether both sides have the same rows with the same words and reasons."""
        return not (self.different or self.only["a"].count or self.only["b"].count)

    def groups(self) -> list[Group]:
        """Return the causes, most frequent first, then as they were met."""
        return sorted(self.causes.values(), key=lambda group: -group.count)

    def add(self, row_id: str, cause: Cause) -> None:
        """Count one pair of rows."""
        if not cause:
            self.equal += 1
            return
        self.different += 1
        key = cause if cause in self.causes or len(self.causes) < CAUSE_LIMIT else ()
        self.causes.setdefault(key, Group(key)).add(row_id)


def changes(a: Outcome, b: Outcome) -> Cause:
    """Return what differs between two outcomes, in the order in which checks follow each other."""
    if a == b:
        return ()
    if a.error != b.error:
        # Without a verdict every check is missing; the error says it all.
        return (Change("error", None, _error(a.error), _error(b.error)),)
    found = []
    for name in CHECKS:
        left, right = a.checks(name), b.checks(name)
        for index in range(max(len(left), len(right))):
            one = left[index] if index < len(left) else None
            other = right[index] if index < len(right) else None
            if one != other:
                position = index + 1 if name == "dkim" else None
                found.append(Change(name, position, one, other))
    return tuple(found)


def _error(code: str | None) -> Pair | None:
    return None if code is None else (code, "")


def compare(
    a: Iterable[VerdictRow],
    b: Iterable[VerdictRow],
    *,
    on_difference: Callable[[str, Cause], None] | None = None,
    unmatched_limit: int = UNMATCHED_LIMIT,
) -> Comparison:
    """Join rows by id and compare each pair; rows with the same id are paired in their order.

    Both sides are read in lockstep. A row whose id has not come on the other side waits, so memory
    depends on how far the orders differ, not on the number of rows.

    Args:
        a: rows of one side.
        b: rows of the other.
        on_difference: told of each pair that differs, as it is found.
        unmatched_limit: rows of one side that may wait.

    Raises:
        MailauthError: more rows wait than `unmatched_limit`.
    """
    comparison = Comparison()
    waiting = _Waiting(unmatched_limit)
    for row_id, left, right in waiting.pairs(iter(a), iter(b)):
        cause = changes(left, right)
        comparison.add(row_id, cause)
        if cause and on_difference is not None:
            on_difference(row_id, cause)
    for side in SIDES:
        for row_id, waits in waiting.rows[side].items():
            for _ in waits if isinstance(waits, deque) else (waits,):
                comparison.only[side].add(row_id)
    return comparison


class _Waiting:
    """Rows whose id has not come on the other side, in their order."""

    def __init__(self, limit: int) -> None:
        self.rows: dict[Side, dict[str, deque[Outcome] | Outcome]] = {"a": {}, "b": {}}
        self._counts: dict[Side, int] = {"a": 0, "b": 0}
        self._limit = limit
        # Most rows say the same: each outcome is kept once.
        self._known: dict[Outcome, Outcome] = {}

    def pairs(
        self, a: Iterator[VerdictRow], b: Iterator[VerdictRow]
    ) -> Iterator[tuple[str, Outcome, Outcome]]:
        """Read both sides in lockstep; yield id and both outcomes."""
        while True:
            left, right = next(a, None), next(b, None)
            if left is not None and right is not None and self._are_next(left.id, right.id):
                yield left.id, left.outcome(), right.outcome()
                continue
            if left is not None and (other := self._match("a", "b", left)) is not None:
                yield left.id, left.outcome(), other
            if right is not None and (other := self._match("b", "a", right)) is not None:
                yield right.id, other, right.outcome()
            if left is None and right is None:
                return

    def _are_next(self, left: str, right: str) -> bool:
        return left == right and left not in self.rows["a"] and left not in self.rows["b"]

    def _match(self, own: Side, other: Side, row: VerdictRow) -> Outcome | None:
        """Take the first waiting row with this id of the other side, or wait."""
        found = self._take(other, row.id)
        if found is None:
            self._keep(own, row)
        return found

    def _take(self, side: Side, row_id: str) -> Outcome | None:
        rows = self.rows[side]
        first = rows.get(row_id)
        if first is None:
            return None
        self._counts[side] -= 1
        if isinstance(first, deque) and len(first) > 1:
            return first.popleft()
        del rows[row_id]
        return first.popleft() if isinstance(first, deque) else first

    def _keep(self, side: Side, row: VerdictRow) -> None:
        outcome = self._known.setdefault(row.outcome(), row.outcome())
        rows = self.rows[side]
        first = rows.get(row.id)
        if first is None:
            rows[row.id] = outcome
        elif isinstance(first, deque):
            first.append(outcome)
        else:
            rows[row.id] = deque((first, outcome))
        self._counts[side] += 1
        if self._counts[side] > self._limit:
            raise MailauthError(
                f"more than {self._limit:,} rows of {side.upper()} have no row with the same id in"
                " the other; sort both by id, or compare files of the same archive"
            )

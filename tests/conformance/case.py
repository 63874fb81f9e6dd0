"""What a conformance case is: a question for the engine and the answers that agree with its suite.

Knows no protocol and no engine. Outcomes are short texts ("pass", "fail | explanation"), so that
every suite is compared, printed and reviewed in the same way.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

REPOSITORY = Path(__file__).resolve().parents[2]
SUITES = REPOSITORY.parent / "shared" / "suites"
RFC_TEXTS = REPOSITORY.parent / "shared" / "rfc"


@dataclass(frozen=True, slots=True)
class Case:
    """One vector.

    Attributes:
        name: unique in its suite; the key of `deviations.py`.
        accepted: every outcome that agrees with the suite (open-spf lists several: either is
            right).
        run: asks the engine; nothing is asked before it is called.
    """

    name: str
    accepted: frozenset[str]
    run: Callable[[], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A set of vectors of one origin.

    Attributes:
        name: the row's title and the key of `deviations.py`.
        law: the standard that the suite speaks of.
        folder: below `../shared/suites`.
        cases: how many the loader must find; a suite that grows or shrinks fails.
        load: reads the folder; must not need the engine.
        note: what is asked of a case where the suite asks something else; stands below the table.
    """

    name: str
    law: str
    folder: str
    cases: int
    load: Callable[[Path], list[Case]]
    note: str = ""


def case(name: str, accepted: str | Iterable[str], run: Callable[[], str]) -> Case:
    """Make a case out of one accepted outcome or several."""
    outcomes = [accepted] if isinstance(accepted, str) else accepted
    return Case(name, frozenset(outcomes), run)


def read_json(path: Path) -> object:
    """Read a suite's JSON file."""
    return cast("object", json.loads(path.read_text(encoding="utf-8")))


def numbered(names: Iterable[str]) -> list[str]:
    """Make names unique by a number behind those that occur again."""
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name} #{seen[name]}")
    return unique

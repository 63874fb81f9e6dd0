"""Runs a suite to one row of the table, and prints the table."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from .case import RFC_TEXTS, SUITES
from .deviations import DEVIATIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .case import Case, Suite
    from .deviations import Deviation

# The user property under which a test hands its row to the terminal summary (also through xdist).
ROW_PROPERTY = "conformance"
HEADINGS = ("suite", "judged by", "cases", "agreeing", "explained deviations")
SHOWN = 300


@dataclass(frozen=True, slots=True)
class Row:
    """What a suite came to.

    Attributes:
        troubles: one sentence for everything that must not be; empty when the suite passes.
    """

    name: str
    law: str
    cases: int
    agreeing: int
    deviations: int
    troubles: tuple[str, ...] = ()

    def cells(self) -> tuple[str, ...]:
        """Return the row's texts."""
        numbers = (self.cases, self.agreeing, self.deviations)
        return (self.name, self.law, *(f"{number:,}" for number in numbers))


def answer(case: Case) -> str:
    """Ask the engine; an exception is an answer too, and never the right one."""
    try:
        return case.run()
    except Exception as error:  # noqa: BLE001 - one crash must not hide the other cases
        return f"raised {type(error).__name__}: {error}"


def judge(case: Case, deviation: Deviation | None) -> tuple[str, str | None]:
    """Return `agreeing`, `explained` or `unexplained`, and what is wrong about it."""
    got = answer(case)
    if got in case.accepted:
        late = f"{case.name}: agrees by now; strike it from deviations.py"
        return "agreeing", None if deviation is None else late
    if deviation is not None and deviation.got == got:
        return "explained", None
    accepted = " or ".join(sorted(case.accepted))
    return (
        "unexplained",
        f"{case.name[:SHOWN]}: the suite says {accepted}, the engine {got[:SHOWN]}",
    )


def misfits(suite: Suite, cases: list[Case]) -> Iterator[str]:
    """Tell of another number of cases, of names that occur twice, of deviations of no case."""
    if len(cases) != suite.cases:
        yield f"{len(cases)} cases were read, {suite.cases} are expected"
    names = Counter(case.name for case in cases)
    yield from (f"{name}: occurs {count} times" for name, count in names.items() if count > 1)
    listed = DEVIATIONS.get(suite.name, {})
    yield from (f"{name}: a deviation of no case" for name in listed if name not in names)


def run(suite: Suite) -> Row:
    """Run every case of a suite."""
    cases = suite.load(SUITES / suite.folder)
    listed = DEVIATIONS.get(suite.name, {})
    judged = [judge(case, listed.get(case.name)) for case in cases]
    counts = Counter(word for word, _ in judged)
    troubles = [trouble for _, trouble in judged if trouble is not None]
    return Row(
        name=suite.name,
        law=suite.law,
        cases=len(cases),
        agreeing=counts["agreeing"],
        deviations=counts["explained"],
        troubles=(*misfits(suite, cases), *troubles),
    )


def expected(suite: Suite) -> Row:
    """Return the row of a suite that passes, without running it."""
    deviations = len(DEVIATIONS.get(suite.name, {}))
    agreeing = suite.cases - deviations
    return Row(suite.name, suite.law, suite.cases, agreeing, deviations)


def markdown(rows: Iterable[Row], suites: Iterable[Suite]) -> str:
    """Return the table, its deviations and the suites' notes as Markdown."""
    lines = [" | ".join(HEADINGS), "---|---|--:|--:|--:"]
    lines += [" | ".join(row.cells()) for row in rows]
    table = "\n".join(f"| {line} |" if "--" not in line else f"|{line}|" for line in lines)
    notes = "\n".join(f"- {suite.name}: {suite.note}" for suite in suites if suite.note)
    return f"{table}\n\nDeviations:\n\n{explained()}\n\nNotes:\n\n{notes}"


def explained() -> str:
    """Return the deviations as a Markdown list, those with one reason together."""
    lines = []
    for suite, listed in DEVIATIONS.items():
        reasons = dict.fromkeys((each.rule, each.quote) for each in listed.values())
        for rule, quote in reasons:
            count = sum((each.rule, each.quote) == (rule, quote) for each in listed.values())
            lines.append(f"- {suite}, {count}: {rule}, “{quote}”")
    return "\n".join(lines)


def plain(rows: Iterable[Row]) -> list[str]:
    """Return the table as aligned lines for a terminal."""
    table = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if at < 2 else cell.rjust(width)  # noqa: PLR2004 - two texts, then numbers
            for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ).rstrip()
        for cells in table
    ]


@cache
def rfc_text(number: str) -> str:
    """Return an RFC's text on one line, without what stands at the head and foot of pages."""
    lines = (RFC_TEXTS / f"rfc{number}.txt").read_text(encoding="utf-8").splitlines()
    furniture = re.compile(r"\[Page \d+\]$|^RFC \d+ .* \d{4}$")
    return " ".join(" ".join(line for line in lines if not furniture.search(line)).split())


def stands_in_rfc(deviation: Deviation) -> bool:
    """Tell whether a deviation quotes its RFC word for word."""
    found = re.fullmatch(r"RFC (\d+) §[\d.A-Z]+", deviation.rule)
    return found is not None and deviation.quote in rfc_text(found[1])

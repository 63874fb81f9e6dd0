"""Every suite of `../shared/suites` that concerns verdicts, through the public door.

One test a suite; its row is printed in a table at the end. `conformance/deviations.py` holds what
may differ and why.
"""

from __future__ import annotations

from dataclasses import astuple
from typing import TYPE_CHECKING

import pytest

from tests.conformance.case import REPOSITORY
from tests.conformance.case import SUITES as FOLDER
from tests.conformance.deviations import DEVIATIONS, LIMIT, NONE_IN
from tests.conformance.registry import SUITES
from tests.conformance.table import ROW_PROPERTY, expected, markdown, run, stands_in_rfc

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.case import Suite

SHOWN = 25
needs_suites = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"{len(SUITES)} suites are not there: {FOLDER}"
)
DEVIATING = [
    pytest.param(suite, name, id=f"{suite} {name}")
    for suite, listed in DEVIATIONS.items()
    for name in listed
]


@needs_suites
@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_suite_agrees(suite: Suite, record_property: Callable[[str, object], None]) -> None:
    """Every case agrees, or differs as deviations.py says; the number of cases is the suite's."""
    row = run(suite)
    record_property(ROW_PROPERTY, [SUITES.index(suite), *astuple(row)[:-1]])
    assert not row.troubles, f"{len(row.troubles)} of {row.cases}:\n" + "\n".join(
        row.troubles[:SHOWN]
    )


def test_deviations_are_few() -> None:
    """At most five a suite, none where the suite is the standard's own or the mail is real."""
    names = {suite.name for suite in SUITES}
    assert set(DEVIATIONS) | NONE_IN <= names
    assert not NONE_IN & set(DEVIATIONS)
    assert all(0 < len(listed) <= LIMIT for listed in DEVIATIONS.values())


@needs_suites
@pytest.mark.parametrize(("suite", "name"), DEVIATING)
def test_deviation_quotes_the_rfc(suite: str, name: str) -> None:
    """The sentence that decides stands in the RFC that is named."""
    assert stands_in_rfc(DEVIATIONS[suite][name])


def test_readme_shows_the_table() -> None:
    """The README holds the table that `python -m tests.conformance` prints."""
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert markdown(map(expected, SUITES), SUITES) in readme

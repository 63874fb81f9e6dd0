"""ValiMail's ARC validation tests (RFC 8617 §5.2)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

import yaml

from .case import Case, Suite, case
from .engine import verdict, verifier

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .engine import Zone

CLOCK = 1_764_000_000
# The three tests with an empty cv are chains that a sealer marked "fail", for which the draft made
# a validator stop without a word. RFC 8617 §5.2 gives the word: "If the Chain Validation Status of
# the highest instance value ARC Set is "fail", then the overall validation status is "fail"", and a
# "fail" in the midst of a chain is not the "pass" that every later seal must say.
STOPPED = "fail"


def scenario_cases(scenario: Mapping[str, object]) -> list[Case]:
    """Turn one scenario into cases over its zone."""
    records = cast("Mapping[str, str]", scenario["txt-records"])
    zone: Zone = {name: {"TXT": [record]} for name, record in records.items()}

    def run(message: str) -> str:
        return verdict(verifier(zone), message.encode(), now=CLOCK)["arc"]["result"]

    tests = cast("Mapping[str, Mapping[str, str]]", scenario["tests"])
    return [
        case(
            name,
            test["cv"].strip().lower() or STOPPED,
            partial(run, test["message"]),
        )
        for name, test in tests.items()
    ]


def valimail(folder: Path) -> list[Case]:
    """Read the validation tests."""
    path = folder / "arc-draft-validation-tests.yml"
    scenarios = [each for each in yaml.safe_load_all(path.read_text(encoding="utf-8")) if each]
    return [each for scenario in scenarios for each in scenario_cases(scenario)]


SUITES = (
    Suite(
        name="arc-valimail",
        law="RFC 8617",
        folder="arc-valimail",
        cases=171,
        load=valimail,
        note="three chains sealed with cv=fail have no expectation; asked is fail, RFC 8617 §5.2",
    ),
)

"""The hostile families of the benchmark are built as they claim, and judged without a fault."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.door import NOW, Row, document, verifier

BENCH = Path(__file__).parent.parent / "bench"


@pytest.fixture(scope="module")
def made() -> Any:
    """Return the module that builds the families."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(BENCH), *sys.path])
        yield importlib.import_module("hostile_families")


def judged(made: Any, name: str, count: int) -> Row:
    """Judge the message of a family."""
    (family,) = [each for each in made.families() if each.name == name]
    case = family.make(count)
    engine = verifier({**made.stage(), **case.zone}, workers=1)
    return document(engine.verify(case.octets, envelope=made.envelope(), now=NOW))


def test_every_family_is_judged(made: Any) -> None:
    families = made.families()
    names = [each.name for each in families]
    assert len(set(names)) == len(names)
    for family in families:
        assert judged(made, family.name, 3)["error"] is None
        small, large = (len(family.make(count).octets) for count in (4, 8))
        assert large <= 2 * small + 100, family.name


@pytest.mark.parametrize(
    ("name", "count", "signatures"),
    [("slow-keys", 2, 2), ("spf-hosts", 2, 1), ("dmarc-addresses", 9, 1), ("key-notes", 100, 1)],
)
def test_work_is_not_cut_short_by_a_fault(
    made: Any, name: str, count: int, signatures: int
) -> None:
    row = judged(made, name, count)
    assert [each["result"] for each in row["dkim"]] == ["pass"] * signatures
    assert row["dmarc"]["result"] == "pass"


def test_chains_hold(made: Any) -> None:
    for name in ("chain", "chain-2048"):
        found = judged(made, name, 3)["arc"]
        assert (found["result"], found["instances"], found["oldest_pass"]) == ("pass", 3, 0)


@pytest.mark.parametrize(
    ("name", "count", "signatures"),
    [("ten-over-one-header", 5, 10), ("field-repeated", 9, 1), ("body-ten-lengths", 2, 10)],
)
def test_signatures_that_do_not_hold_are_looked_at_in_full(
    made: Any, name: str, count: int, signatures: int
) -> None:
    row = judged(made, name, count)
    assert len(row["dkim"]) == signatures
    for each in row["dkim"]:
        assert each["result"] == "fail"
        assert {each["body_hash"], each["signature"]} == {"pass", "fail"}

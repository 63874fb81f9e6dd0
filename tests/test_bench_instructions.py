"""The gate of instruction counts: what it lets through. The counting itself is a stage of `poe check`."""

from __future__ import annotations

import pytest
from instructions import Counts, rows


def counts(**instructions: int) -> Counts:
    return Counts({}, "a reason", instructions)


@pytest.mark.parametrize(
    ("value", "is_ok"), [(1, True), (1000, True), (1029, True), (1030, True), (1031, False)]
)
def test_a_count_may_grow_by_three_percent(value: int, *, is_ok: bool) -> None:
    assert rows(counts(parse=1000), counts(parse=value)) == [
        {"name": "parse", "value": value, "target": 1030, "ok": is_ok}
    ]


def test_a_function_without_a_stored_count_or_that_is_gone_needs_a_reason() -> None:
    table = rows(counts(gone=5, kept=5), counts(kept=5, new=5))
    assert [(line["name"], line["ok"]) for line in table] == [
        ("gone", False),
        ("kept", True),
        ("new", False),
    ]

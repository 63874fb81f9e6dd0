"""Every hostile case is accounted for exactly once; the tests stand in `tests/hostile/`."""

from __future__ import annotations

import subprocess
import sys

from tests.hostile_cases import COUNT, ELSEWHERE, PARTLY, ROOT, cases, shown


def test_every_case_is_accounted_for_exactly_once() -> None:
    assert [case.number for case in cases()] == list(range(1, COUNT + 1))


def test_what_is_said_of_a_case_holds() -> None:
    assert set(PARTLY) <= {*shown(), *ELSEWHERE}
    assert all((ROOT / place).exists() for place, _ in ELSEWHERE.values())
    assert all(case.detail for case in cases())


def test_the_cases_are_printed() -> None:
    command = [sys.executable, "-m", "tests.hostile_cases"]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert printed.count("\n") == COUNT + 3
    assert f"\n{COUNT}  not yet" in f"\n{printed}"

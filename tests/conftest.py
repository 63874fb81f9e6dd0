"""What pytest prints after the tests: the conformance table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the rows that test_conformance.py handed over, also from xdist's workers."""
    from tests.conformance.table import ROW_PROPERTY, Row, plain  # noqa: PLC0415 - only when it ran

    reports = [report for each in terminalreporter.stats.values() for report in each]
    handed_over = [
        value
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, value in report.user_properties
        if name == ROW_PROPERTY
    ]
    if handed_over:
        terminalreporter.section("conformance")
        for line in plain(Row(*row) for _, *row in sorted(handed_over)):
            terminalreporter.line(line)

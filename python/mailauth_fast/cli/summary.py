"""The summary table of a run: how many messages have which word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from mailauth_fast.cli.terminal import console

if TYPE_CHECKING:
    from typing import TextIO

Counts = dict[str, dict[str, int]]
"""Field -> word -> rows."""

FIELDS = ("spf", "dkim", "arc", "dmarc", "disposition")
ORDER = (
    "pass",
    "fail",
    "softfail",
    "neutral",
    "policy",
    "none",
    "temperror",
    "permerror",
    "unverifiable",
    "not-evaluated",
    "accept",
    "quarantine",
    "reject",
    "defer",
)


def add(total: Counts, counts: Counts) -> None:
    """Add one batch's counts to the run's."""
    for field, words in counts.items():
        known = total.setdefault(field, {})
        for word, rows in words.items():
            known[word] = known.get(word, 0) + rows


def print_summary(rows: int, counts: Counts, file: TextIO) -> None:
    """Print one line a word; DKIM counts a message under each word its signatures have."""
    screen = console(file)
    table = Table(title=f"{rows:,} messages", title_justify="left", box=None, pad_edge=False)
    table.add_column("result")
    for field in FIELDS:
        table.add_column(field, justify="right")
    for word in ORDER:
        cells = [counts.get(field, {}).get(word) for field in FIELDS]
        if any(cells):
            table.add_row(word, *(f"{cell:,}" if cell else "" for cell in cells))
    screen.print(table, soft_wrap=True)
    for code, count in sorted(counts.get("error", {}).items()):
        screen.print(f"{count:,} messages without a verdict: {code}", soft_wrap=True)

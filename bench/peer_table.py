"""The peers' results as the rows of the contract, as a table for a terminal and as Markdown.

It knows no program and runs nothing: `bench/peers` makes the standings that are shown here.
"""

from __future__ import annotations

from collections import Counter
from typing import TypedDict

TARGETS = {
    "dkim-bulk-mail-auth": 2.0,
    "dkim-bulk-opendkim": 10.0,
    "dkim-bulk-dkimpy": 50.0,
    "arc-list-mail-auth": 2.0,
}
"""The least ratio of each row: the peer's CPU seconds a message over ours."""
OURS = "ours"
HEADS = {
    "dkim": "DKIM, corpus `bulk`",
    "arc": "DKIM and ARC, corpus `list`",
    "all": "SPF, DKIM and DMARC, corpus `bulk`",
}
KNOWN = {
    ("all", "dkimpy"): "authheaders cuts a domain at its first hyphen (its issue 36)",
}
"""Faults of peers that make verdicts differ on these corpora."""
COLUMNS = ("", "version", "messages/s", "µs CPU a message", "ours is faster by", "verdicts unlike")


class Standing(TypedDict, total=False):
    """One program in one mode.

    Attributes:
        absent: why it was not measured; None when it was, and only then the rest is there.
        seconds: the median of CPU seconds a message.
        ratio: `seconds` over ours.
        disagreements: messages whose verdict is not ours, by `ours / theirs`.
    """

    mode: str
    corpus: str
    key: str
    title: str
    absent: str | None
    version: str
    messages: int
    runs: int
    seconds: float
    ratio: float
    disagreements: dict[str, int]


class ResultRow(TypedDict):
    """One line of `--json`."""

    name: str
    value: float | None
    target: float
    ok: bool


def compare(ours: list[str], theirs: list[str]) -> Counter[str]:
    """Count the messages whose verdicts differ, by the pair of verdicts."""
    pairs = zip(ours, theirs, strict=False)
    return Counter(f"{mine} / {other}" for mine, other in pairs if mine != other)


def result_rows(lines: list[Standing]) -> list[ResultRow]:
    """Return the rows that have a target, of the modes that were run; an absent peer has no value.

    A row is met only when the peer's verdicts are ours.
    """
    rows: list[ResultRow] = []
    for line in lines:
        name = f"{line['mode']}-{line['corpus']}-{line['key']}"
        if name not in TARGETS:
            continue
        # What is shown decides, so that no row says both its target and a miss.
        value = None if line["absent"] else round(line["ratio"], 3)
        is_met = value is not None and value >= TARGETS[name] and not line["disagreements"]
        rows.append({"name": name, "value": value, "target": TARGETS[name], "ok": is_met})
    return rows


def cells(line: Standing) -> tuple[str, ...]:
    """Return one line of the table, as many cells as COLUMNS."""
    if line["absent"]:
        return (line["title"], f"left out: {line['absent']}", "", "", "", "")
    unlike = sum(line["disagreements"].values())
    return (
        line["title"],
        line["version"],
        f"{1 / line['seconds']:,.0f}",
        f"{line['seconds'] * 1e6:,.1f}",
        "" if line["key"] == OURS else f"{line['ratio']:.2f} x",
        "" if line["key"] == OURS else f"{unlike} of {line['messages']}",
    )


def modes_of(lines: list[Standing]) -> list[str]:
    """Return the modes in their order."""
    return list(dict.fromkeys(line["mode"] for line in lines))


def disagreement_lines(lines: list[Standing]) -> list[str]:
    """Return one sentence for each peer and pair of verdicts."""
    sentences = []
    for line in lines:
        known = KNOWN.get((line["mode"], line["key"]))
        for pair, count in sorted(() if line["absent"] else line["disagreements"].items()):
            where = f"{line['title']} ({line['mode']}): {count} messages ours / theirs {pair}"
            sentences.append(f"{where}; {known}" if known else where)
    return sentences


def facts(lines: list[Standing]) -> str:
    """Return how the figures came about."""
    ours = next(line for line in lines if line["key"] == OURS)
    return (
        f"{ours['messages']:,} messages, medians of {ours['runs']} interleaved runs, CPU seconds "
        "of one thread without start-up and loading, keys from the same offline answers"
    )


def table(lines: list[Standing]) -> str:
    """Return the tables for a terminal, and the rows with their targets."""
    parts = []
    for mode in modes_of(lines):
        own = [line for line in lines if line["mode"] == mode]
        rows = [COLUMNS, *map(cells, own)]
        widths = [max(len(row[at]) for row in rows) for at in range(len(COLUMNS))]
        parts.append(f"{HEADS[mode].replace('`', '')}: {facts(own)}")
        for row in rows:
            text = [cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True)]
            figures = zip(row[2:], widths[2:], strict=True)
            text += [cell.rjust(width) for cell, width in figures]
            parts.append("  ".join(text).rstrip())
        parts.append("")
    parts += disagreement_lines(lines)
    for held in result_rows(lines):
        value = "not measured" if held["value"] is None else f"{held['value']:.2f}"
        verdict = "reached" if held["ok"] else "missed"
        parts.append(f"{held['name']:<22}{value:>14}{held['target']:>8g}  {verdict}")
    return "\n".join(parts)


def escaped(text: str) -> str:
    """Return text that keeps its bars in a Markdown table."""
    return text.replace("|", "\\|")


def markdown_row(row: tuple[str, ...]) -> str:
    """Return one line of a Markdown table."""
    return f"| {' | '.join(map(escaped, row))} |"


def render(rows: list[Standing]) -> str:
    """Return the peers' tables as Markdown, for bench/RESULTS.md."""
    parts = []
    for mode in modes_of(rows):
        own = [line for line in rows if line["mode"] == mode]
        parts += [f"{HEADS[mode]}: {facts(own)}.", ""]
        parts += [markdown_row(COLUMNS), "|---|---|--:|--:|--:|--:|"]
        parts += [markdown_row(cells(line)) for line in own]
        parts.append("")
    unlike = disagreement_lines(rows)
    parts += [f"- {escaped(line)}" for line in unlike] or ["All verdicts agree."]
    return "\n".join(parts) + "\n"

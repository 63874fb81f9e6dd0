"""bench/RESULTS.md: rendered from bench/results.json, which every command that measures adds to.

A command calls `record` with its section; what was tried is written by hand in bench/tried.md.
"""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from mailauth_fast import _core

HERE = Path(__file__).parent
RECORD, PAGE, TRIED = HERE / "results.json", HERE / "RESULTS.md", HERE / "tried.md"
TITLES = {
    "throughput": "Beside this machine's own limit",
    "peers": "Beside the peers",
    "hostile": "Hostile mail",
    "kernels": "Kernels",
}
"""Sections in the order of the page."""
HEAD = """# What was measured

Ratios count, not seconds: each was taken within one run, as the median of interleaved runs, with
keys cached. A ratio is the engine's speed over that of what it is compared with. This page is
made from `bench/results.json` by the commands that each section names.
"""


class Row(msgspec.Struct, frozen=True):
    """One line of a result: a row without a target is told, not held to anything."""

    name: str
    value: float | None
    target: float | None
    ok: bool


class Section(msgspec.Struct, frozen=True):
    """What one command measured, when, where; `text` is Markdown below the rows."""

    command: str
    date: str
    machine: str
    rows: list[Row]
    text: str = ""


def row(name: str, value: float | None, target: float | None, *, is_most: bool = False) -> Row:
    """Return a line; a target is the least value, or with `is_most` the largest."""
    if value is None:
        return Row(name, None, target, ok=False)
    # What is shown decides, so that no row says both its target and a miss.
    shown = round(value, 3)
    is_met = target is None or (shown <= target if is_most else shown >= target)
    return Row(name, shown, target, ok=is_met)


def debug_build() -> str | None:
    """Return why nothing can be measured: the engine is a debug build; None when it is not."""
    if _core.is_optimized():
        return None
    return (
        f"{_core.__file__} is a debug build, whose speed says nothing: "
        "build the engine with `uv sync --reinstall-package mailauth-fast`"
    )


def machine() -> str:
    """Return the machine, its load and the versions in one line."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.processor() or platform.machine()
    load = " ".join(f"{each:.2f}" for each in os.getloadavg())
    versions = f"mailauth-fast {_core.__version__} (engine {_core.engine_text()})"
    python = f"Python {platform.python_version()}"
    cores = f"{os.cpu_count()} cores"
    return f"{model}, {cores}; load {load}; hash path {_core.sha256_path()}; {versions}; {python}"


def section(command: str, rows: list[Row], text: str, *, machine: str) -> Section:
    """Return a section of today; `machine` tells of it as it was before the run."""
    return Section(command, datetime.now(UTC).date().isoformat(), machine, rows, text)


def record(name: str, entry: Section) -> None:
    """Keep a section and write the page anew."""
    kept = read()
    kept[name] = entry
    RECORD.write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=1) + b"\n")
    PAGE.write_text(render(kept), "utf-8")


def read() -> dict[str, Section]:
    """Return the sections measured so far."""
    if not RECORD.exists():
        return {}
    return msgspec.json.decode(RECORD.read_bytes(), type=dict[str, Section])


def render(sections: dict[str, Section]) -> str:
    """Return the page."""
    parts = [HEAD]
    for name, title in TITLES.items():
        if name in sections:
            parts.append(_section(title, sections[name]))
    if TRIED.exists():
        parts.append(TRIED.read_text("utf-8"))
    return "\n".join(parts)


def _section(title: str, entry: Section) -> str:
    lines = [
        f"## {title}",
        "",
        f"`{entry.command}`, {entry.date}.",
        "",
        f"{entry.machine}.",
        "",
        "| row | value | target | |",
        "|---|--:|--:|---|",
    ]
    lines += [f"| `{each.name}` | {_figure(each.value)} | {_goal(each)} |" for each in entry.rows]
    if entry.text:
        lines += ["", entry.text.strip()]
    return "\n".join(lines) + "\n"


def _figure(value: float | None) -> str:
    return "not measured" if value is None else f"{value:,.3f}".rstrip("0").rstrip(".")


def _goal(each: Row) -> str:
    if each.target is None:
        return " | "
    return f"{each.target:g} | {'reached' if each.ok else 'missed'}"


if __name__ == "__main__":
    PAGE.write_text(render(read()), "utf-8")

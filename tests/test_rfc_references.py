"""Law 5: every rule cites its section, and every citation names a section that exists."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
CITATION = re.compile(r"RFC (\d{4,5})(?:,? §((?:[A-Z]|\d+)(?:\.\d+)*))?")
SUPERSEDED = {
    "4408": "7208",
    "4871": "6376",
    "5451": "8601",
    "5672": "6376",
    "7001": "8601",
    "7489": "9989",
    "7601": "8601",
    "9091": "9989",
}
RULE_BOOKS_IN_FORCE = {"7489", "9091"}
"""Superseded, but decided by `--rules rfc7489`: cited where that rule book is obeyed."""
WITHOUT_TEXT = {"1034", "1035", "2045", "2047", "2181", "3339", "3492", "4291", "5234", "5890"} | {
    "5891", "6532", "6854", "6891", "7505", "8017", "8032", "8162", "9520",
    "1952", "2046", "2231", "3279", "3986", "4180", "6068", "6531", "8878",
}  # fmt: skip
"""Cited without a text to check the section against."""
PROTOCOL_FOLDERS = ("spf", "dkim", "arc", "dmarc")


@cache
def sections() -> dict[str, dict[str, str]]:
    table: dict[str, dict[str, str]] = json.loads(
        (ROOT / "tests/vectors/rfc_sections.json").read_text("utf-8")
    )
    return table


def sources() -> list[Path]:
    rust = (path for path in (ROOT / "rust").rglob("*.rs") if "target" not in path.parts)
    return sorted([*rust, *(ROOT / "python").rglob("*.py")])


def citations(path: Path) -> list[tuple[str, str | None, str]]:
    lines = path.read_text("utf-8").splitlines()
    return [(m[1], m[2], line) for line in lines for m in CITATION.finditer(line)]


def test_every_cited_section_exists() -> None:
    problems = []
    for path in sources():
        for number, section, line in citations(path):
            if number in sections():
                if section is not None and section not in sections()[number]:
                    problems.append(f"{path.name}: {line.strip()}")
            elif number not in WITHOUT_TEXT | set(SUPERSEDED):
                problems.append(f"{path.name}: unknown RFC in {line.strip()}")
    assert problems == []


def test_superseded_rfcs_are_called_obsolete() -> None:
    problems = []
    for path in sources():
        for number, _, line in citations(path):
            is_superseded = number in SUPERSEDED and number not in RULE_BOOKS_IN_FORCE
            if is_superseded and "obsolete" not in line.lower():
                problems.append(f"{path.name}: {line.strip()}")
    assert problems == []


def test_every_protocol_file_cites_its_rules() -> None:
    folders = [ROOT / "rust/core/src" / name for name in PROTOCOL_FOLDERS]
    files = [path for folder in folders for path in folder.rglob("*.rs")]
    is_test = {path for path in files if path.name == "tests.rs" or path.parent.name == "tests"}
    silent = [path.name for path in files if path not in is_test and not citations(path)]
    assert files
    assert silent == []

"""Organizational domains by the public suffix list (RFC 7489 §3.2)."""

from __future__ import annotations

import re
from functools import cache, partial
from typing import TYPE_CHECKING

from mailauth_fast import Policy

from .case import Case, Suite, case
from .engine import verifier

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOTHING = "null"


def by_list(path: Path) -> Callable[[str], str | None]:
    """Return `organizational_domain` by a list, read when the first name is asked."""
    policy = cache(lambda: Policy(rules="rfc7489", public_suffix_list=str(path)))
    engine = cache(lambda: verifier({}, policy()))
    return lambda name: engine().organizational_domain(name)


def a_labels(name: str) -> str:
    """Return a vector's domain as the engine writes it: A-labels, lower case."""
    return name if name == NOTHING else name.encode("idna").decode("ascii").lower()


def script_pairs(path: Path) -> list[tuple[str, str]]:
    """Read `checkPublicSuffix('in', 'out');` lines."""
    text = path.read_text(encoding="utf-8")
    call = r"^checkPublicSuffix\((null|'[^']*'), (null|'[^']*')\);"
    return [
        (given.strip("'"), expected.strip("'"))
        for given, expected in re.findall(call, text, re.MULTILINE)
    ]


def table_pairs(path: Path) -> list[tuple[str, str]]:
    """Read `in out` lines."""
    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = (line.split() for line in lines if line and not line.startswith("//"))
    return [(given, expected) for given, expected in pairs]


def vectors(folder: Path) -> list[Case]:
    """Read the list's own vectors, once in each of their two formats."""
    find = by_list(folder / "public_suffix_list.dat")

    def run(given: str) -> str:
        # No name at all: the vectors write null, a caller has the empty string.
        return find("" if given == NOTHING else given) or NOTHING

    formats = {
        "test_psl.txt": script_pairs(folder / "test_psl.txt"),
        "tests.txt": table_pairs(folder / "tests.txt"),
    }
    return [
        case(f"{file} {given}", a_labels(expected), partial(run, given))
        for file, pairs in formats.items()
        for given, expected in pairs
    ]


def derived(folder: Path) -> list[Case]:
    """Read the domain of every rule's names; a public suffix stands for itself there."""
    find = by_list(folder.parent / "psl" / "list-2026-10-22" / "public_suffix_list.dat")

    def run(name: str) -> str:
        return find(name) or name

    lines = (folder / "cases.tsv").read_text(encoding="ascii").splitlines()
    rows = (line.split("\t") for line in lines)
    return [case(f"{kind} {name}", expected, partial(run, name)) for kind, name, expected in rows]


DERIVED = "psl-orgdomain-derived"
SUITES = (
    Suite(name="psl", law="public suffix list", folder="psl", cases=156, load=vectors),
    Suite(name=DERIVED, law="public suffix list", folder=DERIVED, cases=21_892, load=derived),
)

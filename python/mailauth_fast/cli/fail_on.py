"""`--fail-on`: which words make a finished run exit with 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from mailauth_fast import verdict
from mailauth_fast.cli.exits import CommandError, Exit

if TYPE_CHECKING:
    from mailauth_fast.cli.summary import Counts

WORDS: dict[str, tuple[str, ...]] = {
    "spf": get_args(verdict.SpfWord),
    "dkim": (*get_args(verdict.DkimWord), "none"),
    "arc": get_args(verdict.ArcWord),
    "dmarc": get_args(verdict.DmarcWord),
    "disposition": get_args(verdict.ActionWord),
}


def conditions(text: str) -> list[tuple[str, str]]:
    """Read a comma list of `FIELD=WORD`."""
    pairs = []
    for part in text.split(","):
        field, equals, word = part.strip().partition("=")
        if not equals or not word or field not in {*WORDS, "error"}:
            fields = ", ".join([*WORDS, "error"])
            sentence = f"--fail-on {part.strip()!r}: use FIELD=WORD, FIELD one of {fields}"
            raise CommandError(sentence, Exit.USAGE)
        if field in WORDS and word not in WORDS[field]:
            options = ", ".join(WORDS[field])
            sentence = f"--fail-on {part.strip()!r}: {field} knows only {options}"
            raise CommandError(sentence, Exit.USAGE)
        pairs.append((field, word))
    return pairs


def matches(pairs: list[tuple[str, str]], counts: Counts) -> bool:
    """Tell whether any row has one of the words; `error=any` is any error."""
    for field, word in pairs:
        words = counts.get(field, {})
        if word in words or (field == "error" and word == "any" and words):
            return True
    return False

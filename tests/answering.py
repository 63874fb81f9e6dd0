"""A mapping of names to records as the tests answer questions from it, in Python.

Follows the contract's StaticResolver: an absent name is NXDOMAIN, a word stands for a whole name or
one type, an alias is followed. A second reader of such mappings, for recording, faults and peers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from mailauth_fast import Answer, Question

if TYPE_CHECKING:
    from collections.abc import Mapping

WORDS = {"NXDOMAIN": "nxdomain", "NODATA": "nodata", "SERVFAIL": "servfail", "TIMEOUT": "timeout"}
TYPES = ("A", "AAAA", "MX", "TXT", "PTR")
CHAIN_LIMIT = 8
STRING_LIMIT = 255


def look_up(zone: Mapping[str, Any], name: str, kind: str) -> tuple[str, list[Any]]:
    """Return the outcome and the values of one type of a name."""
    for _ in range(CHAIN_LIMIT + 1):
        entry = zone.get(name.lower().removesuffix("."), "NXDOMAIN")
        if isinstance(entry, str):
            return WORDS[entry], []
        values = entry.get(kind, entry.get("CNAME", []))
        if isinstance(values, str):
            return WORDS[values], []
        if kind not in entry and "CNAME" in entry:
            name = values[0]
            continue
        return ("found", list(values)) if values else ("nodata", [])
    return "chain-too-long", []


def strings(value: str | bytes | list[str | bytes]) -> tuple[bytes, ...]:
    """Return the character-strings of one TXT value."""
    parts = value if isinstance(value, list) else [value]
    octets = [part.encode() if isinstance(part, str) else part for part in parts]
    if isinstance(value, list):
        return tuple(octets)
    whole = octets[0]
    cuts = range(0, max(len(whole), 1), STRING_LIMIT)
    return tuple(whole[cut : cut + STRING_LIMIT] for cut in cuts)


class Recorder:
    """A resolver that answers from a mapping and remembers what it was asked."""

    def __init__(self, zone: Mapping[str, Any]) -> None:
        """Start with nothing asked."""
        self._zone = zone
        self.asked: set[tuple[str, str]] = set()

    async def resolve(self, questions: list[Question]) -> list[Answer]:
        """Answer every question."""
        return [self._answer(question) for question in questions]

    def _answer(self, question: Question) -> Answer:
        self.asked.add((question.name, question.type))
        outcome, values = look_up(self._zone, question.name, question.type)
        if question.type == "TXT":
            values = [strings(value) for value in values]
        if question.type == "MX":
            values = [(value[0], value[1]) for value in values]
        return Answer(question, cast("Any", outcome), tuple(values))


def with_fault(zone: Mapping[str, Any], name: str, kind: str, fault: str) -> dict[str, Any]:
    """Return a zone in which one question ends in a fault and all others stay as they were."""
    entry = zone.get(name, "NXDOMAIN")
    types = dict.fromkeys(TYPES, entry) if isinstance(entry, str) else dict(entry)
    return {**zone, name: {**types, kind: fault}}

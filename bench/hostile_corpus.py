"""The hostile families as a corpus: each at growing n, in one zone.

Knows which n of each family; must not know how a corpus is written. It has no account of what must
be hashed: a verifier may refuse what these messages ask for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from hostile_families import families, stage
from mailauth_fast import MailauthError
from mailauth_fast.bench.corpus import Corpus, Message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostile_families import Case, Family

LEAST = 16
"""The first n; each next one is STEP times as large."""
STEP = 4
LARGEST = 1 << 20
"""Octets of the largest message: large enough that what is not linear is felt."""


def hostile(count: int) -> Corpus:
    """Make so many messages: every family once, then every family at the next n.

    Raises:
        MailauthError: there are not so many.
    """
    cases = [case for case, _ in zip(everything(), range(count), strict=False)]
    if len(cases) < count or count < 0:
        raise MailauthError(
            f"corpus 'hostile' of {count}: its families give {len(cases)} messages; "
            "give --count a number up to that"
        )
    zone: dict[str, Any] = dict(stage())
    for case in cases:
        for name, answers in case.zone.items():
            if zone.setdefault(name, answers) != answers:
                raise AssertionError(f"corpus hostile: two messages need other answers at {name}")
    messages = tuple(Message(case.octets, (), (), case.envelope) for case in cases)
    return Corpus("hostile", messages, cast("dict[str, dict[str, list[str]]]", zone))


def everything() -> Iterator[Case]:
    """Yield every family's message at the least n, then those at the next, to the largest."""
    growing, count = families(), LEAST
    while growing:
        larger: list[Family] = []
        for family in growing:
            case = family.make(min(count, family.limit or count))
            yield case
            is_last = family.limit is not None and count >= family.limit
            if not is_last and len(case.octets) * STEP <= LARGEST:
                larger.append(family)
        growing, count = larger, count * STEP

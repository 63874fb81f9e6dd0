"""The search for the keys of one name: which pairs are worth trying, and what a find proves.

Knows signatures by their times; must not know the arithmetic, processes or files. Half a minute a
pair makes the order of pairs the whole art: mail whose body is intact first, neighbours in time
first, for a name has several keys over the years and never two neighbours of different ones often.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from mailauth_fast import _core

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mailauth_fast.keys.pair import Sample, Tried

ATTEMPT_LIMIT = 6
"""Pairs tried for a key: with half of the headers altered one of six is good 4 times out of 5."""
FEWEST = 3
"""Signatures that a key takes: a pair to compute it and another one to confirm it."""
SHORTEST, LONGEST = 64, 512
"""Octets of a signature: 512 bits are the least that signs, beyond 4096 the numbers grow large."""
WITNESSES = 8
"""Further signatures that go with a pair."""

Status = Literal["recovered", "known", "not-found", "unconfirmed", "too-few", "unusual-size"]
"""What came of a name."""


@dataclass(frozen=True, slots=True)
class RecoveredKey:
    """A key, and the signatures that it verifies.

    `agreeing` of `signatures` different ones; `first_seen` and `last_seen` are the times of receipt
    of the first and the last of them, Unix seconds.
    """

    record: str
    bits: int
    exponent: int
    agreeing: int
    signatures: int
    first_seen: int | None
    last_seen: int | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one name and length: `found` signatures, pairs tried, CPU seconds."""

    name: str
    octets: int
    found: int
    status: Status
    keys: tuple[RecoveredKey, ...] = ()
    pairs: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class Search:
    """The search for the keys of one name, whose signatures are all of one length.

    `agreeing` tells which samples a key (SubjectPublicKeyInfo) verifies, by their places.
    """

    name: str
    found: int
    samples: list[Sample]
    agreeing: Callable[[bytes], list[int]]
    keys: list[RecoveredKey] = field(default_factory=list)
    pairs: int = 0
    seconds: float = 0.0
    _failures: int = 0
    _is_unconfirmed: bool = False
    _is_known: bool = False
    _explained: set[int] = field(default_factory=set)
    _tried: set[tuple[int, int]] = field(default_factory=set)

    @property
    def octets(self) -> int:
        """Length of the signatures."""
        return len(self.samples[0].signature)

    def refusal(self) -> Status | None:
        """Return why nothing is tried, else None."""
        if not SHORTEST <= self.octets <= LONGEST or self.octets % 8:
            return "unusual-size"
        if len({sample.signature for sample in self.samples}) < FEWEST:
            return "too-few"
        if self._is_known and len(self._open_places()) < FEWEST:
            return "known"
        return None

    def leave_out(self, der: bytes) -> None:
        """Look no more for a key (SubjectPublicKeyInfo) that is known already."""
        agreeing = self.agreeing(der)
        if agreeing:
            self._is_known = True
            self._explain(agreeing)

    def next_pair(self) -> tuple[int, int] | None:
        """Return the places of the next two samples to try; None when the search is over."""
        if self.refusal() is not None or self._failures >= ATTEMPT_LIMIT:
            return None
        places = self._open_places()
        if len(places) < FEWEST:
            return None
        for one, other in _neighbours(places):
            is_new = (one, other) not in self._tried
            if is_new and self.samples[one].signature != self.samples[other].signature:
                return one, other
        return None

    def witnesses(self, pair: tuple[int, int]) -> tuple[Sample, ...]:
        """Return further samples, those nearest to a pair first."""
        places = sorted(self._open_places(), key=lambda place: abs(place - pair[0]))
        return tuple(self.samples[place] for place in places if place not in pair)[:WITNESSES]

    def take(self, pair: tuple[int, int], tried: Tried) -> RecoveredKey | None:
        """Note what came of a pair; return the key if it is confirmed."""
        self._tried.add(pair)
        self.pairs += 1
        self.seconds += tried.seconds
        if tried.modulus is not None:
            exponent = tried.exponent.to_bytes(4, "big")
            der = _core.rsa_key(tried.modulus, exponent)
            agreeing = self.agreeing(der)
            if len({self.samples[place].signature for place in agreeing}) >= FEWEST:
                self._failures = 0
                return self._keep(tried, der, agreeing)
            self._is_unconfirmed = True
        self._failures += 1
        return None

    def outcome(self) -> Outcome:
        """Return what came of the search."""
        status = self.refusal()
        if status is None:
            status = "unconfirmed" if self._is_unconfirmed else "not-found"
        if self.keys:
            status = "recovered"
        keys = tuple(self.keys)
        return Outcome(self.name, self.octets, self.found, status, keys, self.pairs, self.seconds)

    def _keep(self, tried: Tried, der: bytes, agreeing: list[int]) -> RecoveredKey:
        first, last = self._explain(agreeing)
        key = RecoveredKey(
            record=f"v=DKIM1; k=rsa; p={base64.b64encode(der).decode()}",
            bits=int.from_bytes(tried.modulus or b"", "big").bit_length(),
            exponent=tried.exponent,
            agreeing=len(agreeing),
            signatures=len(self.samples),
            first_seen=first,
            last_seen=last,
        )
        self.keys.append(key)
        return key

    def _explain(self, agreeing: list[int]) -> tuple[int | None, int | None]:
        """Note what a key explains; return the times of the first and the last that agrees."""
        times = [time for place in agreeing if (time := self.samples[place].time) is not None]
        first, last = (min(times), max(times)) if times else (None, None)
        self._explained.update(agreeing)
        # What was received while this key signed and does not agree was altered on its way.
        for place, sample in enumerate(self.samples):
            if first is None or last is None or sample.time is None or first <= sample.time <= last:
                self._explained.add(place)
        return first, last

    def _open_places(self) -> list[int]:
        """Return the samples that no key explains: the intact ones, or all if these are few."""
        places = [place for place in range(len(self.samples)) if place not in self._explained]
        intact = [place for place in places if self.samples[place].is_intact]
        return intact if len(intact) >= FEWEST else places


def _neighbours(places: list[int]) -> Iterator[tuple[int, int]]:
    """Give pairs: neighbours in time, spread over the years and without a common member first."""
    used: set[int] = set()
    for start in _spread(len(places) - 1):
        pair = (places[start], places[start + 1])
        if used.isdisjoint(pair):
            used.update(pair)
            yield pair
    for distance in range(1, min(len(places), ATTEMPT_LIMIT)):
        for start in range(len(places) - distance):
            yield places[start], places[start + distance]


def _spread(count: int) -> Iterator[int]:
    """Give the numbers below `count`, those that halve the largest gaps first."""
    spans = [(0, count)]
    while spans:
        halves = []
        for begin, end in spans:
            if begin < end:
                middle = (begin + end) // 2
                yield middle
                halves += [(begin, middle), (middle + 1, end)]
        spans = halves

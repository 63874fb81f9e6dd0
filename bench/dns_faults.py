"""Faults of DNS never change a verdict but to a temperror: 100,000 of them, drawn from a seed.

99,000 are outcomes that the engine gets as answers, several in one evaluation; 1,000 are made by a
server that misbehaves on real sockets, with the resolver's timers at a hundredth. The sample's
records hold no `ptr`, `%{p}` or `exp=`, where RFC 7208 itself ignores errors.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mailauth_fast import Answer, Envelope, LiveResolver, Verifier, _core
from results import Row, row

# The fault server and the sample's messages are the tests' own.
sys.path.append(str(Path(__file__).parent.parent))
from tests.dns_replies import RCODES, WRONG_THEN_RIGHT
from tests.dns_server import FaultServer
from tests.sample import generate

if TYPE_CHECKING:
    from mailauth_fast import Question
    from mailauth_fast.dns import Data, Outcome
    from mailauth_fast.verdict import Verdict

SEED = 5452
OUTCOME_FAULTS, SOCKET_FAULTS = 99_000, 1_000
SHARE = 0.3
"""Part of the questions of one evaluation that meets a fault: some keep their answers."""
OUTCOMES: tuple[Outcome, ...] = (
    "servfail",
    "refused",
    "formerr",
    "notimp",
    "timeout",
    "truncated",
    "lame",
    "chain-too-long",
)
WIRE = (
    *("drop", "drop-1", "drop-2", "delay-3", "delay-300", "twice", "lower", "trailing", "cookie"),
    *("noquestion", "noedns", "referral", "loop"),
    *("tc", "tc-slow", "tc-short", "tc-close", "tc-reset", "tc-glued", "tc-foreign"),
    *RCODES,
    *WRONG_THEN_RIGHT,
)
HASTE = 100
"""How many times as fast the timers are: 100 ms a question instead of 10 s."""
BUDGET_SECONDS = 20.0
"""Longest time for one message, whatever its questions meet; a busy machine included."""

OUTCOME_OF: dict[str, Outcome] = {
    "NXDOMAIN": "nxdomain",
    "NODATA": "nodata",
    "SERVFAIL": "servfail",
    "TIMEOUT": "timeout",
}

Words = tuple[str, ...]
Records = dict[str, dict[str, Any] | str]


@dataclass
class Tally:
    """What was injected and what came of it."""

    kinds: Counter[str] = field(default_factory=Counter)
    changed: list[str] = field(default_factory=list)
    slowest: float = 0.0

    def judge(self, case: Case, found: Words, seconds: float, kind: str) -> None:
        """Compare with the undisturbed verdict."""
        self.slowest = max(self.slowest, seconds)
        pairs = zip(case.words, found, strict=True)
        if any(now not in (before, "temperror") for before, now in pairs):
            self.changed.append(f"{case.name} {kind}: {case.words} -> {found}")


@dataclass(frozen=True)
class Case:
    """A message of the sample, its undisturbed words, and what it asks."""

    name: str
    raw: bytes
    envelope: Envelope
    words: Words
    names: tuple[str, ...]


def words(verdict: Verdict) -> Words:
    """Return every result word of a verdict."""
    parts = (verdict.spf, verdict.spf_helo, verdict.arc, verdict.dmarc)
    results = [part.result if part is not None else "absent" for part in parts]
    return (*results, *(signature.result for signature in verdict.dkim))


def zone() -> Records:
    """Return the sample's records."""
    records: Records = json.loads((generate.FOLDER / "dns.json").read_bytes())
    return records


def data(record_type: str, values: list[object]) -> Data:
    """Return a mapping's values as an answer has them; a text above 255 octets is split."""
    if record_type == "TXT":
        return tuple(strings(value) for value in values)
    if record_type == "MX":
        return tuple((int(value[0]), str(value[1])) for value in values if isinstance(value, list))
    return tuple(str(value) for value in values)


def strings(value: object) -> tuple[bytes, ...]:
    """Return one TXT record: a list's strings, or a text cut into strings of 255 octets."""
    if isinstance(value, list):
        return tuple(str(part).encode() for part in value)
    text = str(value).encode()
    return tuple(text[start : start + 255] for start in range(0, len(text) or 1, 255))


def right_answer(records: Records, question: Question) -> Answer:
    """Answer as `StaticResolver` would; the sample's chains are short."""
    name, is_alias = question.name, False
    while True:
        types = records.get(name, "NXDOMAIN")
        values = types if isinstance(types, str) else types.get(question.type, "NODATA")
        if not isinstance(types, str) and values == "NODATA" and "CNAME" in types:
            name, is_alias = str(types["CNAME"][0]), True
            continue
        if isinstance(values, str):
            return Answer(question, OUTCOME_OF[values], is_alias=is_alias)
        found = data(question.type, values)
        return Answer(question, "found", found, ttl=300, is_alias=is_alias)


class Faulty:
    """Answers as the zone does, or with a fault that the dice choose."""

    def __init__(self, records: Records, dice: random.Random, share: float = SHARE) -> None:
        """Begin without a fault met."""
        self._records, self._dice, self._share = records, dice, share
        self.met: Counter[str] = Counter()

    async def resolve(self, questions: list[Question]) -> list[Answer]:
        """Answer, or not."""
        return [self._answer(question) for question in questions]

    def _answer(self, question: Question) -> Answer:
        if self._dice.random() < self._share:
            outcome = self._dice.choice(OUTCOMES)
            self.met[outcome] += 1
            return Answer(question, outcome)
        return right_answer(self._records, question)


class Hasty(LiveResolver):
    """The native resolver with timers for tests."""

    def __init__(self, server: FaultServer) -> None:
        """Ask this server."""
        super().__init__([server.address])
        self._hasty = _core.LiveResolver.hastened([server.address], HASTE)

    def native(self) -> _core.LiveResolver:
        """Return the engine's side."""
        return self._hasty


def by_outcomes(known: list[Case], records: Records, dice: random.Random, limit: int) -> Tally:
    """Let answers be faults until so many were met."""
    tally = Tally()
    while tally.kinds.total() < limit:
        case = dice.choice(known)
        resolver = Faulty(records, dice)
        begun = time.monotonic()
        found = Verifier(resolver, workers=1).verify(case.raw, case.envelope, now="received")
        tally.judge(case, words(found), time.monotonic() - begun, str(dict(resolver.met)))
        tally.kinds += resolver.met
    return tally


def by_sockets(known: list[Case], records: Records, dice: random.Random, limit: int) -> Tally:
    """Let the server misbehave at one name a message, and count it when that name was asked."""
    tally = Tally()
    with FaultServer(records) as server:
        while tally.kinds.total() < limit:
            case = dice.choice(known)
            name, fault = dice.choice(case.names), dice.choice(WIRE)
            server.faults = {name: fault}
            server.asked.clear()
            begun = time.monotonic()
            verifier = Verifier(Hasty(server), workers=1)
            found = verifier.verify(case.raw, case.envelope, now="received")
            tally.judge(case, words(found), time.monotonic() - begun, f"{fault} at {name}")
            tally.kinds[fault] += bool(server.count(name))
    return tally


def cases(records: Records) -> list[Case]:
    """Return the sample's messages with their verdicts when nothing fails, and what they ask."""
    entries, _ = generate.sample()
    expected = json.loads((generate.FOLDER / "expected.json").read_bytes())
    found = []
    for entry, expectation in zip(entries, expected, strict=True):
        raw, envelope = generate.unquoted(entry), Envelope(**expectation["envelope"])
        resolver = Recorder(records)
        verdict = Verifier(resolver, workers=1).verify(raw, envelope, now="received")
        names = tuple(sorted(resolver.names))
        found.append(Case(expectation["case"], raw, envelope, words(verdict), names))
    return [case for case in found if case.names]


class Recorder:
    """Answers as the zone does and keeps the names."""

    def __init__(self, records: Records) -> None:
        """Begin without a name."""
        self._records = records
        self.names: set[str] = set()

    async def resolve(self, questions: list[Question]) -> list[Answer]:
        """Answer all."""
        self.names.update(question.name for question in questions)
        return [right_answer(self._records, question) for question in questions]


def told(name: str, tally: Tally) -> list[Row]:
    """Say what was injected, and return the rows."""
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(tally.kinds.items()))
    say(f"{name}: seed {SEED}; {kinds}; slowest message {tally.slowest:.2f} s")
    for sentence in tally.changed[:10]:
        say(f"{name} changed: {sentence}")
    return [
        row(f"faults-{name}-injected", tally.kinds.total(), None),
        row(f"faults-{name}-changed", len(tally.changed), 0, is_most=True),
        row(f"faults-{name}-slowest-seconds", tally.slowest, BUDGET_SECONDS, is_most=True),
    ]


def say(text: str) -> None:
    """Tell how far it is."""
    print(text, file=sys.stderr, flush=True)


def measure(_folder: Path) -> list[Row]:
    """Return the rows of this file."""
    dice, records = random.Random(SEED), zone()
    known = cases(records)
    answers = by_outcomes(known, records, dice, OUTCOME_FAULTS)
    sockets = by_sockets(known, records, dice, SOCKET_FAULTS)
    return told("outcomes", answers) + told("sockets", sockets)

"""A cold run: 20,000 signed messages from 2,000 domains, their zone, and a server that has it.

The domains share few RSA keys, so that signing takes seconds; nothing in the engine depends on it.
Knows a corpus and its zone; must not know what is measured with them.
"""

from __future__ import annotations

import hashlib
import pickle
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import TYPE_CHECKING

import dns_rates
from mailauth_fast import Answer, Envelope
from mailauth_fast.bench.bodies import Writer
from mailauth_fast.bench.signing import RSA, Draft, Signer, key, sign

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailauth_fast import Question

MESSAGES, DOMAINS, KEYS = 20_000, 2_000, 16
DATE = 1_777_880_000
NAMES = ("From", "To", "Subject", "Date", "Message-ID")
TYPES = {"1": "A", "16": "TXT"}
"""Type numbers as the server prints them."""
KEPT = Path(__file__).parent.parent / "target/bench"

Asked = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Run:
    """Messages, their envelopes, and the records by name and type."""

    messages: list[bytes]
    envelopes: list[Envelope]
    zone: dict[Asked, str]


def domain(number: int) -> str:
    """Return the name of a domain."""
    return f"sender{number}.example"


def signer(number: int) -> Signer:
    """Return a domain's signer; its key is not its own."""
    return Signer(domain(number), "s2026", key(RSA, number % KEYS))


def records(domains: int) -> dict[Asked, str]:
    """Return what the domains publish."""
    relay = "v=spf1 ip4:203.0.113.0/24 ip6:2001:db8:77::/48 -all"
    zone = {("_spf.relay.example", "TXT"): relay}
    for number in range(domains):
        name, address = domain(number), f"198.51.100.{number % 250 + 1}"
        allowed = f"v=spf1 ip4:{address} include:_spf.relay.example -all"
        zone[f"bounces.{name}", "TXT"] = allowed
        zone[f"mx.{name}", "TXT"] = "v=spf1 a -all"
        zone[f"mx.{name}", "A"] = address
        zone[f"_dmarc.{name}", "TXT"] = f"v=DMARC1; p=reject; rua=mailto:dmarc@{name}"
        zone[signer(number).key_name, "TXT"] = signer(number).key.record()
    return zone


def made(messages: int, domains: int) -> Run:
    """Make a run; every domain has its turn before one has its second."""
    writer = Writer("cold")
    octets, envelopes = [], []
    for number in range(messages):
        sender = number % domains
        name, date = domain(sender), formatdate(DATE + number)
        fields = [
            f"From: {writer.words(2).title()} <desk@{name}>",
            f"To: reader{number}@receiver.example",
            f"Subject: {writer.words(5).capitalize()}",
            f"Date: {date}",
            f"Message-ID: <{writer.token()}@{name}>",
        ]
        draft = Draft([f"{each}\r\n".encode() for each in fields], writer.text(1_500))
        sign(draft, signer(sender), NAMES, "relaxed", DATE + number)
        octets.append(draft.octets())
        # One message in two came by the relay, so that its include is followed.
        address = "203.0.113.7" if number % 2 else f"198.51.100.{sender % 250 + 1}"
        path = f"b-{number}@bounces.{name}"
        envelopes.append(Envelope(client_ip=address, helo=f"mx.{name}", mail_from=path))
    return Run(octets, envelopes, records(domains))


def kept(messages: int = MESSAGES, domains: int = DOMAINS) -> Run:
    """Return a run that an earlier call with this code made, or make it."""
    code = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    path = KEPT / f"cold-{messages}-{domains}-{code}.pickle"
    if path.exists():
        found = pickle.loads(path.read_bytes())  # noqa: S301 - written by this function
        if isinstance(found, Run):
            return found
    run = made(messages, domains)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".partial")
    unfinished.write_bytes(pickle.dumps(run, pickle.HIGHEST_PROTOCOL))
    unfinished.replace(path)
    return run


class Served:
    """The server of a zone: its address, and after the end what it was asked, in order."""

    def __init__(self, port: int) -> None:
        """Begin without a question."""
        self.address = f"127.0.0.1:{port}"
        self.asked: list[Asked] = []


@contextmanager
def serving(run: Run, delay_ms: int, folder: Path) -> Iterator[Served]:
    """Run a server that answers by the run's zone, each time so late."""
    zone = folder / "zone"
    lines = (f"{name}\t{kind}\t{text}\n" for (name, kind), text in run.zone.items())
    zone.write_text("".join(lines))
    said: list[str] = []
    with dns_rates.responder(str(delay_ms), str(zone), said=said) as port:
        served = Served(port)
        yield served
    for line in said[1:]:
        name, _, number = line.rpartition(" ")
        served.asked.append((name, TYPES.get(number, number)))


class Collector:
    """Answers by a zone in Python, independently of every cache, and keeps what it was asked."""

    def __init__(self, run: Run) -> None:
        """Begin without a question."""
        self._zone = run.zone
        self.asked: list[Asked] = []
        self.rounds = 0

    async def resolve(self, questions: list[Question]) -> list[Answer]:
        """Answer all."""
        self.rounds += 1
        return [self._answer(question) for question in questions]

    def _answer(self, question: Question) -> Answer:
        self.asked.append((question.name, question.type))
        text = self._zone.get((question.name, question.type))
        if text is None:
            return Answer(question, "nxdomain", ttl=300)
        if question.type == "A":
            return Answer(question, "found", (text,), ttl=300)
        octets = text.encode()
        strings = tuple(octets[start : start + 255] for start in range(0, len(octets), 255))
        return Answer(question, "found", (strings,), ttl=300)

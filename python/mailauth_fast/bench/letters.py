"""The families of a corpus: newsletters, list mail, short and large mail, each signed as usual.

Knows how such mail looks and who signs it; must not know what is done with a corpus. Senders share
domains and keys as real ones do, so that a verifier's caches work as they would.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING

from mailauth_fast.bench.bodies import Writer
from mailauth_fast.bench.signing import ED25519, RSA, Draft, Signer, key, seal, sign
from mailauth_fast.envelope import Envelope

if TYPE_CHECKING:
    from collections.abc import Callable

DOMAIN_COUNT = 40
HOP_COUNT = 8
"""Forwarders that seal, each with its own key behind the senders' ones."""
FIRST_DATE = 1_777_880_000
"""Unix time of the first message, in May 2026: any later clock judges it alike."""
DATE_SPAN = 2_000_000
BULK_MEAN = 28_000
BULK_SIGMA = 0.8
BULK_HEADER = 3_000
"""Octets of the header of a newsletter, signatures included."""
BULK_BODY = (1_500, 400_000)
LIST_BODY = 4_000
LIST_HEADER = 10_000
SMALL_BODY = 150
LARGE_BODY = (1_000_000, 30_000_000)
ED25519_SHARE = 0.15
SIMPLE_SHARE = 0.15
"""Share of newsletters signed relaxed/simple."""
PLAIN_NAMES = ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type")
BULK_NAMES = (*PLAIN_NAMES, "Reply-To", "List-Unsubscribe", "List-Unsubscribe-Post", "Feedback-ID")
LIST_NAMES = (*PLAIN_NAMES, "References", "In-Reply-To", "Thread-Topic", "From")
SEALED_NAMES = (
    *("From", "Date", "Subject", "Message-ID", "Content-Type", "MIME-Version", "To"),
    *("References", "In-Reply-To", "List-Id", "List-Post", "DKIM-Signature"),
    *("X-MS-Exchange-AntiSpam-MessageData-0", "X-MS-Exchange-SenderADCheck"),
)
SUBDOMAIN_EVERY = 4
"""One of so many domains writes from a subdomain, so that its policy is found by a walk."""
SHARES: tuple[dict[str, float], ...] = (
    {"plain": 0.2, "html": 0.8},
    {"quoted": 0.25, "html": 0.75},
    {"plain": 0.15, "html": 0.5, "image": 0.35},
    {"quoted": 0.1, "image": 0.9},
    {"html": 1.0},
)
"""What newsletters consist of."""


@dataclass(frozen=True, slots=True)
class Sender:
    """One domain that sends or forwards: its names, address and keys."""

    number: int
    domain: str

    @property
    def address(self) -> str:
        """Return the address that its SPF record allows."""
        return f"198.51.100.{self.number + 1}"

    @property
    def host(self) -> str:
        """Return the name of its host, for HELO."""
        return f"mx.{self.domain}"

    @property
    def return_domain(self) -> str:
        """Return the domain of its return paths."""
        return f"bounces.{self.domain}"

    def signer(self, algorithm: str = RSA) -> Signer:
        """Return its signer; the key is made when first asked for."""
        selector = "s2026" if algorithm == RSA else "e2026"
        return Signer(self.domain, selector, key(algorithm, self.number))


def senders() -> list[Sender]:
    """Return all senders, then all forwarders; the same for every seed."""
    pool = Writer("domains").pool
    return [
        Sender(number, f"{pool[number]}-{pool[-number - 1]}.example")
        for number in range(DOMAIN_COUNT + HOP_COUNT)
    ]


def zone(people: list[Sender], signers: set[Signer]) -> dict[str, dict[str, list[str]]]:
    """Return what they publish: SPF, DMARC, hosts, and the keys of these signers."""
    records: dict[str, dict[str, list[str]]] = {
        "_spf.relay.example": {"TXT": ["v=spf1 ip4:203.0.113.0/24 ip6:2001:db8:77::/48 -all"]}
    }
    for each in people:
        policy = ("reject", "quarantine", "none")[each.number % 3]
        allowed = f"v=spf1 include:_spf.relay.example ip4:{each.address} -all"
        rua = f"rua=mailto:dmarc@{each.domain}"
        records[each.domain] = {"TXT": [allowed], "A": [each.address]}
        records[each.return_domain] = {"TXT": [allowed]}
        records[each.host] = {"TXT": ["v=spf1 a -all"], "A": [each.address]}
        records[f"_dmarc.{each.domain}"] = {"TXT": [f"v=DMARC1; p={policy}; adkim=r; {rua}"]}
    for signer in sorted(signers, key=lambda each: each.key_name):
        records[signer.key_name] = {"TXT": [signer.key.record()]}
    return records


class Mill:
    """Makes the messages of one corpus, one after the other."""

    def __init__(self, name: str, seed: int, count: int) -> None:
        """Start; `count` bounds how many domains, and so keys, are needed."""
        self.writer = Writer(f"{name} {seed}")
        self.random = self.writer.random
        everybody = senders()
        self.people = everybody[: max(1, min(DOMAIN_COUNT, count))]
        self.hops = everybody[DOMAIN_COUNT : DOMAIN_COUNT + max(2, min(HOP_COUNT, count))]
        self.used: set[Signer] = set()
        made: dict[str, Callable[[], tuple[Draft, Envelope]]] = {
            "bulk": self.newsletter,
            "list": self.list_mail,
            "small": self.note,
            "large": self.attachment,
        }
        self.make = made[name]

    def signer(self, sender: Sender, algorithm: str = RSA) -> Signer:
        """Return a signer and note that its key must be published."""
        signer = sender.signer(algorithm)
        self.used.add(signer)
        return signer

    def date(self) -> int:
        """Return a Unix time."""
        return FIRST_DATE + self.random.randrange(DATE_SPAN)

    def received(self, by: str, sender: Sender, date: int) -> str:
        """Return a Received field (RFC 5321 §4.4)."""
        queue = self.writer.token(6).upper()
        return (
            f"Received: from {sender.host} ({sender.host} [{sender.address}])\r\n"
            f"\tby {by} (Postfix) with ESMTPS id {queue}\r\n"
            f"\tfor <reader@receiver.example>; {formatdate(date)}"
        )

    def common(self, sender: Sender, author: str, date: int, content_type: str) -> list[str]:
        """Return the fields that every message has; part of the authors sit in a subdomain."""
        is_below = sender.number % SUBDOMAIN_EVERY == 0
        domain = f"news.{sender.domain}" if is_below else sender.domain
        return [
            f"From: {self.writer.words(2).title()} <{author}@{domain}>",
            f"To: reader{self.random.randrange(10**6)}@receiver.example",
            f"Subject: {self.writer.words(4).capitalize()}\r\n  {self.writer.words(3)}",
            f"Date: {formatdate(date)}",
            f"Message-ID: <{self.writer.token()}@{sender.domain}>",
            "MIME-Version: 1.0",
            f"Content-Type: {content_type}",
        ]

    def envelope(self, sender: Sender) -> Envelope:
        """Return an envelope that SPF passes."""
        path = f"b-{self.writer.token(6)}@{sender.return_domain}"
        return Envelope(client_ip=sender.address, helo=sender.host, mail_from=path)

    def blob(self, octets: int) -> str:
        """Return base64 text in folded lines, as filters write it."""
        return self.writer.base64(octets).decode().rstrip("\r\n").replace("\r\n", "\r\n ")

    def newsletter(self) -> tuple[Draft, Envelope]:
        """Return a newsletter."""
        dice, writer, date = self.random, self.writer, self.date()
        sender = dice.choice(self.people)
        drawn = dice.lognormvariate(math.log(BULK_MEAN) - BULK_SIGMA**2 / 2, BULK_SIGMA)
        size = int(min(max(drawn - BULK_HEADER, BULK_BODY[0]), BULK_BODY[1]))
        boundary = f"=_{writer.token(12)}"
        content = f'multipart/alternative;\r\n\tboundary="{boundary}"'
        campaign = writer.token(6)
        link = f"https://{sender.domain}/u/{writer.token(24)}"
        fields = [
            self.received("mx.receiver.example", sender, date + 4),
            self.received("relay.receiver.example", sender, date + 2),
            self.received(sender.host, sender, date + 1),
            *self.common(sender, "letter", date, content),
            f"Reply-To: answers@{sender.domain}",
            f"List-Unsubscribe: <mailto:leave-{writer.token(8)}@{sender.domain}>,\r\n <{link}>",
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
            f"List-Id: <{campaign}.list.{sender.domain}>",
            f"Feedback-ID: {campaign}:{writer.token(4)}:promo:{sender.number}",
            f"X-Campaign: {campaign}",
            f"X-Mailer-Recipient: {writer.token(16)}",
            f"X-Report-Abuse: Please report abuse here:\r\n https://{sender.domain}/abuse",
            "Precedence: bulk",
            "X-Auto-Response-Suppress: OOF, AutoReply",
            f"X-Message-Info:\r\n {self.blob(700)}",
            f"X-Virtual-Queue: {writer.token(4)}",
            f"X-Entity-Ref-ID: {writer.token(16)}",
        ]
        body = writer.multipart(boundary, dice.choice(SHARES), size)
        draft = self.draft(fields, body)
        mode = "simple" if dice.random() < SIMPLE_SHARE else "relaxed"
        if dice.random() < ED25519_SHARE:
            sign(draft, self.signer(sender, ED25519), BULK_NAMES, mode, date)
        sign(draft, self.signer(sender), BULK_NAMES, mode, date)
        return draft, self.envelope(sender)

    def list_mail(self) -> tuple[Draft, Envelope]:
        """Return a message of a mailing list, forwarded by two or three hosts that seal it."""
        dice, writer, date = self.random, self.writer, self.date()
        sender = dice.choice(self.people)
        hops = dice.sample(self.hops, min(len(self.hops), dice.choice((2, 2, 3))))
        threads = [f"<{writer.token()}@{sender.domain}>" for _ in range(5)]
        filler = LIST_HEADER - 1_850 - 1_900 * len(hops)
        fields = [
            self.received(sender.host, sender, date + 1),
            *self.common(sender, "member", date, "text/plain; charset=utf-8"),
            f"In-Reply-To: {threads[-1]}",
            "References: " + "\r\n ".join(threads),
            f"Thread-Topic: {writer.words(4).capitalize()}",
            f"Thread-Index: {self.blob(60)}",
            "Accept-Language: en-US",
            "Content-Language: en-US",
            "X-MS-Has-Attach:",
            "X-MS-TNEF-Correlator:",
            f"X-MS-Exchange-SenderADCheck: {dice.randrange(2)}",
            f"X-Microsoft-Antispam-Message-Info:\r\n {self.blob(max(200, filler // 2))}",
            f"X-MS-Exchange-AntiSpam-MessageData-0:\r\n {self.blob(max(200, filler // 2))}",
            f"X-MS-Exchange-CrossTenant-Id: {writer.token()}",
            f"X-MS-Exchange-CrossTenant-OriginalArrivalTime: {formatdate(date)}",
        ]
        draft = self.draft(fields, writer.text(LIST_BODY))
        sign(draft, self.signer(sender), LIST_NAMES, "relaxed", date)
        for number, hop in enumerate(hops):
            self.forward(draft, hop, sender if number == 0 else hops[number - 1], date + number)
        return draft, self.envelope(hops[-1])

    def forward(self, draft: Draft, hop: Sender, last: Sender, date: int) -> None:
        """Let a host pass a message on: it adds what lists add, then seals."""
        name = f"{hop.number}.list.{hop.domain}"
        added = [
            self.received(hop.host, last, date + 2),
            f"List-Id: {self.writer.words(2).title()} <{name}>",
            f"List-Post: <mailto:list@{hop.domain}>",
            f"X-BeenThere: list@{hop.domain}",
        ]
        draft.fields[:0] = [f"{each}\r\n".encode() for each in added]
        results = (
            f"{hop.host};\r\n\tdkim=pass header.d={last.domain} header.s=s2026\r\n"
            f"\theader.b={self.writer.token(4)};\r\n\tspf=pass (address {last.address} is"
            f" permitted)\r\n\tsmtp.mailfrom=b@{last.return_domain} smtp.helo={last.host};\r\n"
            f"\tdmarc=pass (p=reject) header.from={last.domain}"
        )
        seal(draft, self.signer(hop), SEALED_NAMES, results, date)

    def note(self) -> tuple[Draft, Envelope]:
        """Return a message of 1 KB."""
        sender, date = self.random.choice(self.people), self.date()
        fields = self.common(sender, "note", date, "text/plain")[:5]
        draft = self.draft(fields, self.writer.text(SMALL_BODY))
        sign(draft, self.signer(sender), PLAIN_NAMES[:5], "relaxed", date)
        return draft, self.envelope(sender)

    def attachment(self) -> tuple[Draft, Envelope]:
        """Return a message with an attachment of 1 to 30 MB."""
        sender, date = self.random.choice(self.people), self.date()
        low, high = map(math.log, LARGE_BODY)
        size = int(math.exp(self.random.uniform(low, high)))
        boundary = f"=_{self.writer.token(12)}"
        content = f'multipart/mixed; boundary="{boundary}"'
        share = 2_000 / size
        body = self.writer.multipart(boundary, {"plain": share, "image": 1 - share}, size)
        fields = self.common(sender, "desk", date, content)
        draft = self.draft([self.received(sender.host, sender, date), *fields], body)
        sign(draft, self.signer(sender), PLAIN_NAMES, "relaxed", date)
        return draft, self.envelope(sender)

    @staticmethod
    def draft(fields: list[str], body: bytes) -> Draft:
        """Return an unsigned message."""
        return Draft([f"{each}\r\n".encode() for each in fields], body)

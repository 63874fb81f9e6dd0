"""A case of the sample archive: how its message is made and travels, which words it must get.

Knows how messages are signed, changed and forwarded; must not know which cases there are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.sample.letters import BodyShape, Letter
from tests.sample.senders import hosts, signer
from tests.signing import Sealer, Signer, seal, sign

Build = Callable[[Letter], bytes]
Change = Callable[[bytes], bytes]
FOOTER = b"--\r\nThis message came through a list. Write to list@example.net to leave it.\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """An SMTP envelope, and what SPF says of it."""

    client_ip: str
    helo: str
    mail_from: str
    spf: str
    is_aligned: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One kind of message, made `count` times.

    Attributes:
        dmarc: the word when SPF gives no aligned pass (no client: `fail` is `unverifiable` where
            MAIL FROM might have been aligned).
        route: `direct`, `forwarded`, `list`, `elsewhere` or `bounce`.
        policy: `effective_policy`, where a policy was found.
        is_old: received when RFC 7489 was in force.
    """

    name: str
    build: Build
    dkim: tuple[str, ...]
    dmarc: str
    arc: str = "none"
    route: str = "direct"
    policy: str | None = "reject"
    author: str = "notices@alpha.example"
    shape: BodyShape | None = None
    is_old: bool = False
    count: int = 2

    def travel(self) -> Route:
        """Return the envelope with which the message arrives."""
        domain = self.author.rpartition("@")[2]
        host, sender, spf = {
            "direct": (domain, f"bounce@{domain}", "pass"),
            "bounce": (domain, "", "pass"),
            "forwarded": ("example.org", f"bounce@{domain}", "fail"),
            "list": ("example.net", "list-bounces@example.net", "pass"),
            "elsewhere": ("unknown.example", "promotion@unknown.example", "none"),
        }[self.route]
        return Route(
            client_ip=hosts().get(host, "203.0.113.66"),
            helo=f"mail.{host}",
            mail_from=sender,
            spf=spf,
            is_aligned=host == domain,
        )

    def dmarc_with_envelope(self) -> str:
        """Return the word when SPF is evaluated: its aligned pass outweighs a failed DKIM."""
        rescued = {"fail", "temperror"} if self.policy else {"fail"}
        return "pass" if self.travel().is_aligned and self.dmarc in rescued else self.dmarc

    def dmarc_without_envelope(self) -> str:
        """Return the word when of the envelope only MAIL FROM is known, by the Return-Path field.

        A MAIL FROM of another organization can be no aligned identifier, whoever the client was.
        """
        sender = self.travel().mail_from
        may_align = not sender or sender.endswith(self.author.rpartition("@")[2])
        return "unverifiable" if self.dmarc == "fail" and may_align else self.dmarc


def unsigned(source: str | None = None) -> Build:
    """Leave the message as its author wrote it."""
    return lambda letter: letter.render(source)


def signed(
    *signers: Signer, source: str | None = None, age: int | None = 5, life: int | None = None
) -> Build:
    """Sign `age` seconds before receipt, to expire `life` seconds after it."""

    def build(letter: Letter) -> bytes:
        begin = None if age is None else letter.time - age
        end = None if life is None else letter.time + life
        stamped = [each.having(timestamp=begin, expires=end) for each in signers]
        return sign(letter.render(source), *stamped)

    return build


def by(domain: str, selector: str = "s1") -> Build:
    """Sign as this domain does every day."""
    return signed(signer(domain, selector))


def then(build: Build, *changes: Change) -> Build:
    """Change the message after it was signed."""

    def changed(letter: Letter) -> bytes:
        message = build(letter)
        for change in changes:
            message = change(message)
        return message

    return changed


def replaced(old: bytes, new: bytes) -> Change:
    """Replace the first occurrence, which must exist."""

    def change(message: bytes) -> bytes:
        if old not in message:
            raise ValueError(old)
        return message.replace(old, new, 1)

    return change


def appended(text: bytes) -> Change:
    """Add octets to the end of the body."""
    return lambda message: message + text


def prefixed(text: bytes) -> Change:
    """Put header fields on top."""
    return lambda message: text + message


def signed_again(signer: Signer) -> Change:
    """Sign what has become of the message."""
    return lambda message: sign(message, signer)


def sealed(domain: str, validation: str | None = None) -> Change:
    """Add an ARC set of this domain; `validation` is `cv=` where it is not the honest one."""
    sealer = Sealer(
        signer=signer(domain).having(headers=("from", "to", "subject", "date", "dkim-signature")),
        results="dkim=pass header.d=alpha.example; dmarc=pass",
        chain_validation=validation,
    )
    return lambda message: seal(message, sealer)

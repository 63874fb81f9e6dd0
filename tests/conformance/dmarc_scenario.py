"""A message, an envelope and a zone out of what a DMARC suite states about a mail.

DMARC suites say "SPF passed for this domain, DKIM for those"; the public door wants octets. So the
mail is written and signed here by each domain that is said to pass, and MAIL FROM's domain permits
the client's address. Nothing is said about protocols here beyond that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from mailauth_fast import Envelope, Policy

from tests.keys import ed25519_key
from tests.signing import Signer, sign

from .engine import verdict, verifier, with_records

if TYPE_CHECKING:
    from typing import Literal

    from .engine import VerdictDict, Zone

CLIENT = "192.0.2.1"
# A MAIL FROM domain that publishes nothing: SPF is `none`.
STRANGER = "client.test"
CLOCK = 1_764_000_000
# A signature whose d= cannot be read: no identifier comes of it.
ILL_FORMED = b"DKIM-Signature: v=1; a=rsa-sha256; s=x; h=from; bh=AAAA; b=AAAA\r\n"


@cache
def signer(domain: str) -> Signer:
    """Return a domain's signer."""
    return Signer(domain=domain, selector="conformance", key=ed25519_key("conformance"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What a DMARC suite states of one mail.

    Attributes:
        rules: the rule book, as `Policy` names it.
        authors: the addresses in From.
        zone: what the suite publishes.
        spf: the domain for which SPF passes, as MAIL FROM.
        dkim: the domains whose signatures pass; None is a signature without a readable domain.
    """

    rules: Literal["rfc7489", "rfc9989"]
    authors: tuple[str, ...]
    zone: Zone = field(default_factory=dict)
    spf: str | None = None
    dkim: tuple[str | None, ...] = ()

    def message(self) -> bytes:
        """Write the mail and sign it."""
        header = (
            f"From: {', '.join(self.authors)}\r\nTo: reader@receiver.test\r\n"
            "Subject: conformance\r\nDate: Mon, 24 Nov 2025 16:00:00 +0000\r\n"
            "Message-ID: <1@conformance.test>\r\n\r\nBody.\r\n"
        )
        message = sign(header.encode(), *(signer(each) for each in self.dkim if each))
        return ILL_FORMED * self.dkim.count(None) + message

    def published(self) -> Zone:
        """Return the suite's zone with the keys and the SPF record that make it all true."""
        zone = self.zone
        for domain in {each for each in self.dkim if each}:
            record = signer(domain).key.record()
            zone = with_records(zone, signer(domain).key_name, "TXT", record)
        if self.spf:
            zone = with_records(zone, self.spf, "TXT", f"v=spf1 ip4:{CLIENT} -all")
        return zone

    def verdict(self) -> VerdictDict:
        """Judge the mail."""
        sender = f"sender@{self.spf or STRANGER}"
        envelope = Envelope(client_ip=CLIENT, helo=STRANGER, mail_from=sender)
        engine = verifier(self.published(), Policy(rules=self.rules))
        row = verdict(engine, self.message(), envelope=envelope, now=CLOCK)
        # What the suite takes for granted has to be so before its expectation means anything.
        passed = {each["domain"] for each in row["dkim"] if each["result"] == "pass"}
        assert passed == {each for each in self.dkim if each}, "every statement on DKIM holds"
        assert row["spf"]["result"] == ("pass" if self.spf else "none"), "the one on SPF holds"
        return row

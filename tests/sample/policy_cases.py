"""Sample cases that turn on the author domain and its DMARC policy.

The words follow the public contract, RFC 9989, and RFC 7489 for the older mail.
"""

from __future__ import annotations

from tests.sample.case import Case, by, prefixed, signed, then, unsigned
from tests.sample.senders import signer

ALPHA = signer("alpha.example")
ELSEWHERE = "elsewhere"

POLICIES = (
    *(
        Case(
            name=f"unsigned-{domain.partition('.')[0]}",
            build=unsigned(),
            author=f"notices@{domain}",
            route=ELSEWHERE,
            dkim=(),
            dmarc="fail",
            policy=policy,
            count=4,
        )
        for domain, policy in (
            ("alpha.example", "reject"),
            ("beta.example", "quarantine"),
            ("gamma.example", "none"),
            ("example.com", "reject"),
            ("testing.example", "quarantine"),
            ("ghost.nowhere.example", "reject"),
            ("team.nowhere.example", "quarantine"),
            ("giant.bank.example", "reject"),
            ("unit.beta.example", "none"),
            ("partial.example", "quarantine"),
            ("absent.beta.example", "reject"),
        )
    ),
    *(
        Case(
            name=f"no-policy-{domain.partition('.')[0]}",
            build=by(domain),
            author=f"notices@{domain}",
            dkim=("pass",),
            dmarc="none",
            policy=None,
        )
        for domain in (
            "delta.example",
            "twice.example",
            "lower.example",
            "wild.example",
            "empty.example",
        )
    ),
    *(
        Case(
            name=f"policy-{domain.partition('.')[0]}",
            build=by(domain),
            author=f"notices@{domain}",
            dkim=("pass",),
            dmarc="temperror",
            policy=None,
            count=1,  # more than ten temporary errors would end the run with exit code 5
        )
        for domain in ("silent.example", "broken.example")
    ),
    *(
        Case(
            name=f"signed-{domain.partition('.')[0]}",
            build=by(domain),
            author=f"notices@{domain}",
            dkim=("pass",),
            dmarc="pass",
            policy=policy,
            count=3,
        )
        for domain, policy in (
            ("beta.example", "quarantine"),
            ("gamma.example", "none"),
            ("giant.bank.example", "reject"),
            ("strict.example", "reject"),
            ("team.nowhere.example", "quarantine"),
            ("unit.beta.example", "none"),
            ("example.org", "none"),
        )
    ),
)

ALIGNMENT = (
    Case(
        name="other-domain-signs",
        build=by("example.com"),
        route=ELSEWHERE,
        dkim=("pass",),
        dmarc="fail",
        count=4,
    ),
    Case(
        name="strict-subdomain-signs",
        build=by("mail.strict.example"),
        author="notices@strict.example",
        route="list",
        dkim=("pass",),
        dmarc="fail",
        count=3,
    ),
    Case(
        name="registry-signs",
        build=by("bank.example"),
        author="notices@giant.bank.example",
        route=ELSEWHERE,
        dkim=("pass",),
        dmarc="fail",
    ),
    Case(
        name="parent-of-independent-unit-signs",
        build=by("beta.example"),
        author="notices@unit.beta.example",
        route=ELSEWHERE,
        dkim=("pass",),
        dmarc="fail",
        policy="none",
    ),
    Case(name="envelope-only", build=unsigned(), dkim=(), dmarc="fail", count=6),
    Case(name="bounce-unsigned", build=unsigned(), route="bounce", dkim=(), dmarc="fail"),
    Case(
        name="forwarded-unsigned",
        build=unsigned(),
        route="forwarded",
        dkim=(),
        dmarc="fail",
        count=3,
    ),
)

AUTHORS = (
    Case(
        name="two-from-fields",
        build=then(by("alpha.example"), prefixed(b"From: Other <other@delta.example>\r\n")),
        route=ELSEWHERE,
        dkim=("pass",),
        dmarc="permerror",
        policy=None,
        count=3,
    ),
    Case(
        name="from-twice-oversigned",
        build=then(
            signed(ALPHA.having(headers=("from", "from", "subject"))),
            prefixed(b"From: Other <other@delta.example>\r\n"),
        ),
        route=ELSEWHERE,
        dkim=("fail",),
        dmarc="permerror",
        policy=None,
    ),
    Case(
        name="two-author-domains",
        build=signed(ALPHA, source="One <one@alpha.example>, Two <two@beta.example>"),
        dkim=("pass",),
        dmarc="permerror",
        policy=None,
    ),
    Case(
        name="no-address",
        build=signed(ALPHA, source="undisclosed senders:;"),
        dkim=("pass",),
        dmarc="none",
        policy=None,
    ),
    Case(
        name="malformed-address",
        build=signed(ALPHA, source="Sender <notices@alpha.example> and more <x@"),
        dkim=("pass",),
        dmarc="permerror",
        policy=None,
    ),
    Case(
        name="address-in-display-name",
        build=signed(ALPHA, source='"service@example.com" <notices@alpha.example>'),
        dkim=("pass",),
        dmarc="pass",
    ),
    Case(
        name="comment-after-address",
        build=signed(ALPHA, source="notices@alpha.example (on behalf of service@example.com)"),
        dkim=("pass",),
        dmarc="pass",
    ),
)

OLDER = (
    Case(
        name="older-signed",
        build=by("alpha.example"),
        dkim=("pass",),
        dmarc="pass",
        is_old=True,
        count=8,
    ),
    Case(
        name="older-unsigned",
        build=unsigned(),
        route=ELSEWHERE,
        dkim=(),
        dmarc="fail",
        is_old=True,
        count=3,
    ),
    Case(
        name="older-partial",
        build=unsigned(),
        author="notices@partial.example",
        route=ELSEWHERE,
        dkim=(),
        dmarc="fail",
        policy="quarantine",
        is_old=True,
        count=3,
    ),
    Case(
        name="older-testing-tag-unknown",
        build=unsigned(),
        author="notices@testing.example",
        route=ELSEWHERE,
        dkim=(),
        dmarc="fail",
        policy="reject",
        is_old=True,
    ),
    Case(
        name="older-registry-signs",
        build=by("bank.example"),
        author="notices@giant.bank.example",
        route=ELSEWHERE,
        dkim=("pass",),
        dmarc="pass",
        policy="reject",
        is_old=True,
    ),
    Case(
        name="older-sha1",
        build=signed(ALPHA.having(digest="sha1")),
        route=ELSEWHERE,
        dkim=("policy",),
        dmarc="fail",
        is_old=True,
    ),
)

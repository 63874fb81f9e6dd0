"""Sample cases that turn on the DKIM signature: what passes, and all that can be wrong.

The words follow the public contract and the RFCs, not the engine.
"""

from __future__ import annotations

from tests.sample.case import (
    FOOTER,
    Case,
    appended,
    by,
    prefixed,
    replaced,
    signed,
    signed_again,
    then,
)
from tests.sample.letters import empty_body, newline_body, plain_body, quoting_body
from tests.sample.senders import EAI_DOMAIN, EAI_NAME, odd_signer, signer, sized_signer

ALPHA = signer("alpha.example")
ALPHA_ED = signer("alpha.example", "e1")
KEEPS_BODY = plain_body
PREFIX = replaced(b"Subject: ", b"Subject: [list] ")
# `l=` that ends inside every plain body.
PARTIAL = ALPHA.having(body_length=120)

PASSES = (
    Case(name="relaxed", build=by("alpha.example"), dkim=("pass",), dmarc="pass", count=30),
    *(
        Case(
            name=f"canonicalization-{word.replace('/', '-')}",
            build=signed(ALPHA.having(canonicalization=word)),
            dkim=("pass",),
            dmarc="pass",
            count=6,
        )
        for word in ("simple/simple", "simple/relaxed", "relaxed/simple", "relaxed", "simple")
    ),
    Case(name="ed25519", build=by("alpha.example", "e1"), dkim=("pass",), dmarc="pass", count=6),
    Case(
        name="two-algorithms",
        build=signed(ALPHA, ALPHA_ED),
        dkim=("pass", "pass"),
        dmarc="pass",
        count=8,
    ),
    Case(
        name="oversigned",
        build=signed(
            ALPHA.having(headers=("from", "from", "to", "to", "subject", "subject", "date", "cc"))
        ),
        dkim=("pass",),
        dmarc="pass",
        count=6,
    ),
    Case(
        name="sender-and-service",
        build=signed(ALPHA, signer("example.com")),
        dkim=("pass", "pass"),
        dmarc="pass",
        count=6,
    ),
    Case(
        name="subdomain-signs",
        build=by("news.alpha.example"),
        dkim=("pass",),
        dmarc="pass",
        count=4,
    ),
    Case(
        name="parent-signs",
        build=by("alpha.example"),
        author="letter@news.alpha.example",
        dkim=("pass",),
        dmarc="pass",
        count=4,
    ),
    Case(
        name="agent",
        build=signed(ALPHA.having(auid="@lists.alpha.example")),
        dkim=("pass",),
        dmarc="pass",
    ),
    Case(
        name="expires-later",
        build=signed(ALPHA, life=604_800),
        dkim=("pass",),
        dmarc="pass",
        count=4,
    ),
    Case(name="no-time", build=signed(ALPHA, age=None), dkim=("pass",), dmarc="pass", count=4),
    Case(name="clock-skew", build=signed(ALPHA, age=-200), dkim=("pass",), dmarc="pass"),
    Case(
        name="empty-body", build=by("alpha.example"), shape=empty_body, dkim=("pass",), dmarc="pass"
    ),
    Case(
        name="empty-body-simple",
        build=signed(ALPHA.having(canonicalization="simple/simple")),
        shape=empty_body,
        dkim=("pass",),
        dmarc="pass",
    ),
    Case(
        name="newlines-only",
        build=by("alpha.example"),
        shape=newline_body,
        dkim=("pass",),
        dmarc="pass",
    ),
    Case(
        name="from-lines-quoted",
        build=by("alpha.example"),
        shape=quoting_body,
        dkim=("pass",),
        dmarc="pass",
    ),
    Case(name="key-1024", build=signed(sized_signer(1024)), dkim=("pass",), dmarc="pass", count=4),
    Case(name="key-4096", build=signed(sized_signer(4096)), dkim=("pass",), dmarc="pass"),
    *(
        Case(
            name=f"key-record-{word}", build=signed(odd_signer(word)), dkim=("pass",), dmarc="pass"
        )
        for word in ("trial", "samedomain", "pkcs1", "split", "alias", "among")
    ),
    Case(
        name="international",
        build=signed(signer(EAI_DOMAIN), source=f"Büro <kontakt@{EAI_NAME}>"),
        author=f"kontakt@{EAI_DOMAIN}",
        dkim=("pass",),
        dmarc="pass",
        count=4,
    ),
    Case(
        name="international-signature",
        build=signed(
            signer(EAI_DOMAIN).having(domain=EAI_NAME), source=f"Büro <kontakt@{EAI_NAME}>"
        ),
        author=f"kontakt@{EAI_DOMAIN}",
        dkim=("pass",),
        dmarc="pass",
    ),
    Case(name="bounce", build=by("alpha.example"), route="bounce", dkim=("pass",), dmarc="pass"),
    Case(
        name="forwarded",
        build=by("alpha.example"),
        route="forwarded",
        dkim=("pass",),
        dmarc="pass",
        count=6,
    ),
    Case(
        name="partly-covered-and-footed",
        build=then(signed(PARTIAL), appended(FOOTER)),
        shape=KEEPS_BODY,
        route="list",
        dkim=("pass",),
        dmarc="pass",
    ),
    Case(
        name="same-domain-twice",
        build=signed(ALPHA, source="One <one@alpha.example>, Two <two@alpha.example>"),
        dkim=("pass",),
        dmarc="pass",
    ),
)

BROKEN = (
    Case(
        name="body-changed",
        build=then(
            by("alpha.example"), replaced(b"\r\n\r\n", b"\r\n\r\nA line that was not there.\r\n")
        ),
        shape=KEEPS_BODY,
        route="elsewhere",
        dkim=("fail",),
        dmarc="fail",
        count=6,
    ),
    Case(
        name="header-changed",
        build=then(by("alpha.example"), replaced(b"To: reader@", b"To: other@")),
        route="elsewhere",
        dkim=("fail",),
        dmarc="fail",
        count=4,
    ),
    Case(
        name="oversigned-field-added",
        build=then(
            signed(ALPHA.having(headers=("from", "from", "subject", "subject"))),
            prefixed(b"Subject: Another\r\n"),
        ),
        route="elsewhere",
        dkim=("fail",),
        dmarc="fail",
    ),
    Case(
        name="one-of-two-broken",
        build=signed(ALPHA, odd_signer("otherkey")),
        dkim=("fail", "pass"),
        dmarc="pass",
    ),
    Case(
        name="list-footer",
        build=then(by("alpha.example"), appended(FOOTER)),
        shape=KEEPS_BODY,
        route="list",
        dkim=("fail",),
        dmarc="fail",
        count=6,
    ),
    Case(
        name="list-subject",
        build=then(by("alpha.example"), PREFIX),
        route="list",
        dkim=("fail",),
        dmarc="fail",
        count=4,
    ),
    Case(
        name="list-signs-itself",
        build=then(by("alpha.example"), PREFIX, signed_again(signer("example.net"))),
        route="list",
        dkim=("pass", "fail"),
        dmarc="fail",
        count=4,
    ),
    *(
        Case(
            name=f"key-record-{word}",
            build=signed(odd_signer(word)),
            route="elsewhere",
            dkim=(result,),
            dmarc="fail",
        )
        for word, result in (
            ("missing", "permerror"),
            ("revoked", "permerror"),
            ("othertype", "permerror"),
            ("otherkey", "fail"),
            ("sha1only", "permerror"),
            ("reports", "permerror"),
            ("garbled", "permerror"),
            ("late", "permerror"),
        )
    ),
    Case(
        name="key-record-samedomain-other-agent",
        build=signed(odd_signer("samedomain").having(auid="@lists.alpha.example")),
        route="elsewhere",
        dkim=("permerror",),
        dmarc="fail",
    ),
    Case(
        name="trial-key-broken",
        build=then(signed(odd_signer("trial")), PREFIX),
        route="elsewhere",
        dkim=("fail",),
        dmarc="fail",
    ),
    Case(
        name="expired",
        build=signed(ALPHA, age=9000, life=-3600),
        route="elsewhere",
        dkim=("policy",),
        dmarc="fail",
    ),
    Case(
        name="from-the-future",
        build=signed(ALPHA, age=-86_400),
        route="elsewhere",
        dkim=("policy",),
        dmarc="fail",
    ),
    Case(
        name="sha1",
        build=signed(ALPHA.having(digest="sha1")),
        route="elsewhere",
        dkim=("policy",),
        dmarc="fail",
    ),
    *(
        Case(
            name=f"key-{bits}",
            build=signed(sized_signer(bits)),
            route="elsewhere",
            dkim=("policy",),
            dmarc="fail",
        )
        for bits in (512, 768, 4352)
    ),
    *(
        Case(
            name=f"syntax-{name}",
            build=signed(ALPHA.having(override=tags)),
            route="elsewhere",
            dkim=("permerror",),
            dmarc="fail",
            count=1,
        )
        for name, tags in {
            "version": {"v": "2"},
            "no-version": {"v": None},
            "no-body-hash": {"bh": None},
            "no-selector": {"s": None},
            "algorithm": {"a": "rsa-md5"},
            "canonicalization": {"c": "nofws"},
            "query": {"q": "http"},
            "agent-elsewhere": {"i": "@beta.example"},
            "expires-before-time": {"x": "1000000000"},
            "negative-time": {"t": "-1"},
            "length-beyond-body": {"l": "999999"},
            "from-not-signed": {"h": "to:subject:date"},
            "no-headers": {"h": ""},
        }.items()
    ),
    Case(
        name="syntax-duplicate-tag",
        build=then(signed(ALPHA), replaced(b" s=s1;", b" s=s1; s=s1;")),
        route="elsewhere",
        dkim=("permerror",),
        dmarc="fail",
    ),
    Case(
        name="syntax-empty-tag",
        build=then(signed(ALPHA), replaced(b" s=s1;", b" s=s1;;")),
        route="elsewhere",
        dkim=("permerror",),
        dmarc="fail",
    ),
    *(
        Case(
            name=f"key-{word}",
            build=signed(odd_signer(word)),
            route=route,
            dkim=("temperror",),
            dmarc="temperror",
            count=1,
        )
        for word, route in (("silent", "elsewhere"), ("broken", "direct"))
    ),
    Case(
        name="key-silent-but-other-passes",
        build=signed(odd_signer("silent"), ALPHA),
        dkim=("pass", "temperror"),
        dmarc="pass",
    ),
    Case(
        name="direct-but-broken",
        build=then(by("alpha.example"), PREFIX),
        dkim=("fail",),
        dmarc="fail",
        count=4,
    ),
)

"""Sample cases with ARC chains: lists and forwarders that seal, and chains that are broken.

A valid chain never changes the DMARC word: no sealer is trusted unless the receiver says so.
"""

from __future__ import annotations

import re

from tests.sample.case import (
    FOOTER,
    Case,
    Change,
    appended,
    by,
    prefixed,
    replaced,
    sealed,
    signed_again,
    then,
)
from tests.sample.letters import plain_body
from tests.sample.senders import odd_signer, signer
from tests.signing import Sealer, seal

ALPHA = by("alpha.example")
PREFIX = replaced(b"Subject: ", b"Subject: [list] ")
LIST, FORWARDER, SERVICE = "example.net", "example.org", "example.com"


def without(name: bytes, instance: int) -> Change:
    """Remove one field of an ARC set."""
    number = str(instance).encode()
    pattern = re.compile(
        rb"^" + name + rb":[^\n]*\bi=" + number + rb";[^\n]*\n([ \t][^\n]*\n)*", re.MULTILINE
    )
    return lambda message: pattern.sub(b"", message, count=1)


def listed(
    name: str, *changes: Change, arc: str, dkim: tuple[str, ...] = ("fail",), count: int = 3
) -> Case:
    """Return a case whose message a list changed, so that the author's signature is broken."""
    build = then(ALPHA, PREFIX, appended(FOOTER), *changes)
    return Case(
        name=name,
        build=build,
        dkim=dkim,
        dmarc="fail",
        arc=arc,
        route="list",
        shape=plain_body,
        count=count,
    )


def sealed_by_odd(selector: str) -> Change:
    """Seal with one of alpha.example's odd keys."""
    return lambda message: seal(message, Sealer(signer=odd_signer(selector)))


CHAINS = (
    listed("list-sealed", sealed(LIST), arc="pass", count=8),
    listed(
        "list-signed-and-sealed",
        signed_again(signer(LIST)),
        sealed(LIST),
        dkim=("pass", "fail"),
        arc="pass",
    ),
    listed("list-and-forwarder-sealed", sealed(LIST), sealed(FORWARDER), arc="pass", count=4),
    listed("three-sealed", sealed(LIST), sealed(FORWARDER), sealed(SERVICE), arc="pass"),
    Case(
        name="forwarder-sealed",
        build=then(ALPHA, sealed(FORWARDER)),
        route="forwarded",
        dkim=("pass",),
        dmarc="pass",
        arc="pass",
        count=4,
    ),
    Case(
        name="sealed-before-the-list",
        build=then(ALPHA, sealed(SERVICE), PREFIX, appended(FOOTER), sealed(LIST)),
        shape=plain_body,
        route="list",
        dkim=("fail",),
        dmarc="fail",
        arc="pass",
        count=3,
    ),
    listed("changed-after-seal", sealed(LIST), appended(b"one more line\r\n"), arc="fail"),
    listed(
        "results-changed-after-seal",
        sealed(LIST),
        replaced(b"dmarc=pass", b"dmarc=fail"),
        arc="fail",
    ),
    listed("sealed-as-failed", sealed(LIST), sealed(FORWARDER, validation="fail"), arc="fail"),
    listed("first-seal-says-pass", sealed(LIST, validation="pass"), arc="fail"),
    listed("second-seal-says-none", sealed(LIST), sealed(FORWARDER, validation="none"), arc="fail"),
    listed("seal-missing", sealed(LIST), sealed(FORWARDER), without(b"ARC-Seal", 1), arc="fail"),
    listed(
        "message-signature-missing", sealed(LIST), without(b"ARC-Message-Signature", 1), arc="fail"
    ),
    listed("results-missing", sealed(LIST), without(b"ARC-Authentication-Results", 1), arc="fail"),
    listed("seal-doubled", sealed(LIST), prefixed(b"ARC-Seal: i=1; none\r\n"), arc="fail"),
    listed("seal-garbled", prefixed(b"ARC-Seal: x\r\n"), arc="fail"),
    listed("sealer-key-missing", sealed_by_odd("missing"), arc="fail"),
    listed("sealer-key-silent", sealed_by_odd("silent"), arc="temperror"),
    listed("sealer-key-other", sealed_by_odd("otherkey"), arc="fail"),
)

"""Mail::DKIM's corpus (RFC 6376, with the historic switch).

Most of it is signed by rsa-sha1 or with keys of 512 bits, which RFC 8301 forbids to pass: the
switch `historic` shows the outcome that the corpus records. One outcome a message, as Mail::DKIM
gives it: `pass` when any signature passes, else the first signature's word.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, cast

from mailauth_fast import Policy

from .case import Case, Suite, case, read_json
from .engine import verdict, verifier

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .engine import VerdictDict, Zone

# Later than every x= that has to have passed.
CLOCK = 1_764_000_000
# Mail::DKIM's `invalid`: no key, a key or signature that breaks a rule, DNS failure, expiry.
ACCEPTED = {
    "pass": ("pass",),
    "fail": ("fail",),
    "invalid": ("permerror", "temperror", "policy"),
}


def fake_dns(path: Path) -> Zone:
    """Read `name  TXT-value`, `name NXDOMAIN` and `name ~~failure~~` lines."""
    zone: Zone = {}
    for line in path.read_text(encoding="ascii").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, value = line.split(maxsplit=1)
        if value == "NXDOMAIN":
            zone[name] = "NXDOMAIN"
        elif value.startswith("~~"):
            zone[name] = "TIMEOUT" if "timed out" in value else "SERVFAIL"
        else:
            zone[name] = {"TXT": ["" if value == '""' else value]}
    return zone


def signature_fields(message: bytes) -> list[bytes]:
    """Return a message's DKIM-Signature fields."""
    header = re.split(rb"\r?\n\r?\n", message, maxsplit=1)[0]
    return re.findall(rb"(?mis)^dkim-signature:.*?(?=^\S|\Z)", header)


def accepted(message: bytes, result: str) -> tuple[str, ...]:
    """Return the outcomes of an RFC 6376 verifier that agree with the corpus.

    A DomainKeys message (RFC 4870, historic) carries no DKIM-Signature at all. The drafts before
    RFC 4871 wrote no v= or v=0.5, and RFC 6376 §3.5 says of v=: "It MUST have the value "1" for
    implementations compliant with this version of DKIM"; Mail::DKIM still verifies those, a
    verifier of the RFC must not.
    """
    fields = signature_fields(message)
    if not fields:
        return ("none",)
    if not any(re.search(rb"[:;\s]v\s*=\s*1\s*;", field) for field in fields):
        return ("permerror",)
    # Names below "blackhole" are those for which FAKE_DNS has a failure.
    return ("temperror",) if b"d=blackhole" in fields[0] else ACCEPTED[result]


def overall(row: VerdictDict) -> str:
    """Return one word for all signatures of a message."""
    results = [each["result"] for each in row["dkim"]]
    return "pass" if "pass" in results else (results or ["none"])[0]


def mail_dkim(folder: Path) -> list[Case]:
    """Read the corpus."""
    zone = fake_dns(folder / "FAKE_DNS.dat")
    expected = cast("Mapping[str, Mapping[str, str]]", read_json(folder / "expected.json"))
    paths = sorted((folder / "corpus").iterdir())
    assert {path.name for path in paths} == set(expected), "every message has its expectation"

    def run(path: Path) -> str:
        engine = verifier(zone, Policy(historic=True))
        return overall(verdict(engine, path.read_bytes(), now=CLOCK))

    return [
        case(
            path.name,
            accepted(path.read_bytes(), expected[path.name]["result"]),
            partial(run, path),
        )
        for path in paths
    ]


SUITES = (
    Suite(
        name="dkim-mail-dkim",
        law="RFC 6376",
        folder="dkim-mail-dkim",
        cases=79,
        load=mail_dkim,
        note="judged with the historic switch; of 12 DomainKeys messages and 16 signed by drafts"
        " before RFC 4871, which Mail::DKIM verifies, asked is that they do not pass",
    ),
)

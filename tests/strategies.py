"""What hypothesis draws from: messages, signers, changes of octets, and zones with SPF records.

Derandomized where `CI` is set, so that a run of the checks can be repeated.
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.keys import rsa_key
from tests.signing import Signer, sign

DOMAIN = "signer.example"
KEY = rsa_key("strategies", 1024)
SIGNER = Signer(domain=DOMAIN, selector="s1", key=KEY)
ZONE: dict[str, Any] = {
    SIGNER.key_name: {"TXT": [KEY.record()]},
    f"_dmarc.{DOMAIN}": {"TXT": ["v=DMARC1; p=reject"]},
}
SIGNED_NAMES = ("from", "to", "subject", "x-extra")


def effort(examples: int) -> settings:
    """Return hypothesis' settings for this many examples."""
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=bool(os.environ.get("CI")),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


# White space and letters, so that canonicalization has much to do in few octets.
TEXT = st.text(alphabet="ab Z\t.:;=", max_size=24).map(str.encode)
LINES = st.lists(st.one_of(TEXT, st.just(b""), st.just(b" \t")), max_size=6)
BODIES = st.tuples(LINES, st.booleans()).map(
    lambda parts: b"\r\n".join(parts[0]) + (b"\r\n" if parts[1] else b"")
)
FOLDS = st.sampled_from([b" ", b"\r\n ", b"\r\n\t", b" \r\n  "])
VALUES = st.lists(st.tuples(FOLDS, TEXT.filter(bytes.strip)), min_size=1, max_size=3).map(
    lambda parts: b"".join(fold + text for fold, text in parts)
)
FIELDS = st.tuples(
    st.sampled_from([b"Subject:", b"X-Extra:", b"x-EXTRA:", b"To:", b"Other:"]), VALUES
).map(lambda parts: parts[0] + parts[1] + b"\r\n")
CANONICALIZATIONS = st.sampled_from(
    ["relaxed/relaxed", "simple/simple", "relaxed/simple", "simple/relaxed", "relaxed", "simple"]
)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """Draw a message with one From field."""
    fields = draw(st.lists(FIELDS, max_size=4))
    position = draw(st.integers(0, len(fields)))
    fields.insert(position, b"From: a@signer.example\r\n")
    return b"".join(fields) + b"\r\n" + draw(BODIES)


@st.composite
def signed_messages(draw: st.DrawFn) -> tuple[Signer, bytes]:
    """Draw a signer and a message that it signed."""
    names = draw(st.lists(st.sampled_from(SIGNED_NAMES), max_size=5))
    signer = SIGNER.having(
        canonicalization=draw(CANONICALIZATIONS),
        headers=("from", *names),
        auid=draw(st.sampled_from([None, f"@{DOMAIN}", f"x@a.{DOMAIN}"])),
    )
    message = draw(messages())
    return signer, sign(message, signer)


CHANGES = st.tuples(
    st.sampled_from(["flip", "insert", "delete", "replace", "append", "prepend", "double"]),
    st.floats(0, 1, exclude_max=True),
    st.integers(0, 7),
    st.sampled_from(list(b" \t\r\na:;=Z.\xff\0")),
)


def changed(octets: bytes, change: tuple[str, float, int, int]) -> bytes:
    """Apply one change of octets."""
    kind, where, bit, octet = change
    at = int(where * len(octets))
    one = bytes([octet])
    before, after = octets[:at], octets[at + 1 :]
    return {
        "flip": before + bytes([octets[at] ^ (1 << bit)]) + after,
        "insert": before + one + octets[at:],
        "delete": before + after,
        "replace": before + one + after,
        "append": octets + one + b"x\r\n",
        "prepend": b"Subject: " + one + b"\r\n" + octets,
        "double": before + octets[at : at + 8] + octets[at:],
    }[kind]


NAMES = [f"n{number}.example" for number in range(6)]
ADDRESSES = ["192.0.2.9", "192.0.2.200", "198.51.100.1"]
ADDRESSES6 = ["2001:db8::9", "2001:db8:ffff::1"]
FAULTS = ["NXDOMAIN", "NODATA", "TIMEOUT", "SERVFAIL"]
TARGETS = st.one_of(
    st.sampled_from(NAMES),
    st.sampled_from(["%{d}", "%{l}.n1.example", "%{ir}.n2.example", "%{d2}", "%{o}", "%{h}"]),
)
MECHANISMS = st.one_of(
    st.sampled_from(["all", "a", "mx", "ptr", "a/24", "mx/16//64", "a//0", "a:n1.example/32"]),
    st.sampled_from(["ip4:192.0.2.9", "ip4:192.0.2.0/24", "ip4:198.51.100.0/22", "ip4:0.0.0.0/0"]),
    st.sampled_from(["ip6:2001:db8::/32", "ip6:2001:db8::9", "ip6:::/0"]),
    st.tuples(st.sampled_from(["include", "a", "mx", "exists", "ptr"]), TARGETS).map(":".join),
)
DIRECTIVES = st.tuples(st.sampled_from(["", "", "+", "-", "~", "?"]), MECHANISMS).map("".join)
ODD_TERMS = st.sampled_from(
    [
        "x-unknown=%{d}",
        "y-unknown=",
        "foo",
        "ip4:1.2.3",
        "a/33",
        "all:x",
        "include:",
        "-",
        "exp=n1.example",
    ]
)
REDIRECTS = TARGETS.map(lambda target: f"redirect={target}")


@st.composite
def spf_records(draw: st.DrawFn) -> str:
    """Draw a record: mostly of directives, sometimes with a redirect, seldom with something odd."""
    terms = draw(st.lists(DIRECTIVES, max_size=5))
    if draw(st.integers(0, 3)) == 0:
        terms.append(draw(REDIRECTS))
    if draw(st.integers(0, 9)) == 0:
        terms.insert(draw(st.integers(0, len(terms))), draw(ODD_TERMS))
    if draw(st.booleans()):
        terms.append(draw(st.sampled_from(["-all", "~all", "?all"])))
    return " ".join(["v=spf1", *terms])


@st.composite
def txt_values(draw: st.DrawFn) -> list[str]:
    """Draw a name's texts: mostly one SPF record."""
    record = draw(spf_records())
    odd = [["v=spf10 -all"], ["text"], ["V=SPF1 -ALL"], ["v=spf1"], [record, "v=spf1 -all"], []]
    usual = [[record]] * 10
    return list(draw(st.sampled_from([*usual, ["some text", record], *odd])))


@st.composite
def spf_zones(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a zone in which several names have SPF records that refer to each other."""
    zone: dict[str, Any] = {}
    for name in NAMES:
        if name != NAMES[0] and draw(st.integers(0, 5)) == 0:
            zone[name] = draw(st.sampled_from(FAULTS))
            continue
        zone[name] = {
            "TXT": draw(txt_values()),
            "A": draw(st.lists(st.sampled_from(ADDRESSES), max_size=2, unique=True)),
            "AAAA": draw(st.lists(st.sampled_from(ADDRESSES6), max_size=1)),
            "MX": draw(st.lists(st.sampled_from([[10, NAMES[1]], [20, NAMES[2]]]), max_size=2)),
        }
    reverse = draw(st.lists(st.sampled_from(NAMES), max_size=3, unique=True))
    zone["9.2.0.192.in-addr.arpa"] = {"PTR": reverse} if reverse else "NXDOMAIN"
    return zone

"""The engine against dkimpy and pyspf: generated input, one verdict, every difference explained.

A difference is a failure unless it is a known fault of a peer: one of those below, each narrow.
"""

from __future__ import annotations

import base64
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import dkim  # type: ignore[import-untyped]
import pytest
import spf  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st
from mailauth_fast import Policy

from tests.answering import look_up, strings
from tests.canonicalization import field_name, split_message
from tests.door import batch, check_host, verdict
from tests.keys import rsa_key
from tests.signing import Signer, sign
from tests.strategies import (
    ADDRESSES,
    ADDRESSES6,
    CHANGES,
    KEY,
    SIGNER,
    ZONE,
    changed,
    effort,
    signed_messages,
    spf_zones,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True, slots=True)
class KnownFault:
    """A fault of a peer: what it does, by which text that is wrong, and where it shows."""

    what: str
    reason: str
    applies: Callable[[bytes], bool]


def crlf(raw: bytes) -> bytes:
    """Return a message with bare LF read as CRLF."""
    return re.sub(rb"(?<!\r)\n", b"\r\n", raw)


def signature_value(raw: bytes) -> bytes:
    """Return the text of `b=` without white space."""
    found = re.search(rb"\bb=([^;]*?)\r\n(?![ \t])", crlf(raw))
    return re.sub(rb"\s", b"", found[1]) if found else b""


def is_respelled(raw: bytes) -> bool:
    """Tell whether `b=` is not the one spelling of its octets."""
    value = signature_value(raw)
    try:
        return base64.b64encode(base64.b64decode(value)) != value
    except ValueError:
        return True


def has_several_from(raw: bytes) -> bool:
    """Tell whether there is more than one From field."""
    fields, _ = split_message(crlf(raw))
    return [field_name(field) for field in fields].count(b"from") > 1


def ends_in_blanks(raw: bytes) -> bool:
    """Tell whether the last line ends with white space and no line end."""
    return raw[-1:] in {b" ", b"\t"}


def has_odd_header_line(raw: bytes) -> bool:
    """Tell whether the header holds what dkimpy refuses, or strips as if it were white space."""
    head = crlf(raw).partition(b"\r\n\r\n")[0]
    odd_name = any(re.match(rb"[!-9;-~]+[ \t]+:", line) for line in head.split(b"\r\n"))
    fields, _ = split_message(crlf(raw))
    is_cut = len(b"".join(fields)) != len(head) + 2
    return (
        odd_name or is_cut or re.search(rb"[\x0b\x0c\x1c-\x1f\x85\xa0\r](?!\n)", head) is not None
    )


DKIMPY = (
    KnownFault(
        "passes a b= whose unused bits are set",
        "RFC 4648 §3.5: one encoding; hostile case 29",
        is_respelled,
    ),
    KnownFault(
        "fails a message with two From fields whatever h= lists",
        "RFC 6376 §5.4.2 selects the last; the contract leaves DKIM's word alone",
        has_several_from,
    ),
    KnownFault(
        "keeps white space at the end of a body without final CRLF under relaxed",
        "RFC 6376 §3.4.4: white space at line ends is ignored",
        ends_in_blanks,
    ),
    KnownFault(
        "refuses white space before a colon and strips control octets as white space",
        "RFC 5322 §4.5.8 allows the first; RFC 6376 §3.4.2 names SP and HTAB only",
        has_odd_header_line,
    ),
)


def dkimpy_passes(raw: bytes, zone: dict[str, Any]) -> bool:
    """Return dkimpy's opinion of the topmost signature; refusing a message is not passing it."""

    def text(name: bytes, timeout: int = 5) -> bytes | None:
        assert timeout
        _, values = look_up(zone, name.decode("latin-1"), "TXT")
        return b"".join(strings(values[0])) if values else None

    try:
        return bool(dkim.verify(raw, dnsfunc=text))
    except (dkim.DKIMException, IndexError, ValueError, UnicodeError):
        return False


def excused(raw: bytes) -> bool:
    """Tell whether a known fault of dkimpy shows in this message."""
    return any(fault.applies(raw) for fault in DKIMPY)


@given(signed_messages(), st.lists(st.lists(CHANGES, max_size=2), min_size=12, max_size=12))
@effort(120)
def test_dkimpy_agrees_about_signed_and_changed_messages(
    drawn: tuple[Signer, bytes], plans: list[list[tuple[str, float, int, int]]]
) -> None:
    _, message = drawn
    variants = [message]
    for plan in plans:
        variant = message
        for change in plan:
            variant = changed(variant, change)
        variants.append(variant)
    for variant, row in zip(variants, batch(variants, ZONE), strict=True):
        ours = [each["result"] for each in row["dkim"]][:1] == ["pass"]
        assert ours == dkimpy_passes(variant, ZONE) or excused(variant), variant


@given(
    st.integers(0, 40),
    st.sampled_from(["relaxed/relaxed", "simple/simple"]),
    st.sampled_from([b"", b"appended\r\n", b" \r\n\r\n"]),
)
@effort(60)
def test_dkimpy_agrees_about_body_lengths(length: int, pair: str, tail: bytes) -> None:
    body = b"a line  of text\r\n\r\nanother \r\n"
    signer = SIGNER.having(body_length=length, canonicalization=pair)
    raw = sign(b"From: a@signer.example\r\n\r\n" + body, signer) + tail
    (signature,) = verdict(raw, ZONE)["dkim"]
    # dkimpy takes an l= beyond the body for the whole body (RFC 6376 §3.5 forbids it).
    beyond = signature["reason"] is not None and signature["result"] == "permerror"
    assert (signature["result"] == "pass") == dkimpy_passes(raw, ZONE) or beyond


@pytest.mark.parametrize(
    ("what", "signer", "record", "word"),
    [
        ("From not signed", SIGNER.having(headers=("to",)), KEY.record(), "permerror"),
        ("key for SHA-1 only", SIGNER, KEY.record("v=DKIM1; h=sha1; "), "permerror"),
        ("key for reports only", SIGNER, KEY.record("v=DKIM1; s=tlsrpt; "), "permerror"),
        ("t=s", SIGNER.having(auid="@a.signer.example"), KEY.record("v=DKIM1; t=s; "), "permerror"),
        ("rsa-sha1", SIGNER.having(digest="sha1"), KEY.record(), "policy"),
    ],
)
def test_what_dkimpy_passes_and_we_do_not(
    what: str, signer: Signer, record: str, word: str
) -> None:
    raw = sign(b"From: a@signer.example\r\nTo: b@signer.example\r\n\r\nx\r\n", signer)
    zone = {**ZONE, SIGNER.key_name: {"TXT": [record]}}
    assert verdict(raw, zone)["dkim"][0]["result"] == word, what


@given(st.binary(max_size=400), st.integers(0, 400))
@effort(100)
def test_the_historic_switch_shows_what_dkimpy_says_of_sha1(body: bytes, cut: int) -> None:
    text = re.sub(rb"[^ -~]", b"\r\n", body)
    raw = sign(b"From: a@signer.example\r\n\r\n" + text, SIGNER.having(digest="sha1"))
    variant = raw[: len(raw) - cut % 7]
    (signature,) = verdict(variant, ZONE, policy=Policy(historic=True))["dkim"]
    assert (signature["result"] == "pass") == dkimpy_passes(variant, ZONE) or excused(variant)


@dataclass(frozen=True, slots=True)
class KnownSpfFault:
    """A fault of pyspf: what it does, by which text that is wrong, and where it shows.

    Attributes:
        says: what pyspf's explanation holds when the fault decided.
        shows: tells whether a zone holds what brings the fault out.
    """

    what: str
    reason: str
    says: str
    shows: Callable[[dict[str, Any]], bool]

    def applies(self, explanation: str, zone: dict[str, Any]) -> bool:
        """Tell whether this fault made pyspf's result."""
        return self.says in explanation and self.shows(zone)


def mentions(*terms: str) -> Callable[[dict[str, Any]], bool]:
    """Return a test for zones in which a record has one of these terms."""

    def test(zone: dict[str, Any]) -> bool:
        texts = str([entry.get("TXT") for entry in zone.values() if isinstance(entry, dict)])
        return any(term in texts for term in terms)

    return test


def has_faulty_host(zone: dict[str, Any]) -> bool:
    """Tell whether `ptr` is used and an address of a PTR name cannot be had."""
    _, names = look_up(zone, "9.2.0.192.in-addr.arpa", "PTR")
    return mentions("ptr")(zone) and any(isinstance(zone.get(name), str) for name in names)


def has_faulty_exchange(zone: dict[str, Any]) -> bool:
    """Tell whether `mx` is used and an address of a mail exchanger cannot be had."""
    entries = [entry for entry in zone.values() if isinstance(entry, dict)]
    exchanges = [exchange for entry in entries for _, exchange in entry.get("MX", [])]
    return mentions("mx")(zone) and any(isinstance(zone.get(name), str) for name in exchanges)


PYSPF = (
    KnownSpfFault(
        "takes an unknown modifier that occurs twice for a syntax error",
        "RFC 7208 §6: unrecognized modifiers are ignored no matter where, or how often",
        "MUST appear at most once",
        mentions("x-unknown=", "y-unknown="),
    ),
    KnownSpfFault(
        "refuses a record that includes itself before it evaluates the terms in front",
        "RFC 7208 §4.6: only syntax is checked ahead; §4.6.2: terms are evaluated in order",
        "include has trivial recursion",
        mentions("include:"),
    ),
    KnownSpfFault(
        "counts the addresses inside mx and ptr as void lookups",
        "RFC 7208 §4.6.4 counts terms; the contract: only the question of the term itself",
        "Void lookup limit",
        mentions("mx", "ptr"),
    ),
    KnownSpfFault(
        "lets a fault at one PTR name decide",
        "RFC 7208 §5.5: a name whose address question fails is skipped",
        "SPF Temporary Error",
        has_faulty_host,
    ),
    KnownSpfFault(
        "asks for the addresses of all mail exchangers before it compares one",
        "RFC 7208 §5.4: names in order of preference, matched by the first address that fits",
        "SPF Temporary Error",
        has_faulty_exchange,
    ),
)


def pyspf_lookup(zone: dict[str, Any]) -> Callable[..., list[Any]]:
    """Return a replacement for pyspf's DNS lookup."""

    def answer(name: str, kind: str, *_: object) -> list[Any]:
        if kind == "SPF":
            return []
        outcome, values = look_up(zone, name, kind)
        if outcome in {"servfail", "timeout", "chain-too-long"}:
            raise spf.TempError(f"DNS {outcome}")
        if kind == "TXT":
            return [((name, kind), strings(value)) for value in values]
        if kind == "MX":
            return [((name, kind), (value[0], value[1])) for value in values]
        return [((name, kind), value) for value in values]

    return answer


@contextmanager
def pyspf_zone(zone: dict[str, Any]) -> Iterator[None]:
    """Let pyspf answer from a zone."""
    with patch.object(spf, "DNSLookup", pyspf_lookup(zone)):
        yield


def pyspf_result(zone: dict[str, Any], ip: str, mail_from: str) -> tuple[str, str]:
    """Return pyspf's result and its explanation."""
    with pyspf_zone(zone):
        result, explanation = spf.check2(i=ip, s=mail_from, h="n0.example", querytime=0)
    return str(result), str(explanation)


@given(
    spf_zones(),
    st.sampled_from([*ADDRESSES, *ADDRESSES6]),
    st.sampled_from(["user@n0.example", "n0.example", "a-b.c@n0.example", ""]),
)
@effort(400)
def test_pyspf_agrees_about_generated_zones(zone: dict[str, Any], ip: str, mail_from: str) -> None:
    ours = check_host(zone, ip, "n0.example", mail_from)["result"]
    theirs, explanation = pyspf_result(zone, ip, mail_from)
    known = any(fault.applies(explanation, zone) for fault in PYSPF)
    assert ours == theirs or known, (zone, ip, mail_from, explanation)


def test_the_tables_of_known_faults_say_why() -> None:
    assert all(fault.what and fault.reason for fault in (*DKIMPY, *PYSPF))
    assert not excused(sign(b"From: a@signer.example\r\n\r\nx\r\n", SIGNER))
    assert rsa_key("strategies", 1024) == KEY

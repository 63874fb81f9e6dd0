"""Properties that hold for every input: no changed message passes, and no fault makes a verdict."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mailauth_fast import Envelope, Verifier

from tests.answering import Recorder, with_fault
from tests.canonicalization import (
    canonical_body,
    canonical_field,
    field_name,
    selected_fields,
    split_message,
)
from tests.door import NOW, Row, batch, rows, verifier, words
from tests.sample import generate
from tests.strategies import CHANGES, ZONE, changed, effort, signed_messages

if TYPE_CHECKING:
    from tests.signing import Signer

FAULTS = ("TIMEOUT", "SERVFAIL")
SAMPLE_ZONE: dict[str, Any] = json.loads((generate.FOLDER / "dns.json").read_bytes())


def signed_octets(signer: Signer, message: bytes) -> tuple[list[bytes], bytes]:
    """Return what the topmost signature covers, in canonical form, `b=` removed."""
    header, body = signer.modes()
    fields, rest = split_message(re.sub(rb"(?<!\r)\n", b"\r\n", message))
    first = next((field for field in fields if field_name(field) == b"dkim-signature"), b"")
    others = [field for field in fields if field is not first]
    names = [name.encode() for name in signer.headers]
    bare = re.sub(rb"\bb=[^;]*$", b"b=", first.removesuffix(b"\r\n"))
    chosen = [canonical_field(field, header) for field in selected_fields(others, names)]
    covered = canonical_body(rest, body)[: signer.body_length]
    return [*chosen, canonical_field(bare, header).rstrip(b"\r\n")], covered


@given(
    signed_messages(), st.lists(st.lists(CHANGES, min_size=1, max_size=3), min_size=24, max_size=24)
)
@effort(150)
def test_a_change_of_signed_octets_never_passes(
    drawn: tuple[Signer, bytes], plans: list[list[tuple[str, float, int, int]]]
) -> None:
    signer, message = drawn
    original = signed_octets(signer, message)
    variants = [message]
    for plan in plans:
        variant = message
        for change in plan:
            variant = changed(variant, change)
        if signed_octets(signer, variant) != original:
            variants.append(variant)
    first, *others = batch(variants, ZONE)
    assert first["dkim"][0]["result"] == "pass"
    for variant, row in zip(variants[1:], others, strict=True):
        assert "pass" not in [each["result"] for each in row["dkim"]], variant
        assert row["dmarc"]["result"] != "pass"


@given(signed_messages())
@effort(150)
def test_line_ends_and_order_of_unsigned_fields_change_nothing(drawn: tuple[Signer, bytes]) -> None:
    signer, message = drawn
    unsigned = b"X-Trace: one\r\nX-Trace: two\r\n"
    variants = [message, message.replace(b"\r\n", b"\n"), unsigned + message]
    assert "x-trace" not in signer.headers
    assert {row["dkim"][0]["result"] for row in batch(variants, ZONE)} == {"pass"}


SPF_ZONE: dict[str, Any] = {
    "sender.example": {
        "TXT": [
            (
                "v=spf1 include:i.example a:h.example mx:m.example exists:%{i}.e.example "
                "redirect=r.example"
            )
        ]
    },
    "i.example": {"TXT": ["v=spf1 ip4:198.51.100.0/24 ~all"]},
    "h.example": {"A": ["192.0.2.7"], "AAAA": ["2001:db8::7"]},
    "m.example": {"MX": [[10, "m1.example"], [20, "m2.example"]]},
    "m1.example": {"A": ["192.0.2.8"]},
    "m2.example": {"A": ["192.0.2.9"]},
    "192.0.2.10.e.example": {"A": ["127.0.0.2"]},
    "r.example": {"TXT": ["v=spf1 ip4:192.0.2.11 -all"]},
    "helo.example": {"TXT": ["v=spf1 include:i.example a:h.example -all"]},
    "_dmarc.sender.example": {"TXT": ["v=DMARC1; p=reject"]},
}
CLIENTS = [
    "198.51.100.5",
    "192.0.2.7",
    "192.0.2.9",
    "192.0.2.10",
    "192.0.2.11",
    "203.0.113.1",
    "2001:db8::7",
]

Judged = tuple[bytes, Envelope | None]


def sample_messages(*, is_enveloped: bool) -> list[Judged]:
    """Return one message of each case of the sample archive."""
    entries, expected = generate.sample()
    first = {str(case["case"]): number for number, case in reversed(list(enumerate(expected)))}
    chosen = sorted(first.values())
    return [
        (
            generate.unquoted(entries[number]),
            Envelope(**cast("Any", expected[number]["envelope"])) if is_enveloped else None,
        )
        for number in chosen
    ]


def spf_messages() -> list[Judged]:
    """Return an unsigned message from each client."""
    raw = b"From: a@sender.example\r\nSubject: x\r\n\r\nx\r\n"
    return [
        (raw, Envelope(client_ip=client, helo="helo.example", mail_from="a@sender.example"))
        for client in CLIENTS
    ]


def judge(engine: Verifier, messages: list[Judged]) -> list[Row]:
    """Return the rows of these messages."""
    envelopes = [envelope for _, envelope in messages]
    return rows(engine.verify_batch([raw for raw, _ in messages], envelopes, now="received"))


def violations(before: Row, after: Row) -> list[str]:
    """Return the parts of a verdict that a fault turned into something else than temperror."""
    old, new = words(before), words(after)
    pairs = [(name, old[name], new[name]) for name in ("spf", "spf_helo", "arc", "dmarc", "error")]
    pairs += [("dkim", *pair) for pair in zip(old["dkim"], new["dkim"], strict=True)]
    wrong = [f"{name}: {one} -> {two}" for name, one, two in pairs if two not in (one, "temperror")]
    actions = before["disposition"]["action"], after["disposition"]["action"]
    # Several author domains stay `permerror`, but the policy that decides the action may be lost.
    is_lost = new["dmarc"] == "permerror" and after["dmarc"]["effective_policy"] is None
    is_decided = new["dmarc"] == old["dmarc"] and not is_lost
    if actions[1] not in ({actions[0]} if is_decided else {"none", "defer"}):
        wrong.append(f"disposition: {actions[0]} -> {actions[1]}")
    return wrong


def asked(zone: dict[str, Any], messages: list[Judged]) -> list[tuple[str, str]]:
    """Return the questions that these messages need."""
    recorder = Recorder(zone)
    judge(Verifier(resolver=recorder), messages)
    return sorted(recorder.asked)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", ["enveloped", "bare", "spf"])
def test_a_fault_leaves_a_result_or_makes_it_temperror(kind: str, fault: str) -> None:
    zone = SPF_ZONE if kind == "spf" else SAMPLE_ZONE
    messages = (
        spf_messages() if kind == "spf" else sample_messages(is_enveloped=kind == "enveloped")
    )
    before = judge(verifier(zone), messages)
    found: list[tuple[str, str, int, list[str]]] = []
    hits = 0
    for name, record_type in asked(zone, messages):
        after = judge(verifier(with_fault(zone, name, record_type, fault)), messages)
        for number, pair in enumerate(zip(before, after, strict=True)):
            hits += words(pair[0]) != words(pair[1])
            wrong = violations(*pair)
            if wrong:
                found.append((name, record_type, number, wrong))
    assert found == []
    assert hits > 0


@pytest.mark.parametrize("record", ["v=spf1 ptr -all", "v=spf1 exists:%{p}.e.example -all"])
def test_excused_faults_are_named_in_the_verdict(record: str) -> None:
    zone = {"sender.example": {"TXT": [record]}, "9.2.0.192.in-addr.arpa": "TIMEOUT"}
    envelope = Envelope(client_ip="192.0.2.9", helo="h.example", mail_from="a@sender.example")
    (row,) = batch([b"Subject: x\r\n\r\nx\r\n"], zone, envelopes=[envelope], now=NOW)
    assert row["spf"]["result"] == "fail"
    assert "ptr-error" in row["limits"]

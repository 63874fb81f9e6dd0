"""Envelopes out of trace fields, end to end: whom `trust` believes, what the checks say then."""

from __future__ import annotations

from typing import Any

import pytest
from mailauth_fast import Envelope, InvalidPolicy, Policy

from tests.door import Row, rows, verdict, verifier

ZONE: dict[str, Any] = {
    "example.com": {"TXT": ["v=spf1 ip4:198.51.100.0/24 -all"]},
    "mail.example.com": {"TXT": ["v=spf1 a -all"], "A": ["198.51.100.1"]},
    "_dmarc.example.com": {"TXT": ["v=DMARC1; p=reject"]},
    "example.org": {"TXT": ["v=spf1 -all"]},
}
BODY = "From: a@example.com\r\nSubject: x\r\n\r\nHello\r\n"
DATE = "Mon, 04 May 2026 06:00:00 +0000"
BORDER = (
    "Received: from mail.example.com (mail.example.com [198.51.100.1])\r\n"
    "\tby mx.example.net (Postfix) with ESMTPS id 4Xq1\r\n"
    f"\tfor <b@example.net>; {DATE}\r\n"
)
INNER = (
    "Received: from mx.example.net (mx.example.net [192.0.2.10])\r\n"
    "\tby store.example.net (Postfix) with ESMTP id 4Xq2; Mon, 04 May 2026 06:00:07 +0000\r\n"
)
SUBMITTED = (
    "Received: from [10.1.2.3] (unknown [203.0.113.5])\r\n"
    "\t(Authenticated sender: a@example.com)\r\n"
    f"\tby mx.example.net (Postfix) with ESMTPSA id 4Xq3; {DATE}\r\n"
)
SENDER = "Return-Path: <bounces@example.com>\r\n"
BY_BORDER = ("by:mx.example.net",)


def judged(
    header: str, *trust: str, envelope: Envelope | None = None, now: int | str = "received"
) -> Row:
    """Judge a message with this trace, believing these entries."""
    raw = f"{header}{BODY}".encode()
    return verdict(raw, ZONE, envelope=envelope, policy=Policy(trust=trust), now=now)


def sources(row: Row) -> dict[str, str]:
    """Return where the parts of the envelope come from."""
    found: dict[str, str] = row["envelope"]["sources"]
    return found


def test_without_trust_only_the_return_path_is_used() -> None:
    row = judged(SENDER + BORDER)
    assert row["envelope"]["client_ip"] is None
    assert row["envelope"]["mail_from"] == "bounces@example.com"
    assert sources(row) == {
        "client_ip": "missing",
        "helo": "missing",
        "mail_from": "return-path",
        "rcpt_to": "missing",
        "received_at": "received",
    }
    assert (row["spf"]["result"], row["spf"]["reason"]) == ("not-evaluated", "no-envelope")
    assert row["spf"]["domain"] == "example.com"
    assert (row["dmarc"]["result"], row["dmarc"]["reason"]) == ("unverifiable", "no-envelope")


def test_a_return_path_of_another_domain_cannot_have_been_aligned() -> None:
    row = judged("Return-Path: <x@example.org>\r\n" + BORDER)
    assert (row["dmarc"]["result"], row["dmarc"]["reason"]) == ("fail", "not-authenticated")


def test_a_trusted_border_field_gives_the_envelope() -> None:
    row = judged(SENDER + BORDER, *BY_BORDER)
    assert row["envelope"] == {
        "client_ip": "198.51.100.1",
        "helo": "mail.example.com",
        "mail_from": "bounces@example.com",
        "rcpt_to": ["b@example.net"],
        "auth_id": None,
        "protocol": "ESMTPS",
        "sources": {
            "client_ip": "received",
            "helo": "received",
            "mail_from": "return-path",
            "rcpt_to": "received",
            "received_at": "received",
        },
    }
    assert (row["spf"]["result"], row["spf_helo"]["result"]) == ("pass", "pass")
    assert row["dmarc"]["result"] == "pass"
    assert (row["flow"], row["limits"]) == ("unknown", [])


def test_a_bounce_is_checked_by_its_helo() -> None:
    row = judged("Return-Path: <>\r\n" + BORDER, *BY_BORDER)
    assert row["envelope"]["mail_from"] == ""
    assert row["spf"]["identity"] == "mail_from"
    assert (row["spf"]["result"], row["spf"]["domain"]) == ("pass", "mail.example.com")


def test_two_trusted_hops() -> None:
    for trust in (("hops:2",), ("by:.example.net", "net:192.0.2.0/24"), ("net:192.0.2.10",)):
        row = judged(SENDER + INNER + BORDER, *trust)
        assert row["envelope"]["client_ip"] == "198.51.100.1", trust
        assert row["received_at"] == 1_777_874_400, trust
        assert row["spf"]["result"] == "pass", trust
    row = judged(SENDER + INNER + BORDER)
    assert row["received_at"] == 1_777_874_407


def test_a_forged_field_below_the_border_is_not_believed() -> None:
    stranger = BORDER.replace("198.51.100.1", "203.0.113.9")
    row = judged(SENDER + stranger + BORDER, *BY_BORDER)
    assert row["envelope"]["client_ip"] == "203.0.113.9"
    assert (row["spf"]["result"], row["dmarc"]["result"]) == ("fail", "fail")


def test_a_private_hop_is_listed_and_passed_only_when_it_is_ours() -> None:
    header = SENDER + INNER.replace("192.0.2.10", "10.0.0.5") + BORDER
    row = judged(header, "by:.example.net")
    assert row["envelope"]["client_ip"] is None
    assert sources(row)["client_ip"] == "missing"
    assert (row["spf"]["result"], row["spf"]["reason"]) == ("not-evaluated", "ip-untrusted")
    assert (row["dmarc"]["result"], row["dmarc"]["reason"]) == ("unverifiable", "ip-untrusted")
    assert row["limits"] == ["unroutable-hop:10.0.0.5"]
    row = judged(header, "by:.example.net", "net:10.0.0.0/8")
    assert row["envelope"]["client_ip"] == "198.51.100.1"
    assert row["limits"] == ["unroutable-hop:10.0.0.5"]


def test_received_spf_of_another_host_is_ignored() -> None:
    spf = (
        "Received-SPF: pass (mx.example.net: ok) client-ip=198.51.100.1;\r\n"
        ' envelope-from="x@example.com"; helo=mail.example.com; receiver=mx.example.net;\r\n'
    )
    row = judged(spf + BORDER, *BY_BORDER)
    assert row["envelope"]["mail_from"] == "x@example.com"
    assert sources(row)["mail_from"] == "received-spf"
    for header in (
        spf.replace("receiver=mx.example.net", "receiver=mx.example.org") + BORDER,
        BORDER + spf,
        spf.replace("client-ip=198", "client-ip=199") + BORDER,
    ):
        row = judged(header, *BY_BORDER)
        assert row["envelope"]["mail_from"] is None
        assert sources(row)["mail_from"] == "missing"
    assert judged(spf + BORDER)["envelope"]["mail_from"] is None


def test_submitted_mail_is_exempt_from_spf() -> None:
    for row in (
        judged(SENDER + SUBMITTED, *BY_BORDER),
        judged(SENDER + BORDER.replace("ESMTPS", "ESMTPSA"), *BY_BORDER),
        judged("", envelope=Envelope(mail_from="a@example.com", auth_id="a@example.com")),
        judged("", envelope=Envelope(mail_from="a@example.com", protocol="esmtpsa")),
    ):
        assert row["flow"] == "submission"
        assert (row["spf"]["result"], row["spf"]["reason"]) == ("not-evaluated", "submission")
        assert (row["spf_helo"]["result"], row["spf_helo"]["reason"]) == (
            "not-evaluated",
            "submission",
        )
        assert (row["dmarc"]["result"], row["dmarc"]["reason"]) == ("unverifiable", "submission")
        assert "cleartext-auth" not in row["limits"]
    row = judged(SENDER + SUBMITTED, *BY_BORDER)
    assert row["envelope"]["auth_id"] == "a@example.com"


def test_a_submission_that_is_not_ours_exempts_nothing() -> None:
    assert judged(SENDER + SUBMITTED)["flow"] == "unknown"
    row = judged(SENDER + BORDER + SUBMITTED, *BY_BORDER)
    assert (row["flow"], row["spf"]["result"]) == ("unknown", "pass")
    forged = "Authentication-Results: mx.example.net; auth=pass smtp.auth=a@example.com\r\n"
    assert judged(SENDER + BORDER + forged, *BY_BORDER)["flow"] == "unknown"
    row = judged(forged + SENDER + BORDER, *BY_BORDER)
    assert (row["flow"], row["envelope"]["auth_id"]) == ("submission", "a@example.com")


def test_authentication_without_tls_is_named() -> None:
    row = judged(SENDER + SUBMITTED.replace("ESMTPSA", "ESMTPA"), *BY_BORDER)
    assert (row["flow"], row["limits"]) == ("submission", ["cleartext-auth"])
    row = judged("", envelope=Envelope(protocol="LMTPA"))
    assert "cleartext-auth" in row["limits"]


def test_what_the_caller_gives_comes_first() -> None:
    given = Envelope(client_ip="203.0.113.1", rcpt_to=("c@example.net",))
    row = judged(SENDER + BORDER, *BY_BORDER, envelope=given)
    assert row["envelope"]["client_ip"] == "203.0.113.1"
    assert (row["envelope"]["helo"], row["envelope"]["mail_from"]) == (None, None)
    assert row["envelope"]["rcpt_to"] == ["c@example.net"]
    assert sources(row)["client_ip"] == sources(row)["rcpt_to"] == "explicit"
    assert sources(row)["mail_from"] == "missing"


def test_a_table_names_the_sources_too() -> None:
    engine = verifier(ZONE, Policy(trust=BY_BORDER))
    raw = f"{SENDER}{BORDER}{BODY}".encode()
    single = engine.verify(raw, now="received").to_dict()
    (row,) = rows(engine.verify_batch([raw], now="received"))
    assert row["envelope"] == single["envelope"]


def test_a_preset_reads_only_its_writers_form() -> None:
    assert judged(BORDER, *BY_BORDER, "preset:postfix")["envelope"]["helo"] == "mail.example.com"
    assert judged(BORDER, *BY_BORDER, "preset:exim")["envelope"]["helo"] is None


@pytest.mark.parametrize(
    "entry", ["nets:192.0.2.0/24", "net:192.0.2.0/33", "by:", "hops:0", "hops:101", "preset:x", ""]
)
def test_a_policy_names_the_entry_that_it_does_not_understand(entry: str) -> None:
    with pytest.raises(InvalidPolicy) as caught:
        Policy(trust=("by:mx.example.net", entry))
    sentence = str(caught.value)
    assert f'"{entry}"' in sentence
    assert all(form in sentence for form in ("net:CIDR", "by:NAME", "hops:N", "preset:NAME"))


def test_a_policy_takes_a_sequence_of_texts() -> None:
    assert Policy(trust=["hops:1"]).trust == ("hops:1",)  # type: ignore[arg-type]
    for wrong in ("hops:1", (1,)):
        with pytest.raises(InvalidPolicy, match="trust"):
            Policy(trust=wrong)  # type: ignore[arg-type]

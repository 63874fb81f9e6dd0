"""Cases 61 to 65: policy records that lie, and identifiers that almost align."""

from __future__ import annotations

from typing import Any

import pytest
from mailauth_fast import Envelope, Policy

from tests.door import NOW, OLD_NOW, discover
from tests.hostile.scene import (
    ATTACKER,
    KEY,
    LEGITIMATE,
    LEGITIMATE_IP,
    SIGNER,
    attacker,
    judged,
    legitimate,
    mail,
)
from tests.signing import Signer, sign

NAME = f"_dmarc.{LEGITIMATE}"
RUA = "rua=mailto:reports@legitimate.example"


def published(*records: str) -> dict[str, Any]:
    """Return a zone in which the legitimate domain has these policy records."""
    return {NAME: {"TXT": list(records)}}


@pytest.mark.parametrize(
    ("records", "word", "policy"),
    [
        (["v=DMARC1; p=reject", "v=DMARC1; p=none"], "none", None),
        (["v=DMARC1; p=reject", "v=spf1 -all"], "fail", "reject"),
        (["v=dmarc1; p=reject"], "none", None),
        (["v=DMARC1"], "none", None),
        ([f"v=DMARC1; {RUA}"], "fail", "none"),
        (["v=DMARC1; p=bogus"], "none", None),
        ([f"v=DMARC1; p=bogus; {RUA}"], "fail", "none"),
        (["v=DMARC1; p=reject\0"], "none", None),
        (["p=reject; v=DMARC1"], "none", None),
        (["v=DMARC1; p=reject; __proto__=x; constructor=y"], "fail", "reject"),
        (["v=DMARC1; __class__=none; p=reject"], "fail", "reject"),
        (["v=DMARC1; p=REJECT;"], "fail", "reject"),
        (["v = DMARC1 ; p = reject ;"], "fail", "reject"),
        (["v=DMARC1;p=reject;adkim=bogus"], "fail", "reject"),
    ],
)
def test_case_061_policy_records(records: list[str], word: str, policy: str | None) -> None:
    row = judged(mail(), published(*records), envelope=attacker())
    assert (row["dmarc"]["result"], row["dmarc"]["effective_policy"]) == (word, policy)


@pytest.mark.parametrize("record", ["v=DMARC1; p=reject; p=none", "v=DMARC1; p=none; p=reject"])
def test_case_061_a_duplicate_tag_never_chooses_the_weaker_policy_silently(record: str) -> None:
    row = judged(mail(), published(record), envelope=attacker())
    assert row["dmarc"]["result"] == "none"
    assert row["dmarc"]["reason"] != "no-record"


@pytest.mark.parametrize("now", [NOW, OLD_NOW])
@pytest.mark.parametrize(("mode", "word"), [("r", "pass"), ("s", "fail")])
def test_case_062_strict_dkim_alignment(mode: str, word: str, now: int) -> None:
    below = SIGNER.having(domain=f"mail.{LEGITIMATE}", timestamp=None)
    zone = {
        **published(f"v=DMARC1; p=reject; adkim={mode}"),
        below.key_name: {"TXT": [KEY.record()]},
    }
    row = judged(sign(mail(), below), zone, envelope=attacker(), now=now)
    assert (row["dkim"][0]["result"], row["dmarc"]["result"]) == ("pass", word)
    assert row["dmarc"]["dkim_aligned"] is (mode == "r")


@pytest.mark.parametrize("now", [NOW, OLD_NOW])
@pytest.mark.parametrize(("mode", "word"), [("r", "pass"), ("s", "fail")])
def test_case_062_strict_spf_alignment(mode: str, word: str, now: int) -> None:
    zone = {
        **published(f"v=DMARC1; p=reject; aspf={mode}"),
        f"mail.{LEGITIMATE}": {"TXT": ["v=spf1 +all"]},
    }
    envelope = Envelope(client_ip=LEGITIMATE_IP, helo="x.example", mail_from=f"a@mail.{LEGITIMATE}")
    row = judged(mail(), zone, envelope=envelope, now=now)
    assert (row["spf"]["result"], row["dmarc"]["result"]) == ("pass", word)


@pytest.mark.parametrize("fault", ["TIMEOUT", "SERVFAIL"])
def test_case_063_an_aligned_temperror_is_temperror(fault: str) -> None:
    row = judged(legitimate(), {SIGNER.key_name: fault}, envelope=attacker())
    assert (row["dkim"][0]["result"], row["dmarc"]["result"]) == ("temperror", "temperror")
    own = Envelope(client_ip=LEGITIMATE_IP, helo="x.example", mail_from=f"a@{LEGITIMATE}")
    assert judged(legitimate(), {SIGNER.key_name: fault}, envelope=own)["dmarc"]["result"] == "pass"
    assert judged(mail(), {LEGITIMATE: fault}, envelope=own)["dmarc"]["result"] == "temperror"


@pytest.mark.parametrize("fault", ["TIMEOUT", "SERVFAIL"])
def test_case_063_an_unaligned_temperror_changes_nothing(fault: str) -> None:
    other = SIGNER.having(domain="other.example")
    row = judged(sign(mail(), other), {other.key_name: fault}, envelope=attacker())
    assert (row["dkim"][0]["result"], row["dmarc"]["result"]) == ("temperror", "fail")


@pytest.mark.parametrize("now", [NOW, OLD_NOW])
@pytest.mark.parametrize("fault", ["TIMEOUT", "SERVFAIL"])
def test_case_063_a_policy_that_cannot_be_had_is_temperror(fault: str, now: int) -> None:
    for raw in (legitimate(), mail()):
        row = judged(raw, {NAME: fault}, envelope=attacker(), now=now)
        assert row["dmarc"]["result"] == "temperror"
        assert row["disposition"]["action"] in {"none", "defer"}


EAI = "xn--bcher-kva.example"


@pytest.mark.parametrize(
    ("author", "signing"),
    [
        ("LEGITIMATE.EXAMPLE", LEGITIMATE),
        (LEGITIMATE, "Legitimate.EXAMPLE"),
        ("bücher.example", EAI),
        (EAI.upper(), EAI),
        ("BÜCHER.example", EAI.upper()),
        (EAI, "bücher.example"),
    ],
)
def test_case_064_identifiers_compare_as_lower_case_a_labels(author: str, signing: str) -> None:
    signer: Signer = SIGNER.having(domain=signing)
    zone = {
        f"_dmarc.{EAI}": {"TXT": ["v=DMARC1; p=reject; adkim=s"]},
        f"s1._domainkey.{EAI}": {"TXT": [KEY.record()]},
    }
    row = judged(sign(mail(f"admin@{author}"), signer), zone, envelope=attacker())
    assert row["dkim"][0]["result"] == "pass"
    assert row["dmarc"]["result"] == "pass"
    assert row["dkim"][0]["domain"] == row["author"]["domain"]


def test_case_064_a_final_dot_in_the_envelope_is_no_difference() -> None:
    envelope = Envelope(client_ip=LEGITIMATE_IP, helo="x.example", mail_from=f"a@{LEGITIMATE}.")
    row = judged(mail(), envelope=envelope)
    assert (row["spf"]["result"], row["dmarc"]["result"]) == ("pass", "pass")


def test_case_064_a_name_that_only_ends_alike_is_another() -> None:
    other = SIGNER.having(domain=f"not{LEGITIMATE}")
    zone = {other.key_name: {"TXT": [KEY.record()]}}
    row = judged(sign(mail(), other), zone, envelope=attacker())
    assert (row["dkim"][0]["result"], row["dmarc"]["result"]) == ("pass", "fail")


@pytest.mark.parametrize(
    ("rua", "kept"),
    [
        (",".join(f"mailto:r{number}@legitimate.example" for number in range(10_000)), None),
        (f"mailto:{'x' * 1_000_000}@legitimate.example", None),
        ("mailto:a@legitimate.example!10m", ["mailto:a@legitimate.example"]),
        ("mailto:a@legitimate.example,,mailto:b@legitimate.example", None),
    ],
)
def test_case_065_report_addresses_cost_no_questions(rua: str, kept: list[str] | None) -> None:
    zone = published(f"v=DMARC1; p=reject; rua={rua}")
    plain = judged(mail(), envelope=attacker())
    row = judged(mail(), zone, envelope=attacker())
    assert row["dmarc"]["result"] == "fail"
    assert row["dns_questions"] == plain["dns_questions"]
    found = discover(zone, LEGITIMATE)["rua"]
    assert all(uri.startswith("mailto:") for uri in found)
    if kept is not None:
        assert found == kept


def test_case_065_a_file_is_no_report_address() -> None:
    zone = published("v=DMARC1; p=reject; rua=file:///etc/passwd,mailto:a@legitimate.example")
    assert "mailto:a@legitimate.example" in discover(zone, LEGITIMATE)["rua"]


def test_the_attacker_never_passes_for_the_legitimate_domain() -> None:
    for policy in (Policy(rules="rfc9989"), Policy(rules="rfc7489")):
        row = judged(mail(), envelope=attacker(), policy=policy)
        assert row["dmarc"]["result"] == "fail"
        assert row["spf"]["domain"] == ATTACKER

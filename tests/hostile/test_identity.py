"""Cases 1 to 10: identities that are meant to be confused (Composition Kills A1 to A9)."""

from __future__ import annotations

import pytest
from mailauth_fast import Envelope

from tests.door import author, check_host
from tests.hostile.scene import (
    ATTACK_SIGNER,
    ATTACKER,
    BODY,
    LEGITIMATE,
    LEGITIMATE_IP,
    SIGNER,
    ZONE,
    attacker,
    dkim_word,
    judged,
    mail,
    questions,
)
from tests.signing import Signer, sign

NO_AUTHOR = b"Subject: nobody wrote this\r\n\r\nx\r\n"
# Names that no question may be asked for.
BAD_NAMES = [
    f"s._domainkey.{ATTACKER}.\0.any",
    f"{ATTACKER}\\0.{LEGITIMATE}",
    f"{ATTACKER}\\.{LEGITIMATE}",
    f"{ATTACKER} {LEGITIMATE}",
    f"\x80.{LEGITIMATE}",
    f"{'a' * 64}.{LEGITIMATE}",
    ".".join(["a" * 60] * 5),
    f"a..{LEGITIMATE}",
]


def test_case_001_helo_pass_is_not_mail_from_pass() -> None:
    row = judged(mail(), envelope=attacker(f"any@nx.{LEGITIMATE}"))
    assert (row["spf"]["result"], row["spf_helo"]["result"]) == ("none", "pass")
    assert row["dmarc"]["result"] == "fail"
    assert row["dmarc"]["spf_aligned"] is False


def test_case_002_malformed_mail_from_is_never_empty() -> None:
    row = judged(mail(), envelope=attacker(f"(any@{LEGITIMATE}"))
    assert row["spf"]["result"] in {"none", "permerror", "fail"}
    assert row["spf"]["domain"] != ATTACKER
    assert row["dmarc"]["result"] == "fail"


def test_case_003_null_sender_is_checked_as_postmaster_of_helo() -> None:
    envelope = Envelope(client_ip=LEGITIMATE_IP, helo=LEGITIMATE, mail_from="")
    row = judged(mail(), envelope=envelope)
    assert row["spf"]["result"] == "pass"
    assert (row["spf"]["identity"], row["spf"]["domain"]) == ("mail_from", LEGITIMATE)
    assert row["dmarc"]["result"] == "pass"


@pytest.mark.parametrize(
    "helo", ["[192.0.2.1]", "localhost", "bad name.example", "", "a..b.example"]
)
def test_case_003_helo_that_is_no_name_is_none_without_dns(helo: str) -> None:
    envelope = Envelope(client_ip=LEGITIMATE_IP, helo=helo, mail_from="")
    row = judged(NO_AUTHOR, envelope=envelope)
    assert (row["spf"]["result"], row["spf_helo"]["result"]) == ("none", "none")
    assert row["dns_questions"] == 0


@pytest.mark.parametrize("name", BAD_NAMES)
@pytest.mark.parametrize("tag", ["d", "s"])
def test_case_004_bad_name_in_a_signature(tag: str, name: str) -> None:
    raw = sign(mail(), SIGNER.having(override={tag: name}))
    assert dkim_word(raw) == "permerror"
    assert questions(raw) == questions(mail())


@pytest.mark.parametrize("name", BAD_NAMES)
def test_case_004_bad_name_in_from(name: str) -> None:
    row = judged(mail(f"admin@{name}"))
    assert row["author"]["domain"] is None
    assert row["dmarc"]["result"] in {"permerror", "none"}


@pytest.mark.parametrize("name", BAD_NAMES)
@pytest.mark.parametrize("term", ["include:{}", "redirect={}"])
def test_case_004_bad_name_in_an_spf_term(term: str, name: str) -> None:
    record = f"v=spf1 {term.format(name)}"
    zone = {"sender.example": {"TXT": [record]}}
    row = check_host(zone, "192.0.2.9", "helo.example", "a@sender.example")
    assert row["result"] == "permerror"


@pytest.mark.parametrize("name", BAD_NAMES)
def test_case_004_bad_name_in_the_envelope(name: str) -> None:
    row = judged(NO_AUTHOR, envelope=attacker(f"any@{name}", helo=name))
    assert (row["spf"]["result"], row["spf_helo"]["result"]) == ("none", "none")
    assert row["dns_questions"] == 0


@pytest.mark.parametrize("mark", ["(", '"', "'"])
def test_case_005_comment_mark_in_a_signing_domain(mark: str) -> None:
    raw = sign(mail(), SIGNER.having(override={"d": f"{LEGITIMATE}{mark}.{ATTACKER}"}))
    row = judged(raw)
    assert [signature["result"] for signature in row["dkim"]] == ["permerror"]
    assert questions(raw) == questions(mail())
    assert mark + "." not in (row["authentication_results"] or "")


@pytest.mark.parametrize(
    "mail_from",
    [
        f"any@{LEGITIMATE}(.{ATTACKER}",
        f"any@{LEGITIMATE}'@a.{ATTACKER}",
        f"@{LEGITIMATE},@any.example:'any@{ATTACKER}",
    ],
)
def test_case_006_mail_from_with_two_domains_never_aligns(mail_from: str) -> None:
    zone = {f"a.{ATTACKER}": {"TXT": ["v=spf1 +all"]}}
    row = judged(mail(), zone, envelope=attacker(mail_from))
    assert row["dmarc"]["spf_aligned"] is False
    assert row["dmarc"]["result"] == "fail"


@pytest.mark.parametrize(
    "senders",
    [
        [f"a@{ATTACKER}", f"admin@{LEGITIMATE}"],
        [f"admin@{LEGITIMATE}", f"a@{ATTACKER}"],
        [f"a@{ATTACKER}", f"admin@{LEGITIMATE}", f"b@{ATTACKER}"],
        [f"admin@{LEGITIMATE}", f"admin@{LEGITIMATE}"],
    ],
)
def test_case_007_several_from_fields_are_permerror(senders: list[str]) -> None:
    head = b"".join(f"From: {sender}\r\n".encode() for sender in senders)
    raw = head + b"Subject: x\r\n\r\n" + BODY
    for signer in (SIGNER, ATTACK_SIGNER):
        row = judged(sign(raw, signer))
        assert row["dkim"][0]["result"] == "pass"
        assert row["dmarc"]["result"] == "permerror"
        assert row["author"]["domain"] is None


def test_case_007_second_from_on_top_of_a_signed_message() -> None:
    row = judged(f"From: a@{ATTACKER}\r\n".encode() + sign(mail(), SIGNER))
    assert (row["dkim"][0]["result"], row["dmarc"]["result"]) == ("pass", "permerror")


@pytest.mark.parametrize("before", [b"", b"X-First: x\r\n"])
@pytest.mark.parametrize("colon", [b" :", b"\t:", b" \t :"])
def test_case_008_from_with_white_space_before_its_colon_counts(
    before: bytes, colon: bytes
) -> None:
    row = judged(before + b"From" + colon + f" a@{ATTACKER}\r\n".encode() + mail())
    assert row["author"]["domain"] is None
    assert row["dmarc"]["result"] == "permerror"


def test_case_008_white_space_in_the_first_line_leaves_no_header() -> None:
    row = judged(f" From: a@{ATTACKER}\r\n".encode() + mail())
    assert row["author"]["domain"] is None
    assert row["dmarc"]["result"] == "none"
    assert "no-blank-line" in row["repairs"]


@pytest.mark.parametrize(
    ("before", "domain"), [(b"", None), (b"From: admin@legitimate.example\r\n", LEGITIMATE)]
)
def test_case_008_from_with_a_fold_before_its_colon_ends_the_header(
    before: bytes, domain: str | None
) -> None:
    raw = before + f"From\r\n : a@{ATTACKER}\r\nFrom: b@{ATTACKER}\r\n\r\nx\r\n".encode()
    assert judged(raw)["author"]["domain"] == domain
    assert author(raw)["domain"] == domain


@pytest.mark.parametrize("name", ["Sender", "Resent-From", "Reply-To", "Return-Path", "X-From"])
def test_case_009_nothing_stands_in_for_from(name: str) -> None:
    row = judged(f"{name}: admin@{LEGITIMATE}\r\nSubject: x\r\n\r\nx\r\n".encode())
    assert row["dmarc"]["result"] == "none"
    assert row["author"]["reason"] == "no-author-domain"


@pytest.mark.parametrize("signer", [SIGNER, ATTACK_SIGNER])
@pytest.mark.parametrize("order", [1, -1])
def test_case_010_two_author_domains_are_permerror(order: int, signer: Signer) -> None:
    members = [f"a@{ATTACKER}", f"admin@{LEGITIMATE}"][::order]
    row = judged(sign(mail(", ".join(members)), signer))
    assert row["dkim"][0]["result"] == "pass"
    assert row["dmarc"]["result"] == "permerror"


def test_case_010_one_domain_twice_is_one_author_domain() -> None:
    row = judged(sign(mail(f"a@{LEGITIMATE}, b@{LEGITIMATE.upper()}"), SIGNER))
    assert (row["author"]["domain"], row["dmarc"]["result"]) == (LEGITIMATE, "pass")


def test_case_010_ten_thousand_author_domains_cost_four_walks() -> None:
    members = ", ".join(f"a@d{number}.example" for number in range(10_000))
    row = judged(mail(members))
    assert row["dmarc"]["result"] == "permerror"
    assert row["dns_questions"] <= 4 * 9


def test_the_stage_itself_passes() -> None:
    row = judged(sign(mail(), SIGNER))
    assert (row["dkim"][0]["result"], row["dmarc"]["result"]) == ("pass", "pass")
    assert ZONE[LEGITIMATE]["A"] == [LEGITIMATE_IP]

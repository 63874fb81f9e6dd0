"""Cases 21 to 31: what a DKIM-Signature field says, and what it leaves open."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

import pytest
from mailauth_fast import Policy

from tests.door import NOW
from tests.hostile.scene import (
    ATTACK_SIGNER,
    BODY,
    ED25519_SIGNER,
    KEY,
    LEGITIMATE,
    SIGNER,
    attacker,
    dkim_word,
    judged,
    legitimate,
    mail,
    questions,
)
from tests.signing import Signer, sign, signature_field

if TYPE_CHECKING:
    from collections.abc import Callable

QUESTION_LIMIT = 10


def test_case_021_an_unsigned_header_may_be_added() -> None:
    (signature,) = judged(b"Reply-To: x@attack.example\r\n" + legitimate())["dkim"]
    assert signature["result"] == "pass"
    assert "not-oversigned" in signature["flags"]


@pytest.mark.parametrize("name", ["Subject", "To", "Date", "Content-Type"])
def test_case_022_a_duplicate_of_a_signed_header_is_flagged(name: str) -> None:
    fields = (b"Date: Mon, 04 May 2026 06:00:00 +0000", b"Content-Type: text/plain")
    signer = SIGNER.having(headers=("from", "to", "subject", "date", "content-type"))
    raw = sign(mail(f"admin@{LEGITIMATE}", *fields), signer)
    assert "duplicate-signed-header" not in judged(raw)["dkim"][0]["flags"]
    (signature,) = judged(f"{name}: other\r\n".encode() + raw)["dkim"]
    assert signature["result"] == "pass"
    assert "duplicate-signed-header" in signature["flags"]


@pytest.mark.parametrize("length", [0, 10])
def test_case_023_a_partly_covered_body(length: int) -> None:
    raw = legitimate(SIGNER.having(body_length=length)) + b"appended\r\n"
    honoured = judged(raw)
    (signature,) = honoured["dkim"]
    assert (signature["result"], honoured["dmarc"]["result"]) == ("pass", "pass")
    assert signature["body_octets_signed"] == length
    assert signature["body_octets"] == len(BODY) + len(b"appended\r\n")
    assert "body-uncovered" in signature["flags"]
    whole = judged(raw, policy=Policy(body_length="whole"), envelope=attacker())
    assert (whole["dkim"][0]["result"], whole["dmarc"]["result"]) == ("policy", "fail")


def test_case_023_a_length_beyond_the_body() -> None:
    exact = SIGNER.having(body_length=len(BODY))
    assert dkim_word(legitimate(exact), policy=Policy(body_length="whole")) == "pass"
    assert dkim_word(legitimate(exact.having(body_length=len(BODY) + 1))) == "permerror"
    assert dkim_word(legitimate(exact.having(override={"l": "9" * 76}))) == "permerror"


def test_case_024_a_replayed_message_passes() -> None:
    row = judged(legitimate(SIGNER.having(expires=NOW + 60)), envelope=attacker())
    (signature,) = row["dkim"]
    assert row["dmarc"]["result"] == "pass"
    assert (signature["signed_at"], signature["expires_at"]) == (SIGNER.timestamp, NOW + 60)


def test_case_025_twenty_thousand_signatures() -> None:
    raw = legitimate()
    junk = [
        signature_field(raw, ATTACK_SIGNER.having(selector=f"j{number}", override={"b": "eA=="}))
        for number in range(20)
    ]
    thousand = b"".join(junk) * 50
    renamed = [
        thousand.replace(b"s=j", f"s={letter}".encode()) for letter in "abcdefghijklmnopqrst"
    ]
    row = judged(b"".join(renamed) + raw)
    assert row["dmarc"]["result"] == "pass"
    assert len(row["dkim"]) == 100
    assert row["limits"] != []
    results = [signature["result"] for signature in row["dkim"]]
    assert results.count("permerror") <= QUESTION_LIMIT
    assert results.count("policy") >= 90
    assert {each["reason"] for each in row["dkim"] if each["result"] == "policy"} == {
        "signature-limit"
    }
    assert row["dns_questions"] <= QUESTION_LIMIT + 9


@pytest.mark.parametrize("count", [9, 10, 11])
def test_case_025_the_signature_limit(count: int) -> None:
    row = judged(sign(mail(), *([SIGNER] * count)))
    results = [signature["result"] for signature in row["dkim"]]
    assert results.count("pass") == min(count, QUESTION_LIMIT)
    assert results.count("policy") == max(count - QUESTION_LIMIT, 0)


@pytest.mark.parametrize("count", [998, 999, 1000])
def test_case_026_the_limit_of_signed_names(count: int) -> None:
    names = ("from", *(f"x{number}" for number in range(count)))
    word = dkim_word(legitimate(SIGNER.having(headers=names)))
    assert word == ("pass" if len(names) <= 1000 else "permerror")


def test_case_026_colons_only() -> None:
    assert dkim_word(legitimate(SIGNER.having(override={"h": ":" * 1500}))) == "permerror"


def test_case_026_fifty_thousand_absent_names_over_as_many_headers() -> None:
    names = ":".join(f"x{number}" for number in range(50_000))
    head = b"".join(b"Y%d: a\r\n" % number for number in range(50_000))
    raw = head + legitimate(SIGNER.having(override={"h": f"from:{names}", "b": "eA=="}))
    assert dkim_word(raw) == "permerror"


@pytest.mark.parametrize(
    ("names", "word"),
    [
        ("to:subject", "permerror"),
        ("", "permerror"),
        ("from:from:from:subject:subject", "pass"),
        ("from:dkim-signature", "pass"),
        ("from::to", "permerror"),
        ("from:to:", "permerror"),
        (":from", "permerror"),
        ("FROM:Subject", "pass"),
        ("from\t: to :\tsubject", "pass"),
        ("from:x-absent", "pass"),
        ("from:to;", "permerror"),
    ],
)
def test_case_027_lists_of_signed_headers(names: str, word: str) -> None:
    assert dkim_word(legitimate(SIGNER.having(override={"h": names}))) == word


@pytest.mark.parametrize("octets", [0, 31, 33, 65, 4096])
@pytest.mark.parametrize(
    "signer", [SIGNER, SIGNER.having(digest="sha1"), ED25519_SIGNER], ids=["rsa", "sha1", "ed25519"]
)
def test_case_028_body_hashes_of_a_wrong_size(signer: Signer, octets: int) -> None:
    value = base64.b64encode(b"x" * octets).decode()
    assert dkim_word(legitimate(signer.having(override={"bh": value}))) == "permerror"


def with_signature_value(change: Callable[[bytes], str]) -> bytes:
    """Return a signed message whose `b=` holds what `change` makes of the signature."""
    raw = legitimate()
    head, mark, rest = raw.partition(b" b=\r\n")
    value = re.match(rb"( [^\r\n]*\r\n)+", rest)
    assert mark
    assert value is not None
    signature = base64.b64decode(value[0])
    return head + b" b=" + change(signature).encode() + b"\r\n" + rest[value.end() :]


def text(signature: bytes) -> str:
    """Return base64 text."""
    return base64.b64encode(signature).decode()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (text, {"pass"}),
        (lambda octets: " \r\n\t".join(text(octets)), {"pass"}),
        (lambda _: "", {"permerror"}),
        (lambda _: "eA==" * 250_000, {"permerror", "fail"}),
        (lambda _: text(b"x" * 750_000), {"permerror", "fail"}),
        (lambda octets: text(b"\0" + octets), {"permerror", "fail"}),
        (lambda octets: text(octets[:-1]), {"permerror", "fail"}),
        (
            lambda octets: text((int.from_bytes(octets, "big") + KEY.modulus).to_bytes(257, "big")),
            {"permerror", "fail"},
        ),
        (lambda octets: text(octets)[:40] + "=" + text(octets)[40:], {"permerror"}),
        (lambda octets: text(octets) + "===", {"permerror"}),
        (lambda octets: text(octets).rstrip("="), {"pass"}),
        (
            lambda octets: base64.urlsafe_b64encode(octets + b"\xff\xfe\xfd").decode(),
            {"permerror", "fail"},
        ),
        (lambda _: text(bytes(256)), {"fail"}),
        (lambda _: text(b"\xff" * 256), {"permerror", "fail"}),
        (lambda octets: text(octets).swapcase(), {"permerror", "fail"}),
    ],
)
def test_case_029_exactly_one_signature_value_verifies(
    change: Callable[[bytes], str], words: set[str]
) -> None:
    assert dkim_word(with_signature_value(change)) in words


def test_case_029_a_leading_zero_octet_may_not_be_left_out() -> None:
    for number in range(2000):
        data = mail(subject=b"%d" % number)
        raw = sign(data, SIGNER.having(headers=("from", "subject")))
        value = re.search(rb" b=\r\n((?: [^\r\n]*\r\n)+)", raw)
        assert value is not None
        octets = base64.b64decode(value[1])
        if octets[0] == 0:
            short = raw.replace(value[1], b" " + base64.b64encode(octets[1:]) + b"\r\n")
            assert (dkim_word(raw), dkim_word(short)) == ("pass", "fail")
            return
    pytest.fail("no signature begins with a zero octet")


@pytest.mark.parametrize(
    "tags",
    [
        {"v": "2"},
        {"v": "1.0"},
        {"a": "rsa-md5"},
        {"q": "http"},
        {"c": "foo"},
        {"c": "relaxed/foo"},
        {"i": "@attack.example"},
        {"i": f"x@f{LEGITIMATE}"},
        {"i": "@@"},
        {"i": LEGITIMATE},
        {"t": "1777870000; t=1777870000"},
        {"d": None},
        {"l": "-1"},
        {"l": "9" * 77},
        {"x": "x"},
        {"bad": "1;;"},
        {"bad": "1; empty"},
        {"1bad": "1"},
    ],
)
def test_case_030_a_tag_that_breaks_a_rule(tags: dict[str, str | None]) -> None:
    assert dkim_word(legitimate(SIGNER.having(override=tags))) == "permerror"


@pytest.mark.parametrize(
    "tags",
    [
        {"z": "from:" + "x" * 65_536},
        {"unknown": "y" * 1_000_000},
        {"a": "RSA-SHA256"},
        {"c": "Relaxed/RELAXED"},
        {"q": "dns/txt"},
        {"q": "http:dns/txt"},
        {"i": f"x@mail.{LEGITIMATE.upper()}"},
    ],
)
def test_case_030_a_tag_that_breaks_none(tags: dict[str, str | None]) -> None:
    assert dkim_word(legitimate(SIGNER.having(override=tags))) == "pass"


def test_case_030_an_encoded_line_end_in_the_agent_stays_encoded() -> None:
    raw = legitimate(SIGNER.having(override={"i": f"x=0D=0AReply-To:y@{LEGITIMATE}"}))
    row = judged(raw, policy=Policy(receiver="receiver.example"))
    (signature,) = row["dkim"]
    assert signature["result"] in {"pass", "permerror"}
    assert not re.search(r"^Reply-To", row["authentication_results"] or "", flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("signed_at", "expires", "word"),
    [
        (NOW + 299, None, "pass"),
        (NOW + 301, None, "policy"),
        (NOW - 900, NOW - 299, "pass"),
        (NOW - 900, NOW - 301, "policy"),
        (NOW - 900, NOW - 900, "permerror"),
        (NOW - 900, NOW - 901, "permerror"),
        (None, NOW + 10, "pass"),
        (0, None, "pass"),
    ],
)
def test_case_031_times_are_judged_by_the_given_clock(
    signed_at: int | None, expires: int | None, word: str
) -> None:
    row = judged(legitimate(SIGNER.having(timestamp=signed_at, expires=expires)))
    (signature,) = row["dkim"]
    assert (signature["result"], row["judged_at"]) == (word, NOW)
    if word == "policy":
        assert (signature["body_hash"], signature["signature"]) == ("pass", "pass")


@pytest.mark.parametrize("value", ["-1", "9" * 20, "1.5", "", "0x10", "1 2"])
@pytest.mark.parametrize("tag", ["t", "x"])
def test_case_031_times_that_are_no_numbers(tag: str, value: str) -> None:
    assert dkim_word(legitimate(SIGNER.having(override={tag: value}))) == "permerror"


def test_case_031_without_a_time_of_receipt_times_are_not_judged() -> None:
    raw = legitimate(SIGNER.having(timestamp=NOW - 900, expires=NOW - 800))
    row = judged(raw, now="received")
    assert row["dkim"][0]["result"] == "pass"
    assert row["judged_at"] is None
    assert "no-receipt-time" in row["limits"]
    received = b"Received: from a by b; Mon, 04 May 2026 06:00:00 +0000\r\n" + raw
    assert (judged(received, now="received")["judged_at"], dkim_word(received, now="received")) == (
        NOW,
        "policy",
    )
    assert questions(raw) == questions(received)

"""Cases 11 to 20: From fields that programs read differently (Composition Kills A10 to A13)."""

from __future__ import annotations

from typing import Literal, TypeAlias

import pytest
from mailauth_fast import Policy, Verifier

from tests.door import author, discover, verifier
from tests.hostile.scene import ATTACKER, LEGITIMATE, ZONE, judged, mail

Rules: TypeAlias = Literal["rfc9989", "rfc7489"]
NONE_OR_PERMERROR = {"none", "permerror"}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("a@x.example, b", {"permerror"}),
        ("@", NONE_OR_PERMERROR),
        ("<>", NONE_OR_PERMERROR),
        ("", NONE_OR_PERMERROR),
        ("undisclosed:;", {"none"}),
        (f"friends: a@{ATTACKER}, b@{LEGITIMATE};", {"permerror"}),
    ],
)
def test_case_011_lists_without_one_domain(value: str, words: set[str]) -> None:
    row = judged(mail(value))
    assert row["author"]["domain"] is None
    assert row["author"]["reason"] is not None
    assert row["dmarc"]["result"] in words


def test_case_012_encoded_words_are_never_addresses() -> None:
    value = f"=?utf-8?B?PGFkbWluQGxlZ2l0aW1hdGUuY29tPg==?=,<second@{ATTACKER}>"
    row = judged(mail(value))
    assert row["author"]["domain"] is None
    assert row["dmarc"]["result"] == "permerror"


def test_case_013_a_route_is_dropped() -> None:
    value = f"<@{ATTACKER},@any.example:admin@{LEGITIMATE}>".encode()
    assert author(b"From: " + value + b"\r\n")["domain"] == LEGITIMATE


def test_case_014_an_escaped_comma_is_permerror() -> None:
    row = judged(mail(f"<admin@{LEGITIMATE}>\\,<second@{ATTACKER}>"))
    assert row["author"]["domain"] is None
    assert row["dmarc"]["result"] == "permerror"


@pytest.mark.parametrize(
    "value",
    [
        f"admin@{LEGITIMATE},<second@{ATTACKER}>",
        f"<any@{ATTACKER}>admin@{LEGITIMATE}",
        f"admin@{LEGITIMATE} <a@{ATTACKER}>",
        f"<a@{ATTACKER}> x",
        f"<a@{ATTACKER}><b@{ATTACKER}>",
        f"a@{ATTACKER} b@{ATTACKER}",
    ],
)
def test_case_015_two_readings_are_permerror(value: str) -> None:
    row = judged(mail(value))
    assert row["author"]["domain"] is None
    assert row["dmarc"]["result"] == "permerror"


@pytest.mark.parametrize(
    "value",
    [
        f'"admin@{LEGITIMATE}" <a@{ATTACKER}>',
        f"a@{ATTACKER} (admin@{LEGITIMATE})",
        f"(admin@{LEGITIMATE}) a@{ATTACKER}",
        f'"\\"admin@{LEGITIMATE}\\" <admin@{LEGITIMATE}>" <a@{ATTACKER}>',
        f'"admin@{LEGITIMATE}"@{ATTACKER}',
    ],
)
def test_case_016_names_and_comments_are_not_addresses(value: str) -> None:
    assert author(f"From: {value}\r\n".encode())["domain"] == ATTACKER


@pytest.mark.parametrize(
    "value",
    [
        f"a@{ATTACKER}\0@{LEGITIMATE}",
        f"<a@{ATTACKER}@{LEGITIMATE}>",
        f"a@{ATTACKER}\r@{LEGITIMATE}",
        f"<a@{ATTACKER}\0>",
    ],
)
def test_case_017_two_at_signs_and_controls_are_permerror(value: str) -> None:
    row = judged(mail(value))
    assert row["author"]["domain"] is None
    assert row["dmarc"]["result"] == "permerror"


def test_case_017_a_lone_line_feed_ends_the_field() -> None:
    assert author(f"From: a@{ATTACKER}\n@{LEGITIMATE}\r\n".encode())["domain"] == ATTACKER


@pytest.mark.parametrize(
    ("written", "domain"),
    [
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.EXAMPLE", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("LEGITIMATE.Example", LEGITIMATE),
        ("legitimate。example", LEGITIMATE),
        ("example.org.xn--", None),
        ("xn--example-.example", None),
        ("legit\u202eimate.example", None),
        ("a_\u0430.example\u0000", None),
    ],
)
def test_case_018_one_conversion_to_a_labels(written: str, domain: str | None) -> None:
    row = judged(mail(f"admin@{written}"))
    assert row["author"]["domain"] == domain
    if domain is None:
        assert row["dmarc"]["result"] == "permerror"


def test_case_018_a_homograph_is_another_domain() -> None:
    found = author("From: admin@legitim\u0430te.example\r\n".encode())["domain"]
    assert found is None or found.startswith("xn--")


def test_case_019_a_walk_asks_eight_questions_at_most() -> None:
    name = ".".join(["a"] * 127)
    found = discover(ZONE, name)
    assert len(found["questions"]) <= 8
    assert found["result"] == "none"


@pytest.mark.parametrize("rules", ["rfc9989", "rfc7489"])
@pytest.mark.parametrize("name", ["co.uk", "localhost", "example", "com"])
def test_case_019_names_without_an_organization(rules: Rules, name: str) -> None:
    engine: Verifier = verifier(ZONE, Policy(rules=rules))
    expected = None if rules == "rfc7489" else name
    assert engine.organizational_domain(name) == expected
    assert judged(mail(f"a@{name}"), policy=Policy(rules=rules))["dmarc"]["result"] in {
        "none",
        "permerror",
    }


def test_case_019_an_address_literal_has_no_domain() -> None:
    row = judged(mail("a@[192.0.2.1]"))
    assert row["author"]["domain"] is None
    assert row["dmarc"]["result"] in NONE_OR_PERMERROR


@pytest.mark.parametrize(
    "value",
    [
        b"(" * 400_000 + b")" * 400_000 + b" a@legitimate.example",
        b"(" * 900_000 + b" a@legitimate.example",
        b", ".join([b"a@legitimate.example"] * 40_000),
        b", ".join([b"a@legitimate.example"] * 1_000_000),
        b'"' + b"x" * 1_000_000 + b'" <a@legitimate.example>',
        b'"' + b"\\x" * 400_000 + b'" <a@legitimate.example>',
        b"x " * 400_000 + b"<a@legitimate.example>",
        b"a:" * 400_000,
        b"<" * 900_000,
        b"=?utf-8?q?=41?= " * 50_000 + b"<a@legitimate.example>",
    ],
    ids=[
        "comments",
        "open",
        "addresses",
        "million",
        "name",
        "pairs",
        "words",
        "groups",
        "angles",
        "encoded",
    ],
)
def test_case_020_huge_from_fields_are_read_in_linear_time(value: bytes) -> None:
    found = author(b"From: " + value + b"\r\n")
    assert found["domain"] in {LEGITIMATE, None}
    assert (found["domain"] is None) == (found["reason"] is not None)


def test_case_020_deep_comments_are_comments() -> None:
    nested = b"(" * 5_000 + b"admin@attack.example" + b")" * 5_000
    assert author(b"From: " + nested + b" a@legitimate.example\r\n")["domain"] == LEGITIMATE

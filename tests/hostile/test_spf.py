"""Cases 50 to 60: SPF records that cost, lie or break the limits of RFC 7208."""

from __future__ import annotations

from typing import Any

import pytest
from mailauth_fast import Envelope

from tests.door import Row, check_host, verdict

IP = "192.0.2.9"
DOMAIN = "sender.example"
NOBODY = b"Subject: nobody wrote this\r\n\r\nx\r\n"
LOOKUP_TERMS = 10


def spf(record: str | list[Any], zone: dict[str, Any] | None = None, **who: str) -> Row:
    """Check a record of the sender's domain."""
    records = record if isinstance(record, list) else [record]
    published = {DOMAIN: {"TXT": records}, **(zone or {})}
    mail_from = who.get("mail_from", f"user@{DOMAIN}")
    return check_host(published, who.get("ip", IP), who.get("helo", "helo.example"), mail_from)


def word(record: str | list[Any], zone: dict[str, Any] | None = None, **who: str) -> str:
    """Return the result alone."""
    return str(spf(record, zone, **who)["result"])


def hosts(count: int, prefix: str = "h", address: str = "198.51.100.1") -> dict[str, Any]:
    """Return names with an address that is not the client's."""
    return {f"{prefix}{number}.{DOMAIN}": {"A": [address]} for number in range(count)}


def mx_names(count: int, prefix: str = "h") -> list[Any]:
    """Return that many mail exchangers."""
    return [[number, f"{prefix}{number}.{DOMAIN}"] for number in range(count)]


def test_case_050_ten_mx_terms_of_ten_hosts() -> None:
    terms = " ".join(f"mx:m{term}.{DOMAIN}" for term in range(10))
    zone: dict[str, Any] = {DOMAIN: {"TXT": [f"v=spf1 {terms} -all"]}}
    for term in range(10):
        zone |= {f"m{term}.{DOMAIN}": {"MX": mx_names(10, f"m{term}h")}, **hosts(10, f"m{term}h")}
    envelope = Envelope(client_ip=IP, helo="helo.example", mail_from=f"a@{DOMAIN}")
    row = verdict(NOBODY, zone, envelope=envelope)
    assert row["spf"]["result"] == "fail"
    # 1 + 10 + 100 for the MAIL FROM identity, 1 for HELO.
    assert row["dns_questions"] <= 112


def test_case_051_an_amplifier_asks_ten_questions_at_most() -> None:
    terms = " ".join(
        f"a:%{{l}}.n{term}.victim.example mx:%{{s}}.n{term}.victim.example" for term in range(20)
    )
    zone = {DOMAIN: {"TXT": [f"v=spf1 {terms} -all"]}}
    envelope = Envelope(client_ip=IP, helo="", mail_from=f"a@{DOMAIN}")
    row = verdict(NOBODY, zone, envelope=envelope)
    assert row["spf"]["result"] == "permerror"
    assert row["dns_questions"] <= 1 + LOOKUP_TERMS


@pytest.mark.parametrize(
    "zone",
    [
        {f"i{n}.example": {"TXT": [f"v=spf1 include:i{n + 1}.example -all"]} for n in range(61)},
        {"i0.example": {"TXT": ["v=spf1 include:i0.example -all"]}},
        {"i0.example": {"TXT": ["v=spf1 redirect=i0.example"]}},
        {
            f"i{n}.example": {"TXT": [f"v=spf1 include:i{(n + 1) % 3}.example -all"]}
            for n in range(3)
        },
        {f"i{n}.example": {"TXT": [f"v=spf1 redirect=i{(n + 1) % 3}.example"]} for n in range(3)},
    ],
    ids=["chain", "self", "redirect", "cycle", "redirect-cycle"],
)
def test_case_051_chains_and_cycles_are_permerror(zone: dict[str, Any]) -> None:
    row = spf("v=spf1 include:i0.example -all", zone)
    assert row["result"] == "permerror"
    assert row["dns_lookups"] <= LOOKUP_TERMS + 1


@pytest.mark.parametrize(("count", "expected"), [(9, "fail"), (10, "fail"), (11, "permerror")])
@pytest.mark.parametrize("term", ["a:h{n}.sender.example", "ptr:p{n}.example"])
def test_case_052_lookup_terms(term: str, count: int, expected: str) -> None:
    terms = " ".join(term.format(n=number) for number in range(count))
    reverse = {"9.2.0.192.in-addr.arpa": {"PTR": ["other.example"]}, "other.example": {"A": [IP]}}
    assert word(f"v=spf1 {terms} -all", {**hosts(12), **reverse}) == expected


@pytest.mark.parametrize(("count", "expected"), [(1, "fail"), (2, "fail"), (3, "permerror")])
@pytest.mark.parametrize("term", ["a", "mx", "exists"])
def test_case_052_void_lookups(term: str, count: int, expected: str) -> None:
    terms = " ".join(f"{term}:nothing{number}.example" for number in range(count))
    assert word(f"v=spf1 {terms} -all") == expected
    included = {"inner.example": {"TXT": [f"v=spf1 {terms} -all"]}}
    assert word("v=spf1 include:inner.example -all", included) == expected


def test_case_052_the_third_void_as_the_last_term() -> None:
    voids = " ".join(f"a:nothing{number}.example" for number in range(3))
    assert word(f"v=spf1 {voids}") == "permerror"


@pytest.mark.parametrize(("count", "expected"), [(9, "fail"), (10, "fail"), (11, "permerror")])
def test_case_052_mx_names(count: int, expected: str) -> None:
    zone = {"m.example": {"MX": mx_names(count)}, **hosts(12)}
    assert word("v=spf1 mx:m.example -all", zone) == expected


@pytest.mark.parametrize(("position", "expected"), [(8, "pass"), (9, "pass"), (10, "fail")])
def test_case_052_ptr_names(position: int, expected: str) -> None:
    names = [f"n{number:02d}.other.example" for number in range(12)]
    names[position] = f"n{position:02d}.{DOMAIN}"
    zone: dict[str, Any] = {name: {"A": [IP]} for name in names}
    zone["9.2.0.192.in-addr.arpa"] = {"PTR": names}
    assert word("v=spf1 ptr -all", zone) == expected


def test_case_053_an_answer_of_a_thousand_hosts() -> None:
    zone = {"m.example": {"MX": mx_names(1000)}, **hosts(1000)}
    assert word("v=spf1 mx:m.example -all", zone) == "permerror"


@pytest.mark.parametrize("record", ["v=spf1 ptr -all", "v=spf1 exists:%{p}.e.example -all"])
def test_case_053_an_answer_of_a_thousand_names(record: str) -> None:
    names = [f"n{number}.other.example" for number in range(1000)]
    zone: dict[str, Any] = {name: {"A": ["198.51.100.1"]} for name in names}
    zone |= {"9.2.0.192.in-addr.arpa": {"PTR": names}, DOMAIN: {"TXT": [record]}}
    envelope = Envelope(client_ip=IP, helo="", mail_from=f"a@{DOMAIN}")
    row = verdict(NOBODY, zone, envelope=envelope)
    assert row["spf"]["result"] == "fail"
    assert row["dns_questions"] <= 1 + 1 + 10 + 1


MACROS = [
    # Term, the name it must ask for, the sender's local-part.
    ("exists:%{l}.e.example", f"{'x' * 63}.e.example", "x" * 63),
    ("exists:%{d200r}.e.example", "example.sender.e.example", "user"),
    ("exists:%{d1r}.e.example", "sender.e.example", "user"),
    ("exists:%{i}.%{v}.e.example", "192.0.2.9.in-addr.e.example", "user"),
    ("exists:%{ir}.e.example", "9.2.0.192.e.example", "user"),
    ("exists:%{l1r+-}.e.example", "a.e.example", "a-b+c"),
    ("exists:%{h}.e.example", "helo.example.e.example", "user"),
    ("exists:%{o}.e.example", "sender.example.e.example", "user"),
    ("exists:a%-b.e.example", "a%20b.e.example", "user"),
    ("exists:%%.e.example", "%.e.example", "user"),
    ("exists:%{L}.e.example", "a%2bb.e.example", "a+b"),
    ("exists:%{p}.e.example", "unknown.e.example", "user"),
]


@pytest.mark.parametrize(("term", "name", "local"), MACROS)
def test_case_054_macros(term: str, name: str, local: str) -> None:
    zone = {name: {"A": ["127.0.0.2"]}}
    assert word(f"v=spf1 {term} -all", zone, mail_from=f"{local}@{DOMAIN}") == "pass"


def test_case_054_macros_of_an_ipv6_client() -> None:
    nibbles = ".".join("20010db8000000000000000000000001")
    zone = {f"{nibbles}.ip6.e.example": {"A": ["127.0.0.2"]}}
    assert word("v=spf1 exists:%{i}.%{v}.e.example -all", zone, ip="2001:db8::1") == "pass"


@pytest.mark.parametrize(
    "macro",
    ["%{d0}", "%", "%{", "%(", "%{x}", "%{l", "%{d-1}", "%{c}", "%{}", "%{d1000000000000}x%"],
)
def test_case_054_macros_that_are_none(macro: str) -> None:
    assert word(f"v=spf1 exists:{macro}.e.example -all") == "permerror"


def test_case_054_a_long_name_loses_labels_from_the_left() -> None:
    local = ".".join(["x" * 50] * 6)
    kept = ".".join(["x" * 50] * 4) + ".e.example"
    zone = {kept: {"A": ["127.0.0.2"]}}
    assert len(kept) <= 253 < len(kept) + 51
    assert word("v=spf1 exists:%{l}.e.example -all", zone, mail_from=f"{local}@{DOMAIN}") == "pass"


@pytest.mark.parametrize("literal", ["x" * 8192, "%{d}" * 2048, "%{l}%{s}" * 1000, "." * 8192])
def test_case_054_huge_macro_strings(literal: str) -> None:
    assert word(f"v=spf1 exists:{literal}.e.example ?all") in {"neutral", "permerror"}


def test_case_054_octets_outside_ascii_never_match() -> None:
    for local, expected in (("é" * 64, "fail"), ("\U0001f600", "fail"), ("\x80\xff", "none")):
        # A control character makes the address malformed.
        mail_from = f"{local}@{DOMAIN}"
        assert word("v=spf1 exists:%{S}.e.example -all", mail_from=mail_from) == expected


@pytest.mark.parametrize(
    ("text", "explanation"),
    [
        ("%{i} is not one of %{d}", f"{IP} is not one of {DOMAIN}"),
        ("%{c} %{r} %{h}", None),
        ("%{d0}", None),
        ("%", None),
        ("%{S}" * 4000, None),
    ],
)
def test_case_054_explanations(text: str, explanation: str | None) -> None:
    row = spf("v=spf1 -all exp=why.example", {"why.example": {"TXT": [text]}})
    assert row["result"] == "fail"
    if explanation is not None:
        assert row["explanation"] == explanation
    if text in {"%{d0}", "%"}:
        assert row["explanation"] is None


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        (["v=spf1 +all", "v=spf1 -all"], "permerror"),
        (["V=SPF1 +all"], "pass"),
        (["v=spf10 +all"], "none"),
        (["v=spf1"], "neutral"),
        (["spf2.0/pra +all"], "none"),
        (["v=spf1 +all   "], "pass"),
        (["v=spf1\t+all"], "none"),
        (["v=spf1 ?all\t-all"], "permerror"),
        (["v=spf1 a:\x80.example -all"], "permerror"),
        (["v=spf1 a:x\0.example -all"], "permerror"),
        ([""], "none"),
        ([[""]], "none"),
        (["\xff junk", "v=spf1 +all"], "pass"),
        ([["v=spf1 +", "all"]], "pass"),
        ([["v=spf1", "+all"]], "none"),
        (["v=spf1 +all foo"], "permerror"),
        (["v=spf1 \u200b+all"], "permerror"),
        ([f"v=spf1 {'ip4:198.51.100.1 ' * 5000}-all"], "fail"),
        (["v=spf1 all=x redirect=a.example redirect=b.example"], "permerror"),
        (["v=spf1 exp=a.example exp=b.example -all"], "permerror"),
        (["v=spf1 unknown=%{d} unknown=x -all"], "fail"),
    ],
)
def test_case_055_selection_and_syntax_of_records(records: list[Any], expected: str) -> None:
    assert word(records) == expected


@pytest.mark.parametrize("fault", ["TIMEOUT", "SERVFAIL"])
@pytest.mark.parametrize(
    "term",
    ["include:x.example", "a:x.example", "mx:x.example", "exists:x.example", "redirect=x.example"],
)
def test_case_056_a_fault_is_never_skipped(term: str, fault: str) -> None:
    tail = "" if term.startswith("redirect") else " +all"
    assert word(f"v=spf1 {term}{tail}", {"x.example": fault}) == "temperror"


@pytest.mark.parametrize("fault", ["TIMEOUT", "SERVFAIL", "NXDOMAIN", "NODATA"])
def test_case_056_faults_that_the_rfc_excuses(fault: str) -> None:
    assert word("v=spf1 -all exp=x.example", {"x.example": fault}) == "fail"
    reverse = {"9.2.0.192.in-addr.arpa": fault}
    assert word("v=spf1 ptr -all", reverse) == "fail"


@pytest.mark.parametrize(
    ("term", "ip", "expected"),
    [
        ("ip4:192.0.2.0/33", IP, "permerror"),
        ("ip4:192.0.2.0/-1", IP, "permerror"),
        ("ip4:192.0.2.0/024", IP, "permerror"),
        ("ip4:1.2.3.04", IP, "permerror"),
        ("ip4:1.2.3", IP, "permerror"),
        ("ip4:0.0.0.0/0", IP, "pass"),
        ("ip4:192.0.2.8/31", IP, "pass"),
        ("ip4:192.0.2.9", "::ffff:192.0.2.9", "pass"),
        ("ip6:2001:db8::/32", IP, "fail"),
        ("ip6:2001:db8::/32", "2001:db8:ffff::1", "pass"),
        ("ip6:::1/0", "2001:db8::1", "pass"),
        ("ip6:2001:db8::/129", IP, "permerror"),
        ("ip6:2001:zz::", IP, "permerror"),
        ("ip6:::ffff:192.0.2.9", "::ffff:192.0.2.9", "fail"),
        ("a:x.example/24//64", IP, "pass"),
        ("a:x.example//64", "2001:db8::2", "pass"),
        ("a:x.example/24/64", IP, "permerror"),
        ("ip4:192.0.2.9//64", IP, "permerror"),
        ("include:x.example/24", IP, "permerror"),
    ],
)
def test_case_057_addresses_and_lengths(term: str, ip: str, expected: str) -> None:
    zone = {"x.example": {"A": ["192.0.2.200"], "AAAA": ["2001:db8::1"]}}
    assert word(f"v=spf1 {term} -all", zone, ip=ip) == expected


def test_case_058_an_exceeded_limit_is_never_a_fail() -> None:
    terms = " ".join(f"-a:h{number}.{DOMAIN}" for number in range(11))
    row = spf(f"v=spf1 {terms} -all", hosts(11))
    assert row["result"] == "permerror"
    assert word("v=spf1 -all") == "fail"


def test_case_059_a_wide_open_record_passes_and_says_by_what() -> None:
    row = spf(
        "v=spf1 include:cloud.example -all",
        {"cloud.example": {"TXT": ["v=spf1 ip4:0.0.0.0/0 ~all"]}},
    )
    assert row["result"] == "pass"
    assert row["mechanism"] is not None


def test_case_060_the_domain_macro_inside_an_include() -> None:
    zone = {
        "inner.example": {"TXT": ["v=spf1 exists:%{d}.e.example -all"]},
        "inner.example.e.example": {"A": ["127.0.0.2"]},
    }
    assert word("v=spf1 include:inner.example -all", zone) == "pass"
    assert word("v=spf1 redirect=inner.example", zone) == "pass"


def test_case_060_helo_and_mail_from_count_apart() -> None:
    terms = " ".join(f"a:h{number}.{DOMAIN}" for number in range(10))
    zone = {DOMAIN: {"TXT": [f"v=spf1 {terms} -all"]}, **hosts(10)}
    zone["helo.example"] = {"TXT": [f"v=spf1 {terms} +all"]}
    envelope = Envelope(client_ip=IP, helo="helo.example", mail_from=f"a@{DOMAIN}")
    row = verdict(NOBODY, zone, envelope=envelope)
    assert (row["spf"]["result"], row["spf_helo"]["result"]) == ("fail", "pass")
    assert row["spf"]["dns_lookups"] == LOOKUP_TERMS

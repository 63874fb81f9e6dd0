"""SPF vectors through `Verifier.check_host` (RFC 7208).

Outcomes are the result word; where a suite states the explanation, `fail | explanation`, `DEFAULT`
standing for none of the domain's own.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, cast

import dns.rdatatype
import dns.zone
import yaml

from .case import Case, Suite, case, numbered, read_json
from .engine import verifier, with_records

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from mailauth_fast import Verifier

    from .engine import Zone

TYPES = ("A", "AAAA", "MX", "PTR", "TXT")
WORDS = ("none", "neutral", "pass", "fail", "softfail", "temperror", "permerror")
QUALIFIERS = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}
GO_ESCAPES = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92, '"': 34}
# dns.promises' error codes, as mailauth recorded them; any other code is a server's failure.
NODE_ERRORS = {"ENOTFOUND": "NXDOMAIN", "ENODATA": "NODATA", "ETIMEOUT": "TIMEOUT"}
# pyspf's own modes: `strict: 0` takes "default=-" for "-all", `strict: 2` calls any unknown
# modifier "ambiguous". A verifier of the RFC knows one mode: "Unrecognized modifiers MUST be
# ignored" (RFC 7208 §6), so nothing matches and the result is neutral (RFC 7208 §4.7).
PYSPF_MODES = {"default-modifier": "neutral", "default-modifier-harsh": "neutral"}
# mailauth sets its own knob in this test. The void lookup limit is no knob here: RFC 7208 §4.6.4,
# "a default of two is RECOMMENDED"; two void lookups are within it.
MAILAUTH_KNOBS = {"Should support custom maxVoidCount": "fail"}


def lazily(zone: Zone) -> Callable[[], Verifier]:
    """Return what makes a zone's verifier once, when the first case asks for it."""
    return cache(lambda: verifier(zone))


def asked(
    engine: Callable[[], Verifier],
    ip: str,
    helo: str,
    mail_from: str,
    *,
    explained: bool = False,
) -> Callable[[], str]:
    """Return the question of one case."""

    def run() -> str:
        spf = engine().check_host(ip, helo=helo, mail_from=mail_from)
        return f"{spf.result} | {spf.explanation or 'DEFAULT'}" if explained else str(spf.result)

    return run


def openspf_name(records: list[object]) -> dict[str, list[object] | str] | str:
    """Translate what open-spf lists for one name."""
    if records == ["TIMEOUT"]:
        return "TIMEOUT"
    pairs = [pair for each in records if isinstance(each, dict) for pair in each.items()]
    # A record of the retired SPF type stands for TXT, unless the name lists TXT itself or "NONE".
    listed = any(kind == "TXT" for kind, _ in pairs)
    entry: dict[str, list[object] | str] = {}
    for written, value in pairs:
        if value == "NONE" or (written == "SPF" and listed):
            continue
        kind = "TXT" if written == "SPF" else str(written)
        values = entry.setdefault(kind, [])
        if isinstance(values, list):
            # A record of no strings cannot be sent; one empty string says the same.
            values.append(value if value != [] else "")
    if "TIMEOUT" in records:
        entry |= {kind: "TIMEOUT" for kind in TYPES if kind not in entry}
    return entry or "NODATA"


def openspf_case(engine: Callable[[], Verifier], name: str, test: Mapping[str, object]) -> Case:
    """Turn one open-spf test into a case."""
    result = test["result"]
    accepted = [str(each) for each in result] if isinstance(result, list) else [str(result)]
    explanation = test.get("explanation")
    if explanation is not None:
        accepted = [f"{word} | {explanation}" for word in accepted]
    if name in PYSPF_MODES:
        accepted = [PYSPF_MODES[name]]
    helo, sender = str(test["helo"]), str(test["mailfrom"] or "")
    explained = explanation is not None
    return case(name, accepted, asked(engine, str(test["host"]), helo, sender, explained=explained))


def openspf_scenarios(path: Path) -> list[dict[str, dict[str, object]]]:
    """Read a multi-document YAML file of open-spf."""
    documents = yaml.safe_load_all(path.read_text(encoding="utf-8"))
    return [cast("dict[str, dict[str, object]]", each) for each in documents if each]


def openspf(path: Path) -> list[Case]:
    """Read an open-spf file: scenarios of tests over one zone each."""
    cases = []
    for scenario in openspf_scenarios(path):
        zone: Zone = {
            str(name): openspf_name(cast("list[object]", records))
            for name, records in scenario["zonedata"].items()
        }
        engine = lazily(zone)
        cases += [
            openspf_case(engine, name, cast("Mapping[str, object]", test))
            for name, test in scenario["tests"].items()
        ]
    return cases


def rfc7208(folder: Path) -> list[Case]:
    """Read the RFC 7208 suite."""
    return openspf(folder / "rfc7208-tests.yml")


def rfc4408(folder: Path) -> list[Case]:
    """Read the RFC 4408 suite: where RFC 7208 decided a question, it accepts that answer too."""
    return openspf(folder / "rfc4408-tests.yml")


def pyspf(folder: Path) -> list[Case]:
    """Read pyspf's own suite."""
    return openspf(folder / "test.yml")


def zone_records(text: str) -> Zone:
    """Translate a BIND zone file."""
    origin = re.search(r"^\$ORIGIN\s+(\S+)", text, re.MULTILINE)
    assert origin, "a zone file names its origin"
    parsed = dns.zone.from_text(text, origin[1], relativize=False, check_origin=False)
    zone: Zone = {}
    for name, _, rdata in parsed.iterate_rdatas():
        kind = dns.rdatatype.to_text(rdata.rdtype)
        value: object = rdata.to_text().rstrip(".")
        if kind == "MX":
            preference, host = rdata.to_text().split()
            value = [int(preference), host]
        zone = with_records(zone, name.to_text().rstrip("."), kind, value)
    return zone


def merged(zones: list[Zone], txt: list[list[str]]) -> Zone:
    """Put zones and further TXT records together."""
    zone: Zone = {name: entry for each in zones for name, entry in each.items()}
    for name, record in txt:
        zone = with_records(zone, name, "TXT", record)
    return zone


def kumomta(folder: Path) -> list[Case]:
    """Read kumo-spf's vectors."""
    vectors = cast("dict[str, object]", read_json(folder / "vectors.json"))
    files = cast("dict[str, str]", vectors["zones"])
    zones = {name: zone_records(text) for name, text in files.items()}
    tests = cast("list[dict[str, object]]", vectors["cases"])
    names = numbered(str(test["test"]) for test in tests)
    cases = []
    for name, test in zip(names, tests, strict=True):
        given = cast("dict[str, list[object]]", test["resolver"])
        zone = merged(
            [zones[str(each)] for each in given["zones"]],
            cast("list[list[str]]", given["txt"]),
        )
        sender, domain = str(test["sender"]), str(test["domain"])
        assert sender.endswith(f"@{domain}"), "MAIL FROM decides the domain"
        run = asked(lazily(zone), str(test["ip"]), domain, sender)
        cases.append(case(name, str(test["expect"]), run))
    return cases


def mailauth_value(kind: str, value: object) -> object:
    """Translate one record as node's resolver gives it."""
    if kind == "MX" and isinstance(value, dict):
        return [value["priority"], value["exchange"]]
    return value


def mailauth_zone(questions: list[dict[str, object]]) -> Zone:
    """Translate the DNS answers that mailauth recorded; a question asked twice counts once."""
    zone: Zone = {}
    for question in questions:
        name, kind = str(question["name"]), str(question["type"])
        answer = question.get("answer", question.get("error"))
        before = zone.get(name, {})
        entry = dict(before) if isinstance(before, dict) else {}
        if isinstance(answer, list):
            entry[kind] = [mailauth_value(kind, each) for each in answer] or "NODATA"
        else:
            entry[kind] = NODE_ERRORS.get(str(answer), "SERVFAIL")
        zone[name] = entry
    return zone


def mailauth_expected(test: Mapping[str, object]) -> str:
    """Return the result word that mailauth's answer means."""
    for title, word in MAILAUTH_KNOBS.items():
        if str(test["test"]).endswith(title):
            return word
    if test.get("error"):
        return "temperror"
    result = cast("dict[str, object]", test["result"])
    if "status" in result:
        return str(cast("dict[str, object]", result["status"])["result"])
    return QUALIFIERS[str(result["qualifier"])]


def with_exchange(zone: Zone, test: Mapping[str, object], ip: str) -> Zone:
    """Add the address of the mail exchanger that matched, where the recording lacks it.

    mailauth asked for the addresses of MX hosts behind the recorder's back; its result names the
    host that matched the client.
    """
    result = cast("dict[str, str]", test.get("result") or {})
    host = result.get("val", "")
    if result.get("type") != "mx" or host in zone:
        return zone
    return with_records(zone, host, "AAAA" if ":" in ip else "A", ip)


def mailauth_case(name: str, test: Mapping[str, object]) -> Case:
    """Turn one recorded call of mailauth into a case."""
    given = cast("dict[str, str]", test["input"])
    zone = mailauth_zone(cast("list[dict[str, object]]", test["dns"]))
    zone = with_exchange(zone, test, given["ip"])
    sender = given.get("sender") or f"postmaster@{given['domain']}"
    domain = given.get("domain", sender.rpartition("@")[2])
    if not sender.endswith(f"@{domain}"):
        # mailauth takes <domain> apart from <sender>; through MAIL FROM, redirect= does that
        # (RFC 7208 §6.1).
        redirect = f"v=spf1 redirect={domain}"
        zone = with_records(zone, sender.rpartition("@")[2], "TXT", redirect)
    run = asked(lazily(zone), given["ip"], given.get("helo", domain), sender)
    return case(name, mailauth_expected(test), run)


def mailauth(folder: Path) -> list[Case]:
    """Read the calls that mailauth's own tests made."""
    tests: list[dict[str, object]] = []
    for file in ("spf_check.json", "spf_full.json"):
        recorded = cast("dict[str, object]", read_json(folder / file))
        tests += cast("list[dict[str, object]]", recorded["cases"])
    names = numbered(str(test["test"]) for test in tests)
    return [mailauth_case(name, test) for name, test in zip(names, tests, strict=True)]


def go_string(text: str) -> bytes:
    """Return the octets of a Go string literal's content."""

    def octets(match: re.Match[str]) -> str:
        body = match[1]
        if body[0] in "uU":
            return chr(int(body[1:], 16)).encode().decode("latin-1")
        if body[0] == "x":
            return chr(int(body[1:], 16))
        return chr(GO_ESCAPES[body[0]]) if body[0] in GO_ESCAPES else chr(int(body, 8))

    escape = r'\\(x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|[0-7]{3}|[abfnrtv\\"])'
    encoded = text.encode().decode("latin-1")
    return re.sub(escape, octets, encoded).encode("latin-1")


def blitiri(folder: Path) -> list[Case]:
    """Read the fuzz corpus: each entry is one SPF record; any word will do, a crash will not."""
    cases = []
    for path in sorted((folder / "fuzz" / "FuzzCheckHostWithSender").iterdir()):
        literal = path.read_text(encoding="utf-8").splitlines()[1]
        record = go_string(literal.removeprefix('string("').removesuffix('")'))
        zone: Zone = {"domain.example": {"TXT": [record]}}
        run = asked(lazily(zone), "192.0.2.1", "domain.example", "user@domain.example")
        cases.append(case(path.name, WORDS, run))
    return cases


OPENSPF = "spf-openspf-pyspf"
SUITES = (
    Suite(name="open-spf rfc7208", law="RFC 7208", folder=OPENSPF, cases=203, load=rfc7208),
    Suite(name="open-spf rfc4408", law="RFC 7208", folder=OPENSPF, cases=191, load=rfc4408),
    Suite(
        name="pyspf",
        law="RFC 7208",
        folder=OPENSPF,
        cases=16,
        load=pyspf,
        note="two cases set pyspf's lax and harsh modes; asked is what the RFC's own mode gives",
    ),
    Suite(name="spf-kumomta", law="RFC 7208", folder="spf-kumomta", cases=17, load=kumomta),
    Suite(
        name="spf-mailauth",
        law="RFC 7208",
        folder="spf-mailauth",
        cases=61,
        load=mailauth,
        note="one case sets a void lookup limit of one; asked is what the RFC's limit of two gives."
        " Recordings that lack the address of the exchanger that matched get it from the result",
    ),
    Suite(
        name="spf-blitiri-fuzz", law="no crash", folder="spf-blitiri-fuzz", cases=240, load=blitiri
    ),
)

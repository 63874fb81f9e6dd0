"""DMARC vectors through `Verifier.verify` and `Verifier.discover_policy` (RFC 7489, RFC 9989).

The suites follow different law, so each names its rule book: kumomta and OpenDMARC RFC 7489;
mailauth RFC 9989's record rules (its organizational domains come from the public suffix list, and
its vectors give the same ones by the tree walk); authheaders RFC 9091's np=, which RFC 9989 took
over.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from mailauth_fast import Envelope, Policy

from .case import Case, Suite, case, numbered, read_json
from .dmarc_scenario import CLIENT, CLOCK, STRANGER, Scenario
from .engine import outcomes, verdict, verifier, with_records
from .suites_spf import mailauth_zone, merged, zone_records

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .engine import DmarcDict, Zone

# What authheaders' dnsfunc answers; "" and None there are names without records.
AUTHHEADERS_ZONE: dict[str, str] = {
    "_dmarc.example.com": "v=DMARC1; p=reject",
    "_dmarc.example.org": "v=DMARC1; p=none",
    "_dmarc.example.net": "v=DMARC1; p=none; sp=reject",
    "_dmarc.example.biz": "v=DMARC1; p=none; sp=quarantine; np=reject",
    "_dmarc.nop.example.org": "v=DMARC1; sp=quarantine; np=reject",
    "_dmarc.bad.example.com": "v=DMARC1; p=none; reject",
}
# What test_authentication.py asserts: DKIM, DMARC and the policy that holds. Two files occur in
# none of its DMARC tests; they are unsigned mails of a domain with p=reject and of one without a
# record.
AUTHHEADERS = {
    "test.bad.message": "dkim=none dmarc=permerror policy=none",
    "test.gov.message": "dkim=none dmarc=none",
    "test.message": "dkim=none dmarc=fail policy=reject",
    "test.message_multi": "dkim=fail-signature dmarc=fail policy=reject",
    "test.message_multi2": "dkim=fail-signature dmarc=fail policy=reject",
    "test.message_np1": "dkim=key-unavailable dmarc=fail policy=reject",
    "test.message_np2": "dkim=key-unavailable dmarc=fail policy=quarantine",
    "test.message_signed": "dkim=pass dmarc=pass policy=reject",
    "test.message_sub": "dkim=fail-signature dmarc=fail policy=reject",
    "test.nofrom.message": "dkim=none dmarc=permerror",
    "test_nop.message": "dkim=none dmarc=none",
    "testcomma.message": "dkim=pass dmarc=pass policy=reject",
}
# Tags whose bad value shows in a policy's JSON when it is honoured, with what they default to.
DEFAULTS = {"dkim_alignment": "relaxed", "spf_alignment": "relaxed", "pct": 100}


def kumomta_case(name: str, test: Mapping[str, object], zones: Mapping[str, Zone]) -> Case:
    """Turn one vector of kumo-dmarc into a case: `pass`, or the disposition of a failure."""
    base = [zones[each] for each in cast("list[str]", test["zones"])]
    # Where SPF is "not evaluated" there it passes for no domain; without any envelope a failure
    # would be `unverifiable` here.
    scenario = Scenario(
        rules="rfc7489",
        authors=(f"author@{test['from_domain']}",),
        zone=merged(base, cast("list[list[str]]", test["txt"])),
        spf=str(test["mail_from_domain"]) if test["spf"] == "pass" else None,
        dkim=tuple(cast("list[str | None]", test["dkim_pass_domains"])),
    )

    def run() -> str:
        row = scenario.verdict()
        result = row["dmarc"]["result"]
        return row["disposition"]["action"] if result == "fail" else result

    return case(name, str(test["expect_disposition"]), run)


def kumomta(folder: Path) -> list[Case]:
    """Read kumo-dmarc's vectors."""
    vectors = cast("Mapping[str, object]", read_json(folder / "vectors.json"))
    files = cast("Mapping[str, str]", vectors["zones"])
    zones = {name: zone_records(text) for name, text in files.items()}
    tests = cast("list[Mapping[str, object]]", vectors["cases"])
    return [kumomta_case(str(test["test"]), test, zones) for test in tests]


def alignment_shown(dmarc: DmarcDict) -> str:
    """Write what mailauth's result tells, of a verdict."""
    if dmarc["result"] not in {"pass", "fail"}:
        return dmarc["result"]
    return (
        f"{dmarc['result']} p={dmarc['policy']} sp={dmarc['subdomain_policy'] or dmarc['policy']}"
        f" effective={dmarc['effective_policy']}"
        f" dkim={dmarc['dkim_aligned']}/{dmarc['dkim_alignment']}"
        f" spf={dmarc['spf_aligned']}/{dmarc['spf_alignment']}"
    )


def mailauth_expected(result: Mapping[str, object] | None) -> str:
    """Write the same of mailauth's result; `false` is that DMARC does not apply."""
    if not result:
        return "none"
    word = str(cast("Mapping[str, object]", result["status"])["result"])
    if word not in {"pass", "fail"}:
        return word
    kinds = cast("Mapping[str, Mapping[str, object]]", result["alignment"])
    shown = [
        f"{kind}={'result' in kinds[kind]}/{'strict' if kinds[kind]['strict'] else 'relaxed'}"
        for kind in ("dkim", "spf")
    ]
    policies = f"p={result['p']} sp={result['sp']} effective={result['policy']}"
    return " ".join([word, policies, *shown])


def mailauth_domains(listed: object) -> tuple[str, ...]:
    """Return the domains of mailauth's lists; what l= leaves uncovered changes no alignment."""
    entries = cast("list[str | Mapping[str, str]]", listed)
    return tuple(each if isinstance(each, str) else each["domain"] for each in entries)


def mailauth_case(name: str, test: Mapping[str, object]) -> Case:
    """Turn one recorded `verifyDmarc` call into a case."""
    given = cast("Mapping[str, object]", test["input"])
    written = given["headerFrom"]
    authors = [str(each) for each in written] if isinstance(written, list) else [str(written)]
    (spf, *others) = (*mailauth_domains(given["spfDomains"]), None)
    assert others in ([], [None]), "a message has one MAIL FROM"
    scenario = Scenario(
        rules="rfc9989",
        authors=tuple(each if "@" in each else f"author@{each}" for each in authors),
        zone=mailauth_zone(cast("list[dict[str, object]]", test["dns"])),
        spf=spf,
        dkim=mailauth_domains(given["dkimDomains"]),
    )
    expected = mailauth_expected(cast("Mapping[str, object] | None", test["result"] or None))
    return case(name, expected, lambda: alignment_shown(scenario.verdict()["dmarc"]))


def record_expected(domain: str, test: Mapping[str, object]) -> str:
    """Write mailauth's record: p, sp, the alignments and where it was found.

    pct= and ri= are left out: RFC 9989 §4.7 knows neither, "unknown tags MUST be ignored".
    """
    if test.get("error"):
        return "temperror"
    if not test["result"]:
        return "none"
    record = cast("Mapping[str, object]", test["result"])
    modes = {"s": "strict", "r": "relaxed"}
    place = "organizational" if record["isOrgRecord"] else domain
    adkim, aspf = (modes[str(record.get(tag, "r"))] for tag in ("adkim", "aspf"))
    return f"p={record['p']} sp={record.get('sp')} adkim={adkim} aspf={aspf} at {place}"


def record_case(name: str, test: Mapping[str, object]) -> Case:
    """Turn one recorded `getDmarcRecord` call into a case."""
    domain = cast("Mapping[str, str]", test["input"])["domain"]
    zone = mailauth_zone(cast("list[dict[str, object]]", test["dns"]))

    def run() -> str:
        found = verifier(zone, Policy(rules="rfc9989")).discover_policy(domain).to_dict()
        if found["result"] != "found":
            return str(found["result"])
        place = domain if found["policy_domain"] == domain else "organizational"
        return (
            f"p={found['policy']} sp={found['subdomain_policy']}"
            f" adkim={found['dkim_alignment']} aspf={found['spf_alignment']} at {place}"
        )

    return case(name, record_expected(domain, test), run)


def mailauth(folder: Path) -> list[Case]:
    """Read the calls that mailauth's own tests made."""
    cases = []
    for file, make in (("verify.json", mailauth_case), ("get_record.json", record_case)):
        recorded = cast("Mapping[str, object]", read_json(folder / file))
        tests = cast("list[Mapping[str, object]]", recorded["cases"])
        names = numbered(str(test["test"]) for test in tests)
        cases += [make(name, test) for name, test in zip(names, tests, strict=True)]
    return cases


def authheaders(folder: Path) -> list[Case]:
    """Read authheaders' mails."""
    key = (folder / "test.txt").read_text(encoding="ascii").strip()
    zone: Zone = {"test._domainkey.example.com": {"TXT": [key]}}
    for name, record in AUTHHEADERS_ZONE.items():
        zone = with_records(zone, name, "TXT", record)
    zone = with_records(zone, "sub2.example.biz", "A", "192.0.2.2")

    # authheaders takes no envelope; here the MAIL FROM of a domain without SPF says the same.
    envelope = Envelope(client_ip=CLIENT, helo=STRANGER, mail_from=f"sender@{STRANGER}")

    def run(path: Path) -> str:
        engine = verifier(zone, Policy(rules="rfc9989"))
        row = verdict(engine, path.read_bytes(), envelope=envelope, now=CLOCK)
        dmarc = row["dmarc"]
        shown = f"dkim={outcomes(row)} dmarc={dmarc['result']}"
        policy = dmarc["effective_policy"]
        return f"{shown} policy={policy}" if policy else shown

    return [
        case(name, accepted, partial(run, folder / name)) for name, accepted in AUTHHEADERS.items()
    ]


def opendmarc(folder: Path) -> list[Case]:
    """Read OpenDMARC's record parser table.

    Its parser reports the first bad value of any tag; a verifier of RFC 7489 §6.3 discards a syntax
    error "in favor of default values (if any)" and goes on. What both can be asked is whether a
    record is taken as written (`accepted`) or a value in it does not take effect (`refused`): the
    record is not applied, or the tag stands at its default.
    """
    vectors = cast("Mapping[str, object]", read_json(folder / "vectors.json"))
    rows = cast("list[Mapping[str, str]]", vectors["record_parse"])

    def run(record: str) -> str:
        zone: Zone = {"_dmarc.example.com": {"TXT": [record]}}
        engine = verifier(zone, Policy(rules="rfc7489"))
        found = cast("Mapping[str, object]", engine.discover_policy("example.com").to_dict())
        if found["result"] != "found":
            return "refused"
        written = {"adkim": "dkim_alignment", "aspf": "spf_alignment", "pct": "pct"}
        for tag, name in written.items():
            if f"{tag}=" in record:
                return "refused" if found[name] == DEFAULTS[name] else "accepted"
        # No result shows the report format or interval: their bad values have no effect at all.
        unshown = any(value in record for value in ("rf=bob", "rf=0", "ri=bob"))
        return "refused" if unshown else "accepted"

    return [
        case(
            row["record"] or "(empty)",
            "accepted" if row["outcome"] == "DMARC_PARSE_OKAY" else "refused",
            partial(run, row["record"]),
        )
        for row in rows
    ]


SUITES = (
    Suite(name="dmarc-kumomta", law="RFC 7489", folder="dmarc-kumomta", cases=14, load=kumomta),
    Suite(name="dmarc-mailauth", law="RFC 9989", folder="dmarc-mailauth", cases=79, load=mailauth),
    Suite(
        name="dmarc-authheaders",
        law="RFC 9989",
        folder="dmarc-authheaders",
        cases=12,
        load=authheaders,
    ),
    Suite(
        name="dmarc-opendmarc",
        law="RFC 7489",
        folder="dmarc-opendmarc",
        cases=19,
        load=opendmarc,
        note="a parser's table; asked is that a bad value takes no effect, not that the record is"
        " refused for it",
    ),
)

"""RFC 9989's tree walk: mail-auth's vectors and the worked examples of Appendix B.

Appendix B is prose, so its examples are written out here: B.1's six identifiers and B.4's three
walks, the latter with every fact that the text states of them.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, cast

from mailauth_fast import Policy

from .case import Case, Suite, case, read_json
from .dmarc_scenario import Scenario
from .engine import verifier

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from .engine import DmarcDict, Zone

RULES: Final = "rfc9989"


def published(**records: str) -> Zone:
    """Return a zone of DMARC records; underscores in a keyword stand for dots."""
    return {f"_dmarc.{name.replace('_', '.')}": {"TXT": [text]} for name, text in records.items()}


def facts_shown(dmarc: DmarcDict, names: list[str]) -> str:
    """Write those facts of a verdict that a vector states."""
    facts = {
        "result": dmarc["result"],
        "policy": dmarc["effective_policy"],
        "dkim": "pass" if dmarc["dkim_aligned"] else "fail",
        "spf": "pass" if dmarc["spf_aligned"] else "fail",
    }
    return " ".join(f"{name}={facts[name]}" for name in names)


def asked(scenario: Scenario, names: list[str]) -> str:
    """Judge a scenario and write those facts."""
    return facts_shown(scenario.verdict()["dmarc"], names)


def facts_expected(expect: Mapping[str, str]) -> str:
    """Write what a vector states; "none" and "fail (not aligned)" are both no aligned pass."""
    aligned = {"dkim", "spf"}
    words = {
        name: ("pass" if value == "pass" else "fail") if name in aligned else value
        for name, value in expect.items()
    }
    return " ".join(f"{name}={value}" for name, value in words.items())


def stalwart_case(test: Mapping[str, object]) -> Case:
    """Turn one of mail-auth's vectors into a case."""
    expect = cast("Mapping[str, str]", test["expect"])
    spf = cast("list[str]", test["spf_pass_domains"])
    assert len(spf) <= 1, "a message has one MAIL FROM"
    scenario = Scenario(
        rules=RULES,
        authors=(str(test["header_from"]),),
        zone=cast("Zone", test["zone"]),
        spf=spf[0] if spf else None,
        dkim=tuple(cast("list[str]", test["dkim_pass_domains"])),
    )
    name = f"{test['section']}: {test['note']}"
    return case(name, facts_expected(expect), partial(asked, scenario, list(expect)))


def identifier_cases() -> list[Case]:
    """Write out Appendix B.1: which identifier is aligned, and in which mode."""
    # title, record's tags, author, identifier, aligned
    examples = (
        ("Example 1: Strict", "aspf=s; adkim=s", "example.com", "example.com", "pass"),
        ("Example 3: None", "aspf=r; adkim=r", "child.example.com", "example.net", "fail"),
    )
    relaxed = {
        "SPF": ("example.com", "child.example.com"),
        "DKIM": ("child.example.com", "example.com"),
    }
    cases = []
    for section, kind in (("B.1.1", "SPF"), ("B.1.2", "DKIM")):
        second = ("Example 2: Relaxed", "aspf=r; adkim=r", *relaxed[kind], "pass")
        for title, tags, author, identifier, aligned in (*examples, second):
            scenario = Scenario(
                rules=RULES,
                authors=(f"sender@{author}",),
                zone=published(example_com=f"v=DMARC1; p=none; {tags}"),
                spf=identifier if kind == "SPF" else None,
                dkim=(identifier,) if kind == "DKIM" else (),
            )
            word = kind.lower()
            cases.append(
                case(
                    f"{section} {title} ({kind})",
                    f"{word}={aligned}",
                    partial(asked, scenario, [word]),
                )
            )
    return cases


def walk_run(zone: Zone, author: str, spf: str, dkim: str, *, walked: bool) -> Callable[[], str]:
    """Return what asks everything that B.4 states: domains, alignment, and the walk's questions."""

    def run() -> str:
        engine = verifier(zone, Policy(rules=RULES))
        found = cast("Mapping[str, object]", engine.discover_policy(author).to_dict())
        domains = [engine.organizational_domain(name) for name in (author, spf, dkim)]
        scenario = Scenario(rules=RULES, authors=(f"a@{author}",), zone=zone, spf=spf, dkim=(dkim,))
        shown = [
            f"organizational={','.join(map(str, domains))}",
            f"policy_domain={found['policy_domain']}",
            asked(scenario, ["spf", "dkim", "result"]),
        ]
        if walked:
            shown.append(f"questions={','.join(cast('list[str]', found['questions']))}")
        return " ".join(shown)

    return run


def walk_cases() -> list[Case]:
    """Write out Appendix B.4."""
    record = "v=DMARC1; p=reject"
    com = published(example_com=record, signing_example_com=record)
    bank = published(bank_example=f"{record}; psd=y", giant_bank_example=record)
    deep = "a.b.c.d.e.f.g.h.i.j.k.example.com"
    giant = "giant.bank.example"
    labels = deep.split(".")
    walk = [f"_dmarc.{deep}", *("_dmarc." + ".".join(labels[at:]) for at in range(6, 13))]
    both = "spf=pass dkim=pass result=pass"
    org = "organizational=example.com,example.com,example.com policy_domain=example.com"
    return [
        case(
            "B.4.1 Simple",
            f"{org} {both}",
            walk_run(com, "example.com", "example.com", "signing.example.com", walked=False),
        ),
        case(
            "B.4.2 Deep",
            f"{org} {both} questions={','.join(walk)}",
            walk_run(com, deep, "example.com", "signing.example.com", walked=True),
        ),
        case(
            "B.4.3 PSD",
            f"organizational={giant},{giant},mega.bank.example policy_domain={giant}"
            " spf=pass dkim=fail result=pass",
            walk_run(bank, giant, f"mail.{giant}", "mail.mega.bank.example", walked=False),
        ),
    ]


def treewalk(folder: Path) -> list[Case]:
    """Read mail-auth's vectors and write out the examples."""
    vectors = cast("Mapping[str, object]", read_json(folder / "stalwart.json"))
    tests = cast("list[Mapping[str, object]]", vectors["cases"])
    return [*map(stalwart_case, tests), *identifier_cases(), *walk_cases()]


TREEWALK = "dmarc-rfc9989-treewalk"
SUITES = (Suite(name=TREEWALK, law="RFC 9989", folder=TREEWALK, cases=21, load=treewalk),)

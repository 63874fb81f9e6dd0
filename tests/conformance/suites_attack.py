"""Attack mails and broken messages: no forged pass, one reading of From, no crash.

These suites state no verdicts. espoofer's mails must never earn a DMARC pass for the domain they
impersonate, never be read two ways and never write into Authentication-Results; the others must
give a row whose every word is one of the contract, whatever they are.
"""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, cast

from mailauth_fast import (
    Envelope,
    Policy,
    author_domain,
    parse_authentication_results,
)

from .case import Case, Suite, case, read_json
from .engine import Batch, verdict, verifier, words

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .engine import VerdictDict, Zone

CLOCK = 1_764_000_000
ATTACKER = "192.0.2.66"
VICTIM = "legitimate.com"
RECEIVER = "mx.receiver.test"
NOT_MAIL = {"NOTICE.md", "COPYING"}
SPF = {"none", "neutral", "pass", "fail", "softfail", "temperror", "permerror", "not-evaluated"}
DKIM = {"pass", "fail", "temperror", "permerror", "policy", "unverifiable"}
ARC = {"none", "pass", "fail", "temperror", "unverifiable"}
DMARC = {"none", "pass", "fail", "temperror", "permerror", "unverifiable"}
ACTIONS = {"none", "quarantine", "reject", "accept", "defer"}


def has_contract_words(row: VerdictDict) -> bool:
    """Tell whether every result is a word of the contract."""
    return (
        row["error"] is None
        and row["spf"]["result"] in SPF
        and all(each["result"] in DKIM for each in row["dkim"])
        and row["arc"]["result"] in ARC
        and row["dmarc"]["result"] in DMARC
        and row["disposition"]["action"] in ACTIONS
    )


def names_victim(result: Mapping[str, object]) -> bool:
    """Tell whether a passing result of our Authentication-Results speaks of the victim."""
    properties = cast("list[Mapping[str, str]]", result["properties"])
    return result["result"] == "pass" and any(VICTIM in each["value"] for each in properties)


def injected(row: VerdictDict) -> list[str]:
    """Return what a reader of our Authentication-Results would be told that no check found."""
    parsed = parse_authentication_results(row["authentication_results"] or "").to_dict()
    results = cast("list[Mapping[str, object]]", parsed["results"])
    told = [f"{each['method']}={each['result']}" for each in results]
    # Only the attacker's own domain passes SPF and DKIM, and nothing passes DMARC for the victim.
    found = {f"spf={row[check]['result']}" for check in ("spf", "spf_helo")}
    found |= {f"dkim={each['result']}" for each in row["dkim"]}
    forged = [each for each in told if each.endswith("=pass") and each not in found]
    forged += [f"{each['method']}=pass for the victim" for each in results if names_victim(each)]
    if parsed["error"] is not None or parsed["authserv_id"] != RECEIVER or not told:
        forged.append(f"unreadable: {row['authentication_results']}")
    return forged


def espoofer_shown(row: VerdictDict, raw: bytes) -> str:
    """Return `safe`, or every way in which an attack got through."""
    troubles = [] if has_contract_words(row) else ["a word outside the contract"]
    if row["dmarc"]["result"] == "pass":
        troubles.append(f"dmarc=pass for {row['author']['domain']}")
    if row["spf"]["result"] == "pass" and row["spf"]["domain"] == VICTIM:
        troubles.append("spf=pass for the victim")
    if author_domain(raw).to_dict()["domain"] != row["author"]["domain"]:
        troubles.append("two readings of From")
    return ", ".join([*troubles, *injected(row)]) or "safe"


def espoofer(folder: Path) -> list[Case]:
    """Read espoofer's attacks with their envelopes; the attacker sends from his own address."""
    zone = cast("Zone", read_json(folder / "dns.json"))

    def run(attack: Mapping[str, str]) -> str:
        raw = (folder / attack["file"]).read_bytes()
        envelope = Envelope(
            client_ip=ATTACKER,
            helo=attack["helo"],
            mail_from=attack["mail_from"].removeprefix("<").removesuffix(">"),
        )
        engine = verifier(zone, Policy(receiver=RECEIVER))
        return espoofer_shown(verdict(engine, raw, envelope=envelope, now=CLOCK), raw)

    attacks = cast("list[Mapping[str, str]]", read_json(folder / "cases.json"))
    return [case(attack["id"], "safe", partial(run, attack)) for attack in attacks]


def row_shown(row: VerdictDict, raw: bytes) -> str:
    """Return `row` where a message gave one like any other."""
    if not has_contract_words(row):
        return f"a word outside the contract: {words(row)}"
    same = author_domain(raw).to_dict()["domain"] == row["author"]["domain"]
    return "row" if same else "two readings of From"


def rspamd(folder: Path) -> list[Case]:
    """Read rspamd's test mails; they go through `verify_batch` together."""
    paths = sorted(
        path for path in folder.rglob("*") if path.is_file() and path.name not in NOT_MAIL
    )
    raws = [path.read_bytes() for path in paths]
    batch = Batch({}, raws, now=CLOCK)

    def run(index: int) -> str:
        return row_shown(batch.row(index), raws[index])

    return [
        case(str(path.relative_to(folder)), "row", partial(run, index))
        for index, path in enumerate(paths)
    ]


def mail_parser(folder: Path) -> list[Case]:
    """Read mail-parser's mails, each with LF and with CRLF: the verdict is the same."""
    engine = cache(lambda: verifier({}))

    def run(path: Path) -> str:
        raw = path.read_bytes().replace(b"\r\n", b"\n")
        row = verdict(engine(), raw, now=CLOCK)
        other = verdict(engine(), raw.replace(b"\n", b"\r\n"), now=CLOCK)
        return row_shown(row, raw) if words(row) == words(other) else "LF and CRLF differ"

    paths = sorted(folder.glob("*/*.eml"))
    return [case(str(path.relative_to(folder)), "row", partial(run, path)) for path in paths]


ESPOOFER, RSPAMD, MAIL_PARSER = "attack-espoofer", "hostile-rspamd-messages", "hostile-mail-parser"
SUITES = (
    Suite(name=ESPOOFER, law="no forged pass", folder=ESPOOFER, cases=7, load=espoofer),
    Suite(name=MAIL_PARSER, law="no crash", folder=MAIL_PARSER, cases=30, load=mail_parser),
    Suite(name=RSPAMD, law="no crash", folder=RSPAMD, cases=171, load=rspamd),
)

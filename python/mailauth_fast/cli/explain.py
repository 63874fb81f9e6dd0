"""`explain`: one message for a person, as text in 80 columns or as JSON."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from mailauth_fast.cli import settings
from mailauth_fast.cli.app import is_dash
from mailauth_fast.cli.checks import FormatOption, message_octets, print_json
from mailauth_fast.cli.exits import CommandError, Exit
from mailauth_fast.cli.options import (
    Dns,
    Historic,
    Now,
    RulesOption,
    Trust,
    chosen_resolver,
    chosen_time,
)
from mailauth_fast.cli.page import Page
from mailauth_fast.envelope import Envelope
from mailauth_fast.explanation import moment
from mailauth_fast.verify import Verifier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mailauth_fast.explanation import (
        Check,
        Explanation,
        Note,
        OtherRules,
        SignedOctets,
        UsedAnswer,
    )
    from mailauth_fast.verdict import Verdict

NAMES = {
    "arc": "ARC",
    "author": "Author",
    "disposition": "Action",
    "dkim": "DKIM",
    "dmarc": "DMARC",
    "error": "Error",
    "spf": "SPF",
    "spf_helo": "SPF (HELO)",
}
STYLES = {
    "pass": "green",
    "fail": "red",
    "reject": "red",
    "permerror": "red",
    "policy": "yellow",
    "softfail": "yellow",
    "quarantine": "yellow",
    "temperror": "yellow",
    "defer": "yellow",
    "unverifiable": "yellow",
}
ENVELOPE = {
    "client_ip": "client",
    "helo": "HELO",
    "mail_from": "MAIL FROM",
    "rcpt_to": "RCPT TO",
    "received_at": "received",
}
SOURCES = {
    "explicit": "as given",
    "missing": "not known",
    "received": "from Received",
    "received-spf": "from Received-SPF",
    "recorded": "as recorded",
    "return-path": "from Return-Path",
    "spool": "from the spool",
}
RECORD_LIMIT = 600
"""Characters of one DNS record that are shown; JSON has all."""
LINE_LIMIT = 100
"""Canonical lines that are shown of a header or a body; JSON has all octets."""
DAY = 86_400


def explain(
    message: Annotated[
        str, Parameter(help="a file, - for standard input, or an id as inbox.mbox:104857")
    ],
    *,
    dns: Dns = "live",
    now: Now = "received",
    rules: RulesOption = "auto",
    historic: Historic = False,
    trust: Trust = (),
    ip: Annotated[str | None, Parameter(help="the client's address")] = None,
    helo: Annotated[str | None, Parameter(help="the name of HELO or EHLO")] = None,
    mail_from: Annotated[
        str | None, Parameter(help="the reverse-path; empty is the null sender")
    ] = None,
    octets: Annotated[
        bool, Parameter(negative="", help="show the canonical octets that were signed")
    ] = False,
    form: FormatOption = "text",
) -> int:
    """Explain one message: who answers for it, every check and DNS answer, and what to change."""
    verifier = Verifier(
        resolver=chosen_resolver(dns).resolver,
        policy=settings.policy(rules=rules, historic=historic, trust=trust or None),
        workers=1,
    )
    envelope = None
    if (ip, helo, mail_from) != (None, None, None):
        envelope = Envelope(client_ip=ip, helo=helo, mail_from=mail_from)
    moment = chosen_time(now)
    shown: Literal["none", "body"] = "body" if octets else "none"
    stored = _stored(message)
    if stored is None:
        found = verifier.explain(message_octets(message), envelope, moment, shown)
    else:
        kept = verifier.explain_stored(*stored, envelope, moment, shown)
        if kept is None:
            sentence = f"{message}: no message begins there; give an id that verify prints"
            raise CommandError(sentence, Exit.FATAL)
        found = kept
    if found.verdict.error is not None:
        sentence = f"{message}: no verdict ({found.verdict.error}); {found.checks[0].advice}"
        raise CommandError(sentence, Exit.FATAL)
    if form == "json":
        print_json(found.to_dict())
    else:
        page(found).print(sys.stdout)
    return Exit.FINISHED


def _stored(message: str) -> tuple[Path, str] | None:
    """Read `inbox.mbox:104857` as a file and the id of a message in it, when that file exists."""
    if is_dash(message) or Path(message).exists():
        return None
    for place in reversed(range(len(message))):
        if message[place] in ":#/":
            path = Path(message[:place])
            if path.is_file():
                return path, f"{path.name}{message[place:]}"
    return None


def page(found: Explanation) -> Page:
    """Lay an explanation out for people."""
    page = Page()
    page.text(found.headline, style="bold green" if found.is_proven else "bold")
    _title(page, "MESSAGE")
    _message(page, found.verdict)
    _title(page, "ENVELOPE")
    _envelope(page, found.verdict)
    _title(page, "CHECKS")
    for number, check in enumerate(found.checks):
        if number:
            page.blank()
        _check(page, check)
    _title(page, f"DNS ANSWERS ({len(found.answers)} used)")
    for answer in found.answers:
        _answer(page, answer, found.verdict.judged_at)
    _title(page, "OTHER RULES, SAME ANSWERS")
    for other in found.other_rules:
        _other_rules(page, other)
    for title, notes in (("LIMITS", found.limits), ("REPAIRS", found.repairs)):
        _notes(page, title, notes)
    for signed in found.octets:
        _octets(page, signed, found.verdict)
    return page


def _title(page: Page, title: str) -> None:
    page.blank()
    page.text(title, style="bold")


def _message(page: Page, verdict: Verdict) -> None:
    author = verdict.author
    if author is not None:
        page.fact("From", author.domain or "no single domain")
        if author.organizational_domain not in (None, author.domain):
            page.fact("organization", author.organizational_domain or "")
        if author.display_name:
            page.fact("shown name", author.display_name)
        if author.flags:
            page.fact("From is odd", ", ".join(author.flags))
    if verdict.message_id is not None:
        page.fact("Message-ID", verdict.message_id)
    if verdict.date is not None:
        page.fact("Date", moment(verdict.date))
    page.fact("size", f"{verdict.size:,} octets")
    judged = "time unknown; t= and x= are not judged"
    page.fact("judged as of", judged if verdict.judged_at is None else moment(verdict.judged_at))


def _envelope(page: Page, verdict: Verdict) -> None:
    envelope, sources = verdict.envelope, verdict.envelope.sources
    values = {
        "client_ip": envelope.client_ip,
        "helo": envelope.helo,
        "mail_from": "<>" if envelope.mail_from == "" else envelope.mail_from,
        "rcpt_to": ", ".join(envelope.rcpt_to) or None,
        "received_at": moment(verdict.received_at) if verdict.received_at is not None else None,
    }
    for name, value in values.items():
        if value is not None:
            page.fact(ENVELOPE[name], f"{value or '(empty)'}  [{SOURCES[getattr(sources, name)]}]")
    missing = [ENVELOPE[name] for name, value in values.items() if value is None]
    if missing:
        page.fact("not known", ", ".join(missing))


def _check(page: Page, check: Check) -> None:
    number = f" {check.number}" if check.number is not None else ""
    subject = f" ({check.subject})" if check.subject else ""
    style = STYLES.get(check.result, "")
    page.text(f"{NAMES[check.check]}{number}: {check.result}{subject}", indent=2, style=style)
    where = "rule of mailauth-fast" if check.section == "api" else check.section
    page.text(check.sentence, indent=4)
    page.fact("rule", f"{where} ({check.reason})", indent=4)
    for name, value in check.details:
        page.fact(name, value, indent=4)
    if check.advice is not None:
        page.fact("to change", check.advice, indent=4, style="cyan")


def _answer(page: Page, answer: UsedAnswer, judged_at: int | None) -> None:
    page.text(f"{answer.name} {answer.type}: {answer.outcome} ({answer.purpose})", indent=2)
    for record in answer.data:
        page.literal(_cut(record), lead="    ", further="    ")
    page.text(_origin(answer, judged_at), indent=4)


def _cut(record: str) -> str:
    rest = len(record) - RECORD_LIMIT
    return record if rest <= 0 else f"{record[:RECORD_LIMIT]} ... {rest:,} characters more"


def _origin(answer: UsedAnswer, judged_at: int | None) -> str:
    """Say where an answer comes from and how old it is."""
    words = [f"from {answer.source or 'an unnamed source'}"]
    if answer.last_seen is not None:
        first = answer.first_seen if answer.first_seen is not None else answer.last_seen
        words.append(f"seen {moment(first)} to {moment(answer.last_seen)}")
        words.append(_distance(first, answer.last_seen, judged_at))
    elif answer.ttl is not None:
        words.append(f"asked in this run, may be kept {answer.ttl:,} s")
    else:
        words.append("age not known")
    if answer.ad is not None:
        words.append("validated by DNSSEC" if answer.ad else "not validated by DNSSEC")
    return ", ".join(word for word in words if word)


def _distance(first: int, last: int, judged_at: int | None) -> str:
    """Say how far from the time of the message an answer was seen."""
    if judged_at is None:
        return ""
    if first <= judged_at <= last:
        return "at the time of the message"
    days = (judged_at - last if judged_at > last else first - judged_at) // DAY
    side = "before" if judged_at > last else "after"
    return f"{days:,} days {side} the time of the message"


def _other_rules(page: Page, other: OtherRules) -> None:
    if not other.differences:
        page.text(f"{other.sentence}: the same.", indent=2)
        return
    page.text(f"{other.sentence}:", indent=2)
    for each in other.differences:
        page.text(f"{each.field}: {each.there}, here {each.here}", indent=4)


def _notes(page: Page, title: str, notes: Sequence[Note]) -> None:
    if not notes:
        return
    _title(page, title)
    for note in notes:
        sentence = f"{note.word}: {note.sentence}" if note.sentence is not None else note.word
        page.text(sentence, indent=2)


def _octets(page: Page, signed: SignedOctets, verdict: Verdict) -> None:
    signature = verdict.dkim[signed.signature]
    title = f"SIGNED OCTETS OF DKIM {signed.signature + 1} ({signature.canonicalization})"
    _title(page, title)
    for name, octets in (("header", signed.header), ("body", signed.body)):
        if octets is None:
            continue
        page.text(f"{name}, {len(octets):,} octets; | begins a line, + goes on", indent=2)
        lines = octets.removesuffix(b"\r\n").split(b"\r\n") if octets else []
        for line in lines[:LINE_LIMIT]:
            page.literal(line.decode("utf-8", "backslashreplace"), lead="  |", further="  +")
        if len(lines) > LINE_LIMIT:
            page.text(f"{len(lines) - LINE_LIMIT:,} lines more: see --format json", indent=2)

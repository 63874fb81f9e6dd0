"""One message explained: facts to sections as data, each with its reason, section and advice.

Knows the verdict, the answers behind it and what other rules say; prints nothing. The same data
is `explain --format json` and what the text for people is made of.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from mailauth_fast import _core
from mailauth_fast.advice import (
    FLAGS,
    LIMITS,
    REPAIRS,
    advice_for,
    meaning,
)
from mailauth_fast.headline import headline
from mailauth_fast.store_rows import day
from mailauth_fast.verdict import Record, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mailauth_fast.policy import Policy
    from mailauth_fast.verdict import Arc, DkimSignature, Dmarc, Spf, SpfHelo

DAY_SECONDS = 86_400
STRICT_RSA_BITS = 2048
"""RFC 8301 §3.2: what signers should use."""


FINDINGS = {
    ("fail", "pass"): "the signed header is intact, only the body was changed",
    ("pass", "fail"): "the body is intact, a signed header field or the key is another",
    ("fail", "fail"): "header and body both differ, or the key is another",
}
"""What body hash and signature together say of a failure (RFC 6376 §6.1.3)."""


class Check(Record, frozen=True):
    """One check: its word, why, and what to change.

    Args:
        check: `author`, `spf`, `spf_helo`, `dkim`, `arc`, `dmarc` or `disposition`.
        number: place of a signature from the top, from 1.
        subject: the domain that was checked.
        sentence, section: what the reason means and where it is written.
        details: name and value of what else is known.
        advice: who has to do what; `None` where nothing is to be done.
    """

    check: str
    number: int | None
    result: str
    subject: str | None
    reason: str
    section: str
    sentence: str
    details: list[tuple[str, str]]
    advice: str | None


class UsedAnswer(Record, frozen=True):
    """One DNS answer that the verdict rests on; times are Unix seconds."""

    name: str
    type: str
    outcome: str
    data: list[str]
    ttl: int | None
    ad: bool | None
    source: str
    first_seen: int | None
    last_seen: int | None

    @property
    def purpose(self) -> str:
        """Return what the answer is for."""
        if "._domainkey." in self.name:
            return "DKIM key"
        return "DMARC policy" if self.name.startswith("_dmarc.") else "SPF"


class Difference(Record, frozen=True):
    """A fact that other rules see in another way."""

    field: str
    here: str
    there: str


class OtherRules(Record, frozen=True):
    """What other rules say of the same message with the same answers."""

    rules: str
    sentence: str
    differences: list[Difference]


class Note(Record, frozen=True):
    """A short word of the verdict and what it means."""

    word: str
    sentence: str | None


class SignedOctets(Record, frozen=True):
    """The canonical octets that a signature signed (RFC 6376 §3.7); base64 in JSON.

    Args:
        signature: place of the signature in `verdict.dkim`, from 0.
    """

    signature: int
    header: bytes
    body: bytes | None


class Explanation(Record, frozen=True):
    """Everything behind one verdict."""

    headline: str
    is_proven: bool
    domain: str | None
    checks: list[Check]
    answers: list[UsedAnswer]
    other_rules: list[OtherRules]
    limits: list[Note]
    repairs: list[Note]
    octets: list[SignedOctets]
    verdict: Verdict


class Evidence(Record, frozen=True):
    """What the engine found."""

    verdict: Verdict
    answers: list[UsedAnswer]
    others: list[Verdict]


def other_policies(policy: Policy) -> list[tuple[str, str, Policy]]:
    """Return the rules that a message is also judged by: name, sentence, policy."""
    strict = replace(
        policy,
        historic=False,
        body_length="whole",
        min_rsa_bits=STRICT_RSA_BITS,
        max_rsa_bits=max(policy.max_rsa_bits, STRICT_RSA_BITS),
        time_skew=0,
    )
    historic = replace(policy, historic=not policy.historic, min_rsa_bits=None)
    past = (
        ("modern", "Without the switch for historic mail", historic)
        if policy.historic
        else ("historic", "With rsa-sha1 and short keys allowed (historic)", historic)
    )
    return [
        ("rfc9989", "By RFC 9989, the DMARC of 2026", replace(policy, rules="rfc9989")),
        ("rfc7489", "By RFC 7489, the obsolete DMARC of 2015", replace(policy, rules="rfc7489")),
        past,
        ("strict", "Strict: whole body signed, RSA from 2048 bits, no time skew", strict),
    ]


def explanation(
    found: tuple[bytes, Sequence[tuple[int, bytes, bytes | None]]],
    others: Sequence[tuple[str, str, Policy]],
) -> Explanation:
    """Build the sections out of what the engine found; `others` are its `other_policies`."""
    evidence = msgspec.json.decode(found[0], type=Evidence)
    octets = [SignedOctets(*signed) for signed in found[1]]
    verdict = evidence.verdict
    first = headline(verdict)
    return Explanation(
        headline=first.sentence,
        is_proven=first.is_proven,
        domain=first.domain,
        checks=checks(verdict),
        answers=evidence.answers,
        other_rules=[
            OtherRules(rules, sentence, differences(verdict, other))
            for (rules, sentence, _), other in zip(others, evidence.others, strict=False)
            if not _is_rule_book_in_force(rules, verdict)
        ],
        limits=[Note(word, meaning(LIMITS, word)) for word in verdict.limits],
        repairs=[Note(word, meaning(REPAIRS, word)) for word in verdict.repairs],
        octets=octets,
        verdict=verdict,
    )


def _is_rule_book_in_force(rules: str, verdict: Verdict) -> bool:
    return verdict.dmarc is not None and verdict.dmarc.rules == rules


def checks(verdict: Verdict) -> list[Check]:
    """Return every check in the order in which people ask for them."""
    found = []
    author = verdict.author
    if verdict.error is not None:
        found.append(_check("error", ("error", verdict.error), None, []))
    if author is not None and author.reason is not None:
        found.append(_check("author", ("none", author.reason), author.domain, []))
    moment = verdict.judged_at
    found.extend(_dkim(index, each, moment) for index, each in enumerate(verdict.dkim, 1))
    if verdict.spf is not None:
        found.append(_spf(verdict.spf))
    if verdict.spf_helo is not None:
        found.append(_spf_helo(verdict.spf_helo))
    if verdict.arc is not None:
        found.append(_arc(verdict.arc))
    if verdict.dmarc is not None:
        found.append(_dmarc(verdict.dmarc, author.domain if author is not None else None))
    if verdict.disposition is not None:
        taken = verdict.disposition
        details = [("override", taken.override), ("SMTP reply", taken.smtp_reply)]
        found.append(_check("disposition", (taken.action, taken.reason), None, details))
    return found


def _check(
    check: str,
    words: tuple[str, str],
    subject: str | None,
    details: Sequence[tuple[str, str | None]],
    *,
    number: int | None = None,
) -> Check:
    """Return one check; `words` are result and reason."""
    result, reason = words
    protocol = "spf" if check == "spf_helo" else check
    section, sentence = _reasons().get((protocol, reason), ("api", f"Reason {reason}."))
    kept = [(name, value) for name, value in details if value]
    advice = advice_for(protocol, reason, result)
    return Check(check, number, result, subject, reason, section, sentence, kept, advice)


@cache
def _reasons() -> dict[tuple[str, str], tuple[str, str]]:
    return {
        (protocol, code): (section, sentence)
        for protocol, code, section, sentence in _core.reasons()
    }


def _dkim(number: int, signature: DkimSignature, judged_at: int | None) -> Check:
    bits = f"{signature.key_bits} bits" if signature.key_bits is not None else None
    method = [signature.algorithm, bits, signature.canonicalization]
    body = None
    if signature.body_octets is not None and signature.body_octets_signed is not None:
        body = f"{signature.body_octets_signed:,} of {signature.body_octets:,} octets signed"
    near = signature.near_miss
    details = [
        ("selector", signature.selector),
        ("identity", signature.auid),
        ("method", ", ".join(word for word in method if word)),
        ("header", _signed_names(signature)),
        ("body", body),
        ("body hash", signature.body_hash),
        ("signature", signature.signature),
        ("so", FINDINGS.get((signature.body_hash, signature.signature))),
        ("signed", _moment(signature.signed_at)),
        ("expires", _moment(signature.expires_at)),
        ("key", "marked as a test (t=y)" if signature.testing else None),
        ("key seen", _key_seen(signature, judged_at)),
        ("near miss", f"{near.cause}, {near.octets_added} octets added" if near else None),
        ("note", "; ".join(FLAGS.get(flag, flag) for flag in signature.flags)),
    ]
    return _check(
        "dkim",
        (signature.result, signature.reason),
        signature.domain,
        details,
        number=number,
    )


def _key_seen(signature: DkimSignature, judged_at: int | None) -> str | None:
    """Return where the key of a DNS store comes from, when it was seen, and how far from now."""
    first, last = signature.key_first_seen, signature.key_last_seen
    if signature.key_source is None:
        return None
    seen = f"{day(first)} to {day(last)}, {signature.key_source}"
    if judged_at is not None and first is not None and judged_at < first:
        return f"{seen}; first {_distance(first - judged_at)} after the message"
    if judged_at is not None and last is not None and judged_at > last:
        return f"{seen}; last {_distance(judged_at - last)} before the message"
    return seen


def _distance(seconds: int) -> str:
    days = round(seconds / DAY_SECONDS)
    return "less than a day" if days < 1 else "1 day" if days == 1 else f"{days:,} days"


def _signed_names(signature: DkimSignature) -> str | None:
    """Return the names in `h=`, each once: how often it is named says nothing to people."""
    names = list(dict.fromkeys(signature.signed_headers))
    return f"signs {', '.join(names)}" if names else None


def _spf(spf: Spf) -> Check:
    lookups = f"{spf.dns_lookups} of 10 lookups, {spf.void_lookups} of 2 void"
    details = [
        ("matched", spf.mechanism),
        ("says", spf.explanation),
        ("DNS", lookups if spf.dns_lookups or spf.void_lookups else None),
    ]
    return _check("spf", (spf.result, spf.reason), spf.domain, details)


def _spf_helo(spf: SpfHelo) -> Check:
    return _check("spf_helo", (spf.result, spf.reason), spf.domain, [])


def _arc(arc: Arc) -> Check:
    sealers = ", ".join(f"{each.instance}: {each.domain or 'unknown'}" for each in arc.sealers)
    oldest = f"set {arc.oldest_pass}" if arc.oldest_pass is not None else None
    details = [
        ("sets", str(arc.instances) if arc.instances else None),
        ("sealers", sealers),
        ("unchanged", f"since {oldest}" if oldest else None),
    ]
    return _check("arc", (arc.result, arc.reason), None, details)


def _dmarc(dmarc: Dmarc, author: str | None) -> Check:
    way = "tree walk" if dmarc.discovery == "treewalk" else "public suffix list"
    aligned = {True: "aligned", False: "not aligned"}
    details = [
        ("policy of", dmarc.policy_domain),
        ("record", dmarc.record),
        ("policy", dmarc.effective_policy),
        ("SPF", aligned[dmarc.spf_aligned] if dmarc.spf_aligned is not None else None),
        ("DKIM", aligned[dmarc.dkim_aligned] if dmarc.dkim_aligned is not None else None),
        ("testing", "the owner tests the policy (t=y)" if dmarc.testing else None),
        ("rules", f"{dmarc.rules.replace('rfc', 'RFC ')}, {way}"),
    ]
    return _check("dmarc", (dmarc.result, dmarc.reason), author, details)


def _moment(seconds: int | None) -> str | None:
    return moment(seconds) if seconds is not None else None


def moment(seconds: int) -> str:
    """Write Unix seconds for people; a time beyond the calendar stays a number."""
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return f"{seconds} (Unix seconds)"


def differences(here: Verdict, there: Verdict) -> list[Difference]:
    """Return what two verdicts on one message say differently."""
    ours, theirs = _facts(here), _facts(there)
    return [
        Difference(field, ours.get(field, "-"), theirs.get(field, "-"))
        for field in dict.fromkeys([*ours, *theirs])
        if ours.get(field) != theirs.get(field)
    ]


def _facts(verdict: Verdict) -> dict[str, str]:
    """Return the facts that rules can change, under the names that people read."""
    facts: dict[str, object] = {}
    for number, each in enumerate(verdict.dkim, 1):
        facts[f"DKIM {number}"] = f"{each.result} ({each.reason})"
    if verdict.arc is not None:
        facts["ARC"] = f"{verdict.arc.result} ({verdict.arc.reason})"
    if verdict.dmarc is not None:
        dmarc = verdict.dmarc
        facts["DMARC"] = f"{dmarc.result} ({dmarc.reason})"
        facts["policy of"] = dmarc.policy_domain
        facts["policy in force"] = dmarc.effective_policy
    if verdict.author is not None:
        facts["organization"] = verdict.author.organizational_domain
    if verdict.disposition is not None:
        facts["action"] = verdict.disposition.action
    return {name: str(value) if value is not None else "none" for name, value in facts.items()}

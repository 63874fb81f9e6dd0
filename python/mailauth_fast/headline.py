"""The one sentence that an explanation begins with: who answers for a message, and is that proven?

Reads a verdict only. A domain answers when DKIM or SPF authenticated it; the author's domain is
proven when such a domain is aligned with it (RFC 9989 §5.3.5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from mailauth_fast.verdict import DkimSignature, Verdict

UNREADABLE = {
    "limit-exceeded": "its header is too large to be read",
    "malformed-from": "its From cannot be read",
    "multiple-author-domains": "its From names several domains",
    "multiple-from-fields": "it has several From fields",
    "no-author-domain": "no domain stands in From",
}
"""Why a message has no author domain, by reason."""

UNKNOWN = {
    "ip-untrusted": "the client's address is not trusted, so SPF cannot tell",
    "key-unavailable": "its key is lost",
    "no-envelope": "without an envelope SPF cannot tell",
    "submission": "an own user sent it, whom SPF does not judge",
}
"""Why DMARC could not be decided, by reason."""


WITHOUT_PASS = {
    "none": ", without a DMARC policy",
    "temperror": "; its DMARC policy is not known, DNS fails",
    "unverifiable": "; DMARC cannot be told",
}
"""What is said where the author's domain is authenticated and DMARC does not pass."""


class Headline(msgspec.Struct, frozen=True):
    """Who answers for a message.

    Args:
        sentence: for people; holds names out of the message.
        domain: the domain that answers; `None` when nobody does.
        is_proven: the author's domain itself answers.
    """

    sentence: str
    domain: str | None
    is_proven: bool


def headline(verdict: Verdict) -> Headline:
    """Say in one sentence which domain answers for the message, and whether that is proven."""
    if verdict.error is not None or verdict.author is None or verdict.dmarc is None:
        return Headline(
            "Nothing can be said of this message: it has no verdict.", None, is_proven=False
        )
    author = verdict.author.domain
    if author is not None:
        means = _aligned_means(verdict, author)
        if verdict.dmarc.result == "pass":
            proof = _joined([*means, "DMARC"])
            return Headline(
                f"{author} answers for this message: proven by {proof}.", author, is_proven=True
            )
        if means:
            proof, rest = _joined(means), WITHOUT_PASS.get(verdict.dmarc.result, "")
            sentence = f"{author} answers for this message: proven by {proof}{rest}."
            return Headline(sentence, author, is_proven=True)
    return _unproven(verdict, author)


def _unproven(verdict: Verdict, author: str | None) -> Headline:
    other, means = _other(verdict)
    dmarc = verdict.dmarc
    if author is None or dmarc is None:
        reason = verdict.author.reason if verdict.author is not None else None
        why = UNREADABLE.get(reason or "", "it has no author domain")
    elif dmarc.result == "temperror":
        why = f"From says {author}, and DNS cannot tell now"
    elif dmarc.result == "unverifiable":
        why = f"From says {author}, and {UNKNOWN.get(dmarc.reason, 'the evidence is lost')}"
    else:
        why = f"From says {author}"
    if other is not None:
        sentence = f"{other} answers for this message by {means}; its author is not proven: {why}."
        return Headline(sentence, other, is_proven=False)
    if author is not None and dmarc is not None and dmarc.result in {"temperror", "unverifiable"}:
        sentence = f"It is not proven who answers for this message: {why}."
    elif author is not None:
        sentence = f"Nobody answers for this message: {why}, but nothing proves it."
    else:
        sentence = f"Nobody answers for this message: {why}, and nothing is proven."
    return Headline(sentence, None, is_proven=False)


def _aligned_means(verdict: Verdict, author: str) -> list[str]:
    """Return what authenticated a domain that is aligned, as far as the verdict tells."""
    dmarc, spf = verdict.dmarc, verdict.spf
    if dmarc is None:
        return []
    signed = [
        each for each in passing(verdict) if _is_aligned(verdict, each.domain, author, "dkim")
    ]
    is_sender = spf is not None and _is_aligned(verdict, spf.domain, author, "spf")
    by_dkim, by_spf = dmarc.dkim_aligned, dmarc.spf_aligned
    if dmarc.result != "pass":
        by_dkim = bool(signed)
        by_spf = is_sender and spf is not None and spf.result == "pass"
    means = []
    if by_dkim:
        means.append(_signature_words(signed[0]) if signed else "DKIM")
    if by_spf:
        means.append(f"SPF ({spf.domain})" if spf is not None and is_sender else "SPF")
    return means


def passing(verdict: Verdict) -> list[DkimSignature]:
    """Return the signatures that pass, from the top."""
    return [each for each in verdict.dkim if each.result == "pass" and each.domain is not None]


def _is_aligned(verdict: Verdict, domain: str | None, author: str, kind: str) -> bool:
    """Tell whether a domain and the author's are of one organization, as far as names tell it."""
    if domain is None or verdict.author is None or verdict.dmarc is None:
        return False
    dmarc = verdict.dmarc
    mode = dmarc.dkim_alignment if kind == "dkim" else dmarc.spf_alignment
    # Without a record that was found nobody knows whether strict alignment is asked for.
    is_exact = mode == "strict" or verdict.dmarc.result not in {"pass", "none"}
    if domain == author or is_exact:
        return domain == author
    # RFC 9989 §3.2.10.1: relaxed alignment asks for one Organizational Domain.
    organization = verdict.author.organizational_domain or author
    return domain == organization or domain.endswith(f".{organization}")


def _other(verdict: Verdict) -> tuple[str | None, str]:
    """Return the first domain that anything authenticated, and how."""
    signed = passing(verdict)
    if signed:
        return signed[0].domain, "DKIM"
    if verdict.spf is not None and verdict.spf.result == "pass":
        return verdict.spf.domain, "SPF"
    return None, ""


def _signature_words(signature: DkimSignature) -> str:
    notes = [f"d={signature.domain}"]
    if signature.reason == "historic-algorithm":
        notes.append("by historic rules")
    if signature.testing:
        notes.append("a test key")
    return f"DKIM ({', '.join(notes)})"


def _joined(words: list[str]) -> str:
    if len(words) == 1:
        return words[0]
    return f"{', '.join(words[:-1])} and {words[-1]}"
